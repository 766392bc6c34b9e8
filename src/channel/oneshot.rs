//! A channel for one message.

use super::mpmc::{self, bounded};
use super::state::Core;
use super::{RecvError, RecvTimeoutError, TryRecvError};
use std::time::Duration;

/// A channel for one message: the answer to a question, a result.
///
/// # Examples
/// ```
/// let (tx, rx) = corro::channel::oneshot();
/// corro::run(|| {
///     corro::spawn(|| tx.send(42));
///     assert_eq!(rx.recv(), Ok(42));
/// });
/// ```
#[doc(alias = "Future")]
pub fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = bounded(1);
    (Sender(sender), Receiver(receiver))
}

/// The end that the message goes in at. Dropped without a message, it has the receiver get an error.
#[derive(Debug)]
pub struct Sender<T>(mpmc::Sender<T>);

/// The end that the message comes out of.
#[derive(Debug)]
pub struct Receiver<T>(mpmc::Receiver<T>);

impl<T> Sender<T> {
    /// Sends the message. It never waits, and is no cancellation point.
    ///
    /// # Errors
    /// When the receiver is gone: the message comes back.
    pub fn send(self, message: T) -> Result<(), T> {
        self.0.try_send(message).map_err(|error| error.into_inner())
    }
}

impl<T> Receiver<T> {
    /// Waits for the message. A cancellation point.
    ///
    /// # Errors
    /// When the sender is gone without one; and when the task unwinds and would have to wait.
    pub fn recv(self) -> Result<T, RecvError> {
        self.0.recv()
    }

    /// Takes the message if it is there.
    ///
    /// # Errors
    /// When it is not there yet, or when it will not come: the sender is gone, or the message was taken.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.try_recv()
    }

    /// As [`recv`](Self::recv), waiting for this long at most; after that the receiver can be asked again.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), and when the time is over.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.0.recv_timeout(timeout)
    }

    pub(crate) fn core(&self) -> &Core<T> {
        self.0.core()
    }
}
