//! Panics of destructors in a scope, and destructors of what a panic loses.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use corro::{scope, shield, sleep, yield_now};

use super::{Waiting, raise, raises, until};
use crate::generator::Trace;
use crate::schedulers::everywhere;

/// Raises a word when it is dropped.
struct RaisesOnDrop(&'static str);

impl Drop for RaisesOnDrop {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            raise(self.0);
        }
    }
}

#[test]
fn t5_a_panic_in_a_childs_destructor_is_the_childs() {
    everywhere(|| {
        // Of a local, of what the closure holds, and of what a closure holds that never runs.
        raises("local", || {
            scope(|s| {
                s.spawn(|| {
                    let _local = RaisesOnDrop("local");
                    yield_now();
                });
            })
        });
        let held = RaisesOnDrop("held");
        raises("held", || {
            scope(|s| {
                s.spawn(move || {
                    yield_now();
                    drop(held);
                });
            })
        });
        let waiting = Waiting::default();
        let held = RaisesOnDrop("never ran");
        raises("never ran", || {
            scope(|s| {
                waiting.start(s);
                s.spawn(move || drop(held)).cancel();
            })
        });
        waiting.all_ended(1);
    });
}

#[test]
fn t5_a_panic_in_the_destructor_of_an_unwanted_result_leaves_the_scope_whole() {
    everywhere(|| {
        let ended = AtomicBool::new(false);
        scope(|s| {
            drop(s.spawn(|| RaisesOnDrop("result")));
            s.spawn(|| {
                (0..3).for_each(|_| yield_now());
                ended.store(true, SeqCst);
            });
        });
        assert!(ended.load(SeqCst));
    });
}

#[test]
fn t5_a_panic_in_the_destructor_of_what_is_lost_is_lost() {
    everywhere(|| {
        raises("child", || {
            scope(|s| {
                s.spawn(|| raise("child"));
                RaisesOnDrop("the body's value")
            })
        });
        raises("body", || {
            scope(|s| {
                let child = s.spawn(|| std::panic::resume_unwind(Box::new(RaisesOnDrop("a payload"))));
                shield(|| until(|| child.is_finished()));
                raise("body")
            })
        });
    });
}

#[test]
fn t5_the_destructor_of_a_lost_value_may_wait() {
    struct Waits<'a>(&'a Trace);
    impl Drop for Waits<'_> {
        fn drop(&mut self) {
            shield(|| sleep(Duration::from_millis(1)));
            self.0.say("waited");
        }
    }
    everywhere(|| {
        let trace = Trace::new();
        raises("child", || {
            scope(|s| {
                s.spawn(|| raise("child"));
                Waits(&trace)
            })
        });
        trace.said(&["waited"]);
    });
}
