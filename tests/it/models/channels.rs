//! Channels: a queue of messages, one of senders, one of receivers.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::mem;

use corro::channel::{
    self, Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError,
};
use corro::select;
use proptest::prelude::*;

use super::{Model, Primitive, Results, check, limit};
use crate::support::HOUR;

#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Send(u32),
    TrySend(u32),
    SendFor(u32, u64),
    SelectSend(u32),
    Recv,
    TryRecv,
    RecvFor(u64),
    SelectRecv,
    CloseSenders,
    CloseReceivers,
}

fn op() -> impl Strategy<Value = Op> + Clone {
    prop_oneof![
        4 => any::<u32>().prop_map(Op::Send),
        1 => any::<u32>().prop_map(Op::TrySend),
        1 => (any::<u32>(), 1..5_u64).prop_map(|(message, limit)| Op::SendFor(message, limit)),
        2 => any::<u32>().prop_map(Op::SelectSend),
        4 => Just(Op::Recv),
        1 => Just(Op::TryRecv),
        1 => (1..5_u64).prop_map(Op::RecvFor),
        2 => Just(Op::SelectRecv),
        1 => prop_oneof![9 => Just(Op::TryRecv), 1 => Just(Op::CloseSenders), 1 => Just(Op::CloseReceivers)],
    ]
}

struct Channel {
    sender: RefCell<Option<Sender<u32>>>,
    receiver: RefCell<Option<Receiver<u32>>>,
}

impl Channel {
    fn new(capacity: Option<usize>) -> Channel {
        let (sender, receiver) = capacity.map_or_else(channel::unbounded, channel::bounded);
        Channel { sender: RefCell::new(Some(sender)), receiver: RefCell::new(Some(receiver)) }
    }

    fn send<E>(&self, send: impl FnOnce(Sender<u32>) -> Result<(), E>) -> String
    where
        Failed: From<E>,
    {
        let sender = self.sender.borrow().clone();
        match sender.map(send) {
            None => "no end".to_owned(),
            Some(Ok(())) => "sent".to_owned(),
            Some(Err(error)) => Failed::from(error).0,
        }
    }

    fn recv<E>(&self, recv: impl FnOnce(Receiver<u32>) -> Result<u32, E>) -> String
    where
        Failed: From<E>,
    {
        let receiver = self.receiver.borrow().clone();
        match receiver.map(recv) {
            None => "no end".to_owned(),
            Some(Ok(message)) => format!("got {message}"),
            Some(Err(error)) => Failed::from(error).0,
        }
    }
}

/// The errors of all calls, in one language.
struct Failed(String);

impl From<SendError<u32>> for Failed {
    fn from(error: SendError<u32>) -> Failed {
        Failed(format!("back {}", error.0))
    }
}

impl From<TrySendError<u32>> for Failed {
    fn from(error: TrySendError<u32>) -> Failed {
        Failed(format!("{} {}", if error.is_full() { "full" } else { "back" }, error.into_inner()))
    }
}

impl From<SendTimeoutError<u32>> for Failed {
    fn from(error: SendTimeoutError<u32>) -> Failed {
        Failed(format!("{} {}", if error.is_timeout() { "full" } else { "back" }, error.into_inner()))
    }
}

impl From<RecvError> for Failed {
    fn from(_error: RecvError) -> Failed {
        Failed("end".to_owned())
    }
}

impl From<TryRecvError> for Failed {
    fn from(error: TryRecvError) -> Failed {
        Failed(if error.is_empty() { "empty" } else { "end" }.to_owned())
    }
}

impl From<RecvTimeoutError> for Failed {
    fn from(error: RecvTimeoutError) -> Failed {
        Failed(if error.is_timeout() { "empty" } else { "end" }.to_owned())
    }
}

impl Primitive for Channel {
    type Op = Op;
    type Output<'a> = String;

    fn perform(&self, op: Op) -> String {
        let (_held, never) = channel::bounded::<u32>(0);
        match op {
            Op::Send(message) => self.send(|sender| sender.send(message)),
            Op::TrySend(message) => self.send(|sender| sender.try_send(message)),
            Op::SendFor(message, steps) => self.send(|sender| sender.send_timeout(message, limit(steps))),
            Op::SelectSend(message) => self.send(|sender| {
                select! {
                    send(sender, message) -> result => result,
                    recv(never) -> _ => unreachable!("nothing was sent"),
                    after(HOUR) => unreachable!("an hour has passed"),
                }
            }),
            Op::Recv => self.recv(|receiver| receiver.recv()),
            Op::TryRecv => self.recv(|receiver| receiver.try_recv()),
            Op::RecvFor(steps) => self.recv(|receiver| receiver.recv_timeout(limit(steps))),
            Op::SelectRecv => self.recv(|receiver| {
                select! {
                    recv(never) -> _ => unreachable!("nothing was sent"),
                    recv(receiver) -> result => result,
                    recv(receiver) -> result => result,
                }
            }),
            Op::CloseSenders => format!("open {}", self.sender.take().is_some()),
            Op::CloseReceivers => format!("open {}", self.receiver.take().is_some()),
        }
    }

    fn show(output: &String) -> String {
        output.clone()
    }

    fn observe(&self) -> String {
        let length = |receiver: &Receiver<u32>| (receiver.len(), receiver.is_empty());
        format!("{:?}", self.receiver.borrow().as_ref().map(length))
    }
}

#[derive(Clone)]
struct Spec {
    capacity: usize,
    messages: VecDeque<u32>,
    senders: VecDeque<(usize, u32)>,
    receivers: VecDeque<usize>,
    /// The test has such an end itself.
    sends: bool,
    receives: bool,
    /// What was received by whom.
    got: BTreeMap<usize, u32>,
    results: Results,
}

impl Spec {
    fn new(capacity: Option<usize>) -> Spec {
        Spec {
            capacity: capacity.unwrap_or(usize::MAX),
            messages: VecDeque::new(),
            senders: VecDeque::new(),
            receivers: VecDeque::new(),
            sends: true,
            receives: true,
            got: BTreeMap::new(),
            results: Results::new(),
        }
    }

    fn end(&mut self, id: usize, result: impl Into<String>) {
        self.results.insert(id, result.into());
    }

    fn deliver(&mut self, id: usize, message: u32) {
        self.got.insert(id, message);
        self.end(id, format!("got {message}"));
    }

    fn send(&mut self, id: usize, message: u32, waits: bool) {
        if !self.sends {
            self.end(id, "no end");
        } else if !self.receives && self.receivers.is_empty() {
            self.end(id, format!("back {message}"));
        } else if let Some(receiver) = self.receivers.pop_front() {
            self.deliver(receiver, message);
            self.end(id, "sent");
        } else if self.messages.len() < self.capacity {
            self.messages.push_back(message);
            self.end(id, "sent");
        } else if waits {
            self.senders.push_back((id, message));
        } else {
            self.end(id, format!("full {message}"));
        }
    }

    fn recv(&mut self, id: usize, waits: bool) {
        if !self.receives {
            return self.end(id, "no end");
        }
        let mut message = self.messages.pop_front();
        if (message.is_none() || self.messages.len() < self.capacity)
            && let Some((sender, next)) = self.senders.pop_front()
        {
            self.end(sender, "sent");
            match message {
                Some(_) => self.messages.push_back(next),
                None => message = Some(next),
            }
        }
        match message {
            Some(message) => self.deliver(id, message),
            None if !self.sends => self.end(id, "end"),
            None if waits => self.receivers.push_back(id),
            None => self.end(id, "empty"),
        }
    }

    /// After something has gone: was it the last of its kind?
    fn close(&mut self) {
        if !self.sends && self.senders.is_empty() {
            for receiver in mem::take(&mut self.receivers) {
                self.end(receiver, "end");
            }
        }
        if !self.receives && self.receivers.is_empty() {
            self.messages.clear();
            for (sender, message) in mem::take(&mut self.senders) {
                self.end(sender, format!("back {message}"));
            }
        }
    }
}

impl Model for Spec {
    type Op = Op;

    fn start(&mut self, id: usize, op: Op) {
        match op {
            Op::Send(message) | Op::SendFor(message, _) | Op::SelectSend(message) => self.send(id, message, true),
            Op::TrySend(message) => self.send(id, message, false),
            Op::Recv | Op::RecvFor(_) | Op::SelectRecv => self.recv(id, true),
            Op::TryRecv => self.recv(id, false),
            Op::CloseSenders => {
                let open = mem::take(&mut self.sends);
                self.end(id, format!("open {open}"));
            }
            Op::CloseReceivers => {
                let open = mem::take(&mut self.receives);
                self.end(id, format!("open {open}"));
            }
        }
        self.close();
    }

    fn leave(&mut self, id: usize) {
        self.senders.retain(|sender| sender.0 != id);
        self.receivers.retain(|&receiver| receiver != id);
        self.close();
    }

    /// A message that was received goes to the next receiver, or back to the front. One that was taken is sent.
    fn revoke(&mut self, id: usize) -> bool {
        if self.results[&id] == "sent" {
            return false;
        }
        self.results.remove(&id);
        if let Some(message) = self.got.remove(&id) {
            match self.receivers.pop_front() {
                Some(next) => self.deliver(next, message),
                None => self.messages.push_front(message),
            }
        }
        self.close();
        true
    }

    fn limit(op: Op) -> Option<(u64, String)> {
        match op {
            Op::SendFor(message, steps) => Some((steps, format!("full {message}"))),
            Op::RecvFor(steps) => Some((steps, "empty".to_owned())),
            _ => None,
        }
    }

    fn results(&mut self) -> &mut Results {
        &mut self.results
    }

    fn observe(&self) -> String {
        format!("{:?}", self.receives.then_some((self.messages.len(), self.messages.is_empty())))
    }
}

#[test]
fn channels_of_all_capacities_are_as_their_model() {
    for capacity in [Some(0), Some(1), Some(2), Some(5), None] {
        check(op(), || Channel::new(capacity), || Spec::new(capacity));
    }
}
