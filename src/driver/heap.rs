//! The heap below the timers: deadlines with a number each, the earliest on top.
//!
//! Four children a node, and the children of a node are one cache line, so a level of the way down costs one line:
//!
//! ```text
//!  root ─► groups[0] = children of the root (entries 1 2 3 4)
//!          groups[1] = children of entry 1 (5 6 7 8)        groups[2] = children of entry 2 ...
//! ```
//!
//! Places beyond the last entry hold [`NONE`], which comes after every entry, so the smallest of a group is found
//! without a look at the length.

/// Children of a node.
const ARITY: usize = 4;

/// A deadline, and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) deadline: u64,
    /// Which was added first, of those with one deadline: the lowest bits of a count. They are compared as counts that
    /// are less than half of their range apart.
    pub(super) order: u32,
    pub(super) slot: u32,
}

/// In no heap; later than any entry, whose deadline is less.
pub(super) const NONE: Entry = Entry { deadline: u64::MAX, order: 0, slot: u32::MAX };

impl Entry {
    #[inline]
    pub(super) fn before(&self, other: &Entry) -> bool {
        self.deadline < other.deadline
            || (self.deadline == other.deadline && (self.order.wrapping_sub(other.order) as i32) < 0)
    }
}

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Group([Entry; ARITY]);

pub(super) struct Heap {
    len: usize,
    root: Entry,
    groups: Vec<Group>,
}

impl Heap {
    pub(super) const fn new() -> Heap {
        Heap { len: 0, root: NONE, groups: Vec::new() }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn first(&self) -> Option<&Entry> {
        (self.len > 0).then_some(&self.root)
    }

    #[inline]
    fn at(&self, index: usize) -> &Entry {
        match index.checked_sub(1) {
            None => &self.root,
            Some(below) => &self.groups[below / ARITY].0[below % ARITY],
        }
    }

    #[inline]
    fn put(&mut self, index: usize, entry: Entry) {
        match index.checked_sub(1) {
            None => self.root = entry,
            Some(below) => self.groups[below / ARITY].0[below % ARITY] = entry,
        }
    }

    /// The deadline is earlier than the last instant, which [`NONE`] alone has.
    pub(super) fn push(&mut self, entry: Entry) {
        let mut at = self.len;
        self.len += 1;
        if at > 0 && (at - 1) / ARITY == self.groups.len() {
            self.groups.push(Group([NONE; ARITY]));
        }
        while at > 0 {
            let parent = (at - 1) / ARITY;
            if !entry.before(self.at(parent)) {
                break;
            }
            self.put(at, *self.at(parent));
            at = parent;
        }
        self.put(at, entry);
    }

    /// Takes the first one out.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Entry> {
        let first = *self.first()?;
        self.len -= 1;
        let last = *self.at(self.len);
        self.put(self.len, NONE);
        if self.len > 0 {
            self.sift_down(0, last);
        }
        Some(first)
    }

    /// Keeps the entries that `f` says yes to, and the memory for twice as many.
    pub(super) fn retain(&mut self, mut f: impl FnMut(&Entry) -> bool) {
        let kept: Vec<Entry> = self.entries().filter(|entry| f(entry)).collect();
        self.len = 0;
        self.root = NONE;
        self.groups.clear();
        self.groups.shrink_to(2 * kept.len() / ARITY);
        kept.into_iter().for_each(|entry| self.push(entry));
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        (0..self.len).map(|index| *self.at(index))
    }

    fn sift_down(&mut self, mut at: usize, entry: Entry) {
        while let Some(children) = self.groups.get(at) {
            let (place, child) = children.first();
            if !child.before(&entry) {
                break;
            }
            self.put(at, child);
            at = at * ARITY + 1 + place;
        }
        self.put(at, entry);
    }

    /// Whether each comes after its parent.
    pub(super) fn is_ordered(&self) -> bool {
        (1..self.len).all(|at| !self.at(at).before(self.at((at - 1) / ARITY)))
    }
}

impl Group {
    /// The place of the first one, and itself.
    #[inline]
    fn first(&self) -> (usize, Entry) {
        let earlier = |a: usize, b: usize| if self.0[b].before(&self.0[a]) { b } else { a };
        let place = earlier(earlier(0, 1), earlier(2, 3));
        (place, self.0[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pops_in_order_and_ties_in_the_order_of_adding() {
        let mut heap = Heap::new();
        let mut random = fastrand::Rng::with_seed(1);
        let start = u32::MAX - 500;
        let mut model: Vec<(u64, u32)> = (0..1000).map(|number| (random.u64(0..100), number)).collect();
        for &(deadline, number) in &model {
            heap.push(Entry { deadline, order: start.wrapping_add(number), slot: number });
        }
        assert!(heap.is_ordered());
        model.sort_unstable();
        let popped: Vec<_> = std::iter::from_fn(|| heap.pop()).map(|entry| (entry.deadline, entry.slot)).collect();
        assert_eq!(popped, model);
        assert_eq!((heap.len(), heap.first()), (0, None));
    }
}
