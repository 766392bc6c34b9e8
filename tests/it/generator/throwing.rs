//! G3: `throw`, in every state; exceptions are passed on as they are.

use corro::generator::{CloseError, Exception, GeneratorError, Interrupt, Status, catch, raise};
use corro::{Co, CoroutineState, Generator};

use super::{Trace, finished, panic_text, raises, returns, started, value_of, yields};

/// An exception that is no text, with a destructor that is traced.
struct Paper(u32, #[expect(dead_code, reason = "held for its destructor")] super::Guard);

#[test]
fn g3_throw_at_created_runs_nothing() {
    let trace = Trace::new();
    let body = trace.clone();
    let captured = trace.guard("captured");
    let mut generator = Generator::new(move |co: &Co<i32, i32>| {
        let _captured = captured;
        body.say("ran");
        let _ = catch(|| co.yield_(1));
    });
    assert_eq!(raises::<_, _, &str>(generator.throw("no paper")), "no paper");
    trace.said(&["captured"]);
    assert_eq!(generator.status(), Status::Closed);
    finished(generator.start());
    finished(generator.send(1));
    trace.said(&[]);
}

#[test]
fn g3_throw_at_closed_raises_for_ever_and_runs_nothing() {
    let mut returned = Generator::new(|_: &Co<i32>| ());
    returns(returned.start(), ());
    let mut raised = Generator::new(|_: &Co<i32>| raise(1));
    raises::<_, (), i32>(raised.start());
    let mut closed = started(Generator::new(|co: &Co<i32>| co.yield_(1)));
    assert!(closed.close().is_ok());
    let mut panicked = Generator::new(|_: &Co<i32>| std::panic::resume_unwind(Box::new("no")));
    panic_text(|| panicked.start());
    let mut never_started = Generator::new(|_: &Co<i32>| ());
    raises::<_, _, i32>(never_started.throw(1));

    for generator in [&mut returned, &mut raised, &mut closed, &mut panicked, &mut never_started] {
        for number in 0..3_u32 {
            assert_eq!(raises::<_, _, u32>(generator.throw(number)), number);
            assert_eq!(generator.status(), Status::Closed);
        }
        finished(generator.start());
    }
}

#[test]
fn g3_throw_at_closed_leaves_an_untaken_return_value() {
    let mut generator = Generator::new(|_: &Co<i32>| 5);
    assert_eq!(generator.next(), None);
    assert_eq!(raises::<_, _, &str>(generator.throw("no")), "no");
    assert_eq!(generator.take_return(), Some(5));
}

#[test]
fn g3_throw_at_suspended_surfaces_at_the_yield() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = started(Generator::new(move |co: &Co<i32, i32>| {
        body.say("before");
        let thrown = catch(|| co.yield_(1));
        let Err(Interrupt::Throw(exception)) = thrown else { panic!("{thrown:?}") };
        body.say(value_of::<&str>(exception));
        let _ = catch(|| co.yield_(2));
        body.say("after the second");
    }));
    yields(generator.throw("first"), 2);
    trace.said(&["before", "first"]);
    returns(generator.throw("second"), ());
    trace.said(&["after the second"]);
}

#[test]
fn g3_throw_at_suspended_uncaught_drops_the_locals_innermost_first() {
    let trace = Trace::new();
    let body = trace.clone();
    fn inner(co: &Co<i32, i32>, trace: &Trace) {
        let _a = trace.guard("inner a");
        let _b = trace.guard("inner b");
        co.yield_(1);
        trace.say("never");
    }
    let mut generator = started(Generator::new(move |co: &Co<i32, i32>| {
        let _c = body.guard("outer c");
        inner(co, &body);
        body.say("never");
    }));
    assert_eq!(raises::<_, _, u8>(generator.throw(9_u8)), 9);
    trace.said(&["inner b", "inner a", "outer c"]);
    assert_eq!(generator.status(), Status::Closed);
    finished(generator.send(1));
}

#[test]
fn g3_try_yield_gets_it_and_throw_returns_the_next_yield() {
    let mut generator = started(Generator::new(|co: &Co<u32, i32>| {
        let mut last = 0;
        loop {
            match co.try_yield(last) {
                Ok(_) => return "sent",
                Err(Interrupt::Throw(exception)) => last = value_of::<u32>(exception),
                Err(Interrupt::Close) => return "closed",
            }
        }
    }));
    for number in 1..50_u32 {
        yields(generator.throw(number), number);
    }
    returns(generator.send(1), "sent");
}

#[test]
fn g3_try_yield_gets_it_and_throw_returns_the_return_value() {
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| co.try_yield(1).is_err()));
    returns(generator.throw("no"), true);
    assert_eq!(generator.status(), Status::Closed);
}

#[test]
fn g3_catch_gets_it_and_throw_returns_the_return_value() {
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| catch(|| co.yield_(1)).is_err()));
    returns(generator.throw("no"), true);
}

#[test]
fn g3_the_body_answers_with_another_exception() {
    let trace = Trace::new();
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| {
        let _first = catch(|| co.yield_(1));
        raise("another")
    }));
    let generator: &mut Generator<i32, i32, ()> = &mut generator;
    let thrown = Paper(1, trace.guard("the first"));
    assert_eq!(raises::<_, _, &str>(generator.throw(thrown)), "another");
    trace.said(&["the first"]);
}

#[test]
fn g3_a_caught_exception_raised_again_comes_out() {
    let trace = Trace::new();
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| match catch(|| co.yield_(1)) {
        Ok(value) => value,
        Err(interrupt) => interrupt.raise(),
    }));
    let out: Paper = raises(generator.throw(Paper(7, trace.guard("dropped"))));
    assert_eq!(out.0, 7);
    trace.said(&[]);
    drop(out);
    trace.said(&["dropped"]);
}

#[test]
fn g3_a_swallowed_exception_is_dropped_once() {
    let trace = Trace::new();
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| {
        drop(co.try_yield(1));
        co.yield_(2)
    }));
    yields(generator.throw(Paper(1, trace.guard("dropped"))), 2);
    trace.said(&["dropped"]);
    drop(generator);
    trace.said(&[]);
}

#[test]
fn g3_a_thrown_exception_is_not_wrapped_again() {
    let echo = || {
        started(Generator::new(|co: &Co<i32, i32>| match catch(|| co.yield_(1)) {
            Ok(value) => value,
            Err(Interrupt::Throw(exception)) => raise(exception),
            Err(close) => close.raise(),
        }))
    };
    let mut exception = Exception::new("the one");
    for _ in 0..5 {
        let Err(GeneratorError::Raised(out)) = echo().throw(exception) else { panic!("raised again") };
        assert!(out.is::<&str>() && !out.is::<Exception>());
        exception = out;
    }
    assert_eq!(value_of::<&str>(exception), "the one");
}

#[test]
fn g3_an_exception_thrown_at_created_and_closed_is_not_wrapped_again() {
    let mut generator = Generator::new(|co: &Co<i32, i32>| co.yield_(1));
    let Err(GeneratorError::Raised(first)) = generator.throw(Exception::new(1_i8)) else { panic!("raised") };
    let Err(GeneratorError::Raised(second)) = generator.throw(first) else { panic!("raised") };
    assert_eq!(value_of::<i8>(second), 1);
}

#[test]
fn g3_a_raised_exception_is_not_wrapped_again() {
    let mut generator = Generator::new(|_: &Co<i32>| raise(Exception::new(Exception::new("once"))));
    let generator: &mut Generator<i32, (), ()> = &mut generator;
    assert_eq!(raises::<_, _, &str>(generator.start()), "once");
}

#[test]
fn g3_a_caught_interrupt_that_is_raised_or_thrown_on_is_not_wrapped() {
    fn raises_on(co: &Co<i32, i32>) {
        match co.try_yield(1) {
            Ok(_) => {}
            Err(interrupt) => raise(interrupt),
        }
    }
    assert_eq!(raises::<_, _, &str>(started(Generator::new(raises_on)).throw("thrown")), "thrown");
    assert!(matches!(started(Generator::new(raises_on)).close(), Ok(None)));
    let interrupt = Interrupt::Throw(Exception::new("in an interrupt"));
    assert_eq!(raises::<_, _, &str>(started(Generator::new(raises_on)).throw(interrupt)), "in an interrupt");
}

#[test]
fn g4_a_close_that_is_raised_late_is_an_exception_of_the_send() {
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| {
        let Err(interrupt) = co.try_yield(1) else { return };
        co.yield_(2);
        interrupt.raise()
    }));
    assert!(matches!(generator.close(), Err(CloseError::Ignored(2))));
    let Err(GeneratorError::Raised(exception)) = generator.send(0) else { panic!("it raises") };
    assert!(matches!(exception.downcast::<Interrupt>(), Ok(Interrupt::Close)));
    assert_eq!(generator.status(), Status::Closed);
}

#[test]
fn g3_an_exception_can_be_any_value() {
    fn thrown<E: Send + 'static>(value: E) -> E {
        let mut generator = started(Generator::new(|co: &Co<i32, i32>| co.yield_(1)));
        raises(generator.throw(value))
    }
    thrown(());
    assert_eq!(thrown([1_u64; 300]), [1; 300]);
    assert_eq!(thrown("text".to_owned()), "text");
    assert_eq!(thrown(Box::<dyn std::error::Error + Send + Sync>::from("boxed")).to_string(), "boxed");
    assert_eq!(thrown(std::io::Error::other("disk")).to_string(), "disk");
    assert_eq!(thrown(Ok::<u8, u8>(3)), Ok(3));
}

#[test]
fn g3_an_exception_of_another_type_is_given_back() {
    let exception = Exception::new(5_i32);
    assert!(exception.is::<i32>() && !exception.is::<u32>());
    assert_eq!(exception.downcast_ref::<u32>(), None);
    assert_eq!(exception.downcast_ref::<i32>(), Some(&5));
    let exception = exception.downcast::<u32>().expect_err("not a u32");
    assert_eq!(exception.downcast::<i32>().expect("an i32"), 5);
}

#[test]
fn g3_throw_while_suspended_in_a_handler_of_another() {
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| {
        let outer = catch(|| {
            if let Err(interrupt) = catch(|| co.yield_(1)) {
                co.yield_(2);
                interrupt.raise();
            }
        });
        let Err(Interrupt::Throw(exception)) = outer else { panic!("{outer:?}") };
        value_of::<&str>(exception)
    }));
    yields(generator.throw("first"), 2);
    returns(generator.throw("second"), "second");
}

#[test]
fn g3_throw_into_a_generator_used_as_an_iterator() {
    let mut generator = Generator::new(|co: &Co<i32>| (0..3).filter(|&n| catch(|| co.yield_(n)).is_err()).count());
    assert_eq!(generator.next(), Some(0));
    yields(generator.throw("no"), 1);
    assert_eq!(generator.next(), Some(2));
    returns(generator.throw("no"), 2);
    assert_eq!(generator.next(), None);
    assert_eq!(generator.take_return(), None, "`throw` gave it");
}

#[test]
fn g3_throw_does_not_touch_other_generators() {
    let new = || started(Generator::new(|co: &Co<i32, i32>| co.yield_(1)));
    let (mut a, mut b) = (new(), new());
    raises::<_, _, &str>(a.throw("a"));
    assert_eq!(b.status(), Status::Suspended);
    assert!(matches!(b.send(3), Ok(CoroutineState::Complete(3))));
}
