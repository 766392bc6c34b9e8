//! Where exceptions and panics go that have nobody to go to: the unraisable hook.

use std::any::Any;
use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};

use super::Exception;
use super::interrupt::text_of_panic;

/// An exception or a panic that could not be given to anybody.
#[derive(Debug)]
pub struct Unraisable {
    what: What,
    origin: &'static str,
}

#[derive(Debug)]
enum What {
    Exception(Exception),
    Panic(Box<dyn Any + Send>),
}

impl Unraisable {
    pub(crate) fn exception(exception: Exception) -> Unraisable {
        Unraisable { what: What::Exception(exception), origin: "a generator that was dropped" }
    }

    pub(crate) fn panic(origin: &'static str, payload: Box<dyn Any + Send>) -> Unraisable {
        Unraisable { what: What::Panic(payload), origin }
    }

    /// The exception, if it was one.
    pub fn exception_ref(&self) -> Option<&Exception> {
        match &self.what {
            What::Exception(exception) => Some(exception),
            What::Panic(_) => None,
        }
    }

    /// The payload of the panic, if it was one.
    pub fn panic_payload(&self) -> Option<&(dyn Any + Send)> {
        match &self.what {
            What::Exception(_) => None,
            What::Panic(payload) => Some(&**payload),
        }
    }

    /// Where it came out.
    pub fn origin(&self) -> &str {
        self.origin
    }
}

impl fmt::Display for Unraisable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Exception(exception) => write!(f, "exception ignored in {}: {exception}", self.origin),
            What::Panic(payload) => {
                write!(f, "panic ignored in {}: {}", self.origin, text_of_panic(&**payload))
            }
        }
    }
}

type Hook = Arc<dyn Fn(&Unraisable) + Send + Sync>;

static HOOK: RwLock<Option<Hook>> = RwLock::new(None);

/// Sets what is told of an exception or panic that nobody can be given; Python's `sys.unraisablehook`.
///
/// There is one hook for the process. Without one, a line on stderr says what happened. A hook must not panic.
pub fn set_unraisable_hook(hook: impl Fn(&Unraisable) + Send + Sync + 'static) {
    *HOOK.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(hook));
}

/// Tells the hook.
pub(crate) fn report(unraisable: Unraisable) {
    // Called without the lock, so that a hook may set another one.
    let hook = HOOK.read().unwrap_or_else(PoisonError::into_inner).clone();
    let told = catch_unwind(AssertUnwindSafe(|| {
        match hook {
            Some(hook) => hook(&unraisable),
            // Whoever closed the standard error does not want to know.
            None => drop(writeln!(io::stderr(), "corro: {unraisable}")),
        }
        drop(unraisable);
    }));
    // Nothing may come out of here: what a hook or the destructor of a payload panics with is leaked.
    std::mem::forget(told);
}

/// Ends the process with a sentence.
pub(crate) fn abort(sentence: &str) -> ! {
    let _ = writeln!(io::stderr(), "corro: {sentence}");
    std::process::abort()
}
