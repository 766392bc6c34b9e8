//! Rule S4: a run inside a run.

use std::sync::Arc;
use std::thread;

use corro::{EventLoop, Runtime, sleep, spawn, spawn_local, unblock};

use super::{each, ms, on_each, runtime};
use crate::generator::panic_text;

/// The panic says what is wrong and what to use.
#[track_caller]
fn refuses<T>(f: impl FnOnce() -> T) {
    let text = panic_text(f);
    assert!(text.contains("already running tasks") && text.contains("use `corro::spawn`"), "{text}");
}

#[test]
fn s4_a_loop_in_a_task_of_a_runtime() {
    on_each(|_| {
        refuses(|| corro::run(|| ()));
        let event_loop = EventLoop::new().unwrap();
        refuses(|| event_loop.run(|| ()));
        refuses(|| event_loop.run_until_idle());
        spawn(|| refuses(|| corro::run(|| ()))).join().unwrap();
        spawn_local(|| refuses(|| corro::run(|| ()))).join().unwrap();
        sleep(ms(1));
    });
}

#[test]
fn s4_a_runtime_in_a_task_of_a_loop() {
    each(|runtime, _| {
        corro::run(|| {
            refuses(|| runtime.run(|| ()));
            spawn_local(|| sleep(ms(1))).join().unwrap();
        });
        assert_eq!(runtime.run(|| 1), 1);
    });
}

#[test]
fn s4_a_runtime_in_a_callback_of_a_loop() {
    let event_loop = EventLoop::new().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    event_loop.call_soon(move || {
        let runtime = runtime(1);
        sender.send(panic_text(|| runtime.run(|| ()))).unwrap();
    });
    event_loop.run(corro::yield_now);
    assert!(receiver.recv().unwrap().contains("already running tasks"));
}

#[test]
fn s4_a_runtime_in_its_own_task_and_in_anothers() {
    each(|one, workers| {
        let other = runtime(workers);
        one.run(|| {
            refuses(|| one.run(|| ()));
            refuses(|| other.run(|| ()));
        });
        assert_eq!((one.run(|| 1), other.run(|| 2)), (1, 2));
    });
}

#[test]
fn s4_a_run_on_a_thread_of_its_own_is_fine() {
    on_each(|_| {
        let got = unblock(|| {
            let inner = runtime(1);
            inner.run(|| corro::spawn(|| 4).join().unwrap()) + corro::run(|| 1)
        });
        assert_eq!(got, 5);
        let got = thread::spawn(|| corro::run(|| 6)).join().unwrap();
        assert_eq!(got, 6);
    });
}

/// Building and dropping one inside a task is no run. The other's drop blocks the worker; it is another one's.
#[test]
fn s4_a_runtime_may_be_made_used_and_dropped_in_a_task_of_another() {
    on_each(|_| {
        let inner = runtime(2);
        let sleeps = inner.spawn(|| sleep(super::HOUR));
        assert_eq!(inner.spawn(|| 3).join().unwrap(), 3);
        drop(inner);
        super::cancelled(sleeps);
        let event_loop = EventLoop::new().unwrap();
        let handle = event_loop.spawn(|| sleep(super::HOUR));
        drop(event_loop);
        super::cancelled(handle);
        sleep(ms(1));
    });
}

#[test]
fn s4_shutdown_in_its_own_task_panics_and_the_runtime_ends() {
    for workers in [1, 2, 4, 16] {
        let runtime = Arc::new(runtime(workers));
        let inner = runtime.clone();
        let handle = runtime.spawn(move || {
            let runtime: Runtime = loop {
                // The thread below lets go of it.
                sleep(ms(1));
                if Arc::strong_count(&inner) == 1 {
                    break Arc::into_inner(inner).unwrap();
                }
            };
            panic_text(|| runtime.shutdown(ms(1)))
        });
        drop(runtime);
        // It may have been cancelled already as it waited, but not before it had its text: nothing waits after it.
        let text = handle.join().unwrap();
        assert!(text.contains("in a task of the runtime itself"), "{text}");
    }
}
