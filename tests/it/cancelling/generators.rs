//! Rule T4: scopes in the bodies of generators, and generators in scopes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use corro::CoroutineState::Complete;
use corro::generator::{Status, catch, scoped};
use corro::{Co, Elapsed, Generator, cancel_scope, shield, sleep, spawn, timeout, yield_now};

use super::{HOUR, cut_off, elapsed, ms, on_drop, since, yields};
use crate::generator::{Trace, finished, returns, started, yields as gives};
use crate::schedulers::{everywhere, virtually};

/// A body with a timeout of five milliseconds open at its yield, which waits then.
pub(super) fn open_at_its_yield() -> Generator<&'static str, (), Result<(), Elapsed>> {
    Generator::new(|co: &Co<&'static str>| {
        timeout(ms(5), || {
            co.yield_("open");
            sleep(HOUR);
        })
    })
}

#[test]
fn t4_a_timeout_in_a_generator_in_a_task() {
    virtually(|| {
        let start = corro::time::now();
        let mut generator = Generator::new(|co: &Co<u128>| {
            elapsed(timeout(ms(5), || sleep(HOUR)));
            co.yield_(0);
            assert_eq!(timeout(ms(5), || sleep(ms(1))), Ok(()));
            elapsed(timeout(ms(5), || timeout(ms(7), || spawn(|| sleep(HOUR)).join())));
        });
        gives(generator.start(), 0);
        assert_eq!(since(start), 5);
        returns(generator.send(()), ());
        assert_eq!(since(start), 11);
    });
}

#[test]
fn t4_a_scope_that_is_open_at_a_yield_does_not_reach_the_resumer() {
    virtually(|| {
        let start = corro::time::now();
        let mut generator = started(open_at_its_yield());
        sleep(ms(7));
        yield_now();
        assert_eq!(timeout(ms(5), || sleep(ms(2))), Ok(()));
        assert_eq!(since(start), 9);
        // It has fired meanwhile.
        assert!(matches!(generator.send(()), Ok(Complete(Err(_)))));
        assert_eq!(since(start), 9);
        sleep(ms(3));
    });
}

#[test]
fn t4_a_scope_that_is_open_at_a_yield_fires_after_the_resume() {
    virtually(|| {
        let start = corro::time::now();
        let mut generator = started(open_at_its_yield());
        sleep(ms(2));
        assert!(matches!(generator.send(()), Ok(Complete(Err(_)))));
        assert_eq!(since(start), 5);
        sleep(ms(3));
    });
}

#[test]
fn t4_a_generator_dropped_with_an_open_scope_leaves_nothing() {
    virtually(|| {
        let (start, trace) = (corro::time::now(), Trace::new());
        let told = trace.clone();
        let mut generator = Generator::new(move |co: &Co<()>| {
            let _ = cancel_scope(|token| {
                token.cancel();
                let _ = timeout(ms(5), || {
                    let _held = told.guard("held");
                    co.yield_(());
                    told.say("went on");
                });
                told.say("went on");
            });
            told.say("went on");
        });
        generator.start().unwrap();
        trace.said(&[]);
        drop(generator);
        trace.said(&["held"]);
        sleep(ms(9));
        assert_eq!(since(start), 9);
    });
}

#[test]
fn t4_a_generator_that_is_leaked_with_an_open_scope_does_no_harm() {
    virtually(|| {
        let kept = Rc::new(RefCell::new(None));
        let theirs = kept.clone();
        let generator = Generator::new(move |co: &Co<()>| {
            cancel_scope(|token| {
                theirs.replace(Some(token.clone()));
                timeout(ms(5), || co.yield_(()))
            })
        });
        std::mem::forget(started(generator));
        sleep(ms(9));
        kept.take().unwrap().cancel();
        yields(2);
    });
}

#[test]
fn t4_a_scope_around_a_resume_reaches_into_the_body() {
    virtually(|| {
        let (start, trace) = (corro::time::now(), Trace::new());
        let told = trace.clone();
        let mut generator = Generator::new(move |co: &Co<i32>| {
            let _held = told.guard("held");
            co.yield_(1);
            let _ = timeout(HOUR, || sleep(HOUR));
            told.say("went on");
        });
        assert_eq!(timeout(ms(5), || generator.next()), Ok(Some(1)));
        elapsed(timeout(ms(5), || generator.next()));
        trace.said(&["held"]);
        assert_eq!((since(start), generator.status()), (5, Status::Closed));
        finished(generator.send(()));
    });
}

#[test]
fn t4_if_the_scopes_of_body_and_resumer_fired_the_resumers_gets_the_unwind() {
    virtually(|| {
        let mut generator = started(open_at_its_yield());
        elapsed(timeout(ms(5), || generator.send(())));
        assert_eq!(generator.status(), Status::Closed);
        let mut generator = started(open_at_its_yield());
        sleep(ms(9));
        cut_off(cancel_scope(|token| {
            token.cancel();
            generator.send(())
        }));
    });
}

#[test]
fn t4_a_shield_in_a_body_is_one_for_the_body_only() {
    virtually(|| {
        let start = corro::time::now();
        elapsed(timeout(ms(5), || {
            let mut generator = Generator::new(|co: &Co<()>| {
                shield(|| {
                    sleep(ms(3));
                    co.yield_(());
                    sleep(ms(4));
                    co.yield_(());
                });
            });
            generator.start().unwrap();
            generator.send(()).unwrap();
            assert_eq!(since(start), 7);
            // The shield is open and suspended: the scope has fired, and here nothing holds it back.
            sleep(HOUR);
        }));
        assert_eq!(since(start), 7);
    });
}

#[test]
fn t4_a_shield_around_a_resume_holds_back_what_is_outside_of_it() {
    virtually(|| {
        let start = corro::time::now();
        let mut generator = started(open_at_its_yield());
        elapsed(timeout(ms(3), || {
            // The scope of the body is inside of the shield now.
            assert!(matches!(shield(|| generator.send(())), Ok(Complete(Err(_)))));
            assert_eq!(since(start), 5);
            yield_now();
        }));
    });
}

#[test]
fn t4_scopes_in_delegating_and_delegated_bodies() {
    virtually(|| {
        let start = corro::time::now();
        let mut outer = Generator::new(|co: &Co<&'static str>| {
            let delegated = timeout(ms(5), || {
                let mut inner = Generator::new(|co: &Co<&'static str>| {
                    co.yield_("inner");
                    elapsed(timeout(ms(1), || sleep(HOUR)));
                    let _ = timeout(ms(50), || {
                        co.yield_("inner, with a timeout open");
                        sleep(HOUR);
                    });
                });
                co.yield_from(&mut inner);
            });
            elapsed(delegated);
            co.yield_("outer");
        });
        gives(outer.start(), "inner");
        sleep(ms(2));
        gives(outer.send(()), "inner, with a timeout open");
        assert_eq!(since(start), 3);
        // 5 is over for the outer body alone.
        sleep(ms(4));
        gives(outer.send(()), "outer");
        assert_eq!(since(start), 7);
        returns(outer.send(()), ());
    });
}

#[test]
fn t4_scopes_of_a_suspended_delegation_fire_after_the_resume() {
    virtually(|| {
        let start = corro::time::now();
        let mut outer = Generator::new(|co: &Co<()>| {
            timeout(ms(9), || {
                let mut inner = Generator::new(|co: &Co<()>| {
                    timeout(ms(5), || {
                        co.yield_(());
                        sleep(HOUR);
                    })
                });
                elapsed(co.yield_from(&mut inner));
                sleep(HOUR);
            })
        });
        outer.start().unwrap();
        sleep(ms(1));
        assert!(matches!(outer.send(()), Ok(Complete(Err(_)))));
        assert_eq!(since(start), 9);
    });
}

#[test]
fn t4_a_scope_of_an_inner_body_that_yields_for_the_outer_one() {
    virtually(|| {
        let start = corro::time::now();
        let mut outer = Generator::new(|outer: &Co<&'static str>| {
            scoped(
                |_: &Co<()>| {
                    timeout(ms(5), || {
                        outer.yield_("through the inner body");
                        sleep(HOUR);
                    })
                },
                |mut inner| match inner.start() {
                    Ok(Complete(outcome)) => elapsed(outcome),
                    other => panic!("expected the end of the inner body, found {other:?}"),
                },
            )
        });
        gives(outer.start(), "through the inner body");
        sleep(ms(9));
        assert_eq!(since(start), 9);
        outer.send(()).unwrap();
        assert_eq!(since(start), 9);
    });
}

#[test]
fn t4_scopes_in_scoped_generators() {
    virtually(|| {
        let (start, mut count) = (corro::time::now(), 0);
        let outcome = scoped(
            |co: &Co<i32>| {
                timeout(ms(5), || {
                    loop {
                        count += 1;
                        co.yield_(count);
                        sleep(ms(2));
                    }
                })
            },
            |mut generator| {
                gives(generator.start(), 1);
                gives(generator.send(()), 2);
                gives(timeout(ms(9), || generator.send(())).unwrap(), 3);
                generator.send(())
            },
        );
        assert!(matches!(outcome, Ok(Complete(Err::<(), _>(_)))));
        assert_eq!((since(start), count), (5, 3));
    });
}

#[test]
fn t4_a_scoped_generator_is_closed_when_a_scope_unwinds_its_driver() {
    virtually(|| {
        let trace = Trace::new();
        elapsed(timeout(ms(5), || {
            scoped(
                |co: &Co<()>| {
                    let _held = trace.guard("held");
                    let _ = timeout(ms(1), || co.yield_(()));
                    trace.say("went on");
                },
                |mut generator| {
                    generator.start().unwrap();
                    std::mem::forget(generator);
                    sleep(HOUR);
                },
            )
        }));
        trace.said(&["held"]);
    });
}

#[test]
fn t4_a_body_that_catches_its_close_may_use_scopes() {
    virtually(|| {
        let (start, trace) = (corro::time::now(), Trace::new());
        let told = trace.clone();
        let mut generator = Generator::new(move |co: &Co<()>| {
            let _ = timeout(ms(5), || {
                let _ = catch(|| co.yield_(()));
                elapsed(timeout(ms(2), || sleep(HOUR)));
                told.say("closing");
                sleep(HOUR);
            });
            told.say("closed");
        });
        generator.start().unwrap();
        drop(generator);
        trace.said(&["closing", "closed"]);
        assert_eq!(since(start), 5);
    });
}

#[test]
fn t4_a_scope_that_ends_a_drop_goes_on_at_the_next_wait() {
    virtually(|| {
        let (start, trace) = (corro::time::now(), Trace::new());
        elapsed(timeout(ms(5), || {
            let told = trace.clone();
            let generator = started(Generator::new(move |co: &Co<()>| {
                let _ = catch(|| co.yield_(()));
                let _held = told.guard("held");
                sleep(HOUR);
            }));
            drop(generator);
            trace.say("dropped");
            corro::checkpoint();
            trace.say("went on");
        }));
        trace.said(&["held", "dropped"]);
        assert_eq!(since(start), 5);
    });
}

#[test]
fn t4_a_scope_unwinds_through_generators_in_generators() {
    everywhere(|| {
        let trace = Trace::new();
        let told = trace.clone();
        let outcome = cancel_scope(|token| {
            let token = token.clone();
            let mut outer = Generator::new(move |_: &Co<()>| {
                let _outer = told.guard("outer");
                let words = told.clone();
                let mut inner = Generator::new(move |_: &Co<()>| {
                    let _inner = words.guard("inner");
                    token.cancel();
                    let _ = timeout(HOUR, || sleep(HOUR));
                    words.say("went on");
                });
                inner.next();
                told.say("went on");
            });
            outer.next();
        });
        cut_off(outcome);
        trace.said(&["inner", "outer"]);
        yields(2);
    });
}

#[test]
fn t4_a_generator_that_waits_in_a_destructor_meets_its_scope() {
    virtually(|| {
        let fired = Rc::new(Cell::new(0));
        let told = fired.clone();
        {
            let mut generator = started(Generator::new(move |co: &Co<()>| {
                let outcome = timeout(ms(5), || {
                    co.yield_(());
                    sleep(HOUR);
                });
                told.set(told.get() + usize::from(outcome.is_err()));
            }));
            let _resumed = on_drop(move || returns(generator.send(()), ()));
        }
        assert_eq!(fired.get(), 1);
    });
}
