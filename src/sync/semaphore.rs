//! A number of permits.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fmt;
use std::mem;
use std::time::Duration;

use super::permits::{MAX, NotTaken, Permits};
use super::refuse;
use crate::driver::Deadline;
use crate::task::{self, Forever, Limit, Reason, Undone};

/// A number of permits, to be taken and given back: as Python's `asyncio.Semaphore`.
///
/// Those who wait get permits in the order in which they came; one who waits for many is not passed by those who want
/// few.
///
/// # Examples
/// ```
/// let connections = corro::sync::Semaphore::bounded(2);
/// let one = connections.acquire();
/// assert_eq!(connections.available(), 1);
/// drop(one);
/// assert!(connections.release(1).is_err());
/// ```
#[doc(alias = "BoundedSemaphore")]
pub struct Semaphore {
    permits: Permits,
}

/// Permits of a [`Semaphore`]; dropping it gives them back. (Only what a bounded one may have, if others were
/// [released](Semaphore::release) meanwhile that were never taken.)
#[must_use = "dropped at once, it is given back at once"]
#[derive(Debug)]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    count: usize,
}

/// More permits were to be given back than a bounded [`Semaphore`] was made with, or than can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseError;

impl Semaphore {
    /// A semaphore with `permits`, to which more can be added.
    ///
    /// # Panics
    /// When it is more than `usize::MAX / 4`.
    pub const fn new(permits: usize) -> Semaphore {
        Semaphore { permits: Permits::new(permits, MAX, Reason::Permit) }
    }

    /// A semaphore with `permits`, which has never more than these.
    ///
    /// # Panics
    /// When it is more than `usize::MAX / 4`.
    pub const fn bounded(permits: usize) -> Semaphore {
        Semaphore { permits: Permits::new(permits, permits, Reason::Permit) }
    }

    /// Takes a permit, waiting for one. A cancellation point.
    ///
    /// # Panics
    /// Where it would have to wait and cannot: in a callback of the event loop, and while the task unwinds.
    #[inline]
    pub fn acquire(&self) -> Permit<'_> {
        self.acquire_many(1)
    }

    /// Takes `count` permits at once, waiting until there are so many. A cancellation point.
    ///
    /// # Panics
    /// As [`acquire`](Self::acquire); and when `count` is more than the semaphore can ever have.
    #[inline]
    pub fn acquire_many(&self, count: usize) -> Permit<'_> {
        task::begin_operation();
        if !self.permits.try_take(count) {
            self.acquire_slow(count, &mut Forever);
        }
        Permit { semaphore: self, count }
    }

    /// As [`acquire`](Self::acquire), waiting for this long at most.
    ///
    /// # Panics
    /// As [`acquire`](Self::acquire).
    pub fn acquire_timeout(&self, timeout: Duration) -> Option<Permit<'_>> {
        task::begin_operation();
        self.acquire_slow(1, &mut Deadline::after(timeout)).then(|| Permit { semaphore: self, count: 1 })
    }

    /// Whether they were taken in time.
    #[cold]
    fn acquire_slow(&self, count: usize, limit: &mut impl Limit) -> bool {
        let most = self.permits.most();
        assert!(count <= most, "{count} permits of a semaphore that never has more than {most} never come");
        match self.permits.take(count, limit) {
            Ok(()) => true,
            Err(NotTaken::Undone(Undone::Late)) => false,
            Err(_unwinding) => refuse("acquire"),
        }
    }

    /// Takes a permit if there is one and nobody waits.
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.permits.try_take(1).then(|| Permit { semaphore: self, count: 1 })
    }

    /// Gives `count` permits, which may be ones that were taken and [forgotten](Permit::forget), or new ones.
    ///
    /// # Errors
    /// When there would be more than the semaphore may have; nothing is changed then.
    pub fn release(&self, count: usize) -> Result<(), ReleaseError> {
        if self.permits.give(count) { Ok(()) } else { Err(ReleaseError) }
    }

    /// How many permits are left.
    pub fn available(&self) -> usize {
        self.permits.available()
    }
}

impl Permit<'_> {
    /// Keeps the permits from being given back; [`Semaphore::release`] may do that later.
    pub fn forget(self) {
        mem::forget(self);
    }

    /// How many permits it stands for.
    pub fn count(&self) -> usize {
        self.count
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.permits.give_back(self.count);
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").field("available", &self.available()).finish_non_exhaustive()
    }
}

impl fmt::Display for ReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("more permits were released than the semaphore may have")
    }
}

impl Error for ReleaseError {}
