//! Cutting code off: by a deadline, by hand; and keeping it from being cut off.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::driver;
use crate::task::{self, CancelScope, CancelToken};

/// Runs `f`, and cancels it when it has not returned after this time.
///
/// `f` unwinds from its next cancellation point then, and has done so when this returns. Code that never waits is never
/// cut off, and `f` that returns in time, or catches the unwind and returns, gives its value. Of several scopes around
/// the same code that are due, the outermost ends.
///
/// # Errors
/// [`Elapsed`] when the time passed and `f` was cut off.
///
/// # Panics
/// When `f` panics; where no task runs, with a sentence that says what to use.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// corro::run(|| {
///     let slow = corro::timeout(Duration::from_millis(1), || corro::sleep(Duration::from_secs(60)));
///     assert!(slow.is_err());
///     assert_eq!(corro::timeout(Duration::from_secs(60), || 42), Ok(42));
/// });
/// ```
#[doc(alias = "wait_for")]
pub fn timeout<T>(after: Duration, f: impl FnOnce() -> T) -> Result<T, Elapsed> {
    task::require_task("timeout");
    driver::with_timeout(after, f).map_err(|_fired| Elapsed(()))
}

/// Runs `f` with a token that cancels it, from anywhere.
///
/// As [`timeout`], with the token in place of the deadline. (As trio's `CancelScope`.)
///
/// # Errors
/// [`Cancelled`] when `f` was cut off by the token.
///
/// # Panics
/// When `f` panics; where no task runs, with a sentence that says what to use.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// corro::run(|| {
///     let outcome = corro::cancel_scope(|token| {
///         let token = token.clone();
///         corro::spawn(move || token.cancel());
///         corro::sleep(Duration::from_secs(60));
///     });
///     assert!(outcome.is_err());
/// });
/// ```
pub fn cancel_scope<T>(f: impl FnOnce(&CancelToken) -> T) -> Result<T, Cancelled> {
    task::require_task("cancel_scope");
    CancelToken::run(f).map_err(|_fired| Cancelled(()))
}

/// Runs `f` with outer cancellations held back until it returns: of the task, and of scopes around it.
///
/// Scopes that are opened in `f` work as ever. What was held back takes effect at the next cancellation point.
///
/// # Panics
/// When `f` panics; where no task runs, with a sentence that says what to use.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// corro::run(|| {
///     let mut saved = false;
///     let outcome = corro::timeout(Duration::from_millis(1), || {
///         corro::shield(|| {
///             corro::sleep(Duration::from_millis(5));
///             saved = true;
///         });
///         corro::sleep(Duration::from_secs(60));
///     });
///     assert!(outcome.is_err() && saved);
/// });
/// ```
pub fn shield<T>(f: impl FnOnce() -> T) -> T {
    task::require_task("shield");
    match CancelScope::shield().run(f) {
        Ok(value) => value,
        Err(_fired) => unreachable!("nobody can fire a shield"),
    }
}

/// The error of a [`timeout`] that cut its code off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time is over")
    }
}

impl Error for Elapsed {}

/// The error of a [`cancel_scope`] that was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled(());

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the scope was cancelled")
    }
}

impl Error for Cancelled {}
