//! The channels that have several receivers for each message, or for the latest value. Each receiver is used by one task
//! at a time, since all who wait at one are woken, and run in any order.

use std::array;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::mem;

use corro::channel::{RecvError, RecvTimeoutError, broadcast, watch};
use proptest::prelude::*;

use super::{Model, Primitive, Results, check, limit};

#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Send(u32),
    Recv(usize),
    TryRecv(usize),
    RecvFor(usize, u64),
}

fn op() -> impl Strategy<Value = Op> + Clone {
    prop_oneof![
        3 => any::<u32>().prop_map(Op::Send),
        4 => (0..RECEIVERS).prop_map(Op::Recv),
        1 => (0..RECEIVERS).prop_map(Op::TryRecv),
        2 => (0..RECEIVERS, 1..5_u64).prop_map(|(receiver, steps)| Op::RecvFor(receiver, steps)),
    ]
}

const CAPACITY: usize = 3;
const RECEIVERS: usize = 3;

/// Another task waits at this receiver.
const BUSY: &str = "busy";

/// The result of a receive, if no other task waits at this receiver.
fn received<R, T: Debug>(receiver: &RefCell<R>, receive: impl FnOnce(&R) -> T) -> String {
    receiver.try_borrow_mut().map_or_else(|_used| BUSY.to_owned(), |free| format!("{:?}", receive(&free)))
}

fn late(op: Op) -> Option<(u64, String)> {
    match op {
        Op::RecvFor(_, steps) => Some((steps, "Err(Timeout)".to_owned())),
        _ => None,
    }
}

/// Who waits at which receiver.
#[derive(Clone, Default)]
struct Waiting {
    now: [Option<usize>; RECEIVERS],
    /// All that ever waited.
    all: BTreeMap<usize, usize>,
}

impl Waiting {
    fn add(&mut self, receiver: usize, id: usize) {
        self.now[receiver] = Some(id);
        self.all.insert(id, receiver);
    }

    fn is_busy(&self, op: Op) -> bool {
        match op {
            Op::Send(_) => false,
            Op::Recv(receiver) | Op::TryRecv(receiver) | Op::RecvFor(receiver, _) => self.now[receiver].is_some(),
        }
    }

    fn take(&mut self, receiver: usize) -> Option<usize> {
        self.now[receiver].take()
    }

    fn leave(&mut self, id: usize) {
        self.now = self.now.map(|waiter| waiter.filter(|&waiter| waiter != id));
    }

    fn last_of(&self, id: usize) -> usize {
        self.all[&id]
    }
}

struct Broadcast {
    sender: broadcast::Sender<u32>,
    receivers: [RefCell<broadcast::Receiver<u32>>; RECEIVERS],
}

impl Primitive for Broadcast {
    type Op = Op;
    type Output<'a> = String;

    fn perform(&self, op: Op) -> String {
        use broadcast::{RecvError, RecvTimeoutError, TryRecvError};

        let receive = |receiver: &broadcast::Receiver<u32>| match op {
            Op::RecvFor(_, steps) => receiver.recv_timeout(limit(steps)),
            Op::TryRecv(_) => receiver.try_recv().map_err(|error| match error {
                TryRecvError::Lagged(missed) => RecvTimeoutError::Lagged(missed),
                TryRecvError::Closed => RecvTimeoutError::Closed,
                TryRecvError::Empty => RecvTimeoutError::Timeout,
            }),
            _ => receiver.recv().map_err(|error| match error {
                RecvError::Lagged(missed) => RecvTimeoutError::Lagged(missed),
                RecvError::Closed => RecvTimeoutError::Closed,
            }),
        };
        match op {
            Op::Send(message) => format!("sent to {}", self.sender.send(message).unwrap()),
            Op::Recv(number) | Op::TryRecv(number) | Op::RecvFor(number, _) => {
                received(&self.receivers[number], receive)
            }
        }
    }

    fn show(output: &String) -> String {
        output.clone()
    }

    fn observe(&self) -> String {
        self.sender.len().to_string()
    }
}

#[derive(Clone, Default)]
struct BroadcastSpec {
    sent: Vec<u32>,
    /// The oldest message that is kept.
    first: usize,
    positions: [usize; RECEIVERS],
    waiting: Waiting,
    results: Results,
}

impl BroadcastSpec {
    /// The result of a look for the next message.
    fn look(&mut self, receiver: usize) -> Option<String> {
        let position = self.positions[receiver];
        if position < self.first {
            self.positions[receiver] = self.first;
            return Some(format!("Err(Lagged({}))", self.first - position));
        }
        let message = self.sent.get(position)?;
        self.positions[receiver] += 1;
        Some(format!("Ok({message})"))
    }

    /// What all have read is not kept.
    fn forget(&mut self) {
        self.first = self.positions.into_iter().fold(self.sent.len(), usize::min).max(self.first);
    }
}

impl Model for BroadcastSpec {
    type Op = Op;

    fn start(&mut self, id: usize, op: Op) {
        let result = match op {
            Op::Send(message) => {
                self.first += usize::from(self.sent.len() - self.first == CAPACITY);
                self.sent.push(message);
                for receiver in 0..RECEIVERS {
                    if let Some(waiter) = self.waiting.take(receiver)
                        && let Some(result) = self.look(receiver)
                    {
                        self.results.insert(waiter, result);
                    }
                }
                Some(format!("sent to {RECEIVERS}"))
            }
            _ if self.waiting.is_busy(op) => Some(BUSY.to_owned()),
            Op::TryRecv(receiver) => self.look(receiver).or_else(|| Some("Err(Timeout)".to_owned())),
            Op::Recv(receiver) | Op::RecvFor(receiver, _) => self.look(receiver).or_else(|| {
                self.waiting.add(receiver, id);
                None
            }),
        };
        if let Some(result) = result {
            self.results.insert(id, result);
        }
        self.forget();
    }

    fn leave(&mut self, id: usize) {
        self.waiting.leave(id);
    }

    /// The message that was just sent was not read.
    fn revoke(&mut self, id: usize) -> bool {
        self.results.remove(&id);
        let receiver = self.waiting.last_of(id);
        self.positions[receiver] -= 1;
        self.first = self.first.min(self.positions[receiver]);
        true
    }

    fn limit(op: Op) -> Option<(u64, String)> {
        late(op)
    }

    fn results(&mut self) -> &mut Results {
        &mut self.results
    }

    fn observe(&self) -> String {
        (self.sent.len() - self.first).to_string()
    }
}

#[test]
fn broadcasts_are_as_their_model() {
    let broadcast = || {
        let (sender, _receiver) = broadcast(CAPACITY);
        Broadcast { receivers: array::from_fn(|_| RefCell::new(sender.subscribe())), sender }
    };
    check(op(), broadcast, BroadcastSpec::default);
}

struct Watch {
    sender: watch::Sender<u32>,
    receivers: [RefCell<watch::Receiver<u32>>; RECEIVERS],
}

impl Primitive for Watch {
    type Op = Op;
    type Output<'a> = String;

    fn perform(&self, op: Op) -> String {
        let receive = |receiver: &watch::Receiver<u32>| match op {
            Op::RecvFor(_, steps) => receiver.changed_timeout(limit(steps)),
            Op::TryRecv(_) => {
                receiver.borrow_and_update();
                Ok(())
            }
            _ => receiver.changed().map_err(|RecvError| RecvTimeoutError::Disconnected),
        };
        match op {
            Op::Send(value) => format!("was {}", *self.sender.replace(value)),
            Op::Recv(number) | Op::TryRecv(number) | Op::RecvFor(number, _) => {
                received(&self.receivers[number], receive)
            }
        }
    }

    fn show(output: &String) -> String {
        output.clone()
    }

    fn observe(&self) -> String {
        let changed = |receiver: &RefCell<watch::Receiver<u32>>| {
            receiver.try_borrow().is_ok_and(|free| free.has_changed().unwrap())
        };
        format!("{} {:?}", *self.sender.borrow(), self.receivers.each_ref().map(changed))
    }
}

#[derive(Clone, Default)]
struct WatchSpec {
    value: u32,
    changed: [bool; RECEIVERS],
    waiting: Waiting,
    results: Results,
}

impl Model for WatchSpec {
    type Op = Op;

    fn start(&mut self, id: usize, op: Op) {
        let result = match op {
            Op::Send(value) => {
                let before = mem::replace(&mut self.value, value);
                for receiver in 0..RECEIVERS {
                    let waiter = self.waiting.take(receiver);
                    self.changed[receiver] = waiter.is_none();
                    self.results.extend(waiter.map(|waiter| (waiter, "Ok(())".to_owned())));
                }
                format!("was {before}")
            }
            _ if self.waiting.is_busy(op) => BUSY.to_owned(),
            Op::Recv(receiver) | Op::RecvFor(receiver, _) if !self.changed[receiver] => {
                return self.waiting.add(receiver, id);
            }
            Op::Recv(receiver) | Op::TryRecv(receiver) | Op::RecvFor(receiver, _) => {
                self.changed[receiver] = false;
                "Ok(())".to_owned()
            }
        };
        self.results.insert(id, result);
    }

    fn leave(&mut self, id: usize) {
        self.waiting.leave(id);
    }

    /// The change was not seen.
    fn revoke(&mut self, id: usize) -> bool {
        self.results.remove(&id);
        self.changed[self.waiting.last_of(id)] = true;
        true
    }

    fn limit(op: Op) -> Option<(u64, String)> {
        late(op)
    }

    fn results(&mut self) -> &mut Results {
        &mut self.results
    }

    fn observe(&self) -> String {
        format!("{} {:?}", self.value, self.changed)
    }
}

#[test]
fn watches_are_as_their_model() {
    let watch = || {
        let (sender, _receiver) = watch(0);
        Watch { receivers: array::from_fn(|_| RefCell::new(sender.subscribe())), sender }
    };
    check(op(), watch, WatchSpec::default);
}
