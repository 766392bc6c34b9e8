//! Closing, and what cannot wait.

use std::rc::Rc;

use corro::channel::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError, bounded, unbounded,
};
use corro::{EventLoop, spawn, spawn_local};

use crate::generator::child::stderr_of;
use crate::generator::while_unwinding;
use crate::schedulers::everywhere;
use crate::support::{Drops, HOUR, ms, waiter};

#[test]
fn c4_receivers_drain_what_is_left() {
    everywhere(|| {
        let (tx, rx) = bounded(2);
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        let late = tx.clone();
        let third = waiter(move || late.send(3));
        drop(tx);
        assert_eq!((rx.recv(), rx.recv(), rx.recv()), (Ok(1), Ok(2), Ok(3)));
        third.join().unwrap().unwrap();
        assert_eq!(rx.recv(), Err(RecvError));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(rx.recv_timeout(HOUR), Err(RecvTimeoutError::Disconnected));
    });
}

#[test]
fn c4_receivers_that_wait_see_the_end() {
    everywhere(|| {
        let (tx, rx) = bounded::<()>(0);
        let other = tx.clone();
        let receivers: Vec<_> = (0..3).map(|_| rx.clone()).map(|rx| waiter(move || rx.recv())).collect();
        drop(tx);
        assert!(receivers.iter().all(|task| !task.is_finished()), "there is one sender still");
        drop(other);
        receivers.into_iter().for_each(|task| assert_eq!(task.join().unwrap(), Err(RecvError)));
    });
}

#[test]
fn c4_senders_get_their_messages_back() {
    everywhere(|| {
        let (tx, rx) = bounded(1);
        tx.send(0).unwrap();
        let waiting: Vec<_> = (1..4).map(|n| (tx.clone(), n)).map(|(tx, n)| (n, waiter(move || tx.send(n)))).collect();
        drop(rx);
        waiting.into_iter().for_each(|(n, task)| assert_eq!(task.join().unwrap(), Err(SendError(n))));
        assert_eq!(tx.send(5), Err(SendError(5)));
        assert_eq!(tx.try_send(6), Err(TrySendError::Disconnected(6)));
        assert_eq!(tx.send_timeout(7, HOUR), Err(SendTimeoutError::Disconnected(7)));
    });
}

#[test]
fn c4_what_nobody_will_receive_is_dropped_with_the_last_receiver() {
    everywhere(|| {
        let drops = Drops::default();
        let (tx, rx) = unbounded();
        (0..3).for_each(|_| tx.send(drops.value()).unwrap());
        drop(rx.clone());
        assert_eq!(drops.count(), 0);
        drop(rx);
        assert_eq!(drops.count(), 3);
        drop(tx.send(drops.value()));
        assert_eq!(drops.count(), 4);
    });
}

/// A destructor of a message may use the channel that it was in.
#[test]
fn c4_messages_are_dropped_with_nothing_locked() {
    struct Asks(Option<corro::channel::Sender<Asks>>);

    impl Drop for Asks {
        fn drop(&mut self) {
            if let Some(tx) = self.0.take() {
                assert!(tx.send(Asks(None)).is_err());
            }
        }
    }
    everywhere(|| {
        let (tx, rx) = unbounded();
        tx.send(Asks(Some(tx.clone()))).unwrap();
        drop(rx);
    });
}

#[test]
fn t7_while_unwinding_what_would_wait_returns_its_error() {
    everywhere(|| {
        spawn(|| {
            while_unwinding(|| {
                let (tx, rx) = bounded(1);
                assert_eq!(rx.recv(), Err(RecvError));
                assert_eq!(rx.recv_timeout(HOUR), Err(RecvTimeoutError::Disconnected));
                assert_eq!(tx.send(1), Ok(()), "what need not wait is done");
                assert_eq!(tx.send(2), Err(SendError(2)));
                assert_eq!(tx.send_timeout(2, HOUR), Err(SendTimeoutError::Disconnected(2)));
                assert_eq!(rx.recv(), Ok(1));
            });
        })
        .join()
        .unwrap();
    });
}

#[test]
fn t7_a_destructor_of_a_cancelled_task_may_send_what_need_not_wait() {
    everywhere(|| {
        struct Last(corro::channel::Sender<&'static str>);

        impl Drop for Last {
            fn drop(&mut self) {
                self.0.send("gone").unwrap();
            }
        }
        let (tx, rx) = bounded(1);
        let task = waiter(move || {
            let _last = Last(tx);
            corro::sleep(HOUR);
        });
        task.cancel();
        assert_eq!(rx.recv(), Ok("gone"));
    });
}

/// A callback cannot wait; what is ready it may do.
#[test]
fn t8_callbacks_do_not_wait() {
    let text = stderr_of(|| {
        let event_loop = EventLoop::new().unwrap();
        let (tx, rx) = bounded(1);
        let got = Rc::new(std::cell::Cell::new(None));
        let theirs = got.clone();
        event_loop.call_soon(move || {
            tx.send(1).unwrap();
            theirs.set(Some(rx.recv()));
            let _ = rx.recv();
            unreachable!("a callback has waited");
        });
        event_loop.run_until_idle();
        assert_eq!(got.get(), Some(Ok(1)));
    });
    if let Some(text) = text {
        assert!(text.contains("a callback of the event loop cannot wait"), "{text}");
    }
}

#[test]
fn c4_lengths_and_capacities() {
    let (tx, rx) = bounded(2);
    assert_eq!(
        (tx.capacity(), rx.capacity(), tx.len(), rx.is_empty(), tx.is_full()),
        (Some(2), Some(2), 0, true, false)
    );
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert_eq!((tx.len(), rx.len(), rx.is_empty(), rx.is_full()), (2, 2, false, true));
    let (tx, rx) = bounded::<()>(0);
    assert_eq!(
        (tx.capacity(), rx.is_empty(), rx.is_full(), tx.is_empty(), tx.is_full()),
        (Some(0), true, true, true, true)
    );
    let (tx, rx) = unbounded();
    (0..5000).for_each(|n| tx.send(n).unwrap());
    assert_eq!((tx.capacity(), rx.len(), rx.is_full()), (None, 5000, false));
    assert!(rx.try_iter().eq(0..5000));
    assert!(tx.same_channel(&tx.clone()) && !tx.same_channel(&unbounded().0) && rx.same_channel(&rx.clone()));
}

#[test]
fn c4_iterators_end_with_the_senders() {
    everywhere(|| {
        let (tx, rx) = bounded(1);
        let sender = spawn_local(move || (0..10).try_for_each(|n| tx.send(n)));
        assert!((&rx).into_iter().take(4).eq(0..4));
        assert!(rx.into_iter().eq(4..10));
        sender.join().unwrap().unwrap();
    });
}

#[test]
fn c4_a_rendezvous_ends_when_the_message_is_received() {
    everywhere(|| {
        let (tx, rx) = bounded(0);
        assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
        let sender = waiter(move || tx.send(2));
        assert!(!sender.is_finished());
        assert_eq!(rx.recv_timeout(ms(1)), Ok(2));
        sender.join().unwrap().unwrap();
    });
}
