//! T1 and T11: a `JoinHandle` as a future, awaited in `block_on`.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::thread;

use corro::{EventLoop, JoinHandle, block_on, channel, sleep, spawn, spawn_local, yield_now};

use super::{HOUR, until};
use crate::generator::panic_text;
use crate::schedulers::everywhere;

#[test]
fn t1_an_awaited_handle_gives_what_join_gives() {
    everywhere(|| {
        let value = spawn(|| {
            (0..3).for_each(|_| yield_now());
            7
        });
        assert_eq!(block_on(value).unwrap(), 7);
        let failing: JoinHandle<()> = spawn(|| {
            yield_now();
            resume_unwind(Box::new("payload"))
        });
        assert_eq!(block_on(failing).unwrap_err().into_panic().downcast_ref(), Some(&"payload"));
        let cancelled = spawn(|| sleep(HOUR));
        cancelled.cancel();
        assert!(block_on(cancelled).unwrap_err().is_cancelled());
    });
}

#[test]
fn t1_a_handle_that_ended_is_ready() {
    everywhere(|| {
        let ended = spawn(|| String::from("text"));
        until(|| ended.is_finished());
        assert_eq!(block_on(ended).unwrap(), "text");
    });
}

#[test]
fn t1_many_handles_awaited_at_once() {
    everywhere(|| {
        let mut handles: Vec<_> = (0..50)
            .map(|number: usize| {
                spawn(move || {
                    (0..50 - number).for_each(|_| yield_now());
                    number
                })
            })
            .collect();
        let mut sum = 0;
        block_on(std::future::poll_fn(|context| {
            handles.retain_mut(|handle| match Pin::new(handle).poll(context) {
                std::task::Poll::Ready(value) => {
                    sum += value.unwrap();
                    false
                }
                std::task::Poll::Pending => true,
            });
            match handles.is_empty() {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        }));
        assert_eq!(sum, 49 * 50 / 2);
    });
}

#[test]
fn t1_cancelling_who_awaits_leaves_the_awaited() {
    everywhere(|| {
        let (go, goes) = channel::oneshot();
        let mut task = spawn(move || goes.recv().unwrap());
        let gone = corro::cancel_scope(|token| {
            let token = token.clone();
            drop(spawn(move || token.cancel()));
            block_on(&mut task).is_ok()
        });
        assert!(gone.is_err());
        go.send(7).unwrap();
        assert_eq!(task.join().unwrap(), 7);
    });
}

#[test]
fn t1_polled_after_its_result_a_handle_panics_with_a_sentence() {
    everywhere(|| {
        let mut task = spawn(|| 7);
        assert_eq!(block_on(&mut task).unwrap(), 7);
        let text = panic_text(|| block_on(&mut task).is_ok());
        assert!(text.contains("polled after"), "{text}");
    });
}

/// A handle that is no longer polled tells nobody; whoever polled it does not mind.
#[test]
fn t1_a_handle_is_dropped_after_a_poll() {
    everywhere(|| {
        let mut task = spawn_local(yield_now);
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        block_on(std::future::poll_fn(|context| {
            assert!(Pin::new(&mut task).poll(context).is_pending());
            std::task::Poll::Ready(())
        }));
        drop(task);
        (0..5).for_each(|_| yield_now());
    });
}

#[test]
fn t1_handles_are_awaited_across_loops() {
    for round in 0..20_usize {
        let (sender, receiver) = std::sync::mpsc::channel();
        let other = thread::spawn(move || {
            corro::run(|| {
                let tasks = (0..20).map(|number| {
                    spawn(move || {
                        (0..number % 5).for_each(|_| yield_now());
                        number
                    })
                });
                let (over, is_over) = tokio::sync::oneshot::channel::<()>();
                sender.send((tasks.collect::<Vec<_>>(), over)).unwrap();
                // Until the other loop is done.
                block_on(is_over).unwrap();
            });
        });
        let (tasks, over) = receiver.recv().unwrap();
        let await_all = move || tasks.into_iter().map(|task| block_on(task).unwrap()).sum::<usize>();
        let sum = match round % 2 {
            0 => corro::run(await_all),
            _ => await_all(),
        };
        assert_eq!(sum, 19 * 20 / 2);
        over.send(()).unwrap();
        other.join().unwrap();
    }
}

#[test]
fn t1_a_handle_is_awaited_on_a_plain_thread_as_its_loop_is_dropped() {
    for _ in 0..50 {
        let event_loop = EventLoop::new().unwrap();
        let task = event_loop.handle().spawn(|| sleep(HOUR));
        let other = thread::spawn(move || block_on(task).unwrap_err().is_cancelled());
        event_loop.run(yield_now);
        drop(event_loop);
        assert!(other.join().unwrap());
    }
}
