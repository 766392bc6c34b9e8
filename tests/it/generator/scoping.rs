//! G11: borrowing generators.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use corro::Co;
use corro::generator::{GeneratorError, Interrupt, ScopedGenerator, Status, catch, raise, scoped};

use super::child::{aborts, isolated};
use super::hook::Told;
use super::{Trace, close_raises, finished, ignores, panic_text, raises, returns, yields};

#[test]
fn g11_the_body_and_the_driver_borrow() {
    let words = vec!["a".to_owned(), "b".to_owned()];
    let mut seen = Vec::new();
    let mut count = 0;
    let total = scoped(
        |co: &Co<&str>| {
            for word in &words {
                count += 1;
                co.yield_(word.as_str());
            }
            words.len()
        },
        |mut generator| {
            seen.extend(generator.by_ref());
            generator.take_return()
        },
    );
    assert_eq!((total, count, seen), (Some(2), 2, vec!["a", "b"]));
    assert_eq!(words.len(), 2);
}

#[test]
fn g11_every_method_of_a_generator_is_there() {
    scoped(
        |co: &Co<i32, i32>| co.yield_(1) + co.yield_(2),
        |mut generator| {
            assert_eq!(generator.status(), Status::Created);
            assert!(matches!(generator.send(0), Err(GeneratorError::NotStarted)));
            yields(generator.start(), 1);
            assert!(matches!(generator.start(), Err(GeneratorError::AlreadyStarted)));
            assert_eq!(generator.status(), Status::Suspended);
            yields(generator.send(10), 2);
            returns(generator.send(20), 30);
            assert_eq!(generator.status(), Status::Closed);
            finished(generator.send(1));
            finished(generator.start());
            assert_eq!(generator.take_return(), None);
            assert_eq!(raises::<_, _, &str>(generator.throw("closed")), "closed");
            assert!(matches!(generator.close(), Ok(None)));
        },
    );
    scoped(
        |co: &Co<i32, i32>| {
            let arrived = co.try_yield(1);
            assert!(matches!(arrived, Err(Interrupt::Throw(_))));
            let arrived = catch(|| co.yield_(2));
            assert!(matches!(arrived, Err(Interrupt::Close)));
            co.yield_(3);
            raise("at last")
        },
        |mut generator: ScopedGenerator<'_, i32, i32, ()>| {
            yields(generator.start(), 1);
            yields(generator.throw("no"), 2);
            ignores(generator.close(), 3);
            assert_eq!(raises::<_, _, &str>(generator.send(1)), "at last");
        },
    );
    scoped(
        |co: &Co<i32>| {
            if co.try_yield(1).is_err() {
                raise("under close")
            }
        },
        |mut generator| {
            assert_eq!(generator.next(), Some(1));
            assert_eq!(close_raises::<_, _, &str>(generator.close()), "under close");
        },
    );
}

#[test]
fn g11_next_is_fused_and_leaves_the_return_value() {
    scoped(
        |co: &Co<i32>| {
            co.yield_all([1, 2]);
            "value"
        },
        |mut generator| {
            assert_eq!(generator.by_ref().collect::<Vec<_>>(), [1, 2]);
            assert_eq!(generator.next(), None);
            assert_eq!(generator.take_return(), Some("value"));
            assert_eq!(generator.take_return(), None);
        },
    );
}

#[test]
fn g11_a_body_that_was_never_started_never_runs() {
    let mut ran = false;
    scoped(|_: &Co<()>| ran = true, |generator| assert_eq!(generator.status(), Status::Created));
    assert!(!ran);
}

#[test]
fn g11_the_body_is_closed_before_scoped_returns() {
    let trace = Trace::new();
    let value = scoped(
        |co: &Co<i32>| {
            let _outer = trace.guard("outer");
            let _inner = trace.guard("inner");
            co.yield_(1);
            trace.say("never");
        },
        |mut generator| generator.next(),
    );
    assert_eq!(value, Some(1));
    trace.said(&["inner", "outer"]);
}

#[test]
fn g11_dropping_the_handle_closes_the_body_there() {
    let trace = Trace::new();
    scoped(
        |co: &Co<i32>| {
            let _local = trace.guard("local");
            co.yield_(1);
        },
        |mut generator| {
            assert_eq!(generator.next(), Some(1));
            drop(generator);
            trace.said(&["local"]);
        },
    );
    trace.said(&[]);
}

#[test]
fn g11_a_leaked_handle_does_not_keep_the_body_open() {
    let trace = Trace::new();
    let mut number = 0;
    scoped(
        |co: &Co<i32>| {
            let _local = trace.guard("local");
            number += 1;
            let arrived = co.try_yield(number);
            assert!(matches!(arrived, Err(Interrupt::Close)));
            number += 1;
        },
        |mut generator| {
            assert_eq!(generator.next(), Some(1));
            std::mem::forget(generator);
        },
    );
    trace.said(&["local"]);
    assert_eq!(number, 2);
}

#[test]
fn g11_a_handle_leaked_in_a_box_does_not_keep_the_body_open() {
    let trace = Trace::new();
    scoped(
        |co: &Co<i32>| {
            let _local = trace.guard("local");
            co.yield_all(1..);
        },
        |generator| {
            let generator = Box::leak(Box::new(generator));
            assert_eq!(generator.next(), Some(1));
            assert_eq!(generator.next(), Some(2));
        },
    );
    trace.said(&["local"]);
}

#[test]
fn g11_the_body_is_closed_before_scoped_unwinds() {
    let trace = Trace::new();
    for leak in [false, true] {
        let text = panic_text(|| {
            let _frame = trace.guard("frame of the caller");
            scoped(
                |co: &Co<i32>| {
                    let _local = trace.guard("local");
                    co.yield_(1);
                },
                |mut generator| {
                    assert_eq!(generator.next(), Some(1));
                    if leak {
                        std::mem::forget(generator);
                    }
                    resume_unwind(Box::new("the driver"))
                },
            )
        });
        assert_eq!(text, "the driver");
        trace.said(&["local", "frame of the caller"]);
    }
}

#[test]
fn g11_a_panic_of_the_body_goes_through_the_driver_and_scoped() {
    let trace = Trace::new();
    let text = panic_text(|| {
        scoped(
            |co: &Co<i32>| {
                let _local = trace.guard("local");
                co.yield_(1);
                resume_unwind(Box::new("the body"))
            },
            |mut generator: ScopedGenerator<'_, i32, (), ()>| {
                generator.by_ref().for_each(drop);
            },
        )
    });
    assert_eq!(text, "the body");
    trace.said(&["local"]);
}

#[test]
fn g11_what_comes_out_as_scoped_closes_the_body_goes_to_the_hook() {
    isolated(|| {
        let told = Told::install();
        for leak in [false, true] {
            let value = scoped(
                |co: &Co<i32>| {
                    if co.try_yield(1).is_err() {
                        raise("stuck")
                    }
                },
                |mut generator| {
                    assert_eq!(generator.next(), Some(1));
                    if leak {
                        std::mem::forget(generator);
                    }
                    5
                },
            );
            assert_eq!(value, 5);
            assert_eq!(told.take(), ["exception Some(\"stuck\")"]);
        }
        scoped(
            |co: &Co<i32>| {
                if co.try_yield(1).is_err() {
                    resume_unwind(Box::new("a panic"))
                }
            },
            |mut generator| generator.next(),
        );
        assert_eq!(told.take(), ["panic Some(\"a panic\")"]);
    });
}

#[test]
fn g11_63_ignored_closes_are_borne() {
    let mut closes = 0;
    scoped(
        |co: &Co<i32>| {
            for _ in 0..64 {
                assert!(co.try_yield(1).is_err());
                closes += 1;
            }
        },
        |mut generator| generator.next(),
    );
    assert_eq!(closes, 64, "the last one is obeyed");
}

#[test]
fn g11_a_body_that_ignores_every_close_aborts_also_when_the_handle_was_leaked() {
    let stderr = aborts(|| {
        scoped(
            |co: &Co<i32>| {
                loop {
                    let _ = co.try_yield(1);
                }
            },
            |mut generator: ScopedGenerator<'_, i32, (), ()>| {
                generator.next();
                std::mem::forget(generator);
            },
        );
    });
    assert!(stderr.contains("generator") && stderr.contains("close"), "{stderr}");
}

#[test]
fn g11_a_return_value_that_is_not_taken_is_dropped_before_scoped_returns() {
    let trace = Trace::new();
    let local = 5;
    scoped(
        |_: &Co<i32>| {
            let _borrows = &local;
            trace.guard("value")
        },
        |mut generator| {
            assert_eq!(generator.next(), None);
            std::mem::forget(generator);
        },
    );
    trace.said(&["value"]);
}

#[test]
fn g11_what_the_body_captured_is_dropped_even_if_the_handle_was_leaked_unstarted() {
    let trace = Trace::new();
    let captured = trace.guard("captured");
    scoped(
        move |_: &Co<i32>| {
            let _captured = captured;
        },
        |generator| std::mem::forget(generator),
    );
    trace.said(&["captured"]);
}

#[test]
fn g11_scoped_gives_what_the_driver_gives() {
    let text =
        scoped(|co: &Co<char>| "abc".chars().for_each(|c| co.yield_(c)), |generator| generator.collect::<String>());
    assert_eq!(text, "abc");
}

#[test]
fn g11_scopes_nest_and_each_handle_drives_its_own_body() {
    let sums = scoped(
        |co: &Co<u32>| (1..=3).for_each(|n| co.yield_(n)),
        |first| {
            let first = first;
            scoped(
                |co: &Co<u32>| (10..=12).for_each(|n| co.yield_(n)),
                |second| first.zip(second).map(|(a, b)| a + b).collect::<Vec<_>>(),
            )
        },
    );
    assert_eq!(sums, [11, 13, 15]);
}

#[test]
fn g11_a_body_drives_a_generator_that_borrows_from_it() {
    let numbers = [1, 2, 3];
    let out = scoped(
        |co: &Co<i32>| {
            let doubled: Vec<i32> = numbers.iter().map(|n| n * 2).collect();
            scoped(
                |inner: &Co<i32>| doubled.iter().for_each(|&n| inner.yield_(n)),
                |generator| generator.for_each(|n| co.yield_(n + 1)),
            );
        },
        |generator| generator.collect::<Vec<_>>(),
    );
    assert_eq!(out, [3, 5, 7]);
}

#[test]
fn g11_a_scoped_body_delegates_to_generators() {
    let bound = String::from("kept");
    let text = scoped(
        |co: &Co<u32>| {
            let mut inner = corro::Generator::new(|co: &Co<u32>| {
                co.yield_(1);
                "inner"
            });
            format!("{} {bound}", co.yield_from(&mut inner))
        },
        |mut generator| {
            assert_eq!(generator.by_ref().collect::<Vec<_>>(), [1]);
            generator.take_return()
        },
    );
    assert_eq!(text.as_deref(), Some("inner kept"));
}

#[test]
fn g11_an_exception_under_next_in_a_driver_inside_a_body_is_raised_on_there() {
    let mut outer = corro::Generator::new(|co: &Co<u32>| {
        let arrived = catch(|| {
            scoped(|_: &Co<u32>| raise("inside"), |mut generator: ScopedGenerator<'_, u32, (), ()>| generator.next())
        });
        co.yield_(u32::from(matches!(arrived, Err(Interrupt::Throw(_)))));
    });
    assert_eq!(outer.next(), Some(1));
}

#[test]
fn g11_a_driver_may_catch_the_panic_of_a_body_and_go_on() {
    let value = scoped(
        |co: &Co<i32>| {
            co.yield_(1);
            resume_unwind(Box::new("the body"))
        },
        |mut generator: ScopedGenerator<'_, i32, (), ()>| {
            assert_eq!(generator.next(), Some(1));
            assert!(catch_unwind(AssertUnwindSafe(|| generator.next())).is_err());
            assert_eq!(generator.status(), Status::Closed);
            generator.next()
        },
    );
    assert_eq!(value, None);
}
