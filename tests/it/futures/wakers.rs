//! T11: what wakers may be used for, and when.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Barrier};
use std::task::{Poll, Waker};
use std::thread;

use corro::{EventLoop, block_on, cancel_scope, sleep, spawn, yield_now};

use super::{Flag, HOUR, in_tasks_and_on_a_thread, until};
use crate::schedulers::{everywhere, virtually};

/// A waker of a task that has ended, on a loop that goes on or is gone.
fn late_waker() -> Waker {
    let (sender, wakers) = channel();
    block_on(poll_fn(move |context| {
        sender.send(context.waker().clone()).unwrap();
        Poll::Ready(())
    }));
    wakers.recv().unwrap()
}

#[test]
fn t11_wakes_in_vain_are_polls_and_no_more() {
    in_tasks_and_on_a_thread(|| {
        let flag = Flag::default();
        let theirs = flag.clone();
        let other = thread::spawn(move || {
            let waker = loop {
                if let Some(waker) = theirs.waker() {
                    break waker;
                }
                thread::yield_now();
            };
            for round in 0..500 {
                waker.wake_by_ref();
                if round % 10 == 0 {
                    thread::yield_now();
                }
            }
            theirs.set();
        });
        block_on(flag.clone());
        assert!(flag.polls() >= 2 && flag.polls() <= 503, "{} polls", flag.polls());
        other.join().unwrap();
    });
}

/// A token that is left over ends no other wait too early.
#[test]
fn t11_a_wake_in_vain_ends_no_other_wait() {
    virtually(|| {
        let start = corro::time::now();
        block_on(poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::Ready(())
        }));
        sleep(HOUR);
        assert_eq!(corro::time::now() - start, HOUR);
        let flag = Flag::default();
        let theirs = flag.clone();
        let task = spawn(|| sleep(HOUR));
        block_on(poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::Ready(())
        }));
        task.join().unwrap();
        drop(spawn(move || {
            sleep(HOUR);
            theirs.set();
        }));
        block_on(flag);
        assert_eq!(corro::time::now() - start, 3 * HOUR);
    });
}

#[test]
fn t11_wakes_after_the_future_has_ended_do_no_harm() {
    in_tasks_and_on_a_thread(|| {
        let waker = late_waker();
        waker.wake_by_ref();
        sleep(std::time::Duration::from_millis(1));
        let theirs = waker.clone();
        let other = thread::spawn(move || (0..1000).for_each(|_| theirs.wake_by_ref()));
        for _ in 0..100 {
            corro::unblock(|| ());
            let flag = Flag::default();
            let set = flag.clone();
            drop(thread::spawn(move || set.set()));
            block_on(flag);
        }
        other.join().unwrap();
        waker.wake();
    });
}

#[test]
fn t11_a_waker_may_be_kept_after_its_task_and_its_loop() {
    let event_loop = EventLoop::new().unwrap();
    let task = event_loop.spawn(late_waker);
    let waker = event_loop.run(|| task.join().unwrap());
    waker.wake_by_ref();
    event_loop.run(yield_now);
    drop(event_loop);
    waker.wake_by_ref();
    let clone = waker.clone();
    thread::spawn(move || clone.wake()).join().unwrap();
    // Another loop has taken the place of the first.
    corro::run(move || {
        waker.wake_by_ref();
        yield_now();
        waker.wake_by_ref();
        yield_now();
        drop(waker);
    });
}

#[test]
fn t11_a_waker_may_be_kept_after_its_thread() {
    let waker = thread::spawn(late_waker).join().unwrap();
    waker.wake_by_ref();
    waker.wake_by_ref();
    drop(waker);
}

#[test]
fn t11_a_waker_of_a_task_that_was_cancelled() {
    everywhere(|| {
        let flag = Flag::default();
        let theirs = flag.clone();
        let gone = cancel_scope(|token| {
            let waits = flag.clone();
            let token = token.clone();
            drop(spawn(move || {
                until(|| waits.waker().is_some());
                token.cancel();
            }));
            block_on(flag.clone());
        });
        assert!(gone.is_err());
        let waker = theirs.waker().unwrap();
        (0..10).for_each(|_| waker.wake_by_ref());
        sleep(std::time::Duration::from_millis(1));
        thread::spawn(move || waker.wake()).join().unwrap();
        yield_now();
    });
}

#[test]
fn t11_a_million_clones() {
    in_tasks_and_on_a_thread(|| {
        let mut clones = vec![];
        block_on(poll_fn(|context| {
            clones = vec![context.waker().clone(); 1_000_000];
            Poll::Ready(())
        }));
        assert!(clones.windows(2).all(|pair| pair[0].will_wake(&pair[1])));
        let half = clones.split_off(500_000);
        let other = thread::spawn(move || half.into_iter().for_each(drop));
        clones.into_iter().for_each(|waker| waker.wake());
        other.join().unwrap();
        yield_now();
    });
}

#[test]
fn t11_wakes_of_tasks_in_all_states() {
    everywhere(|| {
        let flag = Flag::default();
        let theirs = flag.clone();
        let (go_on, goes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (may_go, told) = (go_on.clone(), goes.clone());
        let task = spawn(move || {
            block_on(theirs);
            // Gives way: a wake is kept for its next wait, which is in vain then.
            until(|| may_go.load(SeqCst));
            told.fetch_add(1, SeqCst);
            corro::unblock(|| ());
            sleep(std::time::Duration::from_millis(1));
            told.fetch_add(1, SeqCst);
        });
        until(|| flag.waker().is_some());
        let waker = flag.waker().unwrap();
        waker.wake_by_ref();
        waker.wake_by_ref();
        flag.set();
        flag.set();
        for _ in 0..5 {
            yield_now();
            waker.wake_by_ref();
        }
        go_on.store(true, SeqCst);
        while !task.is_finished() {
            waker.wake_by_ref();
            yield_now();
        }
        waker.wake_by_ref();
        task.join().unwrap();
        assert_eq!(goes.load(SeqCst), 2);
        waker.wake();
    });
}

/// Tasks wait for flags that threads set, while other threads wake at random.
#[test]
fn t11_stress_no_wake_is_lost() {
    const TASKS: usize = 200;
    everywhere(|| {
        for round in 0..5 {
            let flags: Vec<Flag> = (0..TASKS).map(|_| Flag::default()).collect();
            let tasks: Vec<_> = flags.iter().cloned().map(|flag| spawn(move || block_on(flag))).collect();
            let start = Arc::new(Barrier::new(3));
            let threads: Vec<_> = (0..3_usize)
                .map(|thread| {
                    let (flags, start) = (flags.clone(), start.clone());
                    thread::spawn(move || {
                        let mut random = fastrand::Rng::with_seed((10 * round + thread) as u64);
                        start.wait();
                        match thread {
                            0 => flags.iter().for_each(Flag::set),
                            _ => (0..2000).for_each(|_| {
                                if let Some(waker) = flags[random.usize(..TASKS)].waker() {
                                    waker.wake();
                                }
                            }),
                        }
                    })
                })
                .collect();
            tasks.into_iter().for_each(|task| task.join().unwrap());
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    });
}

/// Wakers of tasks of loops that come and go, woken by a thread that does not know.
#[test]
fn t11_stress_wakers_of_loops_that_are_gone() {
    let (sender, wakers): (_, Receiver<Waker>) = channel();
    let other = thread::spawn(move || {
        let mut kept = std::collections::VecDeque::new();
        for waker in wakers {
            waker.wake_by_ref();
            kept.push_back(waker);
            if kept.len() > 50 {
                kept.pop_front().unwrap().wake();
            }
            kept.iter().for_each(Waker::wake_by_ref);
        }
    });
    for round in 0..100 {
        let sender = sender.clone();
        corro::run(move || {
            let tasks = (0..5).map(|_| {
                let sender = sender.clone();
                let mut polls = 0;
                spawn(move || {
                    block_on(poll_fn(|context| {
                        sender.send(context.waker().clone()).unwrap();
                        polls += 1;
                        if polls > round % 3 { Poll::Ready(()) } else { Poll::Pending }
                    }))
                })
            });
            let tasks: Vec<_> = tasks.collect();
            if round % 2 == 0 {
                tasks.into_iter().for_each(|task| task.join().unwrap());
            }
        });
    }
    drop(sender);
    other.join().unwrap();
}
