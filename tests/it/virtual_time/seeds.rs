//! Seeds (S1, S2), and the warning about tasks that do not give way.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use corro::task::Builder;
use corro::{EventLoop, sleep, spawn_local, yield_now};

use super::HOUR;
use crate::generator::child::stderr_of;

const TASKS: usize = 8;

/// The turns of tasks and callbacks on a loop with this seed, each with the pass it belongs to.
fn turns(seed: Option<u64>) -> Vec<(usize, usize)> {
    let builder = EventLoop::builder().virtual_time(true);
    let event_loop = match seed {
        Some(seed) => builder.seed(seed).build().unwrap(),
        None => builder.build().unwrap(),
    };
    let turns = Rc::new(RefCell::new(vec![]));
    for number in 0..TASKS {
        let said = turns.clone();
        drop(event_loop.spawn(move || {
            for pass in 0..5 {
                said.borrow_mut().push((pass, number));
                match pass {
                    3 => sleep(HOUR),
                    _ => yield_now(),
                }
            }
        }));
        let said = turns.clone();
        event_loop.call_soon(move || said.borrow_mut().push((0, TASKS + number)));
    }
    event_loop.run_until_idle();
    Rc::into_inner(turns).unwrap().into_inner()
}

#[test]
fn s2_the_same_seed_gives_the_same_order() {
    for seed in 0..20 {
        assert_eq!(turns(Some(seed)), turns(Some(seed)), "seed {seed}");
    }
    assert_eq!(turns(None), turns(None));
}

#[test]
fn s2_other_seeds_give_other_orders() {
    let orders: HashSet<_> = (0..50).map(|seed| turns(Some(seed))).collect();
    assert!(orders.len() > 45, "{} orders of 50 seeds", orders.len());
    // Each pass is drawn anew.
    let differs = |seed| {
        let turns = turns(Some(seed));
        let numbers = |pass| turns.iter().filter(move |turn| turn.0 == pass).map(|turn| turn.1).collect::<Vec<_>>();
        numbers(1) != numbers(2)
    };
    assert!((0..50).filter(|seed| differs(*seed)).count() > 45);
}

#[test]
fn s2_a_seed_keeps_the_passes_apart_and_forgets_nobody() {
    for seed in 0..100 {
        let turns = turns(Some(seed));
        assert!(turns.is_sorted_by_key(|turn| turn.0), "seed {seed}: {turns:?}");
        let (mut first, mut later): (Vec<_>, Vec<_>) = turns.into_iter().partition(|turn| turn.0 == 0);
        first.sort();
        assert!(first.iter().map(|turn| turn.1).eq(0..2 * TASKS), "seed {seed}: {first:?}");
        later.sort();
        let all = (1..5).flat_map(|pass| (0..TASKS).map(move |number| (pass, number)));
        assert!(later.into_iter().eq(all), "seed {seed}");
    }
}

#[test]
fn s1_without_a_seed_the_order_is_that_of_the_queue() {
    let turns = turns(None);
    let first: Vec<_> = turns.iter().take(2 * TASKS).map(|turn| turn.1).collect();
    assert!(first.into_iter().eq((0..TASKS).flat_map(|number| [number, TASKS + number])));
    assert!(turns[2 * TASKS..].iter().map(|turn| turn.1).eq((1..5).flat_map(|_| 0..TASKS)));
}

/// What a pass makes ready runs in the next one, also with a seed.
#[test]
fn s2_with_a_seed_what_becomes_ready_waits_for_the_next_pass() {
    for seed in 0..100 {
        let event_loop = EventLoop::builder().seed(seed).build().unwrap();
        let said = Rc::new(RefCell::new(vec![]));
        for parent in 0..4 {
            let said = said.clone();
            drop(event_loop.spawn(move || {
                said.borrow_mut().push(("parent", parent));
                let told = said.clone();
                drop(spawn_local(move || told.borrow_mut().push(("child", parent))));
            }));
        }
        event_loop.run_until_idle();
        let kinds: Vec<_> = said.borrow().iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, ["parent", "parent", "parent", "parent", "child", "child", "child", "child"]);
    }
}

#[test]
fn s2_a_seed_keeps_deadlines_apart() {
    for seed in 0..50 {
        let event_loop = EventLoop::builder().virtual_time(true).seed(seed).build().unwrap();
        let said = Rc::new(RefCell::new(vec![]));
        for hours in [3, 1, 2, 4] {
            let said = said.clone();
            event_loop.call_later(hours * HOUR, move || said.borrow_mut().push(hours));
        }
        event_loop.run_until_idle();
        assert_eq!(*said.borrow(), [1, 2, 3, 4]);
    }
}

/// Keeps the thread busy for longer than `limit`.
fn spin(limit: Duration) {
    let end = Instant::now() + 2 * limit;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

#[test]
fn s1_a_slow_task_is_told_of_in_one_line() {
    const LIMIT: Duration = Duration::from_millis(5);
    let mut id = None;
    let stderr = stderr_of(|| {
        let event_loop = EventLoop::builder().slow_task_warning(LIMIT).build().unwrap();
        event_loop.run(|| {
            let slow = Builder::new().name("sluggard").spawn_local(|| {
                yield_now();
                spin(LIMIT);
                yield_now();
            });
            id = Some(slow.unwrap().id());
            event_loop.call_soon(|| spin(LIMIT));
            (0..5).for_each(|_| yield_now());
        });
        eprintln!("the id is {}", id.unwrap());
    });
    let Some(stderr) = stderr else { return };
    let lines: Vec<_> = stderr.lines().filter(|line| line.contains("\"sluggard\"")).collect();
    let [line] = lines[..] else { panic!("one line about the task in {stderr}") };
    let id = stderr.lines().find_map(|line| line.split_once("the id is ")).unwrap().1;
    assert!(line.starts_with(&format!("corro: task {id} \"sluggard\" ran for ")), "{line}");
    assert!(line.ends_with("without giving way"), "{line}");
    assert_eq!(stderr.lines().filter(|line| line.starts_with("corro: a callback ran for ")).count(), 1, "{stderr}");
}

#[test]
fn s1_quick_tasks_are_not_told_of() {
    let stderr = stderr_of(|| {
        let event_loop = EventLoop::builder().slow_task_warning(HOUR / 60).virtual_time(true).build().unwrap();
        event_loop.run(|| {
            // It gives way, and the hours are not real.
            let sleeper = Builder::new().name("sleeper").spawn(|| sleep(HOUR)).unwrap();
            event_loop.call_soon(|| ());
            sleeper.join().unwrap();
        });
    });
    assert!(stderr.is_none_or(|stderr| !stderr.contains("corro:")));
}

#[test]
fn s1_without_a_limit_nobody_is_told_of() {
    let stderr = stderr_of(|| {
        corro::run(|| {
            spin(Duration::from_millis(20));
            yield_now();
        });
    });
    assert!(stderr.is_none_or(|stderr| !stderr.contains("corro:")));
}
