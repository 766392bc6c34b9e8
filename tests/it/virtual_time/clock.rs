//! The virtual clock: where it jumps to, and when it stands still.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use corro::event_loop::Trap;
use corro::{Co, EventLoop, Generator, sleep, sleep_until, spawn, spawn_local, time, timeout, yield_now};

use super::{HOUR, MOMENT, stands_still, virtual_loop};
use crate::generator::Trace;
use crate::schedulers::virtually;

#[test]
fn s6_sleepers_wake_by_deadline_at_that_time() {
    virtually(|| {
        let (start, trace) = (time::now(), Trace::new());
        let tasks = [(3, "c"), (1, "a"), (2, "b"), (3, "d"), (1, "a")].map(|(hours, word)| {
            let trace = trace.clone();
            spawn(move || {
                sleep(hours * HOUR);
                assert_eq!(time::now() - start, hours * HOUR);
                trace.say(word);
            })
        });
        tasks.into_iter().for_each(|task| task.join().unwrap());
        trace.said(&["a", "a", "b", "c", "d"]);
        assert_eq!(time::now() - start, 3 * HOUR);
    });
}

#[test]
fn s6_sleepers_and_callbacks_share_one_order() {
    let event_loop = virtual_loop();
    let trace = Trace::new();
    let say = |word: &'static str| {
        let trace = trace.clone();
        move || trace.say(word)
    };
    event_loop.run(|| {
        let start = time::now();
        event_loop.call_later(2 * HOUR, say("second"));
        event_loop.call_at(start + HOUR, say("first"));
        let told = say("third");
        drop(spawn_local(move || {
            sleep_until(start + 2 * HOUR);
            told();
        }));
        yield_now();
        event_loop.call_later(2 * HOUR, say("fourth"));
        event_loop.call_later(Duration::from_secs(1), say("zeroth"));
        event_loop.call_soon(say("at once"));
        sleep(3 * HOUR);
        assert_eq!(time::now() - start, 3 * HOUR);
    });
    trace.said(&["at once", "zeroth", "first", "second", "third", "fourth"]);
}

#[test]
fn s6_callbacks_see_the_time_they_were_asked_for() {
    let event_loop = virtual_loop();
    let seen = Rc::new(RefCell::new(vec![]));
    let start = event_loop.run(time::now);
    for hours in [5, 1, 3] {
        let seen = seen.clone();
        event_loop.call_later(hours * HOUR, move || seen.borrow_mut().push(time::now() - start));
    }
    event_loop.run_until_idle();
    assert_eq!(*seen.borrow(), [HOUR, 3 * HOUR, 5 * HOUR]);
}

#[test]
fn s6_a_deadline_that_is_past_is_one_pass() {
    virtually(|| {
        let start = time::now();
        let trace = Trace::new();
        let told = trace.clone();
        let other = spawn(move || {
            told.say("1");
            yield_now();
            told.say("2");
        });
        sleep_until(start - HOUR);
        trace.said(&["1"]);
        sleep(Duration::ZERO);
        trace.said(&["2"]);
        sleep_until(start);
        other.join().unwrap();
        assert_eq!(time::now(), start);
    });
}

#[test]
fn s6_a_day_of_ten_thousand_sleepers_passes() {
    let wakes = Arc::new(AtomicUsize::new(0));
    let event_loop = EventLoop::builder().virtual_time(true).stack_size(16 << 10).build().unwrap();
    let start = event_loop.run(time::now);
    for number in 0..10_000_u32 {
        let wakes = wakes.clone();
        let body = move || {
            for hour in 1..=6 {
                sleep(4 * HOUR);
                assert_eq!(time::now() - start, hour * 4 * HOUR);
                wakes.fetch_add(1, SeqCst);
            }
        };
        match number % 2 {
            0 => drop(event_loop.spawn(body)),
            _ => drop(event_loop.handle().spawn(body)),
        }
    }
    event_loop.run_until_idle();
    assert_eq!(wakes.load(SeqCst), 60_000);
    assert_eq!(event_loop.run(time::now) - start, 24 * HOUR);
}

#[test]
fn s6_deadlines_of_timeouts_are_virtual() {
    virtually(|| {
        let start = time::now();
        assert!(timeout(HOUR, || sleep(2 * HOUR)).is_err());
        assert_eq!(time::now() - start, HOUR);
        assert!(timeout(2 * HOUR, || sleep(HOUR)).is_ok());
        assert_eq!(time::now() - start, 2 * HOUR);
    });
}

#[test]
fn s6_the_clock_does_not_jump_to_what_was_cancelled() {
    let event_loop = virtual_loop();
    event_loop.run(|| {
        let start = time::now();
        let timer = event_loop.call_later(HOUR, || unreachable!("cancelled"));
        let sleeper = spawn(|| sleep(2 * HOUR));
        timeout(3 * HOUR, yield_now).unwrap();
        timer.cancel();
        sleeper.cancel();
        assert!(sleeper.join().is_err());
        sleep(4 * HOUR);
        assert_eq!(time::now() - start, 4 * HOUR);
    });
    // A timer of the last hour is the only one left.
    event_loop.call_later(HOUR, || ());
    let start = event_loop.run(time::now);
    event_loop.run_until_idle();
    assert_eq!(event_loop.run(time::now) - start, HOUR);
}

#[test]
fn s6_the_clock_stands_while_anybody_is_ready() {
    virtually(|| {
        let start = time::now();
        let woken = Arc::new(AtomicBool::new(false));
        let theirs = woken.clone();
        let sleeper = spawn(move || {
            sleep(Duration::from_nanos(1));
            theirs.store(true, SeqCst);
        });
        for _ in 0..1000 {
            yield_now();
            assert_eq!(time::now(), start);
        }
        assert!(!woken.load(SeqCst));
        sleeper.join().unwrap();
        assert_eq!(time::now() - start, Duration::from_nanos(1));
    });
}

#[test]
fn s6_the_clock_stands_while_unblock_runs() {
    for pause in [HOUR, MOMENT, Duration::from_nanos(1)] {
        let event_loop = virtual_loop();
        let handle = event_loop.handle();
        let woken = Arc::new(AtomicBool::new(false));
        let (ours, theirs) = (woken.clone(), woken);
        event_loop.run(|| {
            let start = time::now();
            let sleeper = spawn(move || {
                sleep(pause);
                ours.store(true, SeqCst);
            });
            yield_now();
            assert!(corro::unblock(move || stands_still(&handle) && !theirs.load(SeqCst)));
            assert_eq!(time::now(), start);
            sleeper.join().unwrap();
            assert_eq!(time::now() - start, pause);
        });
    }
}

#[test]
fn s6_the_clock_stands_while_a_descriptor_is_awaited() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let woken = Arc::new(AtomicBool::new(false));
    let theirs = woken.clone();
    let writing = thread::spawn(move || {
        let stood = stands_still(&handle) && !theirs.load(SeqCst);
        writer.write_all(b"!").unwrap();
        stood
    });
    event_loop.run(|| {
        let start = time::now();
        let sleeper = spawn(move || {
            sleep(HOUR);
            woken.store(true, SeqCst);
        });
        corro::io::wait_readable(&reader).unwrap();
        assert_eq!(time::now(), start);
        assert!(writing.join().unwrap());
        sleeper.join().unwrap();
        assert_eq!(time::now() - start, HOUR);
    });
}

#[test]
fn s6_what_is_due_runs_while_a_descriptor_is_awaited() {
    let event_loop = virtual_loop();
    event_loop.run(|| {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let start = time::now();
        event_loop.call_at(start, move || writer.write_all(b"!").unwrap());
        corro::io::wait_readable(&reader).unwrap();
        assert_eq!(time::now(), start);
    });
}

#[test]
fn s6_the_clock_stands_while_a_callback_awaits_a_descriptor() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let times = Rc::new(Cell::new(None));
    let told = times.clone();
    let start = event_loop.run(time::now);
    event_loop.call_readable(&reader, move |ready| told.set(Some((ready.is_ok(), time::now()))));
    event_loop.call_later(HOUR, || ());
    let writing = thread::spawn(move || {
        let stood = stands_still(&handle);
        writer.write_all(b"!").unwrap();
        stood
    });
    event_loop.run_until_idle();
    assert!(writing.join().unwrap());
    assert_eq!(times.get(), Some((true, start)));
    assert_eq!(event_loop.run(time::now) - start, HOUR);
}

#[test]
fn s6_the_time_goes_on_from_run_to_run_and_each_loop_has_its_own() {
    let (first, second) = (virtual_loop(), virtual_loop());
    let (start, other) = (first.run(time::now), second.run(time::now));
    first.run(|| sleep(HOUR));
    assert_eq!(first.run(time::now) - start, HOUR);
    second.run(|| sleep(2 * HOUR));
    assert_eq!((first.run(time::now) - start, second.run(time::now) - other), (HOUR, 2 * HOUR));
}

#[test]
fn s6_elsewhere_the_time_is_that_of_the_system() {
    let is_real = || {
        let (before, now, after) = (Instant::now(), time::now(), Instant::now());
        assert!(before <= now && now <= after);
    };
    is_real();
    corro::run(is_real);
    virtually(|| {
        sleep(HOUR);
        // Another thread has no part in the clock.
        thread::spawn(is_real).join().unwrap();
    });
    is_real();
}

#[test]
fn s6_a_sleep_longer_than_the_clock_can_tell_is_for_ever() {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    let text = crate::generator::panic_text(|| {
        virtually(|| {
            let start = time::now();
            sleep(5 * CENTURY);
            assert_eq!(time::now() - start, 5 * CENTURY);
            sleep(5 * CENTURY);
        })
    });
    assert!(text.contains("\"main\" waits for a time to come"), "{text}");
}

#[test]
fn s6_generator_tasks_sleep_by_the_virtual_clock() {
    let event_loop = virtual_loop();
    let start = event_loop.run(time::now);
    let task = event_loop.spawn_generator(Generator::new(|co: &Co<Trap>| {
        for hours in 1..=3 {
            co.yield_(Trap::Sleep(hours * HOUR));
        }
        time::now()
    }));
    assert_eq!(event_loop.run(|| task.join().unwrap()) - start, 6 * HOUR);
}

#[test]
fn s6_dropping_a_loop_waits_for_no_timer() {
    let event_loop = virtual_loop();
    let trace = Trace::new();
    let held = trace.guard("dropped");
    event_loop.call_later(HOUR, move || drop(held));
    let told = trace.clone();
    drop(event_loop.spawn(move || {
        let _held = told.guard("unwound");
        sleep(2 * HOUR);
    }));
    event_loop.run(yield_now);
    drop(event_loop);
    trace.said(&["unwound", "dropped"]);
}

// S9: everybody gets a turn.

#[test]
fn s9_timers_descriptors_and_letters_get_their_turn_among_busy_tasks() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let (reader, mut writer) = std::io::pipe().unwrap();
    event_loop.run(|| {
        let busy: Vec<_> = (0..10)
            .map(|_| {
                spawn(|| {
                    loop {
                        yield_now();
                    }
                })
            })
            .collect();
        timeout(HOUR, || sleep(MOMENT)).unwrap();
        let reads = spawn(move || corro::io::wait_readable(&reader).unwrap());
        yield_now();
        writer.write_all(b"!").unwrap();
        reads.join().unwrap();
        let sent = thread::spawn(move || handle.spawn(|| 5)).join().unwrap();
        assert_eq!(sent.join().unwrap(), 5);
        busy.iter().for_each(|task| task.cancel());
    });
}

/// Blocking calls that are ready at once, one after another: others have a turn all the same.
#[test]
fn s9_a_task_whose_calls_are_ready_at_once_gives_way() {
    corro::run(|| {
        let mut ended: Vec<_> = (0..1000).map(|_| spawn(|| ())).collect();
        yield_now();
        let starved: Vec<_> = [
            ("block_on", turns_during(|| corro::block_on(std::future::ready(())))),
            ("join", turns_during(|| ended.pop().unwrap().join().unwrap())),
            ("scope", turns_during(|| corro::scope(|_| ()))),
        ]
        .into_iter()
        .filter(|(_, turns)| *turns < 3)
        .collect();
        assert!(starved.is_empty(), "turns of another task during 1000 calls: {starved:?}");
    });
}

fn turns_during(mut call: impl FnMut()) -> usize {
    let turns = Rc::new(Cell::new(0));
    let theirs = turns.clone();
    let other = spawn_local(move || {
        loop {
            theirs.set(theirs.get() + 1);
            yield_now();
        }
    });
    yield_now();
    let before = turns.get();
    (0..1000).for_each(|_| call());
    other.cancel();
    turns.get() - before
}
