//! G4: `close`, in every state.

use std::panic::{AssertUnwindSafe, catch_unwind};

use corro::generator::{Exception, GeneratorError, Interrupt, Status, catch, raise};
use corro::{Co, Generator};

use super::{Trace, close_raises, finished, ignores, panic_text, raises, returns, started, yields};

#[test]
fn g4_close_at_created_runs_nothing_and_is_repeatable() {
    let trace = Trace::new();
    let body = trace.clone();
    let captured = trace.guard("captured");
    let mut generator = Generator::new(move |co: &Co<i32, i32>| {
        let _captured = captured;
        body.say("ran");
        co.yield_(1)
    });
    for _ in 0..3 {
        assert!(matches!(generator.close(), Ok(None)));
        assert_eq!(generator.status(), Status::Closed);
    }
    trace.said(&["captured"]);
    finished(generator.start());
    trace.said(&[]);
}

#[test]
fn g4_close_at_closed_is_none_and_repeatable() {
    let mut returned = Generator::new(|_: &Co<i32>| 1);
    returns(returned.start(), 1);
    let mut raised = Generator::new(|_: &Co<i32>| raise(1));
    raises::<_, i32, i32>(raised.start());
    let mut panicked = Generator::new(|_: &Co<i32>| std::panic::resume_unwind(Box::new("no")));
    panic_text(|| panicked.start());
    let mut closed = started(Generator::new(|co: &Co<i32>| {
        co.yield_(1);
        1
    }));
    assert!(matches!(closed.close(), Ok(None)));
    for generator in [&mut returned, &mut raised, &mut panicked, &mut closed] {
        for _ in 0..3 {
            assert!(matches!(generator.close(), Ok(None)));
            assert_eq!(generator.status(), Status::Closed);
        }
    }
}

#[test]
fn g4_close_at_closed_leaves_an_untaken_return_value() {
    let mut generator = Generator::new(|_: &Co<i32>| 5);
    assert_eq!(generator.next(), None);
    assert!(matches!(generator.close(), Ok(None)));
    assert_eq!(generator.take_return(), Some(5));
}

#[test]
fn g4_close_at_suspended_arrives_at_the_yield() {
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| {
        let arrived = co.try_yield(1);
        matches!(arrived, Err(Interrupt::Close))
    }));
    assert!(matches!(generator.close(), Ok(Some(true))));
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| {
        let arrived = catch(|| co.yield_(1));
        matches!(arrived, Err(Interrupt::Close))
    }));
    assert!(matches!(generator.close(), Ok(Some(true))));
}

#[test]
fn g4_unwinding_to_the_end_is_none_and_drops_the_locals_innermost_first() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = started(Generator::new(move |co: &Co<i32, i32>| {
        let _outer = body.guard("outer");
        [1, 2, 3].iter().for_each(|&n| {
            let _inner = body.guard("inner");
            co.yield_(n);
        });
        body.say("never");
    }));
    assert!(matches!(generator.close(), Ok(None)));
    trace.said(&["inner", "outer"]);
    assert_eq!(generator.status(), Status::Closed);
    finished(generator.send(1));
}

#[test]
fn g4_a_close_that_is_raised_again_is_none() {
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| match co.try_yield(1) {
        Ok(value) => value,
        Err(interrupt) => interrupt.raise(),
    }));
    assert!(matches!(generator.close(), Ok(None)));
    assert_eq!(generator.status(), Status::Closed);
}

#[test]
fn g4_returning_a_value_is_some() {
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| match catch(|| co.yield_(1)) {
        Ok(_) => "sent",
        Err(_) => "closed",
    }));
    assert!(matches!(generator.close(), Ok(Some("closed"))));
    assert_eq!(generator.status(), Status::Closed);
    assert_eq!(generator.take_return(), None, "`close` gave it");
    assert!(matches!(generator.close(), Ok(None)));
}

#[test]
fn g4_yielding_is_ignored_and_a_later_send_works() {
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| {
        let _ = co.try_yield(1);
        let sent = co.yield_(2);
        co.yield_(sent * 10)
    }));
    ignores(generator.close(), 2);
    assert_eq!(generator.status(), Status::Suspended);
    assert!(matches!(generator.start(), Err(GeneratorError::AlreadyStarted)));
    yields(generator.send(5), 50);
    returns(generator.send(6), 6);
}

#[test]
fn g4_yielding_is_ignored_and_a_later_close_works() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = started(Generator::new(move |co: &Co<i32, i32>| {
        let _local = body.guard("local");
        for n in 1..=3 {
            let _ = co.try_yield(n);
        }
        co.yield_(4)
    }));
    ignores(generator.close(), 2);
    ignores(generator.close(), 3);
    ignores(generator.close(), 4);
    trace.said(&[]);
    assert!(matches!(generator.close(), Ok(None)));
    trace.said(&["local"]);
}

#[test]
fn g4_yielding_is_ignored_and_a_later_throw_works() {
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| {
        let _ = co.try_yield(1);
        let thrown = co.try_yield(2);
        matches!(thrown, Err(Interrupt::Throw(_)))
    }));
    ignores(generator.close(), 2);
    returns(generator.throw("no"), true);
}

#[test]
fn g4_a_close_can_be_ignored_any_number_of_times() {
    let mut generator = started(Generator::new(|co: &Co<u32, u32>| {
        let mut count = 0;
        loop {
            match co.try_yield(count) {
                Ok(_) => return count,
                Err(_) => count += 1,
            }
        }
    }));
    for count in 1..=1000 {
        ignores(generator.close(), count);
    }
    returns(generator.send(0), 1000);
}

#[test]
fn g4_a_close_that_was_put_off_and_goes_on_later_closes_the_generator() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = started(Generator::new(move |co: &Co<i32, i32>| {
        let _local = body.guard("local");
        if let Err(interrupt) = catch(|| co.yield_(1)) {
            co.yield_(2);
            interrupt.raise();
        }
    }));
    ignores(generator.close(), 2);
    // Nobody is closing any more, so what `send` gives is not laid down. The body unwinds, and that is the end.
    let _ = catch_unwind(AssertUnwindSafe(|| generator.send(1)));
    trace.said(&["local"]);
    assert_eq!(generator.status(), Status::Closed);
    finished(generator.send(1));
}

#[test]
fn g4_a_close_that_was_put_off_and_goes_on_under_a_close_is_none() {
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| {
        if let Err(interrupt) = catch(|| co.yield_(1)) {
            let _ = co.try_yield(2);
            interrupt.raise();
        }
    }));
    ignores(generator.close(), 2);
    assert!(matches!(generator.close(), Ok(None)));
}

#[test]
fn g4_raising_something_else_is_raised() {
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| match co.try_yield(1) {
        Ok(value) => value,
        Err(_) => raise("cannot close"),
    }));
    assert_eq!(close_raises::<_, _, &str>(generator.close()), "cannot close");
    assert_eq!(generator.status(), Status::Closed);
    assert!(matches!(generator.close(), Ok(None)));
}

#[test]
fn g4_raising_an_exception_under_close_does_not_wrap_it() {
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| match co.try_yield(1) {
        Ok(value) => value,
        Err(_) => raise(Exception::new("once")),
    }));
    assert_eq!(close_raises::<_, _, &str>(generator.close()), "once");
}

#[test]
fn g4_close_while_suspended_in_a_handler_of_an_exception() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = started(Generator::new(move |co: &Co<i32, i32>| {
        if let Err(interrupt) = catch(|| co.yield_(1)) {
            let _local = body.guard("handler");
            co.yield_(2);
            interrupt.raise();
        }
    }));
    yields(generator.throw("no"), 2);
    assert!(matches!(generator.close(), Ok(None)), "the exception in the handler is forgotten");
    trace.said(&["handler"]);
}

#[test]
fn g4_close_of_a_generator_used_as_an_iterator() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = Generator::new(move |co: &Co<i32>| {
        let _local = body.guard("local");
        co.yield_all(1..);
    });
    assert_eq!(generator.by_ref().take(3).collect::<Vec<_>>(), [1, 2, 3]);
    trace.said(&[]);
    assert!(matches!(generator.close(), Ok(None)));
    trace.said(&["local"]);
    assert_eq!(generator.next(), None);
}

#[test]
fn g4_finalisers_may_close_other_generators() {
    let trace = Trace::new();
    let (outer, inner) = (trace.clone(), trace.clone());
    let mut generator = started(Generator::new(move |co: &Co<i32>| {
        let mut other = started(Generator::new(move |co: &Co<i32>| {
            let _local = inner.guard("inner");
            co.yield_(1);
        }));
        if let Err(interrupt) = catch(|| co.yield_(1)) {
            assert!(matches!(other.close(), Ok(None)));
            outer.say("closed the other");
            interrupt.raise();
        }
    }));
    assert!(matches!(generator.close(), Ok(None)));
    trace.said(&["inner", "closed the other"]);
}
