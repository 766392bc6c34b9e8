//! Channels for one message, for all receivers, for the latest value.

use std::rc::Rc;
use std::time::Duration;

use corro::channel::broadcast::{
    RecvError as BroadcastError, RecvTimeoutError as BroadcastTimeout, TryRecvError as Try,
};
use corro::channel::{RecvError, RecvTimeoutError, SendError, TryRecvError, broadcast, oneshot, watch};

use crate::schedulers::{everywhere, virtually};
use crate::support::{Drops, cancelled, ms, waiter};

#[test]
fn c4_a_oneshot_gives_its_message_or_the_end() {
    everywhere(|| {
        let (tx, rx) = oneshot();
        let receiver = waiter(move || rx.recv());
        tx.send(1).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(1));

        let (tx, rx) = oneshot::<i32>();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        let receiver = waiter(move || rx.recv());
        drop(tx);
        assert_eq!(receiver.join().unwrap(), Err(RecvError));

        let (tx, rx) = oneshot();
        drop(rx);
        assert_eq!(tx.send(2), Err(2));
    });
}

#[test]
fn c3_a_oneshot_that_a_cancelled_task_waited_for_is_dropped_once() {
    everywhere(|| {
        let drops = Drops::default();
        let (tx, rx) = oneshot();
        let receiver = waiter(move || rx.recv());
        tx.send(drops.value()).unwrap();
        receiver.cancel();
        cancelled(receiver);
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn c4_a_oneshot_waits_as_long_as_it_is_told() {
    virtually(|| {
        let (tx, rx) = oneshot();
        assert_eq!(rx.recv_timeout(ms(5)), Err(RecvTimeoutError::Timeout));
        tx.send(3).unwrap();
        assert_eq!(rx.recv_timeout(ms(5)), Ok(3));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    });
}

#[test]
fn c4_a_broadcast_reaches_all_who_were_there() {
    everywhere(|| {
        let (tx, rx) = broadcast(4);
        let waiting: Vec<_> = (0..3).map(|_| rx.clone()).map(|rx| waiter(move || (rx.recv(), rx.recv()))).collect();
        assert_eq!(tx.send("a").unwrap(), 4);
        let late = tx.subscribe();
        tx.send("b").unwrap();
        waiting.into_iter().for_each(|task| assert_eq!(task.join().unwrap(), (Ok("a"), Ok("b"))));
        assert_eq!((late.recv(), late.try_recv()), (Ok("b"), Err(Try::Empty)));
        let clone = rx.clone();
        assert_eq!((rx.recv(), clone.recv(), clone.recv()), (Ok("a"), Ok("a"), Ok("b")));
        drop(tx);
        assert_eq!((rx.recv(), rx.recv()), (Ok("b"), Err(BroadcastError::Closed)));
        assert_eq!(clone.recv(), Err(BroadcastError::Closed));
    });
}

#[test]
fn c4_who_lags_is_told_once_how_much() {
    everywhere(|| {
        let (tx, rx) = broadcast(3);
        (0..10).for_each(|n| assert_eq!(tx.send(n), Ok(1)));
        assert_eq!(rx.recv(), Err(BroadcastError::Lagged(7)));
        assert_eq!((rx.recv(), rx.recv(), rx.recv()), (Ok(7), Ok(8), Ok(9)));
        assert_eq!(rx.try_recv(), Err(Try::Empty));
        (10..14).for_each(|n| assert_eq!(tx.send(n), Ok(1)));
        assert_eq!((rx.try_recv(), rx.try_recv()), (Err(Try::Lagged(1)), Ok(11)));
    });
}

#[test]
fn c4_a_broadcast_is_kept_until_all_have_read_it() {
    let drops = Drops::default();
    let (tx, rx) = broadcast(8);
    let (other, third) = (rx.clone(), rx.clone());
    tx.send(Rc::new(drops.value())).unwrap();
    drop((rx.recv(), other.recv()));
    assert_eq!((drops.count(), tx.len()), (0, 1));
    drop(third);
    assert_eq!((drops.count(), tx.len()), (1, 0));
    (0..10).for_each(|_| drop(tx.send(Rc::new(drops.value()))));
    assert_eq!((drops.count(), tx.len()), (3, 8));
    drop((rx, other));
    assert_eq!((drops.count(), tx.receiver_count()), (11, 0));
    assert!(matches!(tx.send(Rc::new(drops.value())), Err(SendError(_))));
    assert_eq!(drops.count(), 12);
}

#[test]
fn c3_a_cancelled_receive_of_a_broadcast_leaves_the_message() {
    virtually(|| {
        let (tx, rx) = broadcast(2);
        assert_eq!(rx.recv_timeout(ms(1)), Err(BroadcastTimeout::Timeout));
        let rx = Rc::new(rx);
        let theirs = rx.clone();
        let receiver = waiter(move || theirs.recv());
        tx.send(1).unwrap();
        receiver.cancel();
        cancelled(receiver);
        assert_eq!(rx.recv_timeout(Duration::MAX), Ok(1));
    });
}

#[test]
fn c4_a_watch_shows_the_latest() {
    everywhere(|| {
        let (tx, rx) = watch(0);
        let seen = rx.borrow();
        let waiting = rx.clone();
        let waiting = waiter(move || waiting.changed().map(|()| *waiting.borrow()));
        (1..=3).for_each(|n| tx.send(n).unwrap());
        assert_eq!(waiting.join().unwrap(), Ok(3));
        assert_eq!((*seen, *rx.borrow(), rx.has_changed()), (0, 3, Ok(true)));
        rx.changed().unwrap();
        assert_eq!(rx.has_changed(), Ok(false));
        tx.send(4).unwrap();
        assert_eq!((*rx.borrow_and_update(), rx.has_changed()), (4, Ok(false)));
        assert_eq!(tx.subscribe().has_changed(), Ok(false));
        assert_eq!(*tx.replace(5), 4);
        drop(tx);
        assert_eq!((rx.changed(), rx.changed()), (Ok(()), Err(RecvError)), "the last value is seen, then the end");
        assert_eq!(*rx.borrow(), 5);
    });
}

#[test]
fn c4_a_watch_without_receivers_keeps_its_value() {
    let (tx, rx) = watch(1);
    assert!(!tx.is_closed());
    drop(rx);
    assert_eq!(tx.send(2), Err(SendError(2)));
    assert_eq!((*tx.borrow(), tx.is_closed()), (1, true));
}

#[test]
fn c3_a_cancelled_look_at_a_watch_sees_nothing() {
    virtually(|| {
        let (tx, rx) = watch(0);
        assert_eq!(rx.changed_timeout(ms(1)), Err(RecvTimeoutError::Timeout));
        let rx = Rc::new(rx);
        let theirs = rx.clone();
        let looking = waiter(move || theirs.changed());
        tx.send(1).unwrap();
        looking.cancel();
        cancelled(looking);
        assert_eq!(rx.has_changed(), Ok(true));
        rx.changed_timeout(ms(1)).unwrap();
    });
}
