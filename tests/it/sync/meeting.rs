//! Condition variables, events, barriers.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use corro::sync::{Barrier, Condvar, Event, Mutex};
use corro::{Generator, Runtime, scope, spawn_local, time, timeout};

use crate::schedulers::{everywhere, virtually};
use crate::support::{
    HOUR, Log, cancelled, is_a_cancellation_point, is_no_cancellation_point, ms, on_drop, waiter, yields,
};

type Pair = Rc<(Mutex<u32>, Condvar)>;

fn pair() -> Pair {
    Pair::default()
}

#[test]
fn c1_a_notify_wakes_who_has_waited_longest() {
    everywhere(|| {
        let (pair, order) = (pair(), Log::default());
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                let (pair, order) = (pair.clone(), order.clone());
                waiter(move || {
                    let _guard = pair.1.wait(pair.0.lock());
                    order.push(n);
                })
            })
            .collect();
        pair.1.notify_one();
        yields(2);
        assert_eq!(order.take(), [0]);
        pair.1.notify_all();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(order.take(), [1, 2, 3]);
    });
}

#[test]
fn c2_a_notify_of_a_cancelled_waiter_goes_to_the_next() {
    everywhere(|| {
        let pair = pair();
        let tasks: Vec<_> =
            (0..3).map(|_| pair.clone()).map(|pair| waiter(move || drop(pair.1.wait(pair.0.lock())))).collect();
        let [first, second, third] = tasks.try_into().expect("three");
        pair.1.notify_one();
        first.cancel();
        cancelled(first);
        second.join().unwrap();
        assert!(!third.is_finished());
        third.cancel();
        cancelled(third);
    });
}

/// In all orders of a notify, a cancellation and the lock being busy.
#[test]
fn c6_a_wait_holds_the_lock_as_it_unwinds() {
    everywhere(|| {
        for (notified, contended) in [(false, false), (false, true), (true, false), (true, true)] {
            let (pair, held) = (pair(), Rc::new(Cell::new(false)));
            let (theirs, told) = (pair.clone(), held.clone());
            let task = waiter(move || {
                // The unwind drops the guard, which the wait has by then, first.
                let _after = on_drop(|| drop(theirs.0.try_lock().expect("the guard was dropped")));
                let guard = theirs.0.lock();
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    let _in_time = on_drop(|| told.set(true));
                    drop(theirs.1.wait(guard));
                }));
                assert!(outcome.is_err());
                corro::checkpoint();
            });
            if notified {
                pair.1.notify_one();
            }
            let guard = contended.then(|| pair.0.lock());
            task.cancel();
            yields(3);
            assert_eq!(held.get(), !contended, "it waits for the lock, and then unwinds");
            drop(guard);
            cancelled(task);
            assert!(held.get() && pair.0.try_lock().is_some());
        }
    });
}

#[test]
fn c6_a_wait_holds_the_lock_as_it_returns() {
    virtually(|| {
        let pair = pair();
        let (guard, result) = pair.1.wait_timeout(pair.0.lock(), ms(5));
        assert!(result.timed_out() && pair.0.try_lock().is_none());
        drop(guard);
        let theirs = pair.clone();
        let waiting = waiter(move || {
            let (guard, result) = theirs.1.wait_timeout_while(theirs.0.lock(), HOUR, |value| *value < 3);
            (*guard, result.timed_out(), theirs.0.try_lock().is_none())
        });
        for _ in 0..3 {
            *pair.0.lock() += 1;
            pair.1.notify_one();
            yields(2);
        }
        assert_eq!(waiting.join().unwrap(), (3, false, true));
        let (_guard, result) = pair.1.wait_timeout_while(pair.0.lock(), ms(5), |value| *value < 9);
        assert!(result.timed_out());
    });
}

#[test]
fn t8_a_condition_variable_between_threads_and_tasks() {
    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    let take_turns = |pair: &(Mutex<u32>, Condvar), own: u32| {
        for turn in 0..100 {
            let mut guard = pair.1.wait_while(pair.0.lock(), |value| *value != 3 * turn + own);
            *guard += 1;
            drop(guard);
            pair.1.notify_all();
        }
    };
    thread::scope(|s| {
        s.spawn(|| take_turns(&pair, 0));
        s.spawn(|| corro::run(|| take_turns(&pair, 1)));
        s.spawn(|| Runtime::builder().workers(2).build().unwrap().run(|| take_turns(&pair, 2)));
    });
    assert_eq!(*pair.0.lock(), 300);
}

#[test]
fn c6_an_event_that_is_set_and_cleared_wakes_all_who_waited() {
    everywhere(|| {
        let event = Rc::new(Event::new());
        let tasks: Vec<_> = (0..3).map(|_| event.clone()).map(|event| waiter(move || event.wait())).collect();
        event.set();
        event.clear();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert!(!event.is_set());
        let theirs = event.clone();
        let late = waiter(move || theirs.wait());
        assert!(!late.is_finished(), "it is not set any more");
        event.set();
        late.join().unwrap();
        event.wait();
    });
}

#[test]
fn t4_an_event_is_waited_for_as_long_as_one_is_told() {
    virtually(|| {
        let event = Rc::new(Event::new());
        assert!(!event.wait_timeout(ms(5)));
        let theirs = event.clone();
        let setter = spawn_local(move || {
            corro::sleep(ms(1));
            theirs.set();
        });
        assert!(event.wait_timeout(Duration::MAX) && event.wait_timeout(Duration::ZERO));
        setter.join().unwrap();
        event.clear();
        assert!(timeout(ms(1), || event.wait()).is_err());
    });
}

#[test]
fn t8_an_event_between_threads_and_tasks() {
    everywhere(|| {
        let (ask, answer) = (Arc::new(Event::new()), Arc::new(Event::new()));
        let (their_ask, their_answer) = (ask.clone(), answer.clone());
        let thread = thread::spawn(move || {
            their_ask.wait();
            their_answer.set();
        });
        ask.set();
        answer.wait();
        corro::unblock(|| thread.join().unwrap());
    });
}

#[test]
fn c1_a_barrier_lets_all_go_with_one_leader_each_round() {
    everywhere(|| {
        let (barrier, leaders) = (Rc::new(Barrier::new(3)), Rc::new(Cell::new(0)));
        let tasks: Vec<_> = (0..3)
            .map(|_| (barrier.clone(), leaders.clone()))
            .map(|(barrier, leaders)| {
                spawn_local(move || {
                    for _ in 0..4 {
                        let leads = barrier.wait().is_leader();
                        leaders.set(leaders.get() + u32::from(leads));
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(leaders.get(), 4);
        assert!(Barrier::new(1).wait().is_leader() && Barrier::new(0).wait().is_leader());
    });
}

#[test]
fn c2_who_is_cancelled_at_a_barrier_is_not_counted() {
    everywhere(|| {
        let barrier = Rc::new(Barrier::new(2));
        let (first, second) = (barrier.clone(), barrier.clone());
        let first = waiter(move || first.wait().is_leader());
        first.cancel();
        cancelled(first);
        let second = waiter(move || second.wait().is_leader());
        assert!(!second.is_finished(), "the first has gone");
        assert!(barrier.wait().is_leader() && !second.join().unwrap());
    });
}

#[test]
fn t8_a_barrier_of_threads_and_tasks() {
    let (barrier, leaders) = (Barrier::new(4), Mutex::new(0));
    let rounds = || {
        for _ in 0..50 {
            let leads = barrier.wait().is_leader();
            *leaders.lock() += u32::from(leads);
        }
    };
    thread::scope(|s| {
        s.spawn(rounds);
        s.spawn(|| corro::run(rounds));
        s.spawn(|| {
            let runtime = Runtime::builder().workers(2).build().unwrap();
            runtime.run(|| scope(|s| (0..2).for_each(|_| drop(s.spawn(rounds)))));
        });
    });
    assert_eq!(leaders.into_inner(), 50);
}

#[test]
fn t2_waits_are_cancellation_points() {
    everywhere(|| {
        let (event, barrier, pair) = (Event::new(), Barrier::new(1), pair());
        event.set();
        is_a_cancellation_point("wait for an event", || event.wait());
        is_a_cancellation_point("wait at a barrier", || barrier.wait().is_leader());
        is_a_cancellation_point("wait for a notify", || drop(pair.1.wait(pair.0.lock())));
        is_no_cancellation_point("set", || event.set());
        is_no_cancellation_point("notify", || pair.1.notify_all());
    });
}

/// A generator that waits with a deadline, and goes on in another task while it does so.
#[test]
fn t4_a_deadline_goes_with_a_generator_to_another_task() {
    virtually(|| {
        let (mutex, condvar) = (Rc::new(Mutex::new(())), Rc::new(Condvar::new()));
        let (held, notified) = (mutex.clone(), condvar.clone());
        let mut generator = Generator::<(), ()>::new(move |co| {
            let mut asked = 0;
            let is_to_wait = |_: &mut ()| {
                asked += 1;
                if asked == 2 {
                    co.yield_(());
                }
                true
            };
            let (_guard, outcome) = notified.wait_timeout_while(held.lock(), ms(50), is_to_wait);
            assert!(outcome.timed_out());
        });
        let first = waiter(move || {
            assert!(generator.next().is_some());
            generator
        });
        condvar.notify_one();
        let mut generator = first.join().unwrap();
        let start = time::now();
        assert!(spawn_local(move || generator.next()).join().unwrap().is_none());
        assert_eq!(time::now() - start, ms(50));
    });
}
