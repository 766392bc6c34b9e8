//! The unraisable hook. It is the process's: a test that sets it runs in a child process.

use std::sync::{Arc, Mutex, PoisonError};

use corro::generator::{Exception, Unraisable, set_unraisable_hook};

/// Tells `f` of every exception that nobody can be given, and of a panic by `None`.
pub(crate) fn install(f: impl Fn(Option<&Exception>) + Send + Sync + 'static) {
    set_unraisable_hook(move |unraisable| f(unraisable.exception_ref()));
}

/// What the hook was told, as text.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    /// Sets a hook that keeps what it is told.
    pub(crate) fn install() -> Self {
        let told = Self::default();
        let hook = told.clone();
        set_unraisable_hook(move |unraisable| hook.push(unraisable));
        told
    }

    fn push(&self, unraisable: &Unraisable) {
        let text = match (unraisable.exception_ref(), unraisable.panic_payload()) {
            (Some(exception), None) => format!("exception {:?}", exception.downcast_ref::<&str>()),
            (None, Some(payload)) => format!("panic {:?}", payload.downcast_ref::<&str>()),
            other => panic!("neither an exception nor a panic, or both: {other:?}"),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    /// What was told since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
