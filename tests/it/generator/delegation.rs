//! G8: `yield_from` and `yield_all`: values, sends, throws, results, misuse.

use std::cell::RefCell;
use std::rc::Rc;

use corro::generator::{Interrupt, Status, catch, raise};
use corro::{Co, Generator};

use super::{Trace, panic_text, raises, returns, started, value_of, yields};

#[test]
fn g8_yields_and_sends_pass_through_and_the_value_is_the_inner_return_value() {
    let mut outer = Generator::new(|co: &Co<i32, i32>| {
        let mut inner = Generator::new(|co: &Co<i32, i32>| {
            let first = co.yield_(1);
            let second = co.yield_(first * 10);
            format!("{first} {second}")
        });
        let result = co.yield_from(&mut inner);
        assert_eq!(inner.status(), Status::Closed);
        assert_eq!(inner.take_return(), None);
        let last = co.yield_(-1);
        format!("{result} {last}")
    });
    yields(outer.start(), 1);
    yields(outer.send(5), 50);
    yields(outer.send(6), -1);
    returns(outer.send(7), "5 6 7".to_owned());
}

#[test]
fn g8_an_inner_that_yields_nothing() {
    let mut outer = Generator::new(|co: &Co<i32>| {
        let mut inner = Generator::new(|_: &Co<i32>| "at once");
        co.yield_from(&mut inner)
    });
    returns(outer.start(), "at once");
}

#[test]
fn g8_next_drives_through_delegations() {
    fn tree(co: &Co<u32>, low: u32, high: u32) {
        if high - low == 1 {
            return co.yield_(low);
        }
        let middle = low.midpoint(high);
        co.yield_from(&mut Generator::new(move |co: &Co<u32>| tree(co, low, middle)));
        co.yield_from(&mut Generator::new(move |co: &Co<u32>| tree(co, middle, high)));
    }
    let leaves = Generator::new(|co: &Co<u32>| tree(co, 0, 100));
    assert_eq!(leaves.collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
}

#[test]
fn g8_throws_pass_through() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut outer = started(Generator::new(move |co: &Co<i32, i32>| {
        let inside = body.clone();
        let mut inner = Generator::new(move |co: &Co<i32, i32>| {
            let arrived = co.try_yield(1);
            let Err(Interrupt::Throw(exception)) = arrived else { panic!("{arrived:?}") };
            inside.say(value_of::<&str>(exception));
            co.yield_(2)
        });
        let result = catch(|| co.yield_from(&mut inner));
        body.say("outer");
        result.expect("the inner one answered")
    }));
    yields(outer.throw("thrown"), 2);
    trace.said(&["thrown"]);
    returns(outer.send(3), 3);
    trace.said(&["outer"]);
}

#[test]
fn g8_a_throw_that_the_inner_swallows_by_returning_lets_the_outer_go_on() {
    let mut outer = started(Generator::new(|co: &Co<i32, i32>| {
        let mut inner = Generator::new(|co: &Co<i32, i32>| co.try_yield(1).is_err());
        assert!(co.yield_from(&mut inner));
        co.yield_(2)
    }));
    yields(outer.throw("no"), 2);
    returns(outer.send(3), 3);
}

#[test]
fn g8_a_throw_that_the_inner_lets_pass_surfaces_at_the_delegation() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut outer = started(Generator::new(move |co: &Co<i32, i32>| {
        let inside = body.clone();
        let mut inner = Generator::new(move |co: &Co<i32, i32>| {
            let _local = inside.guard("inner");
            co.yield_(1)
        });
        let result = catch(|| co.yield_from(&mut inner));
        body.say("caught");
        assert_eq!(inner.status(), Status::Closed);
        let Err(Interrupt::Throw(exception)) = result else { panic!("{result:?}") };
        co.yield_(value_of::<i32>(exception))
    }));
    yields(outer.throw(8), 8);
    trace.said(&["inner", "caught"]);
    returns(outer.send(9), 9);
}

#[test]
fn g8_an_uncaught_throw_unwinds_all_innermost_first() {
    let trace = Trace::new();
    let mut outer = started(nested(&trace, &["a", "b", "c"]));
    assert_eq!(raises::<_, _, &str>(outer.throw("no")), "no");
    trace.said(&["c", "b", "a"]);
    assert_eq!(outer.status(), Status::Closed);
}

/// Generators that delegate, the first word's to the second's and so on, each with a traced local.
fn nested(trace: &Trace, words: &'static [&'static str]) -> Generator<i32, i32> {
    let trace = trace.clone();
    Generator::new(move |co: &Co<i32, i32>| {
        let _local = trace.guard(words[0]);
        if words.len() == 1 {
            co.yield_(1);
        } else {
            co.yield_from(&mut nested(&trace, &words[1..]));
        }
    })
}

#[test]
fn g8_an_exception_that_the_inner_raises_surfaces_at_the_delegation() {
    let mut outer = Generator::new(|co: &Co<i32, i32>| {
        let mut inner = Generator::new(|co: &Co<i32, i32>| {
            let sent = co.yield_(1);
            raise(sent)
        });
        let inner: &mut Generator<i32, i32, ()> = &mut inner;
        let Err(Interrupt::Throw(exception)) = catch(|| co.yield_from(inner)) else { panic!("raises") };
        value_of::<i32>(exception)
    });
    yields(outer.start(), 1);
    returns(outer.send(6), 6);
}

#[test]
fn g8_a_panic_of_the_inner_goes_through_the_outer() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut outer = started(Generator::new(move |co: &Co<i32, i32>| {
        let _local = body.guard("outer");
        let mut inner = Generator::new(|co: &Co<i32, i32>| {
            co.yield_(1);
            std::panic::resume_unwind(Box::new("inner panics"))
        });
        let inner: &mut Generator<i32, i32, ()> = &mut inner;
        let _ = catch(|| co.yield_from(inner));
        body.say("never");
    }));
    assert_eq!(panic_text(|| outer.send(2)), "inner panics");
    trace.said(&["outer"]);
    assert_eq!(outer.status(), Status::Closed);
}

#[test]
fn g8_a_panic_of_the_inner_can_be_caught_and_the_outer_goes_on() {
    let mut outer = started(Generator::new(|co: &Co<i32, i32>| {
        let mut inner = Generator::new(|co: &Co<i32, i32>| {
            co.yield_(1);
            std::panic::resume_unwind(Box::new("inner panics"))
        });
        let inner: &mut Generator<i32, i32, ()> = &mut inner;
        assert_eq!(panic_text(|| co.yield_from(inner)), "inner panics");
        co.yield_(2)
    }));
    yields(outer.send(2), 2);
    returns(outer.send(3), 3);
}

#[test]
fn g8_a_started_inner_goes_on_from_where_it_stands() {
    let mut inner = Generator::new(|co: &Co<i32>| {
        (1..=3).for_each(|n| co.yield_(n));
        "inner"
    });
    assert_eq!(inner.next(), Some(1));
    let outer = Generator::new(move |co: &Co<i32>| {
        assert_eq!(co.yield_from(&mut inner), "inner");
        co.yield_(4);
    });
    assert_eq!(outer.collect::<Vec<_>>(), [2, 3, 4]);
}

#[test]
fn g8_a_started_inner_gets_throws_and_closes() {
    let trace = Trace::new();
    let new = || {
        let body = trace.clone();
        let mut inner = started(Generator::new(move |co: &Co<i32>| {
            let _local = body.guard("inner");
            co.yield_(1);
            co.yield_(2);
        }));
        started(Generator::new(move |co: &Co<i32>| co.yield_from(&mut inner)))
    };
    assert_eq!(raises::<_, _, &str>(new().throw("no")), "no");
    trace.said(&["inner"]);
    assert!(matches!(new().close(), Ok(None)));
    trace.said(&["inner"]);
}

#[test]
fn g8_a_started_inner_that_itself_delegates_joins_the_delegation() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut middle = Generator::new(move |co: &Co<i32>| {
        let _local = body.guard("middle");
        let inside = body.clone();
        let mut innermost = Generator::new(move |co: &Co<i32>| {
            let _local = inside.guard("innermost");
            co.yield_(1);
            co.yield_(2);
        });
        co.yield_from(&mut innermost);
        co.yield_(3);
        let mut second = Generator::new(|co: &Co<i32>| co.yield_(4));
        co.yield_from(&mut second);
        co.yield_(5);
    });
    assert_eq!(middle.next(), Some(1));
    let mut outer = Generator::new(move |co: &Co<i32>| {
        co.yield_from(&mut middle);
        co.yield_(6);
    });
    assert_eq!(outer.next(), Some(2));
    assert_eq!(outer.next(), Some(3));
    trace.said(&["innermost"]);
    assert_eq!(outer.by_ref().collect::<Vec<_>>(), [4, 5, 6]);
    trace.said(&["middle"]);
}

#[test]
fn g8_delegations_of_started_generators_nest() {
    fn chain(depth: u32) -> Generator<u32> {
        Generator::new(move |co: &Co<u32>| {
            co.yield_(depth);
            if depth > 0 {
                let mut inner = chain(depth - 1);
                // Started here, and joined to the delegation only then.
                assert_eq!(inner.next(), Some(depth - 1));
                co.yield_from(&mut inner);
            }
            co.yield_(depth);
        })
    }
    assert_eq!(chain(4).collect::<Vec<_>>(), [4, 0, 1, 2, 3, 4]);
}

#[test]
fn g8_a_started_inner_that_takes_values_is_a_clear_panic() {
    let inner = Rc::new(RefCell::new(started(Generator::new(|co: &Co<i32, i32>| co.yield_(1)))));
    let shared = Rc::clone(&inner);
    let mut outer = Generator::new(move |co: &Co<i32, i32>| {
        let text = panic_text(|| co.yield_from(&mut shared.borrow_mut()));
        assert!(text.contains("started") && text.contains("send"), "{text}");
        co.yield_(7)
    });
    yields(outer.start(), 7);
    assert_eq!(inner.borrow().status(), Status::Suspended, "it is as it was");
    returns(inner.borrow_mut().send(4), 4);
    returns(outer.send(8), 8);
}

#[test]
fn g8_a_finished_inner_gives_its_untaken_return_value() {
    let mut inner = Generator::new(|co: &Co<i32>| {
        co.yield_(1);
        "untaken".to_owned()
    });
    assert_eq!(inner.by_ref().collect::<Vec<_>>(), [1]);
    let mut outer = Generator::new(move |co: &Co<i32>| {
        let first = co.yield_from(&mut inner);
        assert_eq!(inner.take_return(), None, "it was taken");
        co.yield_(2);
        first
    });
    yields(outer.start(), 2);
    returns(outer.send(()), "untaken".to_owned());
}

#[test]
fn g8_a_finished_inner_without_its_return_value_is_a_clear_panic() {
    let mut taken = Generator::new(|_: &Co<i32>| 5);
    assert_eq!(taken.next(), None);
    assert_eq!(taken.take_return(), Some(5));
    let mut given = Generator::new(|_: &Co<i32>| 5);
    returns(given.start(), 5);
    let mut closed = Generator::new(|_: &Co<i32>| 5);
    assert!(matches!(closed.close(), Ok(None)));
    let mut raised = Generator::new(|_: &Co<i32>| -> i32 { raise("no") });
    raises::<_, _, &str>(raised.start());
    for mut inner in [taken, given, closed, raised] {
        let mut outer = Generator::new(move |co: &Co<i32>| panic_text(|| co.yield_from(&mut inner)));
        let Ok(corro::CoroutineState::Complete(text)) = outer.start() else { panic!("a text") };
        assert!(text.contains("finished"), "{text}");
    }
}

#[test]
fn g8_two_outers_share_an_inner_one_after_the_other() {
    let inner = Rc::new(RefCell::new(Generator::new(|co: &Co<i32>| (1..=4).for_each(|n| co.yield_(n)))));
    let take_one = |inner: &Rc<RefCell<Generator<i32>>>| {
        let inner = Rc::clone(inner);
        Generator::new(move |co: &Co<i32>| {
            let one = inner.borrow_mut().next();
            co.yield_(one.expect("a value"));
        })
    };
    let mut first = take_one(&inner);
    let mut second = take_one(&inner);
    assert_eq!(first.next(), Some(1));
    assert_eq!(second.next(), Some(2));
    let rest = Rc::clone(&inner);
    let third = Generator::new(move |co: &Co<i32>| co.yield_from(&mut rest.borrow_mut()));
    assert_eq!(third.collect::<Vec<_>>(), [3, 4]);
    assert_eq!(first.next(), None);
    assert_eq!(inner.borrow().status(), Status::Closed);
}

#[test]
fn g8_a_delegating_generator_is_driven_by_another_body() {
    let mut outermost = Generator::new(|co: &Co<i32, i32>| {
        let mut driven = Generator::new(|co: &Co<i32, i32>| {
            let mut inner = Generator::new(|co: &Co<i32, i32>| co.yield_(1) + 1);
            co.yield_from(&mut inner) + 1
        });
        yields(driven.start(), 1);
        let between = co.yield_(100);
        returns(driven.send(between), between + 2);
        co.yield_(200)
    });
    yields(outermost.start(), 100);
    yields(outermost.send(5), 200);
    returns(outermost.send(6), 6);
}

#[test]
fn g8_a_delegating_generator_moves_while_it_is_suspended() {
    let new = || {
        started(Generator::new(|co: &Co<i32, i32>| {
            let mut inner = Generator::new(|co: &Co<i32, i32>| co.yield_(1) * 2);
            co.yield_from(&mut inner) + 1
        }))
    };
    let mut all: Vec<_> = (0..20).map(|_| new()).collect();
    all.rotate_left(7);
    let mut all: Vec<_> = all.into_iter().rev().map(Box::new).collect();
    for (n, generator) in (0..).zip(&mut all) {
        returns(generator.send(n), n * 2 + 1);
    }
}

#[test]
fn g8_yield_all_yields_every_value_and_drops_what_is_sent() {
    let mut generator = Generator::new(|co: &Co<i32, String>| {
        co.yield_all([1, 2]);
        co.yield_all(Vec::new());
        co.yield_all((3..4).map(|n| n * 10));
        co.yield_(5)
    });
    yields(generator.start(), 1);
    yields(generator.send("dropped".to_owned()), 2);
    yields(generator.send("dropped".to_owned()), 30);
    yields(generator.send("dropped".to_owned()), 5);
    returns(generator.send("kept".to_owned()), "kept".to_owned());
}

#[test]
fn g8_yield_all_is_lazy_and_interrupts_surface_at_it() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = Generator::new(move |co: &Co<i32>| {
        let arrived = catch(|| co.yield_all((1..).inspect(|n| body.say(n.to_string()))));
        matches!(arrived, Err(Interrupt::Throw(_)))
    });
    yields(generator.start(), 1);
    yields(generator.send(()), 2);
    trace.said(&["1", "2"]);
    returns(generator.throw("enough"), true);
    trace.said(&[]);
}

#[test]
fn g8_yield_all_of_a_generator_is_plain_iteration() {
    let generator = Generator::new(|co: &Co<i32>| {
        co.yield_all(Generator::new(|co: &Co<i32>| co.yield_all([1, 2])));
        co.yield_(3);
    });
    assert_eq!(generator.collect::<Vec<_>>(), [1, 2, 3]);
}
