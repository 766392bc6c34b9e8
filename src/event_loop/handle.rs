//! The way to a loop from other threads.

use std::fmt;
use std::sync::Arc;

use crate::task::{Gate, JoinHandle};

/// Reaches an [`EventLoop`](crate::EventLoop) from other threads.
///
/// What it sends arrives in the order of sending, and ends the loop's sleep. While one exists, a loop with
/// [virtual time](super::Builder::virtual_time) waits for it instead of reporting a deadlock.
///
/// # Examples
/// ```
/// use corro::EventLoop;
/// use std::thread;
///
/// let event_loop = EventLoop::new()?;
/// let handle = event_loop.handle();
/// let sent = thread::spawn(move || handle.spawn(|| 6 * 7)).join().unwrap();
/// assert_eq!(event_loop.run(|| sent.join().unwrap()), 42);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Handle {
    gate: Arc<Gate>,
}

impl Handle {
    pub(super) fn new(gate: Arc<Gate>) -> Handle {
        gate.add_handle();
        Handle { gate }
    }

    /// Starts a task on the loop. It runs when the loop does; if the loop is gone, the task is cancelled.
    #[doc(alias = "run_coroutine_threadsafe")]
    pub fn spawn<T: Send + 'static>(&self, body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.gate.spawn(body)
    }

    /// Has `callback` called on the loop, in the pass after it arrives; if the loop is gone, it is dropped.
    #[doc(alias = "call_soon_threadsafe")]
    pub fn call_soon(&self, callback: impl FnOnce() + Send + 'static) {
        self.gate.call(callback);
    }
}

impl Clone for Handle {
    fn clone(&self) -> Handle {
        Handle::new(self.gate.clone())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.gate.drop_handle();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
