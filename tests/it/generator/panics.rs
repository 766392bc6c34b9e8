//! G6: panics in a body, and exceptions under `next`.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use corro::generator::{Interrupt, Status, catch, raise};
use corro::{Co, Generator};

use super::{Trace, finished, panic_text, raises, returns, started, value_of, yields};

/// Panics with a payload that is no text, and without the panic hook.
fn panic_with(number: u32) -> ! {
    resume_unwind(Box::new(number))
}

/// The number that [`panic_with`] was called with.
fn panic_number<T>(f: impl FnOnce() -> T) -> u32 {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else { panic!("expected a panic") };
    *payload.downcast().expect("the payload of the panic")
}

#[test]
fn g6_a_panic_goes_on_in_start() {
    let mut generator = Generator::new(|_: &Co<i32, i32>| panic_with(1));
    let generator: &mut Generator<i32, i32, ()> = &mut generator;
    assert_eq!(panic_number(|| generator.start()), 1);
    assert_eq!(generator.status(), Status::Closed);
    finished(generator.start());
}

#[test]
fn g6_a_panic_goes_on_in_send() {
    let mut generator = started(Generator::new(|co: &Co<u32, u32>| -> u32 { panic_with(co.yield_(0)) }));
    assert_eq!(panic_number(|| generator.send(2)), 2);
    assert_eq!(generator.status(), Status::Closed);
    finished(generator.send(3));
}

#[test]
fn g6_a_panic_goes_on_in_throw() {
    let mut generator = started(Generator::new(|co: &Co<u32>| {
        if co.try_yield(0).is_err() {
            panic_with(3)
        }
    }));
    assert_eq!(panic_number(|| generator.throw("no")), 3);
    assert_eq!(generator.status(), Status::Closed);
    finished(generator.send(()));
}

#[test]
fn g6_a_panic_goes_on_in_close() {
    let mut generator = started(Generator::new(|co: &Co<u32>| {
        if co.try_yield(0).is_err() {
            panic_with(4)
        }
    }));
    assert_eq!(panic_number(|| generator.close()), 4);
    assert_eq!(generator.status(), Status::Closed);
    assert!(matches!(generator.close(), Ok(None)));
}

#[test]
fn g6_a_panic_goes_on_in_next() {
    let mut generator = Generator::new(|co: &Co<u32>| {
        co.yield_(1);
        panic_with(5)
    });
    let generator: &mut Generator<u32, (), ()> = &mut generator;
    assert_eq!(generator.next(), Some(1));
    assert_eq!(panic_number(|| generator.next()), 5);
    assert_eq!(generator.status(), Status::Closed);
    assert_eq!(generator.next(), None);
    assert_eq!(generator.take_return(), None);
}

#[test]
fn g6_a_panic_at_the_first_next() {
    let mut generator = Generator::new(|_: &Co<u32>| panic_with(6));
    let generator: &mut Generator<u32, (), ()> = &mut generator;
    assert_eq!(panic_number(|| generator.next()), 6);
    assert_eq!(generator.next(), None);
}

#[test]
fn g6_a_panic_unwinds_the_body() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = started(Generator::new(move |co: &Co<u32>| {
        let _outer = body.guard("outer");
        let _inner = body.guard("inner");
        co.yield_(1);
        if body.take().is_empty() {
            panic_with(7)
        }
    }));
    assert_eq!(panic_number(|| generator.send(())), 7);
    trace.said(&["inner", "outer"]);
    assert!(!std::thread::panicking());
}

#[test]
fn g6_a_panic_that_the_body_catches_is_its_own_affair() {
    let mut generator = started(Generator::new(|co: &Co<u32, u32>| {
        let number = panic_number(|| panic_with(co.yield_(1)));
        co.yield_(number * 10)
    }));
    yields(generator.send(8), 80);
    returns(generator.send(9), 9);
}

#[test]
fn g6_a_panic_goes_through_the_body_that_resumed() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut outer = Generator::new(move |_: &Co<u32>| {
        let _local = body.guard("outer");
        let mut inner = Generator::new(|_: &Co<u32>| panic_with(9));
        let inner: &mut Generator<u32, (), ()> = &mut inner;
        let _ = inner.start();
    });
    assert_eq!(panic_number(|| outer.start()), 9);
    trace.said(&["outer"]);
    assert_eq!(outer.status(), Status::Closed);
}

#[test]
fn g6_the_body_that_resumed_can_catch_the_panic() {
    let mut outer = Generator::new(|co: &Co<u32, u32>| {
        let mut inner = Generator::new(|_: &Co<u32>| panic_with(10));
        let inner: &mut Generator<u32, (), ()> = &mut inner;
        let number = panic_number(|| inner.start());
        co.yield_(number)
    });
    yields(outer.start(), 10);
    returns(outer.send(11), 11);
}

#[test]
fn g6_a_panic_with_a_message_keeps_it() {
    let mut generator = Generator::new(|_: &Co<u32>| resume_unwind(Box::new(format!("number {}", 5))));
    let generator: &mut Generator<u32, (), ()> = &mut generator;
    assert_eq!(panic_text(|| generator.start()), "number 5");
}

#[test]
fn g6_an_exception_under_next_is_raised_on_in_the_body_that_called_it() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut outer = Generator::new(move |co: &Co<u32>| {
        let _local = body.guard("outer");
        let inner = Generator::new(|co: &Co<u32>| {
            co.yield_(1);
            raise("from inside")
        });
        let inner: Generator<u32, (), ()> = inner;
        inner.for_each(|n| co.yield_(n * 10));
    });
    yields(outer.start(), 10);
    assert_eq!(raises::<_, _, &str>(outer.send(())), "from inside");
    trace.said(&["outer"]);
}

#[test]
fn g6_an_exception_under_next_can_be_caught_where_next_was_called() {
    let mut outer = Generator::new(|co: &Co<u32, u32>| {
        let mut inner = Generator::new(|_: &Co<u32>| raise("from inside"));
        let inner: &mut Generator<u32, (), ()> = &mut inner;
        let raised = catch(|| inner.next());
        let Err(Interrupt::Throw(exception)) = raised else { panic!("{raised:?}") };
        co.yield_(1);
        assert_eq!(inner.next(), None);
        value_of::<&str>(exception)
    });
    yields(outer.start(), 1);
    returns(outer.send(2), "from inside");
}

#[test]
fn g6_an_exception_under_next_goes_through_iterator_adaptors_and_bodies() {
    let numbers = |last: u32| {
        Generator::new(move |co: &Co<u32>| {
            (0..last).for_each(|n| co.yield_(n));
            raise("too many")
        })
    };
    let mut outer = Generator::new(move |co: &Co<u32>| {
        let inner: Generator<u32, (), ()> = numbers(3);
        let mut middle = Generator::new(move |co: &Co<u32>| inner.map(|n| n + 1).for_each(|n| co.yield_(n)));
        let raised = catch(|| middle.by_ref().sum::<u32>());
        co.yield_(u32::from(raised.is_err()));
        middle.status()
    });
    yields(outer.start(), 1);
    returns(outer.send(()), Status::Closed);
}

#[test]
fn g6_an_exception_under_next_outside_a_body_is_a_clear_panic() {
    let mut generator = Generator::new(|co: &Co<u32>| {
        co.yield_(1);
        raise("out of paper")
    });
    let generator: &mut Generator<u32, (), ()> = &mut generator;
    assert_eq!(generator.next(), Some(1));
    let text = panic_text(|| generator.next());
    assert!(text.contains("next") && text.contains("exception") && text.contains("out of paper"), "{text}");
    assert_eq!(generator.status(), Status::Closed);
    assert_eq!(generator.next(), None);
}

#[test]
fn g6_an_exception_under_the_first_next_outside_a_body_is_a_clear_panic() {
    let mut generator = Generator::new(|_: &Co<u32>| raise("out of paper"));
    let generator: &mut Generator<u32, (), ()> = &mut generator;
    let text = panic_text(|| generator.next());
    assert!(text.contains("next") && text.contains("out of paper"), "{text}");
}

#[test]
fn g6_a_panic_while_other_generators_are_suspended_leaves_them_alone() {
    let other = Rc::new(RefCell::new(started(Generator::new(|co: &Co<u32, u32>| co.yield_(1)))));
    let shared = Rc::clone(&other);
    let mut generator = Generator::new(move |_: &Co<u32>| {
        assert_eq!(shared.borrow().status(), Status::Suspended);
        panic_with(1)
    });
    let generator: &mut Generator<u32, (), ()> = &mut generator;
    assert_eq!(panic_number(|| generator.start()), 1);
    returns(other.borrow_mut().send(4), 4);
}
