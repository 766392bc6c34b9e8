//! S5: the threads of the blocking pool.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use corro::{EventLoop, spawn, unblock, yield_now};

use super::until;
use crate::generator::child::isolated;

fn with_threads(threads: usize) -> EventLoop {
    EventLoop::builder().blocking_threads(threads).build().unwrap()
}

#[test]
fn s5_one_blocking_thread_runs_one_closure_after_another() {
    for threads in [0, 1] {
        let (order, inside) = (Arc::new(Mutex::new(vec![])), Arc::new(AtomicUsize::new(0)));
        with_threads(threads).run(|| {
            let tasks: Vec<_> = (0..50)
                .map(|number| {
                    let (order, inside) = (order.clone(), inside.clone());
                    spawn(move || {
                        unblock(move || {
                            assert_eq!(inside.fetch_add(1, SeqCst), 0, "two at once");
                            order.lock().unwrap().push(number);
                            thread::yield_now();
                            inside.fetch_sub(1, SeqCst);
                            thread::current().id()
                        })
                    })
                })
                .collect();
            let ids: Vec<_> = tasks.into_iter().map(|task| task.join().unwrap()).collect();
            assert!(ids.iter().all(|id| *id == ids[0]));
        });
        assert!(order.lock().unwrap().iter().copied().eq(0..50), "in the order of asking");
    }
}

#[test]
fn s5_a_closure_that_panics_leaves_the_thread_to_the_next() {
    with_threads(1).run(|| {
        let outcome = std::panic::catch_unwind(|| unblock(|| super::raise("in the pool")));
        assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"in the pool"));
        assert_eq!(unblock(|| 3), 3);
    });
}

#[test]
fn s5_the_pool_grows_to_its_limit() {
    for threads in [2, 8] {
        with_threads(threads).run(|| {
            // None of them ends before all of them run.
            let barrier = Arc::new(Barrier::new(threads));
            for _ in 0..3 {
                let tasks: Vec<_> = (0..threads)
                    .map(|_| {
                        let barrier = barrier.clone();
                        spawn(move || unblock(move || barrier.wait().is_leader()))
                    })
                    .collect();
                let leaders = tasks.into_iter().map(|task| task.join().unwrap());
                assert_eq!(leaders.filter(|is_leader| *is_leader).count(), 1);
            }
        });
    }
}

#[test]
fn s5_the_pool_does_not_grow_beyond_its_limit() {
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    with_threads(3).run(|| {
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let (inside, most) = (inside.clone(), most.clone());
                spawn(move || {
                    unblock(move || {
                        most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
                        thread::yield_now();
                        inside.fetch_sub(1, SeqCst);
                    })
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
    assert!(most.load(SeqCst) <= 3, "{} at once", most.load(SeqCst));
}

#[test]
fn s5_a_task_cancelled_while_its_closure_queues_waits_for_it() {
    let (go_on, may_go) = channel::<()>();
    let ran = Arc::new(AtomicBool::new(false));
    let theirs = ran.clone();
    with_threads(1).run(|| {
        let (starts, started) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let busy = spawn({
            let starts = starts.clone();
            move || {
                unblock(move || {
                    starts.store(true, SeqCst);
                    may_go.recv().unwrap();
                })
            }
        });
        until(|| starts.load(SeqCst));
        let queues = spawn({
            let started = started.clone();
            move || {
                started.store(true, SeqCst);
                unblock(move || theirs.store(true, SeqCst));
            }
        });
        until(|| started.load(SeqCst));
        queues.cancel();
        (0..10).for_each(|_| yield_now());
        assert!(!queues.is_finished());
        go_on.send(()).unwrap();
        assert!(queues.join().unwrap_err().is_cancelled());
        busy.join().unwrap();
    });
    assert!(ran.load(SeqCst));
}

#[test]
fn s5_the_threads_of_the_pool_go_with_the_loop() {
    isolated(|| {
        let pool_threads = || {
            let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
            let names = tasks.map(|task| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default());
            names.filter(|name| name.trim_end() == "corro-blocking").count()
        };
        let event_loop = with_threads(6);
        event_loop.run(|| {
            let barrier = Arc::new(Barrier::new(6));
            let tasks: Vec<_> = (0..6)
                .map(|_| {
                    let barrier = barrier.clone();
                    spawn(move || unblock(move || barrier.wait().is_leader()))
                })
                .collect();
            assert!(tasks.into_iter().all(|task| task.join().is_ok()));
        });
        assert_eq!(pool_threads(), 6);
        drop(event_loop);
        // The kernel shows a thread for a moment after it was joined.
        while pool_threads() > 0 {
            thread::yield_now();
        }
    });
}
