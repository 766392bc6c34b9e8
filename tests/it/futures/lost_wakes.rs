//! T11: a wake that comes while the poll itself waits for something else must not be lost.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::mpsc::channel;
use std::task::Poll;
use std::thread;

use corro::{block_on, scope, sleep, spawn, yield_now};

use super::{Flag, HOUR};
use crate::schedulers::virtually;
use crate::virtual_time::{OsThread, comes_to_an_end};

/// Polls `flag`, then does `wait` before it says that it is pending; once.
fn waits_in_poll(flag: Flag, wait: impl FnOnce()) -> impl Future<Output = ()> {
    let (mut flag, mut wait) = (flag, Some(wait));
    poll_fn(move |context| {
        let polled = Pin::new(&mut flag).poll(context);
        if let Some(wait) = wait.take() {
            wait();
        }
        polled
    })
}

/// On a loop with virtual time a lost wake is a deadlock, and so a panic.
#[test]
fn t11_a_wake_while_the_poll_sleeps_is_kept() {
    virtually(|| {
        let flag = Flag::default();
        let theirs = flag.clone();
        drop(spawn(move || theirs.set()));
        block_on(waits_in_poll(flag, || sleep(HOUR)));
    });
}

#[test]
fn t11_a_wake_while_the_poll_gives_way_is_kept() {
    virtually(|| {
        let flag = Flag::default();
        let theirs = flag.clone();
        drop(spawn(move || theirs.set()));
        block_on(waits_in_poll(flag, || (0..3).for_each(|_| yield_now())));
    });
}

#[test]
fn t11_a_wake_while_the_poll_joins_is_kept() {
    virtually(|| {
        let flag = Flag::default();
        let theirs = flag.clone();
        let task = spawn(move || theirs.set());
        block_on(waits_in_poll(flag, || task.join().unwrap()));
    });
}

#[test]
fn t11_a_wake_while_the_poll_waits_for_a_scope_is_kept() {
    virtually(|| {
        let flag = Flag::default();
        let theirs = flag.clone();
        block_on(waits_in_poll(flag, || {
            scope(|s| {
                s.spawn(|| theirs.set());
            })
        }));
    });
}

#[test]
fn t11_a_wake_while_the_poll_is_in_unblock_is_kept() {
    virtually(|| {
        let flag = Flag::default();
        let theirs = flag.clone();
        block_on(waits_in_poll(flag, || corro::unblock(move || theirs.set())));
    });
}

#[test]
fn t11_a_wake_of_the_outer_future_while_an_inner_one_is_awaited_is_kept() {
    virtually(|| {
        let (outer, inner) = (Flag::default(), Flag::default());
        let (first, second) = (outer.clone(), inner.clone());
        drop(spawn(move || {
            first.set();
            yield_now();
            second.set();
        }));
        block_on(waits_in_poll(outer, || block_on(inner)));
    });
}

/// The same on a plain thread, where a lost wake is a hang.
#[test]
fn t11_a_wake_of_the_outer_future_on_a_plain_thread_is_kept() {
    comes_to_an_end(|| {
        let (outer, inner) = (Flag::default(), Flag::default());
        let (first, second) = (outer.clone(), inner.clone());
        let thread = OsThread::current();
        let other = thread::spawn(move || {
            while first.waker().is_none() || second.waker().is_none() {
                thread::yield_now();
            }
            first.set();
            // The inner `block_on` sleeps again, if it was woken for that.
            thread.wait_for_sleep(|| false);
            second.set();
        });
        block_on(waits_in_poll(outer, || block_on(inner)));
        other.join().unwrap();
    });
}

#[test]
fn t11_a_join_on_a_plain_thread_in_a_poll_keeps_the_wake() {
    comes_to_an_end(|| {
        let event_loop = corro::EventLoop::new().unwrap();
        let flag = Flag::default();
        let theirs = flag.clone();
        let (sender, threads) = channel::<OsThread>();
        let task = event_loop.spawn(move || {
            let thread = threads.recv().unwrap();
            while theirs.waker().is_none() {
                thread::yield_now();
            }
            // It sleeps in `join`, and again after the wake, which is not for that.
            thread.wait_for_sleep(|| false);
            theirs.set();
            thread.wait_for_sleep(|| false);
        });
        let waits = thread::spawn(move || {
            sender.send(OsThread::current()).unwrap();
            block_on(waits_in_poll(flag, || task.join().unwrap()))
        });
        event_loop.run_until_idle();
        waits.join().unwrap();
    });
}

/// What people write: two branches in one future, of which one blocks the plain way.
#[test]
fn t11_join_of_two_futures_of_which_one_blocks() {
    virtually(|| {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        drop(spawn(move || sender.send(7).unwrap()));
        let other = spawn(|| {
            (0..3).for_each(|_| yield_now());
            8
        });
        // Whether the wake was lost shows in an hour at the latest.
        let outcome = corro::timeout(HOUR, || {
            block_on(async {
                let (mut receives, mut other) = (pin!(receiver), Some(other));
                let (mut left, mut right) = (None, None);
                poll_fn(|context| {
                    if left.is_none()
                        && let Poll::Ready(value) = receives.as_mut().poll(context)
                    {
                        left = Some(value.unwrap());
                    }
                    if let Some(task) = other.take() {
                        right = Some(task.join().unwrap());
                    }
                    match (left, right) {
                        (Some(left), Some(right)) => Poll::Ready((left, right)),
                        _ => Poll::Pending,
                    }
                })
                .await
            })
        });
        assert_eq!(outcome, Ok((7, 8)));
    });
}
