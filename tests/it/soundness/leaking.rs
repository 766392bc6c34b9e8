//! What is leaked, in each state, does no harm.

use std::io::{Read as _, Write as _};
use std::mem::forget;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use corro::net::{TcpListener, TcpStream};
use corro::{
    CancelToken, Co, EventLoop, Generator, cancel_scope, generator, scope, sleep, spawn, spawn_local, timeout,
    yield_now,
};

use super::{HOUR, all_is_well, ms, runtime};
use crate::generator::child::isolated;
use crate::schedulers::everywhere;

#[test]
fn t1_forgotten_handles_of_tasks_in_every_state() {
    everywhere(|| {
        forget(spawn(|| 1));
        forget(spawn_local(|| String::from("leaked")));
        let ended = spawn(|| String::from("leaked"));
        while !ended.is_finished() {
            yield_now();
        }
        forget(ended);
        let failed = spawn(|| resume_unwind(Box::new("fails")));
        while !failed.is_finished() {
            yield_now();
        }
        forget::<corro::JoinHandle<()>>(failed);
        forget(spawn(|| sleep(HOUR)));
        forget(spawn(yield_now));
        let cancels = spawn(|| sleep(HOUR));
        cancels.cancel();
        forget(cancels);
        all_is_well();
    });
}

#[test]
fn t5_forgotten_handles_of_scopes() {
    everywhere(|| {
        let (text, count) = (String::from("borrowed"), AtomicUsize::new(0));
        scope(|s| {
            forget(s.spawn(|| {
                yield_now();
                count.fetch_add(text.len(), SeqCst)
            }));
            forget(s.spawn_local(|| {
                sleep(ms(1));
                count.fetch_add(text.len(), SeqCst)
            }));
            let sleeps = s.spawn(|| sleep(HOUR));
            yield_now();
            sleeps.cancel();
            forget(sleeps);
            forget(s.spawn(|| text.as_str()));
        });
        assert_eq!(count.load(SeqCst), 16);
        drop(text);
        all_is_well();
    });
}

#[test]
fn g11_forgotten_generators_in_every_state() {
    everywhere(|| {
        let make = || Generator::new(|co: &Co<u32>| co.yield_(1));
        forget(make());
        let mut suspended = make();
        suspended.next();
        forget(suspended);
        let mut closed = make();
        closed.close().unwrap();
        forget(closed);
        let mut ended = make();
        assert_eq!(ended.by_ref().count(), 1);
        forget(ended);
        let mut text = String::from("borrowed");
        generator::scoped(
            |co: &Co<u32>| {
                text.push('!');
                co.yield_(1);
                text.push('?');
            },
            |mut generator| {
                generator.next();
                forget(generator);
            },
        );
        assert_eq!(text, "borrowed!");
        drop(text);
        all_is_well();
    });
}

#[test]
fn t4_forgotten_tokens() {
    everywhere(|| {
        let mut kept: Option<CancelToken> = None;
        let done = cancel_scope(|token| {
            forget(token.clone());
            kept = Some(token.clone());
            yield_now();
        });
        assert!(done.is_ok());
        let kept = kept.unwrap();
        kept.cancel();
        forget(kept);
        assert!(timeout(ms(1), || sleep(HOUR)).is_err());
        all_is_well();
    });
}

#[test]
fn i3_forgotten_sockets() {
    isolated(|| {
        everywhere(|| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let mut ours = TcpStream::connect(address).unwrap();
            let mut theirs = listener.accept().unwrap().0;
            ours.write_all(b"x").unwrap();
            theirs.read_exact(&mut [0]).unwrap();
            let waits = theirs.try_clone().unwrap();
            forget(spawn(move || {
                let mut waits = waits;
                drop(waits.read(&mut [0]));
                forget(waits);
            }));
            yield_now();
            forget(ours);
            forget(theirs);
            forget(listener);
            all_is_well();
        });
    });
}

/// Loops in each state, with what belongs to them.
#[test]
fn s5_forgotten_loops_handles_and_timers() {
    isolated(|| {
        forget(EventLoop::new().unwrap());
        let event_loop = EventLoop::new().unwrap();
        let handle = event_loop.handle();
        let timer = event_loop.call_later(HOUR, || ());
        forget(event_loop.call_later(ms(1), || ()));
        event_loop.run(|| {
            forget(spawn(|| sleep(HOUR)));
            drop(spawn_local(|| scope(|s| drop(s.spawn(|| sleep(HOUR))))));
            yield_now();
        });
        forget(event_loop.handle());
        forget(event_loop);
        // It is still reached, and never runs.
        let never = handle.spawn(|| 1);
        assert!(!never.is_finished());
        handle.call_soon(|| ());
        timer.cancel();
        forget(timer);
        forget(handle);
        forget(never);
        corro::run(all_is_well);
        runtime(2).run(all_is_well);
    });
}

#[test]
fn s5_forgotten_runtimes() {
    isolated(|| {
        forget(runtime(2));
        let runtime = runtime(4);
        let (tells, told) = std::sync::mpsc::channel();
        forget(runtime.spawn(|| sleep(HOUR)));
        drop(runtime.spawn(move || {
            sleep(ms(20));
            tells.send(5).unwrap();
        }));
        runtime.run(all_is_well);
        forget(runtime);
        // Its tasks go on.
        assert_eq!(told.recv().unwrap(), 5);
        corro::run(all_is_well);
    });
}

/// A generator that is leaked has an open scope: its child goes on, here or on another worker, and may use what it borrows,
/// since the stack is leaked too.
#[test]
fn t5_a_scope_that_is_leaked_while_its_child_runs() {
    isolated(|| {
        everywhere(|| {
            let ended = Arc::new(AtomicUsize::new(0));
            let told = ended.clone();
            let mut generator = Generator::new(move |co: &Co<()>| {
                let text = String::from("borrowed");
                scope(|s| {
                    for _ in 0..4 {
                        s.spawn(|| {
                            for _ in 0..20 {
                                sleep(ms(1));
                                assert_eq!(text, "borrowed");
                            }
                            told.fetch_add(1, SeqCst);
                        });
                    }
                    co.yield_(());
                });
            });
            generator.next();
            forget(generator);
            while ended.load(SeqCst) < 4 {
                sleep(ms(1));
            }
            all_is_well();
        });
    });
}
