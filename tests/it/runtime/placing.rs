//! Rule S8: who is stolen, who stays, placements, and what is counted of it.

use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use corro::task::{Builder, Placement};
use corro::{Runtime, scope, sleep, spawn, spawn_local, yield_now};

use super::{each, ms, on_each, settles, until};

fn here() -> ThreadId {
    thread::current().id()
}

/// Holds its worker, without a wait, until so many threads have been seen.
#[derive(Default)]
struct Seen(Mutex<HashSet<ThreadId>>);

impl Seen {
    fn note(&self) -> usize {
        let mut seen = self.0.lock().unwrap();
        seen.insert(here());
        seen.len()
    }

    fn hold(&self, threads: usize) {
        while self.note() < threads {
            thread::yield_now();
        }
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

#[test]
fn s8_spawn_local_stays_on_its_thread() {
    on_each(|_| {
        let children: Vec<_> = (0..20)
            .map(|_| {
                spawn(|| {
                    let (mine, held) = (here(), Rc::new(Cell::new(0)));
                    let locals: Vec<_> = (0..20)
                        .map(|_| {
                            let held = held.clone();
                            spawn_local(move || {
                                assert_eq!(here(), mine);
                                yield_now();
                                sleep(ms(1));
                                held.set(held.get() + 1);
                                assert_eq!(here(), mine);
                                held
                            })
                        })
                        .collect();
                    locals.into_iter().for_each(|local| drop(local.join().unwrap()));
                    assert_eq!((here(), held.get(), Rc::strong_count(&held)), (mine, 20, 1));
                })
            })
            .collect();
        children.into_iter().for_each(|child| child.join().unwrap());
    });
}

#[test]
fn s8_a_scopes_spawn_local_stays_too() {
    on_each(|_| {
        let (mine, count) = (here(), Cell::new(0));
        scope(|s| {
            for _ in 0..50 {
                s.spawn_local(|| {
                    yield_now();
                    assert_eq!(here(), mine);
                    count.set(count.get() + 1);
                });
            }
        });
        assert_eq!(count.get(), 50);
    });
}

/// The thread is the same after each kind of wait, whoever ended it.
#[test]
fn s8_a_started_task_stays_on_its_thread() {
    on_each(|_| {
        let flag = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> = (0..64)
            .map(|i| {
                let flag = flag.clone();
                spawn(move || {
                    let mine = here();
                    let stays = |what: &str| assert_eq!(here(), mine, "after {what}");
                    for _ in 0..3 {
                        yield_now();
                        stays("yield_now");
                        sleep(ms(i % 4));
                        stays("sleep");
                        spawn(yield_now).join().unwrap();
                        stays("join");
                        corro::join(yield_now, || sleep(ms(1)));
                        stays("corro::join");
                        scope(|s| {
                            s.spawn(yield_now);
                        });
                        stays("scope");
                        corro::unblock(|| thread::sleep(ms(1)));
                        stays("unblock");
                        let _ = corro::timeout(ms(1), || sleep(super::HOUR));
                        stays("timeout");
                    }
                    until(|| flag.load(SeqCst));
                    stays("a wait for others");
                })
            })
            .collect();
        sleep(ms(3));
        flag.store(true, SeqCst);
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// Each task holds its worker until every worker has one: so all of them get some.
#[test]
fn s8_new_tasks_are_stolen_by_all_workers() {
    each(|runtime, workers| {
        let seen = Arc::new(Seen::default());
        runtime.run(|| {
            let tasks: Vec<_> = (0..workers)
                .map(|_| {
                    let seen = seen.clone();
                    spawn(move || seen.hold(workers))
                })
                .collect();
            tasks.into_iter().for_each(|task| task.join().unwrap());
        });
        assert_eq!(seen.len(), workers);
        assert!(runtime.metrics().stolen >= workers as u64 - 1, "{:?}", runtime.metrics());
    });
}

/// The same when they come from outside, and when each is started by the one before.
#[test]
fn s8_work_from_outside_reaches_all_workers() {
    each(|runtime, workers| {
        let seen = Arc::new(Seen::default());
        let tasks: Vec<_> = (0..workers)
            .map(|_| {
                let seen = seen.clone();
                runtime.spawn(move || seen.hold(workers))
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(seen.len(), workers);

        fn link(left: usize, workers: usize, seen: Arc<Seen>) {
            if left > 1 {
                let seen = seen.clone();
                drop(spawn(move || link(left - 1, workers, seen)));
            }
            seen.hold(workers);
        }
        let chain = Arc::new(Seen::default());
        let first = chain.clone();
        runtime.spawn(move || link(workers, workers, first)).join().unwrap();
        assert_eq!(chain.len(), workers);
    });
}

/// The main task never waits, so only thieves can run what it has spawned.
#[test]
fn s8_a_task_that_never_waits_is_helped() {
    for workers in [2, 4, 16] {
        let runtime = super::runtime(workers);
        let count = Arc::new(AtomicUsize::new(0));
        runtime.run(|| {
            for _ in 0..1000 {
                let count = count.clone();
                drop(spawn(move || count.fetch_add(1, SeqCst)));
            }
            while count.load(SeqCst) < 1000 {
                thread::yield_now();
            }
        });
        assert!(runtime.metrics().stolen > 0);
    }
}

#[test]
fn s8_placement_here_stays_on_the_spawners_thread() {
    on_each(|_| {
        let mine = here();
        let place = || Builder::new().placement(Placement::Here);
        let tasks: Vec<_> = (0..100).map(|_| place().spawn(here).unwrap()).collect();
        tasks.into_iter().for_each(|task| assert_eq!(task.join().unwrap(), mine));
        assert_eq!(place().spawn_local(here).unwrap().join().unwrap(), mine);
    });
}

#[test]
fn s8_placement_spread_goes_round_the_workers() {
    on_each(|workers| {
        let place = || Builder::new().placement(Placement::Spread);
        let tasks: Vec<_> = (0..workers * 5).map(|_| place().spawn(here).unwrap()).collect();
        let mut turns = std::collections::HashMap::new();
        tasks.into_iter().for_each(|task| *turns.entry(task.join().unwrap()).or_insert(0) += 1);
        assert_eq!(turns.len(), workers, "every worker gets some");
        assert!(turns.values().all(|&count| count == 5), "as many as the others: {turns:?}");
    });
}

#[test]
fn s8_placement_any_is_the_default_and_is_stolen() {
    assert_eq!(Placement::default(), Placement::Any);
    on_each(|workers| {
        let seen = Arc::new(Seen::default());
        let tasks: Vec<_> = (0..workers)
            .map(|_| {
                let seen = seen.clone();
                Builder::new().placement(Placement::Any).spawn(move || seen.hold(workers)).unwrap()
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(seen.len(), workers);
    });
}

#[test]
fn s8_placements_on_a_loop_are_one_place() {
    corro::run(|| {
        let mine = here();
        for placement in [Placement::Here, Placement::Any, Placement::Spread] {
            let task = Builder::new().placement(placement).spawn(here).unwrap();
            assert_eq!(task.join().unwrap(), mine);
        }
    });
}

#[test]
fn s7_metrics_count_what_was_started_and_what_lives() {
    each(|runtime, workers| {
        let before = runtime.metrics();
        assert_eq!((before.workers, before.live, before.started, before.stolen), (workers, 0, 0, 0));
        let go = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let go = go.clone();
                runtime.spawn(move || until(|| go.load(SeqCst)))
            })
            .collect();
        settles(|| runtime.metrics().live == 10);
        assert_eq!(runtime.metrics().started, 10);
        go.store(true, SeqCst);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        settles(|| runtime.metrics().live == 0);
        let after = runtime.metrics();
        assert_eq!(after.started, 10);
        assert!(after.stolen > 0, "they came from outside");
        assert!(after.sleeps > 0);
    });
}

/// Ended, cancelled, panicked, never started: none is counted as living.
#[test]
fn s7_metrics_of_tasks_however_they_end() {
    each(|runtime, _| {
        runtime.run(|| {
            spawn(|| ()).join().unwrap();
            super::panicked("oh", spawn(|| super::raise("oh")));
            let sleeps = spawn(|| sleep(super::HOUR));
            yield_now();
            sleeps.cancel();
            super::cancelled(sleeps);
            let unstarted = spawn_local(|| ());
            unstarted.cancel();
            super::cancelled(unstarted);
        });
        settles(|| runtime.metrics().live == 0);
        assert_eq!(runtime.metrics().started, 5);
    });
}

/// An idle runtime does not wake up by itself.
#[test]
fn s7_an_idle_runtime_sleeps() {
    each(|runtime: Runtime, _| {
        runtime.run(|| ());
        let mut last = runtime.metrics().sleeps;
        // Those that were woken lie down again sooner or later.
        settles(|| {
            thread::sleep(ms(20));
            std::mem::replace(&mut last, runtime.metrics().sleeps) == last
        });
    });
}
