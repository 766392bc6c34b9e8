//! Locks and other things to wait for, between tasks of any scheduler and plain threads.
//!
//! [`Mutex`], [`RwLock`], [`Condvar`], [`Barrier`] and [`OnceCell`] are used as those of `std::sync`, without poisoning: a
//! panic or a cancellation that unwinds through a guard unlocks. [`Semaphore`], [`Event`] and the queues are those of
//! Python's `asyncio`.
//!
//! Where an operation has to wait, a task parks and a thread blocks. A guard may be held across any wait. What is free is
//! taken by one atomic exchange. Those who wait are served in the order in which they came, and what is released is
//! handed to the first of them; nobody who comes later can be quicker.
//!
//! **Cancellation.** Every operation that may wait is a cancellation point. Who was handed something and is cancelled
//! before it runs hands it on.
//!
//! While a task unwinds nothing can wait: what would have to panics with a message, which in a destructor is an abort.
//!
//! # Examples
//! ```
//! use corro::sync::Mutex;
//!
//! let total = Mutex::new(0);
//! corro::run(|| {
//!     corro::scope(|s| {
//!         for number in 1..=4 {
//!             let total = &total;
//!             s.spawn(move || *total.lock() += number);
//!         }
//!     });
//! });
//! assert_eq!(total.into_inner(), 10);
//! ```

mod barrier;
mod condvar;
mod event;
mod mutex;
mod once_cell;
mod permits;
mod queue;
mod rwlock;
mod semaphore;

pub use self::barrier::{Barrier, BarrierWaitResult};
pub use self::condvar::{Condvar, WaitTimeoutResult};
pub use self::event::Event;
pub use self::mutex::{Mutex, MutexGuard};
pub use self::once_cell::OnceCell;
pub use self::queue::{GetError, LifoQueue, PriorityQueue, PutError, Queue, TaskDoneError, TryGetError, TryPutError};
pub use self::rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use self::semaphore::{Permit, ReleaseError, Semaphore};

/// What an operation answers that would have to wait while its task unwinds.
#[cold]
fn refuse(call: &str) -> ! {
    panic!("`{call}` would have to wait, and a task that unwinds cannot: try without waiting there, or do it before")
}
