//! How a worker that is never out of work lets another have its core.
//!
//! Two threads that share a core have it in turn for some ticks of the system, which are milliseconds, and the connections of
//! the one that waits are late by as much. No worker is told that another waits. But if that has not looked for I/O since the
//! last time that it was watched, though there is some, it does not run. (Or it computes: then a yield is for nothing.)

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Between two looks at another worker.
const INTERVAL: Duration = Duration::from_micros(500);

/// One worker's eye on the others, of which it watches one at a time.
pub(super) struct Watch {
    own: usize,
    next: Cell<Option<Instant>>,
    watched: Cell<usize>,
    /// How often that had looked for I/O the last time.
    seen: Cell<usize>,
}

impl Watch {
    pub(super) fn new(own: usize) -> Watch {
        Watch { own, next: Cell::new(None), watched: Cell::new(own), seen: Cell::new(0) }
    }

    /// Whether one of the `workers` seems to wait for a core. Each has looked for I/O so many times, and has or has not events
    /// that it has not taken.
    pub(super) fn sees_stalled(
        &self,
        now: Instant,
        workers: usize,
        looks: impl Fn(usize) -> usize,
        has_events: impl FnOnce(usize) -> bool,
    ) -> bool {
        if self.next.get().is_some_and(|next| now < next) {
            return false;
        }
        self.next.set(Some(now + INTERVAL));
        let watched = self.watched.get();
        if watched != self.own && looks(watched) == self.seen.get() && has_events(watched) {
            return true;
        }
        let others = (watched + 1..workers).chain(0..=watched);
        if let Some(next) = others.into_iter().find(|&worker| worker != self.own) {
            self.watched.set(next);
            self.seen.set(looks(next));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_events_and_does_not_look_is_stalled() {
        let (watch, start, looks) = (Watch::new(1), Instant::now(), Cell::new([0, 0, 0]));
        let sees = |intervals: u32, has_events| {
            watch.sees_stalled(start + INTERVAL * intervals, 3, |worker| looks.get()[worker], |_| has_events)
        };
        assert_eq!([sees(0, true), sees(0, true)], [false, false], "it has not watched for long enough");
        assert_eq!([sees(1, true), sees(2, true)], [true, true], "the last does not look");
        looks.set([0, 0, 1]);
        assert_eq!([sees(3, true), sees(4, true)], [false, true], "it looks, but the first does not");
        assert_eq!([sees(5, false), sees(6, false)], [false, false], "they have nothing to look at");
        looks.set([1, 0, 2]);
        assert!(!sees(7, true) && !sees(7, true));
    }

    #[test]
    fn a_worker_that_is_alone_sees_nobody() {
        let (watch, start) = (Watch::new(0), Instant::now());
        assert!((0..5).all(|intervals| !watch.sees_stalled(start + INTERVAL * intervals, 1, |_| 0, |_| true)));
    }
}
