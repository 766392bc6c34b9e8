//! Many readers or one writer: a reader takes one permit, a writer all.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::permits::Permits;
use super::refuse;
use crate::task::{self, Forever, Reason};

/// So many may read at once.
const READERS: usize = 1 << 29;

/// A value that many may read at once, or one change. As `std::sync::RwLock`, without poisoning.
///
/// Those who wait get it in the order in which they came, so a writer that waits holds back the readers that come after
/// it. A task that reads already and reads again may then wait for ever.
///
/// # Examples
/// ```
/// let limits = corro::sync::RwLock::new((0, 10));
/// assert_eq!(limits.read().1, limits.read().0 + 10);
/// limits.write().1 = 20;
/// assert_eq!(limits.into_inner(), (0, 20));
/// ```
pub struct RwLock<T: ?Sized> {
    permits: Permits,
    value: UnsafeCell<T>,
}

// SAFETY: the value goes from thread to thread with the lock.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: the value is shared by those who have a permit, and changed by one who has all; taking them sees what was done
// before they came back.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

/// The right to read the value of a [`RwLock`]; dropping it unlocks.
#[must_use = "dropped at once, it unlocks at once"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
}

/// The right to change the value of a [`RwLock`]; dropping it unlocks.
#[must_use = "dropped at once, it unlocks at once"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    /// It may go where a `&mut T` may go.
    marker: PhantomData<&'a mut T>,
}

// As those of `std`, which tell of a panic by poisoning. Here who catches one looks at the value itself.
impl<T: ?Sized> UnwindSafe for RwLock<T> {}
impl<T: ?Sized> RefUnwindSafe for RwLock<T> {}

impl<T> RwLock<T> {
    /// A lock that is free.
    pub const fn new(value: T) -> RwLock<T> {
        RwLock { permits: Permits::new(READERS, READERS, Reason::Lock), value: UnsafeCell::new(value) }
    }

    /// The value; whoever owns the lock need not take it.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks it for reading, waiting until nobody changes it or waits for that. A cancellation point.
    ///
    /// # Panics
    /// Where it would have to wait and cannot: in a callback of the event loop, and while the task unwinds.
    #[inline]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        task::begin_operation();
        if !self.permits.try_take(1) {
            self.lock_slow(1);
        }
        RwLockReadGuard { lock: self }
    }

    /// Locks it for changes, waiting until nobody has it. A cancellation point.
    ///
    /// # Panics
    /// As [`read`](Self::read).
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        task::begin_operation();
        if !self.permits.try_take_all(READERS) {
            self.lock_slow(READERS);
        }
        RwLockWriteGuard { lock: self, marker: PhantomData }
    }

    #[cold]
    fn lock_slow(&self, permits: usize) {
        if self.permits.take(permits, &mut Forever).is_err() {
            refuse(if permits == 1 { "read" } else { "write" });
        }
    }

    /// Locks it for reading if that needs no wait.
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.permits.try_take(1).then(|| RwLockReadGuard { lock: self })
    }

    /// Locks it for changes if that needs no wait.
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.permits.try_take_all(READERS).then(|| RwLockWriteGuard { lock: self, marker: PhantomData })
    }

    /// The value; whoever has the lock to itself need not take it.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard has a permit, so nobody has all.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard has all permits, so there is no other.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.permits.give(1);
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.permits.give_all(READERS);
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> RwLock<T> {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> RwLock<T> {
        RwLock::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_read() {
            Some(guard) => f.debug_struct("RwLock").field("value", &&*guard).finish(),
            None => f.debug_struct("RwLock").field("value", &format_args!("<locked>")).finish(),
        }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
