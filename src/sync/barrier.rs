//! A place where a number of tasks meet.

#![forbid(unsafe_code)]

use std::fmt;

use super::refuse;
use crate::task::{self, Forever, Monitor, Reason, Until};

/// Has tasks wait for one another: as `std::sync::Barrier`.
///
/// One that is cancelled while it waits is not there any more; the others wait for another in its place.
///
/// # Examples
/// ```
/// let barrier = corro::sync::Barrier::new(2);
/// corro::run(|| {
///     corro::scope(|s| {
///         let other = s.spawn(|| barrier.wait().is_leader());
///         let leads = barrier.wait().is_leader();
///         assert!(leads != other.join().unwrap());
///     });
/// });
/// ```
pub struct Barrier {
    monitor: Monitor<(), ()>,
    parties: usize,
}

/// What [`Barrier::wait`] returns.
#[derive(Clone, Copy, Debug)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether this was the last to come. There is one in each round.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl Barrier {
    /// A barrier that lets go when `parties` wait. With 0 it never holds anybody up, as with 1.
    pub const fn new(parties: usize) -> Barrier {
        Barrier { monitor: Monitor::new(()), parties }
    }

    /// Waits until as many wait as the barrier was made for. Then it can be used again. A cancellation point.
    ///
    /// # Panics
    /// Where it would have to wait and cannot: in a callback of the event loop, and while the task unwinds.
    pub fn wait(&self) -> BarrierWaitResult {
        task::begin_operation();
        let mut leads = false;
        let mut all_here = Until::<(), _>::new(Reason::Barrier, |locked| {
            leads = locked.len(0) + 1 >= self.parties;
            if leads {
                locked.choose_all(0, |()| ());
            }
            leads
        });
        if self.monitor.perform(&mut all_here, &mut Forever).is_err() {
            refuse("wait");
        }
        BarrierWaitResult(leads)
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").field("parties", &self.parties).finish_non_exhaustive()
    }
}
