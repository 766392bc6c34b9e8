//! The queues of `asyncio`.

use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use corro::sync::{GetError, LifoQueue, PriorityQueue, PutError, Queue, TaskDoneError, TryGetError, TryPutError};
use corro::{Runtime, spawn};

use crate::schedulers::{everywhere, virtually};
use crate::support::{
    Drops, HOUR, cancelled, is_a_cancellation_point, is_no_cancellation_point, ms, on_drop, waiter, yields,
};

#[test]
fn c1_a_queue_serves_in_order() {
    everywhere(|| {
        let queue = Rc::new(Queue::new(1));
        let getters: Vec<_> = (0..3).map(|_| queue.clone()).map(|queue| waiter(move || queue.get())).collect();
        (0..3).for_each(|n| queue.put(n).unwrap());
        assert_eq!(queue.try_get(), Err(TryGetError::Empty), "each item was handed over");
        let got: Vec<_> = getters.into_iter().map(|task| task.join().unwrap().unwrap()).collect();
        assert_eq!(got, [0, 1, 2]);
        queue.put(3).unwrap();
        let putters: Vec<_> = (4..7).map(|n| (queue.clone(), n)).map(|(q, n)| waiter(move || q.put(n))).collect();
        assert_eq!(queue.try_put(9), Err(TryPutError::Full(9)));
        assert_eq!([(); 4].map(|()| queue.get().unwrap()), [3, 4, 5, 6]);
        putters.into_iter().for_each(|task| task.join().unwrap().unwrap());
    });
}

#[test]
fn c4_each_queue_has_its_order() {
    everywhere(|| {
        let (first, smallest, last) = (Queue::new(0), PriorityQueue::new(0), LifoQueue::new(0));
        for item in [2, 3, 1] {
            first.put(item).unwrap();
            smallest.put(item).unwrap();
            last.put(item).unwrap();
        }
        assert_eq!((first.len(), smallest.len(), last.len()), (3, 3, 3));
        assert_eq!([(); 3].map(|()| first.get().unwrap()), [2, 3, 1]);
        assert_eq!([(); 3].map(|()| smallest.get().unwrap()), [1, 2, 3]);
        assert_eq!([(); 3].map(|()| last.get().unwrap()), [1, 3, 2]);
        assert!(first.is_empty() && smallest.is_empty() && last.is_empty());
        assert!(!first.is_full() && Queue::<()>::new(2).maxsize() == 2);
    });
}

#[test]
fn c2_an_item_of_a_cancelled_getter_stays() {
    everywhere(|| {
        let queue = Rc::new(Queue::new(0));
        let (first, second) = (queue.clone(), queue.clone());
        let first = waiter(move || first.get());
        let second = waiter(move || second.get());
        queue.put(1).unwrap();
        first.cancel();
        cancelled(first);
        assert_eq!(second.join().unwrap(), Ok(1));
        let third = queue.clone();
        let third = waiter(move || third.get());
        queue.put(2).unwrap();
        third.cancel();
        cancelled(third);
        assert_eq!((queue.len(), queue.get()), (1, Ok(2)));
    });
}

#[test]
fn c3_an_item_of_a_cancelled_putter_is_not_put() {
    everywhere(|| {
        let (queue, drops) = (Rc::new(Queue::new(1)), Drops::default());
        queue.put(drops.value()).unwrap();
        let (theirs, value) = (queue.clone(), drops.value());
        let putter = waiter(move || theirs.put(value).is_ok());
        putter.cancel();
        cancelled(putter);
        assert_eq!((drops.count(), queue.len()), (1, 1));
        drop(queue.get());
        queue.put(drops.value()).unwrap();
        assert_eq!(queue.len(), 1);
    });
}

#[test]
fn c4_join_waits_until_all_is_done() {
    everywhere(|| {
        let queue = Rc::new(Queue::new(0));
        queue.join();
        assert_eq!(queue.task_done(), Err(TaskDoneError));
        (0..3).for_each(|n| queue.put(n).unwrap());
        let theirs = queue.clone();
        let joiner = waiter(move || theirs.join());
        for _ in 0..3 {
            queue.get().unwrap();
            yields(2);
            assert!(!joiner.is_finished());
            queue.task_done().unwrap();
        }
        joiner.join().unwrap();
        assert_eq!(queue.task_done(), Err(TaskDoneError));
    });
}

#[test]
fn c4_a_shutdown_lets_what_is_there_be_got() {
    everywhere(|| {
        let queue = Rc::new(Queue::new(2));
        queue.put(1).unwrap();
        queue.put(2).unwrap();
        let theirs = queue.clone();
        let putter = waiter(move || theirs.put(3));
        queue.shutdown(false);
        assert_eq!(putter.join().unwrap(), Err(PutError(3)));
        assert_eq!((queue.put(4), queue.try_put(5)), (Err(PutError(4)), Err(TryPutError::ShutDown(5))));
        assert_eq!((queue.get(), queue.try_get()), (Ok(1), Ok(2)));
        assert_eq!((queue.get(), queue.try_get()), (Err(GetError), Err(TryGetError::ShutDown)));
        assert_eq!(queue.put(6), Err(PutError(6)), "also when there is room");
    });
}

#[test]
fn c4_a_shutdown_ends_the_waits_of_getters() {
    everywhere(|| {
        let queue = Rc::new(PriorityQueue::<u32>::new(0));
        let getters: Vec<_> = (0..3).map(|_| queue.clone()).map(|queue| waiter(move || queue.get())).collect();
        queue.shutdown(false);
        getters.into_iter().for_each(|task| assert_eq!(task.join().unwrap(), Err(GetError)));
    });
}

#[test]
fn c4_an_immediate_shutdown_empties_and_counts_as_done() {
    everywhere(|| {
        let (queue, drops) = (Rc::new(LifoQueue::new(0)), Drops::default());
        (0..3).for_each(|_| queue.put(drops.value()).unwrap());
        let theirs = queue.clone();
        let joiner = waiter(move || theirs.join());
        let taken = queue.get().unwrap();
        queue.shutdown(true);
        assert_eq!((drops.count(), queue.len(), queue.get().is_err()), (2, 0, true));
        yields(2);
        assert!(!joiner.is_finished(), "one was taken, and is not done");
        queue.task_done().unwrap();
        joiner.join().unwrap();
        drop(taken);
    });
}

#[test]
fn t4_queues_are_waited_for_as_long_as_one_is_told() {
    virtually(|| {
        let queue = Queue::new(1);
        assert_eq!(queue.get_timeout(ms(5)), Err(TryGetError::Empty));
        queue.put_timeout(1, ms(5)).unwrap();
        assert_eq!(queue.put_timeout(2, ms(5)), Err(TryPutError::Full(2)));
        assert_eq!(queue.get_timeout(HOUR), Ok(1));
        queue.shutdown(false);
        assert_eq!(queue.put_timeout(2, HOUR), Err(TryPutError::ShutDown(2)));
        assert_eq!(queue.get_timeout(HOUR), Err(TryGetError::ShutDown));
    });
}

#[test]
fn t2_queues_are_cancellation_points() {
    everywhere(|| {
        let queue = Queue::new(0);
        queue.put(1).unwrap();
        is_a_cancellation_point("put", || queue.put(2));
        is_a_cancellation_point("get", || queue.get());
        queue.task_done().unwrap();
        is_a_cancellation_point("join", || queue.join());
        assert_eq!(queue.len(), 1);
        is_no_cancellation_point("try_put", || queue.try_put(2));
        is_no_cancellation_point("try_get", || queue.try_get());
        is_no_cancellation_point("shutdown", || queue.shutdown(true));
    });
}

#[test]
fn t8_workers_in_threads_and_tasks_do_all_jobs_once() {
    let queue = Arc::new(Queue::new(3));
    let done = Arc::new(corro::sync::Mutex::new(Vec::new()));
    let work = |queue: Arc<Queue<u32>>, done: Arc<corro::sync::Mutex<Vec<u32>>>| {
        move || {
            while let Ok(job) = queue.get() {
                done.lock().push(job);
                queue.task_done().unwrap();
            }
        }
    };
    let thread = thread::spawn(work(queue.clone(), done.clone()));
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let tasks: Vec<_> = (0..3).map(|_| runtime.spawn(work(queue.clone(), done.clone()))).collect();
    corro::run(|| {
        let theirs = queue.clone();
        spawn(move || (0..300).for_each(|job| theirs.put(job).unwrap())).join().unwrap();
        queue.join();
        queue.shutdown(false);
    });
    thread.join().unwrap();
    tasks.into_iter().for_each(|task| task.join().unwrap());
    let mut jobs = done.lock();
    jobs.sort_unstable();
    assert!(jobs.iter().copied().eq(0..300));
}

/// A comparison that panics takes neither room nor items away.
#[test]
fn t9_an_ord_that_panics_leaves_the_queue_usable() {
    #[derive(PartialEq, Eq)]
    struct Fails(u32);

    impl PartialOrd for Fails {
        fn partial_cmp(&self, other: &Fails) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Fails {
        fn cmp(&self, other: &Fails) -> Ordering {
            match (self.0, other.0) {
                (0, _) | (_, 0) => resume_unwind(Box::new("no order")),
                (a, b) => a.cmp(&b),
            }
        }
    }
    let queue = PriorityQueue::new(3);
    queue.put(Fails(2)).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(queue.put(Fails(0))))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| while queue.try_get().is_ok() {})).is_err() || queue.is_empty());
    while queue.try_get().is_ok() {}
    (1..4).for_each(|n| queue.put(Fails(n)).unwrap());
    assert!(queue.is_full());
    assert!([(); 3].map(|()| queue.get().unwrap().0) == [1, 2, 3]);
}

/// An item was handed to one that is cancelled after the queue was shut down.
#[test]
fn c2_an_item_that_comes_back_after_a_shutdown_at_once_is_dropped() {
    everywhere(|| {
        let drops = Drops::default();
        let queue = Rc::new(Queue::new(0));
        let getting = queue.clone();
        let getter = waiter(move || getting.get().map(drop));
        queue.put(drops.value()).unwrap();
        getter.cancel();
        queue.shutdown(true);
        cancelled(getter);
        assert_eq!((queue.len(), drops.count()), (0, 1));
        assert_eq!(queue.try_get().map(drop), Err(TryGetError::ShutDown));
        queue.join();
    });
}

#[test]
fn c4_an_item_whose_destructor_fails_counts_as_done() {
    everywhere(|| {
        let queue = Queue::new(0);
        for _ in 0..2 {
            assert!(queue.put(on_drop(|| resume_unwind(Box::new("fails")))).is_ok());
        }
        for _ in 0..2 {
            assert!(catch_unwind(AssertUnwindSafe(|| queue.shutdown(true))).is_err());
        }
        queue.join();
    });
}
