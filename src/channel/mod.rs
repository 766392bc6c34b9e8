//! Channels between tasks, of any scheduler, and plain threads.
//!
//! - [`bounded`] and [`unbounded`]: many senders, many receivers, each message to one of them. `bounded(0)` is a
//!   rendezvous: a message goes from hand to hand.
//! - [`oneshot()`]: one message. [`broadcast()`]: each message to all. [`watch()`]: the latest value to all.
//!
//! The names are those of `crossbeam-channel`. Where an operation has to wait, a task parks and a thread blocks. Those
//! who wait are served in the order in which they came. An operation that need not wait takes a short lock, and no system
//! call; a message for a receiver that waits goes to it directly.
//!
//! **Cancellation.** Every operation that may wait is a cancellation point. A cancelled [`recv`](Receiver::recv) loses no
//! message: what it was given already goes to the next receiver. A cancelled [`send`](Sender::send) unwinds if its value
//! was not taken, and drops it; if it was, it returns, and the cancellation surfaces at the next point.
//!
//! While a task unwinds, what would have to wait returns its error instead.
//!
//! # Examples
//! ```
//! use corro::channel;
//!
//! let sum = corro::run(|| {
//!     let (tx, rx) = channel::bounded(2);
//!     corro::spawn(move || (1..=4).try_for_each(|number| tx.send(number)));
//!     rx.iter().sum::<i32>()
//! });
//! assert_eq!(sum, 10);
//! ```

#![forbid(unsafe_code)]

pub mod broadcast;
mod error;
mod mpmc;
pub mod oneshot;
mod state;
pub mod watch;

pub use self::broadcast::broadcast;
pub use self::error::{RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};
pub use self::mpmc::{IntoIter, Iter, Receiver, Sender, TryIter, bounded, unbounded};
pub use self::oneshot::oneshot;
pub(crate) use self::state::{Recv, Send, State};
pub use self::watch::watch;
