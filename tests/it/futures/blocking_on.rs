//! `block_on` in tasks, on plain threads, and where it cannot wait.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread;

use corro::{EventLoop, block_on, cancel_scope, shield, sleep, spawn, spawn_local, timeout, yield_now};

use super::{Flag, HOUR, in_tasks_and_on_a_thread, until};
use crate::generator::child::aborts;
use crate::generator::{Guard, Trace, panic_text, while_unwinding};
use crate::schedulers::{everywhere, virtually};
use crate::virtual_time::comes_to_an_end;

#[test]
fn t11_a_future_that_is_ready_is_no_wait() {
    in_tasks_and_on_a_thread(|| {
        assert_eq!(block_on(ready(7)), 7);
        let text = String::from("borrowed");
        assert_eq!(block_on(async { &text }), "borrowed");
        let turns = Rc::new(Cell::new(0));
        let flag = Flag::default();
        flag.set();
        let theirs = turns.clone();
        let polled = poll_fn(move |_| {
            theirs.set(theirs.get() + 1);
            Poll::Ready(())
        });
        block_on(polled);
        block_on(flag.clone());
        assert_eq!((turns.get(), flag.polls()), (1, 1));
    });
}

#[test]
fn t11_another_task_wakes() {
    everywhere(|| {
        let (flag, theirs) = (Flag::default(), Flag::default());
        let (first, second) = (flag.clone(), theirs.clone());
        let other = spawn(move || {
            block_on(first);
            second.set();
        });
        yield_now();
        flag.set();
        block_on(theirs);
        other.join().unwrap();
    });
}

#[test]
fn t11_the_task_parks_and_the_others_run() {
    corro::run(|| {
        let (flag, trace) = (Flag::default(), Trace::new());
        let (set, told) = (flag.clone(), trace.clone());
        let other = spawn(move || {
            for word in ["1", "2", "3"] {
                told.say(word);
                yield_now();
            }
            set.set();
        });
        block_on(flag.clone());
        trace.said(&["1", "2", "3"]);
        assert_eq!(flag.polls(), 2, "nobody polls without a wake");
        other.join().unwrap();
    });
}

#[test]
fn t11_another_thread_wakes() {
    in_tasks_and_on_a_thread(|| {
        for _ in 0..100 {
            let flag = Flag::default();
            let theirs = flag.clone();
            let other = thread::spawn(move || theirs.set());
            block_on(flag);
            other.join().unwrap();
        }
    });
}

/// The wake comes between the poll and the park: in the poll itself, from this thread and from another.
#[test]
fn t11_a_wake_before_the_park_is_kept() {
    in_tasks_and_on_a_thread(|| {
        for by_thread in [false, true] {
            let mut polls = 0;
            let future = poll_fn(|context| {
                polls += 1;
                let waker = context.waker().clone();
                match by_thread {
                    true => thread::spawn(|| waker.wake()).join().unwrap(),
                    false => waker.wake_by_ref(),
                }
                if polls < 100 { Poll::Pending } else { Poll::Ready(()) }
            });
            block_on(future);
            assert_eq!(polls, 100);
        }
    });
}

/// A future that gives way in the manner of futures: it wakes itself and is pending.
#[test]
fn t11_a_future_that_wakes_itself_lets_the_others_run() {
    comes_to_an_end(|| {
        everywhere(|| {
            let turns = Arc::new(AtomicUsize::new(0));
            let theirs = turns.clone();
            let other = spawn_local(move || {
                for _ in 0..50 {
                    theirs.fetch_add(1, SeqCst);
                    yield_now();
                }
            });
            block_on(poll_fn(|context| {
                context.waker().wake_by_ref();
                if turns.load(SeqCst) < 50 { Poll::Pending } else { Poll::Ready(()) }
            }));
            other.join().unwrap();
        });
    });
}

#[test]
fn t11_a_future_that_panics() {
    in_tasks_and_on_a_thread(|| {
        let trace = Trace::new();
        let text = panic_text(|| {
            block_on(async {
                let _held = trace.guard("the future was dropped");
                resume_unwind(Box::new("in the future".to_owned()))
            })
        });
        assert_eq!(text, "in the future");
        trace.said(&["the future was dropped"]);
        // What runs here waits as before.
        let flag = Flag::default();
        let theirs = flag.clone();
        let other = thread::spawn(move || theirs.set());
        block_on(flag);
        other.join().unwrap();
    });
}

#[test]
fn t11_cancelling_drops_the_future() {
    everywhere(|| {
        let trace = Trace::new();
        let flag = Flag::default();
        let (told, theirs) = (trace.clone(), flag.clone());
        let task = spawn_local(move || {
            block_on(async {
                let _held = told.guard("the future was dropped");
                theirs.await;
                told.say("went on");
            });
            told.say("went on");
        });
        until(|| flag.waker().is_some());
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        trace.said(&["the future was dropped"]);
        // Nobody is there to be woken.
        flag.set();
        let gone = timeout(std::time::Duration::from_millis(1), || block_on(pending::<()>()));
        assert!(gone.is_err());
    });
}

#[test]
fn t2_block_on_is_a_cancellation_point_also_when_the_future_is_ready() {
    everywhere(|| {
        let polled = Cell::new(false);
        let gone = cancel_scope(|token| {
            token.cancel();
            block_on(async { polled.set(true) });
        });
        assert!(gone.is_err() && !polled.get());
        let held = cancel_scope(|token| {
            token.cancel();
            shield(|| block_on(async { polled.set(true) }));
        });
        assert!(held.is_ok() && polled.get());
    });
}

/// A result that is there when the cancellation comes is not lost.
#[test]
fn t11_a_future_that_is_ready_as_its_task_is_cancelled() {
    everywhere(|| {
        let outcome = cancel_scope(|token| {
            block_on(async {
                token.cancel();
                "the value"
            })
        });
        assert_eq!(outcome, Ok("the value"));
    });
}

/// A future whose destructor waits.
struct WaitsInDrop {
    _held: Guard,
}

impl Future for WaitsInDrop {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl Drop for WaitsInDrop {
    fn drop(&mut self) {
        sleep(std::time::Duration::from_millis(1));
        yield_now();
        block_on(ready(()));
    }
}

#[test]
fn t11_the_destructor_of_a_future_may_wait() {
    in_tasks_and_on_a_thread(|| {
        let trace = Trace::new();
        block_on(WaitsInDrop { _held: trace.guard("dropped") });
        trace.said(&["dropped"]);
    });
    // In a cancellation it does not wait, and does no harm.
    everywhere(|| {
        let trace = Trace::new();
        let gone = cancel_scope(|token| {
            let waits = WaitsInDrop { _held: trace.guard("dropped") };
            block_on(async {
                let _waits = waits;
                token.cancel();
                pending::<()>().await;
            });
        });
        assert!(gone.is_err());
        trace.said(&["dropped"]);
    });
}

#[test]
fn t11_a_future_may_use_what_blocks() {
    in_tasks_and_on_a_thread(|| {
        let sum = block_on(async {
            sleep(std::time::Duration::from_millis(1));
            yield_now();
            corro::unblock(|| 3) + ready(4).await
        });
        assert_eq!(sum, 7);
    });
}

#[test]
fn t11_block_on_nests() {
    in_tasks_and_on_a_thread(|| {
        let (outer, inner) = (Flag::default(), Flag::default());
        let (first, second) = (inner.clone(), outer.clone());
        let other = thread::spawn(move || {
            first.set();
            second.set();
        });
        block_on(async {
            block_on(inner);
            outer.await;
        });
        other.join().unwrap();
    });
}

#[test]
fn t11_block_on_in_a_generator_parks_the_task() {
    virtually(|| {
        let flag = Flag::default();
        let theirs = flag.clone();
        let mut generator = corro::Generator::new(move |co: &corro::Co<u8>| {
            block_on(theirs);
            co.yield_(1);
        });
        drop(spawn(move || {
            sleep(HOUR);
            flag.set();
        }));
        crate::generator::yields(generator.start(), 1);
    });
}

#[test]
fn t8_block_on_in_a_callback_panics_with_a_sentence_where_it_would_wait() {
    let event_loop = EventLoop::new().unwrap();
    let text = Rc::new(RefCell::new(None));
    let told = text.clone();
    event_loop.call_soon(move || {
        assert_eq!(block_on(ready(3)), 3);
        *told.borrow_mut() = Some(panic_text(|| block_on(pending::<()>())));
    });
    event_loop.run(yield_now);
    let text = text.take().unwrap();
    assert!(text.contains("callback") && text.contains("cannot wait"), "{text}");
}

#[test]
fn t7_block_on_while_unwinding_takes_what_is_ready_and_else_panics() {
    everywhere(|| {
        while_unwinding(|| {
            assert_eq!(block_on(ready(3)), 3);
            let trace = Trace::new();
            let text = panic_text(|| {
                block_on(async {
                    let _held = trace.guard("dropped");
                    pending::<()>().await
                })
            });
            assert!(text.contains("`block_on` would have to wait"), "{text}");
            trace.said(&["dropped"]);
        });
    });
}

#[test]
fn t7_block_on_in_a_destructor_aborts_with_a_sentence() {
    struct Waits;
    impl Drop for Waits {
        fn drop(&mut self) {
            block_on(pending::<()>());
        }
    }
    let stderr = aborts(|| {
        corro::run(|| {
            let _waits = Waits;
            resume_unwind(Box::new("unwinding"))
        })
    });
    assert!(stderr.contains("`block_on` would have to wait"), "{stderr}");
}

/// On a plain thread nothing is promised of tasks: a destructor blocks the thread as any call does.
#[test]
fn t8_block_on_while_a_plain_thread_unwinds_blocks_it() {
    let flag = Flag::default();
    let theirs = flag.clone();
    let other = thread::spawn(move || {
        while theirs.waker().is_none() {
            thread::yield_now();
        }
        theirs.set();
    });
    while_unwinding(|| block_on(flag));
    other.join().unwrap();
}

/// Two futures, the first that is ready counts.
async fn select<A: Future, B: Future>(first: A, second: B) -> Result<A::Output, B::Output> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|context| match first.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Ok(value)),
        Poll::Pending => second.as_mut().poll(context).map(Err),
    })
    .await
}

#[test]
fn t11_select_by_hand() {
    everywhere(|| {
        let quick = spawn(|| {
            (0..3).for_each(|_| yield_now());
            "quick"
        });
        let slow = spawn(|| sleep(HOUR));
        let mut slow = slow;
        let winner = block_on(select(quick, &mut slow)).map_err(|_| "slow").unwrap();
        assert_eq!(winner.unwrap(), "quick");
        // The one that lost stays usable.
        slow.cancel();
        assert!(slow.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn t9_a_std_guard_across_a_wait_comes_back_on_the_same_thread() {
    everywhere(|| {
        let lock = Arc::new(Mutex::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (lock, over) = (lock.clone(), over.clone());
                spawn(move || {
                    let before = thread::current().id();
                    // `try_lock`: to wait for a guard that a task of this thread holds would be for ever.
                    loop {
                        if let Ok(mut guard) = lock.try_lock() {
                            *guard += 1;
                            (0..3).for_each(|_| yield_now());
                            over.store(*guard == 4, SeqCst);
                            assert_eq!(thread::current().id(), before);
                            return;
                        }
                        yield_now();
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert!(over.load(SeqCst) && *lock.lock().unwrap() == 4);
    });
}

/// A cancellation unwinds through a guard of `std`: released, and poisoned as by any panic.
#[test]
fn t9_a_std_guard_is_released_by_a_cancellation() {
    everywhere(|| {
        let lock = Arc::new(Mutex::new(()));
        let theirs = lock.clone();
        let ready = Arc::new(AtomicBool::new(false));
        let tells = ready.clone();
        let task = spawn(move || {
            let _guard = theirs.lock().unwrap();
            tells.store(true, SeqCst);
            sleep(HOUR);
        });
        until(|| ready.load(SeqCst));
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert!(!matches!(lock.try_lock(), Err(std::sync::TryLockError::WouldBlock)));
    });
}
