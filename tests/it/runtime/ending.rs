//! Rules S4, S5: a drop cancels everything and unwinds it, on its own threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;

use corro::{Runtime, cancel_scope, scope, shield, sleep, spawn, spawn_local, timeout, unblock, yield_now};

use super::{Balance, HOUR, cancelled, each, ms, on_drop, runtime, settles, until};

/// A task in each kind of wait, each with a local.
fn wait_in_all_ways(balance: &Arc<Balance>) -> usize {
    let started = Arc::new(AtomicUsize::new(0));
    let mut count = 0;
    let mut start = |wait: fn()| {
        let (balance, started) = (balance.clone(), started.clone());
        count += 1;
        drop(spawn(move || {
            let _held = balance.counted();
            started.fetch_add(1, SeqCst);
            wait();
            unreachable!("the wait does not end");
        }));
    };
    start(|| sleep(HOUR));
    start(|| spawn(|| sleep(HOUR)).join().unwrap());
    start(|| spawn_local(|| sleep(HOUR)).join().unwrap());
    start(|| {
        loop {
            yield_now();
        }
    });
    start(|| {
        scope(|s| {
            (0..3).for_each(|_| drop(s.spawn(|| sleep(HOUR))));
            s.spawn_local(|| sleep(HOUR));
        })
    });
    start(|| {
        scope(|s| {
            s.spawn(|| scope(|s| drop(s.spawn(|| sleep(HOUR)))));
            sleep(HOUR);
        })
    });
    start(|| {
        corro::join(|| sleep(HOUR), || sleep(HOUR));
    });
    start(|| {
        corro::join(|| corro::join(|| sleep(HOUR), || sleep(HOUR)), || sleep(HOUR));
    });
    start(|| timeout(HOUR, || sleep(HOUR)).unwrap());
    start(|| cancel_scope(|_| sleep(HOUR)).unwrap());
    start(|| corro::block_on(std::future::pending()));
    start(|| {
        let (reader, _writer) = std::io::pipe().unwrap();
        corro::io::wait_readable(&reader).unwrap();
    });
    start(|| {
        let listener = corro::net::TcpListener::bind("127.0.0.1:0").unwrap();
        drop(listener.accept());
    });
    until(|| started.load(SeqCst) == count);
    count
}

#[test]
fn s5_drop_unwinds_tasks_in_every_wait() {
    each(|runtime, _| {
        let balance = Arc::new(Balance::default());
        let count = runtime.run(|| wait_in_all_ways(&balance));
        drop(runtime);
        assert_eq!(balance.made(), count);
        balance.is_even();
    });
}

/// What is in the closure goes; the body does not run.
#[test]
fn s5_drop_drops_tasks_that_have_not_started() {
    each(|runtime, workers| {
        let balance = Arc::new(Balance::default());
        let (held, told) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        // All workers are held, so that nothing starts.
        for _ in 0..workers {
            let (held, told, balance) = (held.clone(), told.clone(), balance.clone());
            drop(runtime.spawn(move || {
                for _ in 0..10 {
                    let counted = Counted::new(&balance);
                    drop(spawn(move || drop(counted)));
                    let counted = Counted::new(&balance);
                    drop(spawn_local(move || drop(counted)));
                }
                held.fetch_add(1, SeqCst);
                while !told.load(SeqCst) {
                    thread::yield_now();
                }
            }));
        }
        settles(|| held.load(SeqCst) == workers);
        let ran = Arc::new(AtomicBool::new(false));
        let handles: Vec<_> = (0..20)
            .map(|_| {
                let (counted, ran) = (Counted::new(&balance), ran.clone());
                runtime.spawn(move || {
                    let _counted = counted;
                    ran.store(true, SeqCst);
                })
            })
            .collect();
        thread::spawn(move || {
            thread::sleep(ms(5));
            told.store(true, SeqCst);
        });
        drop(runtime);
        balance.is_even();
        assert_eq!(balance.made(), 20 * workers + 20);
        if ran.load(SeqCst) {
            // Only on a machine that slept between the two; then each was joined all the same.
            handles.into_iter().for_each(|handle| drop(handle.join()));
        } else {
            handles.into_iter().for_each(cancelled);
        }
    });
}

/// As [`Balance::counted`], but its own.
struct Counted(Arc<Balance>);

impl Counted {
    fn new(balance: &Arc<Balance>) -> Counted {
        balance.made.fetch_add(1, SeqCst);
        Counted(balance.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, SeqCst);
    }
}

#[test]
fn s5_drop_waits_for_shields_closures_and_slow_destructors() {
    each(|runtime, _| {
        let ended = Arc::new(AtomicUsize::new(0));
        let started = Arc::new(AtomicUsize::new(0));
        let tasks: [fn(); 3] = [
            || shield(|| sleep(ms(20))),
            || unblock(|| thread::sleep(ms(20))),
            || shield(|| spawn(|| ()).join().unwrap_or(())),
        ];
        for task in tasks {
            let (ended, started) = (ended.clone(), started.clone());
            drop(runtime.spawn(move || {
                let _ends = on_drop(|| {
                    ended.fetch_add(1, SeqCst);
                });
                started.fetch_add(1, SeqCst);
                task();
                sleep(HOUR);
            }));
        }
        settles(|| started.load(SeqCst) == 3);
        drop(runtime);
        assert_eq!(ended.load(SeqCst), 3);
    });
}

#[test]
fn s5_handles_outlive_the_runtime() {
    each(|runtime, _| {
        let sleeps = runtime.spawn(|| sleep(HOUR));
        let done = runtime.spawn(|| 5);
        settles(|| done.is_finished());
        settles(|| runtime.metrics().started == 2);
        thread::sleep(ms(5));
        drop(runtime);
        cancelled(sleeps);
        assert_eq!(done.join().unwrap(), 5);
    });
}

/// The joiner on a plain thread, on a loop and on another runtime are told.
#[test]
fn s5_joiners_elsewhere_are_told_of_the_end() {
    each(|runtime, workers| {
        let others = super::runtime(workers);
        let (on_thread, on_loop, on_other) =
            (runtime.spawn(|| sleep(HOUR)), runtime.spawn(|| sleep(HOUR)), runtime.spawn(|| sleep(HOUR)));
        let thread = thread::spawn(|| cancelled(on_thread));
        let event_loop = thread::spawn(|| corro::run(|| cancelled(on_loop)));
        let other = others.spawn(|| cancelled(on_other));
        thread::sleep(ms(2));
        drop(runtime);
        thread.join().unwrap();
        event_loop.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn s5_drop_of_an_idle_and_of_a_fresh_runtime() {
    for _ in 0..50 {
        each(|runtime, _| drop(runtime));
    }
    each(|runtime, _| {
        runtime.run(|| ());
        thread::sleep(ms(5));
    });
}

/// At each moment of what the workers do.
#[test]
fn s5_stress_drop_with_sixteen_workers() {
    let mut random = fastrand::Rng::with_seed(16);
    for _ in 0..300 {
        let runtime = runtime(16);
        let balance = Arc::new(Balance::default());
        for i in 0..random.usize(..40) {
            let balance = balance.clone();
            drop(runtime.spawn(move || {
                let _held = balance.counted();
                match i % 5 {
                    0 => sleep(HOUR),
                    1 => (0..10).for_each(|_| yield_now()),
                    2 => spawn(|| sleep(HOUR)).join().unwrap(),
                    3 => (0..5).for_each(|_| drop(spawn(yield_now))),
                    _ => scope(|s| (0..5).for_each(|_| drop(s.spawn(|| sleep(ms(1)))))),
                }
            }));
        }
        for _ in 0..random.usize(..2000) {
            std::hint::spin_loop();
        }
        drop(runtime);
        balance.is_even();
    }
}

#[test]
fn s4_drop_in_one_of_its_own_tasks_does_not_wait() {
    for workers in [1, 2, 4, 16] {
        let runtime = Arc::new(runtime(workers));
        let (tells, told) = mpsc::channel();
        let balance = Arc::new(Balance::default());
        let other = runtime.spawn({
            let balance = balance.clone();
            move || {
                let _held = balance.counted();
                sleep(HOUR);
            }
        });
        settles(|| balance.made() == 1);
        let mine = runtime.clone();
        let task = runtime.spawn(move || {
            until(|| Arc::strong_count(&mine) == 1);
            drop(mine);
            // Here although it sleeps on, and is cancelled at the next wait.
            tells.send(()).unwrap();
            sleep(HOUR);
        });
        drop(runtime);
        told.recv().unwrap();
        cancelled(task);
        cancelled(other);
        balance.is_even();
    }
}

/// It goes as a part of what a task has on its stack, or in its closure, when the task is cancelled or ends.
#[test]
fn s4_drop_in_an_unwinding_task_of_its_own() {
    for workers in [1, 2, 4, 16] {
        let runtime = Arc::new(runtime(workers));
        let mine = runtime.clone();
        let started = Arc::new(AtomicBool::new(false));
        let starts = started.clone();
        let task = runtime.spawn(move || {
            let _mine: Arc<Runtime> = mine;
            starts.store(true, SeqCst);
            sleep(HOUR);
        });
        settles(|| started.load(SeqCst));
        drop(runtime);
        task.cancel();
        cancelled(task);
    }
}

/// The last owner may go wherever code of the runtime runs, also in a loop inside a task and on the blocking pool.
#[test]
fn s4_dropped_by_a_loop_in_a_task_or_by_a_closure_of_unblock_it_does_not_wait() {
    let ways: [fn(Arc<Runtime>); 2] = [
        |own| {
            let event_loop = corro::EventLoop::new().unwrap();
            drop(event_loop.spawn(move || drop(own)));
            drop(event_loop);
        },
        |own| corro::unblock(move || drop(own)),
    ];
    for way in ways {
        let runtime = Arc::new(Runtime::builder().workers(1).build().unwrap());
        let own = runtime.clone();
        let (over, is_over) = std::sync::mpsc::channel::<()>();
        let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
        drop(runtime.spawn(move || {
            let _over = over;
            may_go_on.recv().unwrap();
            corro::shield(|| way(own));
        }));
        drop(runtime);
        go_on.send(()).unwrap();
        assert!(is_over.recv().is_err(), "the task has ended");
    }
}

/// Also what the destructors of thread-locals of its threads do has been done.
#[test]
fn s5_a_drop_waits_for_the_thread_locals_of_the_threads() {
    static DROPPED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    struct Slow;
    impl Drop for Slow {
        fn drop(&mut self) {
            (0..1000).for_each(|_| std::thread::yield_now());
            DROPPED.store(true, SeqCst);
        }
    }
    thread_local!(static SLOW: Slow = const { Slow });
    let runtime = Runtime::builder().workers(1).build().unwrap();
    runtime.run(|| SLOW.with(|_| ()));
    drop(runtime);
    assert!(DROPPED.load(SeqCst));
}

#[test]
fn s5_a_thread_name_with_a_zero_byte_is_an_error() {
    let error = Runtime::builder().thread_name("a\0b").build().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

/// Two runtimes, each dropped last by a task of the other: a task that is cancelled does not wait for the other's end.
#[test]
fn s4_runtimes_dropped_by_tasks_of_one_another_come_to_an_end() {
    for workers in [1, 2] {
        let (first, second) = (Arc::new(runtime(workers)), runtime(workers));
        let (owned, (waits, is_waiting)) = (first.clone(), mpsc::channel());
        drop(second.spawn(move || {
            let _owned = owned;
            waits.send(()).unwrap();
            sleep(HOUR);
        }));
        is_waiting.recv().unwrap();
        let task = first.spawn(move || drop(second));
        drop(first);
        let _ = task.join();
    }
}

/// The task that drops a runtime parks: the others of its worker go on, by one of which the runtime can end.
#[test]
fn s5_a_task_that_drops_a_runtime_lets_others_run() {
    let both = |scheduler: &dyn Fn(&(dyn Fn() + Sync))| {
        scheduler(&|| {
            let (go_on, may_go_on) = mpsc::channel::<()>();
            let (waits, is_waiting) = mpsc::channel::<()>();
            let dropped = runtime(1);
            drop(dropped.spawn(move || {
                waits.send(()).unwrap();
                shield(|| unblock(move || may_go_on.recv().unwrap()));
            }));
            unblock(move || is_waiting.recv().unwrap());
            let drops = spawn(move || drop(dropped));
            spawn(move || go_on.send(()).unwrap()).join().unwrap();
            drops.join().unwrap();
        });
    };
    both(&|test| corro::run(test));
    both(&|test| runtime(1).run(test));
}

#[test]
fn s5_shutdown_in_a_task_of_another_scheduler_parks_it() {
    corro::run(|| {
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let (waits, is_waiting) = mpsc::channel::<()>();
        let waiting = runtime(1);
        drop(waiting.spawn(move || {
            waits.send(()).unwrap();
            shield(|| unblock(move || may_go_on.recv().unwrap()));
        }));
        unblock(move || is_waiting.recv().unwrap());
        let shuts_down = spawn(move || waiting.shutdown(HOUR));
        spawn(move || go_on.send(()).unwrap()).join().unwrap();
        shuts_down.join().unwrap().unwrap();
    });
}

#[test]
fn s5_shutdown_in_a_task_of_a_loop_with_virtual_time_goes_by_the_real_clock() {
    crate::schedulers::virtually(|| {
        let stubborn = runtime(1);
        let handle = stubborn.spawn(|| shield(|| sleep(HOUR)));
        while stubborn.metrics().live == 0 {
            yield_now();
        }
        let error = stubborn.shutdown(ms(20)).unwrap_err();
        assert_eq!(error.tasks().len(), 1);
        drop(handle);
    });
}

#[test]
fn s3_a_runtime_and_handles_may_be_used_where_a_panic_is_caught() {
    let runtime = runtime(1);
    let handle = runtime.spawn(|| 1);
    assert_eq!(std::panic::catch_unwind(|| runtime.run(|| 1)).unwrap(), 1);
    assert_eq!(std::panic::catch_unwind(|| handle.join().unwrap()).unwrap(), 1);
}
