//! Where a task lives: the inbox that other threads put woken tasks into, and the bell that ends the worker's sleep.
//!
//! ```text
//!  wake on the same thread ──► Local::ready (own.rs)                 no atomics
//!  wake from another ────────► Home::inbox ──► bell, only if the worker sleeps
//! ```
//!
//! A `Home` is never freed: when its worker ends it goes to a list and serves the next one. So a late waker may
//! always ring it; what it finds there at worst is another worker, which takes the task out, sees that it has
//! ended and drops the reference.
//!
//! **No wake is lost.** The sleeper stores `sleeping`, then looks at the inbox; the waker pushes, then looks at
//! `sleeping`. With a `SeqCst` fence between the two on either side, one of them sees the other.

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering::*, fence};
use std::sync::{Mutex, PoisonError};

use super::header::{Header, NOTIFIED, TaskRef};

/// What ends a worker's sleep.
pub(crate) type Bell = Box<dyn Fn() + Send>;

/// The part of a worker that other threads see.
pub(crate) struct Home {
    /// Woken tasks, the newest first. Each holds a reference.
    inbox: AtomicPtr<Header>,
    sleeping: AtomicBool,
    /// The worker is to get up although nothing is in the inbox.
    notice: AtomicBool,
    /// Tasks that were started here, and that have ended. Written by the worker alone.
    started: AtomicU64,
    ended: AtomicU64,
    bell: Mutex<Option<Bell>>,
}

static FREE: Mutex<Vec<&'static Home>> = Mutex::new(Vec::new());

impl Home {
    /// A home for a worker that starts.
    pub(crate) fn open(bell: Bell) -> &'static Home {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let home = free.unwrap_or_else(|| {
            Box::leak(Box::new(Home {
                inbox: AtomicPtr::new(ptr::null_mut()),
                sleeping: AtomicBool::new(false),
                notice: AtomicBool::new(false),
                started: AtomicU64::new(0),
                ended: AtomicU64::new(0),
                bell: Mutex::new(None),
            }))
        });
        *home.bell() = Some(bell);
        home.notice.store(false, Relaxed);
        home.started.store(0, Relaxed);
        home.ended.store(0, Relaxed);
        home
    }

    /// Gives the home back when its worker ends.
    pub(crate) fn close(&'static self) {
        *self.bell() = None;
        self.take_inbox(drop);
        FREE.lock().unwrap_or_else(PoisonError::into_inner).push(self);
    }

    fn bell(&self) -> std::sync::MutexGuard<'_, Option<Bell>> {
        self.bell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether other threads have left anything.
    #[inline]
    pub(crate) fn has_mail(&self) -> bool {
        !self.inbox.load(Relaxed).is_null()
    }

    /// Puts a task into the inbox. The caller set its `NOTIFIED`, so it is in no inbox yet.
    pub(super) fn push(&self, task: TaskRef) {
        let task = task.into_raw().cast_mut();
        let mut first = self.inbox.load(Relaxed);
        loop {
            // SAFETY: the inbox holds a reference to the task, made of `task`.
            unsafe { (*task).inbox_next.store(first, Relaxed) };
            // Release: the taker sees the link.
            match self.inbox.compare_exchange_weak(first, task, Release, Relaxed) {
                Ok(_) => break,
                Err(now) => first = now,
            }
        }
        self.ring();
    }

    /// Puts a new task, or a call, into the inbox.
    pub(crate) fn send(&self, task: TaskRef) {
        task.state.fetch_or(NOTIFIED, Relaxed);
        self.push(task);
    }

    /// Takes all tasks out, the oldest first. They can be put in again from then on.
    pub(crate) fn take_inbox(&self, mut each: impl FnMut(TaskRef)) {
        // Acquire: see `push`.
        let mut newest = self.inbox.swap(ptr::null_mut(), Acquire);
        let mut oldest: *mut Header = ptr::null_mut();
        while !newest.is_null() {
            // SAFETY: the inbox held a reference to each task in it, and nobody else uses the link meanwhile.
            let next = unsafe { (*newest).inbox_next.swap(oldest, Relaxed) };
            oldest = newest;
            newest = next;
        }
        while !oldest.is_null() {
            // SAFETY: the reference that `push` gave away. The link is read before NOTIFIED is cleared.
            let task = unsafe { TaskRef::from_raw(oldest) };
            oldest = task.inbox_next.load(Relaxed);
            // AcqRel: what the waker did before it found NOTIFIED set is seen by the task that runs next.
            task.state.fetch_and(!NOTIFIED, AcqRel);
            each(task);
        }
    }

    /// Has the worker get up, or not fall asleep the next time.
    pub(crate) fn notify(&self) {
        // Release: the worker that takes the notice back sees what it tells of.
        self.notice.store(true, Release);
        self.ring();
    }

    pub(crate) fn started(&self) -> u64 {
        self.started.load(Relaxed)
    }

    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Relaxed)
    }

    fn ring(&self) {
        fence(SeqCst);
        if self.sleeping.load(Relaxed)
            && self.sleeping.swap(false, Relaxed)
            && let Some(bell) = &*self.bell()
        {
            bell();
        }
    }

    /// Announces that the worker is about to sleep. `false`: there is mail, it must not.
    pub(crate) fn begin_sleep(&self) -> bool {
        self.sleeping.store(true, Relaxed);
        fence(SeqCst);
        let calm = !self.has_mail() && !self.notice.load(Relaxed);
        if !calm {
            self.end_sleep();
        }
        calm
    }

    pub(crate) fn end_sleep(&self) {
        self.sleeping.store(false, Relaxed);
        if self.notice.load(Relaxed) {
            // Acquire: see `notify`.
            self.notice.swap(false, Acquire);
        }
    }

    /// By the worker alone.
    #[inline]
    pub(super) fn count_start(&self) {
        count(&self.started);
    }

    /// By the worker alone.
    #[inline]
    pub(super) fn count_end(&self) {
        count(&self.ended);
    }
}

/// Counts in what this thread alone writes.
#[inline]
fn count(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}
