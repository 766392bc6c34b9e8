//! What travels against the yields: exceptions and closes, and how a body catches them.
//!
//! Both unwind with a private payload, started by `resume_unwind`, so that no panic hook runs.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::coroutine::{self, Mark};

/// A value that was thrown into a generator or raised in one.
///
/// Any `Send` value will do, as any object will in a `panic_any`. Python's exceptions are the model.
///
/// # Examples
/// ```
/// use corro::generator::Exception;
///
/// let exception = Exception::new("out of paper");
/// assert!(exception.is::<&str>());
/// assert_eq!(exception.downcast::<&str>().unwrap(), "out of paper");
/// ```
pub struct Exception(Box<dyn Any + Send>);

impl Exception {
    /// Wraps a value; an `Exception` is passed on as it is, also the one in an [`Interrupt::Throw`].
    pub fn new(value: impl Any + Send) -> Exception {
        Exception::of_boxed(Box::new(value))
    }

    fn of_boxed(value: Box<dyn Any + Send>) -> Exception {
        let value = match value.downcast::<Exception>() {
            Ok(exception) => return *exception,
            Err(value) => value,
        };
        match value.downcast::<Interrupt>().map(|interrupt| *interrupt) {
            Ok(Interrupt::Throw(exception)) => exception,
            Ok(Interrupt::Close) => Exception(Box::new(Interrupt::Close)),
            Err(value) => Exception(value),
        }
    }

    /// Whether the value is an `E`.
    pub fn is<E: Any>(&self) -> bool {
        self.0.is::<E>()
    }

    /// Takes the value out.
    ///
    /// # Errors
    /// The exception itself when its value is not an `E`.
    pub fn downcast<E: Any>(self) -> Result<E, Exception> {
        self.0.downcast::<E>().map(|value| *value).map_err(Exception)
    }

    /// Looks at the value if it is an `E`.
    pub fn downcast_ref<E: Any>(&self) -> Option<&E> {
        self.0.downcast_ref::<E>()
    }

    fn text(&self) -> Option<String> {
        text_of(&*self.0)
    }
}

/// The text of the payload of a panic.
pub(crate) fn text_of_panic(payload: &(dyn Any + Send)) -> String {
    text_of(payload).unwrap_or_else(|| "a payload without a text".to_owned())
}

/// The text of a value, where it is one of the common kinds that have one.
fn text_of(value: &(dyn Any + Send)) -> Option<String> {
    let text = value.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| value.downcast_ref::<String>().cloned())
        .or_else(|| value.downcast_ref::<std::io::Error>().map(ToString::to_string))
        .or_else(|| value.downcast_ref::<Exception>().and_then(Exception::text))
}

impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.debug_tuple("Exception").field(&text).finish(),
            None => f.write_str("Exception(..)"),
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.write_str(&text),
            None => f.write_str("an exception without a text"),
        }
    }
}

impl Error for Exception {}

/// What can arrive at a `yield` in place of a sent value.
#[derive(Debug)]
#[must_use = "an interrupt that is dropped is swallowed; `raise` lets it go on"]
pub enum Interrupt {
    /// An exception: from [`Generator::throw`](super::Generator::throw), or raised by what the body called.
    Throw(Exception),
    /// The generator is being closed; Python's `GeneratorExit`.
    Close,
}

impl Interrupt {
    /// Goes on unwinding with this interrupt.
    ///
    /// # Panics
    /// Outside the body of a generator, with a message that says so.
    pub fn raise(self) -> ! {
        if !coroutine::in_generator() {
            panic!("`Interrupt::raise` was called outside the body of a generator, where nothing can catch it: {self}");
        }
        self.unwind()
    }

    /// Starts to unwind, wherever this is called.
    #[cold]
    pub(crate) fn unwind(self) -> ! {
        match self {
            Interrupt::Throw(exception) => coroutine::unwind(|mark| Raised(exception, mark)),
            Interrupt::Close => coroutine::unwind(Closing),
        }
    }

    /// Tells an interrupt from a panic by its payload.
    pub(crate) fn from_payload(payload: Box<dyn Any + Send>) -> Result<Interrupt, Box<dyn Any + Send>> {
        let payload = match payload.downcast::<Raised>() {
            Ok(raised) => return Ok(Interrupt::Throw(raised.0)),
            Err(payload) => payload,
        };
        payload.downcast::<Closing>().map(|_| Interrupt::Close)
    }
}

impl fmt::Display for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Interrupt::Throw(exception) => exception.fmt(f),
            Interrupt::Close => f.write_str("the generator is being closed"),
        }
    }
}

impl Error for Interrupt {}

/// The payload of a raised exception.
struct Raised(Exception, #[expect(dead_code, reason = "counts until it is dropped")] Mark);

/// The payload of a close.
struct Closing(#[expect(dead_code, reason = "counts until it is dropped")] Mark);

/// Raises an exception in the body of a generator.
///
/// It unwinds to the nearest [`catch`], or out of the body: then whoever resumed the generator gets
/// [`GeneratorError::Raised`](super::GeneratorError::Raised). No panic hook runs. An [`Interrupt`] that was caught goes
/// on as what it was.
///
/// # Panics
/// Outside the body of a generator, with a message that says so.
///
/// # Examples
/// ```
/// use corro::{Co, Generator, generator::{GeneratorError, raise}};
///
/// let mut g = Generator::new(|_: &Co<()>| raise("no more"));
/// let Err(GeneratorError::Raised(exception)) = g.start() else { panic!() };
/// assert_eq!(exception.downcast::<&str>().unwrap(), "no more");
/// # let _: corro::Generator<(), (), ()> = g;
/// ```
pub fn raise(exception: impl Any + Send) -> ! {
    match Exception::new(exception).downcast::<Interrupt>() {
        Ok(interrupt) => interrupt.raise(),
        Err(exception) => Interrupt::Throw(exception).raise(),
    }
}

/// Runs `f` and catches the interrupt that leaves it: `try`/`except` around any code of a body.
///
/// Panics pass through.
///
/// # Errors
/// The interrupt that `f` did not catch itself.
///
/// # Examples
/// ```
/// use corro::{Co, CoroutineState, Generator, generator::catch};
///
/// let mut g = Generator::new(|co: &Co<i32>| {
///     let outcome = catch(|| {
///         co.yield_(1);
///         co.yield_(2);
///     });
///     if outcome.is_err() { "interrupted" } else { "done" }
/// });
/// g.start().unwrap();
/// assert!(matches!(g.throw("stop"), Ok(CoroutineState::Complete("interrupted"))));
/// ```
pub fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Interrupt> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| match Interrupt::from_payload(payload) {
        Ok(interrupt) => interrupt,
        Err(panic) => resume_unwind(panic),
    })
}
