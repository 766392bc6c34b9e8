//! Deadlines in their order: a [`Heap`], and beside it a line for those that come in order.
//!
//! Timeouts of one length come in order, one for each wait of a connection, and are cancelled long before they are due. In
//! the line each costs the same few instructions, however many there are. Of several lengths in use it serves the longest.
//!
//! ```text
//!  push ── not before the last of the line ──► line ──┐
//!     └─── else ─────────────────────────────► heap ──┴──► first, pop: the earlier of the two
//! ```

use std::collections::VecDeque;

use super::heap::{Entry, Heap, NONE};

/// So few leave the line to one that is earlier.
const FEW: usize = 4;
/// Places that are worth keeping.
const PLACES: usize = 64;

pub(super) struct Deadlines {
    /// The first of the line, or [`NONE`]: it is compared with the first of the heap each time.
    head: Entry,
    line: VecDeque<Entry>,
    heap: Heap,
}

impl Deadlines {
    pub(super) const fn new() -> Deadlines {
        Deadlines { head: NONE, line: VecDeque::new(), heap: Heap::new() }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.line.len() + self.heap.len()
    }

    #[inline]
    pub(super) fn first(&self) -> Option<&Entry> {
        if self.is_line_first() { self.line.front() } else { self.heap.first() }
    }

    #[inline]
    fn is_line_first(&self) -> bool {
        self.heap.first().is_none_or(|heap| self.head.before(heap))
    }

    #[inline]
    pub(super) fn push(&mut self, mut entry: Entry) {
        // NONE alone has the last instant.
        entry.deadline = entry.deadline.min(u64::MAX - 1);
        if self.line.back().is_some_and(|last| entry.before(last)) {
            self.push_early(entry);
        } else {
            self.line.push_back(entry);
            self.see_head();
        }
    }

    /// A few must not keep the line to themselves: they may be years ahead.
    #[inline]
    fn push_early(&mut self, entry: Entry) {
        if self.line.len() > FEW {
            return self.heap.push(entry);
        }
        while let Some(&last) = self.line.back().filter(|last| entry.before(last)) {
            self.line.pop_back();
            self.heap.push(last);
        }
        self.line.push_back(entry);
        self.see_head();
    }

    /// Takes the first one out.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Entry> {
        if !self.is_line_first() {
            return self.heap.pop();
        }
        let first = self.line.pop_front();
        self.see_head();
        first
    }

    #[inline]
    fn see_head(&mut self) {
        self.head = self.line.front().copied().unwrap_or(NONE);
    }

    /// Keeps the entries that `f` says yes to, and the memory for twice as many.
    pub(super) fn retain(&mut self, mut f: impl FnMut(&Entry) -> bool) {
        self.line.retain(&mut f);
        self.line.shrink_to(PLACES.max(2 * self.line.len()));
        self.see_head();
        self.heap.retain(f);
    }

    pub(super) fn clear(&mut self) {
        *self = Deadlines::new();
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.line.iter().copied().chain(self.heap.entries())
    }

    /// Whether each comes after those that it should come after.
    pub(super) fn is_ordered(&self) -> bool {
        let is_head = self.head == self.line.front().copied().unwrap_or(NONE);
        is_head && self.line.iter().is_sorted_by(|a, b| a.before(b)) && self.heap.is_ordered()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(deadlines: &mut Deadlines, order: u32, deadline: u64) {
        deadlines.push(Entry { deadline, order, slot: order });
    }

    #[test]
    fn what_comes_in_order_takes_the_line() {
        let mut deadlines = Deadlines::new();
        push(&mut deadlines, 0, 1_000_000);
        (1..100).for_each(|order| push(&mut deadlines, order, u64::from(order / 2)));
        assert_eq!((deadlines.line.len(), deadlines.heap.len()), (99, 1));
        push(&mut deadlines, 100, 7);
        assert_eq!((deadlines.line.len(), deadlines.heap.len()), (99, 2));
        assert!(deadlines.is_ordered());
        let popped: Vec<_> = std::iter::from_fn(|| deadlines.pop()).map(|entry| entry.slot).collect();
        let expected: Vec<_> = (1..16).chain([100]).chain(16..100).chain([0]).collect();
        assert_eq!(popped, expected);
    }

    #[test]
    fn a_few_that_are_far_ahead_leave_the_line() {
        let mut deadlines = Deadlines::new();
        (0..2).for_each(|order| push(&mut deadlines, order, 1_000_000));
        (2..100).for_each(|order| push(&mut deadlines, order, u64::from(order)));
        assert_eq!((deadlines.line.len(), deadlines.heap.len()), (98, 2));
        assert!(deadlines.is_ordered());
        let popped: Vec<_> = std::iter::from_fn(|| deadlines.pop()).map(|entry| entry.slot).collect();
        assert_eq!(popped, (2..100).chain([0, 1]).collect::<Vec<_>>());
    }

    #[test]
    fn the_last_instant_is_a_deadline_too() {
        let mut deadlines = Deadlines::new();
        (0..6).for_each(|order| push(&mut deadlines, order, u64::MAX));
        let slots: Vec<_> = std::iter::from_fn(|| deadlines.pop()).map(|entry| entry.slot).collect();
        assert_eq!(slots, [0, 1, 2, 3, 4, 5]);
    }
}
