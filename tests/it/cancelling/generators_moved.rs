//! Rule T4: generators that are suspended with a scope open, and go on elsewhere.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;

use corro::CoroutineState::Complete;
use corro::{CancelToken, Co, EventLoop, Generator, cancel_scope, shield, sleep, spawn_local, timeout, yield_now};

use super::generators::open_at_its_yield;
use super::{HOUR, cancelled, elapsed, ms, since, yields};
use crate::generator::{Trace, returns, started};
use crate::schedulers::{everywhere, virtually};

type Cancellable = (Generator<(), (), bool>, CancelToken);

/// A body with a cancel scope open at its yield, which waits then; it returns whether it was cancelled.
fn cancellable(trace: &Trace) -> Cancellable {
    let (told, place) = (trace.clone(), Rc::new(RefCell::new(None)));
    let theirs = place.clone();
    let generator = Generator::new(move |co: &Co<()>| {
        let outcome = cancel_scope(|token| {
            theirs.replace(Some(token.clone()));
            let _held = told.guard("held");
            co.yield_(());
            sleep(HOUR);
        });
        outcome.is_err()
    });
    let generator = started(generator);
    (generator, place.take().unwrap())
}

#[test]
fn t4_another_task_resumes_and_the_scope_fires_while_it_waits() {
    virtually(|| {
        let start = corro::time::now();
        let mut generator = started(open_at_its_yield());
        let other = spawn_local(move || {
            assert!(matches!(generator.send(()), Ok(Complete(Err(_)))));
            since(start)
        });
        // The task that opened the scope waits for something else.
        sleep(ms(8));
        assert!(other.is_finished());
        assert_eq!(other.join().unwrap(), 5);
        sleep(ms(1));
        assert_eq!(since(start), 9);
    });
}

#[test]
fn t4_another_task_resumes_after_the_scope_fired() {
    virtually(|| {
        let start = corro::time::now();
        let mut generator = started(open_at_its_yield());
        sleep(ms(7));
        let other = spawn_local(move || matches!(generator.send(()), Ok(Complete(Err(_)))));
        assert!(other.join().unwrap());
        assert_eq!(since(start), 7);
    });
}

#[test]
fn t4_the_task_that_opened_the_scope_may_have_ended() {
    virtually(|| {
        let start = corro::time::now();
        for wait in [2, 7] {
            let mut generator = spawn_local(|| started(open_at_its_yield())).join().unwrap();
            sleep(ms(wait));
            assert!(matches!(generator.send(()), Ok(Complete(Err(_)))));
        }
        assert_eq!(since(start), 5 + 7);
        let trace = Trace::new();
        let (mut generator, token) = spawn_local(move || cancellable(&trace)).join().unwrap();
        let theirs = token.clone();
        spawn_local(move || {
            sleep(ms(1));
            theirs.cancel();
        });
        returns(generator.send(()), true);
    });
}

#[test]
fn t4_a_cancellation_of_the_task_that_opened_the_scope_is_not_the_bodys() {
    virtually(|| {
        let start = corro::time::now();
        let place = Rc::new(RefCell::new(None));
        let theirs = place.clone();
        let first = spawn_local(move || {
            theirs.replace(Some(started(open_at_its_yield())));
            sleep(HOUR);
        });
        yield_now();
        first.cancel();
        cancelled(first);
        let mut generator = place.take().unwrap();
        sleep(ms(1));
        assert!(matches!(generator.send(()), Ok(Complete(Err(_)))));
        assert_eq!(since(start), 5);
    });
}

#[test]
fn t4_many_tasks_take_turns_at_one_generator() {
    virtually(|| {
        let start = corro::time::now();
        let generator = Rc::new(RefCell::new(Generator::new(|co: &Co<()>| {
            timeout(ms(50), || {
                loop {
                    elapsed(timeout(ms(2), || {
                        co.yield_(());
                        sleep(HOUR);
                    }));
                }
            })
        })));
        generator.borrow_mut().start().unwrap();
        for turn in 0..24 {
            let theirs = generator.clone();
            spawn_local(move || theirs.borrow_mut().send(()).unwrap()).join().unwrap();
            assert_eq!(since(start), 2 * (turn + 1));
        }
        let outcome = generator.borrow_mut().send(());
        assert!(matches!(outcome, Ok(Complete(Err::<(), _>(_)))), "{outcome:?}");
        assert_eq!(since(start), 50);
    });
}

#[test]
fn t4_a_thread_cancels_a_scope_that_waits_in_another_task() {
    everywhere(|| {
        for _ in 0..50 {
            let trace = Trace::new();
            let (mut generator, token) = cancellable(&trace);
            let thread = thread::spawn(move || token.cancel());
            let other = spawn_local(move || generator.send(()));
            returns(other.join().unwrap(), true);
            thread.join().unwrap();
            trace.said(&["held"]);
        }
    });
}

#[test]
fn t4_a_thread_cancels_just_as_another_task_begins_to_wait() {
    const ROUNDS: usize = 10_000;
    everywhere(|| {
        let (round, token) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None::<CancelToken>)));
        let (theirs, place) = (round.clone(), token.clone());
        let thread = thread::spawn(move || {
            for number in 1..=ROUNDS {
                while theirs.load(SeqCst) < number {
                    // Spins rather than sleeps, to be in time; where there is one core, it gives way in between.
                    (0..500).take_while(|_| theirs.load(SeqCst) < number).for_each(|_| std::hint::spin_loop());
                    thread::yield_now();
                }
                (0..number % 512).for_each(|_| std::hint::spin_loop());
                place.lock().unwrap().take().unwrap().cancel();
            }
        });
        let trace = Trace::new();
        for number in 1..=ROUNDS {
            let (mut generator, its_token) = cancellable(&trace);
            *token.lock().unwrap() = Some(its_token);
            let told = round.clone();
            let other = spawn_local(move || {
                told.store(number, SeqCst);
                generator.send(())
            });
            returns(other.join().unwrap(), true);
        }
        thread.join().unwrap();
    });
}

#[test]
fn t4_the_scopes_of_the_new_resumer_reach_into_the_body() {
    virtually(|| {
        let (start, trace) = (corro::time::now(), Trace::new());
        let (mut generator, token) = cancellable(&trace);
        let other = spawn_local(move || {
            elapsed(timeout(ms(3), || generator.send(())));
            sleep(ms(1));
        });
        other.join().unwrap();
        trace.said(&["held"]);
        assert_eq!(since(start), 4);
        token.cancel();
        yields(2);
        // And so does the cancellation of that task.
        let (mut generator, _token) = cancellable(&trace);
        let other = spawn_local(move || drop(generator.send(())));
        yield_now();
        other.cancel();
        cancelled(other);
        trace.said(&["held"]);
    });
}

#[test]
fn t4_a_shield_around_the_first_resume_is_not_one_for_the_second() {
    virtually(|| {
        let (start, trace) = (corro::time::now(), Trace::new());
        let (mut generator, _token) = shield(|| cancellable(&trace));
        elapsed(timeout(ms(5), || generator.send(())));
        assert_eq!(since(start), 5);
        trace.said(&["held"]);
    });
}

#[test]
fn t4_a_loop_ends_with_a_generator_suspended_in_a_scope() {
    let trace = Trace::new();
    let event_loop = EventLoop::builder().virtual_time(true).build().unwrap();
    let told = trace.clone();
    let kept = event_loop.spawn(move || {
        let (generator, _token) = cancellable(&told);
        let timed = started(open_at_its_yield());
        sleep(HOUR);
        drop((generator, timed));
    });
    event_loop.run(yield_now);
    trace.said(&[]);
    drop(event_loop);
    trace.said(&["held"]);
    assert!(kept.join().unwrap_err().is_cancelled());
}

#[test]
fn t4_a_callback_that_owns_such_a_generator_is_dropped_with_its_loop() {
    let trace = Trace::new();
    let event_loop = EventLoop::builder().virtual_time(true).build().unwrap();
    event_loop.run(|| {
        let (generator, token) = cancellable(&trace);
        let timed = started(open_at_its_yield());
        event_loop.call_later(HOUR, move || drop((generator, token, timed)));
    });
    drop(event_loop);
    trace.said(&["held"]);
}

#[test]
fn t4_a_generator_outlives_its_loop_and_is_dropped() {
    let trace = Trace::new();
    let (generator, timed, token) = virtually(|| {
        let (generator, token) = cancellable(&trace);
        (generator, started(open_at_its_yield()), token)
    });
    token.cancel();
    trace.said(&[]);
    drop((generator, timed));
    trace.said(&["held"]);
    token.cancel();
}

#[test]
fn t4_a_generator_outlives_its_loop_and_goes_on_on_a_plain_thread() {
    let went_on = Rc::new(Cell::new(false));
    let (told, place) = (went_on.clone(), Rc::new(RefCell::new(None)));
    let theirs = place.clone();
    let mut generator = virtually(move || {
        started(Generator::new(move |co: &Co<()>| {
            let scope = |token: &CancelToken| {
                theirs.replace(Some(token.clone()));
                co.yield_(());
                // Where no task runs a token cancels nothing.
                yield_now();
                told.set(true);
                1
            };
            timeout(ms(5), || cancel_scope(scope))
        }))
    });
    place.take().unwrap().cancel();
    returns(generator.send(()), Ok(Ok(1)));
    assert!(went_on.get());
}

#[test]
fn t4_a_generator_goes_on_in_another_loop() {
    let trace = Trace::new();
    for first_ends in [true, false] {
        let first = EventLoop::builder().virtual_time(true).build().unwrap();
        let (mut generator, token) = first.run(|| cancellable(&trace));
        let first = (!first_ends).then_some(first);
        virtually(|| {
            let theirs = token.clone();
            spawn_local(move || {
                sleep(ms(3));
                theirs.cancel();
            });
            returns(generator.send(()), true);
            sleep(ms(1));
        });
        trace.said(&["held"]);
        drop(first);
        // It was cancelled between the loops.
        let (mut generator, token) = virtually(|| cancellable(&trace));
        token.cancel();
        virtually(|| returns(generator.send(()), true));
        trace.said(&["held"]);
    }
}

#[test]
fn t4_a_thread_cancels_a_scope_that_waits_in_another_loop() {
    for _ in 0..20 {
        let trace = Trace::new();
        let (mut generator, token) = corro::run(|| cancellable(&trace));
        let thread = thread::spawn(move || token.cancel());
        corro::run(|| returns(generator.send(()), true));
        thread.join().unwrap();
        trace.said(&["held"]);
    }
}

#[test]
fn t4_a_timeout_from_another_loop_fires_when_that_loop_runs_on() {
    let (first, second) = (EventLoop::builder().virtual_time(true), EventLoop::builder().virtual_time(true));
    let (first, second) = (first.build().unwrap(), second.build().unwrap());
    let mut generator = first.run(|| started(open_at_its_yield()));
    second.run(yield_now);
    first.run(|| sleep(ms(9)));
    second.run(|| assert!(matches!(generator.send(()), Ok(Complete(Err(_))))));
    // A scope of the second around it ends the wait, if the first does not run.
    let mut generator = first.run(|| started(open_at_its_yield()));
    second.run(|| elapsed(timeout(ms(50), || generator.send(()))));
    first.run(|| sleep(ms(9)));
}

#[test]
fn t4_a_task_of_one_loop_fires_the_scope_of_one_that_waits_in_another() {
    // The loops of a thread run by turns: the second is stopped while its task waits in the generator.
    let trace = Trace::new();
    let (first, second) = (EventLoop::new().unwrap(), EventLoop::new().unwrap());
    let (mut generator, token) = first.run(|| cancellable(&trace));
    let waits = second.spawn(move || generator.send(()));
    second.run(|| yields(2));
    first.run(move || token.cancel());
    returns(second.run(|| waits.join().unwrap()), true);
    trace.said(&["held"]);
}
