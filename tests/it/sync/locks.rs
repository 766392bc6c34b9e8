//! Mutexes, read-write locks, cells that are filled once.

use std::cell::Cell;
use std::panic::{catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use corro::sync::{Mutex, OnceCell, RwLock};
use corro::{Runtime, scope, spawn, spawn_local, timeout, yield_now};

use crate::schedulers::{everywhere, virtually};
use crate::support::{HOUR, Log, cancelled, is_a_cancellation_point, is_no_cancellation_point, ms, waiter, yields};

#[test]
fn c1_a_mutex_goes_to_who_has_waited_longest() {
    everywhere(|| {
        let (mutex, order) = (Rc::new(Mutex::new(())), Log::default());
        let guard = mutex.lock();
        let tasks: Vec<_> = (0..5)
            .map(|n| {
                let (mutex, order) = (mutex.clone(), order.clone());
                waiter(move || {
                    let _guard = mutex.lock();
                    order.push(n);
                })
            })
            .collect();
        drop(guard);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(order.take(), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn c1_nobody_is_quicker_than_who_was_handed_the_lock() {
    everywhere(|| {
        let (mutex, order) = (Rc::new(Mutex::new(())), Log::default());
        let guard = mutex.lock();
        let (theirs, told) = (mutex.clone(), order.clone());
        let waiting = waiter(move || {
            let _guard = theirs.lock();
            told.push("waiter");
        });
        drop(guard);
        assert!(mutex.try_lock().is_none(), "it was handed over, though the waiter has not run");
        let guard = mutex.lock();
        order.push("releaser");
        drop(guard);
        waiting.join().unwrap();
        assert_eq!(order.take(), ["waiter", "releaser"]);
    });
}

#[test]
fn c2_a_lock_of_a_cancelled_waiter_goes_to_the_next() {
    everywhere(|| {
        let mutex = Rc::new(Mutex::new(0));
        let guard = mutex.lock();
        let tasks: Vec<_> = (0..3).map(|_| mutex.clone()).map(|mutex| waiter(move || *mutex.lock() += 1)).collect();
        let [first, second, third] = tasks.try_into().expect("three");
        // The third before it is chosen, the first after.
        third.cancel();
        drop(guard);
        first.cancel();
        cancelled(first);
        second.join().unwrap();
        cancelled(third);
        assert_eq!(*mutex.try_lock().expect("it is free"), 1);
    });
}

#[test]
fn t9_unwinding_through_a_guard_unlocks() {
    everywhere(|| {
        let mutex = Arc::new(Mutex::new(0));
        let theirs = mutex.clone();
        let panics = spawn(move || {
            *theirs.lock() += 1;
            let _guard = theirs.lock();
            resume_unwind(Box::new("fails"));
        });
        assert!(panics.join().is_err_and(|error| error.is_panic()));
        let theirs = mutex.clone();
        let sleeps = waiter(move || {
            let _guard = theirs.lock();
            corro::sleep(HOUR);
        });
        assert!(mutex.try_lock().is_none());
        sleeps.cancel();
        cancelled(sleeps);
        assert_eq!(*mutex.lock(), 1);
    });
}

#[test]
fn t4_a_mutex_is_waited_for_as_long_as_one_is_told() {
    virtually(|| {
        let mutex = Rc::new(Mutex::new(()));
        let guard = mutex.lock();
        let start = corro::time::now();
        assert!(mutex.lock_timeout(ms(5)).is_none());
        assert!(timeout(ms(5), || drop(mutex.lock())).is_err());
        assert_eq!(corro::time::now() - start, ms(10));
        let theirs = mutex.clone();
        let other = waiter(move || theirs.lock_timeout(ms(5)).is_some());
        drop(guard);
        assert!(other.join().unwrap() && mutex.lock_timeout(HOUR).is_some());
    });
}

#[test]
fn t2_locks_are_cancellation_points() {
    everywhere(|| {
        let (mutex, lock, cell) = (Mutex::new(()), RwLock::new(()), OnceCell::new());
        is_a_cancellation_point("lock", || drop(mutex.lock()));
        is_a_cancellation_point("lock_timeout", || drop(mutex.lock_timeout(HOUR)));
        is_a_cancellation_point("read", || drop(lock.read()));
        is_a_cancellation_point("write", || drop(lock.write()));
        is_a_cancellation_point("get_or_init", || *cell.get_or_init(|| 1));
        assert!(mutex.try_lock().is_some() && lock.try_write().is_some() && cell.get().is_none());
        is_no_cancellation_point("try_lock", || drop(mutex.try_lock()));
        is_no_cancellation_point("try_read", || drop(lock.try_read()));
        is_no_cancellation_point("try_write", || drop(lock.try_write()));
        is_no_cancellation_point("get", || cell.get().is_none());
    });
}

#[test]
fn t8_a_mutex_excludes_tasks_and_threads() {
    let count = Mutex::new(0);
    let add = || {
        for _ in 0..500 {
            let mut guard = count.lock();
            let before = *guard;
            // Longer than an instruction, so that the others come in if they can.
            yield_now();
            *guard = before + 1;
        }
    };
    thread::scope(|s| {
        s.spawn(add);
        s.spawn(|| corro::run(add));
        s.spawn(|| {
            let runtime = Runtime::builder().workers(2).build().unwrap();
            runtime.run(|| scope(|s| (0..4).for_each(|_| drop(s.spawn(add)))));
        });
    });
    assert_eq!(count.into_inner(), 3000);
}

#[test]
fn c1_a_writer_waits_for_readers_and_readers_for_a_writer_before_them() {
    everywhere(|| {
        let (lock, order) = (Rc::new(RwLock::new(0)), Log::default());
        let (one, two) = (lock.read(), lock.read());
        let reads = |name| {
            let (lock, order) = (lock.clone(), order.clone());
            waiter(move || {
                let value = *lock.read();
                order.push((name, value));
            })
        };
        let writer = {
            let (lock, order) = (lock.clone(), order.clone());
            waiter(move || {
                let mut guard = lock.write();
                *guard += 1;
                order.push(("writer", *guard));
            })
        };
        let (third, fourth) = (reads("third"), reads("fourth"));
        assert!(lock.try_read().is_none(), "a writer waits");
        drop(one);
        yields(2);
        assert!(order.take().is_empty());
        drop(two);
        [writer, third, fourth].into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(order.take(), [("writer", 1), ("third", 1), ("fourth", 1)]);
        assert!(lock.try_write().is_some());
    });
}

#[test]
fn c2_readers_behind_a_cancelled_writer_go_on() {
    everywhere(|| {
        let lock = Rc::new(RwLock::new(0));
        let reading = lock.read();
        let (for_writer, for_reader) = (lock.clone(), lock.clone());
        let writer = waiter(move || drop(for_writer.write()));
        let reader = waiter(move || *for_reader.read());
        writer.cancel();
        cancelled(writer);
        assert_eq!(reader.join().unwrap(), 0);
        drop(reading);
        assert!(lock.try_write().is_some());
    });
}

#[test]
fn c2_a_chosen_writer_that_is_cancelled_passes_the_lock_on() {
    everywhere(|| {
        let lock = Rc::new(RwLock::new(0));
        let guard = lock.write();
        let (first, second) = (lock.clone(), lock.clone());
        let first = waiter(move || *first.write() += 1);
        let second = waiter(move || *second.read());
        drop(guard);
        first.cancel();
        cancelled(first);
        assert_eq!(second.join().unwrap(), 0);
        *lock.write() += 1;
    });
}

#[test]
fn t9_a_cell_is_filled_once_by_the_first_that_succeeds() {
    everywhere(|| {
        let (cell, calls) = (Rc::new(OnceCell::new()), Rc::new(Cell::new(0)));
        assert_eq!(cell.get_or_try_init(|| Err::<u32, _>("fails")), Err("fails"));
        assert!(
            catch_unwind(std::panic::AssertUnwindSafe(|| cell.get_or_init(|| resume_unwind(Box::new(1))))).is_err()
        );
        let theirs = cell.clone();
        let cut_off = waiter(move || {
            theirs.get_or_init(|| {
                corro::sleep(HOUR);
                1
            });
        });
        let waiting: Vec<_> = (2..5)
            .map(|n| (cell.clone(), calls.clone(), n))
            .map(|(cell, calls, n)| {
                waiter(move || {
                    *cell.get_or_init(|| {
                        calls.set(calls.get() + 1);
                        yield_now();
                        n
                    })
                })
            })
            .collect();
        assert_eq!((cell.get(), calls.get()), (None, 0));
        cut_off.cancel();
        cancelled(cut_off);
        waiting.into_iter().for_each(|task| assert_eq!(task.join().unwrap(), 2));
        assert_eq!((calls.get(), cell.set(9), cell.get()), (1, Err(9), Some(&2)));
    });
}

#[test]
fn t9_the_value_is_there_for_who_owns_it() {
    let mut mutex = Mutex::from(1);
    *mutex.get_mut() += 1;
    assert_eq!((format!("{mutex:?}"), mutex.into_inner()), ("Mutex { value: 2 }".to_owned(), 2));
    let mut lock = RwLock::from(1);
    *lock.get_mut() += 1;
    assert_eq!((format!("{lock:?}"), lock.into_inner()), ("RwLock { value: 2 }".to_owned(), 2));
    let mut cell = OnceCell::new();
    cell.set(1).unwrap();
    *cell.get_mut().expect("it is set") += 1;
    assert_eq!((format!("{cell:?}"), cell.take(), cell.into_inner()), ("OnceCell(Some(2))".to_owned(), Some(2), None));
    let unsized_too: &Mutex<[u8]> = &Mutex::new(*b"ab");
    assert_eq!(unsized_too.lock().len(), 2);
}

/// A guard may be held across a wait.
#[test]
fn t9_a_guard_is_held_across_waits() {
    everywhere(|| {
        let mutex = Rc::new(Mutex::new(Rc::new(1)));
        let theirs = mutex.clone();
        let task = spawn_local(move || {
            let guard = theirs.lock();
            yields(3);
            **guard
        });
        yields(1);
        assert!(mutex.try_lock().is_none());
        assert_eq!(task.join().unwrap(), 1);
    });
}
