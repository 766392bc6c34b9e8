//! G1: creation, start, ends. G2: values in and out.

use corro::generator::{CloseError, Exception, GeneratorError, Status};
use corro::{Co, Generator};

use super::child::isolated;
use super::{Trace, finished, ignores, panic_text, raises, returns, started, yields};

#[test]
fn g1_construction_runs_nothing() {
    let trace = Trace::new();
    let body = trace.clone();
    let generator = Generator::new(move |_: &Co<i32>| body.say("ran"));
    assert_eq!(generator.status(), Status::Created);
    trace.said(&[]);
    drop(generator);
    trace.said(&[]);
}

#[test]
fn g1_dropping_a_new_generator_drops_what_the_body_captured() {
    let trace = Trace::new();
    let guard = trace.guard("captured");
    let generator = Generator::new(move |_: &Co<i32>| {
        let _guard = guard;
    });
    trace.said(&[]);
    drop(generator);
    trace.said(&["captured"]);
}

#[test]
fn g1_construction_takes_no_stack() {
    isolated(|| {
        let before = corro::stacks().in_use;
        let mut generator = Generator::new(|co: &Co<i32>| co.yield_(1));
        assert_eq!(corro::stacks().in_use, before, "none before the first resume");
        assert!(generator.send(()).is_err());
        assert_eq!(corro::stacks().in_use, before, "none for a refused send");
        yields(generator.start(), 1);
        assert_eq!(corro::stacks().in_use, before + 1);
        returns(generator.send(()), ());
        assert_eq!(corro::stacks().in_use, before, "given back at the end of the body");
    });
}

#[test]
fn g1_start_runs_to_the_first_yield() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = Generator::new(move |co: &Co<i32, i32>| {
        body.say("before");
        co.yield_(1);
        body.say("after");
    });
    yields(generator.start(), 1);
    trace.said(&["before"]);
    assert_eq!(generator.status(), Status::Suspended);
}

#[test]
fn g1_start_of_a_body_that_yields_nothing_completes() {
    let mut generator = Generator::new(|_: &Co<i32, i32>| "done");
    returns(generator.start(), "done");
    assert_eq!(generator.status(), Status::Closed);
}

#[test]
fn g1_send_before_start_is_not_started_and_drops_the_value() {
    let trace = Trace::new();
    let mut generator = Generator::new(|co: &Co<i32, super::Guard>| drop(co.yield_(1)));
    let refused = generator.send(trace.guard("value"));
    assert!(matches!(refused, Err(GeneratorError::NotStarted)), "{refused:?}");
    trace.said(&["value"]);
    assert_eq!(generator.status(), Status::Created);
}

#[test]
fn g1_send_before_start_leaves_the_generator_startable() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = Generator::new(move |co: &Co<i32, i32>| {
        body.say("ran");
        co.yield_(1)
    });
    for value in 0..3 {
        assert!(matches!(generator.send(value), Err(GeneratorError::NotStarted)));
    }
    trace.said(&[]);
    yields(generator.start(), 1);
    returns(generator.send(5), 5);
}

#[test]
fn g1_send_of_unit_before_start_is_not_started_too() {
    let mut generator = Generator::new(|co: &Co<i32>| co.yield_(1));
    assert!(matches!(generator.send(()), Err(GeneratorError::NotStarted)));
    assert_eq!(generator.next(), Some(1));
}

#[test]
fn g1_start_twice_is_already_started() {
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| co.yield_(1)));
    for _ in 0..3 {
        assert!(matches!(generator.start(), Err(GeneratorError::AlreadyStarted)));
    }
    assert_eq!(generator.status(), Status::Suspended);
    returns(generator.send(4), 4);
}

#[test]
fn g1_start_after_next_is_already_started() {
    let mut generator = Generator::new(|co: &Co<i32>| co.yield_(1));
    assert_eq!(generator.next(), Some(1));
    assert!(matches!(generator.start(), Err(GeneratorError::AlreadyStarted)));
}

#[test]
fn g1_start_and_send_after_the_end_are_finished_for_ever() {
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| co.yield_(1)));
    returns(generator.send(2), 2);
    for value in 0..100 {
        finished(generator.start());
        finished(generator.send(value));
    }
    assert_eq!(generator.status(), Status::Closed);
}

#[test]
fn g1_finished_after_an_exception_a_panic_and_a_close() {
    let mut raised = Generator::new(|_: &Co<i32, i32>| corro::generator::raise("no"));
    let raised: &mut Generator<i32, i32, ()> = &mut raised;
    assert_eq!(raises::<_, _, &str>(raised.start()), "no");

    let mut panicked = Generator::new(|_: &Co<i32, i32>| std::panic::resume_unwind(Box::new("no")));
    let panicked: &mut Generator<i32, i32, ()> = &mut panicked;
    assert_eq!(panic_text(|| panicked.start()), "no");

    let mut closed = started(Generator::new(|co: &Co<i32, i32>| {
        co.yield_(1);
    }));
    assert!(matches!(closed.close(), Ok(None)));

    let mut never_started = Generator::new(|co: &Co<i32, i32>| {
        co.yield_(1);
    });
    assert!(matches!(never_started.close(), Ok(None)));

    for generator in [raised, panicked, &mut closed, &mut never_started] {
        finished(generator.start());
        finished(generator.send(1));
        assert_eq!(generator.status(), Status::Closed);
    }
}

#[test]
fn g1_a_value_sent_after_the_end_is_dropped() {
    let trace = Trace::new();
    let mut generator = Generator::new(|_: &Co<i32, super::Guard>| ());
    returns(generator.start(), ());
    assert!(matches!(generator.send(trace.guard("value")), Err(GeneratorError::Finished)));
    trace.said(&["value"]);
}

#[test]
fn g1_next_starts_by_itself_and_is_none_for_ever_at_the_end() {
    let mut generator = Generator::new(|co: &Co<i32>| {
        co.yield_(1);
        co.yield_(2);
    });
    assert_eq!(generator.by_ref().collect::<Vec<_>>(), [1, 2]);
    for _ in 0..100 {
        assert_eq!(generator.next(), None);
    }
    finished(generator.start());
    finished(generator.send(()));
}

#[test]
fn g1_next_after_an_exception_or_a_close_is_none() {
    let mut generator = started(Generator::new(|co: &Co<i32>| co.yield_(1)));
    assert_eq!(raises::<_, _, i32>(generator.throw(7)), 7);
    assert_eq!(generator.next(), None);
    let mut generator = Generator::new(|co: &Co<i32>| co.yield_(1));
    assert!(matches!(generator.close(), Ok(None)));
    assert_eq!(generator.next(), None);
    assert_eq!(generator.take_return(), None);
}

#[test]
fn g1_start_send_and_next_can_be_mixed() {
    let mut generator = Generator::new(|co: &Co<i32>| (1..=4).for_each(|n| co.yield_(n)));
    yields(generator.start(), 1);
    assert_eq!(generator.next(), Some(2));
    yields(generator.send(()), 3);
    assert_eq!(generator.next(), Some(4));
    returns(generator.send(()), ());
    assert_eq!(generator.next(), None);
}

#[test]
fn g1_status_through_a_life() {
    let mut generator = Generator::new(|co: &Co<i32>| co.yield_(1));
    assert_eq!(generator.status(), Status::Created);
    assert_eq!(generator.next(), Some(1));
    assert_eq!(generator.status(), Status::Suspended);
    assert_eq!(generator.next(), None);
    assert_eq!(generator.status(), Status::Closed);
}

#[test]
fn g1_a_stack_size_is_at_least_16_kib_and_rounded_up() {
    /// Uses about 8 KiB of stack.
    fn sum(co: &Co<u64, u64>) -> u64 {
        let mut room = [1_u8; 8192];
        room[0] = co.yield_(0) as u8;
        std::hint::black_box(&mut room).iter().map(|&byte| u64::from(byte)).sum()
    }
    for bytes in [0, 1, 4096, 16 * 1024, 16 * 1024 + 1, 1 << 20, 3 << 20] {
        let mut generator = Generator::with_stack_size(bytes, sum);
        yields(generator.start(), 0);
        returns(generator.send(2), 8193);
    }
}

#[test]
fn g1_a_large_stack_can_be_used() {
    fn deep(co: &Co<u32>, depth: u32) -> u32 {
        let room = std::hint::black_box([depth; 256]);
        if depth == 0 {
            co.yield_(0);
            0
        } else {
            deep(co, depth - 1) + (room[9] - depth) + 1
        }
    }
    let mut generator = Generator::with_stack_size(64 << 20, |co: &Co<u32>| deep(co, 20_000));
    assert_eq!(generator.next(), Some(0));
    assert_eq!(generator.next(), None);
    assert_eq!(generator.take_return(), Some(20_000));
}

#[test]
fn g1_errors_can_be_handed_around() {
    fn error<E: std::error::Error + Send + 'static>(error: E) -> String {
        let boxed: Box<dyn std::error::Error + Send> = Box::new(error);
        assert!(!format!("{boxed:?}").is_empty());
        boxed.to_string()
    }
    let texts = [
        error(GeneratorError::NotStarted),
        error(GeneratorError::AlreadyStarted),
        error(GeneratorError::Finished),
        error(GeneratorError::Raised(Exception::new("out of paper"))),
        error(CloseError::<i32>::Ignored(1)),
        error(CloseError::<i32>::Raised(Exception::new("out of paper"))),
    ];
    assert!(texts.iter().all(|text| !text.is_empty()));
    assert!(texts[3].contains("out of paper"), "{}", texts[3]);
    assert!(texts[0].contains("start"), "says what to do: {}", texts[0]);
}

#[test]
fn g2_yield_evaluates_to_the_next_value_sent() {
    let mut generator = Generator::new(|co: &Co<usize, String>| {
        let mut all = Vec::new();
        for n in 0..3 {
            all.push(co.yield_(n));
        }
        all
    });
    yields(generator.start(), 0);
    yields(generator.send("a".to_owned()), 1);
    yields(generator.send("b".to_owned()), 2);
    returns(generator.send("c".to_owned()), vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]);
}

#[test]
fn g2_try_yield_gives_the_value_sent() {
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| co.try_yield(1).expect("a value")));
    returns(generator.send(8), 8);
}

#[test]
fn g2_the_return_value_comes_once_as_complete() {
    let mut generator = started(Generator::new(|co: &Co<i32>| {
        co.yield_(1);
        "value".to_owned()
    }));
    returns(generator.send(()), "value".to_owned());
    finished(generator.send(()));
    assert_eq!(generator.take_return(), None, "it was given already");
}

#[test]
fn g2_next_leaves_the_return_value_to_be_taken_once() {
    let mut generator = Generator::new(|co: &Co<i32>| {
        co.yield_(1);
        "value".to_owned()
    });
    assert_eq!(generator.take_return(), None, "not before the start");
    assert_eq!(generator.next(), Some(1));
    assert_eq!(generator.take_return(), None, "not before the end");
    assert_eq!(generator.next(), None);
    assert_eq!(generator.take_return().as_deref(), Some("value"));
    assert_eq!(generator.take_return(), None);
    assert_eq!(generator.next(), None);
}

#[test]
fn g2_a_return_value_that_nobody_takes_is_dropped_with_the_generator() {
    let trace = Trace::new();
    let guard = trace.guard("value");
    let mut generator = Generator::new(move |_: &Co<i32>| guard);
    assert_eq!(generator.next(), None);
    trace.said(&[]);
    drop(generator);
    trace.said(&["value"]);
}

#[test]
fn g2_values_are_moved_and_dropped_once() {
    let trace = Trace::new();
    let body = trace.clone();
    let mut generator = Generator::new(move |co: &Co<super::Guard, super::Guard>| {
        let sent = co.yield_(body.guard("yielded"));
        drop(sent);
        body.say("dropped what was sent");
        body.guard("returned")
    });
    let first = generator.start().expect("starts");
    trace.said(&[]);
    drop(first);
    trace.said(&["yielded"]);
    let last = generator.send(trace.guard("sent")).expect("ends");
    trace.said(&["sent", "dropped what was sent"]);
    drop(last);
    trace.said(&["returned"]);
    drop(generator);
    trace.said(&[]);
}

#[test]
fn g2_values_of_any_size_and_kind() {
    let mut large = Generator::new(|co: &Co<[u64; 512], [u64; 512]>| co.yield_([1; 512]));
    yields(large.start(), [1; 512]);
    returns(large.send([2; 512]), [2; 512]);

    let mut empty = Generator::new(|co: &Co<(), ()>| co.yield_(()));
    yields(empty.start(), ());
    returns(empty.send(()), ());

    type Function = Box<dyn Fn(i32) -> i32>;
    let mut function = Generator::new(|co: &Co<fn(i32) -> i32, Function>| co.yield_(i32::abs)(4));
    let Ok(corro::CoroutineState::Yielded(abs)) = function.start() else { panic!("a function") };
    assert_eq!(abs(-3), 3);
    let Ok(corro::CoroutineState::Complete(value)) = function.send(Box::new(|n| n * 10)) else { panic!("an end") };
    assert_eq!(value, 40);

    /// Its alignment is larger than a word's.
    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(align(64))]
    struct Aligned(u8);
    let mut aligned = Generator::new(|co: &Co<Aligned, Aligned>| {
        let local = Aligned(3);
        assert_eq!(std::ptr::from_ref(std::hint::black_box(&local)).addr() % 64, 0, "the stack is aligned");
        co.yield_(local)
    });
    yields(aligned.start(), Aligned(3));
    returns(aligned.send(Aligned(4)), Aligned(4));
}

#[test]
fn g2_an_ignored_close_gives_the_value_that_was_yielded() {
    let mut generator = started(Generator::new(|co: &Co<i32, i32>| match co.try_yield(1) {
        Ok(sent) => sent,
        Err(_) => co.yield_(2) * 10,
    }));
    ignores(generator.close(), 2);
    returns(generator.send(3), 30);
}
