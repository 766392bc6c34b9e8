//! What the other workers see of how one gets on.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use super::os_thread::OsThread;
use crate::driver::Outlook;

/// Its own worker writes it, and the others read it. Nothing else depends on what they read, so `Relaxed` will do.
pub(super) struct Pulse {
    /// Goes up by 2 with each look for I/O; odd while the worker sleeps.
    looks: AtomicUsize,
    /// Whether its tasks waited for I/O at the last look. Where all just compute, pauses for one another are lost.
    serves_io: AtomicBool,
    outlook: Outlook,
    /// Once the worker has begun, if there are others to ask for it.
    thread: OnceLock<OsThread>,
}

impl Pulse {
    pub(super) fn new(outlook: Outlook) -> Pulse {
        Pulse { looks: AtomicUsize::new(0), serves_io: AtomicBool::new(false), outlook, thread: OnceLock::new() }
    }

    /// On the worker's thread.
    pub(super) fn begin(&self) {
        if let Some(thread) = OsThread::current() {
            self.thread.get_or_init(|| thread);
        }
    }

    pub(super) fn count_look(&self, serves_io: bool) {
        self.serves_io.store(serves_io, Relaxed);
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

    /// Whether the worker has I/O to serve, but others have the cores. What costs least is asked first.
    pub(super) fn waits_for_core(&self) -> bool {
        self.has_io_to_serve() && self.thread.get().is_some_and(OsThread::waits_for_core)
    }

    fn has_io_to_serve(&self) -> bool {
        let is_asleep = self.looks() % 2 == 1;
        if is_asleep { self.outlook.has_events() } else { self.serves_io.load(Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Parts;

    fn with_pulse(f: impl FnOnce(&Pulse, Parts)) {
        let parts = Parts::new().expect("an epoll");
        f(&Pulse::new(parts.outlook()), parts);
    }

    #[test]
    fn a_worker_has_io_to_serve_if_its_tasks_waited_for_it_at_the_last_look() {
        with_pulse(|pulse, _parts| {
            let looks = |serves_io| {
                pulse.count_look(serves_io);
                pulse.has_io_to_serve()
            };
            assert!(!pulse.has_io_to_serve());
            assert_eq!([looks(true), looks(false), looks(true)], [true, false, true]);
        });
    }

    #[test]
    fn a_worker_that_sleeps_has_io_to_serve_if_there_are_events() {
        with_pulse(|pulse, parts| {
            pulse.count_look(true);
            assert!(!pulse.asleep(|| pulse.has_io_to_serve()));
            parts.notifier().notify();
            assert!(pulse.asleep(|| pulse.has_io_to_serve()));
        });
    }

    #[test]
    fn each_look_and_each_sleep_is_seen() {
        with_pulse(|pulse, _parts| {
            let first = pulse.looks();
            pulse.count_look(false);
            let second = pulse.looks();
            let asleep = pulse.asleep(|| pulse.looks());
            let seen = [first, second, asleep, pulse.looks()];
            assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
        });
    }

    #[test]
    fn who_has_not_begun_or_runs_does_not_wait_for_a_core() {
        with_pulse(|pulse, _parts| {
            pulse.count_look(true);
            assert!(!pulse.waits_for_core());
            pulse.begin();
            assert!(!pulse.waits_for_core());
        });
    }
}
