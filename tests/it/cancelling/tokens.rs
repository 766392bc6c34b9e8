//! Rule T4: tokens of `cancel_scope`, cancelled by whom and when.

use std::cell::{Cell, RefCell};
use std::panic::catch_unwind;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use corro::{CancelToken, EventLoop, cancel_scope, shield, sleep, spawn, spawn_local, yield_now};

use super::{HOUR, cut_off, ms, on_drop, since, yields};
use crate::generator::Trace;
use crate::schedulers::{everywhere, virtually};

#[test]
fn t4_a_token_is_for_many_threads() {
    fn is_token<T: Clone + Send + Sync + std::fmt::Debug + 'static>() {}
    is_token::<CancelToken>();
}

#[test]
fn t4_a_token_from_another_task() {
    everywhere(|| {
        cut_off(cancel_scope(|token| {
            let theirs = token.clone();
            spawn(move || theirs.cancel());
            sleep(HOUR);
        }));
    });
}

#[test]
fn t4_a_token_from_another_thread() {
    everywhere(|| {
        for _ in 0..20 {
            let mut thread = None;
            cut_off(cancel_scope(|token| {
                let theirs = token.clone();
                thread = Some(thread::spawn(move || theirs.cancel()));
                sleep(HOUR);
            }));
            thread.unwrap().join().unwrap();
        }
    });
}

#[test]
fn t4_a_token_from_a_callback() {
    let event_loop = EventLoop::new().unwrap();
    event_loop.run(|| {
        cut_off(cancel_scope(|token| {
            let theirs = token.clone();
            event_loop.call_soon(move || theirs.cancel());
            sleep(HOUR);
        }));
        cut_off(cancel_scope(|token| {
            let theirs = token.clone();
            event_loop.call_later(ms(1), move || theirs.cancel());
            sleep(HOUR);
        }));
        let handle = event_loop.handle();
        cut_off(cancel_scope(|token| {
            let theirs = token.clone();
            thread::spawn(move || handle.call_soon(move || theirs.cancel())).join().unwrap();
            sleep(HOUR);
        }));
    });
}

#[test]
fn t4_a_token_from_the_body_itself() {
    let trace = Trace::new();
    everywhere(|| {
        cut_off(cancel_scope(|token| {
            assert!(!token.is_cancelled());
            token.cancel();
            assert!(token.is_cancelled());
            trace.say("to cancel is not to unwind");
            yield_now();
            trace.say("went on");
        }));
        trace.said(&["to cancel is not to unwind"]);
    });
}

#[test]
fn t4_a_token_that_is_cancelled_twice() {
    everywhere(|| {
        let unwinds = Cell::new(0);
        cut_off(cancel_scope(|token| {
            (0..3).for_each(|_| token.cancel());
            unwinds.set(unwinds.get() + usize::from(catch_unwind(yield_now).is_err()));
            token.cancel();
            unwinds.set(unwinds.get() + usize::from(catch_unwind(yield_now).is_err()));
            assert_eq!(shield(|| spawn(|| 1).join().unwrap()), 1);
            token.clone().cancel();
            sleep(HOUR);
        }));
        assert_eq!(unwinds.get(), 2);
    });
}

#[test]
fn t4_a_token_has_no_effect_after_the_scope() {
    everywhere(|| {
        let kept = cancel_scope(CancelToken::clone).unwrap();
        kept.cancel();
        assert!(!kept.is_cancelled(), "it did not end in time");
        yields(3);
        let mut fired = None;
        cut_off(cancel_scope(|token| {
            fired = Some(token.clone());
            token.cancel();
            yield_now();
        }));
        let fired = fired.unwrap();
        assert!(fired.is_cancelled());
        // In a scope that lies where the first one lay.
        let again = cancel_scope(|token| {
            [&kept, &fired].into_iter().for_each(CancelToken::cancel);
            yields(3);
            token.is_cancelled()
        });
        assert_eq!(again, Ok(false));
        thread::spawn(move || [kept, fired].iter().for_each(CancelToken::cancel)).join().unwrap();
        yields(3);
    });
}

#[test]
fn t4_a_token_may_be_cancelled_while_its_scope_ends() {
    everywhere(|| {
        for round in 0..200 {
            let (sender, tokens) = channel::<CancelToken>();
            let thread = thread::spawn(move || tokens.iter().for_each(|token| token.cancel()));
            for _ in 0..10 {
                // Either way it has ended, and what comes after is not cancelled.
                let _ = cancel_scope(|token| {
                    sender.send(token.clone()).unwrap();
                    if round % 2 == 0 { yield_now() } else { corro::checkpoint() }
                });
                corro::checkpoint();
            }
            drop(sender);
            thread.join().unwrap();
            yields(2);
        }
    });
}

#[test]
fn t4_tokens_that_race_end_each_scope_once() {
    everywhere(|| {
        let tokens = Arc::new(Mutex::new(Vec::<CancelToken>::new()));
        let over = Arc::new(Mutex::new(false));
        let threads: Vec<_> = (0..3)
            .map(|seed| {
                let (tokens, over) = (tokens.clone(), over.clone());
                let mut random = fastrand::Rng::with_seed(seed);
                thread::spawn(move || {
                    while !*over.lock().unwrap() {
                        let tokens = tokens.lock().unwrap().clone();
                        if !tokens.is_empty() {
                            tokens[random.usize(..tokens.len())].cancel();
                        }
                    }
                })
            })
            .collect();
        for round in 0..300 {
            tokens.lock().unwrap().clear();
            // The body can end only by one of its tokens; the outer ones go through.
            let outer = cancel_scope(|outer| {
                cancel_scope(|inner| {
                    tokens.lock().unwrap().extend([outer.clone(), inner.clone()]);
                    if round % 3 == 0 { spawn(|| sleep(HOUR)).join().unwrap() } else { sleep(HOUR) }
                })
            });
            assert!(!matches!(outer, Ok(Ok(()))));
        }
        *over.lock().unwrap() = true;
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        yields(3);
    });
}

#[test]
fn t4_a_token_reaches_a_body_in_a_shield_when_that_is_over() {
    virtually(|| {
        let start = corro::time::now();
        cut_off(cancel_scope(|token| {
            let theirs = token.clone();
            spawn(move || {
                sleep(ms(2));
                theirs.cancel();
            });
            shield(|| (0..3).for_each(|_| sleep(ms(3))));
            assert!(token.is_cancelled());
            assert_eq!(since(start), 9);
            sleep(HOUR);
        }));
        assert_eq!(since(start), 9);
    });
}

#[test]
fn t4_a_token_of_a_scope_inside_a_shield_ends_that_scope() {
    virtually(|| {
        let outcome = cancel_scope(|outer| {
            shield(|| {
                outer.cancel();
                cut_off(cancel_scope(|inner| {
                    inner.cancel();
                    sleep(HOUR);
                }));
                sleep(ms(1));
            });
            "nothing waited after that"
        });
        assert_eq!(outcome, Ok("nothing waited after that"));
        sleep(ms(1));
    });
}

#[test]
fn t4_a_token_from_a_destructor_of_another_task() {
    everywhere(|| {
        cut_off(cancel_scope(|token| {
            let theirs = token.clone();
            let cancels = on_drop(move || theirs.cancel());
            let dying = spawn(move || {
                let _cancels = cancels;
                sleep(HOUR);
            });
            yield_now();
            dying.cancel();
            sleep(HOUR);
        }));
    });
}

#[test]
fn t4_a_token_may_outlive_its_loop() {
    let kept = Rc::new(RefCell::new(Vec::new()));
    let event_loop = EventLoop::new().unwrap();
    let theirs = kept.clone();
    let task = event_loop.spawn(move || {
        let _ = cancel_scope(|token| {
            theirs.borrow_mut().push(token.clone());
            sleep(HOUR);
        });
    });
    event_loop.run(yield_now);
    drop(event_loop);
    assert!(task.join().unwrap_err().is_cancelled());
    kept.borrow().iter().for_each(CancelToken::cancel);
    assert_eq!(kept.borrow().len(), 1);
    assert!(!kept.borrow()[0].is_cancelled());
}

#[test]
fn t4_a_token_cancelled_while_its_loop_does_not_run() {
    let event_loop = EventLoop::new().unwrap();
    let (sender, tokens) = channel::<CancelToken>();
    let task = event_loop.spawn(move || {
        cancel_scope(|token| {
            sender.send(token.clone()).unwrap();
            sleep(HOUR);
        })
    });
    event_loop.run(yield_now);
    let token = tokens.recv().unwrap();
    thread::spawn(move || token.cancel()).join().unwrap();
    assert!(event_loop.run(|| task.join().unwrap()).is_err());
    // From this thread, with no loop.
    let (sender, tokens) = channel::<CancelToken>();
    let task = event_loop.spawn(move || {
        cancel_scope(|token| {
            sender.send(token.clone()).unwrap();
            sleep(HOUR);
        })
    });
    event_loop.run(yield_now);
    tokens.recv().unwrap().cancel();
    assert!(event_loop.run(|| task.join().unwrap()).is_err());
}

#[test]
fn t4_a_token_of_a_task_that_never_looks_is_harmless() {
    everywhere(|| {
        let task = spawn_local(|| {
            cancel_scope(|token| {
                let theirs = token.clone();
                thread::spawn(move || theirs.cancel()).join().unwrap();
                token.is_cancelled()
            })
        });
        assert_eq!(task.join().unwrap(), Ok(true));
    });
}
