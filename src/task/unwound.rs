//! An unwind that was caught to go on later, after something was waited for.
//!
//! The payload of an unwind that this crate began counts as an unwind while it is alive (see `coroutine`), and nothing
//! waits during one. So it is put away here, and made anew.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::header::swallow_panic;
use crate::coroutine::{self, Cancellation};
use crate::generator::Interrupt;

pub(super) enum Unwound {
    Cancelled,
    Interrupted(Interrupt),
    Panicked(Box<dyn Any + Send>),
}

impl Unwound {
    /// Runs `f`; what unwinds from it is the error.
    #[inline]
    pub(super) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Unwound> {
        catch_unwind(AssertUnwindSafe(f)).map_err(Unwound::of)
    }

    #[cold]
    fn of(payload: Box<dyn Any + Send>) -> Unwound {
        if payload.is::<Cancellation>() {
            return Unwound::Cancelled;
        }
        match Interrupt::from_payload(payload) {
            Ok(interrupt) => Unwound::Interrupted(interrupt),
            Err(panic) => Unwound::Panicked(panic),
        }
    }

    pub(super) fn is_cancellation(&self) -> bool {
        matches!(self, Unwound::Cancelled)
    }

    /// Unwinds on. What is lost with it is dropped before, when its destructor may still fail.
    #[cold]
    pub(super) fn go_on<T>(self, lost: T) -> ! {
        swallow_panic(|| drop(lost));
        match self {
            Unwound::Cancelled => coroutine::unwind(Cancellation),
            Unwound::Interrupted(interrupt) => interrupt.unwind(),
            Unwound::Panicked(payload) => resume_unwind(payload),
        }
    }
}
