//! Generators in the manner of Python: `send`, `throw`, `close`, `yield_from`. (PEP 255, 342, 380)
//!
//! A [`Generator`] runs its body on a stack of its own, so the body can yield from any depth of ordinary calls.
//!
//! ```
//! use corro::{Co, Generator};
//!
//! fn countdown(co: &Co<u32>, from: u32) {
//!     (1..=from).rev().for_each(|n| co.yield_(n));
//! }
//!
//! let generator = Generator::new(|co: &Co<u32>| {
//!     countdown(co, 3);
//!     countdown(co, 2);
//! });
//! assert_eq!(generator.collect::<Vec<_>>(), [3, 2, 1, 2, 1]);
//! ```
//!
//! # What is where
//! [`Generator`] is the owner's side, [`Co`] the body's. Against the yields travel [`Exception`]s and closes,
//! together [`Interrupt`]s; they unwind, and [`catch`] or [`Co::try_yield`] stop them. [`scoped`] makes generators
//! that borrow.

mod co;
mod core;
mod interrupt;
mod scoped;
mod unraisable;

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::iter::FusedIterator;

pub use self::co::Co;
use self::core::Core;
pub(crate) use self::interrupt::text_of_panic;
pub use self::interrupt::{Exception, Interrupt, catch, raise};
pub use self::scoped::{ScopedGenerator, scoped};
pub use self::unraisable::{Unraisable, set_unraisable_hook};
pub(crate) use self::unraisable::{abort, report};
use crate::coroutine;

/// A body that yields values of `Y`, is sent values of `S` and returns an `R`.
///
/// It is neither `Send` nor `Sync`: it stays on the thread that made it. Dropping a suspended one closes it: the
/// destructors on its stack run, innermost first; what goes wrong meanwhile is told to the
/// [unraisable hook](set_unraisable_hook). Leaking one leaks its stack, nothing more.
///
/// # Examples
/// ```
/// use corro::{Co, CoroutineState, Generator};
///
/// let mut average = Generator::new(|co: &Co<f64, f64>| {
///     let (mut sum, mut count) = (0.0, 0.0);
///     loop {
///         sum += co.yield_(if count == 0.0 { 0.0 } else { sum / count });
///         count += 1.0;
///     }
/// });
/// average.start().unwrap();
/// average.send(10.0).unwrap();
/// assert_eq!(average.send(20.0).unwrap(), CoroutineState::Yielded(15.0));
/// # let _: Generator<f64, f64, ()> = average;
/// ```
pub struct Generator<Y, S = (), R = ()> {
    core: Core<'static, Y, S, R>,
}

impl<Y, S, R> Generator<Y, S, R> {
    /// Makes a generator. None of the body runs, and no stack is taken, before the first resume.
    pub fn new(body: impl FnOnce(&Co<Y, S>) -> R + 'static) -> Self {
        Self::with_stack_size(coroutine::DEFAULT_STACK_SIZE, body)
    }

    /// Makes a generator with a stack of `bytes` bytes, rounded up to pages; at least 16 KiB.
    ///
    /// The default is 256 KiB. Only pages that are touched cost memory.
    pub fn with_stack_size(bytes: usize, body: impl FnOnce(&Co<Y, S>) -> R + 'static) -> Self {
        Generator { core: Core::new(bytes, body) }
    }

    /// Runs the body to its first yield; Python's first `next(g)`.
    ///
    /// # Errors
    /// `AlreadyStarted`, `Finished`; `Raised` when the body raised an exception. When no stack is to be had, the
    /// exception is an [`io::Error`](std::io::Error) and the generator can be started again later.
    ///
    /// # Panics
    /// When the body panics.
    pub fn start(&mut self) -> Result<CoroutineState<Y, R>, GeneratorError> {
        self.core.start()
    }

    /// Goes on with `value` as what the current yield evaluates to, until the next yield or the end.
    ///
    /// # Errors
    /// `NotStarted` before [`start`](Self::start) (the value is dropped, the generator can still be started),
    /// `Finished`, `Raised`.
    ///
    /// # Panics
    /// When the body panics.
    #[inline]
    pub fn send(&mut self, value: S) -> Result<CoroutineState<Y, R>, GeneratorError> {
        self.core.send(value)
    }

    /// Raises an exception at the yield where the body is suspended.
    ///
    /// If the body catches it, this returns what it yields or returns next. A generator that was not started is
    /// closed without running.
    ///
    /// # Errors
    /// `Raised` with this exception if the body did not catch it, or with another that it raised instead.
    ///
    /// # Panics
    /// When the body panics.
    pub fn throw(&mut self, exception: impl Any + Send) -> Result<CoroutineState<Y, R>, GeneratorError> {
        self.core.throw(Exception::new(exception))
    }

    /// Closes the generator: [`Interrupt::Close`] arrives at the yield where the body is suspended.
    ///
    /// `Ok(Some)` is a value that the body returned instead of unwinding. Closing again does nothing.
    ///
    /// # Errors
    /// `Ignored` when the body yielded again: it stays alive. `Raised` when it raised an exception.
    ///
    /// # Panics
    /// When the body panics.
    pub fn close(&mut self) -> Result<Option<R>, CloseError<Y>> {
        self.core.close()
    }

    /// Where the generator is in its life.
    pub fn status(&self) -> Status {
        self.core.status()
    }

    /// Takes the return value after [`next`](Iterator::next) returned `None`. It is there once.
    pub fn take_return(&mut self) -> Option<R> {
        self.core.take_return()
    }
}

/// Starts by itself. `None` at the end of the body, then for ever; the return value waits in
/// [`take_return`](Generator::take_return).
impl<Y, R> Iterator for Generator<Y, (), R> {
    type Item = Y;

    #[inline]
    fn next(&mut self) -> Option<Y> {
        self.core.next()
    }
}

impl<Y, R> FusedIterator for Generator<Y, (), R> {}

impl<Y, S, R> fmt::Debug for Generator<Y, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generator").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// Where a generator is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Nothing of the body has run.
    Created,
    /// The body waits at a yield.
    Suspended,
    /// The body has ended, or will never run.
    Closed,
}

/// What a resume came to; the names of `std::ops::CoroutineState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CoroutineState<Y, R> {
    /// The body yielded.
    Yielded(Y),
    /// The body returned.
    Complete(R),
}

/// Why a generator could not be resumed, or how it failed.
#[derive(Debug)]
pub enum GeneratorError {
    /// A value was sent before `start`.
    NotStarted,
    /// `start` was called twice.
    AlreadyStarted,
    /// The body has ended.
    Finished,
    /// An exception left the body.
    Raised(Exception),
}

impl fmt::Display for GeneratorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GeneratorError::NotStarted => f.write_str("the generator was not started: call `start` before `send`"),
            GeneratorError::AlreadyStarted => f.write_str("the generator was started already: go on with `send`"),
            GeneratorError::Finished => f.write_str("the generator has finished"),
            GeneratorError::Raised(exception) => write!(f, "the generator raised an exception: {exception}"),
        }
    }
}

impl Error for GeneratorError {}

/// Why a close did not end as one.
pub enum CloseError<Y> {
    /// The body yielded this value instead of ending; Python's "generator ignored GeneratorExit". It is alive.
    Ignored(Y),
    /// The body raised another exception meanwhile. It has ended.
    Raised(Exception),
}

impl<Y> fmt::Debug for CloseError<Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseError::Ignored(_) => f.write_str("Ignored(..)"),
            CloseError::Raised(exception) => f.debug_tuple("Raised").field(exception).finish(),
        }
    }
}

impl<Y> fmt::Display for CloseError<Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseError::Ignored(_) => f.write_str("the generator ignored the close and yielded again"),
            CloseError::Raised(exception) => write!(f, "the generator raised an exception as it closed: {exception}"),
        }
    }
}

impl<Y> Error for CloseError<Y> {}
