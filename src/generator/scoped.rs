//! Generators that borrow.

use std::fmt;
use std::marker::PhantomData;

use super::core::Core;
use super::{CloseError, Co, CoroutineState, Exception, GeneratorError, Status};
use crate::coroutine;

/// The handle of a generator whose body may borrow; made by [`scoped`].
///
/// It has every method of [`Generator`](super::Generator). The lifetime `'s` is its brand: no two handles have the
/// same, so they cannot be swapped. It cannot be delegated to.
pub struct ScopedGenerator<'s, Y, S = (), R = ()> {
    core: &'s mut Core<'s, Y, S, R>,
    brand: PhantomData<fn(&'s ()) -> &'s ()>,
}

/// Runs `driver` with a generator whose body may borrow from the caller.
///
/// Before this returns or unwinds, the body has been closed as by a drop, also when the handle was leaked. That is
/// why borrowing generators exist in this form only.
///
/// # Examples
/// ```
/// use corro::{Co, generator::scoped};
///
/// let words = vec!["a".to_string(), "b".to_string()];
/// let joined = scoped(
///     |co: &Co<&str>| words.iter().for_each(|word| co.yield_(word)),
///     |generator| generator.collect::<Vec<_>>().join("+"),
/// );
/// assert_eq!(joined, "a+b");
/// ```
pub fn scoped<'env, Y, S, R, T>(
    body: impl FnOnce(&Co<Y, S>) -> R + 'env,
    driver: impl for<'s> FnOnce(ScopedGenerator<'s, Y, S, R>) -> T,
) -> T {
    let mut core = Core::borrowing(coroutine::DEFAULT_STACK_SIZE, body);
    let end = CloseAtEnd(&raw mut core, PhantomData);
    // SAFETY: the handle is the only user of the core while `driver` runs, and it cannot outlive the call: its
    // lifetime is the driver's to be generic over. Shortening the lifetime that the body borrows for is sound,
    // since no body is put in through the handle.
    let handle = unsafe { &mut *end.0.cast::<Core<'_, Y, S, R>>() };
    driver(ScopedGenerator { core: handle, brand: PhantomData })
}

/// Closes the body when the driver is over, however it ended and whatever became of the handle.
struct CloseAtEnd<'env, Y, S, R>(*mut Core<'env, Y, S, R>, PhantomData<Core<'env, Y, S, R>>);

impl<Y, S, R> Drop for CloseAtEnd<'_, Y, S, R> {
    fn drop(&mut self) {
        // SAFETY: the core lies in the frame of `scoped` and is dropped after this; the handle's lifetime is over.
        unsafe { (*self.0).close_for_drop() }
    }
}

impl<Y, S, R> ScopedGenerator<'_, Y, S, R> {
    /// As [`Generator::start`](super::Generator::start).
    ///
    /// # Errors
    /// As there.
    pub fn start(&mut self) -> Result<CoroutineState<Y, R>, GeneratorError> {
        self.core.start()
    }

    /// As [`Generator::send`](super::Generator::send).
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn send(&mut self, value: S) -> Result<CoroutineState<Y, R>, GeneratorError> {
        self.core.send(value)
    }

    /// As [`Generator::throw`](super::Generator::throw).
    ///
    /// # Errors
    /// As there.
    pub fn throw(&mut self, exception: impl std::any::Any + Send) -> Result<CoroutineState<Y, R>, GeneratorError> {
        self.core.throw(Exception::new(exception))
    }

    /// As [`Generator::close`](super::Generator::close).
    ///
    /// # Errors
    /// As there.
    pub fn close(&mut self) -> Result<Option<R>, CloseError<Y>> {
        self.core.close()
    }

    /// As [`Generator::status`](super::Generator::status).
    pub fn status(&self) -> Status {
        self.core.status()
    }

    /// As [`Generator::take_return`](super::Generator::take_return).
    pub fn take_return(&mut self) -> Option<R> {
        self.core.take_return()
    }
}

impl<Y, R> Iterator for ScopedGenerator<'_, Y, (), R> {
    type Item = Y;

    #[inline]
    fn next(&mut self) -> Option<Y> {
        self.core.next()
    }
}

impl<Y, R> std::iter::FusedIterator for ScopedGenerator<'_, Y, (), R> {}

impl<Y, S, R> Drop for ScopedGenerator<'_, Y, S, R> {
    fn drop(&mut self) {
        self.core.close_for_drop();
    }
}

impl<Y, S, R> fmt::Debug for ScopedGenerator<'_, Y, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedGenerator").field("status", &self.status()).finish_non_exhaustive()
    }
}
