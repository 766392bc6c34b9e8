//! The timers of one worker: who is due when.
//!
//! - [`Timers::add`], [`Timers::cancel`]: in any number, at any time.
//! - [`Timers::pop_due`]: the next one that is due; by deadline, then by the order of adding.
//!
//! ```text
//!  queue                    slots
//!  [deadline, slot] ───────► [seq, target]     live: there is a target
//!  [deadline, slot] ───────► [seq,   -   ]     dead: cancelled, still in the queue
//!                            free list ...     in no entry of the queue
//! ```
//!
//! To cancel only empties the slot: the entry stays until it comes up, or until more than half of the queue is dead
//! and all of those are swept out at once. So a cancellation costs O(1), and a timeout that rarely fires never
//! moves through it.
//!
//! Invariant: each slot is in exactly one entry of the queue or in the free list. The seq of an added timer is
//! never used again, so a stale [`Key`] finds another seq and does nothing.

use super::deadlines::Deadlines;
use super::heap::Entry;
use crate::task::prefetch;

/// Below this many entries dead ones are not worth a sweep.
const SWEEP_FROM: usize = 64;

/// Names a timer. It may be stale: then it names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    seq: u64,
    slot: u32,
}

struct Slot<T> {
    seq: u64,
    target: Option<T>,
}

/// Targets by deadline.
pub(crate) struct Timers<T> {
    queue: Deadlines,
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    next_seq: u64,
    /// Entries of the queue whose slot is empty.
    dead: usize,
}

impl<T> Timers<T> {
    pub(crate) const fn new() -> Timers<T> {
        Timers { queue: Deadlines::new(), slots: Vec::new(), free: Vec::new(), next_seq: 0, dead: 0 }
    }

    /// How many timers wait.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.queue.len() - self.dead
    }

    /// Adds a timer that is due at `deadline`.
    pub(crate) fn add(&mut self, deadline: u64, target: T) -> Key {
        let seq = self.next_seq;
        self.next_seq += 1;
        let slot = self.take_slot(Slot { seq, target: Some(target) });
        self.queue.push(Entry { deadline, order: seq as u32, slot });
        Key { seq, slot }
    }

    /// Takes a timer out again; `None` if it was popped or cancelled before.
    pub(crate) fn cancel(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        if slot.seq != key.seq {
            return None;
        }
        let target = slot.target.take()?;
        self.dead += 1;
        self.sweep_if_worth_it();
        Some(target)
    }

    /// When the first timer is due.
    #[inline]
    pub(crate) fn next_deadline(&mut self) -> Option<u64> {
        self.drop_dead_tops();
        self.queue.first().map(|entry| entry.deadline)
    }

    /// Takes out the first timer whose deadline is `now` or earlier.
    #[inline]
    pub(crate) fn pop_due(&mut self, now: u64) -> Option<T> {
        self.drop_dead_tops();
        let first = self.queue.first().filter(|entry| entry.deadline <= now)?;
        // Most likely in no near cache: it comes while the queue is put in order.
        prefetch(&self.slots[first.slot as usize]);
        let slot = self.pop_top()?;
        self.slots[slot as usize].target.take()
    }

    /// Whether a timer that was added has been popped or cancelled.
    pub(crate) fn is_over(&self, key: Key) -> bool {
        self.slots.get(key.slot as usize).is_none_or(|slot| slot.seq != key.seq || slot.target.is_none())
    }

    /// Takes all of them out. Their keys are stale from then on.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        self.queue.clear();
        self.free.clear();
        self.dead = 0;
        self.slots.drain(..).filter_map(|slot| slot.target).collect()
    }

    fn take_slot(&mut self, content: Slot<T>) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = content;
            return slot;
        }
        let slot = u32::try_from(self.slots.len()).expect("more than 4 billion timers on one thread");
        self.slots.push(content);
        slot
    }

    fn is_live(slots: &[Slot<T>], entry: &Entry) -> bool {
        slots[entry.slot as usize].target.is_some()
    }

    fn drop_dead_tops(&mut self) {
        while self.dead > 0 && self.queue.first().is_some_and(|entry| !Self::is_live(&self.slots, entry)) {
            self.pop_top();
            self.dead -= 1;
        }
    }

    /// Takes the top entry out and gives its slot free; the target is the caller's business.
    fn pop_top(&mut self) -> Option<u32> {
        let top = self.queue.pop()?;
        self.free.push(top.slot);
        Some(top.slot)
    }

    fn sweep_if_worth_it(&mut self) {
        if self.queue.len() >= SWEEP_FROM && self.dead > self.queue.len() / 2 {
            self.sweep();
        }
    }

    #[cold]
    fn sweep(&mut self) {
        let (slots, free) = (&self.slots, &mut self.free);
        self.queue.retain(|entry| {
            let live = Self::is_live(slots, entry);
            if !live {
                free.push(entry.slot);
            }
            live
        });
        self.dead = 0;
        self.validate();
    }

    fn validate(&self) {
        if !cfg!(debug_assertions) {
            return;
        }
        assert!(self.queue.is_ordered());
        assert_eq!(self.queue.len() + self.free.len(), self.slots.len(), "a slot is in one place");
        let dead = self.queue.entries().filter(|entry| !Self::is_live(&self.slots, entry)).count();
        assert_eq!(dead, self.dead, "the dead are counted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pops_by_deadline_then_by_order_of_adding() {
        let mut timers = Timers::new();
        for (deadline, name) in [(20, "c"), (10, "a"), (20, "d"), (10, "b"), (30, "e")] {
            timers.add(deadline, name);
        }
        assert_eq!(timers.next_deadline(), Some(10));
        assert_eq!(timers.pop_due(9), None);
        let due: Vec<_> = std::iter::from_fn(|| timers.pop_due(20)).collect();
        assert_eq!(due, ["a", "b", "c", "d"]);
        assert_eq!((timers.len(), timers.next_deadline()), (1, Some(30)));
    }

    #[test]
    fn a_stale_key_names_nothing() {
        let mut timers = Timers::new();
        let popped = timers.add(1, 'x');
        assert_eq!(timers.pop_due(1), Some('x'));
        let cancelled = timers.add(1, 'y');
        assert_eq!(timers.cancel(cancelled), Some('y'));
        assert_eq!(timers.next_deadline(), None);
        timers.add(1, 'z');
        assert_eq!((timers.cancel(popped), timers.cancel(cancelled)), (None, None));
        assert_eq!(timers.pop_due(1), Some('z'));
    }

    #[test]
    fn a_key_from_before_a_drain_names_nothing() {
        let mut timers = Timers::new();
        let before = timers.add(1, 'x');
        timers.add(2, 'y');
        assert_eq!(timers.drain(), ['x', 'y']);
        assert_eq!((timers.len(), timers.next_deadline()), (0, None));
        timers.add(1, 'z');
        assert_eq!(timers.cancel(before), None);
        assert_eq!(timers.pop_due(1), Some('z'));
    }

    #[test]
    fn cancelled_timers_are_swept_out() {
        let mut timers = Timers::new();
        let keys: Vec<_> = (0..10_000).map(|n| timers.add(n, n)).collect();
        for key in &keys[100..] {
            timers.cancel(*key);
        }
        assert!(timers.queue.len() <= 201, "{} entries for 100 timers", timers.queue.len());
        assert_eq!(timers.len(), 100);
        let due: Vec<_> = std::iter::from_fn(|| timers.pop_due(u64::MAX)).collect();
        assert_eq!(due, (0..100).collect::<Vec<_>>());
    }

    /// Against a sorted list that does the same.
    #[test]
    fn random_programs_agree_with_a_sorted_list() {
        for seed in 0..200 {
            run_random_program(seed);
        }
    }

    fn run_random_program(seed: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut timers = Timers::new();
        let mut model: Vec<(u64, u64)> = Vec::new();
        let mut keys = Vec::new();
        let cancel_share = random.u32(1..6);
        for number in 0..2_000_u64 {
            match random.u32(0..10) {
                kind if kind < cancel_share && !keys.is_empty() => {
                    let (key, number) = keys[random.usize(0..keys.len())];
                    let found = model.iter().position(|timer| timer.1 == number);
                    let expected = found.map(|at| model.remove(at).1);
                    assert_eq!(timers.cancel(key), expected, "seed {seed}");
                }
                9 => {
                    let now = random.u64(0..60);
                    let expected = (!model.is_empty() && model[0].0 <= now).then(|| model.remove(0).1);
                    assert_eq!(timers.pop_due(now), expected, "seed {seed}");
                }
                _ => {
                    let deadline = random.u64(0..50);
                    keys.push((timers.add(deadline, number), number));
                    let at = model.partition_point(|timer| timer.0 <= deadline);
                    model.insert(at, (deadline, number));
                }
            }
            assert_eq!(timers.next_deadline(), model.first().map(|timer| timer.0), "seed {seed}");
            assert_eq!(timers.len(), model.len(), "seed {seed}");
        }
        timers.validate();
    }
}
