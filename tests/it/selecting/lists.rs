//! [`Select`], whose arms are added while the program runs.

use std::io::{Read, Write};

use corro::channel;
use corro::select::Select;
use corro::{spawn, time};

use super::arms::sockets;
use crate::generator::panic_text;
use crate::schedulers::{everywhere, virtually};
use crate::support::{Drops, HOUR, cancelled, is_a_cancellation_point, is_no_cancellation_point, ms, waiter};

#[test]
fn c3_a_list_does_one_arm_after_another() {
    everywhere(|| {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..20).map(|_| channel::bounded(1)).unzip();
        let mut select = Select::new();
        for (number, receiver) in receivers.iter().enumerate() {
            select.recv(receiver, move |message| (number, message));
        }
        let sending = spawn(move || {
            for (number, sender) in senders.iter().enumerate() {
                sender.send(100 + number).unwrap();
            }
            senders
        });
        let mut got: Vec<_> = (0..20).map(|_| select.wait()).collect();
        got.sort_by_key(|&(number, _)| number);
        let expected: Vec<_> = (0..20).map(|number| (number, Ok(100 + number))).collect();
        assert_eq!(got, expected);
        assert_eq!(select.try_wait(), None);
        let senders = sending.join().unwrap();
        senders[7].send(1).unwrap();
        assert_eq!(select.try_wait(), Some((7, Ok(1))), "an arm can be done again");
        drop(senders);
        assert!(select.wait().1.is_err());
        assert_eq!(select.len(), 20);
    });
}

#[test]
fn c3_arms_that_end_are_taken_out() {
    everywhere(|| {
        let drops = Drops::default();
        let (tx, rx) = channel::bounded(1);
        let mut handle = spawn(|| 5);
        let mut select = Select::new();
        assert!(select.is_empty());
        select.send(&tx, drops.value(), |result| if result.is_ok() { "sent" } else { "closed" });
        select.send(&tx, drops.value(), |result| if result.is_ok() { "sent" } else { "closed" });
        select.join(&mut handle, |result| if result.unwrap() == 5 { "five" } else { "other" });
        let mut done = [select.wait(), select.wait()];
        done.sort_unstable();
        assert_eq!(done, ["five", "sent"]);
        assert_eq!((select.len(), select.try_wait()), (1, None), "the channel is full");
        drop(rx.recv());
        assert_eq!(select.wait(), "sent");
        drop(rx);
        assert_eq!((select.len(), drops.count()), (0, 2));
        select.send(&tx, drops.value(), |result| if result.is_ok() { "sent" } else { "closed" });
        assert_eq!(select.wait(), "closed");
        select.send(&tx, drops.value(), |_| "never");
        drop(select);
        assert_eq!(drops.count(), 4, "what was not sent is dropped with the list");
    });
}

#[test]
fn c3_descriptors_in_a_list() {
    everywhere(|| {
        let pairs: Vec<_> = (0..8).map(|_| sockets()).collect();
        let mut select = Select::new();
        for (number, (_, there)) in pairs.iter().enumerate() {
            select.readable(there, move |result| (number, result.is_ok()));
        }
        for number in [3, 0, 7] {
            (&pairs[number].0).write_all(b"x").unwrap();
            assert_eq!(select.wait(), (number, true));
            (&pairs[number].1).read_exact(&mut [0]).unwrap();
        }
        assert_eq!(select.try_wait(), None);
        select.writable(&pairs[0].0, |_| (100, true));
        assert_eq!(select.wait(), (100, true));
    });
}

#[test]
fn c3_times_in_a_list_count_from_when_they_were_added() {
    virtually(|| {
        let start = time::now();
        let mut select = Select::new();
        select.after(ms(10), || 10);
        select.at(start + ms(3), || 3);
        corro::sleep(ms(1));
        assert_eq!((select.wait(), time::now() - start), (3, ms(3)));
        assert_eq!(select.wait(), 3, "a time that has come stays");
        corro::sleep(ms(20));
        let mut seen: Vec<_> = (0..64).map(|_| select.wait()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [3, 10], "both, by turns");
    });
}

#[test]
fn t2_a_list_is_a_cancellation_point_and_a_try_is_none() {
    everywhere(|| {
        let (tx, rx) = channel::bounded(1);
        tx.send(1).unwrap();
        let mut select = Select::new();
        select.recv(&rx, |message| message);
        is_a_cancellation_point("Select::wait", || select.wait());
        is_no_cancellation_point("Select::try_wait", || assert_eq!(select.try_wait(), Some(Ok(1))));
        drop(select);
        let waits = waiter(move || {
            let mut select = Select::new();
            select.recv(&rx, |message| message);
            select.after(HOUR, || Ok(0));
            select.wait()
        });
        waits.cancel();
        cancelled(waits);
        assert!(tx.send(2).is_err(), "the receiver is gone with the task");
    });
}

#[test]
fn t8_a_list_on_a_plain_thread() {
    let (tx, rx) = channel::bounded(0);
    let sender = std::thread::spawn(move || (0..10).for_each(|number| tx.send(number).unwrap()));
    let mut select = Select::default();
    select.recv(&rx, Result::ok);
    assert!((0..10).all(|number| select.wait() == Some(number)));
    assert_eq!(select.wait(), None);
    sender.join().unwrap();
}

#[test]
fn c3_a_list_without_arms_is_refused() {
    let text = panic_text(|| Select::<()>::new().wait());
    assert!(text.contains("`Select`") && text.contains("add one"), "{text}");
    assert_eq!(Select::<()>::new().try_wait(), None);
}
