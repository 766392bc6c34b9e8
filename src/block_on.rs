//! Futures in code that blocks.

#![forbid(unsafe_code)]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};

use crate::driver;
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
    task::checkpoint();
    let mut future = pin!(future);
    let waker = Waker::current().into_std();
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        match task::mode() {
            Mode::Task | Mode::Thread => task::park(Reason::Future),
            Mode::Callback => driver::refuse_callback(),
            Mode::Unwinding => panic!("`block_on` would have to wait, and a task that unwinds cannot"),
        }
        task::checkpoint();
    }
}
