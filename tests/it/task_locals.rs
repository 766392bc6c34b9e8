//! `task_local!`: section 3 of the interface.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use corro::task::{JoinSet, join_all};
use corro::{Generator, channel, scope, sleep, spawn, spawn_local, task_local, yield_now};

use crate::generator::panic_text;
use crate::schedulers::everywhere;
use crate::support::{Counted, Drops, HOUR, cancelled, on_drop, waiter, yields};

static MADE: AtomicUsize = AtomicUsize::new(0);

task_local! {
    /// Not `Send`.
    static OWN: Rc<Cell<u32>> = Rc::new(Cell::new(0));
    static NAMES: RefCell<Vec<&'static str>> = RefCell::default();
    pub(crate) inherit static REQUEST: String = String::from("none");
    static COUNTED: Option<Counted> = None;
    inherit static DEPTH: u32 = 0
}

mod made {
    use super::{AtomicUsize, MADE, SeqCst, task_local};

    task_local! {
        pub(super) static ONCE: usize = MADE.fetch_add(1, SeqCst);
    }

    pub(super) fn count() -> usize {
        AtomicUsize::load(&MADE, SeqCst)
    }
}

#[test]
fn each_task_has_a_value_of_its_own() {
    everywhere(|| {
        OWN.with(|own| own.set(1));
        let others: Vec<_> = (0..4)
            .map(|number| {
                spawn_local(move || {
                    assert_eq!(OWN.get().get(), 0);
                    OWN.with(|own| own.set(number));
                    yields(2);
                    OWN.get().get()
                })
            })
            .collect();
        let seen: Vec<_> = others.into_iter().map(|other| other.join().unwrap()).collect();
        assert_eq!((seen, OWN.get().get()), (vec![0, 1, 2, 3], 1));
        NAMES.with(|names| names.borrow_mut().push("a"));
        NAMES.with(|names| assert_eq!(*names.borrow(), ["a"]));
    });
}

#[test]
fn a_value_is_made_at_its_first_use() {
    corro::run(|| {
        spawn(|| ()).join().unwrap();
        assert_eq!(made::count(), 0);
        assert_eq!((made::ONCE.get(), made::ONCE.get()), (0, 0));
        assert_eq!(spawn(|| made::ONCE.get()).join().unwrap(), 1);
    });
}

#[test]
fn a_child_inherits_a_clone_of_what_is_marked() {
    everywhere(|| {
        OWN.with(|own| own.set(5));
        REQUEST.set("parent".to_owned());
        let child = || {
            let before = (OWN.get().get(), REQUEST.get());
            REQUEST.set("child".to_owned());
            before
        };
        let expected = (0, "parent".to_owned());
        assert_eq!(spawn(child).join().unwrap(), expected);
        assert_eq!(spawn_local(child).join().unwrap(), expected);
        assert_eq!(scope(|s| s.spawn(child).join().unwrap()), expected);
        assert_eq!(join_all([child]).remove(0).unwrap(), expected);
        let mut set = JoinSet::new();
        set.spawn(child);
        assert_eq!(set.join_next().unwrap().unwrap(), expected);
        assert_eq!(REQUEST.get(), "parent", "the child's is another");
        // As it was when the child was made, not when it began.
        let late = spawn_local(|| REQUEST.get());
        REQUEST.set("later".to_owned());
        assert_eq!(late.join().unwrap(), "parent");
    });
}

#[test]
fn grandchildren_inherit() {
    fn deep(levels: u32) -> u32 {
        DEPTH.set(DEPTH.get() + 1);
        if levels == 0 { DEPTH.get() } else { spawn(move || deep(levels - 1)).join().unwrap() }
    }
    everywhere(|| assert_eq!(deep(5), 6));
}

#[test]
fn scope_restores_what_was_before() {
    everywhere(|| {
        REQUEST.set("outer".to_owned());
        let inner = REQUEST.scope("inner".to_owned(), || {
            let child = spawn(|| REQUEST.get()).join().unwrap();
            assert_eq!(REQUEST.scope("third".to_owned(), || REQUEST.get()), "third");
            (child, REQUEST.get())
        });
        assert_eq!(inner, ("inner".to_owned(), "inner".to_owned()));
        assert_eq!(REQUEST.get(), "outer");
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            REQUEST.scope("unwound".to_owned(), || resume_unwind(Box::new(())));
        }));
        assert!(unwound.is_err());
        assert_eq!(REQUEST.get(), "outer");
        // A task that had no value has none after it.
        spawn(|| {
            OWN.scope(Rc::new(Cell::new(9)), || assert_eq!(OWN.get().get(), 9));
            assert_eq!(OWN.get().get(), 0);
        })
        .join()
        .unwrap();
    });
}

#[test]
fn values_are_dropped_as_the_task_ends_on_its_own_stack() {
    everywhere(|| {
        let drops = Drops::default();
        let value = drops.value();
        spawn_local(move || COUNTED.set(Some(value))).join().unwrap();
        assert_eq!(drops.count(), 1);

        let value = drops.value();
        let sleeper = waiter(move || {
            COUNTED.set(Some(value));
            sleep(HOUR);
        });
        sleeper.cancel();
        cancelled(sleeper);
        assert_eq!(drops.count(), 2, "of a task that was cancelled");

        let value = drops.value();
        let fails = spawn_local(move || {
            COUNTED.set(Some(value));
            resume_unwind(Box::new("fails"));
        });
        assert!(fails.join().is_err());
        assert_eq!(drops.count(), 3, "of a task that failed");

        let values = [drops.value(), drops.value()];
        let [one, two] = values;
        spawn_local(move || {
            COUNTED.set(Some(one));
            COUNTED.set(Some(two));
        })
        .join()
        .unwrap();
        assert_eq!(drops.count(), 5, "of one that was replaced, too");
    });
}

task_local! {
    static WAITS: Option<Ends> = None;
}

/// Waits and uses task-locals as it is dropped.
struct Ends(channel::Sender<u32>);

impl Drop for Ends {
    fn drop(&mut self) {
        yield_now();
        OWN.with(|own| own.set(own.get() + 1));
        self.0.send(OWN.get().get()).unwrap();
    }
}

#[test]
fn a_destructor_may_wait_and_use_task_locals() {
    everywhere(|| {
        let (tx, rx) = channel::unbounded();
        spawn_local(move || WAITS.set(Some(Ends(tx)))).join().unwrap();
        assert_eq!(rx.recv(), Ok(1));
    });
}

#[test]
fn a_set_within_with_does_not_change_what_is_seen() {
    everywhere(|| {
        REQUEST.set("one".to_owned());
        REQUEST.with(|request| {
            REQUEST.set("two".to_owned());
            assert_eq!(request, "one");
        });
        assert_eq!(REQUEST.get(), "two");
        // Also across a wait.
        REQUEST.with(|request| {
            yield_now();
            assert_eq!(request, "two");
        });
    });
}

#[test]
fn a_generator_in_a_task_sees_the_tasks_values() {
    everywhere(|| {
        REQUEST.set("task".to_owned());
        let mut generator = Generator::<String, ()>::new(|co| co.yield_(REQUEST.get()));
        assert_eq!(generator.next(), Some("task".to_owned()));
    });
}

#[test]
fn t8_elsewhere_it_panics_with_a_sentence() {
    for (call, text) in [
        ("with", panic_text(|| OWN.with(|_| ()))),
        ("get", panic_text(|| REQUEST.get())),
        ("set", panic_text(|| REQUEST.set(String::new()))),
        ("scope", panic_text(|| REQUEST.scope(String::new(), || ()))),
    ] {
        assert!(text.contains(&format!("`{call}`")) && text.contains("thread_local!"), "{call}: {text}");
    }
    let _dropped = on_drop(|| ());
}

/// A clone that panics, and one that spawns.
#[derive(Debug)]
struct Odd(u32);

impl Clone for Odd {
    fn clone(&self) -> Odd {
        assert_ne!(self.0, 13, "no clones of this");
        if self.0 == 1 {
            ODD.set(Odd(2));
            spawn(|| ()).join().unwrap();
        }
        Odd(self.0)
    }
}

task_local! {
    inherit static ODD: Odd = Odd(0);
}

#[test]
fn a_clone_that_panics_or_uses_task_locals_harms_nothing() {
    everywhere(|| {
        ODD.set(Odd(1));
        assert_eq!(spawn(|| ODD.with(|odd| odd.0)).join().unwrap(), 1);
        assert_eq!(ODD.with(|odd| odd.0), 2);
        ODD.set(Odd(13));
        let text = panic_text(|| spawn(|| ()).join().unwrap());
        assert!(text.contains("no clones"), "{text}");
        ODD.set(Odd(3));
        assert_eq!(spawn(|| ODD.with(|odd| odd.0)).join().unwrap(), 3);
    });
}

task_local! {
    static FIRST: Option<Fails> = None;
    static SECOND: Option<Fails> = None;
}

struct Fails(#[allow(dead_code, reason = "counts its drop")] Counted);

impl Drop for Fails {
    fn drop(&mut self) {
        resume_unwind(Box::new("fails"));
    }
}

#[test]
fn of_several_destructors_that_fail_each_runs() {
    everywhere(|| {
        let drops = Drops::default();
        let values = [drops.value(), drops.value()];
        spawn_local(move || {
            let [first, second] = values;
            FIRST.set(Some(Fails(first)));
            SECOND.set(Some(Fails(second)));
        })
        .join()
        .unwrap();
        assert_eq!(drops.count(), 2);
    });
}
