//! Mutual exclusion: one permit.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use super::permits::{NotTaken, Permits};
use super::refuse;
use crate::driver::Deadline;
use crate::task::{self, Forever, Limit, Reason, Undone};

/// A value that one task or thread at a time has. As `std::sync::Mutex`, without poisoning.
///
/// A guard may be held across any wait. Those who wait get the lock in the order in which they came.
///
/// # Examples
/// ```
/// let count = corro::sync::Mutex::new(0);
/// *count.lock() += 1;
/// assert_eq!(count.into_inner(), 1);
/// ```
#[doc(alias = "Lock")]
pub struct Mutex<T: ?Sized> {
    permits: Permits,
    value: UnsafeCell<T>,
}

// SAFETY: the value goes from thread to thread with the mutex.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: the value is used by who has the permit, one at a time; taking it sees what was done before it came back.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

/// The right to the value of a [`Mutex`]; dropping it unlocks.
#[must_use = "dropped at once, it unlocks at once"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// It may go where a `&mut T` may go.
    marker: PhantomData<&'a mut T>,
}

// As those of `std`, which tell of a panic by poisoning. Here who catches one looks at the value itself.
impl<T: ?Sized> UnwindSafe for Mutex<T> {}
impl<T: ?Sized> RefUnwindSafe for Mutex<T> {}

impl<T> Mutex<T> {
    /// A mutex that is free.
    pub const fn new(value: T) -> Mutex<T> {
        Mutex { permits: Permits::new(1, 1, Reason::Lock), value: UnsafeCell::new(value) }
    }

    /// The value; whoever owns the mutex need not lock it.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks it, waiting until it is free. A cancellation point. Locking it twice in one task waits for ever.
    ///
    /// # Panics
    /// Where it would have to wait and cannot: in a callback of the event loop, and while the task unwinds.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        task::begin_operation();
        if !self.permits.try_take_all(1) {
            self.lock_slow();
        }
        self.guard()
    }

    #[cold]
    fn lock_slow(&self) {
        if self.permits.take(1, &mut Forever).is_err() {
            refuse("lock");
        }
    }

    /// Locks it if it is free and nobody waits for it.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.permits.try_take_all(1).then(|| self.guard())
    }

    /// As [`lock`](Self::lock), waiting for this long at most.
    ///
    /// # Panics
    /// As [`lock`](Self::lock).
    pub fn lock_timeout(&self, timeout: Duration) -> Option<MutexGuard<'_, T>> {
        task::begin_operation();
        match self.permits.take(1, &mut Deadline::after(timeout)) {
            Ok(()) => Some(self.guard()),
            Err(NotTaken::Undone(Undone::Late)) => None,
            Err(_unwinding) => refuse("lock_timeout"),
        }
    }

    /// Locks it again after a wait that gave it up: also when the task is cancelled by now.
    pub(super) fn relock(&self, limit: &mut impl Limit) -> MutexGuard<'_, T> {
        if !self.permits.try_take_all(1) && self.permits.take_uncancelled(1, limit).is_err() {
            refuse("lock");
        }
        self.guard()
    }

    /// To be called by who has taken the permit.
    #[inline]
    fn guard(&self) -> MutexGuard<'_, T> {
        MutexGuard { mutex: self, marker: PhantomData }
    }

    /// The value; whoever has the mutex to itself need not lock it.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    pub(super) fn mutex(&self) -> &'a Mutex<T> {
        self.mutex
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: guards are made by `guard` alone, with the one permit taken; it is given back as the guard is dropped.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.permits.give_all(1);
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Mutex<T> {
        Mutex::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(guard) => f.debug_struct("Mutex").field("value", &&*guard).finish(),
            None => f.debug_struct("Mutex").field("value", &format_args!("<locked>")).finish(),
        }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
