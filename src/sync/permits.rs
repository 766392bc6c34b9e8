//! The counter below locks, semaphores and queues: permits, taken and given back in any number.
//!
//! ```text
//!  word:  permits │ CLOSED │ WAITERS
//! ```
//!
//! While WAITERS is not set, permits are taken and given back by one atomic exchange of the word. The bit is set under the
//! lock of the monitor by whoever is about to wait, in one exchange with the look at the permits; so who gives back
//! either comes before that look or sees the bit. While it is set the word changes under the lock only, and permits that
//! come back are handed to the first that wait, in order; a wait for many is not passed by one for few.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering::*};

use crate::task::{Limit, Locked, Monitor, Operation, Reason, Undone};

const WAITERS: usize = 1;
const CLOSED: usize = 1 << 1;
const ONE: usize = 1 << 2;

/// The most permits that there can be.
pub(super) const MAX: usize = usize::MAX / ONE;
/// In the slot of a waiter that gets none.
const REFUSED: usize = usize::MAX;

pub(super) struct Permits {
    word: AtomicUsize,
    /// The most that there may be.
    most: usize,
    /// In a slot: how many permits are waited for.
    monitor: Monitor<(), usize>,
    reason: Reason,
}

/// Why permits were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    Closed,
    Undone(Undone),
}

type Guard<'a> = Locked<'a, (), usize>;

impl Permits {
    /// So many permits, of which there are never more than `most`.
    ///
    /// # Panics
    /// When `count` is more than [`MAX`].
    pub(super) const fn new(count: usize, most: usize, reason: Reason) -> Permits {
        assert!(count <= MAX, "a semaphore cannot have so many permits: at most usize::MAX / 4");
        Permits { word: AtomicUsize::new(count * ONE), most, monitor: Monitor::new(()), reason }
    }

    /// How many are left.
    pub(super) fn available(&self) -> usize {
        self.word.load(Acquire) / ONE
    }

    /// Takes `count` if they are there and nobody waits.
    #[inline]
    pub(super) fn try_take(&self, count: usize) -> bool {
        self.change(|word| if word & WAITERS == 0 { taken(word, count) } else { None })
    }

    /// Takes all, which are `count`.
    #[inline]
    pub(super) fn try_take_all(&self, count: usize) -> bool {
        // Acquire: what was done before they were given back is seen.
        self.word.compare_exchange(count * ONE, 0, Acquire, Relaxed).is_ok()
    }

    /// Takes `count`, waiting for them. A cancellation of the wait unwinds from here.
    ///
    /// # Errors
    /// When there are too few and no more will come; when the limit is over; when the task unwinds and would have to wait.
    pub(super) fn take(&self, count: usize, limit: &mut impl Limit) -> Result<(), NotTaken> {
        let mut take = Take { permits: self, count, refused: false };
        let performed = self.monitor.perform(&mut take, limit);
        take.result(performed)
    }

    /// The same, but a cancellation does not end the wait.
    pub(super) fn take_uncancelled(&self, count: usize, limit: &mut impl Limit) -> Result<(), NotTaken> {
        let mut take = Take { permits: self, count, refused: false };
        let performed = self.monitor.perform_calmly(&mut take, limit, false);
        take.result(performed)
    }

    /// The most that there may be.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Gives `count`, unless there would be too many then. Whether it did.
    #[inline]
    pub(super) fn give(&self, count: usize) -> bool {
        self.change(|word| if word & WAITERS == 0 { self.given(word, count) } else { None }) || self.give_slow(count)
    }

    /// Gives back what was taken; only what there may be, if others gave more than they took.
    #[inline]
    pub(super) fn give_back(&self, count: usize) {
        if !self.give(count) {
            self.give_what_fits(&mut self.monitor.lock(), count);
        }
    }

    #[cold]
    fn give_what_fits(&self, locked: &mut Guard<'_>, count: usize) {
        self.change(|word| self.given(word, count.min(self.most - word / ONE)));
        self.hand_out(locked);
    }

    /// Gives all back, which are `count`.
    #[inline]
    pub(super) fn give_all(&self, count: usize) {
        // Release: what was done is seen by who takes them.
        if self.word.compare_exchange(0, count * ONE, Release, Relaxed).is_err() {
            self.give_slow(count);
        }
    }

    #[cold]
    fn give_slow(&self, count: usize) -> bool {
        let mut locked = self.monitor.lock();
        let did = self.change(|word| self.given(word, count));
        if did {
            self.hand_out(&mut locked);
        }
        did
    }

    /// From now on nobody waits: who finds too few permits is refused, and who waits is so now.
    pub(super) fn close(&self) {
        let mut locked = self.monitor.lock();
        self.word.fetch_or(CLOSED, AcqRel);
        locked.choose_all(0, |slot| *slot = REFUSED);
        self.word.fetch_and(!WAITERS, AcqRel);
    }

    /// Hands permits to those who wait, as far as they go. While WAITERS is set nobody else changes the word.
    fn hand_out(&self, locked: &mut Guard<'_>) {
        while let Some(&count) = locked.front(0) {
            if !self.change(|word| taken(word, count)) {
                return;
            }
            locked.choose(0, |_count| ());
        }
        self.word.fetch_and(!WAITERS, AcqRel);
    }

    /// The word with more permits.
    fn given(&self, word: usize, count: usize) -> Option<usize> {
        let sum = (word / ONE).checked_add(count)?;
        (sum <= self.most).then(|| word + count * ONE)
    }

    /// Changes the word, unless `change` gives nothing. AcqRel: what was done before permits were given back is seen by who
    /// takes them.
    #[inline]
    fn change(&self, change: impl Fn(usize) -> Option<usize>) -> bool {
        self.word.fetch_update(AcqRel, Relaxed, change).is_ok()
    }
}

/// The word with fewer permits. The flags are less than one.
fn taken(word: usize, count: usize) -> Option<usize> {
    word.checked_sub(count.checked_mul(ONE)?)
}

/// Takes permits.
struct Take<'a> {
    permits: &'a Permits,
    count: usize,
    refused: bool,
}

impl Take<'_> {
    fn result(self, performed: Result<(), Undone>) -> Result<(), NotTaken> {
        match performed {
            Ok(()) if self.refused => Err(NotTaken::Closed),
            performed => performed.map_err(NotTaken::Undone),
        }
    }
}

impl Operation<(), usize> for Take<'_> {
    fn reason(&self) -> Reason {
        self.permits.reason
    }

    /// Takes them, or is refused, or sets WAITERS, in one exchange.
    fn attempt(&mut self, locked: &mut Guard<'_>) -> bool {
        if !locked.is_empty(0) {
            return false;
        }
        let before = self.permits.word.fetch_update(AcqRel, Relaxed, |word| {
            taken(word, self.count).or_else(|| (word & CLOSED == 0).then_some(word | WAITERS))
        });
        self.refused = before.is_err();
        before.is_ok_and(|word| taken(word, self.count).is_some()) || self.refused
    }

    fn offer(&mut self) -> usize {
        self.count
    }

    fn settle(&mut self, slot: usize) {
        self.refused = slot == REFUSED;
    }

    /// What it waited for may be enough for those behind it.
    fn withdraw(&mut self, locked: &mut Guard<'_>, _count: usize) {
        self.permits.hand_out(locked);
    }

    fn pass_on(&mut self, locked: &mut Guard<'_>) -> bool {
        if !self.refused {
            self.permits.give_what_fits(locked, self.count);
        }
        true
    }
}
