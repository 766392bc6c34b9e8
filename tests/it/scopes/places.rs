//! Where a scope stands: in a generator, in a destructor (T7), where no task runs (T8).

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use corro::{Co, EventLoop, Generator, scope, sleep, spawn_local, yield_now};

use super::{HOUR, Waiting, raise, raises};
use crate::generator::child::{aborts, stderr_of};
use crate::generator::{Trace, panic_text, raises as raises_in, returns, while_unwinding, yields};
use crate::schedulers::everywhere;

/// A generator that yields, the first time inside of a scope with one waiting child.
fn with_open_scope(waiting: &Arc<Waiting>) -> Generator<u32> {
    let waiting = waiting.clone();
    Generator::new(move |co: &Co<u32>| {
        scope(|s| {
            waiting.start(s);
            co.yield_(1);
            yield_now();
            s.cancel();
        });
        co.yield_(2);
    })
}

#[test]
fn t5_children_run_while_the_generator_around_them_is_suspended() {
    everywhere(|| {
        let count = Arc::new(AtomicUsize::new(0));
        let theirs = count.clone();
        let mut generator = Generator::new(move |co: &Co<u32>| {
            scope(|s| {
                s.spawn(|| {
                    (0..3).for_each(|_| yield_now());
                    theirs.fetch_add(1, SeqCst);
                });
                co.yield_(1);
                "value"
            })
        });
        yields(generator.start(), 1);
        super::until(|| count.load(SeqCst) == 1);
        returns(generator.send(()), "value");
    });
}

#[test]
fn t5_a_generator_closed_in_its_scope_ends_the_children_first() {
    everywhere(|| {
        let waiting = Arc::new(Waiting::default());
        let mut generator = with_open_scope(&waiting);
        yields(generator.start(), 1);
        assert!(generator.close().unwrap().is_none());
        waiting.all_ended(1);
    });
}

#[test]
fn t5_a_generator_dropped_in_its_scope_ends_the_children_first() {
    everywhere(|| {
        let waiting = Arc::new(Waiting::default());
        let mut generator = with_open_scope(&waiting);
        yields(generator.start(), 1);
        drop(generator);
        waiting.all_ended(1);
    });
}

#[test]
fn t5_a_generator_that_goes_on_in_another_task() {
    everywhere(|| {
        let waiting = Arc::new(Waiting::default());
        let mut generator = with_open_scope(&waiting);
        yields(generator.start(), 1);
        let other = spawn_local(move || {
            yields(generator.send(()), 2);
            generator
        });
        let generator = other.join().unwrap();
        waiting.all_ended(1);
        drop(generator);
    });
}

/// The other task is cancelled in the scope that the first one opened.
#[test]
fn t5_a_generators_scope_is_cancelled_with_the_task_that_runs_it() {
    everywhere(|| {
        let waiting = Arc::new(Waiting::default());
        let theirs = waiting.clone();
        let mut generator = Generator::new(move |co: &Co<u32>| {
            scope(|s| {
                theirs.start(s);
                co.yield_(1);
            });
        });
        yields(generator.start(), 1);
        let gone = corro::timeout(std::time::Duration::from_millis(1), move || generator.send(()).is_ok());
        assert!(gone.is_err());
        waiting.all_ended(1);
    });
}

#[test]
fn t5_an_exception_thrown_into_a_scope_goes_on_after_the_children() {
    everywhere(|| {
        let waiting = Arc::new(Waiting::default());
        let mut generator = with_open_scope(&waiting);
        yields(generator.start(), 1);
        assert_eq!(raises_in::<_, _, &str>(generator.throw("thrown")), "thrown");
        waiting.all_ended(1);
    });
}

#[test]
fn t5_a_child_that_panics_while_the_generator_is_suspended() {
    everywhere(|| {
        let failed = Arc::new(AtomicUsize::new(0));
        let theirs = failed.clone();
        let trace = Trace::new();
        let told = trace.clone();
        let mut generator = Generator::new(move |co: &Co<u32>| {
            scope(|s| {
                s.spawn(|| {
                    theirs.fetch_add(1, SeqCst);
                    raise("child")
                });
                co.yield_(1);
                told.say("resumed");
                sleep(HOUR);
                told.say("went on");
            })
        });
        yields(generator.start(), 1);
        super::until(|| failed.load(SeqCst) == 1);
        raises("child", || generator.send(()));
        trace.said(&["resumed"]);
    });
}

/// The loop that the children ran on has ended them.
#[test]
fn t5_a_generator_with_a_scope_may_outlive_the_loop() {
    let waiting = Arc::new(Waiting::default());
    let generator = corro::run(|| {
        let mut generator = with_open_scope(&waiting);
        yields(generator.start(), 1);
        generator
    });
    waiting.all_ended(1);
    drop(generator);
}

#[test]
fn t5_a_generator_with_a_scope_that_cannot_wait_where_it_is_dropped_is_leaked() {
    let stderr = stderr_of(|| {
        let waiting = Arc::new(Waiting::default());
        let event_loop = EventLoop::new().unwrap();
        let generator = event_loop.run(|| {
            let mut generator = with_open_scope(&waiting);
            yields(generator.start(), 1);
            generator
        });
        // The children cannot end, since their loop does not run.
        drop(generator);
    });
    let sentence = "it has a `scope` or `join` open, whose tasks cannot be waited for here";
    assert!(stderr.is_none_or(|stderr| stderr.contains(sentence)));
}

#[test]
fn t7_a_generator_with_a_scope_that_is_dropped_in_an_unwind_is_leaked() {
    let stderr = stderr_of(|| {
        corro::run(|| {
            let waiting = Arc::new(Waiting::default());
            let task = corro::spawn_local(move || {
                let mut generator = with_open_scope(&waiting);
                yields(generator.start(), 1);
                std::panic::resume_unwind(Box::new("the task unwinds"));
            });
            assert!(task.join().unwrap_err().is_panic());
        });
    });
    let sentence = "it has a `scope` or `join` open, whose tasks cannot be waited for here";
    assert!(stderr.is_none_or(|stderr| stderr.contains(sentence)));
}

#[test]
fn t7_a_scope_in_a_destructor_works_without_children() {
    everywhere(|| {
        let seen = RefCell::new(vec![]);
        while_unwinding(|| {
            let value = scope(|s| {
                s.cancel();
                "value"
            });
            seen.borrow_mut().push(value);
        });
        assert_eq!(seen.into_inner(), ["value"]);
    });
}

#[test]
fn t7_spawn_in_a_scope_in_a_destructor_panics_with_a_sentence() {
    everywhere(|| {
        while_unwinding(|| {
            let ran = Rc::new(RefCell::new(false));
            let text = panic_text(|| scope(|s| drop(s.spawn_local(|| *ran.borrow_mut() = true))));
            assert!(text.contains("`Scope::spawn_local`") && text.contains("unwinds"), "{text}");
            let text = panic_text(|| scope(|s| drop(s.spawn(|| ()))));
            assert!(text.contains("`Scope::spawn`"), "{text}");
            assert!(!*ran.borrow());
        });
    });
}

#[test]
fn t7_spawn_in_a_scope_in_a_destructor_aborts_where_nobody_catches() {
    struct Spawns;
    impl Drop for Spawns {
        fn drop(&mut self) {
            scope(|s| drop(s.spawn(|| ())));
        }
    }
    let stderr = aborts(|| {
        corro::run(|| {
            let _spawns = Spawns;
            raise("unwinding");
        });
    });
    assert!(stderr.contains("`Scope::spawn` was called while the thread unwinds"), "{stderr}");
}

#[test]
fn t7_spawn_by_a_destructor_of_the_body_is_refused() {
    everywhere(|| {
        let waiting = Waiting::default();
        raises("body", || {
            scope(|s| {
                waiting.start(s);
                let _spawns = OnDrop(|| assert!(panic_text(|| drop(s.spawn(|| ()))).contains("unwinds")));
                raise("body")
            })
        });
        waiting.all_ended(1);
    });
    struct OnDrop<F: Fn()>(F);
    impl<F: Fn()> Drop for OnDrop<F> {
        fn drop(&mut self) {
            self.0();
        }
    }
}

#[test]
fn t8_a_scope_needs_a_task() {
    let check = |text: String| {
        assert!(text.contains("`scope`") && text.contains("corro::run"), "{text}");
    };
    check(panic_text(|| scope(|_| ())));
    let event_loop = EventLoop::new().unwrap();
    let text = Rc::new(RefCell::new(String::new()));
    let told = text.clone();
    event_loop.call_soon(move || *told.borrow_mut() = panic_text(|| scope(|_| ())));
    event_loop.run(yield_now);
    check(text.take());
}

#[test]
fn t8_spawn_in_a_scope_needs_a_scheduler() {
    everywhere(|| {
        scope(|s| {
            let text = thread::scope(|threads| threads.spawn(|| panic_text(|| drop(s.spawn(|| ())))).join().unwrap());
            assert!(text.contains("`Scope::spawn`") && text.contains("no task runs"), "{text}");
        });
    });
}

/// A child on the loop of another thread is waited for as well.
#[test]
fn t5_a_scope_may_have_children_on_another_loop() {
    for round in 0..50 {
        corro::run(|| {
            let count = AtomicUsize::new(0);
            scope(|s| {
                thread::scope(|threads| {
                    threads.spawn(|| {
                        corro::run(|| {
                            let child = s.spawn(|| {
                                (0..round % 5).for_each(|_| yield_now());
                                count.fetch_add(1, SeqCst)
                            });
                            assert_eq!(child.join().unwrap(), 0);
                        });
                    });
                });
            });
            assert_eq!(count.load(SeqCst), 1);
        });
    }
}
