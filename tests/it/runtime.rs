//! The runtime, with one, two, four and sixteen workers. Each test's name begins with the rule it is about.

mod ending;
mod ending_spawns;
mod fairness;
mod joining;
mod joining_ends;
mod leftovers;
mod nesting;
mod placing;
mod running;
mod shutting_down;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use corro::{JoinHandle, Runtime};

use crate::support::{HOUR, OnDrop, cancelled, ms, on_drop};

fn runtime(workers: usize) -> Runtime {
    Runtime::builder().workers(workers).build().expect("a runtime")
}

/// Gives a test a runtime with so many workers, for several numbers of them.
fn each(test: impl Fn(Runtime, usize)) {
    for workers in [1, 2, 4, 16] {
        test(runtime(workers), workers);
    }
}

/// As [`each`]: the test is the main task. When it has ended, so have its tasks.
fn on_each(test: impl Fn(usize) + Sync) {
    each(|runtime, workers| {
        runtime.run(|| test(workers));
        // A task is counted out just after its joiner could know of its end.
        settles(|| runtime.metrics().live == 0);
    });
}

/// Gives way until it is so; long before the end of time it must be.
#[track_caller]
fn until(mut is_so: impl FnMut() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < give_up, "it never came to be so");
        // In a task this lets others in; on a machine with few cores a worker that only yields is a burden.
        corro::sleep(Duration::from_micros(50));
    }
}

/// Waits on a plain thread.
#[track_caller]
fn settles(mut is_so: impl FnMut() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < give_up, "it never came to be so");
        thread::sleep(ms(1));
    }
}

/// Panics in silence.
fn raise(word: &'static str) -> ! {
    resume_unwind(Box::new(word))
}

fn word_of(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&str>().copied().unwrap_or("no word")
}

/// `f` panics with this word.
#[track_caller]
fn raises<T>(word: &str, f: impl FnOnce() -> T) {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("expected a panic"),
        Err(payload) => assert_eq!(word_of(&*payload), word),
    }
}

/// The task was cancelled.
/// The task panicked with this word.
#[track_caller]
fn panicked<T>(word: &str, handle: JoinHandle<T>) {
    match handle.join() {
        Ok(_) => panic!("expected a task that panicked"),
        Err(error) => assert_eq!(word_of(&*error.into_panic()), word),
    }
}

/// Counts what is made and what is dropped.
#[derive(Default)]
struct Balance {
    made: AtomicUsize,
    dropped: AtomicUsize,
}

impl Balance {
    fn counted(&self) -> OnDrop<impl FnOnce() + '_> {
        self.made.fetch_add(1, SeqCst);
        on_drop(|| {
            self.dropped.fetch_add(1, SeqCst);
        })
    }

    fn made(&self) -> usize {
        self.made.load(SeqCst)
    }

    /// Nothing is left.
    #[track_caller]
    fn is_even(&self) {
        assert_eq!(self.made(), self.dropped.load(SeqCst), "made and dropped");
    }
}
