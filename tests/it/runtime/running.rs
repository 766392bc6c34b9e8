//! Rules S3, S7: running main, handing in from everywhere, panics.

use std::cell::Cell;
use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;

use corro::{EventLoop, Runtime, scope, sleep, spawn, spawn_local, task, yield_now};

use super::{each, ms, on_each, panicked, raise, raises, runtime, settles};
use crate::generator::while_unwinding;

#[test]
fn s7_main_may_borrow_and_return_what_borrows() {
    each(|runtime, _| {
        let words = [String::from("short"), String::from("longest")];
        let mut seen = vec![];
        let longest: &String = runtime.run(|| {
            seen.extend(words.iter().map(String::len));
            sleep(ms(1));
            words.iter().max_by_key(|word| word.len()).unwrap()
        });
        assert_eq!((longest.as_str(), seen), ("longest", vec![5, 7]));
    });
}

#[test]
fn s7_main_is_a_task_with_a_name_on_a_worker() {
    let here = thread::current().id();
    on_each(|_| {
        assert_eq!(task::current().unwrap().name(), Some("main"));
        assert_ne!(thread::current().id(), here);
    });
}

#[test]
fn s7_run_may_be_called_again_and_other_tasks_go_on_between() {
    each(|runtime, _| {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = count.clone();
        let task = runtime.run(|| {
            spawn(move || {
                while counter.fetch_add(1, SeqCst) < 10 {
                    sleep(ms(1));
                }
                "done"
            })
        });
        settles(|| count.load(SeqCst) > 10);
        assert_eq!(runtime.run(|| task.join().unwrap()), "done");
    });
}

/// Many threads run a main of their own at once.
#[test]
fn s7_run_on_several_threads_at_once() {
    each(|runtime, _| {
        let sum = AtomicUsize::new(0);
        thread::scope(|s| {
            for number in 0..8 {
                let (runtime, sum) = (&runtime, &sum);
                s.spawn(move || {
                    for _ in 0..20 {
                        let got = runtime.run(|| {
                            yield_now();
                            spawn(move || number).join().unwrap()
                        });
                        sum.fetch_add(got, SeqCst);
                    }
                });
            }
        });
        assert_eq!(sum.load(SeqCst), 20 * 28);
    });
}

#[test]
fn s3_a_panic_of_main_reaches_the_caller_and_the_runtime_goes_on() {
    each(|runtime, _| {
        raises("main's", || runtime.run(|| raise("main's")));
        raises("later", || {
            runtime.run(|| {
                sleep(ms(1));
                raise("later")
            })
        });
        assert_eq!(runtime.run(|| 5), 5);
    });
}

#[test]
fn s3_a_panic_of_a_task_is_its_joiners() {
    each(|runtime, _| {
        panicked("from outside", runtime.spawn(|| raise("from outside")));
        runtime.run(|| {
            panicked("inside", spawn(|| raise("inside")));
            panicked("local", spawn_local(|| raise("local")));
            let many: Vec<_> = (0..100).map(|i| spawn(move || if i % 2 == 0 { raise("even") } else { i })).collect();
            for (i, handle) in many.into_iter().enumerate() {
                if i % 2 == 0 { panicked("even", handle) } else { assert_eq!(handle.join().unwrap(), i) }
            }
        });
        // Nobody joins this one.
        drop(runtime.spawn(|| raise("unheard")));
        assert_eq!(runtime.spawn(|| 7).join().unwrap(), 7);
    });
}

#[test]
fn s8_spawn_from_a_plain_thread_and_join_there() {
    each(|runtime, _| {
        let handles: Vec<_> = (0..500).map(|i| runtime.spawn(move || i)).collect();
        assert_eq!(handles.into_iter().map(|handle| handle.join().unwrap()).sum::<i32>(), 499 * 250);
    });
}

#[test]
fn s8_spawn_from_many_threads_at_once() {
    each(|runtime, _| {
        let count = Arc::new(AtomicUsize::new(0));
        thread::scope(|s| {
            for _ in 0..8 {
                s.spawn(|| {
                    for _ in 0..200 {
                        let count = count.clone();
                        drop(runtime.spawn(move || {
                            yield_now();
                            count.fetch_add(1, SeqCst)
                        }));
                    }
                });
            }
        });
        settles(|| count.load(SeqCst) == 1600);
    });
}

/// In a task of its own `Runtime::spawn` is `corro::spawn`.
#[test]
fn s8_spawn_through_the_runtime_inside_it() {
    each(|runtime, _| {
        let sum = runtime.run(|| {
            let handles: Vec<_> = (0..100).map(|i| runtime.spawn(move || i)).collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).sum::<i32>()
        });
        assert_eq!(sum, 4950);
    });
}

#[test]
fn s8_spawn_from_a_task_of_another_runtime() {
    each(|one, workers| {
        let other = Runtime::builder().workers(workers).thread_name("other").build().unwrap();
        let names = one.run(|| {
            let handles: Vec<_> =
                (0..50).map(|_| other.spawn(|| thread::current().name().unwrap().to_owned())).collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(names.iter().all(|name| name.starts_with("other-")), "{names:?}");
    });
}

#[test]
fn s8_spawn_from_a_loop_its_callbacks_and_its_tasks() {
    each(|runtime, _| {
        let event_loop = EventLoop::new().unwrap();
        let main = thread::current().id();
        let runtime = Arc::new(runtime);
        let from_call = std::rc::Rc::new(Cell::new(None));
        let (place, hands_in) = (from_call.clone(), runtime.clone());
        event_loop.call_soon(move || place.set(Some(hands_in.spawn(|| thread::current().id()))));
        event_loop.run(|| {
            let handle = runtime.spawn(|| {
                sleep(ms(1));
                thread::current().id()
            });
            assert_ne!(handle.join().unwrap(), main);
            yield_now();
            assert_ne!(from_call.take().expect("it was called").join().unwrap(), main);
        });
    });
}

/// Tasks of two runtimes and a loop join one another, and each is cancelled from elsewhere.
#[test]
fn s8_joins_and_cancels_across_schedulers() {
    each(|one, workers| {
        let other = runtime(workers);
        corro::run(|| {
            let inner = other.spawn(|| {
                sleep(ms(2));
                1
            });
            let outer = one.spawn(move || inner.join().unwrap() + 1);
            assert_eq!(outer.join().unwrap(), 2);
            let sleeps = other.spawn(|| sleep(super::HOUR));
            let cancels = one.spawn(move || {
                sleeps.cancel();
                super::cancelled(sleeps);
            });
            cancels.join().unwrap();
        });
    });
}

/// Waits of each kind come to their end: what wakes comes from other workers.
#[test]
fn s7_a_bit_of_everything() {
    on_each(|_| {
        let (reader, writer) = io::pipe().unwrap();
        let writes = spawn(move || {
            sleep(ms(1));
            io::Write::write_all(&mut &writer, b"x").unwrap();
            drop(writer);
        });
        let waits = spawn(move || {
            corro::io::wait_readable(&reader).unwrap();
            io::Read::read(&mut &reader, &mut [0; 8]).unwrap()
        });
        assert_eq!(waits.join().unwrap(), 1);
        writes.join().unwrap();
        assert_eq!(corro::unblock(|| 5), 5);
        assert!(corro::timeout(ms(1), || sleep(super::HOUR)).is_err());
        let text = String::from("borrowed");
        let total = scope(|s| {
            let handles: Vec<_> = (0..50)
                .map(|i| {
                    let text = &text;
                    s.spawn(move || {
                        (0..i % 7).for_each(|_| yield_now());
                        text.len()
                    })
                })
                .collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).sum::<usize>()
        });
        assert_eq!(total, 400);
    });
}

/// A tree of tasks, each of which waits for its children.
#[test]
fn s8_stress_a_tree_of_tasks() {
    fn leaves(depth: u32) -> usize {
        if depth == 0 {
            yield_now();
            return 1;
        }
        let children: Vec<_> = (0..3).map(|_| spawn(move || leaves(depth - 1))).collect();
        children.into_iter().map(|child| child.join().unwrap()).sum()
    }
    on_each(|_| assert_eq!(leaves(7), 2187));
}

#[test]
fn s7_run_in_a_destructor_while_the_thread_unwinds() {
    each(|runtime, _| {
        while_unwinding(|| {
            let mut borrowed = 0;
            let got = runtime.run(|| {
                sleep(ms(1));
                borrowed += 1;
                spawn(|| 4).join().unwrap()
            });
            assert_eq!((got, borrowed), (4, 1));
            raises("main's", || runtime.run(|| raise("main's")));
        });
    });
}

#[test]
fn s7_run_in_a_thread_locals_destructor() {
    struct Runs(Arc<AtomicUsize>);
    impl Drop for Runs {
        fn drop(&mut self) {
            let runtime = runtime(2);
            let got = runtime.run(|| {
                sleep(ms(1));
                spawn(|| 4).join().unwrap()
            });
            self.0.fetch_add(got, SeqCst);
        }
    }
    thread_local!(static RUNS: Cell<Option<Runs>> = const { Cell::new(None) });
    let sum = Arc::new(AtomicUsize::new(0));
    let told = sum.clone();
    thread::spawn(move || RUNS.set(Some(Runs(told)))).join().unwrap();
    assert_eq!(sum.load(SeqCst), 4);
}

#[test]
fn s7_threads_have_the_name_that_was_asked_for() {
    let runtime = Runtime::builder().workers(4).thread_name("crew").build().unwrap();
    let meet = Arc::new(Barrier::new(4));
    // Each holds its worker, so each has one to itself.
    let handles: Vec<_> = (0..4)
        .map(|_| {
            let meet = meet.clone();
            runtime.spawn(move || {
                meet.wait();
                thread::current().name().unwrap().to_owned()
            })
        })
        .collect();
    let names: HashSet<_> = handles.into_iter().map(|handle| handle.join().unwrap()).collect();
    assert_eq!(names, ["crew-0", "crew-1", "crew-2", "crew-3"].map(String::from).into());
}

#[test]
fn s7_a_builder_with_no_workers_makes_one() {
    let runtime = runtime(0);
    assert_eq!((runtime.metrics().workers, runtime.run(|| 3)), (1, 3));
}

#[test]
fn s7_a_runtime_is_send_and_sync() {
    fn is<T: Send + Sync>() {}
    is::<Runtime>();
    let runtime = runtime(2);
    let runtime = thread::spawn(move || {
        runtime.run(|| ());
        runtime
    })
    .join()
    .unwrap();
    assert_eq!(runtime.run(|| 1), 1);
}
