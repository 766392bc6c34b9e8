//! How a worker that has much to do lets another have its core.
//!
//! Threads that share a core have it in turn for some ticks of the system, which are milliseconds, and the connections of
//! the one that waits are late by as much. No worker is told that another waits. But one that has not looked for I/O since the
//! last time that it was watched sleeps, or computes, or does not run: its [`Pulse`](super::pulse::Pulse) knows which. If
//! it does not run, this one pauses for a moment. Who shares the core has it then; and who waits behind somebody else, such as
//! a client of both on the same machine, has its turn when this worker no longer feeds that one.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Between two glances at another worker.
const INTERVAL: Duration = Duration::from_micros(100);
/// So many pauses for one worker may be in vain: then what holds its core does not wait for this one, or it computes.
const PAUSES: usize = 3;
/// After those. They took some 1.5 ms, so it is a small part of the time that may be lost.
const GIVEN_UP: Duration = Duration::from_millis(20);

/// One worker's eye on the others, of which it watches one at a time.
pub(super) struct Watch {
    own: usize,
    workers: usize,
    next: Cell<Option<Instant>>,
    watched: Cell<usize>,
    /// How often that had looked for I/O the last time.
    seen: Cell<usize>,
    /// For that one, since then.
    pauses: Cell<usize>,
}

impl Watch {
    pub(super) fn new(own: usize, workers: usize) -> Watch {
        let zero = || Cell::new(0);
        Watch { own, workers, next: Cell::new(None), watched: Cell::new(own), seen: zero(), pauses: zero() }
    }

    /// A worker that waits for a core, if one is seen. Each has looked for I/O so many times; whether it `waits` is only asked
    /// of one that has not for a while.
    pub(super) fn find_stalled(
        &self,
        now: Instant,
        looks: impl Fn(usize) -> usize,
        waits: impl FnOnce(usize) -> bool,
    ) -> Option<usize> {
        if self.next.get().is_some_and(|next| now < next) {
            return None;
        }
        self.next.set(Some(now + INTERVAL));
        let watched = self.watched.get();
        if watched != self.own && looks(watched) == self.seen.get() && waits(watched) {
            return Some(watched);
        }
        self.watch_next(looks);
        None
    }

    fn watch_next(&self, looks: impl Fn(usize) -> usize) {
        let watched = self.watched.get();
        if let Some(next) = (watched + 1..self.workers).chain(0..=watched).find(|&worker| worker != self.own) {
            self.watched.set(next);
            self.seen.set(looks(next));
            self.pauses.set(0);
        }
    }

    /// After a pause for the worker that was found.
    pub(super) fn go_on(&self, now: Instant, in_vain: bool, looks: impl Fn(usize) -> usize) {
        self.pauses.set(self.pauses.get() + 1);
        let gives_up = in_vain && self.pauses.get() == PAUSES;
        self.next.set(Some(now + if gives_up { GIVEN_UP } else { INTERVAL }));
        if gives_up || !in_vain {
            self.watch_next(looks);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_core_and_does_not_look_is_stalled() {
        let (watch, start, looks) = (Watch::new(1, 3), Instant::now(), Cell::new([0, 0, 0]));
        let finds = |intervals: u32, waits| {
            let asked = Cell::new(None);
            let found = watch.find_stalled(
                start + INTERVAL * intervals,
                |worker| looks.get()[worker],
                |worker| {
                    asked.set(Some(worker));
                    waits
                },
            );
            assert!(found.is_none() || found == asked.get());
            found
        };
        assert_eq!([finds(0, true), finds(0, true)], [None, None], "it has not watched for long enough");
        assert_eq!([finds(1, true), finds(2, true)], [Some(2), Some(2)], "the last does not look");
        looks.set([0, 0, 1]);
        assert_eq!([finds(3, true), finds(4, true)], [None, Some(0)], "it looks, but the first does not");
        assert_eq!([finds(5, false), finds(6, false)], [None, None], "they run");
        looks.set([1, 0, 2]);
        assert_eq!([finds(7, true), finds(7, true)], [None, None]);
    }

    #[test]
    fn after_a_pause_that_helped_it_watches_the_next() {
        let (watch, start) = (Watch::new(0, 3), Instant::now());
        let finds = |intervals: u32| watch.find_stalled(start + INTERVAL * intervals, |_| 0, |_| true);
        assert_eq!([finds(0), finds(1)], [None, Some(1)]);
        watch.go_on(start + INTERVAL, false, |_| 0);
        assert_eq!([finds(1), finds(2)], [None, Some(2)]);
    }

    #[test]
    fn after_some_pauses_in_vain_it_does_not_watch_for_a_while() {
        let (watch, start) = (Watch::new(0, 3), Instant::now());
        let finds = |time| watch.find_stalled(start + time, |_| 0, |_| true);
        assert_eq!(finds(Duration::ZERO), None);
        let mut after = INTERVAL;
        for stalled in [1, 2, 1] {
            for _ in 0..PAUSES {
                assert_eq!(finds(after), Some(stalled));
                watch.go_on(start, true, |_| 0);
                after = INTERVAL;
            }
            assert_eq!(finds(GIVEN_UP - INTERVAL), None);
            after = GIVEN_UP;
        }
    }

    #[test]
    fn a_worker_that_is_alone_sees_nobody() {
        let (watch, start) = (Watch::new(0, 1), Instant::now());
        assert!((0..5).all(|intervals| watch.find_stalled(start + INTERVAL * intervals, |_| 0, |_| true).is_none()));
    }
}
