//! Which arm is done: exactly one, fairly, in turn with other waiters, and none if the task is cancelled.

use std::collections::HashSet;

use corro::channel::{self, TryRecvError};
use corro::task::{Builder, Placement};
use corro::{EventLoop, cancel_scope, scope, select, spawn, spawn_local, yield_now};

use super::arms::{idle, sockets};
use crate::schedulers::{everywhere, virtually};
use crate::support::{
    Drops, HOUR, Log, cancelled, is_a_cancellation_point, is_no_cancellation_point, ms, waiter, yields,
};

#[test]
fn c5_two_arms_that_are_always_ready_are_both_taken() {
    everywhere(|| {
        let ((tx, rx), (other, from_other)) = (channel::unbounded(), channel::unbounded());
        let rounds = 1_000;
        for _ in 0..rounds {
            tx.send(()).unwrap();
            other.send(()).unwrap();
        }
        for _ in 0..rounds {
            select! {
                recv(rx) -> _ => {}
                recv(from_other) -> _ => {}
            }
        }
        // Fewer than one in four would come up once in 10^60 times.
        assert!(rx.len() > rounds / 4 && from_other.len() > rounds / 4, "{} and {}", rx.len(), from_other.len());
    });
}

#[test]
fn c5_arms_of_all_kinds_have_their_turn() {
    everywhere(|| {
        let (tx, rx) = channel::unbounded();
        let (socket, _peer) = sockets();
        let mut taken = HashSet::new();
        for _ in 0..1_000 {
            tx.send(()).unwrap();
            let mut ended = spawn_local(|| ());
            while !ended.is_finished() {
                yield_now();
            }
            taken.insert(select! {
                recv(rx) -> _ => "recv",
                send(tx, ()) -> _ => "send",
                join(&mut ended) -> _ => "join",
                writable(&socket) => "writable",
                after(std::time::Duration::ZERO) => "after",
            });
        }
        assert_eq!(taken.len(), 5, "{taken:?}");
    });
}

#[test]
fn c5_with_a_seed_the_choice_is_reproducible() {
    let choices = |seed| {
        let event_loop = EventLoop::builder().seed(seed).build().unwrap();
        event_loop.run(|| {
            let ((tx, rx), (other, from_other)) = (channel::unbounded(), channel::unbounded());
            (0..64)
                .map(|_| {
                    tx.send(()).unwrap();
                    other.send(()).unwrap();
                    select! {
                        recv(rx) -> _ => 0,
                        recv(from_other) -> _ => 1,
                    }
                })
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(choices(1), choices(1));
    assert_ne!(choices(1), choices(2));
}

#[test]
fn c1_a_select_has_its_turn_among_other_waiters() {
    everywhere(|| {
        let (tx, rx) = channel::bounded(0);
        let (_held, never) = idle();
        let order = Log::default();
        let receivers: Vec<_> = (0..4)
            .map(|number| {
                let (rx, never, order) = (rx.clone(), never.clone(), order.clone());
                waiter(move || {
                    let got = if number % 2 == 0 {
                        select! {
                            recv(never) -> _ => panic!("nothing was sent"),
                            recv(rx) -> message => message.unwrap(),
                        }
                    } else {
                        rx.recv().unwrap()
                    };
                    order.push((number, got));
                })
            })
            .collect();
        for message in 0..4 {
            tx.send(message).unwrap();
        }
        receivers.into_iter().for_each(|receiver| receiver.join().unwrap());
        assert_eq!(order.take(), [(0, 0), (1, 1), (2, 2), (3, 3)]);
    });
}

#[test]
fn c3_exactly_one_arm_is_done() {
    everywhere(|| {
        let ((tx, rx), (other, from_other)) = (channel::bounded(1), channel::bounded(1));
        for round in 0..50 {
            let (one, two) = (rx.clone(), from_other.clone());
            let selector = waiter(move || {
                select! {
                    recv(one) -> message => message,
                    recv(two) -> message => message,
                }
            });
            // Both come before it runs: the first is handed over, the second stays.
            tx.send(round).unwrap();
            other.send(1_000 + round).unwrap();
            assert_eq!(selector.join().unwrap(), Ok(round));
            assert_eq!((rx.try_recv(), from_other.try_recv()), (Err(TryRecvError::Empty), Ok(1_000 + round)));
        }
    });
}

#[test]
fn c3_one_channel_may_be_in_several_arms() {
    everywhere(|| {
        let (tx, rx) = channel::bounded(0);
        let receiver = rx.clone();
        let selector = waiter(move || {
            select! {
                recv(receiver) -> message => message,
                recv(receiver) -> message => message,
            }
        });
        tx.send(1).unwrap();
        assert_eq!(selector.join().unwrap(), Ok(1));
        assert!(tx.try_send(2).is_err(), "the other arm is still in the queue");
        let selector = waiter(move || {
            select! {
                send(tx, 3) -> result => result,
                send(tx, 4) -> result => result,
            }
        });
        let got = rx.recv().unwrap();
        selector.join().unwrap().unwrap();
        assert!(got == 3 || got == 4);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    });
}

#[test]
fn c3_a_select_does_not_meet_itself() {
    everywhere(|| {
        let (tx, rx) = channel::bounded(0);
        let (one, two) = (tx.clone(), rx.clone());
        let selector = waiter(move || {
            select! {
                send(one, 1) -> result => { result.unwrap(); "sent" }
                recv(two) -> message => { message.unwrap(); "received" }
            }
        });
        yields(3);
        assert!(!selector.is_finished(), "it has handed itself a message");
        assert_eq!(rx.recv(), Ok(1));
        assert_eq!(selector.join().unwrap(), "sent");
        drop(tx);
    });
}

/// Each would send one message to the other and receive the other's. Whatever comes to pass, both see the same.
#[test]
fn c3_two_selects_meet() {
    everywhere(|| {
        for _ in 0..200 {
            let ((a, from_a), (b, from_b)) = (channel::bounded(0), channel::bounded(0));
            scope(|s| {
                let one = s.spawn(|| {
                    select! {
                        send(a, 1) -> result => { result.unwrap(); 1 }
                        recv(from_b) -> message => message.unwrap(),
                    }
                });
                let two = s.spawn(|| {
                    select! {
                        recv(from_a) -> message => message.unwrap(),
                        send(b, 2) -> result => { result.unwrap(); 2 }
                    }
                });
                let (one, two) = (one.join().unwrap(), two.join().unwrap());
                assert_eq!(one, two);
            });
        }
    });
}

/// Tasks on every worker send to and receive from two channels at once.
#[test]
fn c3_many_selects_meet_and_each_message_comes_once() {
    const EACH: u32 = 250;
    everywhere(|| {
        let ((a, from_a), (b, from_b)) = (channel::bounded(0), channel::bounded(1));
        let start = |body: Box<dyn FnOnce() -> Vec<u32> + Send>| {
            Builder::new().placement(Placement::Spread).spawn(body).expect("a stack")
        };
        let senders = (0..4).map(|sender| {
            let (a, b) = (a.clone(), b.clone());
            start(Box::new(move || {
                for number in sender * EACH..(sender + 1) * EACH {
                    select! {
                        send(a, number) -> result => result.unwrap(),
                        send(b, number) -> result => result.unwrap(),
                    }
                }
                Vec::new()
            }))
        });
        let receivers = (0..4).map(|_| {
            let (from_a, from_b) = (from_a.clone(), from_b.clone());
            start(Box::new(move || {
                let mut got = Vec::new();
                loop {
                    let message = select! {
                        recv(from_a) -> message => message.or_else(|_| from_b.recv()),
                        recv(from_b) -> message => message.or_else(|_| from_a.recv()),
                    };
                    match message {
                        Ok(number) => got.push(number),
                        Err(_) => return got,
                    }
                }
            }))
        });
        let tasks: Vec<_> = senders.chain(receivers).collect();
        drop((a, b));
        let mut all: Vec<u32> = tasks.into_iter().flat_map(|task| task.join().unwrap()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..4 * EACH).collect::<Vec<_>>());
    });
}

#[test]
fn t2_select_is_a_cancellation_point_and_default_is_none() {
    everywhere(|| {
        let (tx, rx) = channel::bounded(4);
        tx.send(1).unwrap();
        is_a_cancellation_point("select!", || select! { recv(rx) -> _ => {} });
        is_no_cancellation_point("select! with default", || {
            select! {
                recv(rx) -> message => assert_eq!(message, Ok(1)),
                default => panic!("the message was lost"),
            }
        });
    });
}

#[test]
fn c2_a_select_that_is_cancelled_while_it_waits_leaves_all_queues() {
    everywhere(|| {
        let drops = Drops::default();
        let ((tx, rx), (full, from_full)) = (channel::bounded(0), channel::bounded(0));
        let (mut sleeper, value) = (spawn(|| corro::sleep(HOUR)), drops.value());
        let (receiver, sender) = (rx.clone(), full.clone());
        let selector = waiter(move || {
            select! {
                recv(receiver) -> _ => panic!("nothing was sent"),
                send(sender, value) -> _ => panic!("nobody receives"),
                join(&mut sleeper) -> _ => panic!("it sleeps"),
                after(HOUR) => panic!("an hour has passed"),
            }
        });
        selector.cancel();
        cancelled(selector);
        assert_eq!(drops.count(), 1, "what was to be sent");
        assert!(tx.try_send(1).is_err() && from_full.try_recv().is_err(), "it stands in a queue still");
        drop((rx, full));
    });
}

/// Chosen, then cancelled before it ran: what it was handed goes to the next, in the order of coming.
#[test]
fn c2_a_select_that_was_chosen_and_is_cancelled_passes_on() {
    everywhere(|| {
        let (tx, rx) = channel::bounded(0);
        let (_held, never) = idle();
        let receiver = rx.clone();
        let selector = waiter(move || {
            select! {
                recv(never) -> _ => panic!("nothing was sent"),
                recv(receiver) -> _ => panic!("cancelled before"),
            }
        });
        let next = waiter(move || rx.recv());
        tx.send(1).unwrap();
        selector.cancel();
        cancelled(selector);
        assert_eq!(next.join().unwrap(), Ok(1));
    });
}

/// What was sent cannot be called back: the arm is done, and the cancellation comes at the next point.
#[test]
fn c3_a_select_whose_message_was_taken_is_done() {
    everywhere(|| {
        let (tx, rx) = channel::bounded(0);
        let (done, seen) = channel::unbounded();
        let selector = waiter(move || {
            select! { send(tx, 1) -> result => done.send(result).unwrap() }
            corro::checkpoint();
            panic!("cancelled before");
        });
        assert_eq!(rx.recv(), Ok(1));
        selector.cancel();
        // `send` is such a point itself, so that nothing comes but the end.
        cancelled(selector);
        assert!(seen.recv().is_err());
    });
}

#[test]
fn c3_an_end_that_was_seen_and_not_taken_stays_with_the_handle() {
    everywhere(|| {
        let (go, wait) = channel::bounded::<()>(0);
        let mut task = spawn_local(move || wait.recv().is_ok());
        let outcome = cancel_scope(|token| {
            let token = token.clone();
            let _detached = spawn_local(move || {
                go.send(()).unwrap();
                // The task ends and wakes the one that selects, which has not run when it is cancelled.
                yields(1);
                token.cancel();
            });
            select! { join(&mut task) -> _ => panic!("cancelled before") }
        });
        assert!(outcome.is_err());
        assert!(task.join().unwrap());
    });
}

#[test]
fn c3_a_timeout_around_a_select_loses_nothing() {
    virtually(|| {
        let (tx, rx) = channel::bounded(0);
        for number in 0..10 {
            let outcome = corro::timeout(ms(5), || select! { recv(rx) -> message => message });
            assert!(outcome.is_err());
            let sender = {
                let tx = tx.clone();
                spawn_local(move || tx.send(number))
            };
            assert_eq!(rx.recv(), Ok(number));
            sender.join().unwrap().unwrap();
        }
    });
}
