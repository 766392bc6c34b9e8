//! `JoinSet`, `join_all`, `try_join_all`, `as_completed`: section 3 of the interface, and rules T1, T2, T5, T7, T8.

use std::panic::resume_unwind;
use std::rc::Rc;

use corro::task::{JoinSet, as_completed, join_all, try_join_all};
use corro::{channel, scope, sleep, spawn, spawn_local, timeout, yield_now};

use crate::generator::{panic_text, while_unwinding};
use crate::schedulers::{everywhere, virtually};
use crate::support::{Drops, HOUR, Log, cancelled, is_a_cancellation_point, ms, on_drop, waiter, yields};

#[test]
fn t1_a_set_gives_results_as_tasks_end() {
    virtually(|| {
        let mut set = JoinSet::new();
        let ids: Vec<_> = [30, 10, 20].map(|delay| set.spawn(move || (sleep(ms(delay)), delay).1)).into();
        assert!(ids[0] != ids[1] && ids[1] != ids[2]);
        assert_eq!((set.len(), set.is_empty()), (3, false));
        assert!(set.try_join_next().is_none());
        let order: Vec<_> = std::iter::from_fn(|| set.join_next().map(Result::unwrap)).collect();
        assert_eq!((order, set.len()), (vec![10, 20, 30], 0));
    });
}

#[test]
fn t1_a_set_gives_panics_and_cancellations() {
    everywhere(|| {
        let mut set = JoinSet::new();
        set.spawn(|| resume_unwind(Box::new("fails")));
        let error = set.join_next().unwrap().unwrap_err();
        assert_eq!(error.into_panic().downcast_ref(), Some(&"fails"));
        let sleeper = spawn(|| sleep(HOUR));
        sleeper.cancel();
        set.insert(sleeper);
        assert!(set.join_next().unwrap().unwrap_err().is_cancelled());
        assert!(set.join_next().is_none());
    });
}

#[test]
fn t1_a_set_takes_tasks_that_have_ended_and_local_ones() {
    everywhere(|| {
        let ended = spawn_local(|| Rc::new(1));
        while !ended.is_finished() {
            yield_now();
        }
        let mut set = JoinSet::new();
        set.insert(ended);
        set.spawn_local(|| Rc::new(2));
        let mut numbers = [set.join_next().unwrap().unwrap(), set.join_next().unwrap().unwrap()];
        numbers.sort_unstable();
        assert_eq!(numbers, [Rc::new(1), Rc::new(2)]);
    });
}

#[test]
fn t1_a_set_of_many_that_come_and_go() {
    everywhere(|| {
        let mut set = JoinSet::new();
        let mut sum = 0;
        for number in 0..2_000_u64 {
            set.spawn(move || number);
            if set.len() == 16 {
                sum += set.join_next().unwrap().unwrap();
            }
            if let Some(result) = set.try_join_next() {
                sum += result.unwrap();
            }
        }
        while let Some(result) = set.join_next() {
            sum += result.unwrap();
        }
        assert_eq!(sum, 1_999_000);
    });
}

#[test]
fn t5_a_set_that_is_dropped_cancels_its_tasks() {
    everywhere(|| {
        let (told, tells) = channel::unbounded();
        let mut set = JoinSet::new();
        for number in 0..3 {
            let told = told.clone();
            set.spawn_local(move || {
                let _told = on_drop(move || told.try_send(number).unwrap());
                sleep(HOUR);
            });
        }
        yields(2);
        assert!(tells.is_empty());
        drop((set, told));
        let mut ended: Vec<_> = tells.iter().collect();
        ended.sort_unstable();
        assert_eq!(ended, [0, 1, 2]);
    });
}

#[test]
fn t5_cancel_all_leaves_the_tasks_to_be_joined() {
    everywhere(|| {
        let mut set = JoinSet::new();
        for _ in 0..5 {
            set.spawn(|| sleep(HOUR));
        }
        set.spawn(|| ());
        while set.join_next().unwrap().is_err() {}
        set.cancel_all();
        assert_eq!(set.len(), 5);
        while let Some(result) = set.join_next() {
            assert!(result.unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn t2_join_next_is_a_cancellation_point_that_loses_no_result() {
    everywhere(|| {
        let mut set = JoinSet::new();
        set.spawn_local(|| 7);
        yields(2);
        is_a_cancellation_point("JoinSet::join_next", || set.join_next());
        assert_eq!(set.join_next().unwrap().unwrap(), 7);

        // Cancelled after it was chosen, before it ran.
        let (go, wait) = channel::bounded::<()>(0);
        set.spawn_local(move || wait.recv().map_or(0, |()| 8));
        let outcome = corro::cancel_scope(|token| {
            let token = token.clone();
            let _detached = spawn_local(move || {
                go.send(()).unwrap();
                yields(1);
                token.cancel();
            });
            set.join_next()
        });
        assert!(outcome.is_err());
        assert_eq!(set.join_next().unwrap().unwrap(), 8);
    });
}

#[test]
fn t7_join_next_gives_none_while_unwinding() {
    everywhere(|| {
        spawn(|| {
            let mut set = JoinSet::new();
            set.spawn_local(|| sleep(HOUR));
            while_unwinding(|| assert!(set.join_next().is_none()));
            set.cancel_all();
            assert!(set.join_next().unwrap().unwrap_err().is_cancelled());
        })
        .join()
        .unwrap();
    });
}

#[test]
fn t8_a_set_on_a_plain_thread() {
    everywhere(|| {
        let handles: Vec<_> = (0..4).map(|number| spawn(move || (yield_now(), number).1)).collect();
        let thread = std::thread::spawn(move || {
            let mut set = JoinSet::new();
            for handle in handles {
                set.insert(handle);
            }
            let mut results: Vec<_> = std::iter::from_fn(|| set.join_next().map(Result::unwrap)).collect();
            results.sort_unstable();
            results
        });
        let results = corro::unblock(move || thread.join().unwrap());
        assert_eq!(results, [0, 1, 2, 3]);
    });
    let text = panic_text(|| JoinSet::new().spawn(|| ()));
    assert!(text.contains("spawn"), "{text}");
}

#[test]
fn t1_join_all_gives_results_in_the_order_of_the_tasks() {
    virtually(|| {
        let squares = join_all([3_u64, 1, 2].map(|number| {
            move || {
                sleep(ms(number));
                assert_ne!(number, 1, "one fails");
                number * number
            }
        }));
        assert_eq!(squares.len(), 3);
        let squares: Vec<_> = squares.into_iter().map(|square| square.map_err(|error| error.is_panic())).collect();
        assert_eq!(squares, [Ok(9), Err(true), Ok(4)]);
        assert!(join_all(Vec::<fn()>::new()).is_empty());
    });
}

#[test]
fn t1_join_all_takes_handles_and_those_of_a_scope() {
    everywhere(|| {
        let lengths = join_all(["a", "bc"].map(|word| spawn(|| word.len())));
        assert_eq!(lengths.into_iter().map(Result::unwrap).sum::<usize>(), 3);
        let words = [String::from("one"), String::from("seven")];
        let lengths = scope(|s| join_all(words.iter().map(|word| s.spawn(|| word.len())).collect::<Vec<_>>()));
        assert_eq!(lengths.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [3, 5]);
    });
}

#[test]
fn t5_try_join_all_cancels_the_others_and_waits_for_them() {
    virtually(|| {
        let drops = Drops::default();
        let start = corro::time::now();
        let body = |number: u64, value| {
            move || {
                let _value = value;
                sleep(ms(number));
                if number == 2 {
                    resume_unwind(Box::new("two"));
                }
                // Takes its time to tidy up.
                let _tidies = on_drop(|| corro::shield(|| ()));
                sleep(HOUR);
                number
            }
        };
        let outcome = try_join_all([5, 2, 1].map(|number| body(number, drops.value())));
        assert_eq!(outcome.unwrap_err().into_panic().downcast_ref(), Some(&"two"));
        assert_eq!((drops.count(), corro::time::now() - start), (3, ms(2)));
        let all = try_join_all([3, 1, 2].map(|number| move || (sleep(ms(number)), number).1));
        assert_eq!(all.unwrap(), [3, 1, 2]);
    });
}

#[test]
fn t5_join_all_that_is_cancelled_cancels_its_tasks() {
    everywhere(|| {
        for join in [|bodies: Vec<_>| drop(join_all(bodies)), |bodies: Vec<_>| drop(try_join_all(bodies))] {
            let drops = Drops::default();
            let bodies: Vec<_> = (0..3)
                .map(|_| {
                    let value = drops.value();
                    move || {
                        let _value = value;
                        sleep(HOUR);
                    }
                })
                .collect();
            let joiner = waiter(move || join(bodies));
            yields(3);
            joiner.cancel();
            cancelled(joiner);
            while drops.count() < 3 {
                yield_now();
            }
        }
    });
}

#[test]
fn t1_as_completed_gives_places_and_results_as_they_end() {
    virtually(|| {
        let mut tasks = as_completed([30, 10, 20].map(|delay| move || (sleep(ms(delay)), delay).1));
        assert_eq!(tasks.size_hint(), (0, Some(3)));
        let first = tasks.next().map(|(place, result)| (place, result.unwrap()));
        assert_eq!(first, Some((1, 10)));
        assert_eq!(tasks.map(|(place, result)| (place, result.unwrap())).collect::<Vec<_>>(), [(2, 20), (0, 30)]);
    });
}

#[test]
fn t1_what_as_completed_leaves_runs_on() {
    everywhere(|| {
        let log = Log::default();
        let (go, wait) = channel::bounded::<()>(0);
        let (at_once, later) = (log.clone(), log.clone());
        let tasks = [
            spawn_local(move || at_once.push("at once")),
            spawn_local(move || {
                wait.recv().unwrap();
                later.push("later");
            }),
        ];
        let (place, _result) = as_completed(tasks).next().unwrap();
        assert_eq!(place, 0);
        go.send(()).unwrap();
        yields(3);
        assert_eq!(log.take(), ["at once", "later"]);
    });
}

#[test]
fn t4_a_timeout_around_a_set_leaves_the_set_usable() {
    virtually(|| {
        let mut set = JoinSet::new();
        set.spawn(|| (sleep(ms(10)), 1).1);
        for _ in 0..3 {
            assert!(timeout(ms(2), || set.join_next()).is_err());
        }
        assert_eq!(set.join_next().unwrap().unwrap(), 1);
    });
}

#[test]
fn s6_a_set_of_tasks_of_a_runtime_is_no_deadlock() {
    let runtime = corro::Runtime::builder().workers(1).build().unwrap();
    let (go, wait) = channel::bounded::<()>(0);
    let task = runtime.spawn(move || wait.recv().is_ok());
    let opener = std::thread::spawn(move || {
        std::thread::sleep(ms(20));
        go.send(()).unwrap();
    });
    let results = virtually(|| join_all([task]));
    assert!(results.into_iter().all(|result| result.unwrap()));
    opener.join().unwrap();
}
