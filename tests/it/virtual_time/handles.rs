//! S5: the way to a loop from other threads, while it lives and afterwards.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use corro::event_loop::Handle;
use corro::{EventLoop, JoinHandle, sleep, spawn, spawn_local, task, yield_now};

use super::{HOUR, OsThread, comes_to_an_end, raise, until};
use crate::generator::Trace;
use crate::generator::child::isolated;
use crate::generator::hook::Told;

#[test]
fn s5_a_handle_may_go_anywhere() {
    fn anywhere<T: Send + Sync + Clone + 'static>() {}
    anywhere::<Handle>();
    let event_loop = EventLoop::new().unwrap();
    assert!(format!("{:?}", event_loop.handle()).starts_with("Handle"));
}

#[test]
fn s5_letters_arrive_in_the_order_of_sending() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let seen = Arc::new(Mutex::new(vec![]));
    let theirs = seen.clone();
    thread::spawn(move || {
        for number in 0..1000 {
            let seen = theirs.clone();
            let note = move || seen.lock().unwrap().push(number);
            match number % 3 {
                0 => handle.call_soon(note),
                1 => drop(handle.spawn(note)),
                _ => drop(handle.clone().spawn(note)),
            }
        }
    })
    .join()
    .unwrap();
    event_loop.run_until_idle();
    assert!(seen.lock().unwrap().iter().copied().eq(0..1000));
}

#[test]
fn s5_letters_of_many_threads_arrive_in_the_order_of_each() {
    const THREADS: usize = 4;
    const LETTERS: usize = 2000;
    let event_loop = EventLoop::new().unwrap();
    let seen = Arc::new(Mutex::new(vec![vec![]; THREADS]));
    event_loop.run(|| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (handle, seen) = (event_loop.handle(), seen.clone());
                thread::spawn(move || {
                    for number in 0..LETTERS {
                        let seen = seen.clone();
                        handle.call_soon(move || seen.lock().unwrap()[thread].push(number));
                    }
                })
            })
            .collect();
        until(|| seen.lock().unwrap().iter().all(|letters| letters.len() == LETTERS));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    assert!(seen.lock().unwrap().iter().all(|letters| letters.iter().copied().eq(0..LETTERS)));
}

#[test]
fn s5_a_letter_wakes_a_sleeping_loop() {
    comes_to_an_end(|| {
        for round in 0..50 {
            let event_loop = EventLoop::new().unwrap();
            let handle = event_loop.handle();
            let thread = OsThread::current();
            let (tasks, arrived) = channel::<JoinHandle<()>>();
            let helper = thread::spawn(move || {
                let task = arrived.recv().unwrap();
                thread.wait_for_sleep(|| false);
                match round % 2 {
                    0 => handle.call_soon(move || task.cancel()),
                    _ => drop(handle.spawn(move || task.cancel())),
                }
            });
            event_loop.run(|| {
                let (over, is_over) = tokio::sync::oneshot::channel::<()>();
                let waits = spawn(move || {
                    let _over = over;
                    sleep(HOUR);
                });
                tasks.send(waits).unwrap();
                assert!(corro::block_on(is_over).is_err());
            });
            helper.join().unwrap();
        }
    });
}

#[test]
fn s5_a_call_runs_on_the_loop_and_may_spawn() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let (ours, spawned) = (thread::current().id(), Arc::new(AtomicBool::new(false)));
    let theirs = spawned.clone();
    thread::spawn(move || {
        handle.call_soon(move || {
            assert_eq!(thread::current().id(), ours);
            assert!(task::current().is_none());
            drop(spawn_local(move || theirs.store(task::current().is_some(), SeqCst)));
        });
    })
    .join()
    .unwrap();
    event_loop.run_until_idle();
    assert!(spawned.load(SeqCst));
}

#[test]
fn s5_a_panic_in_a_call_goes_to_the_hook() {
    isolated(|| {
        let told = Told::install();
        let event_loop = EventLoop::new().unwrap();
        let handle = event_loop.handle();
        handle.call_soon(|| raise("in a call"));
        let task = handle.spawn(|| raise("in a task"));
        handle.call_soon(|| ());
        event_loop.run_until_idle();
        assert_eq!(told.take(), ["panic Some(\"in a call\")"]);
        assert!(task.join().unwrap_err().is_panic());
    });
}

#[test]
fn s5_a_sent_task_may_be_joined_cancelled_or_left_before_it_arrives() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let ran = Arc::new(AtomicUsize::new(0));
    let note = || {
        let ran = ran.clone();
        move || ran.fetch_add(1, SeqCst)
    };
    event_loop.run(|| {
        drop(handle.spawn(note()));
        assert_eq!(handle.spawn(note()).join().unwrap(), 1);
        let cancelled = handle.spawn(note());
        cancelled.cancel();
        assert!(cancelled.join().unwrap_err().is_cancelled());
        // By another thread.
        let sent = handle.spawn(note());
        assert_eq!(corro::unblock(move || sent.join().unwrap()), 2);
    });
    let left = handle.spawn(note());
    thread::spawn(move || left.cancel()).join().unwrap();
    event_loop.run_until_idle();
    assert_eq!(ran.load(SeqCst), 3);
}

#[test]
fn s5_a_handle_outlives_runs() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    for round in 0..10 {
        let sent = handle.spawn(move || round);
        let theirs = handle.clone();
        let from_there = thread::spawn(move || theirs.spawn(move || 10 * round)).join().unwrap();
        assert_eq!(event_loop.run(|| sent.join().unwrap() + from_there.join().unwrap()), 11 * round);
    }
}

#[test]
fn s5_a_handle_whose_loop_is_gone_drops_calls_and_cancels_tasks() {
    let handle = EventLoop::new().unwrap().handle();
    let trace = Trace::new();
    for place in ["on the thread of the loop", "on another"] {
        let (handle, trace) = (handle.clone(), trace.clone());
        let try_it = move || {
            let held = trace.guard("the call");
            handle.call_soon(move || {
                let _held = held;
                unreachable!("the loop is gone");
            });
            trace.said(&["the call"]);
            let held = trace.guard("the body");
            let task = handle.spawn(move || -> () {
                let _held = held;
                unreachable!("the loop is gone");
            });
            trace.said(&["the body"]);
            assert!(task.is_finished());
            assert!(task.join().unwrap_err().is_cancelled());
        };
        match place {
            "on another" => thread::spawn(try_it).join().unwrap(),
            _ => try_it(),
        }
    }
    // In a task of another loop, which took the place of the first one.
    corro::run(move || {
        let task = handle.spawn(|| 1);
        assert!(task.join().unwrap_err().is_cancelled());
        yield_now();
    });
}

#[test]
fn s5_letters_that_were_not_taken_are_dropped_with_the_loop() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let trace = Trace::new();
    let (call, body) = (trace.guard("the call"), trace.guard("the body"));
    let told = trace.clone();
    handle.call_soon(move || {
        let _call = call;
        told.say("called");
    });
    let told = trace.clone();
    let task = handle.spawn(move || {
        let _body = body;
        told.say("ran");
    });
    drop(event_loop);
    let mut said = trace.take();
    said.sort();
    assert_eq!(said, ["the body", "the call"]);
    assert!(task.join().unwrap_err().is_cancelled());
}

#[test]
fn s5_letters_sent_while_the_loop_is_dropped_are_dropped() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let trace = Trace::new();
    let told = trace.clone();
    drop(event_loop.spawn(move || {
        struct Sends(Handle, Trace);
        impl Drop for Sends {
            fn drop(&mut self) {
                let told = self.1.clone();
                self.0.call_soon(move || told.say("called"));
                self.1.say(if self.0.spawn(|| ()).is_finished() { "refused" } else { "taken" });
            }
        }
        let _sends = Sends(handle, told);
        sleep(HOUR);
    }));
    event_loop.run(yield_now);
    drop(event_loop);
    trace.said(&["refused"]);
}

/// What goes down with the loop, or is refused, sends again from its destructor: no lock is held then.
#[test]
fn s5_a_letter_may_send_as_it_is_dropped() {
    struct Again(Handle, usize);
    impl Drop for Again {
        fn drop(&mut self) {
            if self.1 > 0 {
                let again = Again(self.0.clone(), self.1 - 1);
                match self.1 % 2 {
                    0 => self.0.call_soon(move || drop(again)),
                    _ => drop(self.0.spawn(move || drop(again))),
                }
            }
        }
    }
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let (call, body) = (Again(handle.clone(), 5), Again(handle.clone(), 6));
    handle.call_soon(move || drop(call));
    drop(handle.spawn(move || drop(body)));
    drop(event_loop);
    let late = Again(handle.clone(), 5);
    handle.call_soon(move || drop(late));
}

#[test]
fn s5_a_letter_that_panics_as_it_is_dropped_with_the_loop_spares_the_others() {
    isolated(|| {
        struct Raises;
        impl Drop for Raises {
            fn drop(&mut self) {
                if !thread::panicking() {
                    raise("dropped");
                }
            }
        }
        let told = Told::install();
        let event_loop = EventLoop::new().unwrap();
        let handle = event_loop.handle();
        let trace = Trace::new();
        let (raises, also, held) = (Raises, Raises, trace.guard("held"));
        handle.call_soon(move || drop(raises));
        let task = handle.spawn(move || drop(also));
        handle.call_soon(move || drop(held));
        drop(event_loop);
        trace.said(&["held"]);
        assert_eq!(told.take(), ["panic Some(\"dropped\")"]);
        assert!(task.join().unwrap_err().is_panic());
    });
}

/// Counts what ran, and what was dropped without.
struct Letter {
    ran: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
    opened: bool,
}

impl Letter {
    fn open(mut self) {
        self.opened = true;
        self.ran.fetch_add(1, SeqCst);
    }
}

impl Drop for Letter {
    fn drop(&mut self) {
        if !self.opened {
            self.dropped.fetch_add(1, SeqCst);
        }
    }
}

/// Many threads send while the loop runs and is dropped: each letter runs or is dropped, once.
#[test]
fn s5_stress_many_threads_send_as_the_loop_is_dropped() {
    const THREADS: usize = 4;
    const LETTERS: usize = 200;
    for round in 0..100 {
        let (ran, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let event_loop = EventLoop::new().unwrap();
        let start = Arc::new(Barrier::new(THREADS + 1));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (handle, start) = (event_loop.handle(), start.clone());
                let (ran, dropped) = (ran.clone(), dropped.clone());
                thread::spawn(move || {
                    start.wait();
                    let letter = || Letter { ran: ran.clone(), dropped: dropped.clone(), opened: false };
                    let send = |number: usize| {
                        let letter = letter();
                        match number % 4 {
                            0 => handle.call_soon(move || letter.open()),
                            1 => drop(handle.spawn(move || letter.open())),
                            2 => {
                                let wait = move || {
                                    yield_now();
                                    letter.open();
                                };
                                return Some(handle.spawn(wait));
                            }
                            _ => return Some(handle.spawn(move || letter.open())),
                        }
                        None
                    };
                    let tasks: Vec<_> = (0..LETTERS).filter_map(send).collect();
                    let results = tasks.into_iter().map(|task| task.join());
                    results.for_each(|result| assert!(result.is_ok() || result.unwrap_err().is_cancelled()));
                })
            })
            .collect();
        start.wait();
        event_loop.run(|| (0..round).for_each(|_| yield_now()));
        drop(event_loop);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(ran.load(SeqCst) + dropped.load(SeqCst), THREADS * LETTERS, "round {round}");
        assert_eq!((Arc::strong_count(&ran), Arc::strong_count(&dropped)), (1, 1));
    }
}
