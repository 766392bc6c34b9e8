//! Rules T11, T8, T1 and T9 where futures and wakers meet tasks. Each test's name begins with the rule.

mod blocking_on;
#[cfg(feature = "futures-io")]
mod budget;
mod handles;
mod lost_wakes;
mod others;
#[cfg(feature = "futures-io")]
mod streams;
mod tokio_side;
mod wakers;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use corro::yield_now;

use crate::schedulers::everywhere;
use crate::support::HOUR;

/// Runs `body` on every scheduler, and on this plain thread.
fn in_tasks_and_on_a_thread(body: impl Fn() + Send + Sync) {
    everywhere(&body);
    body();
}

/// Gives way until it is so.
fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        yield_now();
    }
}

/// A future that is ready when it was set, and keeps the last waker only until then.
#[derive(Clone, Default)]
struct Flag(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    set: bool,
    waker: Option<Waker>,
    polls: usize,
}

impl Flag {
    /// Sets it, and wakes who waits with the waker itself.
    fn set(&self) {
        let waker = {
            let mut inside = self.0.lock().unwrap();
            inside.set = true;
            inside.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The waker of who waits.
    fn waker(&self) -> Option<Waker> {
        self.0.lock().unwrap().waker.clone()
    }

    fn polls(&self) -> usize {
        self.0.lock().unwrap().polls
    }
}

impl Future for Flag {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut inside = self.0.lock().unwrap();
        inside.polls += 1;
        if inside.set {
            return Poll::Ready(());
        }
        inside.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
