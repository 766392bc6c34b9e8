//! What the workers count.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Shared;

/// A count that one thread writes and others read.
#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// By the thread that it belongs to.
    pub(super) fn add(&self) {
        self.0.store(self.0.load(Relaxed) + 1, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Those of one worker.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) stolen: Counter,
    pub(super) sleeps: Counter,
}

/// What a [`Runtime`](super::Runtime) has done so far, all workers together.
///
/// The counts are read one after another while the workers go on, so they need not agree to the last unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Threads that run tasks.
    pub workers: usize,
    /// Tasks that were started and have not ended.
    pub live: u64,
    /// Tasks that were started.
    pub started: u64,
    /// How often a worker took new work that was another's, or came from outside.
    pub stolen: u64,
    /// How often a worker fell asleep since there was nothing to do.
    pub sleeps: u64,
}

impl Metrics {
    pub(super) fn of(shared: &Shared) -> Metrics {
        let sum = |of: fn(&super::Place) -> u64| shared.seats.iter().map(of).sum::<u64>();
        let ended = sum(|seat| seat.home.ended());
        let started = sum(|seat| seat.home.started());
        Metrics {
            workers: shared.seats.len(),
            live: started.saturating_sub(ended),
            started,
            stolen: sum(|seat| seat.counters.stolen.get()),
            sleeps: sum(|seat| seat.counters.sleeps.get()),
        }
    }
}
