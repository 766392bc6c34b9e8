//! What cancels a scope by hand.

use std::fmt;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cancel::{CancelScope, Fired};

/// Cancels the [`cancel_scope`](crate::cancel_scope) that it was made for, from any task or thread.
///
/// When the scope has ended it has no effect.
#[derive(Clone)]
pub struct CancelToken(Arc<Shared>);

struct Shared {
    cancelled: AtomicBool,
    scope: Mutex<Place>,
}

/// The scope while it is open, else null.
struct Place(*const CancelScope);

// SAFETY: the scope is used under the lock, and taken out under it before it goes. What `fire` uses of it is made for
// other threads.
unsafe impl Send for Place {}

impl CancelToken {
    pub(super) fn new() -> CancelToken {
        CancelToken(Arc::new(Shared { cancelled: AtomicBool::new(false), scope: Mutex::new(Place(ptr::null())) }))
    }

    /// Cancels the scope: its code unwinds at its next cancellation point.
    pub fn cancel(&self) {
        let waker = {
            let place = self.place();
            // SAFETY: see `Place`.
            let Some(scope) = (unsafe { place.0.as_ref() }) else { return };
            if self.0.cancelled.swap(true, AcqRel) {
                return;
            }
            scope.fire()
        };
        waker.wake();
    }

    /// Whether it was cancelled while the scope was open.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Acquire)
    }

    /// Runs `f` in a scope of the running task that this token cancels. To be called once.
    pub(crate) fn run<T>(f: impl FnOnce(&CancelToken) -> T) -> Result<T, Fired> {
        let token = CancelToken::new();
        token.open(|| f(&token))
    }

    pub(super) fn open<T>(&self, f: impl FnOnce() -> T) -> Result<T, Fired> {
        let scope = CancelScope::new();
        self.place().0 = &scope;
        let _closed = Closed(self);
        scope.run(f)
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.scope.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the scope out before its frame goes.
struct Closed<'a>(&'a CancelToken);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.place().0 = ptr::null();
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken").field("cancelled", &self.is_cancelled()).finish()
    }
}
