//! Rule T5: tasks that may borrow, and the scope that waits for them. Each test's name begins with the rule.

mod borrowing;
mod cancelling;
mod destructors;
mod panics;
mod places;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use corro::{Scope, ScopedJoinHandle, sleep, yield_now};

use crate::generator::Trace;
use crate::support::HOUR;

/// Gives way until it is so.
fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        yield_now();
    }
}

/// Panics in silence.
fn raise(word: &'static str) -> ! {
    resume_unwind(Box::new(word))
}

/// What `f` panics with.
#[track_caller]
fn payload_of<T>(f: impl FnOnce() -> T) -> Box<dyn Any + Send> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("expected a panic"),
        Err(payload) => payload,
    }
}

/// `f` panics with this word.
#[track_caller]
fn raises<T>(word: &str, f: impl FnOnce() -> T) {
    assert_eq!(payload_of(f).downcast_ref::<&str>(), Some(&word));
}

/// Tasks that wait until they are cancelled, and take their time over it.
#[derive(Default)]
struct Waiting {
    started: AtomicUsize,
    ended: AtomicUsize,
}

impl Waiting {
    /// Starts one that has begun to wait when this returns.
    fn start<'s>(&'s self, s: &'s Scope<'s, '_>) -> ScopedJoinHandle<'s, ()> {
        let before = self.started.load(SeqCst);
        let handle = s.spawn(|| self.wait());
        until(|| self.started.load(SeqCst) > before);
        handle
    }

    /// Waits; the end comes some turns after the cancellation.
    fn wait(&self) -> ! {
        self.started.fetch_add(1, SeqCst);
        let cut = payload_of(|| sleep(HOUR));
        corro::shield(|| (0..5).for_each(|_| yield_now()));
        self.ended.fetch_add(1, SeqCst);
        resume_unwind(cut)
    }

    /// So many have started, and all of them have ended.
    #[track_caller]
    fn all_ended(&self, count: usize) {
        assert_eq!((self.started.load(SeqCst), self.ended.load(SeqCst)), (count, count), "started and ended");
    }
}

/// Starts a task that ends with a word by its cancellation only.
fn sleeper<'s>(s: &'s Scope<'s, '_>, trace: &'s Trace, word: &'static str) -> ScopedJoinHandle<'s, ()> {
    s.spawn(move || {
        let _held = trace.guard(word);
        sleep(HOUR);
        trace.say("went on");
    })
}
