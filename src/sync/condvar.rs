//! Condition variables: waiting for what others change under a mutex.

#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

use super::mutex::MutexGuard;
use super::refuse;
use crate::driver::Deadline;
use crate::task::{self, Forever, Limit, Locked, Monitor, Operation, Reason, Undone};

/// A place to wait in for a change of what a [`Mutex`](super::Mutex) guards. As `std::sync::Condvar`.
///
/// A wait gives the lock up and has it again when it returns, and also when a cancellation unwinds from it. A notify
/// that a cancelled waiter was given goes to the next.
///
/// # Examples
/// ```
/// use corro::sync::{Condvar, Mutex};
///
/// let (ready, changed) = (Mutex::new(false), Condvar::new());
/// corro::run(|| {
///     corro::scope(|s| {
///         s.spawn(|| {
///             *ready.lock() = true;
///             changed.notify_one();
///         });
///         let guard = changed.wait_while(ready.lock(), |ready| !*ready);
///         assert!(*guard);
///     });
/// });
/// ```
#[doc(alias = "Condition")]
pub struct Condvar {
    monitor: Monitor<(), ()>,
}

/// Whether a wait ended because its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was over.
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    /// One that nobody waits in.
    pub const fn new() -> Condvar {
        Condvar { monitor: Monitor::new(()) }
    }

    /// Gives the lock up, waits for a notify, and takes the lock again. A cancellation point.
    ///
    /// # Panics
    /// Where it cannot wait: in a callback of the event loop, and while the task unwinds.
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        task::begin_operation();
        self.wait_within(guard, &mut Forever).0
    }

    /// Waits as long as `condition` holds.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    pub fn wait_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        while condition(&mut guard) {
            guard = self.wait(guard);
        }
        guard
    }

    /// As [`wait`](Self::wait), for this long at most.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    pub fn wait_timeout<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        task::begin_operation();
        self.wait_within(guard, &mut Deadline::after(timeout))
    }

    /// Waits as long as `condition` holds, for this long at most. The time is over only if it holds still.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    pub fn wait_timeout_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        let mut deadline = Deadline::after(timeout);
        while condition(&mut guard) {
            if deadline.is_over() {
                return (guard, WaitTimeoutResult(true));
            }
            task::begin_operation();
            (guard, _) = self.wait_within(guard, &mut deadline);
        }
        (guard, WaitTimeoutResult(false))
    }

    fn wait_within<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: &mut impl Limit,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        let mutex = guard.mutex();
        let mut wait = Wait { guard: Some(guard) };
        let waited = self.monitor.perform_calmly(&mut wait, limit, true);
        if waited == Err(Undone::Unwinding) {
            refuse("wait");
        }
        let guard = mutex.relock(&mut Forever);
        if waited == Err(Undone::Cancelled) {
            // With the guard, which unlocks.
            task::unwind_cancelled();
        }
        (guard, WaitTimeoutResult(waited == Err(Undone::Late)))
    }

    /// Wakes the one that has waited longest.
    #[doc(alias = "signal")]
    pub fn notify_one(&self) {
        self.monitor.lock().choose(0, |()| ());
    }

    /// Wakes all who wait.
    #[doc(alias = "broadcast")]
    pub fn notify_all(&self) {
        self.monitor.lock().choose_all(0, |()| ());
    }
}

impl Default for Condvar {
    fn default() -> Condvar {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}

/// Waits for a notify. The lock is given up when it can be notified.
struct Wait<'a, T: ?Sized> {
    guard: Option<MutexGuard<'a, T>>,
}

impl<T: ?Sized> Operation<(), ()> for Wait<'_, T> {
    fn reason(&self) -> Reason {
        Reason::Notify
    }

    fn attempt(&mut self, _locked: &mut Locked<'_, (), ()>) -> bool {
        false
    }

    fn offer(&mut self) {}

    fn entered(&mut self) {
        self.guard = None;
    }

    fn settle(&mut self, (): ()) {}

    fn withdraw(&mut self, _locked: &mut Locked<'_, (), ()>, (): ()) {}

    fn pass_on(&mut self, locked: &mut Locked<'_, (), ()>) -> bool {
        locked.choose(0, |()| ());
        true
    }
}
