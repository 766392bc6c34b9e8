//! Rule T4, one clause at a time.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use corro::task::Builder;
use corro::{CancelToken, EventLoop, cancel_scope, shield, sleep, spawn, spawn_local, timeout, yield_now};

use super::{HOUR, cancelled, cut_off, elapsed, ms, on_drop, since, yields};
use crate::generator::{Trace, panic_text};
use crate::schedulers::{everywhere, virtually};

#[test]
fn t4_only_the_scope_that_fired_gives_err() {
    virtually(|| {
        let start = corro::time::now();
        let outer = timeout(ms(10), || {
            elapsed(timeout(ms(5), || sleep(HOUR)));
            assert_eq!(since(start), 5);
            sleep(ms(4));
            "goes on"
        });
        assert_eq!((outer, since(start)), (Ok("goes on"), 9));
        sleep(ms(9));
        assert_eq!(since(start), 18);
    });
}

#[test]
fn t4_an_outer_scope_goes_through_inner_ones() {
    virtually(|| {
        let (start, trace) = (corro::time::now(), Trace::new());
        elapsed(timeout(ms(5), || {
            let _outer = trace.guard("outer");
            let _ = cancel_scope(|_| {
                let _inner = trace.guard("inner");
                let _ = timeout(ms(10), || sleep(HOUR));
                trace.say("went on");
            });
            trace.say("went on");
        }));
        assert_eq!(since(start), 5);
        trace.said(&["inner", "outer"]);
    });
}

#[test]
fn t4_of_several_that_fired_the_outermost_gets_the_unwind() {
    virtually(|| {
        // Both at the same time.
        elapsed(timeout(ms(5), || timeout(ms(5), || sleep(HOUR))));
        // The inner one first, while it is held back.
        elapsed(timeout(ms(7), || {
            let _ = timeout(ms(5), || {
                shield(|| sleep(ms(9)));
                sleep(HOUR);
            });
            unreachable!("the outer one has fired too");
        }));
        // Three tokens, the middle one first.
        let middle = cancel_scope(|outer| {
            let _ = cancel_scope(|middle| {
                let _ = cancel_scope(|inner| {
                    [middle, inner, outer].into_iter().for_each(CancelToken::cancel);
                    sleep(HOUR);
                });
                unreachable!("the inner one");
            });
            unreachable!("the middle one");
        });
        cut_off(middle);
    });
}

#[test]
fn t4_an_outer_scope_that_fires_during_the_unwind_takes_it_over() {
    everywhere(|| {
        cut_off(cancel_scope(|outer| {
            let _ = cancel_scope(|inner| {
                let _fires = on_drop(|| outer.cancel());
                inner.cancel();
                sleep(HOUR);
            });
            unreachable!("the outer one has fired by now");
        }));
    });
}

#[test]
fn t4_an_inner_scope_that_fires_during_the_unwind_lets_it_through() {
    everywhere(|| {
        cut_off(cancel_scope(|outer| {
            let _ = cancel_scope(|inner| {
                let _fires = on_drop(|| inner.cancel());
                outer.cancel();
                sleep(HOUR);
            });
            unreachable!("only the outer one may end here");
        }));
    });
}

#[test]
fn t4_a_timeout_of_nothing_cuts_off_what_waits_and_nothing_else() {
    everywhere(|| {
        assert_eq!(timeout(Duration::ZERO, || 5), Ok(5));
        let went_on = Cell::new(false);
        for wait in [|| sleep(HOUR), || sleep(Duration::ZERO), yield_now, corro::checkpoint] {
            elapsed(timeout(Duration::ZERO, || {
                wait();
                went_on.set(true);
            }));
        }
        assert!(!went_on.get());
        assert_eq!(timeout(Duration::ZERO, || spawn_local(|| 1).is_finished()), Ok(false));
        yields(2);
    });
}

#[test]
fn t4_a_body_that_never_blocks_never_times_out() {
    everywhere(|| {
        let late = timeout(Duration::from_nanos(1), || {
            let deadline = Instant::now() + Duration::from_micros(50);
            while Instant::now() < deadline {}
            "late"
        });
        assert_eq!(late, Ok("late"));
        let cancelled = cancel_scope(|token| {
            token.cancel();
            (token.is_cancelled(), spawn_local(|| ()).is_finished())
        });
        assert_eq!(cancelled, Ok((true, false)));
        yields(3);
    });
}

#[test]
fn t4_the_body_has_finished_unwinding_when_err_comes_back() {
    let trace = Trace::new();
    everywhere(|| {
        let outcome = timeout(ms(1), || {
            let _first = trace.guard("first");
            let _slow = on_drop(|| (0..10).for_each(|_| sleep(HOUR)));
            let _second = trace.guard("second");
            sleep(HOUR);
        });
        trace.said(&["second", "first"]);
        elapsed(outcome);
    });
}

#[test]
fn t4_a_shield_holds_outer_cancellation_back_until_it_returns() {
    virtually(|| {
        let (start, trace) = (corro::time::now(), Trace::new());
        elapsed(timeout(ms(5), || {
            let value = shield(|| {
                (0..3).for_each(|_| sleep(ms(3)));
                yield_now();
                spawn(|| 7).join().unwrap()
            });
            assert_eq!((value, since(start)), (7, 9));
            trace.say("returned");
            corro::checkpoint();
            trace.say("went on");
        }));
        trace.said(&["returned"]);
        let told = trace.clone();
        let task = spawn_local(move || {
            shield(|| shield(|| sleep(ms(5))));
            told.say("shielded");
            sleep(HOUR);
        });
        yield_now();
        task.cancel();
        cancelled(task);
        trace.said(&["shielded"]);
        assert_eq!(since(start), 14);
    });
}

#[test]
fn t4_scopes_inside_a_shield_work_as_ever() {
    virtually(|| {
        let start = corro::time::now();
        elapsed(timeout(ms(1), || {
            shield(|| {
                elapsed(timeout(ms(5), || sleep(HOUR)));
                cut_off(cancel_scope(|token| {
                    token.cancel();
                    sleep(HOUR);
                }));
                assert_eq!(since(start), 5);
                sleep(ms(2));
            });
            assert_eq!(since(start), 7);
            sleep(HOUR);
        }));
        assert_eq!(since(start), 7);
    });
}

#[test]
fn t4_a_cancelled_task_may_use_scopes_in_a_shield() {
    virtually(|| {
        let start = corro::time::now();
        let task = spawn_local(move || {
            let _ = catch_unwind(|| sleep(HOUR));
            shield(|| elapsed(timeout(ms(5), || sleep(HOUR))));
            since(start)
        });
        yield_now();
        task.cancel();
        assert_eq!(task.join().unwrap(), 5);
    });
}

#[test]
fn t4_a_panic_in_a_scope_that_fired_goes_on() {
    everywhere(|| {
        let after_the_cancel = || {
            cancel_scope(|token| {
                token.cancel();
                resume_unwind(Box::new("own"));
            })
        };
        assert_eq!(panic_text(after_the_cancel), "own");
        let after_the_unwind = || {
            timeout(Duration::ZERO, || {
                let _ = catch_unwind(|| sleep(HOUR));
                resume_unwind(Box::new("late"));
            })
        };
        assert_eq!(panic_text(after_the_unwind), "late");
        assert_eq!(panic_text(|| shield(|| resume_unwind(Box::new("shielded")))), "shielded");
        yields(2);
    });
}

#[test]
fn t4_a_value_after_a_swallowed_unwind_is_ok() {
    everywhere(|| {
        let outcome = timeout(Duration::ZERO, || {
            assert!(catch_unwind(|| sleep(HOUR)).is_err());
            "swallowed"
        });
        assert_eq!(outcome, Ok("swallowed"));
        yields(2);
    });
}

#[test]
fn t4_a_fired_scope_is_level_triggered() {
    everywhere(|| {
        let unwinds = Cell::new(0);
        let outcome = timeout(Duration::ZERO, || {
            for wait in [|| sleep(HOUR), yield_now, corro::checkpoint, || drop(spawn(|| ()).join())] {
                unwinds.set(unwinds.get() + usize::from(catch_unwind(wait).is_err()));
            }
            // Inner scopes meet it, too.
            let inner = AssertUnwindSafe(|| timeout(HOUR, || sleep(HOUR)));
            assert!(catch_unwind(inner).is_err());
            sleep(HOUR);
        });
        elapsed(outcome);
        assert_eq!(unwinds.get(), 4);
    });
}

#[test]
fn t4_a_caught_unwind_may_be_raised_on() {
    everywhere(|| {
        elapsed(timeout(Duration::ZERO, || {
            let payload = catch_unwind(|| sleep(HOUR)).unwrap_err();
            resume_unwind(payload);
        }));
        yields(2);
    });
}

/// Enough stack for a thousand frames of scopes.
fn deep<T: 'static>(body: impl FnOnce() -> T + 'static) -> corro::JoinHandle<T> {
    Builder::new().stack_size(32 << 20).spawn_local(body).unwrap()
}

/// Level 1 is the outermost. Returns the level that gave `Err`.
fn descend(level: u64, deadline: &dyn Fn(u64) -> u64, bottom: &dyn Fn()) -> u64 {
    if level > 1000 {
        bottom();
        return 0;
    }
    timeout(ms(deadline(level)), || descend(level + 1, deadline, bottom)).unwrap_or(level)
}

#[test]
fn t4_a_thousand_scopes_deep_the_one_that_is_due_ends() {
    virtually(|| {
        let start = corro::time::now();
        let deadline = |level: u64| if level == 500 { 1 } else { 1000 + level };
        let task = deep(move || descend(1, &deadline, &|| sleep(HOUR)));
        assert_eq!((task.join().unwrap(), since(start)), (500, 1));
        // All at once: the outermost.
        assert_eq!(deep(|| descend(1, &|_| 5, &|| sleep(HOUR))).join().unwrap(), 1);
        // The inner half at once.
        let deadline = |level| if level > 500 { 5 } else { 6 };
        assert_eq!(deep(move || descend(1, &deadline, &|| sleep(HOUR))).join().unwrap(), 501);
        let task = deep(|| descend(1, &|_| 500, &|| sleep(HOUR)));
        sleep(ms(3));
        task.cancel();
        cancelled(task);
    });
}

#[test]
fn t4_a_timeout_that_ended_leaves_no_timer() {
    let event_loop = EventLoop::builder().virtual_time(true).build().unwrap();
    let start = event_loop.run(corro::time::now);
    event_loop.run(|| {
        for _ in 0..1000 {
            assert_eq!(timeout(HOUR, || 1), Ok(1));
            assert!(catch_unwind(|| timeout(HOUR, || resume_unwind(Box::new(1)))).is_err());
            cut_off(cancel_scope(|token| {
                token.cancel();
                timeout(HOUR, yield_now)
            }));
        }
    });
    event_loop.run_until_idle();
    assert_eq!(event_loop.run(corro::time::now), start, "nothing was left that the clock could jump to");
}

#[test]
fn t4_scopes_one_after_another_do_not_disturb_each_other() {
    virtually(|| {
        let start = corro::time::now();
        for round in 0..500 {
            elapsed(timeout(ms(2), || sleep(HOUR)));
            assert_eq!(timeout(ms(2), || sleep(ms(1))), Ok(()));
            assert_eq!(timeout(Duration::ZERO, || round), Ok(round));
            sleep(ms(1));
        }
        assert_eq!(since(start), 500 * 4);
    });
}

#[test]
fn t4_a_timeout_may_be_longer_than_any_clock() {
    virtually(|| {
        assert_eq!(timeout(Duration::MAX, || sleep(HOUR)), Ok(()));
        elapsed(timeout(ms(1), || timeout(Duration::MAX, || sleep(Duration::MAX))));
    });
    everywhere(|| assert_eq!(timeout(Duration::MAX, || sleep(ms(1))), Ok(())));
}

#[test]
fn t4_a_timeout_for_ever_never_fires() {
    // With virtual time the clock must not jump to an end that neither call has.
    let text = panic_text(|| virtually(|| timeout(Duration::MAX, || sleep(Duration::MAX))));
    assert!(text.contains("deadlock"), "{text}");
}

#[test]
fn t4_the_errors_are_small_values_with_a_text() {
    fn is_error<E: std::error::Error + Copy + Eq + Send + Sync + 'static>(error: E) -> String {
        error.to_string()
    }
    everywhere(|| {
        let error = timeout(Duration::ZERO, yield_now).unwrap_err();
        assert_eq!(is_error(error), "the time is over");
        let error = cancel_scope(|token| {
            token.cancel();
            yield_now();
        });
        assert_eq!(is_error(error.unwrap_err()), "the scope was cancelled");
    });
}
