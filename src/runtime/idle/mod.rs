//! Who sleeps and who looks for work; README.md beside this file argues why no wake-up is lost.
//!
//! ```text
//!            no work of its own            nothing found
//!  working ───────────────────► searching ───────────────► asleep
//!     ▲  └──────────────────────────┘ found                   │
//!     └─────────── woken for new work: as a searcher ─────────┘
//! ```
//!
//! At most half of the workers search at once. New work wakes a sleeper only while nobody searches; a searcher that
//! finds something and was the last one wakes the next.

use std::sync::atomic::{AtomicUsize, Ordering::*, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::task::{SEARCHER, SLEEPER, barrier, is_hungry};

pub(super) struct Idle {
    workers: usize,
    /// Counts of sleepers and searchers. Sleepers are counted under the lock of `asleep`, with the list.
    state: Arc<AtomicUsize>,
    /// Those that sleep, or are about to; the last that lay down is woken first, since its cache is the warmest.
    asleep: Mutex<Vec<usize>>,
}

impl Idle {
    pub(super) fn new(workers: usize) -> Idle {
        let asleep = Mutex::new(Vec::with_capacity(workers));
        Idle { workers, state: Arc::default(), asleep }
    }

    /// For those who push new work: see [`is_hungry`].
    pub(super) fn state(&self) -> Arc<AtomicUsize> {
        self.state.clone()
    }

    pub(super) fn is_hungry(&self) -> bool {
        is_hungry(self.state.load(Relaxed))
    }

    fn asleep(&self) -> MutexGuard<'_, Vec<usize>> {
        self.asleep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Becomes a searcher, unless enough of them are.
    pub(super) fn start_search(&self) -> bool {
        let searchers = self.state.load(Relaxed) % SLEEPER;
        let allowed = 2 * searchers < self.workers;
        if allowed {
            // Relaxed: what a searcher sees it sees by looking at the queues.
            self.state.fetch_add(SEARCHER, Relaxed);
        }
        allowed
    }

    /// Ends a search. Returns whether this was the last searcher.
    pub(super) fn end_search(&self) -> bool {
        // SeqCst: whoever pushed and saw the searcher comes before the look that follows.
        self.state.fetch_sub(SEARCHER, SeqCst) % SLEEPER == SEARCHER
    }

    /// Lies down. After this the worker looks for work once more; see the README. Nobody else pushes to the deque of a
    /// worker that is alone, and what comes from outside has a fence: so one here will do.
    pub(super) fn lie_down(&self, worker: usize, was_searching: bool) {
        {
            let mut asleep = self.asleep();
            asleep.push(worker);
            let searching = if was_searching { SEARCHER } else { 0 };
            self.state.fetch_add(SLEEPER - searching, SeqCst);
        }
        if self.workers == 1 { fence(SeqCst) } else { barrier::heavy() }
    }

    /// Gets up. Returns whether it is a searcher now: it was woken for new work meanwhile, or it saw some as it lay down.
    /// Somebody may have trusted in the search that ended then.
    pub(super) fn get_up(&self, worker: usize, saw_work: bool) -> bool {
        let mut asleep = self.asleep();
        let Some(found) = asleep.iter().rposition(|&other| other == worker) else { return true };
        asleep.remove(found);
        let searching = if saw_work { SEARCHER } else { 0 };
        self.state.fetch_sub(SLEEPER - searching, SeqCst);
        saw_work
    }

    /// Picks a sleeper to wake for new work, if none searches. It is a searcher from now on.
    pub(super) fn pick(&self) -> Option<usize> {
        let mut asleep = self.asleep();
        if !is_hungry(self.state.load(SeqCst)) {
            return None;
        }
        let worker = asleep.pop();
        if worker.is_some() {
            self.state.fetch_sub(SLEEPER - SEARCHER, SeqCst);
        }
        worker
    }
}
