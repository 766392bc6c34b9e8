//! G13: bodies that unwind, destructors that resume, the panic count.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::thread::panicking;

use corro::generator::{Interrupt, Status, catch, scoped};
use corro::{Co, Generator};

use super::child::aborts;
use super::{Trace, panic_text, raises, returns, started, while_unwinding, yields};

/// Calls a function when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// What `try_yield` gives, as a word.
fn word(arrived: Result<(), Interrupt>) -> &'static str {
    match arrived {
        Ok(()) => "sent",
        Err(Interrupt::Close) => "close",
        Err(Interrupt::Throw(_)) => "throw",
    }
}

/// A suspended generator with a destructor on its stack that tries to yield.
fn yields_in_a_destructor(trace: &Trace) -> Generator<i32> {
    let trace = trace.clone();
    started(Generator::new(move |co: &Co<i32>| {
        let _local = OnDrop(|| trace.say(word(co.try_yield(2))));
        co.yield_(1);
        if !panicking() {
            resume_unwind(Box::new("the body"))
        }
    }))
}

#[test]
fn g13_try_yield_is_close_while_the_body_unwinds() {
    let trace = Trace::new();
    assert_eq!(raises::<_, _, &str>(yields_in_a_destructor(&trace).throw("no")), "no");
    trace.said(&["close"]);
    assert!(matches!(yields_in_a_destructor(&trace).close(), Ok(None)));
    trace.said(&["close"]);
    drop(yields_in_a_destructor(&trace));
    trace.said(&["close"]);
    assert_eq!(panic_text(|| yields_in_a_destructor(&trace).send(())), "the body");
    trace.said(&["close"]);
    assert!(!panicking());
}

#[test]
fn g13_try_yield_works_in_a_destructor_while_the_body_does_not_unwind() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = started(Generator::new(move |co: &Co<i32>| {
        let local = OnDrop(|| body.say(word(co.try_yield(2))));
        co.yield_(1);
        drop(local);
        co.yield_(3);
    }));
    yields(generator.send(()), 2);
    trace.said(&[]);
    yields(generator.send(()), 3);
    trace.said(&["sent"]);
    assert!(!panicking());
}

#[test]
fn g13_the_value_of_a_refused_yield_is_dropped() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = Generator::new(move |co: &Co<super::Guard>| {
        let _local = OnDrop(|| body.say(word(co.try_yield(body.guard("value")))));
        resume_unwind(Box::new("the body"))
    });
    let generator: &mut Generator<super::Guard, (), ()> = &mut generator;
    assert_eq!(panic_text(|| generator.next().is_some()), "the body");
    trace.said(&["value", "close"]);
}

#[test]
fn g13_yield_panics_while_the_body_unwinds() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = started(Generator::new(move |co: &Co<i32>| {
        let _local = OnDrop(|| {
            // Caught in the destructor: else it would be a second panic, which aborts.
            let text = panic_text(|| co.yield_(2));
            assert!(text.contains("unwind") && text.contains("try_yield"), "{text}");
            body.say("refused");
        });
        co.yield_(1);
    }));
    assert!(matches!(generator.close(), Ok(None)));
    trace.said(&["refused"]);
}

#[test]
fn g13_yield_in_a_destructor_while_the_body_unwinds_aborts_when_it_is_not_caught() {
    let stderr = aborts(|| {
        let mut generator = started(Generator::new(|co: &Co<i32>| {
            let _local = OnDrop(|| co.yield_(2));
            co.yield_(1);
        }));
        let _ = generator.close();
    });
    assert!(stderr.contains("cannot yield") && stderr.contains("unwind"), "{stderr}");
}

#[test]
fn g13_delegation_in_a_destructor_cannot_suspend_either() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = started(Generator::new(move |co: &Co<i32>| {
        let _local = OnDrop(|| {
            let inside = body.clone();
            let mut inner = Generator::new(move |co: &Co<i32>| inside.say(word(co.try_yield(2))));
            co.yield_from(&mut inner);
            body.say("delegated");
        });
        co.yield_(1);
    }));
    assert!(matches!(generator.close(), Ok(None)));
    trace.said(&["close", "delegated"]);
}

#[test]
fn g13_an_outer_body_that_unwinds_cannot_suspend_from_an_inner_body() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = started(Generator::new(move |outer: &Co<i32>| {
        let _local = OnDrop(|| {
            scoped(
                |inner: &Co<i32>| {
                    // The inner generator yields normally, the outer one is unwinding.
                    body.say(word(inner.try_yield(1)));
                    body.say(word(outer.try_yield(2)));
                },
                |mut driven| {
                    yields(driven.start(), 1);
                    returns(driven.send(()), ());
                },
            );
        });
        outer.yield_(0);
    }));
    assert!(matches!(generator.close(), Ok(None)));
    trace.said(&["sent", "close"]);
}

#[test]
fn g13_after_the_unwinding_was_caught_the_body_can_yield_again() {
    let mut generator = started(Generator::new(|co: &Co<i32>| {
        let caught = catch(|| {
            let _local = OnDrop(|| assert!(co.try_yield(-1).is_err()));
            co.yield_(1);
        });
        assert!(caught.is_err() && !panicking());
        co.yield_(2);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _local = OnDrop(|| assert!(co.try_yield(-1).is_err()));
            resume_unwind(Box::new("a panic"))
        }));
        let caught: Result<(), _> = caught;
        assert!(caught.is_err() && !panicking());
        co.yield_(3);
    }));
    yields(generator.throw("no"), 2);
    assert!(!panicking());
    yields(generator.send(()), 3);
    assert!(!panicking());
    returns(generator.send(()), ());
}

#[test]
fn g13_a_generator_resumed_from_a_destructor_runs_and_yields_normally() {
    let mut generator = started(Generator::new(|co: &Co<i32, bool>| {
        assert_eq!(co.yield_(1), panicking());
        assert_eq!(co.yield_(2), panicking());
        assert_eq!(co.try_yield(3).expect("a value"), panicking());
        let mut inner = Generator::new(|co: &Co<i32, bool>| co.yield_(4) == panicking());
        assert!(co.yield_from(&mut inner));
        "end"
    }));
    while_unwinding(|| {
        yields(generator.send(true), 2);
        assert!(panicking());
        yields(generator.send(true), 3);
        yields(generator.send(true), 4);
        returns(generator.send(true), "end");
        assert!(panicking());
    });
}

#[test]
fn g13_a_generator_is_resumed_from_a_destructor_and_from_plain_code_in_turn() {
    let mut generator = Generator::new(|co: &Co<i32, bool>| {
        for n in 0.. {
            assert_eq!(co.yield_(n), panicking());
        }
    });
    while_unwinding(|| yields(generator.start(), 0));
    for n in 0..3 {
        yields(generator.send(false), 2 * n + 1);
        assert!(!panicking());
        while_unwinding(|| yields(generator.send(true), 2 * n + 2));
        assert!(!panicking());
    }
    assert!(matches!(generator.close(), Ok(None)));
}

#[test]
fn g13_a_generator_made_started_and_kept_from_a_destructor() {
    let kept = Rc::new(Cell::new(None));
    let keep = Rc::clone(&kept);
    while_unwinding(move || {
        keep.set(Some(started(Generator::new(|co: &Co<i32>| {
            co.yield_(1);
            co.yield_(2);
        }))));
    });
    let mut generator = kept.take().expect("kept");
    assert_eq!(generator.next(), Some(2));
    assert!(!panicking());
    assert_eq!(generator.next(), None);
}

#[test]
fn g13_throw_and_close_from_a_destructor() {
    let trace = Trace::new();
    let new = || {
        let body = trace.clone();
        started(Generator::new(move |co: &Co<i32>| {
            let arrived = catch(|| {
                let _local = body.guard("local");
                co.yield_(1);
            });
            assert!(panicking(), "the thread's, so it is true inside as well");
            // The unwinding of this body is over, that of the thread is not: it yields.
            co.yield_(2);
            arrived.is_err()
        }))
    };
    let (mut thrown, mut closed) = (new(), new());
    while_unwinding(|| {
        yields(thrown.throw("no"), 2);
        super::ignores(closed.close(), 2);
        assert!(panicking());
    });
    trace.said(&["local", "local"]);
    assert!(!panicking());
    returns(thrown.send(()), true);
    returns(closed.send(()), true);
}

#[test]
fn g13_a_body_resumed_from_a_destructor_that_unwinds_itself_cannot_suspend() {
    // Here `panicking()` was true already when the body was resumed: it alone does not tell.
    let trace = Trace::new();
    let mut thrown = yields_in_a_destructor(&trace);
    let mut closed = yields_in_a_destructor(&trace);
    while_unwinding(|| {
        let result = thrown.throw("no");
        assert_eq!(thrown.status(), Status::Closed, "it did not suspend: {result:?}");
        let result = closed.close();
        assert_eq!(closed.status(), Status::Closed, "it did not suspend: {result:?}");
    });
    assert!(!panicking(), "the count is what it was");
    trace.said(&["close", "close"]);
}

#[test]
fn g13_a_catch_in_a_destructor_does_not_let_the_unwinding_body_suspend() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = started(Generator::new(move |co: &Co<i32>| {
        let _local = OnDrop(|| {
            // This unwinding ends here, the other one goes on.
            assert!(catch(|| corro::generator::raise("in the destructor")).is_err());
            body.say(word(co.try_yield(2)));
            assert!(catch_unwind(AssertUnwindSafe(|| corro::generator::raise("again"))).is_err());
            body.say(word(co.try_yield(3)));
        });
        co.yield_(1);
    }));
    let closed = generator.close();
    assert!(!panicking(), "the count is what it was");
    assert!(matches!(closed, Ok(None)), "{closed:?}");
    trace.said(&["close", "close"]);
}

#[test]
fn g13_a_delegate_that_unwinds_in_a_body_resumed_from_a_destructor_cannot_suspend() {
    let trace = Trace::new();
    let inside = trace.clone();
    let mut generator = started(Generator::new(move |co: &Co<i32>| {
        let mut inner = Generator::new(move |co: &Co<i32>| {
            let _local = OnDrop(|| inside.say(word(co.try_yield(2))));
            co.yield_(1);
        });
        co.yield_from(&mut inner);
    }));
    while_unwinding(|| {
        let result = generator.throw("no");
        assert_eq!(generator.status(), Status::Closed, "it did not suspend: {result:?}");
    });
    trace.said(&["close"]);
}

#[test]
fn g13_an_inner_body_that_unwinds_cannot_suspend_an_outer_one_resumed_from_a_destructor() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = started(Generator::new(move |outer: &Co<i32>| {
        let arrived = catch(|| {
            scoped(
                |_: &Co<i32>| {
                    let _local = OnDrop(|| body.say(word(outer.try_yield(2))));
                    outer.yield_(1);
                },
                |mut driven| driven.next(),
            )
        });
        assert!(arrived.is_err());
        body.say("outer");
    }));
    while_unwinding(|| {
        let result = generator.throw("no");
        assert_eq!(generator.status(), Status::Closed, "it did not suspend: {result:?}");
    });
    trace.said(&["close", "outer"]);
}

#[test]
fn g13_a_body_resumed_from_a_destructor_that_swallows_by_catch_unwind_yields_normally() {
    let mut generator = started(Generator::new(|co: &Co<i32>| {
        for n in 2..9 {
            let caught = catch_unwind(AssertUnwindSafe(|| co.yield_(n)));
            if caught.is_ok() {
                return;
            }
        }
    }));
    // The first yield above was of 2.
    while_unwinding(|| {
        yields(generator.throw("no"), 3);
        super::ignores(generator.close(), 4);
        yields(generator.throw("no"), 5);
    });
    returns(generator.send(()), ());
}

#[test]
fn g13_generators_that_end_in_a_destructor_do_not_let_the_unwinding_body_suspend() {
    let trace = Trace::new();
    let new = || {
        let body = trace.clone();
        started(Generator::new(move |co: &Co<i32>| {
            let _local = OnDrop(|| {
                let other = || started(Generator::new(|co: &Co<i32>| co.yield_(1)));
                raises::<_, _, &str>(other().throw("its own"));
                body.say(word(co.try_yield(2)));
                assert!(matches!(other().close(), Ok(None)));
                body.say(word(co.try_yield(3)));
                drop(other());
                body.say(word(co.try_yield(4)));
            });
            co.yield_(1);
        }))
    };
    assert_eq!(raises::<_, _, &str>(new().throw("no")), "no");
    trace.said(&["close", "close", "close"]);
    let mut generator = new();
    while_unwinding(|| {
        let result = generator.throw("no");
        assert_eq!(generator.status(), Status::Closed, "it did not suspend: {result:?}");
    });
    trace.said(&["close", "close", "close"]);
}

#[test]
fn g13_an_unwind_that_was_caught_in_another_body_does_not_let_this_one_suspend() {
    // The payload is dropped in a body other than the one that unwound with it.
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = started(Generator::new(move |co: &Co<i32>| {
        let _local = OnDrop(|| {
            let caught = Rc::new(Cell::new(None));
            let keep = Rc::clone(&caught);
            let mut other = Generator::new(move |_: &Co<i32>| {
                keep.set(catch_unwind(|| corro::generator::raise("its own")).err());
            });
            assert_eq!(other.next(), None);
            drop(caught.take().expect("the payload"));
            body.say(word(co.try_yield(2)));
        });
        co.yield_(1);
    }));
    while_unwinding(|| {
        let result = generator.throw("no");
        assert_eq!(generator.status(), Status::Closed, "it did not suspend: {result:?}");
    });
    trace.said(&["close"]);
}

#[test]
fn g13_send_leaves_the_panic_count_as_it_was() {
    let mut generator = started(Generator::new(|co: &Co<u32, bool>| {
        let mut caught = 0;
        while caught <= 150 {
            let arrived = catch(|| {
                // Refused whenever this is dropped by an unwinding.
                let local = OnDrop(|| assert!(co.try_yield(u32::MAX).is_err()));
                if co.yield_(caught) {
                    corro::generator::raise("mine")
                }
                std::mem::forget(local);
            });
            caught += u32::from(arrived.is_err());
        }
    }));
    for n in 0..50 {
        yields(generator.send(false), n * 3);
        assert!(!panicking());
        yields(generator.send(true), n * 3 + 1);
        assert!(!panicking());
        yields(generator.throw("no"), n * 3 + 2);
        assert!(!panicking());
        super::ignores(generator.close(), n * 3 + 3);
        assert!(!panicking());
    }
    while_unwinding(|| {
        yields(generator.send(false), 150);
        assert!(panicking());
    });
    assert!(!panicking());
    assert!(matches!(generator.close(), Ok(Some(()))));
    assert!(!panicking());
}

#[test]
fn g13_a_body_that_panics_leaves_the_count_to_the_resumer() {
    for _ in 0..3 {
        let mut generator = Generator::new(|_: &Co<i32>| resume_unwind(Box::new("the body")));
        let generator: &mut Generator<i32, (), ()> = &mut generator;
        assert_eq!(panic_text(|| generator.start()), "the body");
        assert!(!panicking());
    }
    let mutex = std::sync::Mutex::new(());
    drop(mutex.lock());
    assert!(!mutex.is_poisoned(), "a raised panic count would poison it");
}

#[test]
fn g13_bodies_that_unwind_inside_one_another() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut outer = started(Generator::new(move |co: &Co<i32>| {
        let _outer = OnDrop(|| {
            // The outer body unwinds. An inner one is made, thrown into and caught, all in this destructor.
            let inside = body.clone();
            let mut inner = started(Generator::new(move |co: &Co<i32>| {
                let arrived = catch(|| {
                    let _inner = inside.guard("inner local");
                    co.yield_(1);
                });
                assert!(arrived.is_err());
                co.yield_(2);
            }));
            yields(inner.throw("no"), 2);
            body.say("driven");
            assert!(matches!(inner.close(), Ok(None)));
            body.say(word(co.try_yield(3)));
        });
        co.yield_(0);
    }));
    assert!(matches!(outer.close(), Ok(None)));
    assert!(!panicking());
    trace.said(&["inner local", "driven", "close"]);
}
