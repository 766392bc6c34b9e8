//! A value that changes, and those who are to know the latest.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::{RecvError, RecvTimeoutError, SendError};
use crate::driver::Deadline;
use crate::task::{self, Forever, Limit, Monitor, Reason, Undone, Until};

/// A value, and ends to change and to watch it. A receiver that is slow sees the latest value, not each.
///
/// # Examples
/// ```
/// let (tx, rx) = corro::channel::watch("starting");
/// corro::run(|| {
///     corro::spawn(move || tx.send("ready"));
///     assert_eq!(*rx.borrow(), "starting");
///     rx.changed().unwrap();
///     assert_eq!(*rx.borrow(), "ready");
/// });
/// ```
pub fn watch<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let state = State { value: Arc::new(init), version: 0, senders: 1, receivers: 1 };
    let shared: Arc<Shared<T>> = Arc::new(Monitor::new(state));
    (Sender { shared: shared.clone() }, Receiver { shared, seen: AtomicU64::new(0) })
}

type Shared<T> = Monitor<State<T>, ()>;

struct State<T> {
    value: Arc<T>,
    /// How often it has changed.
    version: u64,
    senders: usize,
    receivers: usize,
}

/// The end that changes the value. Clones change the same value.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// An end that sees the value. A clone has seen what this one has seen.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The version that was seen last; changed under the lock.
    seen: AtomicU64,
}

/// The value at the time when it was borrowed. It locks nothing: the value may change meanwhile.
pub struct Ref<T> {
    value: Arc<T>,
}

impl<T> Deref for Ref<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

fn borrow<T>(shared: &Shared<T>) -> Ref<T> {
    Ref { value: shared.lock().value.clone() }
}

impl<T> Sender<T> {
    /// Changes the value and tells all receivers. It never waits, and is no cancellation point.
    ///
    /// # Errors
    /// When there is no receiver: the value comes back, and the old one stays.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        self.replace(value);
        Ok(())
    }

    /// Changes the value and tells all receivers, if there are any. Returns the value before.
    pub fn replace(&self, value: T) -> Ref<T> {
        let value = Arc::new(value);
        let mut locked = self.shared.lock();
        let before = std::mem::replace(&mut locked.value, value);
        locked.version += 1;
        locked.choose_all(0, |()| ());
        Ref { value: before }
    }

    /// The value.
    pub fn borrow(&self) -> Ref<T> {
        borrow(&self.shared)
    }

    /// A new receiver, which has seen the present value.
    pub fn subscribe(&self) -> Receiver<T> {
        let mut locked = self.shared.lock();
        locked.receivers += 1;
        Receiver { shared: self.shared.clone(), seen: AtomicU64::new(locked.version) }
    }

    /// Whether there is no receiver.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().receivers == 0
    }
}

impl<T> Receiver<T> {
    /// The value. It does not count as seen by [`changed`](Self::changed).
    pub fn borrow(&self) -> Ref<T> {
        borrow(&self.shared)
    }

    /// The value, which counts as seen.
    pub fn borrow_and_update(&self) -> Ref<T> {
        let locked = self.shared.lock();
        self.seen.store(locked.version, Relaxed);
        Ref { value: locked.value.clone() }
    }

    /// Waits until the value is another than the one that was seen last; it counts as seen then. A cancellation point.
    ///
    /// # Errors
    /// When all senders are gone and there is no new value; and when the task unwinds and would have to wait.
    pub fn changed(&self) -> Result<(), RecvError> {
        self.wait(&mut Forever).map_err(|_closed| RecvError)
    }

    /// As [`changed`](Self::changed), waiting for this long at most.
    ///
    /// # Errors
    /// As [`changed`](Self::changed), and when the time is over.
    pub fn changed_timeout(&self, timeout: Duration) -> Result<(), RecvTimeoutError> {
        self.wait(&mut Deadline::after(timeout))
    }

    /// Whether the value is another than the one that was seen last.
    ///
    /// # Errors
    /// When all senders are gone and there is no new value.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        let locked = self.shared.lock();
        let changed = self.seen.load(Relaxed) != locked.version;
        if !changed && locked.senders == 0 { Err(RecvError) } else { Ok(changed) }
    }

    /// Sees a new value, or that there will be none.
    fn see(&self, state: &State<T>) -> Option<Result<(), RecvError>> {
        match self.seen.swap(state.version, Relaxed) == state.version {
            false => Some(Ok(())),
            true => (state.senders == 0).then_some(Err(RecvError)),
        }
    }

    fn wait(&self, limit: &mut impl Limit) -> Result<(), RecvTimeoutError> {
        task::begin_operation();
        loop {
            let mut result = None;
            let mut change = Until::new(Reason::Receive, |locked| {
                result = self.see(locked);
                result.is_some()
            });
            let performed = self.shared.perform(&mut change, limit);
            match (result, performed) {
                (Some(result), _) => return result.map_err(|_closed| RecvTimeoutError::Disconnected),
                // Woken: it has changed, unless another task has this receiver as well.
                (None, Ok(())) => {}
                (None, Err(Undone::Late)) => return Err(RecvTimeoutError::Timeout),
                (None, Err(_unwinding)) => return Err(RecvTimeoutError::Disconnected),
            }
        }
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
        Receiver { shared: self.shared.clone(), seen: AtomicU64::new(self.seen.load(Relaxed)) }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.lock().receivers -= 1;
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("value", &self.borrow()).finish_non_exhaustive()
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("value", &self.borrow()).finish_non_exhaustive()
    }
}
