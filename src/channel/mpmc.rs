//! Many senders, many receivers, each message to one of these.

use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::time::{Duration, Instant};

use super::state::{self, Core, Recv, Send, State};
use super::{RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};
use crate::driver::Deadline;
use crate::task::{self, Forever, Operation, Undone};

/// A channel that holds up to `capacity` messages; with 0 it holds none, and a sender waits for a receiver.
///
/// # Examples
/// ```
/// use corro::channel::{TrySendError, bounded};
///
/// let (tx, rx) = bounded(1);
/// tx.send("one").unwrap();
/// assert_eq!(tx.try_send("two"), Err(TrySendError::Full("two")));
/// assert_eq!(rx.recv(), Ok("one"));
/// ```
#[doc(alias = "Queue")]
#[doc(alias = "make")]
#[doc(alias = "sync_channel")]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    channel(capacity)
}

/// A channel that holds any number of messages: a sender never waits.
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    channel(usize::MAX)
}

fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let core = Core::new(State::new(capacity));
    let channel = Arc::new(Channel { core, capacity, senders: AtomicUsize::new(1), receivers: AtomicUsize::new(1) });
    (Sender { channel: channel.clone() }, Receiver { channel })
}

/// Aligned, so that what a hand-over touches of the core is one cache line: the lock and the queues.
#[repr(align(64))]
struct Channel<T> {
    core: Core<T>,
    capacity: usize,
    senders: AtomicUsize,
    receivers: AtomicUsize,
}

impl<T> Channel<T> {
    fn len(&self) -> usize {
        self.core.lock().buffer.len()
    }

    fn is_full(&self) -> bool {
        self.core.lock().is_full()
    }

    fn capacity(&self) -> Option<usize> {
        (self.capacity != usize::MAX).then_some(self.capacity)
    }
}

/// The end that messages go in at. Clones send to the same channel.
pub struct Sender<T> {
    channel: Arc<Channel<T>>,
}

/// The end that messages come out of. Clones share the messages: each goes to one of them.
pub struct Receiver<T> {
    channel: Arc<Channel<T>>,
}

impl<T> Sender<T> {
    /// Sends a message, waiting for room, or, in a rendezvous, for a receiver.
    ///
    /// A cancellation point: unwinds only if the message was not taken. On a plain thread it blocks the thread.
    ///
    /// # Errors
    /// When all receivers are gone; and when the task unwinds and would have to wait. The message comes back.
    ///
    /// # Panics
    /// In a callback of the event loop, when it would have to wait.
    #[doc(alias = "put")]
    #[inline(always)]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        task::begin_operation();
        let mut send = Send::new(message);
        // An operation that is not done has its message still.
        let _ = self.channel.core.perform(&mut send, &mut Forever);
        send.take_message().map_or(Ok(()), |message| Err(SendError(message)))
    }

    /// Sends a message if that needs no wait.
    ///
    /// # Errors
    /// When there is no room, or all receivers are gone. The message comes back.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let mut send = Send::new(message);
        let done = send.attempt(&mut self.channel.core.lock());
        let failed = if done { TrySendError::Disconnected } else { TrySendError::Full };
        send.take_message().map_or(Ok(()), |message| Err(failed(message)))
    }

    /// As [`send`](Self::send), waiting for this long at most.
    ///
    /// # Errors
    /// As [`send`](Self::send), and when the time is over.
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_until(message, Deadline::after(timeout))
    }

    /// As [`send`](Self::send), waiting until `deadline` at most.
    ///
    /// # Errors
    /// As [`send_timeout`](Self::send_timeout).
    pub fn send_deadline(&self, message: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.send_until(message, Deadline::at(Some(deadline)))
    }

    fn send_until(&self, message: T, mut deadline: Deadline) -> Result<(), SendTimeoutError<T>> {
        task::begin_operation();
        let mut send = Send::new(message);
        let failed = match self.channel.core.perform(&mut send, &mut deadline) {
            Err(Undone::Late) => SendTimeoutError::Timeout,
            _ => SendTimeoutError::Disconnected,
        };
        send.take_message().map_or(Ok(()), |message| Err(failed(message)))
    }

    /// How many messages are in the channel.
    pub fn len(&self) -> usize {
        self.channel.len()
    }

    /// Whether there is no message in the channel; always, in a rendezvous.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room; always, in a rendezvous.
    pub fn is_full(&self) -> bool {
        self.channel.is_full()
    }

    /// How many messages the channel holds at most; `None`: any number.
    pub fn capacity(&self) -> Option<usize> {
        self.channel.capacity()
    }

    /// Whether both send to the same channel.
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        Arc::ptr_eq(&self.channel, &other.channel)
    }

    pub(crate) fn core(&self) -> &Core<T> {
        &self.channel.core
    }
}

impl<T> Receiver<T> {
    /// Receives a message, waiting for one.
    ///
    /// A cancellation point, which loses no message. On a plain thread it blocks the thread.
    ///
    /// # Errors
    /// When the channel is empty and all senders are gone; and when the task unwinds and would have to wait.
    ///
    /// # Panics
    /// In a callback of the event loop, when it would have to wait.
    #[doc(alias = "get")]
    #[inline(always)]
    pub fn recv(&self) -> Result<T, RecvError> {
        task::begin_operation();
        let mut recv = Recv::new();
        // An operation that is not done has no result.
        let _ = self.channel.core.perform(&mut recv, &mut Forever);
        recv.take_result().unwrap_or(Err(RecvError))
    }

    /// Receives a message if there is one.
    ///
    /// # Errors
    /// When the channel is empty, and when in addition all senders are gone.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut recv = Recv::new();
        recv.attempt(&mut self.channel.core.lock());
        match recv.take_result() {
            Some(result) => result.map_err(|_closed| TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    /// As [`recv`](Self::recv), waiting for this long at most.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), and when the time is over.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(Deadline::after(timeout))
    }

    /// As [`recv`](Self::recv), waiting until `deadline` at most.
    ///
    /// # Errors
    /// As [`recv_timeout`](Self::recv_timeout).
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_until(Deadline::at(Some(deadline)))
    }

    fn recv_until(&self, mut deadline: Deadline) -> Result<T, RecvTimeoutError> {
        task::begin_operation();
        let mut recv = Recv::new();
        let performed = self.channel.core.perform(&mut recv, &mut deadline);
        match recv.take_result() {
            Some(result) => result.map_err(|_closed| RecvTimeoutError::Disconnected),
            None if performed == Err(Undone::Late) => Err(RecvTimeoutError::Timeout),
            None => Err(RecvTimeoutError::Disconnected),
        }
    }

    /// The messages until all senders are gone, waiting for each.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// The messages that are there, without waiting.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }

    /// How many messages are in the channel.
    pub fn len(&self) -> usize {
        self.channel.len()
    }

    /// Whether there is no message in the channel; always, in a rendezvous.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room; always, in a rendezvous.
    pub fn is_full(&self) -> bool {
        self.channel.is_full()
    }

    /// How many messages the channel holds at most; `None`: any number.
    pub fn capacity(&self) -> Option<usize> {
        self.channel.capacity()
    }

    /// Whether both receive from the same channel.
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        Arc::ptr_eq(&self.channel, &other.channel)
    }

    pub(crate) fn core(&self) -> &Core<T> {
        &self.channel.core
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        // Relaxed: this one keeps the count from 0.
        self.channel.senders.fetch_add(1, Relaxed);
        Sender { channel: self.channel.clone() }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        // Relaxed: as above.
        self.channel.receivers.fetch_add(1, Relaxed);
        Receiver { channel: self.channel.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // Relaxed: the lock orders what was sent.
        if self.channel.senders.fetch_sub(1, Relaxed) == 1 {
            state::close_senders(&self.channel.core);
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Relaxed: as above.
        if self.channel.receivers.fetch_sub(1, Relaxed) == 1 {
            drop(state::close_receivers(&self.channel.core));
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("len", &self.len()).field("capacity", &self.capacity()).finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).field("capacity", &self.capacity()).finish()
    }
}

/// See [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    receiver: &'a Receiver<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    #[inline(always)]
    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T> FusedIterator for Iter<'_, T> {}

/// See [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T> {
    receiver: &'a Receiver<T>,
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

/// The messages of a channel until all senders are gone, waiting for each.
#[derive(Debug)]
pub struct IntoIter<T> {
    receiver: Receiver<T>,
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    #[inline(always)]
    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T> FusedIterator for IntoIter<T> {}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { receiver: self }
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
