//! Rules T2 and T3 with scopes: where the cancellation of a scope surfaces, and when it does not.

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::panic::{catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use corro::net::{TcpListener, TcpStream};
use corro::{CancelToken, cancel_scope, shield, sleep, spawn, spawn_local, timeout, yield_now};

use super::{HOUR, cancelled, cut_off, elapsed, ms, yields};
use crate::generator::Trace;
use crate::schedulers::{everywhere, virtually};

type NamedCall = (&'static str, Box<dyn Fn()>);

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Calls that wait for ever. What they wait for is kept with them.
fn endless() -> Vec<NamedCall> {
    let (reader, writer) = io::pipe().unwrap();
    let (ours, theirs) = tcp_pair();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    vec![
        ("sleep", Box::new(|| sleep(HOUR))),
        ("sleep_until", Box::new(|| corro::sleep_until(Instant::now() + HOUR))),
        ("sleep for ever", Box::new(|| sleep(Duration::MAX))),
        ("yield_now", Box::new(|| yields(usize::MAX))),
        ("join", Box::new(|| drop(spawn(|| sleep(HOUR)).join()))),
        (
            "wait_readable",
            Box::new(move || {
                let _kept = &writer;
                corro::io::wait_readable(&reader).unwrap();
            }),
        ),
        (
            "read",
            Box::new(move || {
                let _kept = &theirs;
                drop((&ours).read(&mut [0]));
            }),
        ),
        ("accept", Box::new(move || drop(listener.accept()))),
        ("block_on", Box::new(|| corro::block_on(std::future::pending()))),
        ("block_on a task", Box::new(|| drop(corro::block_on(spawn(|| sleep(HOUR)))))),
        (
            "the end of a scope",
            Box::new(|| {
                corro::scope(|s| {
                    s.spawn(|| sleep(HOUR));
                });
            }),
        ),
        (
            "in a scope",
            Box::new(|| {
                corro::scope(|s| s.spawn(|| sleep(HOUR)).join().map_or((), |()| ()));
            }),
        ),
        ("in a timeout", Box::new(|| timeout(HOUR, || sleep(HOUR)).unwrap())),
    ]
}

/// Calls that could complete at once.
fn ready() -> Vec<NamedCall> {
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(b"!").unwrap();
    let (mut ours, theirs) = tcp_pair();
    ours.write_all(&[0; 100]).unwrap();
    let pair = Arc::new((ours, theirs));
    let same_pair = pair.clone();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    vec![
        ("sleep", Box::new(|| sleep(Duration::ZERO))),
        ("sleep_until", Box::new(|| corro::sleep_until(Instant::now()))),
        ("yield_now", Box::new(yield_now)),
        ("checkpoint", Box::new(corro::checkpoint)),
        ("join", {
            let done = RefCell::new(vec![spawn(|| ()), spawn(|| ())]);
            yields(2);
            Box::new(move || done.borrow_mut().pop().unwrap().join().unwrap())
        }),
        (
            "wait_readable",
            Box::new(move || {
                let _kept = &writer;
                corro::io::wait_readable(&reader).unwrap();
            }),
        ),
        (
            "read",
            Box::new(move || {
                assert_eq!((&pair.1).read(&mut [0]).unwrap(), 1);
            }),
        ),
        (
            "write",
            Box::new(move || {
                assert_eq!((&same_pair.0).write(b"!").unwrap(), 1);
            }),
        ),
        (
            "accept",
            Box::new(move || {
                let _kept = &client;
                drop(listener.accept().unwrap());
            }),
        ),
        ("unblock", Box::new(|| corro::unblock(|| unreachable!("the call is never made")))),
        ("block_on", Box::new(|| corro::block_on(async {}))),
        ("the end of a scope", Box::new(|| corro::scope(|_| ()))),
        ("spawn and scope", Box::new(|| corro::scope(|s| drop(s.spawn(|| ()))))),
    ]
}

#[test]
fn t2_a_scope_that_fires_while_its_code_waits() {
    let trace = Trace::new();
    everywhere(|| {
        for (word, wait) in endless() {
            cut_off(cancel_scope(|token| {
                let theirs = token.clone();
                let _outer = trace.guard("outer");
                let _inner = trace.guard(word);
                spawn(move || {
                    yields(3);
                    theirs.cancel();
                });
                wait();
                trace.say("went on");
            }));
            trace.said(&[word, "outer"]);
        }
        yields(5);
    });
}

#[test]
fn t2_a_task_that_is_cancelled_while_its_code_waits_in_scopes() {
    let trace = Trace::new();
    everywhere(|| {
        for (word, wait) in endless() {
            let told = trace.clone();
            let task = spawn_local(move || {
                let outcome = timeout(HOUR, || {
                    let _outer = told.guard("outer");
                    let _ = cancel_scope(|_| {
                        let _inner = told.guard(word);
                        wait();
                        told.say("went on");
                    });
                    told.say("went on");
                });
                told.say(format!("{outcome:?}"));
            });
            yields(3);
            trace.said(&[]);
            assert!(!task.is_finished(), "{word}");
            task.cancel();
            cancelled(task);
            trace.said(&[word, "outer"]);
        }
    });
}

#[test]
fn t2_a_scope_that_fired_before_its_code_waits() {
    everywhere(|| {
        for (word, wait) in endless().into_iter().chain(ready()) {
            elapsed(timeout(Duration::ZERO, || {
                wait();
                unreachable!("{word} went on");
            }));
            // Nothing is left of it, and of nothing else.
            yields(2);
        }
        for (_, wait) in ready().into_iter().filter(|(word, _)| *word != "unblock") {
            assert_eq!(timeout(HOUR, wait), Ok(()));
        }
    });
}

#[test]
fn t2_a_shield_holds_a_cancellation_of_the_task_back_in_each_wait() {
    everywhere(|| {
        for (word, wait) in ready().into_iter().filter(|(word, _)| *word != "unblock") {
            let went_on = Rc::new(Cell::new(false));
            let told = went_on.clone();
            let task = spawn_local(move || {
                let _ = catch_unwind(|| sleep(HOUR));
                shield(wait);
                told.set(true);
                yield_now();
                unreachable!("{word}");
            });
            yield_now();
            task.cancel();
            cancelled::<()>(task);
            assert!(went_on.get(), "{word}");
        }
        assert_eq!(shield(|| corro::unblock(|| 5)), 5);
    });
}

/// Runs `wait` in a scope. What it waits for comes by `ready`, and in the same turn the scope is cancelled.
#[track_caller]
fn chosen_and_cut_off(wait: impl FnOnce(), ready: impl FnOnce() + 'static) {
    cut_off(cancel_scope(|token| {
        let theirs = token.clone();
        spawn_local(move || {
            yields(2);
            ready();
            theirs.cancel();
        });
        wait();
        unreachable!("it was chosen and went on");
    }));
}

#[test]
fn t2_a_wait_that_is_over_and_then_cut_off_unwinds() {
    everywhere(|| {
        // The joined task ends, and cancels as it does.
        cut_off(cancel_scope(|token| {
            let theirs = token.clone();
            spawn_local(move || theirs.cancel()).join().unwrap();
            unreachable!("the join went on");
        }));
        let (reader, mut writer) = io::pipe().unwrap();
        chosen_and_cut_off(|| corro::io::wait_readable(&reader).unwrap(), move || writer.write_all(b"!").unwrap());
        let (mut ours, mut theirs) = tcp_pair();
        chosen_and_cut_off(|| drop(theirs.read(&mut [0])), move || ours.write_all(b"!").unwrap());
        // The byte was not lost.
        assert_eq!(theirs.read(&mut [0; 4]).unwrap(), 1);
        let (sender, asked) = channel();
        chosen_and_cut_off(move || corro::unblock(move || asked.recv().unwrap()), move || sender.send(()).unwrap());
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let connects = move || drop(std::net::TcpStream::connect(address).unwrap());
        chosen_and_cut_off(|| drop(listener.accept()), connects);
        listener.accept().unwrap();
    });
}

#[test]
fn t2_a_sleep_that_is_over_when_a_timer_cancels_unwinds() {
    virtually(|| {
        elapsed(timeout(ms(3), || sleep(ms(3))));
        let token = Rc::new(RefCell::new(None::<CancelToken>));
        let theirs = token.clone();
        let cancelled_task = spawn_local(|| {
            let _ = timeout(ms(9), || sleep(ms(3)));
            unreachable!("the sleep went on");
        });
        let cut_off_task = spawn_local(move || {
            cancel_scope(|token| {
                theirs.replace(Some(token.clone()));
                sleep(ms(3));
                unreachable!("the sleep went on");
            })
        });
        // This timer is set first: when all are due, the tasks are ready and have not run.
        sleep(ms(3));
        cancelled_task.cancel();
        token.take().unwrap().cancel();
        cancelled::<()>(cancelled_task);
        cut_off(cut_off_task.join().unwrap());
    });
}

#[test]
fn t2_a_task_that_is_cancelled_before_its_start_opens_no_scope() {
    let trace = Trace::new();
    everywhere(|| {
        let told = trace.clone();
        let held = trace.guard("held");
        let task = spawn_local(move || {
            let _held = held;
            shield(|| told.say("ran"));
        });
        task.cancel();
        cancelled(task);
        trace.said(&["held"]);
    });
}

#[test]
fn t2_a_task_that_is_cancelled_when_its_scope_is_over_unwinds_as_a_task() {
    everywhere(|| {
        for twice in [false, true] {
            let task = spawn_local(|| {
                elapsed(timeout(Duration::ZERO, yield_now));
                sleep(HOUR);
            });
            yields(2);
            task.cancel();
            if twice {
                task.cancel();
            }
            cancelled(task);
        }
        let done = spawn_local(|| timeout(Duration::ZERO, yield_now).is_err());
        yields(3);
        done.cancel();
        done.cancel();
        assert!(done.join().unwrap());
    });
}

#[test]
fn t2_a_scope_and_the_task_at_once() {
    let trace = Trace::new();
    everywhere(|| {
        let token = Rc::new(RefCell::new(None::<CancelToken>));
        let (told, theirs) = (trace.clone(), token.clone());
        let task = spawn_local(move || {
            let outcome = cancel_scope(|token| {
                theirs.replace(Some(token.clone()));
                sleep(HOUR);
            });
            told.say(format!("{outcome:?}"));
        });
        yield_now();
        token.take().unwrap().cancel();
        task.cancel();
        cancelled(task);
        trace.said(&[]);
    });
}

#[test]
fn t2_a_task_is_cancelled_from_a_thread_while_it_opens_scopes() {
    everywhere(|| {
        for _ in 0..100 {
            let task = Arc::new(spawn(|| {
                loop {
                    let _ = timeout(Duration::from_nanos(1), yield_now);
                    let _ = cancel_scope(|token| {
                        token.cancel();
                        shield(yield_now);
                    });
                }
            }));
            yields(2);
            let theirs = task.clone();
            thread::spawn(move || {
                theirs.cancel();
            })
            .join()
            .unwrap();
            cancelled::<()>(Arc::into_inner(task).unwrap());
        }
    });
}

#[test]
fn t3_a_scope_that_swallowed_and_returned_leaves_the_task_as_it_was() {
    everywhere(|| {
        let task = spawn_local(|| {
            let inner = timeout(Duration::ZERO, || catch_unwind(|| sleep(HOUR)).is_err());
            assert_eq!(inner, Ok(true));
            yields(3);
            "ended"
        });
        assert_eq!(task.join().unwrap(), "ended");
    });
}

#[test]
fn t3_a_cancelled_task_that_swallows_in_a_scope_and_returns_is_ok() {
    everywhere(|| {
        let task = spawn_local(|| timeout(HOUR, || catch_unwind(|| sleep(HOUR)).is_err()));
        yield_now();
        task.cancel();
        assert_eq!(task.join().unwrap(), Ok(true));
        // In a shield nothing is swallowed and nothing unwinds.
        let task = spawn_local(|| {
            shield(|| yields(3));
            "ended"
        });
        yield_now();
        task.cancel();
        assert_eq!(task.join().unwrap(), "ended");
    });
}

#[test]
fn t3_a_task_that_fails_in_a_scope_after_the_cancellation_is_a_panic() {
    everywhere(|| {
        let task = spawn_local(|| {
            let _ = timeout(HOUR, || {
                let _ = catch_unwind(|| sleep(HOUR));
                resume_unwind(Box::new("fails"));
            });
        });
        yield_now();
        task.cancel();
        let error = task.join().unwrap_err();
        assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "fails");
    });
}
