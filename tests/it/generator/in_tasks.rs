//! G9 and G10 inside tasks: a body that waits parks the whole task.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::rc::Rc;
use std::thread::panicking;
use std::time::Duration;

use corro::generator::{Interrupt, Status, catch, scoped};
use corro::net::{TcpListener, TcpStream};
use corro::{Co, Generator, sleep, spawn, spawn_local, unblock, yield_now};

use super::child::{aborts, isolated};
use super::hook::Told;
use super::{Trace, panic_text, returns, started, yields};

const MOMENT: Duration = Duration::from_millis(1);

/// A task that says this at each of that many turns.
fn chatter(trace: &Trace, word: &'static str, turns: u32) -> corro::JoinHandle<()> {
    let trace = trace.clone();
    spawn(move || {
        for _ in 0..turns {
            trace.say(word);
            yield_now();
        }
    })
}

#[test]
fn g10_a_body_that_waits_parks_its_task_and_another_runs_meanwhile() {
    let trace = Trace::new();
    let body = trace.clone();
    let main = trace.clone();
    corro::run(move || {
        let other = chatter(&main, "other", 3);
        let mut generator = Generator::new(move |co: &Co<u32>| {
            body.say("one");
            yield_now();
            body.say("two");
            co.yield_(1);
            body.say("three");
            yield_now();
            body.say("four");
        });
        yields(generator.start(), 1);
        main.say("yielded");
        returns(generator.send(()), ());
        other.join().expect("the other task ends");
    });
    trace.said(&["one", "other", "two", "yielded", "three", "other", "four", "other"]);
}

#[test]
fn g10_a_body_that_sleeps_goes_on_afterwards() {
    corro::run(|| {
        let mut generator = Generator::new(|co: &Co<u32, u32>| {
            let mut sum = 0;
            for n in 0..5 {
                sleep(MOMENT);
                sum += co.yield_(n);
                sleep(MOMENT);
            }
            sum
        });
        yields(generator.start(), 0);
        for n in 1..5 {
            yields(generator.send(10), n);
        }
        returns(generator.send(10), 50);
    });
}

#[test]
fn g10_bodies_of_many_tasks_wait_at_once() {
    corro::run(|| {
        let tasks: Vec<_> = (0..100_u32)
            .map(|task| {
                spawn(move || {
                    let numbers = Generator::new(move |co: &Co<u32>| {
                        for n in 0..5 {
                            sleep(MOMENT);
                            co.yield_(task * 10 + n);
                            yield_now();
                        }
                    });
                    numbers.sum::<u32>()
                })
            })
            .collect();
        for (task, handle) in (0..).zip(tasks) {
            assert_eq!(handle.join().expect("ends"), task * 50 + 10);
        }
    });
}

#[test]
fn g10_a_body_waits_in_delegations_and_nested_bodies() {
    let trace = Trace::new();
    let inside = trace.clone();
    corro::run(|| {
        let other = chatter(&trace, "other", 4);
        let mut outer = Generator::new(move |co: &Co<u32>| {
            let here = inside.clone();
            let mut inner = Generator::new(move |co: &Co<u32>| {
                here.say("inner");
                yield_now();
                here.say("inner again");
                co.yield_(1);
            });
            co.yield_from(&mut inner);
            scoped(
                |nested: &Co<u32>| {
                    inside.say("nested");
                    yield_now();
                    co.yield_(2);
                    yield_now();
                    inside.say("nested again");
                    nested.yield_(3);
                },
                |mut generator| {
                    assert_eq!(generator.next(), Some(3));
                    yield_now();
                },
            );
        });
        assert_eq!(outer.next(), Some(1));
        assert_eq!(outer.next(), Some(2));
        assert_eq!(outer.next(), None);
        other.join().expect("ends");
    });
    trace.said(&["inner", "other", "inner again", "nested", "other", "other", "nested again", "other"]);
}

#[test]
fn g10_a_body_uses_sockets_joins_and_the_blocking_pool() {
    corro::run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let address = listener.local_addr().expect("an address");
        let server = spawn(move || {
            let (mut stream, _) = listener.accept().expect("accepts");
            let mut byte = [0];
            while stream.read(&mut byte).expect("reads") == 1 {
                stream.write_all(&[byte[0] + 1]).expect("writes");
            }
        });
        let mut client = Generator::new(move |co: &Co<u8, u8>| {
            let mut stream = TcpStream::connect(address).expect("connects");
            let mut answer = [0];
            let mut last = 0;
            loop {
                let sent = co.yield_(last);
                if sent == 0 {
                    break;
                }
                stream.write_all(&[sent]).expect("writes");
                stream.read_exact(&mut answer).expect("reads");
                last = answer[0];
            }
            drop(stream);
            let joined = spawn(|| "joined").join().expect("ends");
            format!("{joined} {}", unblock(|| 6 * 7))
        });
        yields(client.start(), 0);
        yields(client.send(1), 2);
        yields(client.send(40), 41);
        returns(client.send(0), "joined 42".to_owned());
        server.join().expect("the server ends");
    });
}

#[test]
fn g10_a_body_that_catches_an_interrupt_may_wait_in_the_handler() {
    corro::run(|| {
        let mut generator = started(Generator::new(|co: &Co<u32>| {
            let arrived = catch(|| co.yield_(1));
            sleep(MOMENT);
            co.yield_(2);
            let closed = co.try_yield(3);
            sleep(MOMENT);
            (arrived.is_err(), matches!(closed, Err(Interrupt::Close)))
        }));
        yields(generator.throw("no"), 2);
        yields(generator.send(()), 3);
        assert!(matches!(generator.close(), Ok(Some((true, true)))));
    });
}

#[test]
fn g10_a_finaliser_of_a_body_that_unwinds_does_not_wait() {
    struct Waits(Trace);
    impl Drop for Waits {
        fn drop(&mut self) {
            self.0.say("before");
            sleep(MOMENT);
            yield_now();
            self.0.say("after");
        }
    }
    let trace = Trace::new();
    let (main, local) = (trace.clone(), trace.clone());
    corro::run(move || {
        let other = chatter(&main, "other", 1);
        let mut generator = started(Generator::new(move |co: &Co<u32>| {
            let _waits = Waits(local);
            co.yield_(1);
        }));
        assert!(matches!(generator.close(), Ok(None)));
        assert!(!panicking());
        other.join().expect("ends");
    });
    trace.said(&["before", "after", "other"]);
}

#[test]
fn g10_cancelling_the_task_unwinds_the_body_that_waits() {
    let trace = Trace::new();
    let main = trace.clone();
    corro::run(move || {
        let inside = main.clone();
        let task = spawn(move || {
            let _task = inside.guard("task");
            let body = inside.clone();
            let mut generator = Generator::new(move |co: &Co<u32>| {
                let _body = body.guard("body");
                co.yield_(1);
                // Cancellation is no interrupt of the generator: `catch` lets it pass.
                let _ = catch(|| sleep(Duration::from_secs(3600)));
                body.say("never");
            });
            assert_eq!(generator.next(), Some(1));
            generator.next();
            inside.say("never");
        });
        yield_now();
        task.cancel();
        assert!(task.join().expect_err("cancelled").is_cancelled());
    });
    trace.said(&["body", "task"]);
}

#[test]
fn g10_cancelling_the_task_drops_its_suspended_generators() {
    let trace = Trace::new();
    let main = trace.clone();
    corro::run(move || {
        let task = spawn(move || {
            let mut generator = Generator::new(move |co: &Co<u32>| {
                let _body = main.guard("body");
                assert!(co.try_yield(1).is_err());
                // The task unwinds: what this calls returns at once.
                sleep(Duration::from_secs(3600));
                main.say("closing");
            });
            assert_eq!(generator.next(), Some(1));
            sleep(Duration::from_secs(3600));
        });
        yield_now();
        task.cancel();
        assert!(task.join().expect_err("cancelled").is_cancelled());
    });
    trace.said(&["closing", "body"]);
}

#[test]
fn g10_a_body_that_waits_panics_in_its_own_task_only() {
    corro::run(|| {
        let task = spawn(|| {
            let mut generator = Generator::new(|_: &Co<u32>| {
                yield_now();
                std::panic::resume_unwind(Box::new("the body"))
            });
            let generator: &mut Generator<u32, (), ()> = &mut generator;
            assert_eq!(panic_text(|| generator.start()), "the body");
            yield_now();
            generator.status()
        });
        yield_now();
        assert_eq!(task.join().expect("caught it"), Status::Closed);
        assert!(!panicking());
    });
}

#[test]
fn g9_resumed_by_several_tasks_of_one_thread_in_turn() {
    corro::run(|| {
        let shared = Rc::new(RefCell::new(started(Generator::new(|co: &Co<u32, u32>| {
            let mut sum = 0;
            while sum < 30 {
                sum += co.yield_(sum);
            }
            sum
        }))));
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let shared = Rc::clone(&shared);
                spawn_local(move || {
                    for _ in 0..5 {
                        let resumed = shared.borrow_mut().send(2);
                        resumed.map(drop).expect("resumes");
                        yield_now();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.join().expect("ends");
        }
        assert_eq!(shared.borrow().status(), Status::Closed);
    });
}

#[test]
fn g9_a_body_parks_whichever_task_resumed_it() {
    let trace = Trace::new();
    let main = trace.clone();
    corro::run(move || {
        let body = main.clone();
        // Started by this task, which is not the one that the wait inside it parks.
        let generator = started(Generator::new(move |co: &Co<u32, u32>| {
            co.yield_(1);
            body.say("waits");
            yield_now();
            body.say("goes on");
            co.yield_(2)
        }));
        let inside = main.clone();
        let second = spawn_local(move || {
            let mut generator = generator;
            yields(generator.send(0), 2);
            inside.say("the second has it");
            generator
        });
        main.say("the first runs");
        yield_now();
        main.say("the first runs on");
        let mut generator = second.join().expect("ends");
        returns(generator.send(9), 9);
    });
    trace.said(&["the first runs", "waits", "the first runs on", "goes on", "the second has it"]);
}

#[test]
fn g9_resumed_outside_the_loop_that_started_it() {
    let mut generator = corro::run(|| {
        started(Generator::new(|co: &Co<u32, u32>| {
            yield_now();
            co.yield_(1) + co.yield_(2)
        }))
    });
    // On the plain thread.
    yields(generator.send(5), 2);
    corro::run(move || returns(generator.send(6), 11));
}

#[test]
fn g9_waits_in_one_task_and_then_in_a_later_loop() {
    let mut generator = Generator::new(|co: &Co<u32>| {
        for n in 0.. {
            yield_now();
            sleep(MOMENT);
            co.yield_(n);
        }
    });
    assert_eq!(generator.next(), Some(0));
    for n in 1..4 {
        let mut inside = generator;
        generator = corro::run(move || {
            let other = spawn(yield_now);
            assert_eq!(inside.next(), Some(n));
            other.join().expect("ends");
            inside
        });
    }
    assert!(matches!(generator.close(), Ok(None)));
}

#[test]
fn g10_a_body_may_run_a_loop_of_its_own() {
    let mut generator = Generator::new(|co: &Co<u32, u32>| {
        let first = co.yield_(1);
        let sum = corro::run(|| {
            let task = spawn(move || {
                sleep(MOMENT);
                Generator::new(move |co: &Co<u32>| co.yield_(first * 10)).sum::<u32>()
            });
            task.join().expect("ends") + 1
        });
        co.yield_(sum)
    });
    yields(generator.start(), 1);
    yields(generator.send(5), 51);
    returns(generator.send(6), 6);
}

#[test]
fn g10_a_co_used_by_a_task_that_is_not_its_generators_is_a_clear_panic() {
    let mut generator = Generator::new(|co: &Co<u32>| {
        let texts = corro::run(|| {
            let by_yield = panic_text(|| co.yield_(1));
            let by_try_yield = panic_text(|| co.try_yield(1));
            let by_delegation = panic_text(|| co.yield_from(&mut Generator::new(|co: &Co<u32>| co.yield_(1))));
            let mut inner = scoped(
                |_: &Co<u32>| panic_text(|| co.yield_(1)),
                |mut inner| {
                    assert_eq!(inner.next(), None);
                    inner.take_return()
                },
            );
            [by_yield, by_try_yield, by_delegation, inner.take().expect("a text")]
        });
        // On its own stack it still works.
        co.yield_(7);
        texts
    });
    yields(generator.start(), 7);
    let Ok(corro::CoroutineState::Complete(texts)) = generator.send(()) else { panic!("an end") };
    for text in texts {
        assert!(text.contains("Co") && text.contains("task"), "{text}");
    }
}

#[test]
fn g7_a_cancellation_that_surfaces_in_a_drop_is_not_for_the_hook_and_surfaces_again() {
    isolated(|| {
        let told = Told::install();
        let trace = Trace::new();
        let main = trace.clone();
        corro::run(move || {
            let own_handle: Rc<RefCell<Option<corro::JoinHandle<()>>>> = Rc::default();
            let inside = Rc::clone(&own_handle);
            let said = main.clone();
            let task = spawn_local(move || {
                let body = said.clone();
                let generator = started(Generator::new(move |co: &Co<u32>| {
                    let _local = body.guard("body");
                    assert!(co.try_yield(1).is_err());
                    sleep(Duration::from_secs(3600));
                    body.say("never");
                }));
                inside.borrow().as_ref().expect("there").cancel();
                drop(generator);
                said.say("after the drop");
                yield_now();
                said.say("never");
            });
            own_handle.replace(Some(task));
            yield_now();
            let task = own_handle.take().expect("there");
            assert!(task.join().expect_err("cancelled").is_cancelled());
        });
        trace.said(&["body", "after the drop"]);
        assert_eq!(told.take(), [""; 0]);
    });
}

#[test]
fn g7_a_generator_that_a_task_leaves_behind_is_dropped_with_it() {
    let trace = Trace::new();
    let main = trace.clone();
    corro::run(move || {
        let body = main.clone();
        let generator = started(Generator::new(move |co: &Co<u32>| {
            let _local = body.guard("body");
            co.yield_(1);
        }));
        let task = spawn_local(move || {
            let _kept = generator;
            yield_now();
            main.say("the task ends");
        });
        task.join().expect("ends");
    });
    trace.said(&["the task ends", "body"]);
}

#[test]
fn g12_an_overflow_in_a_generator_in_a_task_names_both() {
    fn overflow(depth: u32) -> u32 {
        let room = std::hint::black_box([depth; 64]);
        if depth == u32::MAX { 0 } else { overflow(depth + 1) + room[5] }
    }
    let stderr = aborts(|| {
        corro::run(|| {
            let task = corro::task::Builder::new().name("printer").spawn(|| {
                let mut generator = Generator::with_stack_size(64 * 1024, |co: &Co<u32>| co.yield_(overflow(0)));
                yield_now();
                generator.next();
            });
            let _ = task.expect("spawns").join();
        });
    });
    for word in ["stack overflow", "generator", "printer", "65536", "stack_size"] {
        assert!(stderr.contains(word), "{word:?} is missing: {stderr}");
    }
}
