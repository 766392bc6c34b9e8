//! Rule T6: panics and cancellation of either side. Both have ended when `join` returns or unwinds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

use corro::{JoinHandle, checkpoint, join, shield, sleep, spawn, timeout, yield_now};

use super::{Balance, HOUR, cancelled, each, ms, on_each, panicked, raise, raises, runtime, settles, until};
use crate::generator::Trace;
use crate::schedulers::everywhere;

#[test]
fn t6_a_panic_of_a_goes_on() {
    everywhere(|| {
        raises("a", || join(|| raise("a"), || ()));
        raises("a", || {
            join(
                || {
                    yield_now();
                    raise("a")
                },
                || 1,
            )
        });
    });
}

#[test]
fn t6_a_panic_of_b_goes_on() {
    everywhere(|| {
        raises("b", || join(|| 1, || raise("b")));
        raises("b", || join(|| sleep(ms(2)), || raise("b")));
        raises("b", || {
            join(yield_now, || {
                sleep(ms(1));
                raise("b")
            })
        });
    });
}

#[test]
fn t6_the_panic_of_a_wins() {
    on_each(|_| {
        raises("a", || join(|| raise("a"), || raise("b")));
        // Here b has panicked first.
        let b = AtomicBool::new(false);
        raises("a", || {
            join(
                || {
                    until(|| b.load(SeqCst));
                    sleep(ms(1));
                    raise("a")
                },
                || {
                    b.store(true, SeqCst);
                    raise("b")
                },
            )
        });
    });
}

/// Where `b` runs elsewhere, or in a task beside `a`: it is cancelled, and has unwound when the panic comes out.
#[test]
fn t6_a_panics_while_b_runs_elsewhere() {
    on_each(|_| {
        let (started, balance) = (AtomicBool::new(false), Balance::default());
        raises("a", || {
            join(
                || {
                    until(|| started.load(SeqCst));
                    raise("a")
                },
                || {
                    let _held = balance.counted();
                    started.store(true, SeqCst);
                    let _slow = super::on_drop(|| (0..10_000).for_each(|_| std::hint::spin_loop()));
                    sleep(HOUR);
                },
            )
        });
        assert_eq!(balance.made(), 1);
        balance.is_even();
    });
}

/// b goes on for a while in spite of it, and panics itself in the end: a's still wins.
#[test]
fn t6_a_panic_waits_for_a_b_that_takes_its_time() {
    on_each(|_| {
        let (started, ended) = (AtomicBool::new(false), AtomicBool::new(false));
        raises("a", || {
            join(
                || {
                    until(|| started.load(SeqCst));
                    raise("a")
                },
                || {
                    shield(|| {
                        started.store(true, SeqCst);
                        sleep(ms(10));
                    });
                    ended.store(true, SeqCst);
                    raise("b")
                },
            )
        });
        assert!(ended.load(SeqCst));
    });
}

/// A task that joins, with b begun.
fn joiner(balance: &Arc<Balance>, a: fn(), b: fn()) -> JoinHandle<()> {
    let balance = balance.clone();
    spawn(move || {
        let started = AtomicBool::new(false);
        join(
            || {
                let _held = balance.counted();
                until(|| started.load(SeqCst));
                a();
            },
            || {
                let _held = balance.counted();
                started.store(true, SeqCst);
                b();
            },
        );
    })
}

/// What `a` and `b` do once both have begun.
type Sides = (fn(), fn());

#[test]
fn t6_cancelling_the_caller_cancels_both_and_waits() {
    on_each(|_| {
        let balance = Arc::new(Balance::default());
        // In a; in the wait for b; in both.
        let ways: [Sides; 4] = [
            (|| sleep(HOUR), || ()),
            (|| (), || sleep(HOUR)),
            (|| sleep(HOUR), || sleep(HOUR)),
            (|| sleep(HOUR), || shield(|| sleep(ms(5)))),
        ];
        for (i, (a, b)) in ways.into_iter().enumerate() {
            let task = joiner(&balance, a, b);
            until(|| balance.made() == 2 * i + 2);
            sleep(ms(2));
            task.cancel();
            cancelled(task);
            balance.is_even();
        }
    });
}

/// Of two that fail, a panic goes before a cancellation.
#[test]
fn t6_a_panic_beats_a_cancellation() {
    on_each(|_| {
        let balance = Arc::new(Balance::default());
        let b_fails = joiner(
            &balance,
            || sleep(HOUR),
            || {
                let _ = catch_unwind(|| sleep(HOUR));
                raise("b")
            },
        );
        let a_fails = joiner(
            &balance,
            || {
                let _ = catch_unwind(|| sleep(HOUR));
                raise("a")
            },
            || sleep(HOUR),
        );
        until(|| balance.made() == 4);
        sleep(ms(2));
        a_fails.cancel();
        b_fails.cancel();
        panicked("a", a_fails);
        panicked("b", b_fails);
        balance.is_even();
    });
}

/// The body of a join that swallows its cancellation returns as if nothing were.
#[test]
fn t6_both_sides_swallow_the_cancellation() {
    on_each(|_| {
        let task = spawn(|| {
            let swallow = || drop(catch_unwind(|| sleep(HOUR)));
            join(swallow, swallow);
            5
        });
        sleep(ms(3));
        task.cancel();
        // By then `a` may not have begun: then none of it runs.
        match task.join() {
            Ok(value) => assert_eq!(value, 5),
            Err(error) => assert!(error.is_cancelled()),
        }
    });
}

/// Before the join begins nothing is a cancellation point: both run, and the next wait unwinds.
#[test]
fn t6_a_join_without_a_wait_is_no_cancellation_point() {
    everywhere(|| {
        let trace = Trace::new();
        let (told, go) = (trace.clone(), Arc::new(AtomicBool::new(false)));
        let goes = go.clone();
        let task = spawn(move || {
            let _ = catch_unwind(AssertUnwindSafe(|| until(|| goes.load(SeqCst))));
            join(|| told.say("a"), || ());
            told.say("after");
            checkpoint();
            told.say("never");
        });
        sleep(ms(3));
        task.cancel();
        cancelled(task);
        let said = trace.take();
        // Unless it was cancelled before it had started; or b was stolen, and cancelled before it ran.
        assert!(said.is_empty() || said == ["a"] || said == ["a", "after"], "{said:?}");
    });
}

#[test]
fn t6_a_timeout_around_a_join_ends_both() {
    on_each(|_| {
        let balance = Balance::default();
        let started = AtomicUsize::new(0);
        let ended = timeout(ms(20), || {
            let side = || {
                let _held = balance.counted();
                started.fetch_add(1, SeqCst);
                sleep(HOUR);
            };
            join(side, || join(side, side))
        });
        assert!(ended.is_err());
        balance.is_even();
        // And one around either side ends that alone.
        let (a, b) = join(|| timeout(ms(1), || sleep(HOUR)).is_err(), || timeout(HOUR, || sleep(ms(2))).is_ok());
        assert!(a && b);
    });
}

#[test]
fn t6_a_shield_around_a_join_holds_the_cancellation_back_on_both_sides() {
    on_each(|_| {
        let trace = Trace::new();
        let (told, started) = (trace.clone(), Arc::new(AtomicUsize::new(0)));
        let starts = started.clone();
        let task = spawn(move || {
            shield(|| {
                let side = || {
                    starts.fetch_add(1, SeqCst);
                    sleep(ms(10));
                    told.say("side");
                };
                join(side, side)
            });
            told.say("after");
            sleep(HOUR);
        });
        until(|| started.load(SeqCst) == 2);
        task.cancel();
        cancelled(task);
        trace.said(&["side", "side", "after"]);
    });
}

#[test]
fn t6_the_runtime_ends_in_the_middle() {
    fn tree(depth: u32, balance: &Balance) {
        let _held = balance.counted();
        if depth == 0 {
            sleep(HOUR);
        } else {
            join(|| tree(depth - 1, balance), || tree(depth - 1, balance));
        }
    }
    for round in 0..40 {
        each(|runtime, _| {
            let balance = Arc::new(Balance::default());
            for _ in 0..3 {
                let balance = balance.clone();
                drop(runtime.spawn(move || tree(6, &balance)));
            }
            if round % 2 == 0 {
                settles(|| balance.made() > 3 * 7);
            }
            drop(runtime);
            balance.is_even();
        });
    }
}

/// Trees are cancelled, and panic, at any moment.
#[test]
fn t6_stress_cancellations_and_panics() {
    fn tree(depth: u32, seed: u64, balance: &Balance) {
        let _held = balance.counted();
        let mut random = fastrand::Rng::with_seed(seed);
        match random.u32(..24) {
            0 => raise("tree"),
            1..6 => yield_now(),
            6 => sleep(ms(1)),
            _ => (),
        }
        if depth > 0 {
            let (left, right) = (random.u64(..), random.u64(..));
            join(|| tree(depth - 1, left, balance), || tree(depth - 1, right, balance));
        }
    }
    for workers in [2, 4, 16] {
        let runtime = runtime(workers);
        for seed in 0..150 {
            let balance = Arc::new(Balance::default());
            let tasks: Vec<_> = (0..4)
                .map(|i| {
                    let balance = balance.clone();
                    runtime.spawn(move || tree(seed as u32 % 7, seed * 4 + i, &balance))
                })
                .collect();
            if seed % 3 == 0 {
                thread::yield_now();
                tasks.iter().for_each(JoinHandle::cancel);
            }
            for task in tasks {
                match task.join() {
                    Err(error) if error.is_panic() => assert_eq!(super::word_of(&*error.into_panic()), "tree"),
                    Err(error) => assert!(error.is_cancelled() && seed % 3 == 0, "{error}"),
                    Ok(()) => (),
                }
            }
            balance.is_even();
        }
    }
}

/// The closures themselves are dropped once, whether they ran or not.
#[test]
fn t6_what_the_closures_own_is_dropped_once() {
    on_each(|_| {
        let balance = Arc::new(Balance::default());
        for round in 0..50 {
            let (a, b) = (Owned::new(&balance), Owned::new(&balance));
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                join(
                    move || {
                        let _a = a;
                        if round % 2 == 0 {
                            yield_now();
                        }
                        if round % 3 == 0 {
                            raise("a");
                        }
                    },
                    move || drop(b),
                )
            }));
            assert_eq!(outcome.is_err(), round % 3 == 0);
            balance.is_even();
        }
        assert_eq!(balance.made(), 100);
    });
}

struct Owned(Arc<Balance>);

impl Owned {
    fn new(balance: &Arc<Balance>) -> Owned {
        balance.made.fetch_add(1, SeqCst);
        Owned(balance.clone())
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, SeqCst);
    }
}
