//! Deadlines in their order: a [`Heap`], and beside it a line for those that come in order.
//!
//! Timeouts of one length come in order as a rule, one for each wait of a connection, and are cancelled long before they
//! are due. In the line each costs the same few instructions, however many there are.
//!
//! ```text
//!  push ── not before the last of the line ──► line ──┐
//!     └─── else ─────────────────────────────► heap ──┴──► first, pop: the earlier of the two
//! ```

use std::collections::VecDeque;
use std::mem;

use super::heap::{Entry, Heap, NONE};

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
        if self.line.back().is_some_and(|last| entry.before(last)) {
            // One that is alone in the line must not keep it to itself: it may be years ahead.
            if self.line.len() == 1 {
                self.head = entry;
                mem::swap(&mut self.line[0], &mut entry);
            }
            self.heap.push(entry);
        } else {
            self.line.push_back(entry);
            self.see_head();
        }
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
        self.line.shrink_to(2 * self.line.len());
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
        self.line.iter().is_sorted_by(|a, b| a.before(b)) && self.heap.is_ordered()
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
}
