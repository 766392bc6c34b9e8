//! What tests of several modules use.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use corro::{JoinHandle, cancel_scope, spawn_local, yield_now};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Lets the other tasks of this worker come to where they wait.
pub(crate) fn yields(count: usize) {
    (0..count).for_each(|_| yield_now());
}

#[track_caller]
pub(crate) fn cancelled<T>(handle: JoinHandle<T>) {
    match handle.join() {
        Err(error) => assert!(error.is_cancelled() && !error.is_panic(), "{error}"),
        Ok(_) => panic!("the task should have been cancelled"),
    }
}

/// Runs `f` when it is dropped.
pub(crate) struct OnDrop<F: FnOnce()>(Option<F>);

pub(crate) fn on_drop<F: FnOnce()>(f: F) -> OnDrop<F> {
    OnDrop(Some(f))
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0.take().expect("dropped once")();
    }
}

/// A value that counts its own drop.
#[derive(Clone, Debug)]
pub(crate) struct Counted(Arc<AtomicUsize>);

/// How many values were dropped.
#[derive(Default)]
pub(crate) struct Drops(Arc<AtomicUsize>);

impl Drops {
    pub(crate) fn value(&self) -> Counted {
        Counted(self.0.clone())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Starts a task of this worker that comes to its first wait before this returns.
pub(crate) fn waiter<T: 'static>(body: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    let handle = spawn_local(body);
    yields(2);
    handle
}

/// What tasks of one worker have seen, in order.
#[derive(Clone, Default)]
pub(crate) struct Log<T>(Rc<Cell<Vec<T>>>);

impl<T> Log<T> {
    pub(crate) fn push(&self, entry: T) {
        let mut entries = self.0.take();
        entries.push(entry);
        self.0.set(entries);
    }

    pub(crate) fn take(&self) -> Vec<T> {
        self.0.take()
    }
}

/// `call`, cancelled before it begins, unwinds.
#[track_caller]
pub(crate) fn is_a_cancellation_point<T>(what: &str, call: impl FnOnce() -> T) {
    let outcome = cancel_scope(|token| {
        token.cancel();
        call();
    });
    assert!(outcome.is_err(), "{what} is no cancellation point");
}

/// `call`, cancelled before it begins, is done all the same.
#[track_caller]
pub(crate) fn is_no_cancellation_point<T>(what: &str, call: impl FnOnce() -> T) {
    let outcome = cancel_scope(|token| {
        token.cancel();
        call();
    });
    assert!(outcome.is_ok(), "{what} is a cancellation point");
}

/// Whether it says that the caller unwinds and cannot wait.
pub(crate) fn is_would_suspend(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Other && error.get_ref().is_some_and(|inner| inner.is::<corro::WouldSuspend>())
}
