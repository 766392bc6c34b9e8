//! Calls that would block the thread.

use crate::{driver, task};

/// Runs `f` on a thread of the blocking pool and waits for it; the task parks meanwhile.
///
/// A cancellation waits for `f` to return, then unwinds. On a plain thread `f` runs in place. A panic of `f` goes on
/// here.
///
/// # Panics
/// When `f` panics; when no thread can be made; while the task unwinds, since it would have to wait.
///
/// # Examples
/// ```
/// let text = corro::run(|| corro::unblock(|| std::fs::read_to_string("Cargo.toml")));
/// assert!(text.unwrap().contains("corro"));
/// ```
#[doc(alias = "run_in_executor")]
#[doc(alias = "spawn_blocking")]
#[doc(alias = "to_thread")]
pub fn unblock<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    task::checkpoint();
    let value = driver::blocking::run_elsewhere(f).unwrap_or_else(|error| panic!("`unblock` cannot run: {error}"));
    task::checkpoint();
    value
}
