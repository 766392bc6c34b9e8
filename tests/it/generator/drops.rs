//! G7: dropping a suspended generator closes it.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::mpsc;

use corro::generator::{Interrupt, catch, raise};
use corro::{Co, Generator};

use super::child::{aborts, isolated, stderr_of};
use super::hook::Told;
use super::{Trace, started, while_unwinding};

#[test]
fn g7_dropping_runs_the_destructors_innermost_first() {
    fn inner(co: &Co<i32>, trace: &Trace) {
        let _c = trace.guard("c");
        co.yield_(1);
    }
    let trace = Trace::new();
    let body = trace.clone();
    let captured = trace.guard("captured");
    let generator = started(Generator::new(move |co: &Co<i32>| {
        let _captured = &captured;
        let _a = body.guard("a");
        let _b = body.guard("b");
        inner(co, &body);
        body.say("never");
    }));
    drop(generator);
    trace.said(&["c", "b", "a", "captured"]);
}

#[test]
fn g7_dropping_is_a_close_that_the_body_sees() {
    let trace = Trace::new();
    for by_catch in [false, true] {
        let body = trace.clone();
        let generator = started(Generator::new(move |co: &Co<i32>| {
            let arrived = if by_catch { catch(|| co.yield_(1)) } else { co.try_yield(1) };
            assert!(matches!(arrived, Err(Interrupt::Close)));
            body.say("closing");
        }));
        drop(generator);
        trace.said(&["closing"]);
    }
}

#[test]
fn g7_dropping_a_created_or_finished_generator_runs_nothing() {
    let trace = Trace::new();
    let new = || {
        let body = trace.clone();
        Generator::new(move |co: &Co<i32>| {
            body.say("ran");
            co.yield_(1);
        })
    };
    drop(new());
    trace.said(&[]);
    let mut finished = new();
    assert_eq!(finished.by_ref().count(), 1);
    trace.said(&["ran"]);
    drop(finished);
    trace.said(&[]);
}

#[test]
fn g7_a_value_returned_under_a_drop_is_dropped() {
    let trace = Trace::new();
    let value = trace.guard("value");
    let generator = started(Generator::new(move |co: &Co<i32>| {
        let _ = co.try_yield(1);
        value
    }));
    drop(generator);
    trace.said(&["value"]);
}

#[test]
fn g7_an_exception_out_of_a_drop_goes_to_the_hook() {
    isolated(|| {
        let told = Told::install();
        drop(raising_on_close("stuck"));
        assert_eq!(told.take(), ["exception Some(\"stuck\")"]);
    });
}

#[test]
fn g7_a_panic_out_of_a_drop_goes_to_the_hook() {
    isolated(|| {
        let told = Told::install();
        let generator = started(Generator::new(|co: &Co<i32>| {
            let _ = co.try_yield(1);
            resume_unwind(Box::new("stuck"))
        }));
        let generator: Generator<i32, (), ()> = generator;
        drop(generator);
        assert_eq!(told.take(), ["panic Some(\"stuck\")"]);
        assert!(!std::thread::panicking());
    });
}

#[test]
fn g7_a_panic_of_a_local_of_a_dropped_generator_goes_to_the_hook() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            resume_unwind(Box::new("a destructor"));
        }
    }
    isolated(|| {
        let told = Told::install();
        let generator = started(Generator::new(|co: &Co<i32>| {
            let panics = Panics;
            // Returns, so that the destructor does not run while the body unwinds.
            let _ = co.try_yield(1);
            drop(panics);
        }));
        drop(generator);
        assert_eq!(told.take(), ["panic Some(\"a destructor\")"]);
    });
}

#[test]
fn g7_an_interrupt_that_is_obeyed_is_not_for_the_hook() {
    isolated(|| {
        let told = Told::install();
        drop(started(Generator::new(|co: &Co<i32>| co.yield_(1))));
        drop(started(Generator::new(|co: &Co<i32>| match co.try_yield(1) {
            Ok(()) => {}
            Err(interrupt) => interrupt.raise(),
        })));
        assert_eq!(told.take(), [""; 0]);
    });
}

#[test]
fn g7_the_hook_is_told_of_each_drop_once_and_the_rest_is_dropped() {
    isolated(|| {
        let told = Told::install();
        let trace = Trace::new();
        let mut all = vec![raising_on_close("one"), raising_on_close("two")];
        let body = trace.clone();
        all.push(started(Generator::new(move |co: &Co<i32>| {
            let _local = body.guard("three");
            co.yield_(1);
        })));
        drop(all);
        assert_eq!(told.take(), ["exception Some(\"one\")", "exception Some(\"two\")"]);
        trace.said(&["three"]);
    });
}

#[test]
fn g7_a_later_hook_replaces_the_earlier_one() {
    isolated(|| {
        let (first, second) = (Told::install(), Told::install());
        drop(raising_on_close("stuck"));
        assert_eq!(first.take(), [""; 0]);
        assert_eq!(second.take(), ["exception Some(\"stuck\")"]);
    });
}

#[test]
fn g7_the_hook_may_use_generators_and_set_another_hook() {
    isolated(|| {
        corro::generator::set_unraisable_hook(|_| {
            assert_eq!(Generator::new(|co: &Co<i32>| co.yield_(1)).count(), 1);
            Told::install();
        });
        drop(raising_on_close("stuck"));
        drop(raising_on_close("stuck"));
    });
}

#[test]
fn g7_without_a_hook_there_is_one_line_on_stderr() {
    let Some(stderr) = stderr_of(|| drop(raising_on_close("stuck in the tray"))) else { return };
    let lines: Vec<_> = stderr.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    assert!(lines[0].contains("corro") && lines[0].contains("stuck in the tray"), "{stderr}");
}

#[test]
fn g7_an_exception_out_of_a_drop_while_the_thread_unwinds_goes_to_the_hook() {
    isolated(|| {
        let told = Told::install();
        let generator = raising_on_close("stuck");
        while_unwinding(|| drop(generator));
        assert_eq!(told.take(), ["exception Some(\"stuck\")"]);
    });
}

#[test]
fn g7_dropping_while_the_thread_unwinds_runs_the_destructors() {
    let trace = Trace::new();
    let body = trace.clone();
    let generator = started(Generator::new(move |co: &Co<i32>| {
        let _a = body.guard("a");
        let closed = catch(|| {
            let _b = body.guard("b");
            co.yield_(1);
        });
        body.say("caught");
        if let Err(interrupt) = closed {
            interrupt.raise();
        }
    }));
    while_unwinding(|| drop(generator));
    trace.said(&["b", "caught", "a"]);
}

#[test]
fn g7_a_panic_out_of_a_drop_while_the_thread_unwinds_aborts() {
    let stderr = aborts(|| {
        let generator = started(Generator::new(|co: &Co<i32>| {
            if co.try_yield(1).is_err() {
                panic!("the second panic")
            }
        }));
        while_unwinding(|| drop(generator));
    });
    assert!(stderr.contains("the second panic"), "{stderr}");
}

#[test]
fn g7_63_ignored_closes_of_a_drop_are_borne() {
    let trace = Trace::new();
    let body = trace.clone();
    let generator = started(Generator::new(move |co: &Co<i32>| {
        let _local = body.guard("local");
        for n in 0..63 {
            assert!(matches!(co.try_yield(n), Err(Interrupt::Close)));
        }
        co.yield_(63);
        body.say("never");
    }));
    drop(generator);
    trace.said(&["local"]);
}

#[test]
fn g7_the_64th_ignored_close_of_a_drop_aborts() {
    let stderr = aborts(|| {
        let generator = started(Generator::new(|co: &Co<i32>| {
            for n in 0..64 {
                assert!(matches!(co.try_yield(n), Err(Interrupt::Close)));
            }
            co.yield_(64);
        }));
        drop(generator);
    });
    assert!(stderr.contains("64") && stderr.contains("close"), "{stderr}");
}

#[test]
fn g7_a_body_that_ignores_every_close_does_not_hang_the_drop() {
    let stderr = aborts(|| {
        let generator = started(Generator::new(|co: &Co<i32>| {
            loop {
                let _ = co.try_yield(1);
            }
        }));
        let generator: Generator<i32, (), ()> = generator;
        drop(generator);
    });
    assert!(stderr.contains("generator") && stderr.contains("close"), "{stderr}");
}

#[test]
fn g7_values_of_ignored_closes_are_dropped() {
    let trace = Trace::new();
    let body = trace.clone();
    let generator = started(Generator::new(move |co: &Co<super::Guard>| {
        let _ = co.try_yield(body.guard("first"));
        let _ = co.try_yield(body.guard("second"));
    }));
    trace.said(&["first"]);
    drop(generator);
    trace.said(&["second"]);
}

#[test]
fn g7_dropping_a_generator_that_holds_another_drops_both() {
    let trace = Trace::new();
    let (outer, inner) = (trace.clone(), trace.clone());
    let generator = started(Generator::new(move |co: &Co<i32>| {
        let _first = outer.guard("outer first");
        let held = started(Generator::new(move |co: &Co<i32>| {
            let _local = inner.guard("inner");
            co.yield_(1);
        }));
        let _last = outer.guard("outer last");
        co.yield_(1);
        drop(held);
    }));
    drop(generator);
    trace.said(&["outer last", "inner", "outer first"]);
}

#[test]
fn g7_an_exception_of_an_inner_drop_does_not_disturb_the_outer_body() {
    isolated(|| {
        let told = Told::install();
        let mut generator = started(Generator::new(|co: &Co<i32>| {
            let held = raising_on_close("inner");
            co.yield_(1);
            drop(held);
            co.yield_(2);
        }));
        assert_eq!(generator.next(), Some(2));
        assert_eq!(told.take(), ["exception Some(\"inner\")"]);
        assert_eq!(generator.next(), None);
    });
}

#[test]
fn g7_an_exception_of_a_drop_under_a_close_does_not_disturb_the_close() {
    isolated(|| {
        let told = Told::install();
        let mut generator = started(Generator::new(|co: &Co<i32>| {
            let _held = raising_on_close("inner");
            co.yield_(1);
        }));
        assert!(matches!(generator.close(), Ok(None)));
        assert_eq!(told.take(), ["exception Some(\"inner\")"]);
    });
}

#[test]
fn g7_dropping_from_a_thread_locals_destructor_works() {
    struct Kept(RefCell<Option<Generator<i32>>>);
    thread_local! {
        static KEPT: Kept = const { Kept(RefCell::new(None)) };
    }
    struct Tells(mpsc::Sender<bool>);
    impl Drop for Tells {
        fn drop(&mut self) {
            let _ = self.0.send(std::thread::panicking());
        }
    }
    // Once with the thread-local made before the first coroutine of the thread, so that its destructor runs after
    // those of what corro keeps there, and once the other way round.
    for local_first in [true, false] {
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            if local_first {
                KEPT.with(|_| ());
            }
            let generator = started(Generator::new(move |co: &Co<i32>| {
                let _local = Tells(sender);
                co.yield_(1);
            }));
            KEPT.with(|kept| kept.0.replace(Some(generator)));
        });
        thread.join().expect("the thread ends");
        assert!(receiver.recv().is_ok(), "the destructor on the generator's stack ran");
    }
}

#[test]
fn g7_a_generator_can_be_made_and_run_in_a_thread_locals_destructor() {
    struct Runs(mpsc::Sender<usize>);
    impl Drop for Runs {
        fn drop(&mut self) {
            let counted = Generator::new(|co: &Co<i32>| (0..5).for_each(|n| co.yield_(n))).count();
            let _ = self.0.send(counted);
        }
    }
    thread_local! {
        static RUNS: RefCell<Option<Runs>> = const { RefCell::new(None) };
    }
    for local_first in [true, false] {
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            if local_first {
                RUNS.set(None);
            }
            Generator::new(|co: &Co<i32>| co.yield_(1)).next();
            RUNS.set(Some(Runs(sender)));
        });
        thread.join().expect("the thread ends");
        assert_eq!(receiver.recv(), Ok(5));
    }
}

#[test]
fn g7_a_generator_in_a_cycle_is_only_leaked() {
    isolated(|| {
        let slot: Rc<RefCell<Option<Generator<i32>>>> = Rc::default();
        let inside = Rc::clone(&slot);
        let before = corro::stacks().in_use;
        *slot.borrow_mut() = Some(started(Generator::new(move |co: &Co<i32>| {
            let _cycle = &inside;
            co.yield_(1);
        })));
        drop(slot);
        assert_eq!(corro::stacks().in_use, before + 1, "its stack stays, for its frames are live");
        assert_eq!(Generator::new(|co: &Co<i32>| co.yield_(1)).count(), 1);
    });
}

/// A suspended generator that raises this when it is closed.
fn raising_on_close(word: &'static str) -> Generator<i32> {
    started(Generator::new(move |co: &Co<i32>| {
        if co.try_yield(1).is_err() {
            raise(word)
        }
    }))
}
