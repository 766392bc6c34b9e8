//! Rule C1, measured: with N that wait, nobody waits for more than N + 1 hand-overs.

use std::cell::Cell;
use std::rc::Rc;

use corro::channel;
use corro::sync::{Mutex, Queue, RwLock, Semaphore};
use corro::{Runtime, spawn_local, yield_now};
use fastrand::Rng;

/// On one worker, where it is known when who begins to wait.
fn on_one_worker(body: impl Fn() + Send + Sync) {
    corro::run(&body);
    Runtime::builder().workers(1).build().expect("a runtime").run(&body);
}

/// Tasks do this again and again, at random moments.
#[track_caller]
fn is_fair<G>(what: &str, take: impl Fn() -> G + Clone + 'static) {
    const TURNS: u64 = 50;
    for count in [1, 2, 10, 200] {
        let (handed, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let tasks: Vec<_> = (0..count)
            .map(|seed| {
                let (take, handed, most) = (take.clone(), handed.clone(), most.clone());
                spawn_local(move || {
                    let mut random = Rng::with_seed(seed);
                    for _ in 0..TURNS {
                        (0..random.u8(..4)).for_each(|_| yield_now());
                        let before = handed.get();
                        let guard = take();
                        handed.set(handed.get() + 1);
                        most.set(most.get().max(handed.get() - before));
                        (0..random.u8(..4)).for_each(|_| yield_now());
                        drop(guard);
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert!(most.get() <= count + 1, "{what}: one of {count} waited for {} hand-overs", most.get());
        assert_eq!(handed.get(), count * TURNS);
    }
}

#[test]
fn c1_locks_and_permits_are_fair() {
    // Statics, since a guard borrows.
    static MUTEX: Mutex<()> = Mutex::new(());
    static LOCK: RwLock<()> = RwLock::new(());
    static SEMAPHORE: Semaphore = Semaphore::new(3);
    on_one_worker(|| {
        is_fair("Mutex", || MUTEX.lock());
        is_fair("RwLock", || LOCK.write());
        is_fair("Semaphore", || SEMAPHORE.acquire_many(2));
    });
}

#[test]
fn c1_receivers_are_fair() {
    on_one_worker(|| {
        for capacity in [0, 1, 8] {
            let (tx, rx) = channel::bounded(capacity);
            let sender = spawn_local(move || while tx.send(()).is_ok() {});
            is_fair("Receiver", move || rx.recv().unwrap());
            sender.join().unwrap();
        }
        let queue = Rc::new(Queue::new(2));
        let putting = queue.clone();
        let putter = spawn_local(move || while putting.put(()).is_ok() {});
        let getting = queue.clone();
        is_fair("Queue", move || getting.get().unwrap());
        queue.shutdown(true);
        putter.join().unwrap();
    });
}
