//! What the other workers see of how one gets on.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::os_thread::OsThread;
use crate::driver::Outlook;

/// Its own worker writes it, and the others read it. Nothing else depends on what they read, so `Relaxed` will do.
pub(super) struct Pulse {
    /// Goes up by 2 with each look for I/O; odd while the worker sleeps.
    looks: AtomicUsize,
    outlook: Outlook,
    /// Once the worker has begun.
    thread: OnceLock<OsThread>,
}

impl Pulse {
    pub(super) fn new(outlook: Outlook) -> Pulse {
        Pulse { looks: AtomicUsize::new(0), outlook, thread: OnceLock::new() }
    }

    /// On the worker's thread.
    pub(super) fn begin(&self) {
        if let Some(thread) = OsThread::current() {
            self.thread.get_or_init(|| thread);
        }
    }

    pub(super) fn count_look(&self) {
        self.add(2);
    }

    /// Does what may sleep.
    pub(super) fn asleep<R>(&self, f: impl FnOnce() -> R) -> R {
        self.add(1);
        let result = f();
        self.add(1);
        result
    }

    fn add(&self, count: usize) {
        self.looks.store(self.looks.load(Relaxed).wrapping_add(count), Relaxed);
    }

    /// Another number after each look for I/O, and while the worker sleeps.
    pub(super) fn looks(&self) -> usize {
        self.looks.load(Relaxed)
    }

    /// Whether the worker has something to do, but others have the cores. What costs least is asked first.
    pub(super) fn waits_for_core(&self) -> bool {
        let is_asleep = self.looks() % 2 == 1;
        (!is_asleep || self.outlook.has_events()) && self.thread.get().is_some_and(OsThread::waits_for_core)
    }

    /// Another value when the worker has run meanwhile.
    pub(super) fn cpu_time(&self) -> Option<(i64, i64)> {
        self.thread.get().and_then(OsThread::cpu_time)
    }
}
