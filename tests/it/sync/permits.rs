//! Semaphores.

use std::rc::Rc;

use corro::sync::{ReleaseError, Semaphore};

use crate::schedulers::{everywhere, virtually};
use crate::support::{HOUR, Log, cancelled, is_a_cancellation_point, is_no_cancellation_point, ms, waiter, yields};

#[test]
fn c1_permits_go_to_who_has_waited_longest_whatever_they_want() {
    everywhere(|| {
        let (semaphore, order) = (Rc::new(Semaphore::new(0)), Log::default());
        let tasks: Vec<_> = [3, 1, 2]
            .map(|count| {
                let (semaphore, order) = (semaphore.clone(), order.clone());
                waiter(move || {
                    semaphore.acquire_many(count).forget();
                    order.push(count);
                })
            })
            .into_iter()
            .collect();
        semaphore.release(2).unwrap();
        yields(2);
        assert_eq!((order.take(), semaphore.available()), (vec![], 2), "the first wants three");
        assert!(semaphore.try_acquire().is_none(), "and nobody passes it");
        semaphore.release(2).unwrap();
        yields(2);
        assert_eq!((order.take(), semaphore.available()), (vec![3, 1], 0));
        semaphore.release(3).unwrap();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!((order.take(), semaphore.available()), (vec![2], 1));
    });
}

#[test]
fn c2_permits_of_a_cancelled_waiter_go_to_the_next() {
    everywhere(|| {
        let semaphore = Rc::new(Semaphore::bounded(2));
        let held = semaphore.acquire_many(2);
        let tasks: Vec<_> = [2, 1, 1]
            .map(|count| (semaphore.clone(), count))
            .map(|(semaphore, count)| waiter(move || semaphore.acquire_many(count).forget()))
            .into_iter()
            .collect();
        let [first, second, third] = tasks.try_into().expect("three");
        drop(held);
        first.cancel();
        cancelled(first);
        second.join().unwrap();
        third.join().unwrap();
        assert_eq!(semaphore.available(), 0);
        semaphore.release(2).unwrap();
        assert_eq!(semaphore.available(), 2);
    });
}

#[test]
fn c2_those_behind_a_cancelled_waiter_do_not_wait_for_what_it_wanted() {
    everywhere(|| {
        let semaphore = Rc::new(Semaphore::new(1));
        let (many, one) = (semaphore.clone(), semaphore.clone());
        let many = waiter(move || many.acquire_many(5).forget());
        let one = waiter(move || one.acquire().forget());
        assert!(!one.is_finished());
        many.cancel();
        cancelled(many);
        one.join().unwrap();
    });
}

#[test]
fn c4_over_release_is_an_error() {
    let bounded = Semaphore::bounded(2);
    assert_eq!(bounded.release(1), Err(ReleaseError));
    let permit = bounded.acquire();
    assert_eq!(bounded.release(2), Err(ReleaseError));
    assert_eq!((bounded.available(), permit.count()), (1, 1));
    permit.forget();
    bounded.release(1).unwrap();
    assert_eq!((bounded.available(), bounded.release(usize::MAX)), (2, Err(ReleaseError)));
    let open = Semaphore::new(0);
    open.release(5).unwrap();
    assert_eq!((open.available(), open.release(usize::MAX)), (5, Err(ReleaseError)));
}

#[test]
fn c4_more_than_there_ever_are_is_refused_with_a_sentence() {
    let text = crate::generator::panic_text(|| Semaphore::bounded(2).acquire_many(3).forget());
    assert!(text.contains("3 permits") && text.contains("more than 2"), "{text}");
}

#[test]
fn t2_acquiring_is_a_cancellation_point() {
    everywhere(|| {
        let semaphore = Semaphore::new(3);
        is_a_cancellation_point("acquire", || drop(semaphore.acquire()));
        is_a_cancellation_point("acquire_many", || drop(semaphore.acquire_many(2)));
        is_a_cancellation_point("acquire_timeout", || drop(semaphore.acquire_timeout(HOUR)));
        is_no_cancellation_point("try_acquire", || drop(semaphore.try_acquire()));
        is_no_cancellation_point("release", || semaphore.release(1));
        assert_eq!(semaphore.available(), 4);
        assert_eq!(semaphore.acquire_many(0).count(), 0);
    });
}

#[test]
fn t4_permits_are_waited_for_as_long_as_one_is_told() {
    virtually(|| {
        let semaphore = Rc::new(Semaphore::new(0));
        let start = corro::time::now();
        assert!(semaphore.acquire_timeout(ms(5)).is_none());
        assert_eq!(corro::time::now() - start, ms(5));
        let theirs = semaphore.clone();
        let other = waiter(move || theirs.acquire_timeout(ms(5)).is_some());
        semaphore.release(1).unwrap();
        assert!(other.join().unwrap());
        assert_eq!(semaphore.available(), 1);
    });
}
