//! The core of a channel: a buffer, and those who wait at either end of it.
//!
//! Invariants, under the lock:
//! - While a receiver waits, the buffer is empty. While a sender waits, the buffer is full.
//! - Messages leave in the order in which they came in: from the buffer's front; what a sender that waits has comes after
//!   the buffer's back.
//!
//! The buffer may hold more than its capacity for a while: messages that came back from receivers that were cancelled.

use std::collections::VecDeque;
use std::mem;

use super::RecvError;
use crate::task::{Locked, Monitor, Operation, Reason, Ticket};

/// Where receivers wait: with an empty slot, which is filled. One that is chosen with it empty sees the end.
const RECEIVERS: usize = 0;
/// Where senders wait: with their message in the slot. One that is chosen with it in place sees the end.
const SENDERS: usize = 1;

/// So many places an empty buffer keeps.
const KEPT: usize = 4096;

pub(crate) type Core<T> = Monitor<State<T>, Option<T>, 2>;

type Guard<'a, T> = Locked<'a, State<T>, Option<T>, 2>;

pub(crate) struct State<T> {
    pub(super) buffer: VecDeque<T>,
    capacity: usize,
    no_senders: bool,
    no_receivers: bool,
}

impl<T> State<T> {
    pub(super) fn new(capacity: usize) -> State<T> {
        State { buffer: VecDeque::new(), capacity, no_senders: false, no_receivers: false }
    }

    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() >= self.capacity
    }

    /// Takes the first message out of the buffer. What a burst of messages took is given back when the buffer is empty.
    #[inline]
    fn pop(&mut self) -> Option<T> {
        let message = self.buffer.pop_front();
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT {
            self.buffer = VecDeque::new();
        }
        message
    }
}

/// The last sender is gone: receivers get what is left, and then an error.
pub(super) fn close_senders<T>(core: &Core<T>) {
    let mut locked = core.lock();
    locked.no_senders = true;
    locked.choose_all(RECEIVERS, |_empty| ());
}

/// The last receiver is gone: senders get their messages back. Returns what nobody will receive.
pub(super) fn close_receivers<T>(core: &Core<T>) -> VecDeque<T> {
    let mut locked = core.lock();
    locked.no_receivers = true;
    locked.choose_all(SENDERS, |_message| ());
    mem::take(&mut locked.buffer)
}

/// Sends a message.
pub(crate) struct Send<T> {
    /// Until it is taken.
    message: Option<T>,
}

impl<T> Send<T> {
    pub(crate) fn new(message: T) -> Send<T> {
        Send { message: Some(message) }
    }

    /// The message, if nobody took it.
    #[inline]
    pub(crate) fn take_message(&mut self) -> Option<T> {
        self.message.take()
    }
}

impl<T> Operation<State<T>, Option<T>, 2> for Send<T> {
    const QUEUE: usize = SENDERS;

    fn reason(&self) -> Reason {
        Reason::Send
    }

    #[inline]
    fn attempt(&mut self, locked: &mut Guard<'_, T>) -> bool {
        if locked.choose(RECEIVERS, |slot| *slot = self.message.take()).is_some() || locked.no_receivers {
            return true;
        }
        if !locked.is_full()
            && let Some(message) = self.message.take()
        {
            locked.buffer.push_back(message);
        }
        self.message.is_none()
    }

    fn is_possible(&self, locked: &Guard<'_, T>, own: &Ticket) -> bool {
        locked.no_receivers || !locked.is_full() || locked.has_others(RECEIVERS, own)
    }

    fn offer(&mut self) -> Option<T> {
        self.message.take()
    }

    fn settle(&mut self, slot: Option<T>) {
        self.message = slot;
    }

    fn withdraw(&mut self, _locked: &mut Guard<'_, T>, slot: Option<T>) {
        self.message = slot;
    }

    /// What was taken is sent.
    fn pass_on(&mut self, _locked: &mut Guard<'_, T>) -> bool {
        self.message.is_some()
    }
}

/// Receives a message.
pub(crate) struct Recv<T> {
    result: Option<Result<T, RecvError>>,
}

impl<T> Recv<T> {
    pub(crate) fn new() -> Recv<T> {
        Recv { result: None }
    }

    /// What came of it, if it was done.
    #[inline]
    pub(crate) fn take_result(&mut self) -> Option<Result<T, RecvError>> {
        self.result.take()
    }
}

impl<T> Operation<State<T>, Option<T>, 2> for Recv<T> {
    const QUEUE: usize = RECEIVERS;

    fn reason(&self) -> Reason {
        Reason::Receive
    }

    #[inline]
    fn attempt(&mut self, locked: &mut Guard<'_, T>) -> bool {
        let message = match locked.pop() {
            Some(message) => {
                if !locked.is_full()
                    && let Some(Some(next)) = locked.choose(SENDERS, Option::take)
                {
                    locked.buffer.push_back(next);
                }
                Some(message)
            }
            None => locked.choose(SENDERS, Option::take).flatten(),
        };
        self.result = match message {
            Some(message) => Some(Ok(message)),
            None => locked.no_senders.then_some(Err(RecvError)),
        };
        self.result.is_some()
    }

    fn is_possible(&self, locked: &Guard<'_, T>, own: &Ticket) -> bool {
        !locked.buffer.is_empty() || locked.no_senders || locked.has_others(SENDERS, own)
    }

    fn offer(&mut self) -> Option<T> {
        None
    }

    fn settle(&mut self, slot: Option<T>) {
        self.result = Some(slot.ok_or(RecvError));
    }

    fn withdraw(&mut self, _locked: &mut Guard<'_, T>, _empty: Option<T>) {}

    /// The message goes to the next receiver, or to where it was.
    fn pass_on(&mut self, locked: &mut Guard<'_, T>) -> bool {
        if let Some(Ok(message)) = self.result.take() {
            let mut message = Some(message);
            if locked.choose(RECEIVERS, |slot| *slot = message.take()).is_none()
                && let Some(message) = message
            {
                locked.buffer.push_front(message);
            }
        }
        true
    }
}
