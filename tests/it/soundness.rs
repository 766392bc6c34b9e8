//! What safe code may do to this crate: it leaks, it keeps, it panics in destructors. Nothing here is `unsafe`, so
//! whatever happens must be a result, a panic or an abort with a message.

#![forbid(unsafe_code)]

mod leaking;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;

use corro::{Co, Generator, Runtime, scope, sleep, spawn, spawn_local, yield_now};

use crate::generator::child::{aborts, stderr_of};
use crate::schedulers::everywhere;
use crate::support::{HOUR, ms};

fn runtime(workers: usize) -> Runtime {
    Runtime::builder().workers(workers).build().unwrap()
}

/// What was leaked before has done no harm.
#[track_caller]
fn all_is_well() {
    let sum: u64 =
        (0..50).map(|n| spawn(move || n * n)).collect::<Vec<_>>().into_iter().map(|h| h.join().unwrap()).sum();
    assert_eq!(sum, 40_425);
    let mut generator = Generator::new(|co: &Co<u32>| (0..5).for_each(|n| co.yield_(n)));
    assert_eq!(generator.by_ref().sum::<u32>(), 10);
    let local = Rc::new(Cell::new(0));
    scope(|s| {
        for _ in 0..10 {
            s.spawn_local(|| {
                yield_now();
                local.set(local.get() + 1);
            });
        }
    });
    assert_eq!(local.get(), 10);
    sleep(ms(1));
}

// What stays on its thread.

thread_local! {
    static COUNT: Rc<Cell<usize>> = Rc::default();
    static PLACE: RefCell<HashMap<usize, Rc<Cell<usize>>>> = RefCell::default();
}

/// An `Rc` with one end in a thread-local and the other on a stack that waits.
#[test]
fn s8_an_rc_in_a_thread_local_and_across_waits() {
    everywhere(|| {
        let tasks: Vec<_> = (0..100)
            .map(|number| {
                spawn(move || {
                    let mine = Rc::new(Cell::new(0));
                    PLACE.with_borrow_mut(|place| place.insert(number, mine.clone()));
                    for _ in 0..10 {
                        let count = COUNT.with(Rc::clone);
                        if number % 2 == 0 {
                            yield_now()
                        } else {
                            sleep(ms(1))
                        }
                        count.set(count.get() + 1);
                        mine.set(mine.get() + 1);
                        assert!(COUNT.with(|other| Rc::ptr_eq(other, &count)));
                    }
                    let other = PLACE.with_borrow_mut(|place| place.remove(&number)).expect("the same thread");
                    assert!(Rc::ptr_eq(&mine, &other));
                    assert_eq!((mine.get(), Rc::strong_count(&mine)), (10, 2));
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// A guard of `std` must be let go by the thread that has it.
#[test]
fn t9_a_mutex_guard_comes_back_on_its_thread() {
    everywhere(|| {
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                spawn(|| {
                    let (lock, here) = (Mutex::new(0), thread::current().id());
                    let mut guard = lock.lock().unwrap();
                    sleep(ms(1));
                    yield_now();
                    *guard += 1;
                    assert_eq!(thread::current().id(), here);
                    drop(guard);
                    assert!(lock.try_lock().is_ok());
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// A thread-local whose destructor says that it has run on this thread.
struct Alive(Cell<bool>, Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.set(false);
        self.1.fetch_add(1, SeqCst);
    }
}

thread_local!(static ALIVE: RefCell<Option<Rc<Alive>>> = const { RefCell::new(None) });

/// Borrows of thread-locals are alive as the runtime ends: each task unwinds before its thread's locals go.
#[test]
fn s8_borrows_of_thread_locals_end_before_the_thread() {
    thread_local!(static LIVE: Live = const { Live(Cell::new(true)) });
    struct Live(Cell<bool>);
    impl Drop for Live {
        fn drop(&mut self) {
            self.0.set(false);
        }
    }
    static LATE: AtomicUsize = AtomicUsize::new(0);
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    struct Looks<'a>(&'a Live);
    impl Drop for Looks<'_> {
        fn drop(&mut self) {
            SEEN.fetch_add(1, SeqCst);
            LATE.fetch_add(usize::from(!self.0.0.get()), SeqCst);
        }
    }
    for workers in [1, 2, 4, 16] {
        let runtime = runtime(workers);
        let started = Arc::new(AtomicUsize::new(0));
        for _ in 0..50 {
            let started = started.clone();
            drop(runtime.spawn(move || {
                LIVE.with(|live| {
                    let _looks = Looks(live);
                    started.fetch_add(1, SeqCst);
                    sleep(HOUR);
                });
            }));
        }
        while started.load(SeqCst) < 50 {
            thread::yield_now();
        }
        drop(runtime);
    }
    assert_eq!((SEEN.load(SeqCst), LATE.load(SeqCst)), (200, 0));
}

/// Tasks keep things in thread-locals that outlive the runtime's last turn: destructors then find no scheduler.
#[test]
fn s8_thread_locals_that_hold_what_needs_a_scheduler() {
    let dropped = Arc::new(AtomicUsize::new(0));
    for workers in [1, 2, 4] {
        let runtime = runtime(workers);
        let told = dropped.clone();
        runtime.run(|| {
            let alive = Rc::new(Alive(Cell::new(true), told));
            ALIVE.with_borrow_mut(|place| *place = Some(alive.clone()));
            sleep(ms(1));
            assert!(alive.0.get());
        });
        // A handle and a suspended generator stay in thread-locals of the worker.
        thread_local!(static HANDLE: RefCell<Option<corro::JoinHandle<()>>> = const { RefCell::new(None) });
        thread_local!(static GENERATOR: RefCell<Option<Generator<()>>> = const { RefCell::new(None) });
        runtime.run(|| {
            HANDLE.set(Some(spawn_local(|| sleep(HOUR))));
            let mut generator = Generator::new(|co: &Co<()>| {
                let _at_the_end = Sleeps;
                co.yield_(());
            });
            generator.next();
            GENERATOR.set(Some(generator));
            yield_now();
        });
        drop(runtime);
    }
    while dropped.load(SeqCst) < 3 {
        thread::yield_now();
    }
}

struct Sleeps;

impl Drop for Sleeps {
    fn drop(&mut self) {
        sleep(ms(1));
        yield_now();
    }
}

// Destructors that panic.

struct Fails;

impl Drop for Fails {
    fn drop(&mut self) {
        resume_unwind(Box::new("a destructor"));
    }
}

/// One panic in a destructor while a task is cancelled is what Rust makes of it: an abort, since the cancellation is an
/// unwind; so the test is a child that either aborts or sees a panic's result.
#[test]
fn t3_a_panic_in_a_destructor_while_a_task_is_cancelled() {
    let said = aborts(|| {
        corro::run(|| {
            let task = spawn_local(|| {
                let _fails = Panics;
                sleep(HOUR);
            });
            yield_now();
            task.cancel();
            // A panic as its result would do as well.
            assert!(task.join().is_err_and(|error| error.is_panic()));
        });
        std::process::abort();
    });
    assert!(said.contains("a destructor") && !said.contains("bug in corro"), "{said}");
}

struct Panics;

impl Drop for Panics {
    fn drop(&mut self) {
        panic!("a destructor");
    }
}

/// Where no unwind goes on a destructor's panic is a panic like others: of a result, of a closure that never ran, of what
/// a payload holds.
#[test]
fn t3_panics_in_destructors_of_results_closures_and_payloads() {
    everywhere(|| {
        drop(spawn(|| Fails));
        let ended = spawn(|| Fails);
        while !ended.is_finished() {
            yield_now();
        }
        // Whether it comes out of the drop of the handle is not said.
        let _ = catch_unwind(AssertUnwindSafe(move || drop(ended)));
        let fails = Fails;
        let unstarted = spawn_local(move || drop(fails));
        unstarted.cancel();
        assert!(unstarted.join().unwrap_err().is_panic());
        drop(spawn(|| resume_unwind(Box::new(Fails))));
        let failed = spawn(|| resume_unwind(Box::new(Fails)));
        let error = failed.join().map(|(): ()| ()).unwrap_err();
        assert!(catch_unwind(AssertUnwindSafe(move || drop(error))).is_err());
        sleep(ms(1));
        all_is_well();
    });
}

/// The same when the runtime ends.
#[test]
fn s5_panics_in_destructors_of_what_never_ran_as_the_runtime_ends() {
    for workers in [1, 2, 4, 16] {
        let runtime = runtime(workers);
        // None waits: a destructor that panics while its task is cancelled is an abort.
        let handles: Vec<_> = (0..50)
            .map(|_| {
                let fails = Fails;
                runtime.spawn(move || drop(fails))
            })
            .collect();
        drop(runtime);
        assert!(handles.into_iter().all(|handle| handle.join().is_err_and(|error| error.is_panic())));
    }
}

/// A payload that panics as it is dropped, on the way out of `join` and `scope`.
#[test]
fn t6_payloads_whose_destructors_panic() {
    everywhere(|| {
        let lost = || -> () { resume_unwind(Box::new(Fails)) };
        for _ in 0..10 {
            let outcome = catch_unwind(|| corro::join(lost, lost));
            forget(outcome.unwrap_err());
            let outcome = catch_unwind(|| corro::join(|| sleep(ms(1)), lost));
            forget(outcome.unwrap_err());
            let outcome = catch_unwind(|| {
                scope(|s| {
                    s.spawn(lost);
                    s.spawn(lost);
                })
            });
            forget(outcome.unwrap_err());
        }
        all_is_well();
    });
}

/// A wrapper that panics on other threads takes `&Co` past the bounds of `join`, so that a generator yields inside of it
/// and outlives its worker, and the deque in which the second closure lies.
#[test]
fn t6_a_generator_with_a_join_open_may_outlive_its_worker() {
    thread_local!(static KEEP: RefCell<Option<Generator<i32>>> = const { RefCell::new(None) });
    let stderr = stderr_of(|| {
        for workers in [1, 2, 4] {
            let runtime = runtime(workers);
            runtime.run(|| {
                let mut generator = Generator::new(|co: &Co<i32>| {
                    let co = send_wrapper::SendWrapper::new(co);
                    corro::join(
                        move || {
                            co.yield_(1);
                        },
                        || (),
                    );
                });
                assert_eq!(generator.next(), Some(1));
                KEEP.with(|keep| *keep.borrow_mut() = Some(generator));
            });
            drop(runtime);
        }
    });
    assert!(stderr.is_none_or(|stderr| stderr.matches("`scope` or `join` open").count() == 3));
}

/// The same generator goes on where its worker still is: in a task, and in one of a loop inside a task.
#[test]
fn t6_a_generator_with_a_join_open_goes_on_in_another_task() {
    let new = || {
        Generator::new(|co: &Co<i32>| {
            let co = send_wrapper::SendWrapper::new(co);
            let (sent, b) = corro::join(move || co.yield_(1), || 2);
            assert_eq!((sent, b), ((), 2));
        })
    };
    for workers in [1, 2, 4] {
        runtime(workers).run(|| {
            let mut generator = new();
            assert_eq!(generator.next(), Some(1));
            spawn_local(move || assert_eq!(generator.next(), None)).join().unwrap();
            let mut generator = new();
            assert_eq!(generator.next(), Some(1));
            spawn_local(move || drop(generator)).join().unwrap();
        });
    }
}
