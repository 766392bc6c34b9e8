//! G8: closes and drops through `yield_from`.

use corro::generator::{CloseError, Interrupt, Status, catch, raise};
use corro::{Co, Generator};

use super::child::{aborts, isolated};
use super::hook::Told;
use super::{Guard, Trace, close_raises, ignores, returns, started, value_of, yields};

/// An outer generator that delegates to a new inner one, both with a traced local.
fn pair<R: 'static>(trace: &Trace, inner: impl FnOnce(&Co<i32, i32>) -> R + 'static) -> Generator<i32, i32, R> {
    let trace = trace.clone();
    started(Generator::new(move |co: &Co<i32, i32>| {
        let _outer = trace.guard("outer");
        let inside = trace.clone();
        let mut inner = Generator::new(move |co: &Co<i32, i32>| {
            let _inner = inside.guard("inner");
            inner(co)
        });
        let value = co.yield_from(&mut inner);
        trace.say("went on");
        value
    }))
}

#[test]
fn g8_a_close_unwinds_the_inner_then_the_outer() {
    let trace = Trace::new();
    let mut outer = pair(&trace, |co| co.yield_(1));
    assert!(matches!(outer.close(), Ok(None)));
    trace.said(&["inner", "outer"]);
    assert_eq!(outer.status(), Status::Closed);
}

#[test]
fn g8_a_close_that_the_inner_swallows_by_returning_is_raised_in_the_outer() {
    let trace = Trace::new();
    let mut outer = pair(&trace, |co| co.try_yield(1).is_err());
    assert!(matches!(outer.close(), Ok(None)));
    trace.said(&["inner", "outer"]);
}

#[test]
fn g8_a_close_that_the_inner_swallows_can_be_caught_in_the_outer() {
    let mut outer = started(Generator::new(|co: &Co<i32, i32>| {
        let mut inner = Generator::new(|co: &Co<i32, i32>| co.try_yield(1).is_err());
        let arrived = catch(|| co.yield_from(&mut inner));
        assert_eq!(inner.status(), Status::Closed);
        matches!(arrived, Err(Interrupt::Close))
    }));
    assert!(matches!(outer.close(), Ok(Some(true))));
}

#[test]
fn g8_the_value_of_an_inner_that_swallows_close_is_lost() {
    let trace = Trace::new();
    let body = trace.clone();
    let value = trace.guard("value");
    let mut outer = started(Generator::new(move |co: &Co<i32, i32>| {
        let mut inner = Generator::new(move |co: &Co<i32, i32>| -> Guard {
            let _ = co.try_yield(1);
            value
        });
        let arrived = catch(|| co.yield_from(&mut inner));
        body.say("caught");
        assert!(matches!(arrived, Err(Interrupt::Close)));
        assert!(inner.take_return().is_none());
    }));
    assert!(matches!(outer.close(), Ok(Some(()))));
    trace.said(&["value", "caught"]);
}

#[test]
fn g8_each_level_can_swallow_a_close_and_the_next_still_sees_it() {
    fn level(trace: Trace, depth: u32) -> Generator<u32, u32, u32> {
        Generator::new(move |co: &Co<u32, u32>| {
            let arrived = catch(|| match depth {
                0 => co.yield_(1),
                _ => co.yield_from(&mut level(trace.clone(), depth - 1)),
            });
            assert!(matches!(arrived, Err(Interrupt::Close)), "{arrived:?}");
            trace.say(format!("level {depth}"));
            depth
        })
    }
    let trace = Trace::new();
    let mut outer = started(level(trace.clone(), 3));
    assert!(matches!(outer.close(), Ok(Some(3))));
    trace.said(&["level 0", "level 1", "level 2", "level 3"]);
}

#[test]
fn g8_an_inner_that_ignores_close_surfaces_as_ignored_and_the_delegation_goes_on() {
    let trace = Trace::new();
    let mut outer = pair(&trace, |co| {
        assert!(co.try_yield(1).is_err());
        co.yield_(2) + co.yield_(3)
    });
    ignores(outer.close(), 2);
    assert_eq!(outer.status(), Status::Suspended);
    trace.said(&[]);
    yields(outer.send(10), 3);
    returns(outer.send(20), 30);
    trace.said(&["inner", "went on", "outer"]);
}

#[test]
fn g8_an_inner_that_ignored_one_close_obeys_the_next() {
    let trace = Trace::new();
    let mut outer = pair(&trace, |co| {
        assert!(co.try_yield(1).is_err());
        co.yield_(2)
    });
    ignores(outer.close(), 2);
    assert!(matches!(outer.close(), Ok(None)));
    trace.said(&["inner", "outer"]);
}

#[test]
fn g8_an_inner_that_ignored_one_close_swallows_the_next() {
    let trace = Trace::new();
    let mut outer = pair(&trace, |co| {
        assert!(co.try_yield(1).is_err());
        co.try_yield(2).is_err()
    });
    ignores(outer.close(), 2);
    assert!(matches!(outer.close(), Ok(None)), "the second close goes on in the outer");
    trace.said(&["inner", "outer"]);
}

#[test]
fn g8_an_inner_that_returns_after_an_ignored_close_lets_the_outer_go_on() {
    let trace = Trace::new();
    let mut outer = pair(&trace, |co| {
        assert!(co.try_yield(1).is_err());
        co.yield_(2)
    });
    ignores(outer.close(), 2);
    returns(outer.send(5), 5);
    trace.said(&["inner", "went on", "outer"]);
}

#[test]
fn g8_an_inner_three_levels_down_ignores_close_and_all_stay_alive() {
    fn level(depth: u32) -> Generator<u32, u32, u32> {
        Generator::new(move |co: &Co<u32, u32>| match depth {
            0 => {
                assert!(co.try_yield(0).is_err());
                co.yield_(7)
            }
            _ => co.yield_from(&mut level(depth - 1)) + 1,
        })
    }
    let mut outer = started(level(3));
    ignores(outer.close(), 7);
    returns(outer.send(100), 103);
}

#[test]
fn g8_a_throw_after_an_ignored_close_reaches_the_inner() {
    let trace = Trace::new();
    let mut outer = pair(&trace, |co| {
        assert!(co.try_yield(1).is_err());
        let arrived = co.try_yield(2);
        let Err(Interrupt::Throw(exception)) = arrived else { panic!("{arrived:?}") };
        value_of::<i32>(exception)
    });
    ignores(outer.close(), 2);
    returns(outer.throw(6), 6);
    trace.said(&["inner", "went on", "outer"]);
}

#[test]
fn g8_a_delegation_that_begins_under_a_close_and_ignores_it() {
    let mut outer = started(Generator::new(|co: &Co<i32, i32>| {
        assert!(co.try_yield(1).is_err());
        let mut inner = Generator::new(|co: &Co<i32, i32>| co.yield_(2) + co.yield_(3));
        co.yield_from(&mut inner) + co.yield_(4)
    }));
    ignores(outer.close(), 2);
    yields(outer.send(10), 3);
    yields(outer.send(20), 4);
    returns(outer.send(30), 60);
}

#[test]
fn g8_a_delegation_that_begins_and_ends_under_a_close_gives_its_value() {
    let mut outer = started(Generator::new(|co: &Co<i32, i32>| {
        assert!(co.try_yield(1).is_err());
        let mut inner = Generator::new(|_: &Co<i32, i32>| 5);
        let five = co.yield_from(&mut inner);
        five * 2
    }));
    assert!(matches!(outer.close(), Ok(Some(10))), "no close arrived at that inner one");
}

#[test]
fn g8_a_delegation_begins_under_a_close_and_swallows_the_next() {
    let mut outer = started(Generator::new(|co: &Co<i32, i32>| {
        assert!(co.try_yield(1).is_err());
        let mut inner = Generator::new(|co: &Co<i32, i32>| co.try_yield(2).is_err());
        let arrived = catch(|| co.yield_from(&mut inner));
        matches!(arrived, Err(Interrupt::Close))
    }));
    ignores(outer.close(), 2);
    assert!(matches!(outer.close(), Ok(Some(true))));
}

#[test]
fn g8_a_generator_driven_under_a_close_is_not_closed_by_it() {
    // The inner one delegates as well, and runs to its end inside the finaliser: its result is no swallowed close.
    let mut outer = started(Generator::new(|co: &Co<i32, i32>| {
        assert!(co.try_yield(1).is_err());
        let mut driven = Generator::new(|co: &Co<i32, i32>| {
            let mut inner = Generator::new(|co: &Co<i32, i32>| co.yield_(1) + 1);
            co.yield_from(&mut inner) + 1
        });
        yields(driven.start(), 1);
        returns(driven.send(5), 7);
        9
    }));
    assert!(matches!(outer.close(), Ok(Some(9))));
}

#[test]
fn g8_a_generator_closed_under_a_close_has_its_own_swallowing() {
    let mut outer = started(Generator::new(|co: &Co<i32, i32>| {
        assert!(co.try_yield(1).is_err());
        let mut driven = started(Generator::new(|co: &Co<i32, i32>| {
            let mut inner = Generator::new(|co: &Co<i32, i32>| co.try_yield(1).is_err());
            matches!(catch(|| co.yield_from(&mut inner)), Err(Interrupt::Close))
        }));
        let closed = driven.close();
        matches!(closed, Ok(Some(true)))
    }));
    assert!(matches!(outer.close(), Ok(Some(true))));
}

#[test]
fn g8_an_exception_of_the_inner_under_close_surfaces_in_the_outer() {
    let trace = Trace::new();
    let mut outer = pair(&trace, |co| match co.try_yield(1) {
        Ok(value) => value,
        Err(_) => raise("stuck"),
    });
    assert_eq!(close_raises::<_, _, &str>(outer.close()), "stuck");
    trace.said(&["inner", "outer"]);
}

#[test]
fn g8_an_exception_of_the_inner_under_close_can_be_caught_in_the_outer() {
    let mut outer = started(Generator::new(|co: &Co<i32, i32>| {
        let mut inner = Generator::new(|co: &Co<i32, i32>| match co.try_yield(1) {
            Ok(value) => value,
            Err(_) => raise("stuck"),
        });
        let Err(Interrupt::Throw(exception)) = catch(|| co.yield_from(&mut inner)) else { panic!("stuck") };
        value_of::<&str>(exception)
    }));
    assert!(matches!(outer.close(), Ok(Some("stuck"))));
}

#[test]
fn g8_a_close_before_the_delegation_leaves_the_inner_alone() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut outer = started(Generator::new(move |co: &Co<i32>| {
        let mut inner = Generator::new(move |_: &Co<i32>| body.say("ran"));
        co.yield_(1);
        co.yield_from(&mut inner);
    }));
    assert!(matches!(outer.close(), Ok(None)));
    trace.said(&[]);
}

#[test]
fn g8_the_inner_closed_beforehand_by_its_owner_is_finished() {
    let mut outer = Generator::new(|co: &Co<i32>| {
        let mut inner = started(Generator::new(|co: &Co<i32>| co.yield_(1)));
        assert!(matches!(inner.close(), Ok(None)));
        let text = super::panic_text(|| co.yield_from(&mut inner));
        co.yield_(text.len() as i32);
    });
    assert!(matches!(outer.next(), Some(1..)));
    assert_eq!(outer.next(), None);
}

#[test]
fn g8_a_drop_unwinds_the_inner_then_the_outer() {
    let trace = Trace::new();
    drop(pair(&trace, |co| co.yield_(1)));
    trace.said(&["inner", "outer"]);
    drop(pair(&trace, |co| co.try_yield(1).is_err()));
    trace.said(&["inner", "outer"]);
    drop(pair(&trace, |co| co.try_yield(1).is_err() && co.try_yield(2).is_err()));
    trace.said(&["inner", "outer"]);
}

#[test]
fn g8_an_exception_of_the_inner_under_a_drop_is_for_the_outer_then_for_the_hook() {
    isolated(|| {
        let told = Told::install();
        let trace = Trace::new();
        drop(pair(&trace, |co| match co.try_yield(1) {
            Ok(value) => value,
            Err(_) => raise("stuck"),
        }));
        trace.said(&["inner", "outer"]);
        assert_eq!(told.take(), ["exception Some(\"stuck\")"]);
    });
}

#[test]
fn g8_an_inner_that_ignores_every_close_of_a_drop_aborts() {
    let stderr = aborts(|| {
        let trace = Trace::new();
        let outer: Generator<i32, i32> = pair(&trace, |co| {
            loop {
                let _ = co.try_yield(1);
            }
        });
        drop(outer);
    });
    assert!(stderr.contains("generator") && stderr.contains("close"), "{stderr}");
}

#[test]
fn g8_a_close_over_yield_all_surfaces_at_it() {
    let mut generator =
        started(Generator::new(|co: &Co<i32>| matches!(catch(|| co.yield_all(1..)), Err(Interrupt::Close))));
    assert_eq!(generator.next(), Some(2));
    assert!(matches!(generator.close(), Ok(Some(true))));
    let closed: Result<Option<bool>, CloseError<i32>> = generator.close();
    assert!(matches!(closed, Ok(None)));
}
