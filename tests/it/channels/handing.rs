//! Who gets what: order among those who wait, hand-over, cancellation.

use std::cell::Cell;
use std::rc::Rc;

use corro::channel::{RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError, bounded, unbounded};
use corro::{select, spawn_local, timeout};

use crate::schedulers::{everywhere, virtually};
use crate::support::{
    Drops, HOUR, Log, cancelled, is_a_cancellation_point, is_no_cancellation_point, ms, waiter, yields,
};

#[test]
fn c1_receivers_are_served_in_order() {
    everywhere(|| {
        for (tx, rx) in [bounded(0), bounded(1), bounded(8), unbounded()] {
            let receivers: Vec<_> = (0..5).map(|_| rx.clone()).map(|rx| waiter(move || rx.recv())).collect();
            (0..5).for_each(|message| tx.send(message).unwrap());
            let received: Vec<_> = receivers.into_iter().map(|task| task.join().unwrap().unwrap()).collect();
            assert_eq!(received, [0, 1, 2, 3, 4]);
        }
    });
}

#[test]
fn c1_senders_are_served_in_order() {
    everywhere(|| {
        for capacity in [0, 1, 3] {
            let (tx, rx) = bounded(capacity);
            (0..capacity).for_each(|message| tx.send(message).unwrap());
            let senders: Vec<_> = (capacity..capacity + 5)
                .map(|message| (tx.clone(), message))
                .map(|(tx, message)| waiter(move || tx.send(message)))
                .collect();
            let received: Vec<_> = (0..capacity + 5).map(|_| rx.recv().unwrap()).collect();
            assert_eq!(received, (0..capacity + 5).collect::<Vec<_>>());
            senders.into_iter().for_each(|task| task.join().unwrap().unwrap());
        }
    });
}

#[test]
fn c1_a_message_that_was_handed_over_is_nobody_elses() {
    everywhere(|| {
        let (tx, rx) = unbounded();
        let theirs = rx.clone();
        let first = waiter(move || theirs.recv());
        tx.send(1).unwrap();
        // It has not run yet.
        assert_eq!((rx.len(), rx.try_recv()), (0, Err(TryRecvError::Empty)));
        tx.send(2).unwrap();
        assert_eq!(rx.recv(), Ok(2));
        assert_eq!(first.join().unwrap(), Ok(1));
    });
}

#[test]
fn c1_room_that_was_handed_over_is_nobody_elses() {
    everywhere(|| {
        let (tx, rx) = bounded(1);
        tx.send(1).unwrap();
        let theirs = tx.clone();
        let second = waiter(move || theirs.send(2));
        assert_eq!(rx.recv(), Ok(1));
        assert_eq!(tx.try_send(3), Err(TrySendError::Full(3)));
        second.join().unwrap().unwrap();
        assert_eq!(rx.recv(), Ok(2));
    });
}

#[test]
fn c2_a_message_of_a_cancelled_receiver_goes_to_the_next() {
    everywhere(|| {
        for (tx, rx) in [bounded(0), bounded(1), unbounded()] {
            let receivers: Vec<_> = (0..3).map(|_| rx.clone()).map(|rx| waiter(move || rx.recv())).collect();
            tx.send(1).unwrap();
            let [first, second, third] = receivers.try_into().expect("three");
            first.cancel();
            cancelled(first);
            assert_eq!(second.join().unwrap(), Ok(1));
            third.cancel();
            cancelled(third);
            assert!(rx.is_empty());
        }
    });
}

#[test]
fn c2_a_message_that_nobody_else_waits_for_goes_back_to_the_front() {
    everywhere(|| {
        let (tx, rx) = bounded(1);
        let theirs = rx.clone();
        let receiver = waiter(move || theirs.recv());
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        receiver.cancel();
        cancelled(receiver);
        // One more than there are places, and no more fit in.
        assert_eq!((rx.len(), tx.try_send(3)), (2, Err(TrySendError::Full(3))));
        assert_eq!((rx.recv(), rx.recv()), (Ok(1), Ok(2)));
        tx.send(3).unwrap();
        assert_eq!(rx.recv(), Ok(3));
    });
}

#[test]
fn c2_a_message_of_a_receiver_that_a_timeout_cut_off_goes_back() {
    virtually(|| {
        let (tx, rx) = unbounded();
        let theirs = rx.clone();
        let receiver = waiter(move || timeout(ms(5), || theirs.recv()).is_err());
        corro::sleep(ms(5));
        // The timeout fires in the same turn as this task goes on, before the receiver does.
        tx.send(1).unwrap();
        let timed_out = receiver.join().unwrap();
        assert_eq!(rx.try_recv().is_ok(), timed_out);
    });
}

#[test]
fn c3_a_cancelled_receive_takes_no_message() {
    everywhere(|| {
        let (tx, rx) = bounded(1);
        let theirs = rx.clone();
        let receiver = waiter(move || theirs.recv());
        receiver.cancel();
        tx.send(1).unwrap();
        cancelled(receiver);
        assert_eq!(rx.recv(), Ok(1));
    });
}

#[test]
fn c3_a_cancelled_send_whose_message_was_taken_returns() {
    everywhere(|| {
        for capacity in [0, 1] {
            let (tx, rx) = bounded(capacity);
            (0..capacity).for_each(|_| tx.send(0).unwrap());
            let (sent, told) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
            let (theirs, went_on) = (sent.clone(), told.clone());
            let sender = waiter(move || {
                theirs.set(tx.send(1).is_ok());
                corro::checkpoint();
                went_on.set(true);
            });
            (0..capacity).for_each(|_| assert_eq!(rx.recv(), Ok(0)));
            if capacity == 0 {
                assert_eq!(rx.recv(), Ok(1));
            }
            sender.cancel();
            cancelled(sender);
            assert!(sent.get() && !told.get(), "the send returns, and the next point unwinds");
            assert_eq!(rx.try_recv().is_ok(), capacity == 1);
        }
    });
}

#[test]
fn c3_a_cancelled_send_whose_message_was_not_taken_drops_it_once() {
    everywhere(|| {
        for capacity in [0, 1] {
            let drops = Drops::default();
            let (tx, rx) = bounded(capacity);
            (0..capacity).for_each(|_| tx.send(drops.value()).unwrap());
            let (theirs, value) = (tx.clone(), drops.value());
            let sender = waiter(move || theirs.send(value));
            sender.cancel();
            cancelled(sender);
            assert_eq!((drops.count(), rx.len()), (1, capacity));
            drop((tx, rx));
            assert_eq!(drops.count(), 1 + capacity);
        }
    });
}

#[test]
fn c3_a_place_that_a_cancelled_sender_leaves_is_not_in_the_way() {
    everywhere(|| {
        let (tx, rx) = bounded(0);
        let senders: Vec<_> = (0..3).map(|n| (tx.clone(), n)).map(|(tx, n)| waiter(move || tx.send(n))).collect();
        let [first, second, third] = senders.try_into().expect("three");
        second.cancel();
        cancelled(second);
        assert_eq!((rx.recv(), rx.recv()), (Ok(0), Ok(2)));
        assert!(first.join().unwrap().is_ok() && third.join().unwrap().is_ok());
    });
}

#[test]
fn t2_operations_that_are_ready_are_cancellation_points() {
    everywhere(|| {
        let (tx, rx) = unbounded();
        tx.send(1).unwrap();
        is_a_cancellation_point("send", || tx.send(2));
        is_a_cancellation_point("send_timeout", || tx.send_timeout(2, HOUR));
        is_a_cancellation_point("recv", || rx.recv());
        is_a_cancellation_point("recv_timeout", || rx.recv_timeout(HOUR));
        is_a_cancellation_point("iter", || rx.iter().next());
        is_a_cancellation_point("select", || select! { recv(rx) -> message => message });
        assert_eq!(rx.len(), 1, "nothing was done");
        is_no_cancellation_point("try_send", || tx.try_send(2));
        is_no_cancellation_point("try_recv", || rx.try_recv());
        is_no_cancellation_point(
            "select with a default",
            || select! { recv(rx) -> message => message.is_ok(), default => false },
        );
        assert!(rx.is_empty());
        let (broadcast, messages) = corro::channel::broadcast(1);
        broadcast.send(1).unwrap();
        is_a_cancellation_point("recv of a broadcast", || messages.recv());
        is_no_cancellation_point("send of a broadcast", || broadcast.send(2));
        let (watch, value) = corro::channel::watch(0);
        watch.send(1).unwrap();
        is_a_cancellation_point("changed", || value.changed());
        is_no_cancellation_point("send of a watch", || watch.send(2));
    });
}

#[test]
fn s9_operations_that_are_always_ready_give_way() {
    everywhere(|| {
        let turns = Log::default();
        let theirs = turns.clone();
        let other = spawn_local(move || theirs.push(()));
        let (tx, rx) = unbounded();
        for _ in 0..256 {
            tx.send(()).unwrap();
            rx.recv().unwrap();
        }
        assert_eq!(turns.take().len(), 1, "the other task had its turn");
        other.join().unwrap();
    });
}

#[test]
fn t4_limits_are_kept_to_the_moment() {
    virtually(|| {
        let (tx, rx) = bounded(1);
        let start = corro::time::now();
        let passed = || (corro::time::now() - start).as_millis();
        assert_eq!((rx.recv_timeout(ms(10)), passed()), (Err(RecvTimeoutError::Timeout), 10));
        assert_eq!((rx.recv_deadline(start + ms(15)), passed()), (Err(RecvTimeoutError::Timeout), 15));
        assert_eq!((rx.recv_deadline(start), passed()), (Err(RecvTimeoutError::Timeout), 15));
        tx.send(1).unwrap();
        assert_eq!((tx.send_timeout(2, ms(10)), passed()), (Err(SendTimeoutError::Timeout(2)), 25));
        assert_eq!((tx.send_deadline(3, start + ms(30)), passed()), (Err(SendTimeoutError::Timeout(3)), 30));
        assert_eq!(rx.recv_deadline(start), Ok(1), "what is there is got, however late it is");
    });
}

#[test]
fn t4_what_comes_in_time_is_got() {
    virtually(|| {
        for limit in [ms(2), std::time::Duration::MAX] {
            let (tx, rx) = bounded(0);
            let sender = spawn_local(move || {
                corro::sleep(ms(1));
                tx.send_timeout(7, limit)
            });
            assert_eq!(rx.recv_timeout(limit), Ok(7));
            sender.join().unwrap().unwrap();
            assert_eq!(rx.recv_timeout(limit), Err(RecvTimeoutError::Disconnected));
        }
    });
}

#[test]
fn g10_a_generator_in_a_task_receives_and_sends() {
    everywhere(|| {
        let (tx, rx) = bounded(0);
        let (answer, answers) = bounded(0);
        let task = spawn_local(move || {
            let mut doubles = corro::Generator::new(move |co: &corro::Co<i32>| {
                for number in rx {
                    answer.send(2 * number).unwrap();
                    co.yield_(number);
                }
            });
            doubles.by_ref().sum::<i32>()
        });
        for number in 1..=3 {
            tx.send(number).unwrap();
            assert_eq!(answers.recv(), Ok(2 * number));
        }
        drop(tx);
        assert_eq!(task.join().unwrap(), 6);
        yields(1);
    });
}
