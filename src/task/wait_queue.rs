//! A first-in-first-out queue of tasks and threads that wait for the same thing.
//!
//! The places of the queue lie on the waiters' own stacks. A waiter that leaves early (a cancellation, a deadline)
//! takes its place out, by a guard.
//!
//! Invariant: what is linked is valid, since the frame that a place lies in cannot go before its guard has run;
//! links are touched under the lock only. Wakers run after the lock is released.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::cancel::checkpoint;
use super::park::{Reason, park};
use super::waker::Waker;

pub(crate) struct WaitQueue {
    list: Mutex<List>,
}

struct List {
    first: *const Place,
    last: *const Place,
    len: usize,
}

// SAFETY: the places it points to are used under the lock.
unsafe impl Send for List {}

struct Place {
    waker: Cell<Option<Waker>>,
    previous: Cell<*const Place>,
    next: Cell<*const Place>,
    /// Cleared, by whoever takes the place out, as the last thing it does to it.
    queued: AtomicBool,
}

impl WaitQueue {
    pub(crate) const fn new() -> WaitQueue {
        WaitQueue { list: Mutex::new(List { first: ptr::null(), last: ptr::null(), len: 0 }) }
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a wake that is meant for this queue. `ready` is asked under the lock first: `true` means that
    /// there is nothing to wait for. A cancellation unwinds from here.
    pub(crate) fn wait(&self, reason: Reason, ready: impl FnOnce() -> bool) {
        self.wait_until(reason, ready, || false);
    }

    /// As [`wait`](WaitQueue::wait), but gives up when, at some wake, `over` says so. Returns whether the wake was
    /// one of this queue.
    pub(crate) fn wait_until(&self, reason: Reason, ready: impl FnOnce() -> bool, over: impl Fn() -> bool) -> bool {
        checkpoint();
        let place = Place {
            waker: Cell::new(Some(Waker::current())),
            previous: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            queued: AtomicBool::new(true),
        };
        {
            let mut list = self.lock();
            if ready() {
                return true;
            }
            list.push(&place);
        }
        let leave = Leave { queue: self, place: &place };
        // Acquire: what was done before the wake is seen.
        while place.queued.load(Acquire) {
            if over() {
                drop(leave);
                return false;
            }
            park(reason);
            checkpoint();
        }
        true
    }

    /// Runs `before` under the lock with the number of waiters, then wakes all of them.
    pub(crate) fn wake_all_with(&self, before: impl FnOnce(usize)) -> usize {
        let mut woken = Vec::new();
        {
            let mut list = self.lock();
            before(list.len);
            while let Some(waker) = list.pop() {
                woken.push(waker);
            }
        }
        let count = woken.len();
        woken.into_iter().for_each(Waker::wake);
        count
    }
}

/// Takes a place out of its queue as its frame goes.
struct Leave<'a> {
    queue: &'a WaitQueue,
    place: &'a Place,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.place.queued.load(Acquire) {
            let mut list = self.queue.lock();
            if self.place.queued.load(Relaxed) {
                list.remove(self.place);
            }
        }
    }
}

impl List {
    fn push(&mut self, place: &Place) {
        place.previous.set(self.last);
        // SAFETY: linked places are valid (see the head of this file).
        match unsafe { self.last.as_ref() } {
            Some(last) => last.next.set(place),
            None => self.first = place,
        }
        self.last = place;
        self.len += 1;
    }

    fn pop(&mut self) -> Option<Waker> {
        // SAFETY: as in `push`.
        let place = unsafe { self.first.as_ref() }?;
        let waker = place.waker.take();
        self.remove(place);
        waker
    }

    fn remove(&mut self, place: &Place) {
        let (previous, next) = (place.previous.get(), place.next.get());
        // SAFETY: as in `push`.
        match unsafe { previous.as_ref() } {
            Some(previous) => previous.next.set(next),
            None => self.first = next,
        }
        // SAFETY: as in `push`.
        match unsafe { next.as_ref() } {
            Some(next) => next.previous.set(previous),
            None => self.last = previous,
        }
        self.len -= 1;
        // Release, and last: from here on the waiter may go.
        place.queued.store(false, Release);
    }
}
