//! Where a waiter stands in the queue of a [monitor](super::monitor): its [`Place`], which lies in its own frame, and the
//! list of them.

use std::cell::{Cell, UnsafeCell};
use std::ptr;
use std::sync::atomic::{AtomicU8, Ordering::*};

use super::header::{Header, TaskRef};
use super::home::Home;
use super::park;
use super::select::Ticket;

/// In no queue: nobody but its owner uses it.
pub(super) const OUT: u8 = 0;
/// In a queue; its waiter is parked or about to be, and has to be woken.
pub(super) const PARKED: u8 = 1;
/// In a queue; its waiter looks at it all the time, until it makes itself PARKED.
pub(super) const SPINNING: u8 = 2;

/// Whether a task that waits now does better to look for the answer than to let its worker fall asleep: there is nothing
/// else to do, and the last answer from another thread came at once.
#[inline]
pub(super) fn may_spin() -> bool {
    park::local().is_some_and(|local| local.expects_mail() && local.is_calm())
}

/// Who waits: the running task, or this thread.
pub(super) struct Waiter {
    header: *const Header,
    /// Where a task lives, so that whoever chooses it need not look at its header.
    home: *const Home,
    /// Keeps the header of a plain thread; that of a task stays by itself as long as the task waits.
    _thread: Option<TaskRef>,
}

impl Waiter {
    #[inline(always)]
    pub(super) fn new(me: Option<&Header>) -> Waiter {
        match me {
            Some(task) => Waiter { header: task, home: task.home.load(Relaxed), _thread: None },
            None => {
                let thread = park::current();
                Waiter { header: thread.as_ptr(), home: ptr::null(), _thread: Some(thread) }
            }
        }
    }
}

/// A waiter's place in a queue.
pub(super) struct Place<V> {
    pub(super) waiter: *const Header,
    pub(super) home: *const Home,
    pub(super) slot: UnsafeCell<V>,
    previous: Cell<*const Place<V>>,
    next: Cell<*const Place<V>>,
    /// Of a `select`, which waits in several queues and is chosen once; else null.
    pub(super) ticket: *const Ticket,
    arm: u32,
    /// [`OUT`], or where in the queue's life its waiter is.
    pub(super) state: AtomicU8,
}

/// The alignment of a cache line.
#[repr(align(64))]
pub(super) struct Line;

/// Something with the alignment of `L`. A place with a small slot fills one line: where it is chosen on another core as a
/// rule, that core fetches no more.
pub(super) struct Aligned<L, T>(pub(super) T, [L; 0]);

impl<L, T> Aligned<L, T> {
    #[inline(always)]
    pub(super) const fn new(value: T) -> Aligned<L, T> {
        Aligned(value, [])
    }
}

impl<V> Place<V> {
    #[inline(always)]
    pub(super) fn new(waiter: &Waiter, slot: V) -> Place<V> {
        Place {
            waiter: waiter.header,
            home: waiter.home,
            slot: UnsafeCell::new(slot),
            previous: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            ticket: ptr::null(),
            arm: 0,
            state: AtomicU8::new(OUT),
        }
    }

    /// One of several that the waiter has.
    pub(super) fn of_arm(ticket: &Ticket, arm: usize, slot: V) -> Place<V> {
        let arm = u32::try_from(arm).expect("a `select` has fewer arms");
        Place { ticket, arm, ..Place::new(ticket.waiter(), slot) }
    }

    /// Acquire: what was done before it was taken out is seen.
    #[inline]
    pub(super) fn is_queued(&self) -> bool {
        self.state.load(Acquire) != OUT
    }

    /// Looks for a short while whether it is taken out. After that whoever takes it out wakes the waiter.
    #[cold]
    pub(super) fn spin(&self) -> bool {
        let is_over = || !self.is_queued() || park::local().is_some_and(|local| local.home.has_mail());
        let came = park::spin_until(is_over);
        // Acquire: as in `is_queued`.
        let taken = self.state.compare_exchange(SPINNING, PARKED, Relaxed, Acquire).is_err();
        if let (false, Some(local)) = (came, park::local()) {
            local.expect_mail(false);
        }
        taken
    }

    /// Whether this is what its waiter is chosen for.
    #[inline]
    pub(super) fn claim(&self) -> bool {
        // SAFETY: the ticket stays as long as its places are in queues, and this is called under the lock of one that
        // this place has not been let go from.
        unsafe { self.ticket.as_ref() }.is_none_or(|ticket| ticket.claim(self.arm as usize))
    }

    #[inline]
    pub(super) fn into_slot(self) -> V {
        self.slot.into_inner()
    }
}

/// Places that are linked.
pub(super) struct List<V> {
    pub(super) first: *const Place<V>,
    last: *const Place<V>,
    pub(super) len: usize,
}

impl<V> List<V> {
    pub(super) const fn new() -> List<V> {
        List { first: ptr::null(), last: ptr::null(), len: 0 }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Place<V>> {
        // SAFETY: linked places are valid (see the head of this file), for the holder of the lock.
        let place = |at: *const Place<V>| unsafe { at.as_ref() };
        std::iter::successors(place(self.first), move |previous| place(previous.next.get()))
    }

    #[inline]
    pub(super) fn push(&mut self, place: &Place<V>) {
        place.previous.set(self.last);
        place.next.set(ptr::null());
        // SAFETY: as in `iter`.
        match unsafe { self.last.as_ref() } {
            Some(last) => last.next.set(place),
            None => self.first = place,
        }
        self.last = place;
        self.len += 1;
    }

    #[inline]
    pub(super) fn remove(&mut self, place: &Place<V>) {
        let (previous, next) = (place.previous.get(), place.next.get());
        // SAFETY: as in `iter`.
        match unsafe { previous.as_ref() } {
            Some(previous) => previous.next.set(next),
            None => self.first = next,
        }
        // SAFETY: as in `iter`.
        match unsafe { next.as_ref() } {
            Some(next) => next.previous.set(previous),
            None => self.last = previous,
        }
        self.len -= 1;
    }
}
