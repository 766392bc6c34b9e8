//! The ready queue of a worker: first in, first out, on one thread.
//!
//! A plain ring of words. Each is an owned pointer: to a task, or, with its lowest bit set, to a callback.

use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::rc::Rc;

use super::header::TaskRef;
use super::own::Callback;

/// Something that is ready to run.
pub(crate) enum Ready {
    Task(TaskRef),
    Call(Rc<Callback>),
}

const CALL: usize = 1;
/// Places of a new ring; a power of two.
const PLACES: usize = 64;

impl Ready {
    #[inline]
    fn into_word(self) -> usize {
        match self {
            Ready::Task(task) => task.into_raw() as usize,
            Ready::Call(callback) => Rc::into_raw(callback) as usize | CALL,
        }
    }

    /// # Safety
    /// The word comes from `into_word`, and is taken back once.
    #[inline]
    unsafe fn from_word(word: usize) -> Ready {
        // SAFETY: the pointers were given away by `into_word`. Both kinds are aligned to words, so the bit was free.
        unsafe {
            if word & CALL == 0 {
                Ready::Task(TaskRef::from_raw(word as *const _))
            } else {
                Ready::Call(Rc::from_raw((word & !CALL) as *const Callback))
            }
        }
    }
}

pub(super) struct Ring {
    /// The first of `mask + 1` places, which are a boxed slice. Raw, since each push and pop goes through it.
    places: Cell<NonNull<Cell<usize>>>,
    /// One less than the number of places.
    mask: Cell<usize>,
    /// Counts up for ever; a place is a count modulo the number of places. `tail - head` words are in the ring.
    head: Cell<usize>,
    tail: Cell<usize>,
}

impl Ring {
    pub(super) fn new() -> Ring {
        Ring {
            places: Cell::new(allocate(PLACES)),
            mask: Cell::new(PLACES - 1),
            head: Cell::new(0),
            tail: Cell::new(0),
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.tail.get().wrapping_sub(self.head.get())
    }

    #[inline]
    pub(super) fn push(&self, ready: Ready) {
        if self.len() > self.mask.get() {
            self.grow();
        }
        let tail = self.tail.get();
        self.place(tail).set(ready.into_word());
        self.tail.set(tail.wrapping_add(1));
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<Ready> {
        let head = self.head.get();
        if head == self.tail.get() {
            return None;
        }
        let word = self.place(head).get();
        self.head.set(head.wrapping_add(1));
        // SAFETY: `push` put it there, and the head has moved past it.
        Some(unsafe { Ready::from_word(word) })
    }

    /// Shuffles the first `count` (Fisher and Yates).
    pub(super) fn shuffle(&self, count: usize, mut below: impl FnMut(usize) -> usize) {
        let place = |number: usize| self.place(self.head.get().wrapping_add(number));
        for last in (1..count.min(self.len())).rev() {
            place(last).swap(place(below(last + 1)));
        }
    }

    #[cold]
    fn grow(&self) {
        let (smaller, places) = (self.places.get(), self.mask.get() + 1);
        let words: Vec<usize> =
            (0..places).map(|count| self.place(self.head.get().wrapping_add(count)).get()).collect();
        self.places.set(allocate(2 * places));
        self.mask.set(2 * places - 1);
        for (count, word) in words.into_iter().enumerate() {
            self.place(self.head.get().wrapping_add(count)).set(word);
        }
        // SAFETY: allocated with this number of places, and replaced just now.
        unsafe { free(smaller, places) };
    }

    #[inline]
    fn place(&self, count: usize) -> &Cell<usize> {
        // SAFETY: the mask keeps the index within the slice, which only `grow` replaces, when it holds no reference
        // from here.
        unsafe { self.places.get().add(count & self.mask.get()).as_ref() }
    }
}

fn allocate(places: usize) -> NonNull<Cell<usize>> {
    NonNull::from(Box::leak(vec![Cell::new(0_usize); places].into_boxed_slice())).cast()
}

/// # Safety
/// The places come from `allocate`, which was given their number, and are used no more.
unsafe fn free(places: NonNull<Cell<usize>>, number: usize) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(places.as_ptr(), number)) });
}

impl Drop for Ring {
    fn drop(&mut self) {
        while self.pop().is_some() {}
        // SAFETY: allocated with this number of places.
        unsafe { free(self.places.get(), self.mask.get() + 1) };
    }
}
