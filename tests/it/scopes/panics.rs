//! Panics of the body and of children: the others end first, and the right payload goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use corro::{scope, shield, sleep, spawn_local, yield_now};

use super::{HOUR, Waiting, payload_of, raise, raises, until};
use crate::generator::{Trace, panic_text};
use crate::schedulers::everywhere;

#[test]
fn t5_a_panic_of_the_body_cancels_the_children_and_waits_for_them() {
    everywhere(|| {
        let waiting = Waiting::default();
        let ran = AtomicBool::new(false);
        raises("body", || {
            scope(|s| {
                waiting.start(s);
                waiting.start(s);
                s.spawn_local(|| ran.store(true, SeqCst)).cancel();
                raise("body")
            })
        });
        waiting.all_ended(2);
        assert!(!ran.load(SeqCst));
    });
}

#[test]
fn t5_a_panic_of_the_body_keeps_children_from_starting() {
    corro::run(|| {
        let ran = AtomicBool::new(false);
        raises("body", || {
            scope(|s| {
                s.spawn_local(|| ran.store(true, SeqCst));
                raise("body")
            })
        });
        assert!(!ran.load(SeqCst));
    });
}

#[test]
fn t5_a_panic_of_a_child_cancels_the_others_and_the_body() {
    everywhere(|| {
        let (waiting, trace) = (Waiting::default(), Trace::new());
        raises("child", || {
            scope(|s| {
                let _held = trace.guard("the body unwound");
                waiting.start(s);
                waiting.start(s);
                s.spawn(|| raise("child"));
                sleep(HOUR);
                trace.say("went on");
            })
        });
        waiting.all_ended(2);
        trace.said(&["the body unwound"]);
    });
}

#[test]
fn t5_a_panic_of_a_child_after_the_body_has_ended() {
    everywhere(|| {
        let (waiting, trace) = (Waiting::default(), Trace::new());
        raises("child", || {
            scope(|s| {
                waiting.start(s);
                s.spawn(|| {
                    (0..5).for_each(|_| yield_now());
                    raise("child")
                });
                trace.guard("the body's value")
            })
        });
        waiting.all_ended(1);
        trace.said(&["the body's value"]);
    });
}

#[test]
fn t5_of_several_children_the_first_that_panics_counts() {
    everywhere(|| {
        let (started, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        raises("1", || {
            scope(|s| {
                for (turn, word) in ["1", "2", "3"].into_iter().enumerate() {
                    let (started, failed) = (&started, &failed);
                    s.spawn(move || {
                        started.fetch_add(1, SeqCst);
                        shield(|| until(|| started.load(SeqCst) == 3 && failed.load(SeqCst) == turn));
                        let _next = Next(failed);
                        raise(word)
                    });
                }
            })
        });
        assert_eq!(failed.load(SeqCst), 3);
    });
    /// Lets the next one go when its own has unwound.
    struct Next<'a>(&'a AtomicUsize);
    impl Drop for Next<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
}

#[test]
fn t5_the_panic_of_the_body_comes_before_that_of_a_child() {
    everywhere(|| {
        let waiting = Waiting::default();
        raises("body", || {
            scope(|s| {
                waiting.start(s);
                let child = s.spawn(|| raise("child"));
                shield(|| until(|| child.is_finished()));
                raise("body")
            })
        });
        waiting.all_ended(1);
        // The child fails because the body did.
        raises("body", || {
            scope(|s| {
                let started = AtomicBool::new(false);
                let started: &AtomicBool = Box::leak(Box::new(started));
                s.spawn(move || {
                    started.store(true, SeqCst);
                    drop(payload_of(|| sleep(HOUR)));
                    raise("child")
                });
                until(|| started.load(SeqCst));
                raise("body")
            })
        });
    });
}

#[test]
fn t5_a_body_that_makes_a_panic_of_its_cancellation_comes_first() {
    everywhere(|| {
        raises("body", || {
            scope(|s| {
                s.spawn(|| raise("child"));
                drop(payload_of(|| sleep(HOUR)));
                raise("body")
            })
        });
    });
}

#[test]
fn t5_a_body_that_swallows_its_cancellation_does_not_hide_the_panic() {
    everywhere(|| {
        raises("child", || {
            scope(|s| {
                s.spawn(|| raise("child"));
                catch_unwind(|| sleep(HOUR)).is_err()
            })
        });
    });
}

#[test]
fn t5_a_panic_goes_on_from_the_scope_also_if_the_body_joined_the_child() {
    everywhere(|| {
        let waiting = Waiting::default();
        raises("child", || {
            scope(|s| {
                waiting.start(s);
                drop(s.spawn(|| raise("child")).join());
            })
        });
        waiting.all_ended(1);
    });
}

#[test]
fn t5_a_panic_goes_on_from_the_scope_also_if_it_was_joined_in_a_shield() {
    everywhere(|| {
        let trace = Trace::new();
        raises("child", || {
            scope(|s| {
                let child = s.spawn(|| raise("child"));
                let error = shield(|| child.join()).unwrap_err();
                assert!(error.is_panic() && error.to_string().ends_with("child"), "{error}");
                assert_eq!(*error.into_panic().downcast::<String>().unwrap(), "child");
                trace.say("joined");
            })
        });
        trace.said(&["joined"]);
    });
}

#[test]
fn t5_a_panic_goes_on_from_the_scope_also_if_another_child_joined_it() {
    everywhere(|| {
        for shielded in [false, true] {
            let (trace, joins) = (Trace::new(), AtomicBool::new(false));
            raises("child", || {
                scope(|s| {
                    let child = s.spawn(|| {
                        until(|| joins.load(SeqCst));
                        raise("child")
                    });
                    let joins = &joins;
                    s.spawn(|| {
                        let _held = trace.guard("the joiner ended");
                        joins.store(true, SeqCst);
                        let join = || drop(child.join());
                        if shielded { shield(join) } else { join() }
                    });
                })
            });
            trace.said(&["the joiner ended"]);
        }
    });
}

#[test]
fn t5_an_unwrapped_join_is_a_panic_of_the_body() {
    everywhere(|| {
        let text = panic_text(|| {
            scope(|s| {
                let child = s.spawn(|| raise("child"));
                shield(|| child.join()).unwrap();
            })
        });
        assert!(text.contains("child"), "{text}");
    });
}

#[test]
fn t5_any_payload_goes_on_unchanged() {
    everywhere(|| {
        let payload = payload_of(|| {
            scope(|s| {
                s.spawn(|| std::panic::resume_unwind(Box::new(vec![1, 2])));
            })
        });
        assert_eq!(payload.downcast_ref(), Some(&vec![1, 2]));
    });
}

#[test]
fn t5_a_panic_beats_a_cancellation_of_the_parent() {
    everywhere(|| {
        let (ready, done) = (std::sync::Arc::new(AtomicBool::new(false)), Trace::new());
        let (theirs, told) = (ready.clone(), done.clone());
        let parent = spawn_local(move || {
            let _held = told.guard("the parent unwound");
            scope(|s| {
                s.spawn(|| {
                    theirs.store(true, SeqCst);
                    drop(payload_of(|| sleep(HOUR)));
                    raise("child")
                });
                sleep(HOUR);
            });
        });
        until(|| ready.load(SeqCst));
        parent.cancel();
        let payload = parent.join().unwrap_err().into_panic();
        assert_eq!(payload.downcast_ref(), Some(&"child"));
        done.said(&["the parent unwound"]);
    });
}

#[test]
fn t5_a_panic_beats_a_timeout() {
    everywhere(|| {
        raises("child", || {
            corro::timeout(Duration::from_millis(1), || {
                scope(|s| {
                    s.spawn(|| {
                        drop(payload_of(|| sleep(HOUR)));
                        raise("child")
                    });
                })
            })
        });
    });
}

#[test]
fn t5_a_panic_goes_through_nested_scopes() {
    everywhere(|| {
        let (outer, inner) = (Waiting::default(), Waiting::default());
        raises("grandchild", || {
            scope(|s| {
                outer.start(s);
                s.spawn(|| {
                    scope(|s| {
                        inner.start(s);
                        s.spawn(|| raise("grandchild"));
                    });
                });
                sleep(HOUR);
            })
        });
        outer.all_ended(1);
        inner.all_ended(1);
    });
}

#[test]
fn t5_a_panic_caught_around_an_inner_scope_spares_the_outer() {
    everywhere(|| {
        let mut caught = false;
        let value = scope(|s| {
            s.spawn(|| {
                let inner = || {
                    scope(|s| {
                        s.spawn(|| raise("inner"));
                        sleep(HOUR);
                    })
                };
                caught = catch_unwind(AssertUnwindSafe(inner)).is_err();
                // The cancellation went with the inner scope.
                yield_now();
            });
            sleep(Duration::from_millis(1));
            "value"
        });
        assert!(caught);
        assert_eq!(value, "value");
    });
}

#[test]
fn t5_no_child_starts_after_a_panic() {
    everywhere(|| {
        let ran = AtomicBool::new(false);
        raises("child", || {
            scope(|s| {
                let child = s.spawn(|| raise("child"));
                shield(|| until(|| child.is_finished()));
                let late = s.spawn(|| ran.store(true, SeqCst));
                assert!(shield(|| late.join()).unwrap_err().is_cancelled());
            })
        });
        assert!(!ran.load(SeqCst));
    });
}

#[test]
fn t5_many_children_that_panic_at_once() {
    everywhere(|| {
        for _ in 0..20 {
            let ended = AtomicUsize::new(0);
            let payload = payload_of(|| {
                scope(|s| {
                    for number in 0..100_usize {
                        let ended = &ended;
                        s.spawn(move || {
                            let _ended = Ended(ended);
                            (0..number % 3).for_each(|_| yield_now());
                            std::panic::resume_unwind(Box::new(number));
                        });
                    }
                    sleep(HOUR);
                })
            });
            assert!(payload.is::<usize>());
            assert!(ended.load(SeqCst) > 0);
        }
    });
    struct Ended<'a>(&'a AtomicUsize);
    impl Drop for Ended<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
}
