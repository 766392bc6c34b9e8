//! S6: a loop with virtual time on which nobody can wake anybody.

use std::cell::RefCell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use corro::task::{Builder, current};
use corro::{EventLoop, block_on, scope, shield, sleep, spawn, spawn_local, time, yield_now};

use super::{HOUR, raise, virtual_loop};

use crate::generator::{Trace, panic_text};

/// Waits for ever.
fn for_ever() {
    block_on(pending::<()>())
}

#[track_caller]
fn is_deadlock(text: &str) {
    assert!(text.starts_with("deadlock: every task waits"), "{text}");
}

#[test]
fn s6_a_deadlock_lists_every_task_and_what_it_waits_for() {
    let event_loop = virtual_loop();
    let ids = RefCell::new(vec![]);
    let text = panic_text(|| {
        event_loop.run(|| {
            let named = |name: &str, body: fn()| {
                let task = Builder::new().name(name).spawn(body).unwrap();
                ids.borrow_mut().push((task.id(), format!("{name:?}")));
                task
            };
            ids.borrow_mut().push((current().unwrap().id(), "\"main\"".to_owned()));
            let future = named("future", for_ever);
            let unnamed = spawn(for_ever);
            ids.borrow_mut().push((unnamed.id(), String::new()));
            named("parent", || {
                scope(|s| {
                    s.spawn(for_ever);
                })
            });
            let ended = named("ended", || ());
            yield_now();
            ended.join().unwrap();
            future.join().unwrap();
        })
    });
    is_deadlock(&text);
    let ids = ids.into_inner();
    let line = |at: usize, what: &str| {
        let (id, name) = &ids[at];
        let line = format!("  task {id} {name} waits for {what}").replace("  waits", " waits");
        assert!(text.lines().any(|found| found == line), "{line:?} in {text}");
    };
    line(0, &format!("the end of task {}", ids[1].0));
    line(1, "a future");
    line(2, "a future");
    line(3, "the tasks of its `scope`");
    assert!(!text.contains("ended"), "{text}");
    assert_eq!(text.lines().count(), 6, "{text}");
}

#[test]
fn s6_a_deadlock_panics_after_main_has_unwound_and_the_loop_goes_on() {
    let event_loop = virtual_loop();
    let trace = Trace::new();
    let text = panic_text(|| {
        event_loop.run(|| {
            let _held = trace.guard("main unwound");
            let told = trace.clone();
            drop(spawn(move || {
                let _held = told.guard("the other unwound");
                for_ever();
            }));
            for_ever();
        })
    });
    is_deadlock(&text);
    trace.said(&["main unwound"]);
    let start = event_loop.run(time::now);
    assert_eq!(event_loop.run(|| spawn(|| sleep(HOUR)).join().map(|()| time::now() - start).unwrap()), HOUR);
    is_deadlock(&panic_text(|| event_loop.run(for_ever)));
    trace.said(&[]);
    drop(event_loop);
    trace.said(&["the other unwound"]);
}

/// What `main` borrows is used no more when the caller goes on.
#[test]
fn s6_children_of_main_unwind_before_the_panic_reaches_the_caller() {
    let event_loop = virtual_loop();
    let trace = Trace::new();
    let text = panic_text(|| {
        event_loop.run(|| {
            scope(|s| {
                s.spawn(|| {
                    let _held = trace.guard("child");
                    for_ever();
                });
                s.spawn(|| {
                    let _held = trace.guard("late child");
                    drop(catch_unwind(for_ever));
                    shield(|| sleep(HOUR));
                });
            });
        })
    });
    is_deadlock(&text);
    let mut said = trace.take();
    said.sort();
    assert_eq!(said, ["child", "late child"]);
}

#[test]
fn s6_run_until_idle_panics_as_well() {
    let event_loop = virtual_loop();
    let trace = Trace::new();
    let told = trace.clone();
    let task = event_loop.spawn(move || {
        let _held = told.guard("unwound");
        sleep(HOUR);
        for_ever();
    });
    let text = panic_text(|| event_loop.run_until_idle());
    is_deadlock(&text);
    assert!(text.contains(&format!("task {} waits for a future", task.id())), "{text}");
    trace.said(&[]);
    is_deadlock(&panic_text(|| event_loop.run_until_idle()));
    task.cancel();
    event_loop.run_until_idle();
    trace.said(&["unwound"]);
    assert!(task.join().unwrap_err().is_cancelled());
}

#[test]
fn s6_a_main_that_swallows_its_cancellation_ends_in_the_panic_too() {
    let event_loop = virtual_loop();
    let trace = Trace::new();
    let text = panic_text(|| {
        event_loop.run(|| {
            drop(catch_unwind(for_ever));
            trace.say("swallowed");
            shield(|| sleep(HOUR));
            trace.say("slept");
            trace.guard("the value was dropped")
        })
    });
    is_deadlock(&text);
    trace.said(&["swallowed", "slept", "the value was dropped"]);
}

#[test]
fn s6_a_main_that_panics_as_it_is_cancelled_gives_the_deadlock() {
    let event_loop = virtual_loop();
    let text = panic_text(|| {
        event_loop.run(|| {
            drop(catch_unwind(for_ever));
            raise("main's own")
        })
    });
    is_deadlock(&text);
}

#[test]
fn s6_a_task_that_ends_lets_the_cancelled_main_end() {
    // In its cancellation `main` does what the others waited for: no second deadlock.
    let event_loop = virtual_loop();
    let text = panic_text(|| {
        event_loop.run(|| {
            let other = spawn(for_ever);
            drop(catch_unwind(for_ever));
            other.cancel();
            assert!(shield(|| other.join()).unwrap_err().is_cancelled());
        })
    });
    is_deadlock(&text);
}

#[test]
fn s6_a_main_that_holds_back_its_cancellation_is_ended_past_its_shield() {
    let text = panic_text(|| virtual_loop().run(|| shield(for_ever)));
    is_deadlock(&text);
    assert!(text.contains("\"main\" waits for a future"), "{text}");
    let text = panic_text(|| virtual_loop().run(|| scope(|s| drop(s.spawn(|| shield(for_ever))))));
    assert!(text.contains("\"main\" waits for the tasks of its `scope`"), "{text}");
}

#[test]
fn s6_timers_and_callbacks_are_hope() {
    let event_loop = virtual_loop();
    let task = Rc::new(event_loop.spawn(for_ever));
    let theirs = task.clone();
    event_loop.call_later(HOUR, move || theirs.cancel());
    event_loop.run_until_idle();
    assert!(Rc::into_inner(task).unwrap().join().unwrap_err().is_cancelled());
    // A task that cancels another, in the pass in which all others wait.
    event_loop.run(|| {
        let waits = Rc::new(spawn(for_ever));
        let theirs = waits.clone();
        drop(spawn_local(move || {
            sleep(HOUR);
            theirs.cancel();
        }));
        until_finished(&waits);
    });
}

fn until_finished(task: &corro::JoinHandle<()>) {
    while !task.is_finished() {
        sleep(HOUR);
    }
}

#[test]
fn s6_a_main_that_ends_leaves_the_waiting_for_the_next_run() {
    let event_loop = virtual_loop();
    let task = event_loop.run(|| {
        let task = spawn(for_ever);
        (0..5).for_each(|_| yield_now());
        task
    });
    assert!(!task.is_finished());
    event_loop.run(|| task.cancel());
    event_loop.run_until_idle();
    assert!(task.is_finished());
}

#[test]
fn s6_a_deadlock_with_a_seed() {
    for seed in 0..10 {
        let event_loop = EventLoop::builder().virtual_time(true).seed(seed).build().unwrap();
        let text = panic_text(|| {
            event_loop.run(|| {
                (0..5).map(|_| spawn(for_ever)).for_each(drop);
                sleep(HOUR);
                for_ever();
            })
        });
        is_deadlock(&text);
        assert_eq!(text.lines().count(), 7, "{text}");
    }
}

/// Also when the deadlock is that of a loop in a task of another.
#[test]
fn s6_a_deadlock_of_a_loop_in_a_generator() {
    let mut generator = corro::Generator::new(|co: &corro::Co<u8>| {
        let text = panic_text(|| virtual_loop().run(for_ever));
        co.yield_(1);
        text
    });
    crate::generator::yields(generator.start(), 1);
    let corro::CoroutineState::Complete(text) = generator.send(()).unwrap() else { panic!("it ends") };
    is_deadlock(&text);
}

#[test]
fn s6_a_closure_of_unblock_is_hope() {
    let event_loop = virtual_loop();
    event_loop.run(|| {
        let waits = spawn(for_ever);
        let ends = spawn(|| corro::unblock(|| 7));
        assert_eq!(ends.join().unwrap(), 7);
        waits.cancel();
        assert!(waits.join().is_err());
    });
    // And no more when it is over.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        event_loop.run(|| {
            corro::unblock(|| ());
            for_ever();
        })
    }));
    assert!(outcome.is_err());
}
