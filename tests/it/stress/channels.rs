//! Channels of several capacities, and the queues.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

use corro::channel::{self, Receiver, Sender};
use corro::sync::{LifoQueue, PriorityQueue, Queue};
use corro::{Runtime, yield_now};
use fastrand::Rng;

use super::{Account, Case, Role, stress, watchdog};
use crate::support::ms;

/// A message, of which it is counted how many there are.
struct Message(usize);

static ALIVE: AtomicUsize = AtomicUsize::new(0);

impl Message {
    fn new(number: usize) -> Message {
        ALIVE.fetch_add(1, SeqCst);
        Message(number)
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, SeqCst);
    }
}

struct Channel {
    ends: Mutex<Option<(Sender<Message>, Receiver<Message>)>>,
    account: Account,
}

impl Channel {
    fn new(capacity: Option<usize>) -> Channel {
        let ends = Mutex::new(Some(capacity.map_or_else(channel::unbounded, channel::bounded)));
        Channel { ends, account: Account::default() }
    }

    fn send(&self, sender: &Sender<Message>, random: &mut Rng) {
        let number = self.account.number();
        let sent = match random.u8(..4) {
            0 => sender.try_send(Message::new(number)).is_ok(),
            1 => sender.send_timeout(Message::new(number), ms(1) / 20).is_ok(),
            _ => sender.send(Message::new(number)).is_ok(),
        };
        // There was no wait since it was sent.
        if sent {
            self.account.given.add(number);
        }
        // Without a bound there is no other wait.
        if random.bool() {
            yield_now();
        }
    }

    fn recv(&self, receiver: &Receiver<Message>, random: &mut Rng) {
        let got = match random.u8(..4) {
            0 => receiver.try_recv().ok(),
            1 => receiver.recv_timeout(ms(1) / 20).ok(),
            _ => receiver.recv().ok(),
        };
        if let Some(message) = &got {
            self.account.taken.add(message.0);
        }
    }
}

impl Case for Channel {
    fn act(&self, role: Role, random: &mut Rng) {
        let Some((sender, receiver)) = self.ends.lock().unwrap().clone() else { return };
        if role == Role::Give {
            drop(receiver);
            self.send(&sender, random);
        } else {
            drop(sender);
            self.recv(&receiver, random);
        }
    }

    fn finish(&self) {
        let (sender, receiver) = self.ends.lock().unwrap().take().expect("finished once");
        drop(sender);
        receiver.iter().for_each(|message| self.account.taken.add(message.0));
    }

    fn check(&self) {
        self.account.balance();
    }
}

#[test]
fn c2_c3_cancelled_sends_and_receives_lose_and_double_nothing() {
    for capacity in [Some(0), Some(1), Some(3), None] {
        stress(|| Channel::new(capacity));
    }
    assert_eq!(ALIVE.load(SeqCst), 0, "messages were leaked or dropped twice");
}

macro_rules! case {
    ($queue:ident) => {
        impl Case for (Account, $queue<usize>) {
            fn act(&self, role: Role, random: &mut Rng) {
                let (account, queue) = self;
                if role == Role::Give {
                    let number = account.number();
                    let put = match random.u8(..4) {
                        0 => queue.try_put(number).is_ok(),
                        1 => queue.put_timeout(number, ms(1) / 20).is_ok(),
                        _ => queue.put(number).is_ok(),
                    };
                    if put {
                        account.given.add(number);
                    }
                } else {
                    let got = match random.u8(..4) {
                        0 => queue.try_get().ok(),
                        1 => queue.get_timeout(ms(1) / 20).ok(),
                        _ => queue.get().ok(),
                    };
                    if let Some(number) = got {
                        account.taken.add(number);
                        queue.task_done().expect("one for each item");
                    }
                }
            }

            fn finish(&self) {
                let (account, queue) = self;
                queue.shutdown(false);
                while let Ok(number) = queue.get() {
                    account.taken.add(number);
                    queue.task_done().expect("one for each item");
                }
                queue.join();
            }

            fn check(&self) {
                self.0.balance();
            }
        }
    };
}

case!(Queue);
case!(PriorityQueue);
case!(LifoQueue);

#[test]
fn c2_cancelled_puts_and_gets_lose_and_double_nothing() {
    stress(|| (Account::default(), Queue::new(2)));
    stress(|| (Account::default(), PriorityQueue::new(3)));
    stress(|| (Account::default(), LifoQueue::new(1)));
}

/// Each message comes once, and those of one sender come to one receiver in the order of sending.
#[test]
fn c1_many_senders_and_receivers_are_first_in_first_out() {
    const EACH: usize = 3_000;
    for (workers, capacity) in [(2, 0), (4, 1), (2, 7), (16, 64), (4, usize::MAX)] {
        let _watchdog = watchdog(format!("{workers} workers, capacity {capacity}"));
        let (tx, rx) = if capacity == usize::MAX { channel::unbounded() } else { channel::bounded(capacity) };
        let received: Mutex<Vec<Vec<(usize, usize)>>> = Mutex::default();
        let send = |sender: usize, tx: Sender<_>| (0..EACH).for_each(|number| tx.send((sender, number)).unwrap());
        let receive = |rx: Receiver<_>| {
            let all: Vec<_> = rx.iter().collect();
            received.lock().unwrap_or_else(PoisonError::into_inner).push(all);
        };
        std::thread::scope(|threads| {
            let runtime = Runtime::builder().workers(workers).build().expect("a runtime");
            threads.spawn({
                let tx = tx.clone();
                move || send(0, tx)
            });
            threads.spawn({
                let rx = rx.clone();
                move || receive(rx)
            });
            runtime.run(|| {
                corro::scope(|s| {
                    for sender in 1..4 {
                        let (tx, rx) = (tx.clone(), rx.clone());
                        s.spawn(move || send(sender, tx));
                        s.spawn(move || receive(rx));
                    }
                    drop((tx, rx));
                });
            });
        });
        check_order(&received.into_inner().unwrap(), EACH);
    }
}

fn check_order(received: &[Vec<(usize, usize)>], each: usize) {
    for by_one in received {
        let mut last: HashMap<usize, usize> = HashMap::new();
        for &(sender, number) in by_one {
            let before = last.insert(sender, number);
            assert!(before < Some(number), "{before:?} and then {number} of sender {sender}");
        }
    }
    let mut all: Vec<_> = received.iter().flatten().copied().collect();
    all.sort_unstable();
    let expected: Vec<_> = (0..4).flat_map(|sender| (0..each).map(move |number| (sender, number))).collect();
    assert!(all == expected, "messages were lost or doubled");
}
