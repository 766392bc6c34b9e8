//! The other half of the waist: [`Waker::wake`] ends a [`park`](super::park()).

use std::sync::atomic::Ordering::*;

use super::header::{DONE, NOTIFIED, REFERENCE, TaskRef};
use super::park;

/// Wakes one task, or one plain thread, from any thread. Waking too often, or after the end, does no harm.
#[derive(Clone)]
pub(crate) struct Waker(TaskRef);

impl Waker {
    /// That of the running task, or of this plain thread.
    pub(crate) fn current() -> Waker {
        Waker(park::current())
    }

    #[inline]
    pub(crate) fn wake(self) {
        wake(&self.0);
    }
}

#[inline]
pub(super) fn wake(task: &TaskRef) {
    let home = task.home.load(Relaxed);
    match park::local() {
        Some(local) if std::ptr::eq(local.home, home) => local.wake(task),
        _ => wake_remote(task),
    }
}

/// Wakes a task of another thread by way of its inbox, or a plain thread.
#[cold]
fn wake_remote(task: &TaskRef) {
    if let Some(thread) = &task.thread {
        // Release: what was done before the wake is seen by the thread that clears NOTIFIED.
        if task.state.fetch_or(NOTIFIED, Release) & NOTIFIED == 0 {
            thread.unpark();
        }
        return;
    }
    // SAFETY: a home is never freed; null is that of a task that no worker has taken in yet.
    let Some(home) = (unsafe { task.home.load(Relaxed).as_ref() }) else { return };
    let mut state = task.state.load(Relaxed);
    loop {
        if state & (NOTIFIED | DONE) != 0 {
            // Already on its way: but what was done before this wake must be seen too, so store all the same.
            if state & DONE != 0 || task.state.compare_exchange(state, state, AcqRel, Relaxed).is_ok() {
                return;
            }
            state = task.state.load(Relaxed);
            continue;
        }
        // One more reference, which the inbox holds. AcqRel: see `Home::take_inbox`.
        match task.state.compare_exchange_weak(state, (state | NOTIFIED) + REFERENCE, AcqRel, Relaxed) {
            Ok(_) => break,
            Err(now) => state = now,
        }
    }
    // SAFETY: the reference counted just now.
    home.push(unsafe { TaskRef::from_raw(task.as_ptr()) });
}
