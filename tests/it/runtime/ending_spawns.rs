//! Rule S5: tasks that start others while the runtime ends. Nothing is left behind, and nothing hangs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use corro::task::{Builder, Placement};
use corro::{JoinHandle, shield, sleep, spawn, spawn_local, yield_now};

use super::{Balance, HOUR, each, ms, runtime, settles};

#[derive(Clone, Copy)]
enum Way {
    Any,
    Here,
    Spread,
    Local,
}

const WAYS: [Way; 4] = [Way::Any, Way::Here, Way::Spread, Way::Local];

impl Way {
    fn spawn(self, body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
        let place = |placement| Builder::new().placement(placement);
        match self {
            Way::Any => spawn(body),
            Way::Here => place(Placement::Here).spawn(body).unwrap(),
            Way::Spread => place(Placement::Spread).spawn(body).unwrap(),
            Way::Local => spawn_local(body),
        }
    }
}

/// A thing whose destructor starts a task that has such a thing, and so on: none of these tasks ever runs when the runtime
/// ends, but each destructor does.
struct Chain {
    left: usize,
    way: fn(usize) -> Way,
    balance: Arc<Balance>,
}

impl Chain {
    fn new(left: usize, way: fn(usize) -> Way, balance: &Arc<Balance>) -> Chain {
        balance.made.fetch_add(1, SeqCst);
        Chain { left, way, balance: balance.clone() }
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        if self.left > 0 {
            let next = Chain::new(self.left - 1, self.way, &self.balance);
            drop((self.way)(self.left).spawn(move || {
                let _next = next;
                sleep(HOUR);
            }));
        }
        self.balance.dropped.fetch_add(1, SeqCst);
    }
}

const PURE: [fn(usize) -> Way; 6] = [
    |_| Way::Any,
    |_| Way::Here,
    |_| Way::Spread,
    |_| Way::Local,
    |left| WAYS[left % 4],
    |_| WAYS[fastrand::usize(..4)],
];

#[test]
fn s5_tasks_that_spawn_while_they_unwind() {
    for way in PURE {
        each(|runtime, _| {
            let balance = Arc::new(Balance::default());
            for _ in 0..4 {
                let chain = Chain::new(20, way, &balance);
                drop(runtime.spawn(move || {
                    let _chain = chain;
                    sleep(HOUR);
                }));
            }
            settles(|| runtime.metrics().started >= 4);
            drop(runtime);
            balance.is_even();
            assert_eq!(balance.made(), 4 * 21);
        });
    }
}

/// The same, many times and short, to meet workers as they go.
#[test]
fn s5_stress_spawns_while_the_workers_go() {
    for round in 0..400 {
        let runtime = runtime([2, 3, 4, 16][round % 4]);
        let balance = Arc::new(Balance::default());
        for _ in 0..1 + round % 3 {
            let chain = Chain::new(30, PURE[round % 6], &balance);
            drop(runtime.spawn(move || {
                let _chain = chain;
                sleep(HOUR);
            }));
        }
        drop(runtime);
        balance.is_even();
    }
}

/// What is spawned under a shield may run, since cancellation reaches it before it starts or not at all; it is joined.
#[test]
fn s5_spawn_and_join_under_a_shield_while_the_runtime_ends() {
    for way in WAYS {
        each(|runtime, _| {
            let (started, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            for _ in 0..4 {
                let (started, ended) = (started.clone(), ended.clone());
                drop(runtime.spawn(move || {
                    started.fetch_add(1, SeqCst);
                    shield(|| {
                        for _ in 0..30 {
                            yield_now();
                            // Ok before the end has begun, cancelled after.
                            drop(way.spawn(yield_now).join());
                            sleep(ms(1));
                        }
                        ended.fetch_add(1, SeqCst);
                    });
                }));
            }
            settles(|| started.load(SeqCst) == 4);
            thread::sleep(ms(3));
            drop(runtime);
            assert_eq!(ended.load(SeqCst), 4);
        });
    }
}

/// One that catches its cancellation starts others and waits for them: each wait fails, none hangs.
#[test]
fn s5_a_task_that_goes_on_after_its_cancellation() {
    for way in WAYS {
        each(|runtime, _| {
            let (started, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            for _ in 0..4 {
                let (started, ended) = (started.clone(), ended.clone());
                drop(runtime.spawn(move || {
                    started.fetch_add(1, SeqCst);
                    for _ in 0..20 {
                        let _ = catch_unwind(|| sleep(HOUR));
                        drop(way.spawn(|| sleep(HOUR)));
                        let child = way.spawn(|| sleep(HOUR));
                        let _ = catch_unwind(AssertUnwindSafe(|| drop(child.join())));
                    }
                    ended.fetch_add(1, SeqCst);
                }));
            }
            settles(|| started.load(SeqCst) == 4);
            drop(runtime);
            assert_eq!(ended.load(SeqCst), 4);
        });
    }
}

/// The runtime ends while outsiders wait for tasks that are on their way between workers.
#[test]
fn s5_stress_joiners_of_tasks_that_are_spread_as_the_runtime_ends() {
    for _ in 0..100 {
        let runtime = runtime(4);
        let handles: Vec<_> = (0..8)
            .map(|_| {
                runtime.spawn(|| {
                    let children: Vec<_> = (0..8).map(|i| WAYS[i % 4].spawn(|| sleep(HOUR))).collect();
                    // A child on another worker may be cancelled before this is.
                    children.into_iter().for_each(|child| drop(child.join()));
                    sleep(HOUR);
                })
            })
            .collect();
        thread::yield_now();
        drop(runtime);
        handles.into_iter().for_each(super::cancelled);
    }
}
