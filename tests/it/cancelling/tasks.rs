//! Rule T4: scopes around waits for other tasks, threads and futures.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc::channel;

use corro::{cancel_scope, shield, sleep, spawn, spawn_local, timeout, yield_now};

use super::{HOUR, cut_off, elapsed, ms, since};
use crate::generator::Trace;
use crate::schedulers::{everywhere, virtually};

#[test]
fn t4_a_timeout_waits_for_the_closure_of_unblock() {
    let trace = Trace::new();
    everywhere(|| {
        let (go, told_to) = channel();
        spawn(move || {
            // Its timer is due after that of the scope, however late both are.
            sleep(ms(5));
            go.send(()).unwrap();
        });
        let told = trace.clone();
        elapsed(timeout(ms(1), || {
            corro::unblock(move || {
                told_to.recv().unwrap();
                told.say("closure");
            });
            trace.say("went on");
        }));
        trace.said(&["closure"]);
    });
}

#[test]
fn t4_a_timeout_around_join_leaves_the_joined_task_alone() {
    virtually(|| {
        let (start, trace) = (corro::time::now(), Trace::new());
        let told = trace.clone();
        let task = spawn_local(move || {
            sleep(ms(9));
            told.say("ended");
        });
        elapsed(timeout(ms(5), || task.join()));
        assert_eq!(since(start), 5);
        sleep(ms(5));
        trace.said(&["ended"]);
    });
}

#[test]
fn t4_a_task_that_is_spawned_in_a_scope_is_not_cancelled_with_it() {
    virtually(|| {
        let ended = Rc::new(Cell::new(false));
        let told = ended.clone();
        cut_off(cancel_scope(|token| {
            spawn_local(move || {
                sleep(ms(5));
                told.set(true);
            });
            token.cancel();
            yield_now();
        }));
        sleep(ms(6));
        assert!(ended.get());
    });
}

#[test]
fn t4_a_timeout_around_a_scope_of_tasks_cancels_and_awaits_them() {
    virtually(|| {
        let (start, trace) = (corro::time::now(), Trace::new());
        for body_waits in [false, true] {
            elapsed(timeout(ms(5), || {
                corro::scope(|s| {
                    s.spawn_local(|| {
                        let _held = trace.guard("child");
                        shield(|| sleep(ms(8)));
                        sleep(HOUR);
                    });
                    if body_waits {
                        sleep(HOUR);
                    }
                });
                trace.say("went on");
            }));
            trace.said(&["child"]);
        }
        assert_eq!(since(start), 16);
    });
}

#[test]
fn t4_a_timeout_drops_the_future_that_is_awaited() {
    let trace = Trace::new();
    everywhere(|| {
        let held = trace.guard("future");
        elapsed(timeout(ms(1), || {
            corro::block_on(async move {
                let _held = held;
                std::future::pending::<()>().await;
            });
        }));
        trace.said(&["future"]);
    });
}
