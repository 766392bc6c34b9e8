//! Rules T4 and T7 with scopes in destructors, and T8 with scopes where no task runs.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use corro::{Co, EventLoop, Generator, cancel_scope, shield, sleep, spawn_local, timeout, yield_now};

use super::{HOUR, cancelled, cut_off, elapsed, ms, on_drop, since, yields};
use crate::generator::child::{isolated, stderr_of};
use crate::generator::{Trace, panic_text, while_unwinding};
use crate::schedulers::{everywhere, virtually};

/// Runs `f` in a destructor, while a panic, the cancellation of a task, a timeout and a token unwind.
fn in_destructors(f: impl Fn() + Clone + Send + Sync + 'static) {
    everywhere(move || {
        let calls = Rc::new(Cell::new(0));
        let counted = {
            let (f, calls) = (f.clone(), calls.clone());
            move || {
                assert!(thread::panicking());
                f();
                assert!(thread::panicking());
                calls.set(calls.get() + 1);
            }
        };
        while_unwinding(&counted);
        let theirs = counted.clone();
        let task = spawn_local(move || {
            let _in_drop = on_drop(theirs);
            sleep(HOUR);
        });
        yield_now();
        task.cancel();
        cancelled(task);
        elapsed(timeout(ms(1), || {
            let _in_drop = on_drop(&counted);
            sleep(HOUR);
        }));
        cut_off(cancel_scope(|token| {
            let _in_drop = on_drop(&counted);
            token.cancel();
            sleep(HOUR);
        }));
        assert_eq!(calls.get(), 4);
        assert!(!thread::panicking());
    });
}

#[test]
fn t7_scopes_work_in_a_destructor_and_nothing_waits() {
    in_destructors(|| {
        assert_eq!(timeout(ms(5), || 1), Ok(1));
        assert_eq!(timeout(ms(5), || sleep(HOUR)), Ok(()));
        assert_eq!(timeout(Duration::ZERO, || yields(3)), Ok(()));
        assert_eq!(shield(|| sleep(HOUR)), ());
        let cancelled = cancel_scope(|token| {
            token.cancel();
            yields(2);
            sleep(HOUR);
            corro::checkpoint();
            token.is_cancelled()
        });
        assert_eq!(cancelled, Ok(true));
    });
}

#[test]
fn t7_a_panic_that_is_caught_in_a_scope_in_a_destructor() {
    in_destructors(|| {
        let outcome = timeout(Duration::ZERO, || catch_unwind(|| resume_unwind(Box::new(1))).is_err());
        assert_eq!(outcome, Ok(true));
        let outcome = catch_unwind(|| shield(|| resume_unwind(Box::new("own"))));
        assert_eq!(*outcome.unwrap_err().downcast::<&str>().unwrap(), "own");
        yield_now();
    });
}

#[test]
fn t7_a_scope_in_a_generator_in_a_destructor() {
    in_destructors(|| {
        let mut generator = Generator::new(|co: &Co<i32>| {
            let outcome = timeout(Duration::ZERO, || {
                co.yield_(1);
                sleep(HOUR);
                shield(|| co.yield_(2));
            });
            assert_eq!(outcome, Ok(()));
        });
        assert_eq!(generator.by_ref().sum::<i32>(), 3);
    });
}

#[test]
fn t7_a_scope_in_a_destructor_does_not_lose_the_cancellation_that_unwinds() {
    everywhere(|| {
        let trace = Trace::new();
        let told = trace.clone();
        let task = spawn_local(move || {
            let outcome = timeout(HOUR, || {
                let _in_drop = on_drop(|| {
                    let _ = timeout(Duration::ZERO, yield_now);
                    shield(yield_now);
                });
                sleep(HOUR);
            });
            told.say(format!("{outcome:?}"));
        });
        yield_now();
        task.cancel();
        cancelled(task);
        trace.said(&[]);
    });
}

#[test]
fn t4_a_scope_in_a_destructor_that_nothing_unwinds_works_as_ever() {
    virtually(|| {
        let start = corro::time::now();
        drop(on_drop(|| {
            elapsed(timeout(ms(5), || sleep(HOUR)));
            cut_off(cancel_scope(|token| {
                token.cancel();
                sleep(HOUR);
            }));
            shield(|| sleep(ms(1)));
        }));
        assert_eq!(since(start), 6);
        // An unwind may begin in a destructor.
        let trace = Trace::new();
        elapsed(timeout(ms(5), || {
            let _after = trace.guard("after");
            drop(on_drop(|| sleep(HOUR)));
            trace.say("went on");
        }));
        trace.said(&["after"]);
    });
}

#[test]
fn t7_scopes_on_a_thread_that_unwound_before_the_loop_ran() {
    let trace = Trace::new();
    while_unwinding(|| {
        virtually(|| {
            let start = corro::time::now();
            elapsed(timeout(ms(5), || {
                let _held = trace.guard("held");
                elapsed(timeout(ms(2), || sleep(HOUR)));
                sleep(HOUR);
            }));
            cut_off(cancel_scope(|token| {
                let theirs = token.clone();
                spawn_local(move || theirs.cancel());
                shield(yield_now);
                sleep(HOUR);
            }));
            sleep(ms(1));
            assert_eq!(since(start), 6);
        });
    });
    trace.said(&["held"]);
}

#[test]
fn t7_no_hook_is_called_for_a_scope_that_fires() {
    let stderr = stderr_of(|| {
        std::panic::set_hook(Box::new(|info| eprintln!("HOOK {info}")));
        virtually(|| {
            elapsed(timeout(ms(5), || sleep(HOUR)));
            cut_off(cancel_scope(|token| {
                token.cancel();
                timeout(HOUR, yield_now)
            }));
            let mut generator = Generator::new(|_: &Co<()>| timeout(ms(5), || sleep(HOUR)).is_err());
            drop(generator.start());
        });
    });
    assert!(stderr.is_none_or(|stderr| !stderr.contains("HOOK")));
}

/// The three calls, by their names.
fn calls() -> [(&'static str, fn()); 3] {
    [
        ("`timeout`", || _ = timeout(ms(1), || ())),
        ("`cancel_scope`", || _ = cancel_scope(|_| ())),
        ("`shield`", || shield(|| ())),
    ]
}

#[track_caller]
fn says_what_to_use(name: &str, call: fn()) {
    let text = panic_text(call);
    assert!(text.contains(name) && text.contains("corro::run") && text.contains("spawn"), "{text}");
}

#[test]
fn t8_scopes_on_a_plain_thread_panic_with_a_sentence() {
    for (name, call) in calls() {
        says_what_to_use(name, call);
        thread::spawn(move || says_what_to_use(name, call)).join().unwrap();
        // In a generator that no task runs.
        let mut generator = Generator::new(move |_: &Co<()>| says_what_to_use(name, call));
        drop(generator.start());
    }
}

#[test]
fn t8_scopes_on_the_blocking_pool_panic_with_a_sentence() {
    everywhere(|| {
        for (name, call) in calls() {
            corro::unblock(move || says_what_to_use(name, call));
        }
    });
}

#[test]
fn t8_scopes_in_a_callback_panic_with_a_sentence() {
    let event_loop = EventLoop::new().unwrap();
    let said = Rc::new(Cell::new(0));
    for (name, call) in calls() {
        let said = said.clone();
        event_loop.call_soon(move || {
            says_what_to_use(name, call);
            said.set(said.get() + 1);
        });
    }
    event_loop.run(|| yields(2));
    assert_eq!(said.get(), 3);
}

#[test]
fn t8_scopes_that_panicked_have_not_run_their_body() {
    let ran = Cell::new(0);
    let count = || ran.set(ran.get() + 1);
    assert!(catch_unwind(AssertUnwindSafe(|| timeout(ms(1), count))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| cancel_scope(|_| count()))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| shield(count))).is_err());
    assert_eq!(ran.get(), 0);
}

#[test]
fn t8_scopes_from_a_thread_local_destructor_panic_too() {
    struct AtExit;
    impl Drop for AtExit {
        fn drop(&mut self) {
            says_what_to_use("`shield`", || shield(|| ()));
        }
    }
    thread_local! {
        static AT_EXIT: AtExit = const { AtExit };
    }
    isolated(|| {
        thread::spawn(|| {
            AT_EXIT.with(|_| ());
            corro::run(|| shield(yield_now));
        })
        .join()
        .unwrap();
    });
}
