//! Scopes that are cancelled: with their parent, by a deadline, by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use corro::{CancelToken, cancel_scope, checkpoint, scope, shield, sleep, spawn_local, timeout, yield_now};

use super::{HOUR, Waiting, payload_of, sleeper, until};
use crate::generator::Trace;
use crate::schedulers::{everywhere, virtually};

const MOMENT: Duration = Duration::from_millis(1);

/// Runs `body` in a task, cancels the task when it has said so by the flag; the task ends as cancelled.
fn cancel_when_ready(body: impl FnOnce(&AtomicBool) + 'static) {
    let ready = Arc::new(AtomicBool::new(false));
    let theirs = ready.clone();
    let parent = spawn_local(move || body(&theirs));
    until(|| ready.load(SeqCst));
    parent.cancel();
    assert!(parent.join().unwrap_err().is_cancelled());
}

#[test]
fn t5_a_parent_cancelled_in_the_body_takes_its_children_along() {
    everywhere(|| {
        let (waiting, trace) = (Arc::new(Waiting::default()), Trace::new());
        let (theirs, told) = (waiting.clone(), trace.clone());
        cancel_when_ready(move |ready| {
            let _held = told.guard("after the scope");
            scope(|s| {
                theirs.start(s);
                let _held = told.guard("the body");
                ready.store(true, SeqCst);
                sleep(HOUR);
                told.say("went on");
            });
        });
        waiting.all_ended(1);
        trace.said(&["the body", "after the scope"]);
    });
}

#[test]
fn t5_a_parent_cancelled_as_it_waits_at_the_end_takes_its_children_along() {
    everywhere(|| {
        let waiting = Arc::new(Waiting::default());
        let theirs = waiting.clone();
        let trace = Trace::new();
        let told = trace.clone();
        cancel_when_ready(move |ready| {
            scope(|s| {
                theirs.start(s);
                theirs.start(s);
                s.spawn(|| {
                    yield_now();
                    ready.store(true, SeqCst);
                });
                told.guard("the body's value")
            });
            told.say("went on");
        });
        waiting.all_ended(2);
        trace.said(&["the body's value"]);
    });
}

#[test]
fn t5_a_parent_cancelled_before_the_scope_starts_no_child() {
    everywhere(|| {
        let trace = Trace::new();
        let told = trace.clone();
        let gone = cancel_scope(|token| {
            token.cancel();
            scope(|s| {
                s.spawn_local(|| told.say("child"));
                told.say("body");
            });
            told.say("went on");
        });
        assert!(gone.is_err());
        trace.said(&["body"]);
    });
}

#[test]
fn t5_a_scope_is_a_cancellation_point_at_its_end() {
    everywhere(|| {
        let trace = Trace::new();
        let gone = cancel_scope(|token| {
            scope(|s| {
                s.spawn(|| token.cancel());
            });
            trace.say("went on");
        });
        assert!(gone.is_err());
        let gone = cancel_scope(|token| {
            scope(|_| token.cancel());
            trace.say("went on");
        });
        assert!(gone.is_err());
        trace.said(&[]);
    });
}

#[test]
fn t5_a_timeout_around_a_scope_waits_for_the_children() {
    everywhere(|| {
        for body_waits in [false, true] {
            let waiting = Waiting::default();
            let gone = timeout(MOMENT, || {
                scope(|s| {
                    shield(|| {
                        waiting.start(s);
                        waiting.start(s);
                    });
                    if body_waits {
                        sleep(HOUR);
                    }
                })
            });
            assert!(gone.is_err());
            waiting.all_ended(2);
        }
    });
}

#[test]
fn t5_a_timeout_in_the_body_spares_the_children() {
    everywhere(|| {
        let go_on = AtomicBool::new(false);
        let value = scope(|s| {
            let child = s.spawn(|| {
                until(|| go_on.load(SeqCst));
                7
            });
            let other = s.spawn(|| 8);
            assert!(timeout(MOMENT, || sleep(HOUR)).is_err());
            go_on.store(true, SeqCst);
            child.join().unwrap() + other.join().unwrap()
        });
        assert_eq!(value, 15);
    });
}

/// The inner deadline comes later, the outer scope ends all of it.
#[test]
fn t5_of_nested_timeouts_and_scopes_the_outermost_that_is_due_ends() {
    virtually(|| {
        let trace = Trace::new();
        let outer = timeout(2 * MOMENT, || {
            scope(|s| {
                s.spawn(|| {
                    let inner = timeout(MOMENT, || scope(|s| drop(sleeper(s, &trace, "inner child"))));
                    assert!(inner.is_err());
                    trace.say("inner timeout");
                    let inner = timeout(3 * MOMENT, || scope(|s| drop(sleeper(s, &trace, "second child"))));
                    trace.say(format!("unreachable {inner:?}"));
                });
            });
        });
        assert!(outer.is_err());
        trace.said(&["inner child", "inner timeout", "second child"]);
    });
}

#[test]
fn t5_a_scope_in_a_shield_runs_to_its_end() {
    everywhere(|| {
        let trace = Trace::new();
        let gone = cancel_scope(|token| {
            shield(|| {
                let value = scope(|s| {
                    s.spawn(|| {
                        token.cancel();
                        (0..5).for_each(|_| yield_now());
                        trace.say("child");
                    });
                    yield_now();
                    "value"
                });
                trace.say(value);
            });
            checkpoint();
            trace.say("went on");
        });
        assert!(gone.is_err());
        trace.said(&["child", "value"]);
    });
}

#[test]
fn t5_a_shield_in_the_body_holds_back_the_waiting_too() {
    everywhere(|| {
        let trace = Trace::new();
        let gone = cancel_scope(|token| {
            scope(|s| {
                sleeper(s, &trace, "child");
                yield_now();
                shield(|| {
                    token.cancel();
                    (0..5).for_each(|_| yield_now());
                    trace.say("shielded");
                });
                checkpoint();
            });
        });
        assert!(gone.is_err());
        trace.said(&["shielded", "child"]);
    });
}

#[test]
fn t5_cancel_ends_the_children_and_not_the_body() {
    everywhere(|| {
        let waiting = Waiting::default();
        let ran = AtomicBool::new(false);
        let value = scope(|s| {
            let first = waiting.start(s);
            waiting.start(s);
            s.cancel();
            let late = s.spawn(|| ran.store(true, SeqCst));
            assert!(late.join().unwrap_err().is_cancelled());
            assert!(first.join().unwrap_err().is_cancelled());
            sleep(MOMENT);
            s.cancel();
            "value"
        });
        waiting.all_ended(2);
        assert_eq!((value, ran.load(SeqCst)), ("value", false));
    });
}

#[test]
fn t5_cancel_by_a_child_is_its_own_end_too() {
    everywhere(|| {
        let (waiting, trace) = (Waiting::default(), Trace::new());
        scope(|s| {
            waiting.start(s);
            s.spawn(|| {
                s.cancel();
                trace.say("cancelled");
                yield_now();
                trace.say("went on");
            });
        });
        waiting.all_ended(1);
        trace.said(&["cancelled"]);
    });
}

#[test]
fn t5_cancel_from_another_thread() {
    everywhere(|| {
        let waiting = Waiting::default();
        scope(|s| {
            let child = waiting.start(s);
            thread::scope(|threads| {
                threads.spawn(|| s.cancel());
            });
            assert!(child.join().unwrap_err().is_cancelled());
        });
        waiting.all_ended(1);
    });
}

#[test]
fn t5_cancel_of_one_child_leaves_the_others() {
    everywhere(|| {
        let waiting = Waiting::default();
        let value = scope(|s| {
            let child = waiting.start(s);
            let other = s.spawn(|| (0..5).for_each(|_| yield_now()));
            child.cancel();
            assert!(child.join().unwrap_err().is_cancelled());
            other.join().unwrap();
            "value"
        });
        waiting.all_ended(1);
        assert_eq!(value, "value");
    });
}

#[test]
fn t5_a_child_that_swallows_its_cancellation_is_ok() {
    everywhere(|| {
        let started = AtomicBool::new(false);
        scope(|s| {
            let child = s.spawn(|| {
                started.store(true, SeqCst);
                drop(payload_of(|| sleep(HOUR)));
                5
            });
            until(|| started.load(SeqCst));
            s.cancel();
            assert_eq!(child.join().unwrap(), 5);
        });
    });
}

#[test]
fn t5_the_scope_waits_for_a_childs_shield() {
    everywhere(|| {
        let (saved, started) = (AtomicUsize::new(0), AtomicBool::new(false));
        let gone = cancel_scope(|token| {
            scope(|s| {
                s.spawn(|| {
                    shield(|| {
                        started.store(true, SeqCst);
                        (0..20).for_each(|_| yield_now());
                        saved.fetch_add(1, SeqCst);
                    });
                    sleep(HOUR);
                    saved.fetch_add(100, SeqCst);
                });
                until(|| started.load(SeqCst));
                token.cancel();
            });
        });
        assert!(gone.is_err());
        assert_eq!(saved.load(SeqCst), 1);
    });
}

#[test]
fn t5_the_scope_waits_for_a_childs_closure_in_the_pool() {
    everywhere(|| {
        let ended = Arc::new(AtomicBool::new(false));
        let (go_on, may_go) = std::sync::mpsc::channel();
        let started = Arc::new(AtomicBool::new(false));
        let gone = cancel_scope(|token| {
            scope(|s| {
                let (ended, started) = (ended.clone(), started.clone());
                let theirs = started.clone();
                s.spawn(move || {
                    corro::unblock(move || {
                        started.store(true, SeqCst);
                        may_go.recv().unwrap();
                        ended.store(true, SeqCst);
                    });
                });
                until(|| theirs.load(SeqCst));
                token.cancel();
                assert!(payload_of(checkpoint).downcast_ref::<&str>().is_none());
                go_on.send(()).unwrap();
            });
        });
        assert!(gone.is_err() && ended.load(SeqCst));
    });
}

/// The cancellation of the parent reaches children that come while it waits for the rest.
#[test]
fn t5_children_that_come_after_the_parents_cancellation_do_not_run() {
    everywhere(|| {
        let (started, ran) = (AtomicBool::new(false), AtomicBool::new(false));
        let gone = cancel_scope(|token| {
            scope(|s| {
                s.spawn(|| {
                    started.store(true, SeqCst);
                    drop(payload_of(|| sleep(HOUR)));
                    s.spawn(|| ran.store(true, SeqCst));
                });
                until(|| started.load(SeqCst));
                token.cancel();
                sleep(HOUR);
            });
        });
        assert!(gone.is_err());
        assert!(!ran.load(SeqCst));
    });
}

/// Many threads fire tokens at scopes that come and go.
#[test]
fn t5_stress_scopes_cancelled_from_threads() {
    everywhere(|| {
        let (tokens, arrived) = std::sync::mpsc::channel::<CancelToken>();
        let firing = thread::spawn(move || arrived.into_iter().for_each(|token| token.cancel()));
        for round in 0..300_usize {
            let ended = AtomicUsize::new(0);
            let started = AtomicUsize::new(0);
            let outcome = cancel_scope(|token| {
                scope(|s| {
                    for number in 0..round % 4 {
                        let (started, ended) = (&started, &ended);
                        s.spawn(move || {
                            started.fetch_add(1, SeqCst);
                            let _ended = OnEnd(ended);
                            (0..number).for_each(|_| yield_now());
                            sleep(HOUR);
                        });
                    }
                    tokens.send(token.clone()).unwrap();
                    if round % 2 == 0 {
                        sleep(HOUR);
                    }
                });
                sleep(HOUR);
            });
            assert!(outcome.is_err());
            assert_eq!(started.load(SeqCst), ended.load(SeqCst));
        }
        drop(tokens);
        firing.join().unwrap();
    });
    struct OnEnd<'a>(&'a AtomicUsize);
    impl Drop for OnEnd<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
}
