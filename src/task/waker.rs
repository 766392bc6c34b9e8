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

    pub(super) fn of(task: TaskRef) -> Waker {
        Waker(task)
    }

    /// Has the processor fetch the task's header; many that are woken at once would else be fetched one by one.
    #[inline]
    pub(crate) fn prefetch(&self) {
        let header = self.0.as_ptr().cast::<u8>();
        (0..3).for_each(|line| prefetch(header.wrapping_add(line * CACHE_LINE)));
    }

    /// The same for what a task of this thread runs on. Its header should be there by now.
    #[inline]
    pub(crate) fn prefetch_stack(&self) {
        if park::local().is_some_and(|local| local.is_home_of(&self.0)) {
            prefetch(self.0.fiber.get());
            (0..4).for_each(|line| prefetch(self.0.stands_at.get().wrapping_add(line * CACHE_LINE)));
        }
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

const CACHE_LINE: usize = 64;

/// Has the processor fetch the line that `address` is in.
#[inline(always)]
pub(crate) fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing, and of no address does it harm.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
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
