//! G5: what stops an interrupt, and that none of this calls a panic hook.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use corro::generator::{Interrupt, Status, catch, raise};
use corro::{Co, Generator};

use super::child::isolated;
use super::{Trace, close_raises, ignores, panic_text, raises, returns, started, value_of, yields};

#[test]
fn g5_try_yield_and_catch_see_both_interrupts() {
    fn word<T>(arrived: Result<T, Interrupt>) -> &'static str {
        match arrived {
            Ok(_) => "sent",
            Err(Interrupt::Throw(exception)) => value_of(exception),
            Err(Interrupt::Close) => "close",
        }
    }
    let by_try_yield = || started(Generator::new(|co: &Co<i32, i32>| word(co.try_yield(1))));
    let by_catch = || started(Generator::new(|co: &Co<i32, i32>| word(catch(|| co.yield_(1)))));
    returns(by_try_yield().send(1), "sent");
    returns(by_catch().send(1), "sent");
    returns(by_try_yield().throw("thrown"), "thrown");
    returns(by_catch().throw("thrown"), "thrown");
    assert!(matches!(by_try_yield().close(), Ok(Some("close"))));
    assert!(matches!(by_catch().close(), Ok(Some("close"))));
}

#[test]
fn g5_catch_sees_what_the_body_raises_itself() {
    let mut generator = Generator::new(|_: &Co<i32>| match catch(|| raise("mine")) {
        Err(Interrupt::Throw(exception)) => value_of::<&str>(exception),
        _ => "something else",
    });
    returns(generator.start(), "mine");
}

#[test]
fn g5_catch_gives_the_value_of_what_raises_nothing() {
    assert_eq!(catch(|| 5).expect("a value"), 5);
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| catch(|| co.yield_(1)).expect("a value")));
    returns(generator.send(6), 6);
}

#[test]
fn g5_catch_lets_panics_pass() {
    assert_eq!(panic_text(|| catch(|| -> i32 { resume_unwind(Box::new("a panic")) })), "a panic");
    let mut generator = Generator::new(|_: &Co<i32>| drop(catch(|| resume_unwind(Box::new("a panic")))));
    assert_eq!(panic_text(|| generator.start()), "a panic");
}

#[test]
fn g5_catch_nests() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = started(Generator::new(move |co: &Co<i32, i32>| {
        let outer = catch(|| {
            let inner = catch(|| co.yield_(1));
            body.say("inner");
            inner.unwrap_or_else(|interrupt| interrupt.raise())
        });
        body.say("outer");
        outer.is_err()
    }));
    returns(generator.throw("no"), true);
    trace.said(&["inner", "outer"]);
}

#[test]
fn g5_catch_unwinds_all_calls_between() {
    fn deep(co: &Co<i32, i32>, trace: &Trace, depth: u32) -> i32 {
        let _local = trace.guard("deep");
        if depth == 0 { co.yield_(1) } else { deep(co, trace, depth - 1) }
    }
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = started(Generator::new(move |co: &Co<i32, i32>| {
        let arrived = catch(|| deep(co, &body, 3));
        body.say("caught");
        co.yield_(2);
        arrived.is_err()
    }));
    yields(generator.throw("no"), 2);
    trace.said(&["deep", "deep", "deep", "deep", "caught"]);
    returns(generator.send(1), true);
}

#[test]
fn g5_catch_unwind_swallows_a_throw_as_a_bare_except_does() {
    let swallow = |value: i32| {
        started(Generator::new(move |co: &Co<i32, i32>| {
            let caught = catch_unwind(AssertUnwindSafe(|| co.yield_(1)));
            assert!(caught.is_err());
            if value == 0 { co.yield_(2) } else { value }
        }))
    };
    yields(swallow(0).throw("no"), 2);
    returns(swallow(7).throw("no"), 7);
}

#[test]
fn g5_catch_unwind_swallows_a_close_as_a_bare_except_does() {
    let swallow = |value: i32| {
        started(Generator::new(move |co: &Co<i32, i32>| {
            let caught = catch_unwind(AssertUnwindSafe(|| co.yield_(1)));
            assert!(caught.is_err());
            if value == 0 { co.yield_(2) } else { value }
        }))
    };
    assert!(matches!(swallow(7).close(), Ok(Some(7))));
    let mut ignorer = swallow(0);
    ignores(ignorer.close(), 2);
    returns(ignorer.send(8), 8);
}

#[test]
fn g5_resume_unwind_raises_a_caught_throw_on_unchanged() {
    let mut generator =
        started(Generator::new(|co: &Co<i32, i32>| match catch_unwind(AssertUnwindSafe(|| co.yield_(1))) {
            Ok(value) => value,
            Err(payload) => resume_unwind(payload),
        }));
    assert_eq!(raises::<_, _, &str>(generator.throw("the same")), "the same");
}

#[test]
fn g5_resume_unwind_raises_a_caught_close_on_unchanged() {
    let mut generator =
        started(Generator::new(|co: &Co<i32, i32>| match catch_unwind(AssertUnwindSafe(|| co.yield_(1))) {
            Ok(value) => value,
            Err(payload) => resume_unwind(payload),
        }));
    assert!(matches!(generator.close(), Ok(None)));
}

#[test]
fn g5_resume_unwind_after_a_yield_raises_it_on_unchanged() {
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| {
        let caught = catch_unwind(AssertUnwindSafe(|| co.yield_(1)));
        co.yield_(2);
        let again = catch(|| resume_unwind(caught.expect_err("the throw")));
        let Err(Interrupt::Throw(exception)) = again else { panic!("{again:?}") };
        value_of::<String>(exception)
    }));
    yields(generator.throw("kept".to_owned()), 2);
    returns(generator.send(1), "kept".to_owned());
}

#[test]
fn g5_what_catch_unwind_caught_tells_a_panic_from_an_interrupt_by_catch() {
    let mut generator = Generator::new(|_: &Co<i32>| {
        let panic = catch_unwind(|| panic_any_silently(5_u8)).expect_err("a panic");
        *panic.downcast::<u8>().expect("the payload of the panic")
    });
    returns(generator.start(), 5);
}

fn panic_any_silently(value: u8) {
    resume_unwind(Box::new(value));
}

#[test]
fn g5_interrupts_are_debug_and_display() {
    let throw = Interrupt::Throw(corro::generator::Exception::new("out of paper"));
    assert!(format!("{throw:?}").contains("out of paper"));
    assert!(format!("{:?}", Interrupt::Close).contains("Close"));
}

#[test]
fn g5_raise_outside_a_body_panics_with_a_clear_message() {
    let text = panic_text(|| raise("lost"));
    assert!(text.contains("outside") && text.contains("generator"), "{text}");
    let text = panic_text(|| Interrupt::Close.raise());
    assert!(text.contains("outside") && text.contains("generator"), "{text}");
}

#[test]
fn g5_throw_raise_close_and_drop_call_no_panic_hook() {
    isolated(|| {
        let calls = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&calls);
        std::panic::set_hook(Box::new(move |_| {
            counter.fetch_add(1, Relaxed);
        }));
        let told = super::hook::Told::install();
        interrupts_of_every_kind();
        assert_eq!(calls.load(Relaxed), 0);
        assert_eq!(told.take(), ["exception Some(\"in a drop\")"]);

        assert!(catch_unwind(|| panic_any(1)).is_err());
        assert_eq!(calls.load(Relaxed), 1, "the hook does count");
    });
}

fn interrupts_of_every_kind() {
    let new = || started(Generator::new(|co: &Co<i32, i32>| co.yield_(1)));
    raises::<_, _, &str>(new().throw("no"));
    assert!(new().close().is_ok());
    drop(new());

    let mut raiser = Generator::new(|_: &Co<i32>| raise("raised"));
    raises::<_, (), &str>(raiser.start());

    let bare = || {
        started(Generator::new(|co: &Co<i32, i32>| match catch_unwind(AssertUnwindSafe(|| co.yield_(1))) {
            Ok(value) => value,
            Err(payload) => resume_unwind(payload),
        }))
    };
    raises::<_, _, &str>(bare().throw("no"));
    assert!(bare().close().is_ok());

    let on_close = |word: &'static str| {
        started(Generator::new(move |co: &Co<i32, i32>| match co.try_yield(1) {
            Ok(value) => value,
            Err(_) => raise(word),
        }))
    };
    close_raises::<_, _, &str>(on_close("under close").close());
    drop(on_close("in a drop"));

    let mut outer = started(Generator::new(|co: &Co<i32, i32>| {
        let mut inner = Generator::new(|co: &Co<i32, i32>| co.yield_(1));
        let mut other = Generator::new(|co: &Co<i32, i32>| co.yield_(2));
        let _ = catch(|| co.yield_from(&mut inner));
        co.yield_from(&mut other)
    }));
    yields(outer.throw("through a delegation"), 2);
    assert!(outer.close().is_ok());
    assert_eq!(outer.status(), Status::Closed);
}
