//! Rules T1 to T3, T7, T8, T10 and T11 on the event loop and on plain threads. Each test's name begins with the
//! rule.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::future::Future;
use std::hint::black_box;
use std::io::{self, ErrorKind, Read, Write};
use std::panic::{catch_unwind, resume_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use corro::generator::Exception;
use corro::net::{TcpListener, TcpStream};
use corro::task::{self, Builder};
use corro::{Co, EventLoop, Generator, JoinHandle, spawn, spawn_local, yield_now};

use crate::generator::child::{aborts, isolated, stderr_of};
use crate::generator::{Trace, panic_text, while_unwinding};
use crate::support::{HOUR, cancelled, is_would_suspend, ms, on_drop, yields};

type NamedCall = (&'static str, Box<dyn FnOnce()>);

/// A task that ends by its cancellation only.
fn sleeper(trace: &Trace, word: &'static str) -> JoinHandle<()> {
    let told = trace.clone();
    spawn_local(move || {
        let _held = told.guard(word);
        corro::sleep(HOUR);
        told.say("went on");
    })
}

#[track_caller]
fn panicked<T>(handle: JoinHandle<T>) -> &'static str {
    match handle.join() {
        Err(error) => *error.into_panic().downcast::<&str>().expect("a text"),
        Ok(_) => panic!("the task should have panicked"),
    }
}

/// Where a task finds its own handle.
type Own<T> = Rc<RefCell<Option<JoinHandle<T>>>>;

// T1: results.

#[test]
fn t1_join_gives_the_result_once_it_is_there() {
    corro::run(|| {
        let (at_once, later) = (
            spawn(|| 1),
            spawn_local(|| {
                yields(3);
                Rc::new(())
            }),
        );
        assert!(!at_once.is_finished());
        yield_now();
        assert!(at_once.is_finished() && !later.is_finished());
        assert_eq!(at_once.join().unwrap(), 1);
        later.join().unwrap();
    });
}

#[test]
fn t1_dropping_a_handle_detaches() {
    let trace = Trace::new();
    corro::run(|| {
        let told = trace.clone();
        drop(spawn_local(move || {
            told.say("starts");
            corro::sleep(ms(1));
            told.say("ends");
            told.guard("its result")
        }));
        corro::sleep(ms(20));
    });
    trace.said(&["starts", "ends", "its result"]);
}

#[test]
fn t1_a_result_that_nobody_takes_is_dropped_with_the_handle() {
    let trace = Trace::new();
    corro::run(|| {
        let told = trace.clone();
        let handle = spawn_local(move || told.guard("result"));
        yields(2);
        trace.said(&[]);
        drop(handle);
        trace.said(&["result"]);
    });
}

#[test]
fn t1_the_destructor_of_an_unwanted_result_may_block() {
    let trace = Trace::new();
    corro::run(|| {
        let told = trace.clone();
        drop(spawn_local(move || {
            on_drop(move || {
                corro::sleep(ms(1));
                told.say("slept");
            })
        }));
        corro::sleep(ms(20));
    });
    trace.said(&["slept"]);
}

#[test]
fn t1_join_of_a_panicked_task_gives_its_payload() {
    corro::run(|| {
        #[derive(Debug, PartialEq)]
        struct Own(Vec<u8>);
        let handle: JoinHandle<()> = spawn(|| {
            yield_now();
            resume_unwind(Box::new(Own(vec![1, 2])));
        });
        let error = handle.join().unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        assert_eq!(*error.into_panic().downcast::<Own>().unwrap(), Own(vec![1, 2]));
        let handle: JoinHandle<()> = spawn(|| panic!("with a {}", "text"));
        let error = handle.join().unwrap_err();
        assert!(error.to_string().contains("with a text") && format!("{error:?}").contains("with a text"));
        let handle: JoinHandle<()> = spawn(|| resume_unwind(Box::new(Exception::new("out of paper"))));
        assert_eq!(handle.join().unwrap_err().to_string(), "the task panicked: out of paper");
    });
}

#[test]
fn t1_join_of_a_cancelled_task_says_so() {
    corro::run(|| {
        let handle = spawn(|| corro::sleep(HOUR));
        yield_now();
        handle.cancel();
        let error = handle.join().unwrap_err();
        assert!(error.is_cancelled() && !error.is_panic() && error.to_string().contains("cancelled"));
        let handle = spawn(|| corro::sleep(HOUR));
        handle.cancel();
        let text = panic_text(|| handle.join().unwrap_err().into_panic());
        assert!(text.contains("is_panic"), "{text}");
    });
}

#[test]
fn t1_tasks_have_ids_and_names() {
    let trace = Trace::new();
    corro::run(|| {
        let main = task::current().unwrap();
        let named = Builder::new().name("named").spawn(task::current).unwrap();
        assert_eq!(named.name(), Some("named"));
        let (id, unnamed) = (named.id(), spawn(task::current));
        assert_eq!(unnamed.name(), None);
        let found = named.join().unwrap().unwrap();
        assert_eq!((found.id(), found.name()), (id, Some("named")));
        let found = unnamed.join().unwrap().unwrap();
        assert_eq!(found.name(), None);
        let told = trace.clone();
        let local = Builder::new().name(String::from("local")).spawn_local(move || told.say("local")).unwrap();
        local.join().unwrap();
        let ids: HashSet<task::Id> = (0..3000).map(|_| spawn(|| ()).id()).chain([main.id(), id]).collect();
        assert_eq!(ids.len(), 3002);
        assert_eq!(task::current(), Some(main));
    });
    trace.said(&["local"]);
    let ids: HashSet<task::Id> = thread::scope(|scope| {
        let ids = || corro::run(|| (0..2000).map(|_| spawn(|| ()).id()).collect::<Vec<_>>());
        let threads = [scope.spawn(ids), scope.spawn(ids)];
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), 4000);
}

#[test]
fn t1_stack_sizes_are_what_was_asked_for() {
    /// Uses at least `kib` of stack.
    fn use_stack(kib: usize) -> usize {
        let block = black_box([kib as u8; 1024]);
        if kib == 0 { 0 } else { use_stack(kib - 1) + usize::from(block[kib % 1024] > 0) }
    }
    corro::run(|| {
        let handle = Builder::new().stack_size(8 << 20).spawn(|| use_stack(3000)).unwrap();
        assert!(handle.join().unwrap() > 2000);
        let small = Builder::new().stack_size(1).spawn(|| use_stack(2)).unwrap();
        small.join().unwrap();
        // Stacks of several sizes, side by side and one after another.
        for round in 0..5 {
            let sizes = [16, 64, 256, 1024, 20].map(|kib: usize| {
                let body = move || {
                    yield_now();
                    use_stack(kib / 8)
                };
                Builder::new().stack_size((kib + round) << 10).spawn(body).unwrap()
            });
            sizes.into_iter().for_each(|handle| assert!(handle.join().unwrap() < 1000));
        }
    });
    let deep = EventLoop::builder().stack_size(8 << 20).build().unwrap();
    assert!(deep.run(|| use_stack(3000)) > 2000);
    assert!(deep.run(|| spawn(|| use_stack(3000)).join().unwrap()) > 2000);
}

#[test]
fn t1_a_stack_that_is_not_to_be_had_is_an_error() {
    let trace = Trace::new();
    corro::run(|| {
        let held = trace.guard("the body");
        let error = Builder::new().stack_size(1 << 60).spawn_local(move || drop(held)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
        trace.said(&["the body"]);
        spawn(|| ()).join().unwrap();
    });
    let event_loop = EventLoop::builder().stack_size(1 << 60).build().unwrap();
    let held = trace.guard("another body");
    let handle = event_loop.spawn(move || drop(held));
    event_loop.run_until_idle();
    trace.said(&["another body"]);
    assert!(handle.join().unwrap_err().is_panic());
    assert!(panic_text(|| event_loop.run(|| ())).contains("could not start"));
}

#[test]
fn t1_the_largest_stack_size_that_can_be_asked_for_is_an_error() {
    corro::run(|| {
        for bytes in [usize::MAX, usize::MAX - 4096, usize::MAX / 2, 1 << 47] {
            let error = Builder::new().stack_size(bytes).spawn(|| ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{bytes}");
        }
        spawn(|| ()).join().unwrap();
    });
}

// T2: cancellation.

#[test]
fn t2_a_body_cancelled_before_the_start_never_runs() {
    let trace = Trace::new();
    corro::run(|| {
        let (told, held) = (trace.clone(), trace.guard("what it holds"));
        let handle = spawn_local(move || {
            let _held = held;
            told.say("ran");
        });
        handle.cancel();
        handle.cancel();
        cancelled(handle);
    });
    trace.said(&["what it holds"]);
}

#[test]
fn t2_a_detached_body_cancelled_before_the_start_never_runs() {
    let trace = Trace::new();
    corro::run(|| {
        let (told, held) = (trace.clone(), trace.guard("what it holds"));
        let handle = spawn_local(move || {
            let _held = held;
            told.say("ran");
        });
        handle.cancel();
        drop(handle);
        yields(2);
    });
    trace.said(&["what it holds"]);
}

#[test]
fn t2_cancel_unwinds_from_each_wait() {
    let trace = Trace::new();
    let (reader, _writer) = io::pipe().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let waits: Vec<NamedCall> = vec![
        ("sleep", Box::new(|| corro::sleep(HOUR))),
        ("sleep_until", Box::new(|| corro::sleep_until(Instant::now() + HOUR))),
        ("sleep for ever", Box::new(|| corro::sleep(Duration::MAX))),
        (
            "yield_now",
            Box::new(|| {
                loop {
                    yield_now()
                }
            }),
        ),
        ("join", Box::new(|| drop(spawn(|| corro::sleep(HOUR)).join()))),
        ("descriptor", Box::new(move || corro::io::wait_readable(&reader).unwrap())),
        ("socket", Box::new(move || drop(listener.accept()))),
        (
            "checkpoint",
            Box::new(|| {
                loop {
                    let _ = catch_unwind(yield_now);
                    corro::checkpoint();
                }
            }),
        ),
    ];
    corro::run(|| {
        for (word, wait) in waits {
            let told = trace.clone();
            let handle = spawn_local(move || {
                let _outer = told.guard("outer");
                let _inner = told.guard(word);
                wait();
                told.say("went on");
            });
            yields(3);
            trace.said(&[]);
            assert!(!handle.is_finished(), "{word}");
            handle.cancel();
            trace.said(&[]);
            cancelled(handle);
            trace.said(&[word, "outer"]);
        }
    });
}

#[test]
fn t2_each_blocking_call_is_a_cancellation_point_also_when_it_could_complete() {
    let (mut ours, theirs) = tcp_pair();
    ours.write_all(b"ready").unwrap();
    let theirs = Arc::new(theirs);
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let calls: Vec<NamedCall> = vec![
        ("yield_now", Box::new(yield_now)),
        ("sleep of nothing", Box::new(|| corro::sleep(Duration::ZERO))),
        ("sleep_until the past", Box::new(|| corro::sleep_until(Instant::now()))),
        ("checkpoint", Box::new(corro::checkpoint)),
        ("unblock", Box::new(|| corro::unblock(|| unreachable!("the call is never made")))),
        ("wait_readable", Box::new(move || corro::io::wait_readable(&file).unwrap())),
        ("read", {
            let theirs = theirs.clone();
            Box::new(move || assert_eq!((&*theirs).read(&mut [0; 2]).unwrap(), 2))
        }),
        ("write", {
            let theirs = theirs.clone();
            Box::new(move || assert_eq!((&*theirs).write(b"!").unwrap(), 1))
        }),
    ];
    corro::run(|| {
        for (word, call) in calls {
            let own: Own<()> = Rc::default();
            let theirs = own.clone();
            let (told, went_on) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
            let (before, after) = (told.clone(), went_on.clone());
            let handle = spawn_local(move || {
                theirs.borrow().as_ref().unwrap().cancel();
                before.set(true);
                call();
                after.set(true);
            });
            own.replace(Some(handle));
            yields(5);
            assert!(told.get(), "{word}: to cancel is not to unwind");
            assert!(!went_on.get(), "{word} did not unwind");
            cancelled(own.take().unwrap());
        }
        let done = spawn(|| ());
        yield_now();
        let own: Own<()> = Rc::default();
        let theirs = own.clone();
        own.replace(Some(spawn_local(move || {
            theirs.borrow().as_ref().unwrap().cancel();
            let _ = done.join();
            unreachable!("the join of a finished task did not unwind");
        })));
        yields(3);
        cancelled(own.take().unwrap());
    });
}

#[test]
fn t2_other_calls_are_no_cancellation_points() {
    let own: Own<i32> = Rc::default();
    let theirs = own.clone();
    corro::run(|| {
        own.replace(Some(spawn_local(move || {
            theirs.borrow().as_ref().unwrap().cancel();
            let child = spawn_local(|| 1);
            assert!(!child.is_finished());
            child.cancel();
            assert!(task::current().is_some());
            let mut generator = Generator::new(|co: &Co<i32>| co.yield_(5));
            generator.next().unwrap()
        })));
        yields(3);
        // T3: it cancelled itself and returned.
        assert_eq!(own.take().unwrap().join().unwrap(), 5);
    });
}

#[test]
fn t2_cancel_after_the_end_and_twice_has_no_effect() {
    let trace = Trace::new();
    corro::run(|| {
        let ended = spawn(|| 7);
        yield_now();
        ended.cancel();
        assert_eq!(ended.join().unwrap(), 7);
        let handle = sleeper(&trace, "unwound");
        yield_now();
        handle.cancel();
        handle.cancel();
        yields(2);
        trace.said(&["unwound"]);
        handle.cancel();
        cancelled(handle);
        // The stack, which the next task has now, is not touched.
        spawn(|| yields(3)).join().unwrap();
    });
}

#[test]
fn t2_cancel_calls_no_hook() {
    let stderr = stderr_of(|| {
        std::panic::set_hook(Box::new(|_| eprintln!("the hook was called")));
        corro::run(|| {
            let handle = spawn(|| corro::sleep(HOUR));
            yield_now();
            handle.cancel();
            cancelled(handle);
            drop(spawn(|| corro::sleep(HOUR)));
            yield_now();
        });
    });
    assert!(stderr.is_none_or(|text| text.is_empty()));
}

#[test]
fn t2_cancel_is_level_triggered() {
    let trace = Trace::new();
    corro::run(|| {
        let told = trace.clone();
        let handle = spawn_local(move || {
            let calls: [fn(); 4] = [|| corro::sleep(HOUR), yield_now, corro::checkpoint, || drop(spawn(|| ()).join())];
            for call in calls {
                let payload = catch_unwind(call).unwrap_err();
                // Private: none of the payloads that users know.
                assert!(!payload.is::<&str>() && !payload.is::<String>());
                told.say("met");
            }
            assert!(!thread::panicking());
            corro::sleep(HOUR);
        });
        yield_now();
        handle.cancel();
        cancelled(handle);
    });
    trace.said(&["met"; 4]);
}

#[test]
fn t2_a_caught_cancellation_may_be_raised_on() {
    corro::run(|| {
        let handle = spawn_local(|| {
            let payload = catch_unwind(|| corro::sleep(HOUR)).unwrap_err();
            resume_unwind(payload);
        });
        yield_now();
        handle.cancel();
        cancelled(handle);
    });
}

#[test]
fn t2_cancel_of_a_joiner_leaves_the_joined_alone() {
    let trace = Trace::new();
    corro::run(|| {
        let told = trace.clone();
        let joiner = spawn_local(move || {
            let inner = told.clone();
            let joined = spawn_local(move || {
                yields(10);
                inner.say("the joined ends");
            });
            let _held = told.guard("the joiner unwinds");
            joined.join().unwrap();
        });
        yields(3);
        joiner.cancel();
        cancelled(joiner);
        yields(12);
    });
    trace.said(&["the joiner unwinds", "the joined ends"]);
}

/// What it waited for has come, but it was cancelled before it ran.
#[test]
fn t2_a_join_that_is_granted_and_then_cancelled_unwinds() {
    let trace = Trace::new();
    corro::run(|| {
        let own: Own<()> = Rc::default();
        let theirs = own.clone();
        let joined = spawn_local(move || {
            yields(2);
            theirs.borrow().as_ref().unwrap().cancel();
        });
        let told = trace.clone();
        own.replace(Some(spawn_local(move || {
            joined.join().unwrap();
            told.say("went on");
        })));
        yields(6);
        cancelled(own.take().unwrap());
    });
    trace.said(&[]);
}

#[test]
fn t2_a_sleep_that_is_over_and_then_cancelled_unwinds() {
    corro::run(|| {
        let deadline = Instant::now() + ms(2);
        let handle = spawn_local(move || corro::sleep_until(deadline));
        yield_now();
        while Instant::now() < deadline {
            std::hint::spin_loop();
        }
        // At the end of this pass the timer wakes it; main, which is ahead, cancels it before it runs.
        yield_now();
        handle.cancel();
        cancelled(handle);
    });
}

#[test]
fn t2_cancel_from_another_thread() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    for _ in 0..20 {
        corro::run(|| {
            let handle = is_send(spawn(|| corro::sleep(HOUR)));
            let unstarted = spawn(|| corro::sleep(HOUR));
            let (sender, receiver) = channel();
            let other = thread::spawn(move || {
                unstarted.cancel();
                let handle: JoinHandle<()> = receiver.recv().unwrap();
                handle.cancel();
                handle.cancel();
                cancelled(handle);
                cancelled(unstarted);
            });
            yield_now();
            sender.send(handle).unwrap();
            // The loop sleeps, or is about to.
            corro::unblock(move || other.join().unwrap());
        });
    }
}

#[test]
fn t2_cancel_from_another_thread_wakes_a_sleeping_loop() {
    for _ in 0..100 {
        let event_loop = EventLoop::new().unwrap();
        let handle = event_loop.spawn(|| corro::sleep(HOUR));
        let other = thread::spawn(move || {
            handle.cancel();
            cancelled(handle);
        });
        // Nothing but the cancellation ends this.
        event_loop.run_until_idle();
        other.join().unwrap();
    }
}

#[test]
fn t2_cancel_from_itself() {
    let trace = Trace::new();
    corro::run(|| {
        let own: Own<()> = Rc::default();
        let (theirs, told) = (own.clone(), trace.clone());
        own.replace(Some(spawn_local(move || {
            theirs.borrow().as_ref().unwrap().cancel();
            let _held = told.guard("unwound");
            told.say("goes on to the next point");
            corro::sleep(ms(1));
            told.say("went on");
        })));
        corro::sleep(ms(5));
        cancelled(own.take().unwrap());
    });
    trace.said(&["goes on to the next point", "unwound"]);
}

#[test]
fn t2_cancel_waits_for_the_closure_of_unblock() {
    let trace = Trace::new();
    corro::run(|| {
        let (started, has_started) = channel();
        let (go_on, may_go_on) = channel::<()>();
        let ended = Arc::new(AtomicBool::new(false));
        let (told, theirs) = (trace.clone(), ended.clone());
        let handle = spawn_local(move || {
            let _held = told.guard("unwound");
            corro::unblock(move || {
                started.send(()).unwrap();
                may_go_on.recv().unwrap();
                theirs.store(true, SeqCst);
            });
            told.say("went on");
        });
        while has_started.try_recv().is_err() {
            yield_now();
        }
        handle.cancel();
        yields(50);
        assert!(!handle.is_finished());
        go_on.send(()).unwrap();
        cancelled(handle);
        assert!(ended.load(SeqCst));
    });
    trace.said(&["unwound"]);
}

// T3: what a cancelled task gives.

#[test]
fn t3_a_task_that_swallows_and_returns_is_ok() {
    corro::run(|| {
        let handle = spawn(|| catch_unwind(|| corro::sleep(HOUR)).is_err());
        yield_now();
        handle.cancel();
        assert!(handle.join().unwrap());
    });
}

#[test]
fn t3_a_task_that_is_cancelled_and_never_waits_again_is_ok() {
    corro::run(|| {
        let (sender, receiver) = sync_channel(0);
        let handle = spawn(move || {
            sender.send(()).unwrap();
            // Cancelled from the other thread by now.
            sender.send(()).unwrap();
            3
        });
        let (give, take) = channel();
        let other = thread::spawn(move || {
            let handle: JoinHandle<i32> = take.recv().unwrap();
            receiver.recv().unwrap();
            handle.cancel();
            receiver.recv().unwrap();
            handle.join().unwrap()
        });
        give.send(handle).unwrap();
        assert_eq!(corro::unblock(move || other.join().unwrap()), 3);
    });
}

#[test]
fn t3_a_task_that_fails_after_the_cancellation_is_a_panic() {
    corro::run(|| {
        let handle = spawn(|| {
            let _ = catch_unwind(|| corro::sleep(HOUR));
            resume_unwind(Box::new("failed"));
        });
        yield_now();
        handle.cancel();
        assert_eq!(panicked::<()>(handle), "failed");
        let handle = spawn(|| {
            let _panics = on_drop(|| {
                // Not out of the destructor, which would abort: caught, and raised on further out.
                assert!(thread::panicking());
            });
            catch_unwind(|| corro::sleep(HOUR)).unwrap_or_else(|_| resume_unwind(Box::new("in its place")));
        });
        yield_now();
        handle.cancel();
        assert_eq!(handle.join().unwrap_err().into_panic().downcast_ref::<&str>(), Some(&"in its place"));
    });
}

#[test]
fn t3_a_panic_in_the_destructor_of_an_unstarted_body_is_a_panic() {
    corro::run(|| {
        let held = on_drop(|| resume_unwind(Box::new("in a destructor")));
        let handle = spawn_local(move || drop(held));
        handle.cancel();
        assert_eq!(panicked(handle), "in a destructor");
    });
}

// T7: nothing suspends while a thread unwinds.

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Runs `f` in a destructor, once while a panic unwinds a task and once while a cancellation does. Another task
/// checks that it never has a turn meanwhile.
fn in_destructors(f: impl Fn() + 'static) {
    corro::run(|| {
        let f = Rc::new(f);
        let turns = Rc::new(Cell::new(0));
        let theirs = turns.clone();
        let other = spawn_local(move || {
            loop {
                theirs.set(theirs.get() + 1);
                yield_now();
            }
        });
        let body = |then: fn()| {
            let (f, turns) = (f.clone(), turns.clone());
            move || {
                let _in_drop = on_drop(move || {
                    assert!(thread::panicking());
                    let before = turns.get();
                    f();
                    assert_eq!(turns.get(), before, "somebody else ran");
                    assert!(thread::panicking());
                });
                then();
            }
        };
        let failing = spawn_local(body(|| resume_unwind(Box::new("fails"))));
        assert_eq!(panicked(failing), "fails");
        let handle = spawn_local(body(|| corro::sleep(HOUR)));
        yields(2);
        handle.cancel();
        cancelled(handle);
        assert!(!thread::panicking());
        other.cancel();
        cancelled(other);
    });
}

#[test]
fn t7_sleep_yield_and_checkpoint_return_at_once() {
    let called = Rc::new(Cell::new(0));
    let told = called.clone();
    in_destructors(move || {
        corro::sleep(HOUR);
        corro::sleep(Duration::ZERO);
        corro::sleep_until(Instant::now() + HOUR);
        yield_now();
        corro::checkpoint();
        told.set(told.get() + 1);
    });
    assert_eq!(called.get(), 2);
}

#[test]
fn t7_join_returns_an_error_or_the_result_that_is_there() {
    in_destructors(|| {
        let error = spawn_local(|| corro::sleep(ms(1))).join().unwrap_err();
        assert!(!error.is_cancelled() && !error.is_panic());
        assert!(error.to_string().contains("unwinds"), "{error}");
    });
    let done = EventLoop::new().unwrap().run(|| {
        let handle = spawn(|| 4);
        yields(2);
        handle
    });
    corro::run(|| {
        spawn(|| while_unwinding(|| assert_eq!(done.join().unwrap(), 4))).join().unwrap();
    });
}

#[test]
fn t7_io_that_would_wait_returns_would_suspend() {
    let (mut ours, theirs) = tcp_pair();
    ours.write_all(b"12").unwrap();
    let (reader, writer) = io::pipe().unwrap();
    let full = fill(&theirs);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let reads = Cell::new(0);
    in_destructors(move || {
        // What is ready at once works.
        if reads.replace(reads.get() + 1) == 0 {
            assert_eq!((&theirs).read(&mut [0; 10]).unwrap(), 2);
        }
        assert!(is_would_suspend(&(&theirs).read(&mut [0; 10]).unwrap_err()));
        assert!(is_would_suspend(&(&full).write(&[0; 1 << 16]).unwrap_err()));
        assert!(is_would_suspend(&listener.accept().unwrap_err()));
        assert!(is_would_suspend(&corro::io::wait_readable(&reader).unwrap_err()));
        assert!(is_would_suspend(&corro::io::wait_readable(&writer).unwrap_err()));
    });
    drop(ours);
}

/// A stream, of the same socket, that takes no more.
fn fill(stream: &TcpStream) -> TcpStream {
    let filled = stream.try_clone().unwrap();
    let std: std::net::TcpStream = stream.try_clone().unwrap().into_std().unwrap();
    std.set_nonblocking(true).unwrap();
    loop {
        match (&std).write(&[0; 1 << 16]) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return filled,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn t7_spawn_works_and_the_task_runs_later() {
    let trace = Trace::new();
    let told = trace.clone();
    in_destructors(move || {
        let told = told.clone();
        drop(spawn_local(move || told.say("ran")));
    });
    trace.said(&["ran"; 2]);
}

#[test]
fn t7_unblock_aborts_in_a_destructor_with_a_sentence() {
    let text = aborts(|| {
        corro::run(|| {
            let handle = spawn(|| {
                let _in_drop = on_drop(|| corro::unblock(|| ()));
                resume_unwind(Box::new("fails"));
            });
            let _: Result<(), _> = handle.join();
        });
    });
    assert!(text.contains("unblock") && text.contains("unwinding"), "{text}");
}

#[test]
fn t7_unblock_panics_while_a_task_unwinds() {
    corro::run(|| {
        let handle = spawn(|| {
            while_unwinding(|| {
                let text = panic_text(|| corro::unblock(|| ()));
                assert!(text.contains("unblock") && text.contains("unwinding"), "{text}");
            });
        });
        handle.join().unwrap();
    });
}

/// A task that is resumed while the thread unwinds elsewhere is not unwinding itself: it waits as ever.
#[test]
fn t7_a_loop_that_runs_in_a_destructor_runs_as_ever() {
    let trace = Trace::new();
    while_unwinding(|| {
        corro::run(|| {
            let told = trace.clone();
            let handle = spawn_local(move || {
                yield_now();
                corro::sleep(ms(1));
                assert_eq!(corro::unblock(|| 5), 5);
                told.say("waited");
            });
            handle.join().unwrap();
            let failing = spawn_local(|| resume_unwind(Box::new("fails")));
            assert_eq!(panicked::<()>(failing), "fails");
            let handle = sleeper(&trace, "cancelled");
            yield_now();
            handle.cancel();
            cancelled(handle);
        });
    });
    trace.said(&["waited", "cancelled"]);
}

/// The same, with a task that itself unwinds inside: its destructors must not suspend.
#[test]
fn t7_a_task_that_is_cancelled_on_a_thread_that_unwinds_does_not_suspend() {
    isolated(|| {
        let trace = Trace::new();
        while_unwinding(|| {
            corro::run(|| {
                let told = trace.clone();
                let failing = spawn_local(move || {
                    let _waits = on_drop(|| {
                        corro::sleep(HOUR);
                        yield_now();
                        told.say("destructor");
                    });
                    corro::sleep(HOUR);
                });
                yield_now();
                failing.cancel();
                let told = trace.clone();
                let other = spawn_local(move || told.say("other"));
                cancelled(failing);
                other.join().unwrap();
            });
        });
        trace.said(&["destructor", "other"]);
        assert!(!thread::panicking());
    });
}

#[test]
fn t7_a_generator_in_a_destructor_of_a_task_yields_and_does_not_wait() {
    let sum = Rc::new(Cell::new(0));
    let theirs = sum.clone();
    in_destructors(move || {
        let generator = Generator::new(|co: &Co<i32>| {
            co.yield_(1);
            corro::sleep(ms(1));
            co.yield_(2);
        });
        theirs.set(theirs.get() + generator.sum::<i32>());
    });
    assert_eq!(sum.get(), 6);
}

// T8: plain threads.

#[test]
fn t8_a_plain_thread_may_sleep_yield_and_join() {
    corro::sleep(Duration::ZERO);
    let start = Instant::now();
    corro::sleep(ms(2));
    corro::sleep_until(start + ms(4));
    assert!(Instant::now() >= start + ms(4));
    yield_now();
    corro::checkpoint();
    let (sender, receiver) = channel();
    let other = thread::spawn(move || {
        corro::run(|| {
            sender.send(spawn(|| 1)).unwrap();
            sender.send(spawn(|| resume_unwind(Box::new("payload")))).unwrap();
            yields(5);
        });
    });
    let (first, second) = (receiver.recv().unwrap(), receiver.recv().unwrap());
    assert_eq!(first.join().unwrap(), 1);
    assert_eq!(panicked(second), "payload");
    other.join().unwrap();
}

#[test]
fn t8_unblock_runs_in_place_on_a_plain_thread() {
    let own = thread::current().id();
    assert_eq!(corro::unblock(move || thread::current().id()), own);
    assert_eq!(panic_text(|| corro::unblock(|| panic!("its own"))), "its own");
}

#[test]
fn t8_spawn_on_a_plain_thread_panics_with_a_sentence() {
    let texts = [
        panic_text(|| spawn(|| ())),
        panic_text(|| spawn_local(|| ())),
        panic_text(|| Builder::new().spawn(|| ())),
        panic_text(|| Builder::new().spawn_local(|| ())),
    ];
    for text in texts {
        assert!(text.contains("spawn") && text.contains("corro::run"), "{text}");
    }
    corro::run(|| ());
    assert!(panic_text(|| spawn(|| ())).contains("corro::run"), "also after a run");
    corro::run(|| {
        assert!(corro::unblock(|| panic_text(|| spawn(|| ()))).contains("corro::run"), "also in the pool");
    });
}

#[test]
fn t8_current_is_none_where_no_task_runs() {
    assert_eq!(task::current(), None);
    let event_loop = EventLoop::new().unwrap();
    let in_callback = Rc::new(RefCell::new(None));
    let theirs = in_callback.clone();
    event_loop.call_soon(move || *theirs.borrow_mut() = Some(task::current()));
    event_loop.run(|| {
        assert_eq!(task::current().unwrap().name(), Some("main"));
        yield_now();
        assert!(corro::unblock(task::current).is_none());
    });
    assert_eq!(in_callback.take(), Some(None));
    assert_eq!(task::current(), None);
}

// T10: stack overflows.

/// Never comes back.
#[inline(never)]
fn overflow(depth: u64) -> u64 {
    let block = black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { overflow(depth + 1) + black_box(block)[1] }
}

/// What the child said of its id.
fn id_in(text: &str) -> &str {
    text.split("id is ").nth(1).expect("an id").split(' ').next().expect("a word")
}

fn overflow_in_a_task() -> u64 {
    eprint!("id is {} ", task::current().unwrap().id());
    overflow(0)
}

#[track_caller]
fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
}

#[test]
fn t10_an_overflow_in_a_task_names_it() {
    let text = aborts(|| {
        corro::run(|| {
            let deep = Builder::new().name("deep").stack_size(100_000).spawn(overflow_in_a_task).unwrap();
            drop(deep.join());
        });
    });
    let report = text.split("stack overflow").nth(1).expect("a report");
    has(report, &["'deep'", id_in(&text), "102400 bytes", "stack_size"]);
    assert!(!report.contains("generator"), "{report}");
}

#[test]
fn t10_an_overflow_in_a_task_without_a_name_gives_its_id() {
    let text = aborts(|| corro::run(|| drop(spawn(overflow_in_a_task).join())));
    has(text.split("stack overflow").nth(1).unwrap(), &[id_in(&text), "262144 bytes", "stack_size"]);
}

#[test]
fn t10_an_overflow_on_a_loop_with_a_stack_size() {
    let text = aborts(|| {
        let event_loop = EventLoop::builder().stack_size(64 << 10).build().unwrap();
        let _ = event_loop.run(overflow_in_a_task);
    });
    has(text.split("stack overflow").nth(1).unwrap(), &["'main'", id_in(&text), "65536 bytes", "stack_size"]);
}

#[test]
fn t10_an_overflow_in_a_generator_inside_a_task_names_both() {
    let text = aborts(|| {
        corro::run(|| {
            let body = || {
                eprint!("id is {} ", task::current().unwrap().id());
                Generator::with_stack_size(32 << 10, |co: &Co<u64>| co.yield_(overflow(0))).next()
            };
            drop(Builder::new().name("outer").spawn_local(body).unwrap().join());
        });
    });
    has(
        text.split("stack overflow").nth(1).unwrap(),
        &["generator", "'outer'", id_in(&text), "32768 bytes", "stack_size"],
    );
}

/// The stack was another task's before, and has run a generator.
#[test]
fn t10_an_overflow_on_a_used_stack_names_the_task_that_runs() {
    let text = aborts(|| {
        corro::run(|| {
            for _ in 0..3 {
                let body = || Generator::new(|co: &Co<i32>| co.yield_(1)).count();
                Builder::new().name("before").spawn(body).unwrap().join().unwrap();
            }
            let _parked = spawn(|| corro::sleep(HOUR));
            yield_now();
            drop(Builder::new().name("after").spawn(overflow_in_a_task).unwrap().join());
        });
    });
    let report = text.split("stack overflow").nth(1).unwrap();
    has(report, &["'after'", id_in(&text)]);
    assert!(!report.contains("before") && !report.contains("generator"), "{report}");
}

#[test]
fn t10_a_long_name_does_not_hide_the_rest() {
    let text = aborts(|| {
        corro::run(|| {
            let name = "é".repeat(1000);
            drop(Builder::new().name(name).spawn(overflow_in_a_task).unwrap().join());
        });
    });
    has(text.split("stack overflow").nth(1).unwrap(), &["éééé", id_in(&text), "262144 bytes", "stack_size"]);
}

// T11: futures, unblock, wakes from other threads.

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A small executor: polls when it is woken.
fn wait_for<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        thread::park();
    }
}

#[test]
fn t11_a_handle_is_a_future_on_another_thread() {
    for round in 0..50 {
        let event_loop = EventLoop::new().unwrap();
        let task = event_loop.spawn(move || {
            yields(round % 5);
            Box::new(round)
        });
        let failing: JoinHandle<()> = event_loop.spawn(|| {
            yields(2);
            resume_unwind(Box::new("payload"));
        });
        let cancelled = event_loop.spawn(|| corro::sleep(HOUR));
        let other = thread::spawn(move || {
            assert_eq!(*wait_for(task).unwrap(), round);
            let error = wait_for(failing).unwrap_err();
            assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "payload");
            cancelled.cancel();
            assert!(wait_for(cancelled).unwrap_err().is_cancelled());
        });
        event_loop.run_until_idle();
        other.join().unwrap();
    }
}

/// Counts wakes and those who hold it.
#[derive(Default)]
struct CountWakes(AtomicUsize);

impl Wake for CountWakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn t11_the_last_waker_that_polled_is_woken_once() {
    let event_loop = EventLoop::new().unwrap();
    let mut handle = event_loop.spawn(|| {
        yields(2);
        8
    });
    let (first, second) = (Arc::new(CountWakes::default()), Arc::new(CountWakes::default()));
    let mut poll = |wakes: &Arc<CountWakes>| {
        std::pin::Pin::new(&mut handle).poll(&mut Context::from_waker(&Waker::from(wakes.clone())))
    };
    assert!(poll(&first).is_pending());
    event_loop.run(yield_now);
    assert!(poll(&first).is_pending());
    assert!(poll(&second).is_pending());
    assert_eq!(Arc::strong_count(&first), 1, "the waker of before is let go");
    event_loop.run_until_idle();
    assert_eq!((first.0.load(SeqCst), second.0.load(SeqCst)), (0, 1));
    assert!(matches!(poll(&second), Poll::Ready(Ok(8))));
    assert_eq!(Arc::strong_count(&second), 1);
}

#[test]
fn t11_a_handle_that_was_polled_may_be_joined_or_dropped() {
    let event_loop = EventLoop::new().unwrap();
    let wakes = Arc::new(CountWakes::default());
    let polled = || {
        let mut handle = event_loop.spawn(|| {
            yield_now();
            1
        });
        let waker = Waker::from(wakes.clone());
        assert!(std::pin::Pin::new(&mut handle).poll(&mut Context::from_waker(&waker)).is_pending());
        handle
    };
    let (joined, dropped, late) = (polled(), polled(), polled());
    event_loop.run(|| {
        drop(dropped);
        assert_eq!(joined.join().unwrap(), 1);
        yields(3);
        assert_eq!(late.join().unwrap(), 1);
    });
    drop(event_loop);
    assert_eq!(Arc::strong_count(&wakes), 1);
}

#[test]
fn t11_polled_after_the_loop_is_gone_a_handle_is_ready() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.spawn(|| corro::sleep(HOUR));
    event_loop.run(yield_now);
    let other = thread::spawn(move || wait_for(handle).unwrap_err().is_cancelled());
    drop(event_loop);
    assert!(other.join().unwrap());
}

#[test]
fn t11_unblock_gives_results_and_panics() {
    corro::run(|| {
        let own = thread::current().id();
        assert_ne!(corro::unblock(move || thread::current().id()), own);
        assert_eq!(corro::unblock(|| String::from("text")), "text");
        assert_eq!(panic_text(|| corro::unblock(|| panic!("from {}", "there"))), "from there");
        let task = spawn(|| corro::unblock(|| resume_unwind(Box::new("through the task"))));
        assert_eq!(panicked::<()>(task), "through the task");
        let sum: usize =
            (0..200).map(|i| spawn(move || corro::unblock(move || i))).map(|task| task.join().unwrap()).sum();
        assert_eq!(sum, 199 * 200 / 2);
    });
}

#[test]
fn t11_unblock_parks_the_task_and_not_the_thread() {
    let (sender, receiver) = channel();
    corro::run(|| {
        let waits = spawn(move || corro::unblock(move || receiver.recv().unwrap()));
        yields(20);
        assert!(!waits.is_finished());
        // Only because this task runs on does the closure come to its end.
        sender.send(6).unwrap();
        assert_eq!(waits.join().unwrap(), 6);
    });
}

/// The joiners of tasks of another thread's loop are woken from there, in a ring of threads.
#[test]
fn t11_joins_across_loops() {
    const THREADS: usize = 4;
    const TASKS: usize = 500;
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| channel::<JoinHandle<usize>>()).unzip();
    let total: usize = thread::scope(|scope| {
        let threads = receivers.into_iter().enumerate().map(|(number, receiver)| {
            let sender = senders[(number + 1) % THREADS].clone();
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(number as u64);
                let event_loop = EventLoop::new().unwrap();
                let sum = event_loop.run(|| {
                    for value in 0..TASKS {
                        let turns = random.usize(..20);
                        let body = move || {
                            yields(turns);
                            value
                        };
                        sender.send(spawn(body)).unwrap();
                    }
                    let joins = |handle: JoinHandle<usize>| spawn(move || handle.join().unwrap());
                    let joiners: Vec<_> = receiver.iter().take(TASKS).map(joins).collect();
                    joiners.into_iter().map(|joiner| joiner.join().unwrap()).sum::<usize>()
                });
                // Others may still wait for tasks of this one.
                event_loop.run_until_idle();
                sum
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(total, THREADS * TASKS * (TASKS - 1) / 2);
}

/// Each cancellation wakes, but a task in `unblock` waits for the closure all the same.
#[test]
fn t11_wakes_from_many_threads_do_no_harm() {
    const TASKS: usize = 32;
    let (started, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let over = Arc::new(AtomicBool::new(false));
    corro::run(|| {
        let tasks = (0..TASKS).map(|_| {
            let (started, ended, over) = (started.clone(), ended.clone(), over.clone());
            spawn(move || {
                corro::unblock(move || {
                    started.fetch_add(1, SeqCst);
                    while !over.load(SeqCst) {
                        thread::yield_now();
                    }
                    ended.fetch_add(1, SeqCst);
                });
            })
        });
        let tasks: Arc<Vec<_>> = Arc::new(tasks.collect());
        while started.load(SeqCst) < TASKS {
            yield_now();
        }
        let threads: Vec<_> = (0..4)
            .map(|seed| {
                let tasks = tasks.clone();
                thread::spawn(move || {
                    let mut random = fastrand::Rng::with_seed(seed);
                    (0..5_000).for_each(|_| tasks[random.usize(..TASKS)].cancel());
                })
            })
            .collect();
        corro::unblock(move || threads.into_iter().for_each(|thread| thread.join().unwrap()));
        assert!(tasks.iter().all(|task| !task.is_finished()));
        over.store(true, SeqCst);
        Arc::into_inner(tasks).unwrap().into_iter().for_each(cancelled);
    });
    assert_eq!(ended.load(SeqCst), TASKS);
}

// Nothing is left over.

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// The kernel shows a thread for a moment after it was joined.
fn settles(mut is_so: impl FnMut() -> bool) -> bool {
    let give_up = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        if Instant::now() > give_up {
            return false;
        }
        thread::yield_now();
    }
    true
}

/// A bit of everything, some of it left behind in the loop.
fn use_much() {
    let (reader, writer) = io::pipe().unwrap();
    let event_loop = EventLoop::builder().stack_size(128 << 10).build().unwrap();
    let kept = event_loop.run(|| {
        let (mut ours, mut theirs) = tcp_pair();
        let reads = spawn(move || theirs.read(&mut [0; 8]).unwrap());
        let waits = reader.try_clone().unwrap();
        drop(spawn(move || corro::io::wait_readable(&waits).unwrap()));
        drop(spawn(|| corro::sleep(HOUR)));
        drop(Builder::new().stack_size(32 << 10).spawn(|| corro::sleep(HOUR)).unwrap());
        event_loop.call_later(HOUR, || ());
        event_loop.call_readable(&reader, |_| ());
        let pool: Vec<_> = (0..10).map(|i| spawn(move || corro::unblock(move || i))).collect();
        pool.into_iter().for_each(|task| assert!(task.join().unwrap() < 10));
        let many: Vec<_> = (0..300).map(|_| spawn(|| yields(2))).collect();
        many.into_iter().for_each(|task| task.join().unwrap());
        let failing = spawn(|| resume_unwind(Box::new("fails")));
        assert_eq!(panicked::<()>(failing), "fails");
        let mut generator = Generator::new(|co: &Co<()>| co.yield_(()));
        generator.next();
        drop(spawn_local(move || {
            corro::sleep(HOUR);
            drop(generator);
        }));
        yield_now();
        ours.write_all(b"!").unwrap();
        reads.join().unwrap();
        drop(spawn(|| unreachable!("never starts")));
        spawn(|| corro::sleep(HOUR))
    });
    drop(event_loop);
    cancelled(kept);
    drop(writer);
}

#[test]
fn s5_nothing_is_left_after_a_loop() {
    isolated(|| {
        // What is made once for the process is made now.
        use_much();
        assert!(settles(|| threads() <= 2), "the harness has two: {}", threads());
        let before = (descriptors(), threads(), corro::stacks().in_use);
        for _ in 0..20 {
            use_much();
        }
        assert!(settles(|| threads() == before.1), "threads are left: {} of {}", threads(), before.1);
        assert_eq!((descriptors(), corro::stacks().in_use), (before.0, before.2));
        assert_eq!(before.2, 0, "stacks in use");
    });
}

#[test]
fn s5_nothing_is_left_after_runs_on_other_threads() {
    isolated(|| {
        use_much();
        let before = (descriptors(), threads());
        for _ in 0..10 {
            let panics = thread::spawn(|| {
                use_much();
                corro::run(|| {
                    drop(spawn(|| corro::sleep(HOUR)));
                    yield_now();
                    resume_unwind(Box::new("main's"));
                })
            });
            assert!(panics.join().is_err());
        }
        assert!(settles(|| threads() == before.1), "threads are left");
        assert_eq!((descriptors(), corro::stacks().in_use), (before.0, 0));
    });
}

#[test]
fn s5_stacks_go_back_when_tasks_end() {
    isolated(|| {
        assert_eq!(corro::stacks().in_use, 0);
        let event_loop = EventLoop::new().unwrap();
        drop(event_loop.spawn(|| ()));
        assert_eq!(corro::stacks().in_use, 0, "no stack before the start");
        event_loop.run(|| {
            let tasks: Vec<_> = (0..1000).map(|_| spawn(yield_now)).collect();
            yield_now();
            assert_eq!(corro::stacks().in_use, 1001, "one for each that has started and not ended");
            tasks.into_iter().for_each(|task| task.join().unwrap());
        });
        let idle = corro::stacks().in_use;
        assert!(idle <= 200, "{idle} stacks are kept for later");
        drop(event_loop);
        assert_eq!(corro::stacks().in_use, 0);
    });
}

// Stress.

/// Where each task of the stress came to.
#[derive(Default)]
struct Counts {
    spawned: AtomicUsize,
    started: AtomicUsize,
    /// Bodies, with what they hold, that are gone; started or not.
    gone: AtomicUsize,
    returned: AtomicUsize,
}

struct Gone(Arc<Counts>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.gone.fetch_add(1, SeqCst);
    }
}

type Handles = Arc<Mutex<Vec<(usize, JoinHandle<usize>)>>>;

fn take_any(handles: &Handles, random: &mut fastrand::Rng, below: usize) -> Option<(usize, JoinHandle<usize>)> {
    let mut handles = handles.lock().unwrap();
    let at = random.usize(..handles.len().max(1));
    // A task joins older ones only, so that no two wait for each other.
    if handles.get(at)?.0 < below { Some(handles.swap_remove(at)) } else { None }
}

/// Returned its own number, or was cancelled.
fn check(number: usize, handle: JoinHandle<usize>, joined: &AtomicUsize) {
    match handle.join() {
        Ok(value) => assert_eq!(value, number),
        Err(error) => assert!(error.is_cancelled(), "{error}"),
    }
    joined.fetch_add(1, SeqCst);
}

fn at_random(number: usize, mut random: fastrand::Rng, handles: &Handles, joined: &AtomicUsize) {
    for _ in 0..random.usize(..6) {
        match random.u8(..10) {
            0..4 => yield_now(),
            4..7 => corro::sleep(Duration::from_micros(random.u64(..2000))),
            7 => drop(catch_unwind(yield_now)),
            8 => {
                if let Some((number, handle)) = take_any(handles, &mut random, number) {
                    check(number, handle, joined);
                }
            }
            _ => {
                let handles = handles.lock().unwrap();
                if let Some((_, handle)) = handles.get(random.usize(..handles.len().max(1))) {
                    handle.cancel();
                }
            }
        }
    }
}

/// A plain thread that joins, cancels and drops what it finds.
fn meddle(seed: u64, handles: &Handles, over: &AtomicBool, joined: &AtomicUsize) {
    let mut random = fastrand::Rng::with_seed(seed);
    while !over.load(SeqCst) {
        match random.u8(..4) {
            0 => {
                if let Some((number, handle)) = take_any(handles, &mut random, usize::MAX) {
                    check(number, handle, joined);
                }
            }
            1 => drop(take_any(handles, &mut random, usize::MAX)),
            _ => {
                let handles = handles.lock().unwrap();
                if let Some((_, handle)) = handles.get(random.usize(..handles.len().max(1))) {
                    handle.cancel();
                }
            }
        }
        thread::yield_now();
    }
}

fn stress(tasks: usize, seed: u64) {
    let (counts, handles) = (Arc::new(Counts::default()), Handles::default());
    let (over, joined) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let (handles, over, joined) = (handles.clone(), over.clone(), joined.clone());
            thread::spawn(move || meddle(seed + number, &handles, &over, &joined))
        })
        .collect();
    corro::run(|| {
        let mut random = fastrand::Rng::with_seed(seed);
        for number in 0..tasks {
            let gone = Gone(counts.clone());
            counts.spawned.fetch_add(1, SeqCst);
            let (handles_of_task, joined, random_of_task) = (handles.clone(), joined.clone(), random.fork());
            let handle = spawn(move || {
                let gone = gone;
                gone.0.started.fetch_add(1, SeqCst);
                at_random(number, random_of_task, &handles_of_task, &joined);
                gone.0.returned.fetch_add(1, SeqCst);
                number
            });
            handles.lock().unwrap().push((number, handle));
            if random.u8(..50) == 0 {
                yield_now();
            }
        }
        while counts.gone.load(SeqCst) < tasks {
            corro::sleep(ms(1));
        }
    });
    over.store(true, SeqCst);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let left = std::mem::take(&mut *handles.lock().unwrap());
    left.into_iter().for_each(|(number, handle)| check(number, handle, &joined));
    let count = |count: &AtomicUsize| count.load(SeqCst);
    assert_eq!((count(&counts.spawned), count(&counts.gone)), (tasks, tasks));
    assert!(count(&counts.returned) <= count(&counts.started) && count(&counts.started) <= tasks);
    assert!(count(&joined) <= tasks);
}

#[test]
fn t2_stress_ten_thousand_tasks_at_random() {
    stress(10_000, 1);
}

#[test]
fn t2_stress_few_tasks_and_many_seeds() {
    (2..12).for_each(|seed| stress(100, seed * 100));
}
