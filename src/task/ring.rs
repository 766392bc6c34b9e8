//! The ready queue of a worker: first in, first out, on one thread.
//!
//! A plain ring of words. Each is an owned pointer: to a task, or, with its lowest bit set, to a callback.

use std::cell::{Cell, RefCell};
use std::mem;
use std::rc::Rc;

use super::header::TaskRef;
use super::home::Callback;

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
    places: RefCell<Box<[Cell<usize>]>>,
    /// Counts up for ever; a place is a count modulo the number of places. `tail - head` words are in the ring.
    head: Cell<usize>,
    tail: Cell<usize>,
}

impl Ring {
    pub(super) fn new() -> Ring {
        Ring { places: RefCell::new(places(PLACES)), head: Cell::new(0), tail: Cell::new(0) }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.tail.get().wrapping_sub(self.head.get())
    }

    #[inline]
    pub(super) fn push(&self, ready: Ready) {
        if self.len() == self.places.borrow().len() {
            self.grow();
        }
        let tail = self.tail.get();
        let places = self.places.borrow();
        places[tail & (places.len() - 1)].set(ready.into_word());
        self.tail.set(tail.wrapping_add(1));
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<Ready> {
        let head = self.head.get();
        if head == self.tail.get() {
            return None;
        }
        let places = self.places.borrow();
        let word = places[head & (places.len() - 1)].get();
        self.head.set(head.wrapping_add(1));
        // SAFETY: `push` put it there, and the head has moved past it.
        Some(unsafe { Ready::from_word(word) })
    }

    #[cold]
    fn grow(&self) {
        let larger = places(self.places.borrow().len() * 2);
        let smaller = mem::replace(&mut *self.places.borrow_mut(), larger);
        let larger = self.places.borrow();
        for count in 0..smaller.len() {
            let at = self.head.get().wrapping_add(count);
            larger[at & (larger.len() - 1)].set(smaller[at & (smaller.len() - 1)].get());
        }
    }
}

fn places(number: usize) -> Box<[Cell<usize>]> {
    (0..number).map(|_| Cell::new(0)).collect()
}

impl Drop for Ring {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}
