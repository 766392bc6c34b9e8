//! S6: what may wake a task from outside keeps a loop with virtual time from panicking, as long as it is there.

use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;

use corro::{EventLoop, block_on, cancel_scope, sleep, spawn, yield_now};

use super::{HOUR, OsThread, comes_to_an_end, stands_still, virtual_loop};
use crate::generator::panic_text;

/// Pending until the flag is set; sends its waker away, once.
fn until_set(flag: Arc<AtomicBool>, waker: Sender<Waker>) -> impl Future<Output = ()> {
    let mut waker = Some(waker);
    poll_fn(move |context| {
        if flag.load(SeqCst) {
            return Poll::Ready(());
        }
        if let Some(waker) = waker.take() {
            waker.send(context.waker().clone()).unwrap();
        }
        Poll::Pending
    })
}

#[track_caller]
fn is_deadlock(text: &str) {
    assert!(text.starts_with("deadlock: every task waits"), "{text}");
}

#[test]
fn s6_a_live_handle_is_hope() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let (waiting, waits) = channel();
    let helper = thread::spawn(move || {
        let task: corro::JoinHandle<()> = waits.recv().unwrap();
        // The loop runs on though nobody on it can wake anybody.
        assert!(stands_still(&handle));
        handle.spawn(move || task.cancel());
    });
    event_loop.run(|| {
        let sleeper = spawn(|| block_on(pending::<()>()));
        let (over, is_over) = tokio::sync::oneshot::channel::<()>();
        waiting
            .send(spawn(move || {
                let _over = over;
                block_on(pending::<()>())
            }))
            .unwrap();
        assert!(block_on(is_over).is_err());
        sleeper.cancel();
    });
    helper.join().unwrap();
}

#[test]
fn s6_the_last_handle_that_goes_while_the_loop_sleeps_ends_the_hope() {
    comes_to_an_end(|| {
        let event_loop = virtual_loop();
        // A clone is as good.
        let handle = event_loop.handle().clone();
        let thread = OsThread::current();
        let helper = thread::spawn(move || {
            assert!(stands_still(&handle));
            thread.wait_for_sleep(|| false);
            drop(handle);
        });
        is_deadlock(&panic_text(|| event_loop.run(|| block_on(pending::<()>()))));
        helper.join().unwrap();
    });
}

#[test]
fn s6_a_waker_on_another_thread_is_no_hope_without_a_handle() {
    comes_to_an_end(|| {
        let (sender, wakers) = channel::<Waker>();
        let never = Arc::new(AtomicBool::new(false));
        is_deadlock(&panic_text(|| virtual_loop().run(|| block_on(until_set(never, sender)))));
        assert_eq!(wakers.into_iter().count(), 1);
    });
}

#[test]
fn s6_a_waker_on_another_thread_works_with_a_handle() {
    for _ in 0..20 {
        let (sender, wakers) = channel::<Waker>();
        let set = Arc::new(AtomicBool::new(false));
        let theirs = set.clone();
        let event_loop = virtual_loop();
        let handle = event_loop.handle();
        let helper = thread::spawn(move || {
            let waker = wakers.recv().unwrap();
            theirs.store(true, SeqCst);
            waker.wake();
            drop(handle);
        });
        event_loop.run(|| block_on(until_set(set, sender)));
        helper.join().unwrap();
    }
}

#[test]
fn s6_a_waker_that_went_before_is_no_hope() {
    comes_to_an_end(|| {
        let (sender, wakers) = channel::<Waker>();
        let never = Arc::new(AtomicBool::new(false));
        is_deadlock(&panic_text(|| {
            virtual_loop().run(|| {
                spawn(move || wakers.into_iter().for_each(drop));
                block_on(until_set(never, sender))
            })
        }));
    });
}

/// Its own waker does not help a task that waits, however often it waits for a future inside of a future.
#[test]
fn s6_a_future_inside_a_future_is_no_hope() {
    comes_to_an_end(|| {
        is_deadlock(&panic_text(|| virtual_loop().run(|| block_on(async { block_on(pending::<()>()) }))));
    });
}

/// The waker lies with a task of the same loop, which waits itself.
#[test]
fn s6_an_awaited_task_that_waits_is_no_hope() {
    comes_to_an_end(|| {
        let text = panic_text(|| {
            virtual_loop().run(|| {
                let other = spawn(|| block_on(pending::<()>()));
                block_on(async { other.await.is_ok() })
            })
        });
        is_deadlock(&text);
        assert_eq!(text.lines().count(), 3, "{text}");
    });
}

/// A task joins one of a loop on another thread, which is about to end it.
#[test]
fn s6_a_task_of_another_loop_that_is_joined_is_hope() {
    let may_end = Arc::new(AtomicBool::new(false));
    let theirs = may_end.clone();
    let (sender, tasks) = channel();
    let other = thread::spawn(move || {
        let event_loop = EventLoop::new().unwrap();
        let task = event_loop.spawn(move || {
            while !theirs.load(SeqCst) {
                yield_now();
            }
            7
        });
        sender.send(task).unwrap();
        event_loop.run_until_idle();
    });
    let task = tasks.recv().unwrap();
    let (thread, over) = (OsThread::current(), Arc::new(AtomicBool::new(false)));
    let is_over = over.clone();
    let (waits, is_waiting) = channel::<()>();
    let helper = thread::spawn(move || {
        is_waiting.recv().unwrap();
        thread.wait_for_sleep(|| is_over.load(SeqCst));
        may_end.store(true, SeqCst);
    });
    let join = move || {
        waits.send(()).unwrap();
        task.join().unwrap()
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| virtual_loop().run(join)));
    over.store(true, SeqCst);
    helper.join().unwrap();
    other.join().unwrap();
    assert_eq!(outcome.ok(), Some(7), "a deadlock was reported");
}

/// With a real clock nothing is detected: a token on another thread may still end the wait.
#[test]
fn s6_without_virtual_time_there_is_no_detection() {
    let (tokens, arrived) = channel::<corro::CancelToken>();
    let thread = OsThread::current();
    let helper = thread::spawn(move || {
        let token = arrived.recv().unwrap();
        thread.wait_for_sleep(|| false);
        token.cancel();
    });
    corro::run(|| {
        let outcome = cancel_scope(|token| {
            tokens.send(token.clone()).unwrap();
            block_on(pending::<()>())
        });
        assert!(outcome.is_err());
    });
    helper.join().unwrap();
}

/// A waker is no reason for the clock to stand: only descriptors, closures and the like are.
#[test]
fn s6_the_clock_jumps_in_spite_of_wakers_and_handles() {
    let event_loop = virtual_loop();
    let _handle = event_loop.handle();
    let kept = Mutex::new(None);
    event_loop.run(|| {
        let outcome = corro::timeout(HOUR, || {
            block_on(poll_fn(|context| {
                *kept.lock().unwrap() = Some(context.waker().clone());
                Poll::<()>::Pending
            }))
        });
        assert!(outcome.is_err());
        sleep(HOUR);
    });
}
