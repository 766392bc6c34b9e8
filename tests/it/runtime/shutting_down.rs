//! Rule S5: `shutdown`, and what it says of those who stay. Tasks that never end need a process of their own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use corro::task::Builder;
use corro::{JoinHandle, Runtime, sleep, spawn, yield_now};

use super::{HOUR, cancelled, each, ms, runtime, settles};
use crate::generator::child::isolated;

/// Swallows its cancellation until it is told to stop.
fn swallow(stop: &AtomicBool) {
    while !stop.load(SeqCst) {
        let _ = catch_unwind(AssertUnwindSafe(|| sleep(ms(1))));
    }
}

/// A task of that name that swallows for ever.
fn start_stubborn(runtime: &Runtime, name: &'static str) {
    let started = Arc::new(AtomicBool::new(false));
    let starts = started.clone();
    runtime.run(move || {
        let body = move || {
            starts.store(true, SeqCst);
            swallow(&AtomicBool::new(false));
        };
        drop(Builder::new().name(name).spawn(body).unwrap());
    });
    settles(|| started.load(SeqCst));
}

/// A task that has started to wait.
fn start_sleeper(runtime: &Runtime) -> JoinHandle<()> {
    let before = runtime.metrics().started;
    let handle = runtime.spawn(|| sleep(HOUR));
    settles(|| runtime.metrics().started > before);
    handle
}

#[test]
fn s5_shutdown_of_tasks_that_unwind_is_ok() {
    each(|runtime, _| {
        let handles: Vec<_> = (0..20).map(|_| runtime.spawn(|| sleep(HOUR))).collect();
        runtime.run(|| drop(spawn(|| sleep(HOUR))));
        runtime.shutdown(HOUR).unwrap();
        handles.into_iter().for_each(cancelled);
    });
    each(|runtime, _| runtime.shutdown(Duration::MAX).unwrap());
}

#[test]
fn s5_shutdown_names_a_task_that_swallows_its_cancellation() {
    isolated(|| {
        each(|runtime, _| {
            start_stubborn(&runtime, "stubborn");
            let error = runtime.shutdown(ms(100)).unwrap_err();
            let names: Vec<_> = error.tasks().iter().map(|task| task.name()).collect();
            assert_eq!((names, error.busy_workers()), (vec![Some("stubborn")], 0));
            let (text, id) = (error.to_string(), error.tasks()[0].id().to_string());
            assert!(text.contains("\"stubborn\"") && text.contains(&id), "{text}");
        });
        // The process exits although the threads go on.
    });
}

#[test]
fn s5_shutdown_counts_workers_that_are_held() {
    isolated(|| {
        each(|runtime, workers| {
            let (go, started) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
            let (goes, starts) = (go.clone(), started.clone());
            let held = runtime.spawn(move || {
                starts.store(true, SeqCst);
                while !goes.load(SeqCst) {
                    thread::sleep(ms(1));
                }
            });
            settles(|| started.load(SeqCst));
            let error = runtime.shutdown(ms(100)).unwrap_err();
            assert_eq!((error.busy_workers(), error.tasks().len()), (1, 0), "of {workers}: {error}");
            assert!(error.to_string().contains("1 workers run a task that never waits"), "{error}");
            // Its thread goes on, and comes to the end.
            go.store(true, SeqCst);
            held.join().unwrap();
        });
        let runtime = runtime(2);
        for _ in 0..2 {
            drop(runtime.spawn(|| {
                loop {
                    thread::sleep(HOUR);
                }
            }));
        }
        settles(|| runtime.metrics().live == 2);
        let error = runtime.shutdown(ms(50)).unwrap_err();
        assert_eq!(error.busy_workers(), 2);
    });
}

/// Nor does a task that swallows keep others of its worker from unwinding: its waits end at once, so it has to give way.
#[test]
fn s9_shutdown_a_task_that_swallows_lets_others_unwind() {
    isolated(|| {
        each(|runtime, _| {
            let sleepers: Vec<_> = (0..4).map(|_| start_sleeper(&runtime)).collect();
            start_stubborn(&runtime, "stubborn");
            let later: Vec<_> = (0..4).map(|_| start_sleeper(&runtime)).collect();
            let error = runtime.shutdown(ms(100)).unwrap_err();
            let names: Vec<_> = error.tasks().iter().map(|task| task.name()).collect();
            assert_eq!(names, [Some("stubborn")]);
            sleepers.into_iter().chain(later).for_each(cancelled);
        });
    });
}

/// A task that yields for ever and swallows is seen too, and several of them, each once.
#[test]
fn s5_shutdown_names_each_that_stays_and_no_other() {
    isolated(|| {
        let runtime = runtime(4);
        for name in ["one", "two", "three"] {
            start_stubborn(&runtime, name);
        }
        let started = Arc::new(AtomicBool::new(false));
        let starts = started.clone();
        let ends = runtime.spawn(move || {
            starts.store(true, SeqCst);
            for _ in 0..50 {
                let _ = catch_unwind(yield_now);
            }
        });
        settles(|| started.load(SeqCst));
        let error = runtime.shutdown(ms(200)).unwrap_err();
        let mut names: Vec<_> = error.tasks().iter().map(|task| task.name().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, ["one", "three", "two"]);
        ends.join().unwrap();
    });
}

/// A timeout of nothing begins the end, and waits for nothing.
#[test]
fn s5_shutdown_without_time_does_not_wait() {
    isolated(|| {
        let runtime = runtime(2);
        let stop = Arc::new(AtomicBool::new(false));
        let stops = stop.clone();
        let handle = runtime.spawn(move || swallow(&stops));
        settles(|| runtime.metrics().live == 1);
        assert!(runtime.shutdown(Duration::ZERO).is_err());
        stop.store(true, SeqCst);
        handle.join().unwrap();
    });
}

/// A shutdown in a task of another runtime blocks that worker only for the time that it is given.
#[test]
fn s5_shutdown_in_a_task_of_another_runtime() {
    each(|outer, _| {
        outer.run(|| {
            let inner = runtime(2);
            let handle = inner.spawn(|| sleep(HOUR));
            inner.shutdown(HOUR).unwrap();
            cancelled(handle);
        });
    });
}
