//! Rules T2 to T4, T7 and T8, for `timeout`, `cancel_scope` and `shield`. Each test's name begins with the rule.

mod generators;
mod generators_moved;
mod nesting;
mod oracle;
mod scopes;
mod storm;
mod tasks;
mod tokens;
mod unwinding;
mod waits;

use std::fmt::Debug;

use corro::{Cancelled, Elapsed};

use crate::support::{HOUR, cancelled, ms, on_drop, yields};

/// Milliseconds by the clock of the loop since `start` was taken.
fn since(start: std::time::Instant) -> u128 {
    (corro::time::now() - start).as_millis()
}

#[track_caller]
fn elapsed<T: Debug>(outcome: Result<T, Elapsed>) {
    assert!(outcome.is_err(), "expected Elapsed, found {outcome:?}");
}

#[track_caller]
fn cut_off<T: Debug>(outcome: Result<T, Cancelled>) {
    assert!(outcome.is_err(), "expected Cancelled, found {outcome:?}");
}
