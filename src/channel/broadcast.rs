//! A channel whose every message goes to all receivers.
//!
//! Each receiver has a position of its own. Each message counts those who have not read it; the front of the ring is
//! dropped when nobody is left. A ring that is full drops its front all the same: who had not read it has *lagged*.
//!
//! Invariant, under the lock: the messages of the ring have the numbers from `first` on, and `unread` of each is the
//! number of receivers whose position is not past it.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::SendError;
use crate::driver::Deadline;
use crate::task::{self, Forever, Limit, Monitor, Reason, Undone, Until};

/// A channel whose every message goes to all receivers. The last `capacity` messages are kept for those that are slow.
///
/// # Panics
/// When `capacity` is 0.
///
/// # Examples
/// ```
/// use corro::channel::broadcast;
///
/// let (tx, rx) = broadcast(2);
/// let other = tx.subscribe();
/// for number in 1..=3 {
///     tx.send(number).unwrap();
/// }
/// assert_eq!(rx.recv(), Err(broadcast::RecvError::Lagged(1)));
/// assert_eq!((rx.recv(), rx.recv()), (Ok(2), Ok(3)));
/// # drop(other);
/// ```
pub fn broadcast<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a broadcast channel of no messages cannot keep any: ask for a capacity of at least 1");
    let state = State { ring: VecDeque::new(), first: 0, capacity, senders: 1, receivers: 1 };
    let shared: Arc<Shared<T>> = Arc::new(Monitor::new(state));
    (Sender { shared: shared.clone() }, Receiver { shared, position: AtomicU64::new(0) })
}

type Shared<T> = Monitor<State<T>, ()>;

struct State<T> {
    ring: VecDeque<Entry<T>>,
    /// The number of the ring's front.
    first: u64,
    capacity: usize,
    senders: usize,
    receivers: usize,
}

struct Entry<T> {
    message: Arc<T>,
    unread: usize,
}

impl<T> State<T> {
    fn end(&self) -> u64 {
        self.first + self.ring.len() as u64
    }

    /// The messages from `position` on.
    fn from(&mut self, position: u64) -> impl Iterator<Item = &mut Entry<T>> {
        let skip = usize::try_from(position.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.ring.iter_mut().skip(skip)
    }

    /// Reads the message of this number, if it is there.
    fn read(&mut self, position: u64) -> Option<Arc<T>> {
        let entry = self.from(position).next()?;
        entry.unread -= 1;
        Some(entry.message.clone())
    }

    /// Takes the front out.
    fn pop(&mut self) -> Option<Entry<T>> {
        let popped = self.ring.pop_front();
        self.first += u64::from(popped.is_some());
        popped
    }

    /// Takes out what at the front has no reader left; to be dropped when the lock is released.
    fn take_read(&mut self) -> Vec<Entry<T>> {
        let mut read = Vec::new();
        while self.ring.front().is_some_and(|entry| entry.unread == 0) {
            read.extend(self.pop());
        }
        read
    }
}

/// The end that messages go in at.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// An end that all messages come out of that are sent while it lives. A clone goes on from the same position.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The number of the next message; changed under the lock.
    position: AtomicU64,
}

/// Why no message was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvError {
    /// So many messages were dropped before they were read; the next receive gives the oldest that is left.
    Lagged(u64),
    /// All messages are read and all senders are gone.
    Closed,
}

/// Why [`try_recv`](Receiver::try_recv) gave no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is no new message.
    Empty,
    /// As [`RecvError::Lagged`].
    Lagged(u64),
    /// As [`RecvError::Closed`].
    Closed,
}

/// Why [`recv_timeout`](Receiver::recv_timeout) gave no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// The time was over.
    Timeout,
    /// As [`RecvError::Lagged`].
    Lagged(u64),
    /// As [`RecvError::Closed`].
    Closed,
}

impl<T> Sender<T> {
    /// Sends a message to all receivers, and returns how many there are. It never waits, and is no cancellation point.
    ///
    /// # Errors
    /// When there is no receiver: the message comes back.
    pub fn send(&self, message: T) -> Result<usize, SendError<T>> {
        let mut locked = self.shared.lock();
        let receivers = locked.receivers;
        if receivers == 0 {
            drop(locked);
            return Err(SendError(message));
        }
        let dropped = if locked.ring.len() == locked.capacity { locked.pop() } else { None };
        locked.ring.push_back(Entry { message: Arc::new(message), unread: receivers });
        locked.choose_all(0, |()| ());
        drop(locked);
        drop(dropped);
        Ok(receivers)
    }

    /// A new receiver, of the messages that are sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        let mut locked = self.shared.lock();
        locked.receivers += 1;
        Receiver { shared: self.shared.clone(), position: AtomicU64::new(locked.end()) }
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.lock().receivers
    }

    /// How many messages are kept for receivers that have not read them.
    pub fn len(&self) -> usize {
        self.shared.lock().ring.len()
    }

    /// Whether all receivers have read all messages.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Clone> Receiver<T> {
    /// Waits for the next message. A cancellation point.
    ///
    /// # Errors
    /// When messages were dropped since the last receive; when all senders are gone; and, as [`RecvError::Closed`], when
    /// the task unwinds and would have to wait.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.receive(&mut Forever).map_err(|error| match error {
            RecvTimeoutError::Lagged(missed) => RecvError::Lagged(missed),
            _ => RecvError::Closed,
        })
    }

    /// As [`recv`](Self::recv), waiting for this long at most.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), and when the time is over.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.receive(&mut Deadline::after(timeout))
    }

    /// Takes the next message if there is one.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), and when there is none.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let found = self.look(&mut self.shared.lock());
        match found.finish() {
            Some(result) => result.map_err(|error| match error {
                RecvError::Lagged(missed) => TryRecvError::Lagged(missed),
                RecvError::Closed => TryRecvError::Closed,
            }),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Looks at this receiver's position.
    fn look(&self, state: &mut State<T>) -> Found<T> {
        let position = self.position.load(Relaxed);
        if position < state.first {
            self.position.store(state.first, Relaxed);
            return Found { result: Some(Err(RecvError::Lagged(state.first - position))), read: Vec::new() };
        }
        match state.read(position) {
            Some(message) => {
                self.position.store(position + 1, Relaxed);
                Found { result: Some(Ok(message)), read: state.take_read() }
            }
            None => Found { result: (state.senders == 0).then_some(Err(RecvError::Closed)), read: Vec::new() },
        }
    }

    fn receive(&self, limit: &mut impl Limit) -> Result<T, RecvTimeoutError> {
        task::begin_operation();
        loop {
            let mut found = None;
            let mut next = Until::new(Reason::Receive, |locked| found.insert(self.look(locked)).result.is_some());
            let performed = self.shared.perform(&mut next, limit);
            if let Some(result) = found.and_then(Found::finish) {
                return result.map_err(|error| match error {
                    RecvError::Lagged(missed) => RecvTimeoutError::Lagged(missed),
                    RecvError::Closed => RecvTimeoutError::Closed,
                });
            }
            match performed {
                // Woken: there is a message, unless another task has this receiver as well.
                Ok(()) => {}
                Err(Undone::Late) => return Err(RecvTimeoutError::Timeout),
                Err(_unwinding) => return Err(RecvTimeoutError::Closed),
            }
        }
    }
}

/// What a look for the next message finds.
struct Found<T> {
    result: Option<Result<Arc<T>, RecvError>>,
    /// What nobody will read any more.
    read: Vec<Entry<T>>,
}

impl<T: Clone> Found<T> {
    /// The last to read a message gets it, the others a clone. Not under the lock: a clone and a drop are the user's.
    fn finish(self) -> Option<Result<T, RecvError>> {
        drop(self.read);
        self.result.map(|result| result.map(Arc::unwrap_or_clone))
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.shared.lock().senders += 1;
        Sender { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut locked = self.shared.lock();
        locked.senders -= 1;
        if locked.senders == 0 {
            locked.choose_all(0, |()| ());
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        let mut locked = self.shared.lock();
        locked.receivers += 1;
        let position = self.position.load(Relaxed);
        locked.from(position).for_each(|entry| entry.unread += 1);
        Receiver { shared: self.shared.clone(), position: AtomicU64::new(position) }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let read = {
            let mut locked = self.shared.lock();
            locked.receivers -= 1;
            locked.from(self.position.load(Relaxed)).for_each(|entry| entry.unread -= 1);
            locked.take_read()
        };
        drop(read);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

const CLOSED: &str = "receiving on a broadcast channel without senders";

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Lagged(missed) => write!(f, "{missed} messages were dropped before they were received"),
            RecvError::Closed => f.write_str(CLOSED),
        }
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryRecvError::Empty => f.write_str("there is no new message"),
            TryRecvError::Lagged(missed) => RecvError::Lagged(*missed).fmt(f),
            TryRecvError::Closed => f.write_str(CLOSED),
        }
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvTimeoutError::Timeout => f.write_str("timed out waiting to receive"),
            RecvTimeoutError::Lagged(missed) => RecvError::Lagged(*missed).fmt(f),
            RecvTimeoutError::Closed => f.write_str(CLOSED),
        }
    }
}

impl Error for RecvError {}
impl Error for TryRecvError {}
impl Error for RecvTimeoutError {}
