//! Rules S1 to S5 on the event loop, and what its own methods promise. Each test's name begins with the rule.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use corro::event_loop::Trap;
use corro::generator::Exception;
use corro::net::TcpListener;
use corro::{Co, EventLoop, Generator, JoinHandle, spawn_local, yield_now};

use crate::generator::child::isolated;
use crate::generator::hook::Told;
use crate::generator::{Trace, panic_text};
use crate::support::{HOUR, ms, on_drop, yields};

/// A closure that says `word`.
fn say(trace: &Trace, word: &'static str) -> impl FnOnce() + use<> {
    let trace = trace.clone();
    move || trace.say(word)
}

/// A body that says `word` in each of `passes` passes.
fn ticks(trace: &Trace, word: &'static str, passes: usize) -> impl FnOnce() + use<> {
    let trace = trace.clone();
    move || {
        for _ in 0..passes {
            trace.say(word);
            yield_now();
        }
    }
}

/// Keeps the thread busy, so that timers come due behind the loop's back.
fn spin_until(deadline: Instant) {
    while Instant::now() < deadline {
        std::hint::spin_loop();
    }
}

fn join_all(handles: impl IntoIterator<Item = JoinHandle<()>>) {
    handles.into_iter().for_each(|handle| handle.join().unwrap());
}

// S1: one queue.

#[test]
fn s1_spawn_never_runs_the_body_at_once() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    drop(event_loop.spawn(say(&trace, "from outside")));
    trace.said(&[]);
    event_loop.run(|| {
        drop(spawn_local(say(&trace, "local")));
        drop(event_loop.spawn(say(&trace, "on the loop")));
        drop(corro::spawn(|| ()));
        trace.said(&["from outside"]);
        yield_now();
    });
    trace.said(&["local", "on the loop"]);
}

#[test]
fn s1_the_spawned_run_in_the_order_of_spawning() {
    let trace = Trace::new();
    corro::run(|| {
        join_all(["a", "b", "c", "d"].map(|word| spawn_local(say(&trace, word))));
    });
    trace.said(&["a", "b", "c", "d"]);
}

#[test]
fn s1_the_yielding_go_to_the_tail() {
    let trace = Trace::new();
    corro::run(|| join_all(["a", "b", "c"].map(|word| spawn_local(ticks(&trace, word, 3)))));
    trace.said(&["a", "b", "c", "a", "b", "c", "a", "b", "c"]);
}

#[test]
fn s1_the_woken_go_to_the_tail() {
    let trace = Trace::new();
    corro::run(|| {
        let gate = spawn_local(yield_now);
        let told = trace.clone();
        let woken = spawn_local(move || {
            gate.join().unwrap();
            told.say("woken");
        });
        let told = trace.clone();
        let other = spawn_local(move || {
            for word in ["1", "2", "3"] {
                told.say(word);
                yield_now();
            }
        });
        join_all([woken, other]);
    });
    // The gate ends before `other` says 2, and the one it wakes is behind `other` all the same.
    trace.said(&["1", "2", "woken", "3"]);
}

#[test]
fn s1_one_queue_for_the_spawned_the_woken_and_the_yielding() {
    let trace = Trace::new();
    corro::run(|| {
        let (told, gate) = (trace.clone(), Rc::new(RefCell::new(None)));
        let theirs = gate.clone();
        let waiter = spawn_local(move || {
            let gate: JoinHandle<()> = theirs.take().unwrap();
            gate.join().unwrap();
            told.say("woken");
        });
        let told = trace.clone();
        let opener = spawn_local(move || {
            yield_now();
            drop(spawn_local(say(&told, "spawned before")));
            told.say("opens");
        });
        gate.replace(Some(opener));
        drop(spawn_local(ticks(&trace, "yields", 3)));
        waiter.join().unwrap();
    });
    trace.said(&["yields", "opens", "yields", "spawned before", "woken", "yields"]);
}

// S2: passes.

#[test]
fn s2_callbacks_and_tasks_run_in_one_order() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    event_loop.call_soon(say(&trace, "a"));
    drop(event_loop.spawn(say(&trace, "b")));
    event_loop.call_soon(say(&trace, "c"));
    drop(event_loop.spawn(say(&trace, "d")));
    event_loop.run_until_idle();
    trace.said(&["a", "b", "c", "d"]);
}

#[test]
fn s2_what_becomes_ready_runs_in_the_next_pass() {
    let trace = Trace::new();
    let event_loop = Rc::new(EventLoop::new().unwrap());
    event_loop.run(|| {
        let pass = spawn_local(ticks(&trace, "|", 4));
        let told = trace.clone();
        let chain = spawn_local(move || {
            told.say("task");
            let inner = told.clone();
            drop(spawn_local(move || {
                inner.say("its task");
                drop(spawn_local(say(&inner, "the task of that")));
            }));
        });
        let (told, its_loop) = (trace.clone(), event_loop.clone());
        event_loop.call_soon(move || {
            told.say("callback");
            its_loop.call_soon(say(&told, "its callback"));
            drop(spawn_local(say(&told, "a task of it")));
        });
        join_all([chain, pass]);
    });
    let passes: [&[&str]; 4] =
        [&["task", "callback"], &["its task", "its callback", "a task of it"], &["the task of that"], &[]];
    trace.said(&passes.map(|pass| [&["|"], pass].concat()).concat());
}

#[test]
fn s2_a_sleep_of_nothing_is_one_pass() {
    let trace = Trace::new();
    let early = Instant::now();
    type Wait = (&'static str, fn(Instant));
    let waits: [Wait; 4] = [
        ("yield", |_| yield_now()),
        ("zero", |_| corro::sleep(Duration::ZERO)),
        ("past", |early| corro::sleep_until(early)),
        ("long past", |early| corro::sleep_until(early.checked_sub(ms(10)).unwrap_or(early))),
    ];
    corro::run(|| {
        let tasks = waits.map(|(word, wait)| {
            let told = trace.clone();
            spawn_local(move || {
                for _ in 0..3 {
                    told.say(word);
                    wait(early);
                }
            })
        });
        join_all(tasks);
    });
    let pass = ["yield", "zero", "past", "long past"];
    trace.said(&[pass, pass, pass].concat());
}

#[test]
fn s2_due_timers_go_by_deadline_then_by_the_order_of_setting() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    event_loop.run(|| {
        let base = Instant::now() + ms(50);
        let sleeper = |after: u64, word: &'static str| {
            let told = trace.clone();
            spawn_local(move || {
                corro::sleep_until(base + ms(after));
                told.say(word);
            })
        };
        event_loop.call_at(base + ms(3), say(&trace, "call 3"));
        let tasks = [sleeper(2, "first 2"), sleeper(1, "first 1"), sleeper(2, "second 2"), sleeper(1, "second 1")];
        event_loop.call_at(base, say(&trace, "call 0"));
        yield_now();
        event_loop.call_at(base + ms(1), say(&trace, "call 1"));
        event_loop.call_at(base + ms(2), say(&trace, "call 2"));
        spin_until(base + ms(4));
        trace.said(&[]);
        // All of them are due in the same pass.
        yields(2);
        trace.said(&["call 0", "first 1", "second 1", "call 1", "first 2", "second 2", "call 2", "call 3"]);
        join_all(tasks);
    });
}

#[test]
fn s2_sleepers_wake_by_deadline() {
    let trace = Trace::new();
    corro::run(|| {
        let start = Instant::now() + ms(5);
        join_all([4, 2, 1, 3].map(|turn: u64| {
            let told = trace.clone();
            spawn_local(move || {
                corro::sleep_until(start + ms(3 * turn));
                told.say(turn.to_string());
            })
        }));
    });
    trace.said(&["1", "2", "3", "4"]);
}

#[test]
fn s2_io_goes_before_timers() {
    let trace = Trace::new();
    let (mut reader, mut writer) = io::pipe().unwrap();
    corro::run(|| {
        let deadline = Instant::now() + ms(30);
        let told = trace.clone();
        let sleeper = spawn_local(move || {
            corro::sleep_until(deadline);
            told.say("timer");
        });
        let told = trace.clone();
        let io = spawn_local(move || {
            corro::io::wait_readable(&reader).unwrap();
            reader.read_exact(&mut [0]).unwrap();
            told.say("I/O");
        });
        yield_now();
        spin_until(deadline);
        writer.write_all(b"!").unwrap();
        // Made ready at the end of this pass, behind the task that yields; run in the next one.
        yield_now();
        trace.said(&[]);
        yield_now();
        trace.said(&["I/O", "timer"]);
        join_all([sleeper, io]);
    });
}

#[test]
fn s2_call_soon_is_the_next_pass_and_call_later_the_end_of_this_one() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    event_loop.run(|| {
        event_loop.call_later(Duration::ZERO, say(&trace, "later"));
        event_loop.call_soon(say(&trace, "soon"));
        drop(spawn_local(say(&trace, "task")));
        yield_now();
        trace.say("main");
        yield_now();
    });
    trace.said(&["soon", "task", "main", "later"]);
}

#[test]
fn s2_call_at_goes_by_deadline_also_if_all_are_past() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let base = Instant::now();
    let at = |ns: u64, word| drop(event_loop.call_at(base + Duration::from_nanos(ns), say(&trace, word)));
    at(3, "3");
    at(1, "1");
    at(2, "2");
    at(1, "1 again");
    event_loop.call_later(ms(2), say(&trace, "later"));
    event_loop.run_until_idle();
    trace.said(&["1", "1 again", "2", "3", "later"]);
}

#[test]
fn s2_a_cancelled_callback_is_dropped_and_not_called() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let held = trace.guard("dropped");
    let handle = event_loop.call_soon(move || drop(held));
    trace.said(&[]);
    handle.cancel();
    trace.said(&["dropped"]);
    let held = trace.guard("dropped too");
    let told = trace.clone();
    let handle = event_loop.call_later(HOUR, move || {
        told.say("called");
        drop(held);
    });
    handle.cancel();
    trace.said(&["dropped too"]);
    handle.cancel();
    // With the timer gone there is nothing to wait for.
    event_loop.run_until_idle();
    trace.said(&[]);
}

#[test]
fn s2_cancel_takes_back_a_callback_that_is_due() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let base = Instant::now();
    let second = Rc::new(RefCell::new(None));
    let (told, theirs) = (trace.clone(), second.clone());
    event_loop.call_at(base, move || {
        told.say("first");
        let second: corro::event_loop::TimerHandle = theirs.take().unwrap();
        second.cancel();
    });
    second.replace(Some(event_loop.call_at(base, say(&trace, "second"))));
    event_loop.call_at(base, say(&trace, "third"));
    event_loop.run_until_idle();
    trace.said(&["first", "third"]);
}

#[test]
fn s2_cancel_after_the_call_has_no_effect() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let soon = event_loop.call_soon(say(&trace, "soon"));
    let later = event_loop.call_later(Duration::ZERO, say(&trace, "later"));
    event_loop.run_until_idle();
    // A timer that was set since must not be hit by the old handle.
    event_loop.call_later(Duration::ZERO, say(&trace, "new"));
    soon.cancel();
    later.cancel();
    event_loop.run_until_idle();
    trace.said(&["soon", "later", "new"]);
    drop(event_loop);
    later.cancel();
}

#[test]
fn s2_a_callback_may_cancel_itself() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let own = Rc::new(RefCell::new(None::<corro::event_loop::TimerHandle>));
    let (told, theirs) = (trace.clone(), own.clone());
    let handle = event_loop.call_later(ms(1), move || {
        theirs.take().unwrap().cancel();
        told.say("called");
    });
    own.replace(Some(handle));
    event_loop.run_until_idle();
    trace.said(&["called"]);
}

#[test]
fn s2_dropping_a_timer_handle_does_not_cancel() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    drop(event_loop.call_soon(say(&trace, "soon")));
    drop(event_loop.call_later(ms(1), say(&trace, "later")));
    drop(event_loop.call_at(Instant::now() + ms(3), say(&trace, "at")));
    event_loop.run_until_idle();
    trace.said(&["soon", "later", "at"]);
}

#[test]
fn s2_call_readable_calls_once_and_when_there_is_something() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let (mut reader, mut writer) = io::pipe().unwrap();
    event_loop.run(|| {
        let told = trace.clone();
        event_loop.call_readable(&reader, move |result| told.say(format!("{result:?}")));
        yields(3);
        trace.said(&[]);
        writer.write_all(b"!").unwrap();
        trace.said(&[]);
        yields(3);
        trace.said(&["Ok(())"]);
        yields(3);
        trace.said(&[]);
    });
    reader.read_exact(&mut [0]).unwrap();
    let told = trace.clone();
    event_loop.call_readable(&reader, move |result| told.say(format!("end: {result:?}")));
    drop(writer);
    event_loop.run_until_idle();
    trace.said(&["end: Ok(())"]);
}

#[test]
fn s2_call_readable_and_call_writable_of_one_descriptor() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let (a, mut b) = UnixStream::pair().unwrap();
    event_loop.run(|| {
        let (readable, writable) = (say(&trace, "readable"), say(&trace, "writable"));
        event_loop.call_readable(&a, move |result| {
            result.unwrap();
            readable();
        });
        event_loop.call_writable(&a, move |result| {
            result.unwrap();
            writable();
        });
        trace.said(&[]);
        yields(2);
        trace.said(&["writable"]);
        b.write_all(b"!").unwrap();
        yields(2);
        trace.said(&["readable"]);
    });
    event_loop.run_until_idle();
}

#[test]
fn s2_call_readable_of_what_is_always_ready_is_not_at_once_either() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let file = File::open("/proc/self/exe").unwrap();
    let told = trace.clone();
    event_loop.call_readable(&file, move |result| told.say(format!("{result:?}")));
    trace.said(&[]);
    event_loop.run_until_idle();
    trace.said(&["Ok(())"]);
}

// S3: panics.

#[test]
fn s3_a_panic_in_a_task_is_its_joiners() {
    let trace = Trace::new();
    corro::run(|| {
        let failing = spawn_local(|| -> i32 { resume_unwind(Box::new("payload")) });
        let other = spawn_local(ticks(&trace, "other", 3));
        let error = failing.join().unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "payload");
        other.join().unwrap();
    });
    trace.said(&["other"; 3]);
}

#[test]
fn s3_a_panic_that_nobody_joins_stops_nothing() {
    let trace = Trace::new();
    corro::run(|| {
        drop(spawn_local(|| resume_unwind(Box::new("nobody's"))));
        let kept = spawn_local(|| resume_unwind(Box::new("kept, not joined")));
        join_all([spawn_local(ticks(&trace, "other", 2))]);
        assert!(kept.is_finished());
    });
    trace.said(&["other"; 2]);
}

#[test]
fn s3_a_panic_in_main_reaches_the_caller_of_run() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let other = event_loop.spawn(ticks(&trace, "other", 3));
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        event_loop.run(|| {
            let _local = trace.guard("main's local");
            yield_now();
            resume_unwind(Box::new(7_u8));
        })
    }));
    assert_eq!(*unwound.unwrap_err().downcast::<u8>().unwrap(), 7);
    trace.said(&["other", "other", "main's local"]);
    assert!(!std::thread::panicking());
    // The loop goes on in the next run, with whoever was left.
    event_loop.run(|| other.join().unwrap());
    trace.said(&["other"]);
    let text = panic_text(|| corro::run(|| -> () { panic!("said {}", "so") }));
    assert_eq!(text, "said so");
}

#[test]
fn s3_a_panic_in_a_callback_goes_to_the_hook_and_the_loop_goes_on() {
    isolated(|| {
        let told = Told::install();
        let trace = Trace::new();
        let event_loop = EventLoop::new().unwrap();
        let (mut reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"!").unwrap();
        event_loop.call_soon(|| resume_unwind(Box::new("soon")));
        event_loop.call_soon(say(&trace, "next"));
        event_loop.call_later(Duration::ZERO, || resume_unwind(Box::new("later")));
        event_loop.run(|| yields(3));
        assert_eq!(told.take(), ["panic Some(\"soon\")", "panic Some(\"later\")"]);
        event_loop.call_readable(&reader, |_| resume_unwind(Box::new("readable")));
        event_loop.run_until_idle();
        assert_eq!(told.take(), ["panic Some(\"readable\")"]);
        trace.said(&["next"]);
        reader.read_exact(&mut [0]).unwrap();
        assert_eq!(event_loop.run(|| 1), 1);
    });
}

#[test]
fn s3_a_callback_that_waits_panics_with_a_sentence() {
    let event_loop = EventLoop::new().unwrap();
    let texts = Rc::new(RefCell::new(Vec::new()));
    let waits: [fn(); 4] = [
        || corro::sleep(ms(1)),
        || corro::sleep_until(Instant::now() + ms(1)),
        || drop(spawn_local(|| ()).join()),
        || corro::unblock(|| ()),
    ];
    for wait in waits {
        let told = texts.clone();
        event_loop.call_soon(move || told.borrow_mut().push(panic_text(wait)));
    }
    event_loop.run_until_idle();
    assert_eq!(texts.borrow().len(), 4);
    for text in &*texts.borrow() {
        assert!(text.contains("callback") && text.contains("spawn a task"), "{text}");
    }
}

// S4: nesting.

#[test]
fn s4_a_nested_run_panics_with_a_sentence() {
    fn check(text: &str) {
        assert!(text.contains("already running tasks") && text.contains("spawn"), "{text}");
    }
    let outside = EventLoop::new().unwrap();
    let same = Rc::new(EventLoop::new().unwrap());
    let callback = Rc::new(RefCell::new(String::new()));
    same.run(|| {
        check(&panic_text(|| corro::run(|| ())));
        check(&panic_text(|| outside.run(|| ())));
        check(&panic_text(|| outside.run_until_idle()));
        check(&panic_text(|| same.run(|| ())));
        check(&panic_text(|| same.run_until_idle()));
        let task = spawn_local(|| corro::run(|| ()));
        let payload = task.join().unwrap_err().into_panic();
        check(payload.downcast_ref::<&str>().unwrap());
        let (told, its_loop) = (callback.clone(), same.clone());
        same.call_soon(move || *told.borrow_mut() = panic_text(|| its_loop.run(|| ())));
        let mut generator = Generator::new(|co: &Co<String>| co.yield_(panic_text(|| corro::run(|| ()))));
        check(&generator.next().unwrap());
        yields(2);
        // The loop has come to no harm.
        join_all([spawn_local(yield_now)]);
    });
    check(&callback.borrow());
    assert_eq!(outside.run(|| 2), 2);
    assert_eq!(corro::run(|| std::thread::spawn(|| corro::run(|| 3)).join().unwrap()), 3);
}

// S5: dropping.

fn join_for_ever() {
    let joined = spawn_local(|| corro::sleep(HOUR)).join();
    assert!(joined.unwrap_err().is_cancelled());
    corro::checkpoint();
}

#[test]
fn s5_dropping_a_loop_unwinds_what_is_left() {
    let trace = Trace::new();
    let (reader, writer) = io::pipe().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let event_loop = EventLoop::new().unwrap();
    event_loop.run(|| {
        let park = |word: &'static str, wait: Box<dyn FnOnce()>| {
            let held = trace.guard(word);
            let told = trace.clone();
            drop(spawn_local(move || {
                let _held = held;
                wait();
                told.say("went on");
            }));
        };
        park("sleep", Box::new(|| corro::sleep(HOUR)));
        park(
            "yield",
            Box::new(|| {
                loop {
                    yield_now()
                }
            }),
        );
        park("descriptor", Box::new(move || corro::io::wait_readable(&reader).unwrap()));
        park("socket", Box::new(move || drop(listener.accept())));
        park("join", Box::new(join_for_ever));
        yields(3);
        trace.said(&[]);
    });
    drop(event_loop);
    let mut said = trace.take();
    said.sort();
    assert_eq!(said, ["descriptor", "join", "sleep", "socket", "yield"]);
    drop(writer);
}

#[test]
fn s5_bodies_that_never_started_never_run() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let held = trace.guard("what the body holds");
    let told = trace.clone();
    let handle = event_loop.spawn(move || {
        let _held = held;
        told.say("ran");
    });
    drop(event_loop);
    trace.said(&["what the body holds"]);
    assert!(handle.join().unwrap_err().is_cancelled());
}

#[test]
fn s5_a_handle_outlives_its_loop() {
    let event_loop = EventLoop::new().unwrap();
    let done = event_loop.spawn(|| 1);
    let cancelled = event_loop.spawn(|| corro::sleep(HOUR));
    let panicked = event_loop.spawn(|| resume_unwind(Box::new("payload")));
    event_loop.run(|| yields(2));
    drop(event_loop);
    assert_eq!(done.join().unwrap(), 1);
    cancelled.cancel();
    assert!(cancelled.is_finished() && cancelled.join().unwrap_err().is_cancelled());
    let panicked: JoinHandle<()> = panicked;
    assert!(panicked.join().unwrap_err().is_panic());
}

#[test]
fn s5_a_body_that_swallows_once_meets_the_cancellation_again() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let told = trace.clone();
    let handle = event_loop.spawn(move || {
        let _held = told.guard("unwound");
        for _ in 0..3 {
            assert!(catch_unwind(|| corro::sleep(HOUR)).is_err());
            told.say("swallowed");
        }
        corro::sleep(HOUR);
        told.say("went on");
    });
    event_loop.run(yield_now);
    drop(event_loop);
    trace.said(&["swallowed", "swallowed", "swallowed", "unwound"]);
    assert!(handle.join().unwrap_err().is_cancelled());
}

#[test]
fn s5_a_task_that_swallows_and_returns_is_ok() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.spawn(|| catch_unwind(|| corro::sleep(HOUR)).is_err());
    event_loop.run(yield_now);
    drop(event_loop);
    assert!(handle.join().unwrap());
}

#[test]
fn s5_destructors_may_spawn() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let told = trace.clone();
    let trace_spawned = trace.clone();
    drop(event_loop.spawn(move || {
        let _spawns = on_drop(|| {
            let held = told.guard("what the new body holds");
            let told = told.clone();
            drop(spawn_local(move || {
                let _held = held;
                told.say("the new body");
            }));
            trace_spawned.say("spawned");
        });
        corro::sleep(HOUR);
    }));
    event_loop.run(yield_now);
    drop(event_loop);
    trace.said(&["spawned", "what the new body holds"]);
}

#[test]
fn s5_a_body_that_never_starts_may_spawn_as_it_goes() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let told = trace.clone();
    let spawns = on_drop(move || {
        let held = told.guard("of the new one");
        drop(spawn_local(move || held));
    });
    drop(event_loop.spawn(move || drop(spawns)));
    drop(event_loop);
    trace.said(&["of the new one"]);
}

#[test]
fn s5_callbacks_that_are_left_are_dropped_and_not_called() {
    let trace = Trace::new();
    let (reader, _writer) = io::pipe().unwrap();
    let event_loop = EventLoop::new().unwrap();
    let callback = |word: &'static str| {
        let (held, told) = (trace.guard(word), trace.clone());
        move || {
            let _held = held;
            told.say("called");
        }
    };
    event_loop.call_soon(callback("soon"));
    event_loop.call_later(Duration::ZERO, callback("due"));
    event_loop.call_later(HOUR, callback("later"));
    let readable = callback("readable");
    event_loop.call_readable(&reader, move |_| readable());
    drop(event_loop);
    let mut said = trace.take();
    said.sort();
    assert_eq!(said, ["due", "later", "readable", "soon"]);
}

/// The callback of `how` spawns as it is dropped, with the loop.
fn spawns_as_it_is_dropped(how: impl FnOnce(&EventLoop, Box<dyn FnOnce()>)) {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let told = trace.clone();
    let spawns = on_drop(move || {
        let held = told.guard("of the new one");
        // Where there is no loop any more, that is a panic with a sentence.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(spawn_local(move || held))));
    });
    how(&event_loop, Box::new(move || drop(spawns)));
    drop(event_loop);
    trace.said(&["of the new one"]);
}

#[test]
fn s5_a_ready_callback_may_spawn_as_it_is_dropped() {
    spawns_as_it_is_dropped(|event_loop, callback| drop(event_loop.call_soon(callback)));
}

#[test]
fn s5_a_timers_callback_may_spawn_as_it_is_dropped() {
    spawns_as_it_is_dropped(|event_loop, callback| drop(event_loop.call_later(HOUR, callback)));
}

#[test]
fn s5_a_descriptors_callback_may_spawn_as_it_is_dropped() {
    let (reader, _writer) = io::pipe().unwrap();
    spawns_as_it_is_dropped(|event_loop, callback| event_loop.call_readable(&reader, move |_| callback()));
}

#[test]
fn s5_a_panic_as_a_callback_is_dropped_spares_nobody_the_unwinding() {
    isolated(|| {
        let _told = Told::install();
        let trace = Trace::new();
        let event_loop = EventLoop::new().unwrap();
        let held = trace.guard("the task's local");
        drop(event_loop.spawn(move || {
            let _held = held;
            corro::sleep(HOUR);
        }));
        event_loop.run(yield_now);
        let panics = on_drop(|| resume_unwind(Box::new("in a destructor")));
        event_loop.call_soon(move || drop(panics));
        // To whom the panic goes is not said.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(event_loop)));
        trace.said(&["the task's local"]);
        assert_eq!(corro::run(|| spawn_local(|| 1).join().unwrap()), 1);
    });
}

#[test]
fn s5_a_loop_may_be_dropped_in_a_task_of_another() {
    let trace = Trace::new();
    corro::run(|| {
        let other = spawn_local(ticks(&trace, "tick", 3));
        let inner = EventLoop::new().unwrap();
        let held = trace.guard("unwound");
        let left = inner.spawn(move || {
            let _held = held;
            corro::sleep(HOUR);
        });
        let id = corro::task::current().unwrap().id();
        drop(inner);
        trace.said(&["unwound"]);
        assert!(left.join().unwrap_err().is_cancelled());
        assert_eq!(corro::task::current().map(|task| task.id()), Some(id), "the task is still the task");
        yield_now();
        corro::sleep(ms(1));
        other.join().unwrap();
        join_all([spawn_local(yield_now)]);
    });
}

#[test]
fn s5_a_loop_with_a_parked_task_may_be_dropped_in_a_task_of_another() {
    let trace = Trace::new();
    let inner = EventLoop::new().unwrap();
    let held = trace.guard("unwound");
    drop(inner.spawn(move || {
        let _held = held;
        corro::sleep(HOUR);
    }));
    inner.run(yield_now);
    corro::run(move || {
        drop(inner);
        yield_now();
        corro::sleep(ms(1));
        join_all([spawn_local(yield_now)]);
    });
    trace.said(&["unwound"]);
}

/// The thread unwinds from main's panic while the loop is dropped: to its tasks that must make no difference.
#[test]
fn s5_run_unwinds_the_tasks_after_a_panic_in_main() {
    let trace = Trace::new();
    let told = trace.clone();
    let text = panic_text(|| {
        corro::run(|| {
            drop(spawn_local(move || {
                let _held = told.guard("unwound");
                let swallowed = catch_unwind(|| corro::sleep(HOUR)).is_err();
                told.say(format!("swallowed: {swallowed}"));
                yield_now();
                told.say("went on");
            }));
            yield_now();
            resume_unwind(Box::new("main's"));
        })
    });
    assert_eq!(text, "main's");
    trace.said(&["swallowed: true", "unwound"]);
}

#[test]
fn s5_destructors_of_tasks_after_a_panic_in_main_do_not_suspend() {
    isolated(|| {
        let trace = Trace::new();
        let told = trace.clone();
        let text = panic_text(|| {
            corro::run(|| {
                drop(spawn_local(move || {
                    let _at_last = told.guard("unwound");
                    let _waits = on_drop(|| {
                        yield_now();
                        corro::sleep(ms(1));
                        corro::checkpoint();
                        told.say("did not wait");
                    });
                    corro::sleep(HOUR);
                }));
                yield_now();
                resume_unwind(Box::new("main's"));
            })
        });
        assert_eq!(text, "main's");
        trace.said(&["did not wait", "unwound"]);
        assert!(!std::thread::panicking());
    });
}

// `run`, `run_until_idle`.

#[test]
fn s2_run_returns_at_the_end_of_the_pass_in_which_main_ended() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    drop(event_loop.spawn(ticks(&trace, "before", 5)));
    event_loop.run(|| {
        let gate = spawn_local(yield_now);
        drop(spawn_local(ticks(&trace, "after", 4)));
        // The gate wakes main ahead of the one that yields after it.
        gate.join().unwrap();
        trace.say("main");
    });
    trace.said(&["before", "before", "after", "before", "after", "before", "main", "after"]);
    event_loop.run(|| ());
    trace.said(&["before", "after"]);
}

#[test]
fn s2_run_leaves_timers_and_parked_tasks_for_the_next_run() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let told = trace.clone();
    let (mut reader, mut writer) = io::pipe().unwrap();
    let sleeper = event_loop.spawn(move || {
        corro::sleep(ms(1));
        told.say("slept");
    });
    let told = trace.clone();
    let reads = event_loop.spawn(move || {
        corro::io::wait_readable(&reader).unwrap();
        reader.read_exact(&mut [0]).unwrap();
        told.say("read");
    });
    assert_eq!(event_loop.run(|| "at once"), "at once");
    writer.write_all(b"!").unwrap();
    spin_until(Instant::now() + ms(2));
    trace.said(&[]);
    event_loop.run(|| join_all([sleeper, reads]));
    trace.said(&["read", "slept"]);
}

#[test]
fn s2_main_may_borrow() {
    let mut numbers = vec![1, 2];
    let word = String::from("borrowed");
    let length = corro::run(|| {
        numbers.push(3);
        yield_now();
        &word[1..]
    });
    assert_eq!((numbers.len(), length), (3, "orrowed"));
}

#[test]
fn s2_run_until_idle_waits_for_tasks_timers_and_io() {
    let trace = Trace::new();
    let event_loop = Rc::new(EventLoop::new().unwrap());
    event_loop.run_until_idle();
    let (mut reader, mut writer) = io::pipe().unwrap();
    let (told, waited_for) = (trace.clone(), reader.try_clone().unwrap());
    event_loop.call_readable(&waited_for, move |_| {
        reader.read_exact(&mut [0]).unwrap();
        told.say("read");
    });
    let (told, its_loop) = (trace.clone(), event_loop.clone());
    event_loop.call_later(ms(2), move || {
        told.say("timer");
        its_loop.call_later(ms(1), move || {
            told.say("timer of the timer");
            writer.write_all(b"!").unwrap();
        });
    });
    let told = trace.clone();
    drop(event_loop.spawn(move || {
        told.say("task");
        assert_eq!(corro::unblock(|| 3), 3);
        drop(spawn_local(move || yields(10)));
    }));
    event_loop.run_until_idle();
    trace.said(&["task", "timer", "timer of the timer", "read"]);
    event_loop.run_until_idle();
}

#[test]
fn s2_a_run_inside_a_generator_keeps_to_itself() {
    let mut generator = Generator::new(|co: &Co<i32>| {
        co.yield_(corro::run(|| spawn_local(|| 1).join().unwrap()));
        let through = catch_unwind(AssertUnwindSafe(|| corro::run(|| co.yield_(-1))));
        assert!(through.is_err(), "a task cannot suspend a generator that it does not run in");
        co.yield_(2);
    });
    assert_eq!((generator.next(), generator.next(), generator.next()), (Some(1), Some(2), None));
}

// Generators as tasks.

type Task<T> = Generator<Trap, (), T>;

/// Runs a generator as a task to its end.
fn run_generator<T: 'static>(generator: Task<T>) -> T {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.spawn_generator(generator);
    event_loop.run(|| handle.join().unwrap())
}

#[test]
fn s2_trap_next_is_one_pass() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    drop(event_loop.spawn(ticks(&trace, "|", 3)));
    for trap in [Trap::Next, Trap::Sleep(Duration::ZERO)] {
        let told = trace.clone();
        drop(event_loop.spawn_generator(Generator::new(move |co: &Co<Trap>| {
            for _ in 0..3 {
                told.say(format!("{trap:?}"));
                co.yield_(trap);
            }
        })));
    }
    trace.said(&[]);
    event_loop.run_until_idle();
    let pass = ["|", "Next", "Sleep(0ns)"];
    trace.said(&[pass, pass, pass].concat());
}

#[test]
fn s2_a_trap_sleep_however_short_is_a_pass() {
    let event_loop = EventLoop::new().unwrap();
    let (ran, told) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let theirs = ran.clone();
    drop(event_loop.spawn(move || {
        for _ in 0..200 {
            theirs.set(theirs.get() + 1);
            yield_now();
        }
    }));
    let theirs = told.clone();
    drop(event_loop.spawn_generator(Generator::new(move |co: &Co<Trap>| {
        for _ in 0..100 {
            theirs.set(theirs.get() + 1);
            let before = ran.get();
            co.yield_(Trap::Sleep(Duration::from_nanos(1)));
            assert!(ran.get() > before, "the other task has had its turn");
        }
        theirs.set(1000);
    })));
    event_loop.run_until_idle();
    assert_eq!(told.get(), 1000);
}

#[test]
fn s2_trap_sleep_goes_by_deadline() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    for (after, word) in [(40, "long"), (20, "middle"), (1, "short")] {
        let told = trace.clone();
        drop(event_loop.spawn_generator(Generator::new(move |co: &Co<Trap>| {
            co.yield_(Trap::Sleep(ms(after)));
            told.say(word);
        })));
    }
    event_loop.run_until_idle();
    trace.said(&["short", "middle", "long"]);
}

#[test]
fn s2_trap_sleep_may_be_for_ever() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.spawn_generator(Generator::new(|co: &Co<Trap>| co.yield_(Trap::Sleep(Duration::MAX))));
    event_loop.run(|| {
        yields(3);
        assert!(!handle.is_finished());
        handle.cancel();
        assert!(handle.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn s2_trap_readable_and_writable() {
    let (mut a, b) = UnixStream::pair().unwrap();
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let told = trace.clone();
    drop(event_loop.spawn_generator(Generator::new(move |co: &Co<Trap>| {
        let (mut b, mut byte) = (b, [0]);
        co.yield_(Trap::Writable(b.as_raw_fd()));
        told.say("writable");
        co.yield_(Trap::Readable(b.as_raw_fd()));
        b.read_exact(&mut byte).unwrap();
        told.say("readable");
    })));
    event_loop.run(|| yields(5));
    trace.said(&["writable"]);
    a.write_all(b"!").unwrap();
    event_loop.run_until_idle();
    trace.said(&["readable"]);
}

#[test]
fn s2_a_trap_on_a_bad_descriptor_is_thrown_in() {
    fn error_of(interrupt: corro::generator::Interrupt) -> ErrorKind {
        let corro::generator::Interrupt::Throw(exception) = interrupt else { panic!("not an exception") };
        let error: io::Error = exception.downcast().expect("an io::Error");
        assert_eq!(error.raw_os_error(), Some(9), "EBADF");
        error.kind()
    }
    let seen = run_generator(Generator::new(|co: &Co<Trap>| {
        for trap in [Trap::Readable(-1), Trap::Writable(-1), Trap::Readable(RawFd::MAX), Trap::Writable(RawFd::MAX)] {
            error_of(co.try_yield(trap).unwrap_err());
        }
        co.yield_(Trap::Next);
        "goes on"
    }));
    assert_eq!(seen, "goes on");
    // Not caught, it leaves the generator and is what the task failed with.
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.spawn_generator(Generator::new(|co: &Co<Trap>| co.yield_(Trap::Readable(-1))));
    let error = event_loop.run(|| handle.join().unwrap_err());
    let exception = error.into_panic().downcast::<Exception>().unwrap();
    assert!(exception.is::<io::Error>());
}

#[test]
fn s2_trap_join_waits_for_the_end() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let told = trace.clone();
    let task = event_loop.spawn(move || {
        yields(5);
        told.say("task");
    });
    let id = task.id();
    for word in ["first", "second"] {
        let told = trace.clone();
        drop(event_loop.spawn_generator(Generator::new(move |co: &Co<Trap>| {
            co.yield_(Trap::Join(id));
            told.say(word);
        })));
    }
    event_loop.run_until_idle();
    trace.said(&["task", "first", "second"]);
    // The handle is as good as ever.
    task.join().unwrap();
}

#[test]
fn s2_trap_join_of_one_that_fails_goes_on() {
    let event_loop = EventLoop::new().unwrap();
    let failing = event_loop.spawn(|| {
        yields(3);
        resume_unwind(Box::new("fails"));
    });
    let cancelled = event_loop.spawn(|| corro::sleep(HOUR));
    let ids = [failing.id(), cancelled.id()];
    let joins = event_loop.spawn_generator(Generator::new(move |co: &Co<Trap>| {
        ids.iter().for_each(|&id| co.yield_(Trap::Join(id)));
        "both have ended"
    }));
    event_loop.run(|| {
        yields(6);
        cancelled.cancel();
        assert_eq!(joins.join().unwrap(), "both have ended");
    });
    drop(failing);
}

#[test]
fn s2_trap_join_of_an_unstarted_one_that_is_cancelled_goes_on() {
    let event_loop = EventLoop::new().unwrap();
    event_loop.run(|| {
        let id = Rc::new(Cell::new(None));
        let theirs = id.clone();
        let joins = event_loop.spawn_generator(Generator::new(move |co: &Co<Trap>| {
            co.yield_(Trap::Join(theirs.get().unwrap()));
            "went on"
        }));
        let never = spawn_local(|| unreachable!("cancelled before the start"));
        id.set(Some(never.id()));
        never.cancel();
        assert_eq!(joins.join().unwrap(), "went on");
    });
}

#[test]
fn s2_trap_join_of_who_is_not_there_goes_on_at_once() {
    let event_loop = EventLoop::new().unwrap();
    let ended = event_loop.spawn(|| ());
    let ended_id = ended.id();
    event_loop.run(|| ended.join().unwrap());
    let elsewhere = EventLoop::new().unwrap();
    let other = elsewhere.spawn(|| ());
    let other_id = other.id();
    let joins = event_loop.spawn_generator(Generator::new(move |co: &Co<Trap>| {
        co.yield_(Trap::Join(ended_id));
        co.yield_(Trap::Join(other_id));
        1
    }));
    assert_eq!(event_loop.run(|| joins.join().unwrap()), 1);
    assert!(!other.is_finished());
}

#[test]
fn s2_trap_join_of_itself_is_thrown_in() {
    let seen = run_generator(Generator::new(|co: &Co<Trap>| {
        let own = corro::task::current().unwrap().id();
        let interrupt = co.try_yield(Trap::Join(own)).unwrap_err();
        let corro::generator::Interrupt::Throw(exception) = interrupt else { panic!("not an exception") };
        exception.downcast::<io::Error>().expect("an io::Error").to_string()
    }));
    assert!(seen.contains("itself"), "{seen}");
}

#[test]
fn s3_an_exception_that_leaves_a_generator_is_the_payload() {
    let event_loop = EventLoop::new().unwrap();
    let raises: JoinHandle<()> = event_loop.spawn_generator(Generator::new(|co: &Co<Trap>| {
        co.yield_(Trap::Next);
        corro::generator::raise(41_i32);
    }));
    let panics: JoinHandle<()> = event_loop.spawn_generator(Generator::new(|co: &Co<Trap>| {
        co.yield_(Trap::Next);
        resume_unwind(Box::new("panicked"));
    }));
    let (raised, panicked) = event_loop.run(|| (raises.join().unwrap_err(), panics.join().unwrap_err()));
    assert!(raised.is_panic());
    let exception = raised.into_panic().downcast::<Exception>().unwrap();
    assert_eq!(exception.downcast::<i32>().unwrap(), 41);
    assert_eq!(*panicked.into_panic().downcast::<&str>().unwrap(), "panicked");
}

#[test]
fn s2_a_generator_that_was_started_goes_on_and_one_that_ended_fails() {
    let trace = Trace::new();
    let told = trace.clone();
    let mut started = Generator::new(move |co: &Co<Trap>| {
        told.say("started");
        co.yield_(Trap::Next);
        told.say("went on");
        co.yield_(Trap::Next);
        5
    });
    started.start().unwrap();
    assert_eq!(run_generator(started), 5);
    trace.said(&["started", "went on"]);
    let mut ended = Generator::new(|_: &Co<Trap>| ());
    ended.start().unwrap();
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.spawn_generator(ended);
    assert!(event_loop.run(|| handle.join().unwrap_err()).is_panic());
}

#[test]
fn s5_a_generator_task_that_is_cancelled_closes_its_generator() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    let generator = |word: &'static str, trap: Trap| {
        let told = trace.clone();
        event_loop.spawn_generator(Generator::new(move |co: &Co<Trap>| {
            let _held = told.guard(word);
            co.yield_(trap);
            told.say("went on");
        }))
    };
    let cancelled = generator("cancelled", Trap::Sleep(HOUR));
    let dropped = generator("dropped", Trap::Sleep(HOUR));
    let never = generator("never started", Trap::Next);
    never.cancel();
    event_loop.run(|| {
        yields(2);
        cancelled.cancel();
        assert!(cancelled.join().unwrap_err().is_cancelled());
        assert!(never.join().unwrap_err().is_cancelled());
    });
    trace.said(&["cancelled"]);
    drop(event_loop);
    trace.said(&["dropped"]);
    assert!(dropped.join().unwrap_err().is_cancelled());
}

#[test]
fn g10_a_generator_task_may_block_by_ordinary_calls() {
    let trace = Trace::new();
    let event_loop = EventLoop::new().unwrap();
    drop(event_loop.spawn(ticks(&trace, "|", 3)));
    let told = trace.clone();
    let handle = event_loop.spawn_generator(Generator::new(move |co: &Co<Trap>| {
        told.say("a");
        yield_now();
        told.say("b");
        co.yield_(Trap::Next);
        told.say("c");
        spawn_local(|| 9).join().unwrap()
    }));
    assert_eq!(event_loop.run(|| handle.join().unwrap()), 9);
    trace.said(&["|", "a", "|", "b", "|", "c"]);
}

#[test]
fn s5_a_pipe_that_a_task_waits_for_is_closed_with_the_loop() {
    let (reader, mut writer) = io::pipe().unwrap();
    let event_loop = EventLoop::new().unwrap();
    let waits = |reader: PipeReader| move || corro::io::wait_readable(&reader);
    drop(event_loop.spawn(waits(reader)));
    event_loop.run(|| yields(2));
    drop(event_loop);
    // A child process that another test starts just now has all descriptors until its exec.
    let refused = std::iter::repeat_with(|| writer.write_all(b"!")).take(10_000).find_map(|written| {
        std::thread::yield_now();
        written.err()
    });
    assert_eq!(refused.expect("no reader is left").kind(), ErrorKind::BrokenPipe);
}

#[test]
fn s3_a_payload_that_panics_as_it_is_dropped_leaves_the_loop_whole() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("the payload"));
        }
    }
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new(Payload));
        }
    }
    let event_loop = EventLoop::new().unwrap();
    drop(event_loop.spawn(|| Bad));
    event_loop.run_until_idle();
    let handle = event_loop.spawn(|| 5);
    assert_eq!(event_loop.run(|| handle.join().unwrap()), 5);
}
