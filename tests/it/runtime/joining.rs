//! Rule T6: fork and join: results, borrows, places, and what it costs when nothing is stolen.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;

use corro::task::Builder;
use corro::{Co, EventLoop, Generator, join, scope, sleep, spawn, spawn_local, task, yield_now};

use super::{each, ms, on_each, runtime};
use crate::generator::child::isolated;
use crate::generator::{Trace, while_unwinding};
use crate::schedulers::everywhere;

#[test]
fn t6_results_come_in_order_and_may_borrow() {
    everywhere(|| {
        let (text, mut left, mut right) = (String::from("text"), vec![1], [0; 2]);
        let (first, second): (&str, usize) = join(
            || {
                left.push(2);
                &text[..2]
            },
            || {
                right[1] = text.len();
                right[1]
            },
        );
        assert_eq!((first, second, left, right), ("te", 4, vec![1, 2], [0, 4]));
    });
}

#[test]
fn t6_nested_a_sum() {
    fn sum(numbers: &[u64]) -> u64 {
        if numbers.len() <= 64 {
            return numbers.iter().sum();
        }
        let (left, right) = numbers.split_at(numbers.len() / 2);
        let (left, right) = join(|| sum(left), || sum(right));
        left + right
    }
    let numbers: Vec<u64> = (0..200_000).collect();
    on_each(|_| assert_eq!(sum(&numbers), 199_999 * 100_000));
    assert_eq!(corro::run(|| sum(&numbers)), 199_999 * 100_000);
    assert_eq!(sum(&numbers), 199_999 * 100_000);
}

fn quicksort(items: &mut [u32], wait: &(impl Fn(usize) + Sync)) {
    if items.len() <= 1 {
        return;
    }
    wait(items.len());
    let (last, mut at) = (items.len() - 1, 0);
    items.swap(last / 2, last);
    for i in 0..last {
        if items[i] < items[last] {
            items.swap(i, at);
            at += 1;
        }
    }
    items.swap(at, last);
    let (left, right) = items.split_at_mut(at);
    join(|| quicksort(left, wait), || quicksort(&mut right[1..], wait));
}

#[test]
fn t6_nested_a_quicksort() {
    let mut random = fastrand::Rng::with_seed(6);
    let items: Vec<u32> = (0..20_000).map(|_| random.u32(..)).collect();
    let mut sorted = items.clone();
    sorted.sort_unstable();
    on_each(|_| {
        let mut mine = items.clone();
        quicksort(&mut mine, &|_| ());
        assert!(mine == sorted);
    });
}

/// Both sides wait at odd moments, so halves are pushed by many tasks of a worker in turn.
#[test]
fn t6_stress_waits_inside_both_sides() {
    let mut random = fastrand::Rng::with_seed(7);
    let items: Vec<u32> = (0..3000).map(|_| random.u32(..)).collect();
    let mut sorted = items.clone();
    sorted.sort_unstable();
    let wait = |len: usize| match len % 11 {
        0 => sleep(std::time::Duration::from_micros(100)),
        1..5 => yield_now(),
        5 => drop(spawn(yield_now).join()),
        6 => drop(spawn(yield_now)),
        _ => (),
    };
    on_each(|workers| {
        scope(|s| {
            for _ in 0..workers.max(4) {
                s.spawn(|| {
                    let mut mine = items.clone();
                    quicksort(&mut mine, &wait);
                    assert!(mine == sorted);
                });
            }
        });
    });
}

/// While `a` sleeps `b` runs, here or elsewhere; and `a` has not moved.
#[test]
fn t6_b_runs_while_a_sleeps() {
    on_each(|_| {
        let (trace, here) = (Trace::new(), thread::current().id());
        join(
            || {
                sleep(ms(30));
                assert_eq!(thread::current().id(), here);
                trace.say("a");
            },
            || trace.say("b"),
        );
        trace.said(&["b", "a"]);
    });
}

#[test]
fn t6_b_runs_after_a_where_nobody_takes_it() {
    let body = || {
        let trace = Trace::new();
        join(|| trace.say("a"), || trace.say("b"));
        trace.said(&["a", "b"]);
    };
    body();
    corro::run(body);
    runtime(1).run(body);
}

/// On a loop `b` runs inline although `a` waits.
#[test]
fn t6_on_a_loop_and_on_a_thread_both_run_inline() {
    let body = || {
        let (trace, me) = (Trace::new(), task::current());
        join(
            || {
                sleep(ms(2));
                yield_now();
                trace.say("a");
                assert_eq!(task::current(), me);
            },
            || {
                trace.say("b");
                assert_eq!(task::current(), me);
            },
        );
        trace.said(&["a", "b"]);
    };
    corro::run(body);
    thread::spawn(body).join().unwrap();
    let event_loop = EventLoop::new().unwrap();
    let called = std::rc::Rc::new(Cell::new(0));
    let sum = called.clone();
    event_loop.call_soon(move || {
        let (a, b) = join(|| 1, || 2);
        sum.set(a + b);
    });
    event_loop.run(yield_now);
    assert_eq!(called.get(), 3);
}

/// No task, no stack.
#[test]
fn t6_costs_no_task_and_no_stack_if_nothing_is_stolen() {
    isolated(|| {
        fn fib(n: u32) -> u64 {
            if n < 2 {
                return n.into();
            }
            let (a, b) = join(|| fib(n - 1), || fib(n - 2));
            a + b
        }
        let runtime = runtime(1);
        runtime.run(|| {
            let before = (runtime.metrics().started, corro::stacks());
            assert_eq!(fib(18), 2584);
            assert_eq!((runtime.metrics().started, corro::stacks()), before);
            // Also after a wait for something else, and with other new work above and below.
            let below = spawn(|| 1);
            let (_, above) = join(|| drop(spawn(|| 1)), || 5);
            assert_eq!((above, runtime.metrics().started), (5, before.0), "it lay under another's new work");
            join(yield_now, || ());
            below.join().unwrap();
        });
    });
}

/// It is shared out where there are others.
#[test]
fn t6_halves_are_stolen() {
    for workers in [2, 4, 16] {
        let threads = Mutex::new(HashSet::new());
        let runtime = runtime(workers);
        runtime.run(|| {
            let go = AtomicBool::new(false);
            // `a` never waits, so only a thief can run `b`. It gives up in the end, since there is no promise.
            join(
                || {
                    threads.lock().unwrap().insert(thread::current().id());
                    let give_up = std::time::Instant::now() + std::time::Duration::from_secs(60);
                    while !go.load(SeqCst) && std::time::Instant::now() < give_up {
                        thread::yield_now();
                    }
                },
                || {
                    threads.lock().unwrap().insert(thread::current().id());
                    go.store(true, SeqCst);
                },
            );
        });
        assert_eq!(threads.lock().unwrap().len(), 2);
        assert_eq!(runtime.metrics().started, 2, "a stolen half is a task");
    }
}

#[test]
fn t6_in_a_generators_body() {
    everywhere(|| {
        let mut generator = Generator::new(|co: &Co<usize>| {
            for i in 0..20 {
                let (a, b) = join(
                    || {
                        sleep(ms(1));
                        i
                    },
                    || i * 10,
                );
                co.yield_(a + b);
            }
            let ((a, b), c) = join(|| join(|| 1, || 2), || 3);
            co.yield_(a + b + c);
        });
        assert_eq!(generator.by_ref().take(20).sum::<usize>(), 190 * 11);
        assert_eq!(generator.next(), Some(6));
    });
}

#[test]
fn t6_in_scopes_and_scopes_in_it() {
    everywhere(|| {
        let count = AtomicUsize::new(0);
        scope(|s| {
            for _ in 0..10 {
                s.spawn(|| {
                    join(
                        || {
                            scope(|s| {
                                s.spawn(|| count.fetch_add(1, SeqCst));
                                yield_now();
                            })
                        },
                        || {
                            scope(|s| {
                                s.spawn(|| {
                                    sleep(ms(1));
                                    count.fetch_add(10, SeqCst)
                                });
                            })
                        },
                    );
                });
            }
        });
        assert_eq!(count.load(SeqCst), 110);
    });
}

#[test]
fn t6_in_a_destructor_while_a_task_unwinds_both_run_inline() {
    everywhere(|| {
        let trace = Trace::new();
        let here = thread::current().id();
        while_unwinding(|| {
            let (a, b) = join(
                || {
                    trace.say("a");
                    sleep(ms(1));
                    1
                },
                || {
                    trace.say("b");
                    assert_eq!(thread::current().id(), here);
                    2
                },
            );
            assert_eq!((a, b), (1, 2));
        });
        trace.said(&["a", "b"]);
        // The same where a cancellation unwinds.
        let told = trace.clone();
        let task = spawn_local(move || {
            let _joins = super::on_drop(|| {
                join(|| told.say("a"), || told.say("b"));
            });
            sleep(super::HOUR);
        });
        yield_now();
        sleep(ms(1));
        task.cancel();
        super::cancelled(task);
        trace.said(&["a", "b"]);
    });
}

#[test]
fn t6_ten_thousand_deep() {
    fn deep(left: usize) -> usize {
        if left == 0 {
            return 0;
        }
        let (a, b) = join(|| deep(left - 1), || 1);
        a + b
    }
    on_each(|_| {
        // Without optimization a level takes a KiB or more.
        let task = Builder::new().stack_size(64 << 20).spawn(|| deep(10_000)).unwrap();
        assert_eq!(task.join().unwrap(), 10_000);
    });
}

/// Deep, with a wait at the bottom: all halves above it are to be had for others.
#[test]
fn t6_deep_with_a_wait_at_the_bottom() {
    fn deep(left: usize) -> usize {
        if left == 0 {
            sleep(ms(5));
            return 0;
        }
        let (a, b) = join(|| deep(left - 1), || 1);
        a + b
    }
    on_each(|_| {
        let task = Builder::new().stack_size(4 << 20).spawn(|| deep(300)).unwrap();
        assert_eq!(task.join().unwrap(), 300);
    });
}

/// What others push while `a` waits lies above the half: it is dug out, or run as a task, and nothing is lost.
#[test]
fn t6_a_half_under_much_other_new_work() {
    on_each(|_| {
        for above in [0, 1, 5, 30, 31, 32, 33, 100, 500] {
            let count = Arc::new(AtomicUsize::new(0));
            let (a, b) = join(
                || {
                    for _ in 0..above {
                        let count = count.clone();
                        drop(spawn(move || count.fetch_add(1, SeqCst)));
                    }
                    above
                },
                || 1,
            );
            assert_eq!((a, b), (above, 1));
            super::until(|| count.load(SeqCst) == above);
        }
    });
}

/// Many tasks join at once, each between waits, so that halves of several lie mixed.
#[test]
fn t6_stress_many_tasks_join_at_once() {
    fn tree(depth: u32, seed: u32) -> u32 {
        if depth == 0 {
            return 1;
        }
        let turn = seed.wrapping_mul(2_654_435_761).rotate_left(7);
        if turn.is_multiple_of(3) {
            yield_now();
        }
        let (a, b) = join(
            || {
                if turn.is_multiple_of(5) {
                    yield_now();
                }
                tree(depth - 1, turn + 1)
            },
            || tree(depth - 1, turn + 2),
        );
        if turn.is_multiple_of(7) {
            yield_now();
        }
        a + b
    }
    each(|runtime, _| {
        let tasks: Vec<_> = (0..64).map(|seed| runtime.spawn(move || tree(8, seed))).collect();
        assert!(tasks.into_iter().all(|task| task.join().unwrap() == 256));
    });
}
