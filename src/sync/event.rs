//! A flag to wait for.

#![forbid(unsafe_code)]

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::time::Duration;

use super::refuse;
use crate::driver::Deadline;
use crate::task::{self, Forever, Limit, Monitor, Reason, Undone, Until};

/// A flag that tasks wait for: as Python's `asyncio.Event`.
///
/// # Examples
/// ```
/// let ready = corro::sync::Event::new();
/// corro::run(|| {
///     corro::scope(|s| {
///         s.spawn(|| ready.set());
///         ready.wait();
///         assert!(ready.is_set());
///     });
/// });
/// ```
pub struct Event {
    /// Changed under the lock.
    is_set: AtomicBool,
    monitor: Monitor<(), ()>,
}

impl Event {
    /// An event that is not set.
    pub const fn new() -> Event {
        Event { is_set: AtomicBool::new(false), monitor: Monitor::new(()) }
    }

    /// Sets it. All who wait go on, also if it is cleared before they run.
    pub fn set(&self) {
        let mut locked = self.monitor.lock();
        // Release: what was done before is seen by who finds it set.
        self.is_set.store(true, Release);
        locked.choose_all(0, |()| ());
    }

    /// Takes it back.
    pub fn clear(&self) {
        let _locked = self.monitor.lock();
        self.is_set.store(false, Relaxed);
    }

    /// Whether it is set.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.is_set.load(Acquire)
    }

    /// Waits until it is set. A cancellation point.
    ///
    /// # Panics
    /// Where it would have to wait and cannot: in a callback of the event loop, and while the task unwinds.
    pub fn wait(&self) {
        self.wait_within(&mut Forever);
    }

    /// As [`wait`](Self::wait), for this long at most. Whether it was set.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.wait_within(&mut Deadline::after(timeout))
    }

    fn wait_within(&self, limit: &mut impl Limit) -> bool {
        task::begin_operation();
        if self.is_set() {
            return true;
        }
        match self.monitor.perform(&mut Until::new(Reason::Event, |_locked| self.is_set()), limit) {
            Ok(()) => true,
            Err(Undone::Late) => false,
            Err(_unwinding) => refuse("wait"),
        }
    }
}

impl Default for Event {
    fn default() -> Event {
        Event::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("is_set", &self.is_set()).finish_non_exhaustive()
    }
}
