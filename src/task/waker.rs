//! The other half of the waist: [`Waker::wake`] ends a [`park`](super::park()).

use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::*};

use super::header::{DONE, Header, NOTIFIED, REFERENCE, TaskRef};
use super::home::Home;
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
        prefetch_lines(self.0.as_ptr().cast(), 0..2);
    }

    /// The same for what a task of this thread runs on. Its header should be there by now.
    #[inline]
    pub(crate) fn prefetch_stack(&self) {
        if park::local().is_some_and(|local| local.is_home_of(&self.0)) {
            prefetch(self.0.fiber.get());
            prefetch_lines(self.0.stands_at.get(), 0..4);
        }
    }

    #[inline]
    pub(crate) fn wake(self) {
        wake(&self.0);
    }
}

/// Where a task lies that will be woken: addresses that are fetched ahead, and for nothing else. They may be stale.
#[derive(Default)]
pub(crate) struct Hint {
    header: AtomicPtr<u8>,
    fiber: AtomicPtr<u8>,
    stack: AtomicPtr<u8>,
}

impl Hint {
    /// Points at `task`, which runs, and at where its stack stands.
    #[inline(always)]
    pub(crate) fn set(&self, task: &Header) {
        let here = 0_u8;
        self.header.store(ptr::from_ref(task).cast_mut().cast(), Relaxed);
        self.fiber.store(task.fiber.get().cast_mut().cast(), Relaxed);
        self.stack.store((&raw const here).cast_mut(), Relaxed);
    }

    #[inline]
    pub(crate) fn prefetch(&self) {
        prefetch_lines(self.header.load(Relaxed), 0..2);
        prefetch(self.fiber.load(Relaxed));
        // From what the switch has saved to the frame of whoever has called the stream.
        prefetch_lines(self.stack.load(Relaxed), -1..9);
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

const CACHE_LINE: isize = 64;

/// Has the processor fetch lines, counted from the one that `address` is in.
#[inline(always)]
pub(crate) fn prefetch_lines(address: *const u8, lines: Range<isize>) {
    lines.for_each(|line| prefetch(address.wrapping_offset(line * CACHE_LINE)));
}

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
    if let Some(home) = notify(task, REFERENCE) {
        // SAFETY: the reference that `notify` counted.
        home.push(unsafe { TaskRef::from_raw(task.as_ptr()) });
    }
}

/// As [`wake`], for a task of another thread, whose inbox takes this reference over.
pub(super) fn wake_owned(task: TaskRef) {
    if let Some(home) = notify(&task, 0) {
        home.push(task);
    }
}

/// Marks a task of another thread as notified, or wakes a plain thread. Returns the home whose inbox the task is to be
/// put into; that takes a reference, for which `counted` is added.
fn notify(task: &TaskRef, counted: usize) -> Option<&'static Home> {
    if let Some(thread) = &task.thread {
        // Release: what was done before the wake is seen by the thread that clears NOTIFIED.
        if task.state.fetch_or(NOTIFIED, Release) & NOTIFIED == 0 {
            thread.unpark();
            // SAFETY: a home is never freed; null is that of a thread without a driver.
            if let Some(home) = unsafe { task.home.load(Relaxed).as_ref() } {
                home.notify();
            }
        }
        return None;
    }
    // SAFETY: a home is never freed; null is that of a task that no worker has taken in yet.
    let home = unsafe { task.home.load(Relaxed).as_ref() }?;
    let mut state = task.state.load(Relaxed);
    loop {
        if state & DONE != 0 {
            return None;
        }
        let is_on_its_way = state & NOTIFIED != 0;
        // AcqRel: see `Home::take_inbox`. Stored also if it is on its way, since what was done before this wake must be
        // seen too.
        let notified = if is_on_its_way { state } else { (state | NOTIFIED) + counted };
        match task.state.compare_exchange_weak(state, notified, AcqRel, Relaxed) {
            Ok(_) => return (!is_on_its_way).then_some(home),
            Err(now) => state = now,
        }
    }
}
