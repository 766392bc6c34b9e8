//! What children may borrow and return, and what becomes of handles.

use std::cell::{Cell, RefCell};
use std::mem;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use corro::{ScopedJoinHandle, scope, spawn_local, task, yield_now};

use super::{Waiting, raise, raises, until};
use crate::generator::Trace;
use crate::generator::child::isolated;
use crate::schedulers::everywhere;

#[test]
fn t5_children_borrow_shared_and_mutably() {
    everywhere(|| {
        let text = String::from("borrowed");
        let (mut left, mut right) = (vec![1], [0; 3]);
        let (first, rest) = right.split_at_mut(1);
        scope(|s| {
            s.spawn(|| left.push(text.len()));
            s.spawn(|| first[0] = text.len());
            s.spawn(|| {
                yield_now();
                rest.fill(text.len() + 1);
            });
            assert_eq!(text, "borrowed");
        });
        assert_eq!((left, right), (vec![1, 8], [8, 9, 9]));
    });
}

#[test]
fn t5_handles_give_results_that_may_borrow() {
    everywhere(|| {
        let words = [String::from("a"), String::from("bc")];
        let longest = scope(|s| {
            let handles: Vec<ScopedJoinHandle<'_, &str>> = words.iter().map(|word| s.spawn(|| word.as_str())).collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).max_by_key(|word| word.len()).map(str::to_owned)
        });
        assert_eq!(longest.as_deref(), Some("bc"));
    });
}

#[test]
fn t5_a_handle_tells_of_its_task() {
    everywhere(|| {
        scope(|s| {
            let child = s.spawn(|| task::current().unwrap().id());
            assert_eq!(child.name(), None);
            until(|| child.is_finished());
            let id = child.id();
            assert_eq!(child.join().unwrap(), id);
        });
    });
}

#[test]
fn t5_spawn_local_takes_what_is_not_send() {
    everywhere(|| {
        let count = Rc::new(Cell::new(0));
        let list = RefCell::new(vec![]);
        let got = scope(|s| {
            let child = s.spawn_local(|| {
                count.set(count.get() + 1);
                list.borrow_mut().push("child");
                count.clone()
            });
            list.borrow_mut().push("body");
            child.join().unwrap()
        });
        assert_eq!((got.get(), Rc::strong_count(&got)), (1, 2));
        assert_eq!(list.into_inner(), ["body", "child"]);
    });
}

#[test]
fn t5_children_start_children() {
    everywhere(|| {
        let count = AtomicUsize::new(0);
        scope(|s| {
            for _ in 0..10 {
                s.spawn(|| {
                    yield_now();
                    let grandchild = s.spawn(|| {
                        yield_now();
                        s.spawn(|| count.fetch_add(1, SeqCst));
                        count.fetch_add(10, SeqCst)
                    });
                    drop(grandchild);
                    count.fetch_add(100, SeqCst);
                });
            }
        });
        assert_eq!(count.load(SeqCst), 1110);
    });
}

/// The only child that is left starts another as its last deed: the count of children never falls to zero before.
#[test]
fn t5_a_chain_of_children_is_waited_for_to_its_end() {
    fn link<'s>(s: &'s corro::Scope<'s, '_>, left: usize, count: &'s AtomicUsize) {
        count.fetch_add(1, SeqCst);
        if left > 0 {
            s.spawn(move || link(s, left - 1, count));
        }
    }
    everywhere(|| {
        let count = AtomicUsize::new(0);
        scope(|s| link(s, 500, &count));
        assert_eq!(count.load(SeqCst), 501);
    });
}

#[test]
fn t5_scopes_nest() {
    everywhere(|| {
        let mut total = 0;
        let outer = AtomicUsize::new(0);
        scope(|s| {
            s.spawn(|| {
                let inner = AtomicUsize::new(0);
                scope(|s| {
                    for n in 1..=4 {
                        let (inner, outer) = (&inner, &outer);
                        s.spawn(move || {
                            inner.fetch_add(n, SeqCst);
                            outer.fetch_add(1, SeqCst);
                        });
                    }
                });
                total = inner.load(SeqCst);
            });
            scope(|s| {
                s.spawn(|| outer.fetch_add(10, SeqCst));
            });
            assert!(outer.load(SeqCst) >= 10, "the inner scope has waited");
        });
        assert_eq!((total, outer.load(SeqCst)), (10, 14));
    });
}

#[test]
fn t5_a_child_of_the_outer_scope_outlives_the_inner_one() {
    everywhere(|| {
        let over = AtomicBool::new(false);
        let mut seen = false;
        scope(|outer| {
            scope(|inner| {
                inner.spawn(|| {
                    outer.spawn(|| {
                        until(|| over.load(SeqCst));
                        seen = true;
                    });
                });
            });
            over.store(true, SeqCst);
        });
        assert!(seen);
    });
}

#[test]
fn t5_a_scope_without_children_is_a_call() {
    everywhere(|| {
        let text = String::from("text");
        assert_eq!(scope(|_| &text), "text");
        raises("body", || scope(|_| raise("body")));
        scope(|s| s.cancel());
    });
}

#[test]
fn t5_the_debug_form_tells_little() {
    everywhere(|| {
        scope(|s| {
            let text = format!("{s:?} {:?}", s.spawn(|| 1));
            assert!(text.starts_with("Scope") && text.contains("JoinHandle"), "{text}");
        });
    });
}

/// Counts its drops.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn t5_results_nobody_takes_are_dropped_before_the_scope_ends() {
    everywhere(|| {
        let (early, late) = (AtomicUsize::new(0), AtomicUsize::new(0));
        scope(|s| {
            // Dropped before the child starts, as a rule, and when it has ended.
            drop(s.spawn(|| Counted(&early)));
            let ended = s.spawn(|| Counted(&late));
            until(|| ended.is_finished());
            assert_eq!(late.load(SeqCst), 0);
            drop(ended);
            assert_eq!(late.load(SeqCst), 1);
        });
        assert_eq!([early, late].map(AtomicUsize::into_inner), [1, 1]);
    });
}

#[test]
fn t5_results_of_forgotten_handles_are_leaked_and_never_used() {
    everywhere(|| {
        let drops = AtomicUsize::new(0);
        let mut ran = [false; 2];
        let [first, second] = &mut ran;
        scope(|s| {
            mem::forget(s.spawn(|| {
                *first = true;
                Counted(&drops)
            }));
            let ended = s.spawn(|| {
                *second = true;
                Counted(&drops)
            });
            until(|| ended.is_finished());
            mem::forget(ended);
        });
        (0..5).for_each(|_| yield_now());
        assert_eq!((ran, drops.load(SeqCst)), ([true; 2], 0));
    });
}

#[test]
fn t5_a_handle_may_go_to_another_child() {
    everywhere(|| {
        let data = [1, 2, 3];
        let sum = scope(|s| {
            let first = s.spawn(|| {
                yield_now();
                &data
            });
            let second = s.spawn(|| first.join().unwrap().iter().sum::<i32>());
            second.join().unwrap()
        });
        assert_eq!(sum, 6);
    });
}

/// A handle that lies in the closure of a child that never runs: the result is dropped in time.
#[test]
fn t5_a_handle_in_a_child_that_never_starts() {
    everywhere(|| {
        let drops = AtomicUsize::new(0);
        scope(|s| {
            let ended = s.spawn(|| Counted(&drops));
            until(|| ended.is_finished());
            let holder = s.spawn(move || drop(ended));
            holder.cancel();
            assert!(holder.join().unwrap_err().is_cancelled());
            assert_eq!(drops.load(SeqCst), 1);
        });
    });
}

#[test]
fn t5_the_scope_waits_for_children_that_nobody_joins() {
    everywhere(|| {
        let ended = AtomicUsize::new(0);
        let value = scope(|s| {
            for turns in 0..20 {
                s.spawn(move || (0..turns).for_each(|_| yield_now()));
            }
            s.spawn(|| {
                corro::unblock(|| ());
                ended.fetch_add(1, SeqCst);
            });
            "value"
        });
        assert_eq!((ended.load(SeqCst), value), (1, "value"));
    });
}

#[test]
fn t5_tasks_that_are_not_of_the_scope_are_not_waited_for() {
    everywhere(|| {
        let other = scope(|s| {
            s.spawn(yield_now);
            spawn_local(|| corro::sleep(super::HOUR))
        });
        assert!(!other.is_finished());
        other.cancel();
    });
}

/// The locals that children borrow go after the children, whichever way the scope is left.
#[test]
fn t5_what_is_borrowed_goes_after_the_children() {
    struct Local<'a>(&'a Waiting, &'a Trace);
    impl Drop for Local<'_> {
        fn drop(&mut self) {
            self.0.all_ended(2);
            self.1.say("local");
        }
    }
    everywhere(|| {
        for leave in ["return", "panic", "child", "cancel"] {
            let (waiting, trace) = (Waiting::default(), Trace::new());
            let body = || {
                let local = Local(&waiting, &trace);
                scope(|s| {
                    local.0.start(s);
                    local.0.start(s);
                    match leave {
                        "return" => s.cancel(),
                        "panic" => raise("panic"),
                        "child" => drop(s.spawn(|| raise("child"))),
                        _ => corro::sleep(super::HOUR),
                    }
                });
            };
            match leave {
                "return" => body(),
                "cancel" => assert!(corro::timeout(std::time::Duration::from_millis(1), body).is_err()),
                word => raises(word, body),
            }
            trace.said(&["local"]);
        }
    });
}

#[test]
fn t5_children_of_many_scopes_at_once() {
    everywhere(|| {
        let total = Mutex::new(0);
        scope(|s| {
            for number in 0..50 {
                let total = &total;
                s.spawn(move || {
                    let mut cells = [0; 8];
                    scope(|s| {
                        for (at, cell) in cells.iter_mut().enumerate() {
                            s.spawn(move || {
                                (0..at).for_each(|_| yield_now());
                                *cell = number;
                            });
                        }
                    });
                    *total.lock().unwrap() += cells.iter().sum::<usize>();
                });
            }
        });
        assert_eq!(total.into_inner().unwrap(), 8 * 49 * 50 / 2);
    });
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Of children that have ended nothing is kept: else this would take 160 MiB.
#[test]
fn t5_ten_thousand_short_children_do_not_pile_up() {
    isolated(|| {
        everywhere(|| {
            let ended = AtomicUsize::new(0);
            let before = resident_kib();
            scope(|s| {
                for number in 0..10_000_usize {
                    let load = [number as u8; 16 << 10];
                    let ended = &ended;
                    s.spawn(move || ended.fetch_add(usize::from(load[number] == number as u8), SeqCst));
                    if number % 50 == 49 {
                        until(|| ended.load(SeqCst) > number);
                    }
                }
                let grown = resident_kib().saturating_sub(before);
                assert!(grown < 40 << 10, "{grown} KiB for children that have ended");
            });
            assert_eq!(ended.load(SeqCst), 10_000);
        });
    });
}
