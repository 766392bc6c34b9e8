//! `select!` over several channels, against plain sends and receives and against each other.

use std::sync::Mutex;

use corro::channel::{self, Receiver, Sender};
use corro::select::Select;
use corro::{select, yield_now};
use fastrand::Rng;

use super::{Account, Case, Role, stress};
use crate::support::{HOUR, ms};

type Ends = [(Sender<usize>, Receiver<usize>); 3];

struct Selects {
    ends: Mutex<Option<Ends>>,
    account: Account,
}

impl Selects {
    fn new() -> Selects {
        let ends = [channel::bounded(0), channel::bounded(1), channel::bounded(0)];
        Selects { ends: Mutex::new(Some(ends)), account: Account::default() }
    }

    /// Whoever waits without a limit offers or wants something at `b`, so that not all can wait.
    fn give(&self, [a, b, c]: [Sender<usize>; 3], random: &mut Rng) {
        let number = self.account.number();
        let given = match random.u8(..4) {
            0 => b.send(number).is_ok(),
            1 => select! {
                send(c, number) -> result => result.is_ok(),
                after(ms(1) / 20) => false,
            },
            2 => {
                let mut list = Select::new();
                for sender in [&c, &b, &a] {
                    list.send(sender, number, |result| result.is_ok());
                }
                list.wait()
            }
            _ => select! {
                send(a, number) -> result => result.is_ok(),
                send(b, number) -> result => result.is_ok(),
                send(a, number) -> result => result.is_ok(),
            },
        };
        if given {
            self.account.given.add(number);
        }
    }

    fn take(&self, [a, b, c]: [Receiver<usize>; 3], random: &mut Rng) {
        let taken = match random.u8(..5) {
            0 => b.recv().ok(),
            1 => {
                let mut list = Select::new();
                for receiver in [&a, &b, &c] {
                    list.recv(receiver, Result::ok);
                }
                list.wait()
            }
            2 => select! {
                recv(a) -> message => message.ok(),
                recv(c) -> message => message.ok(),
                default => {
                    yield_now();
                    None
                }
            },
            _ => select! {
                recv(b) -> message => message.ok(),
                recv(a) -> message => message.ok(),
                recv(c) -> message => message.ok(),
                after(HOUR) => None,
            },
        };
        if let Some(number) = taken {
            self.account.taken.add(number);
        }
    }
}

impl Case for Selects {
    fn act(&self, role: Role, random: &mut Rng) {
        let Some(ends) = self.ends.lock().unwrap().clone() else { return };
        let (senders, receivers): (Vec<_>, Vec<_>) = ends.into_iter().unzip();
        if role == Role::Give {
            drop(receivers);
            self.give(senders.try_into().expect("three"), random);
        } else {
            drop(senders);
            self.take(receivers.try_into().expect("three"), random);
        }
    }

    fn finish(&self) {
        let ends = self.ends.lock().unwrap().take().expect("finished once");
        let (senders, receivers): (Vec<_>, Vec<_>) = ends.into_iter().unzip();
        drop(senders);
        // All at once: a thread that waits to send at one of them has senders of all.
        std::thread::scope(|s| {
            for receiver in &receivers {
                s.spawn(|| receiver.iter().for_each(|number| self.account.taken.add(number)));
            }
        });
    }

    fn check(&self) {
        self.account.balance();
    }
}

#[test]
fn c2_c3_cancelled_selects_lose_and_double_nothing() {
    stress(Selects::new);
}
