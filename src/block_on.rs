//! Futures in code that blocks.

#![forbid(unsafe_code)]

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake};

use crate::task::{self, Mode, Reason, Waker};

/// Waits for a future, which is polled here; the task parks meanwhile, a plain thread blocks.
///
/// A cancellation point; a cancellation drops the future. The future's wakers may be woken from any thread, at any time,
/// also in vain.
///
/// # Panics
/// When the future does; where the caller would have to wait and cannot: in a callback of the event loop, and while the
/// task unwinds.
///
/// # Examples
/// ```
/// let sum = corro::run(|| {
///     let task = corro::spawn(|| 1 + 1);
///     corro::block_on(async { task.await.unwrap() + 1 })
/// });
/// assert_eq!(sum, 3);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    task::begin_operation();
    let mut future = pin!(future);
    let woken = Arc::new(Woken::default());
    let waker = woken.clone().into();
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        woken.wait();
    }
}

/// Whether the future was woken. Apart from the task's own wakes, since a poll may block and use those up.
#[derive(Default)]
struct Woken {
    is_set: AtomicBool,
    /// Who waits: a generator may go on in another task than before.
    waiter: Mutex<Option<Waker>>,
}

impl Woken {
    /// Waits until it is set, and takes it back.
    fn wait(&self) {
        if self.is_set.swap(false, Acquire) {
            // Woken by its own poll, perhaps each time: the others are to have their turn.
            task::give_way();
            return task::checkpoint();
        }
        // Acquire: what was done before the wake is seen by the poll.
        while !self.is_set.swap(false, Acquire) {
            match task::mode() {
                Mode::Task | Mode::Thread => {}
                Mode::Callback => task::refuse_callback(),
                Mode::Unwinding => panic!("`block_on` would have to wait, and a task that unwinds cannot"),
            }
            *self.waiter.lock().unwrap_or_else(PoisonError::into_inner) = Some(Waker::current());
            // Set before the waiter was there to be woken: the lock orders the two.
            if !self.is_set.load(Relaxed) {
                task::park(Reason::Future);
            }
            task::checkpoint();
        }
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_set.store(true, Release);
        let waiter = self.waiter.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}
