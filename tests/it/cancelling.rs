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
use std::time::Duration;

use corro::{Cancelled, Elapsed, JoinHandle, yield_now};

const HOUR: Duration = Duration::from_secs(3600);

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn yields(count: usize) {
    (0..count).for_each(|_| yield_now());
}

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

#[track_caller]
fn cancelled<T>(handle: JoinHandle<T>) {
    match handle.join() {
        Err(error) => assert!(error.is_cancelled() && !error.is_panic(), "{error}"),
        Ok(_) => panic!("the task should have been cancelled"),
    }
}

/// Runs `f` when it is dropped.
struct OnDrop<F: FnOnce()>(Option<F>);

fn on_drop<F: FnOnce()>(f: F) -> OnDrop<F> {
    OnDrop(Some(f))
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0.take().expect("dropped once")();
    }
}
