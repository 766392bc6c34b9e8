//! Permits: one word that is changed without the lock as long as nobody waits.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use loom::thread;

use crate::{Bell, LOST, RACE, check, check_fails};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// `attempt` looks at the permits and sets WAITERS in two steps.
    SetsApart,
    /// `give` does not look at WAITERS.
    GivesPastWaiters,
    /// `try_take` does not look at WAITERS.
    TakesPastWaiters,
    /// Permits are taken and given without acquire and release.
    Relaxed,
    /// A waiter that leaves does not look whether there is enough for those behind it.
    LeavesQuietly,
    /// `hand_out` leaves WAITERS set.
    KeepsTheBit,
}

const WAITERS: usize = 1;
const ONE: usize = 1 << 2;

struct Permits {
    fault: Fault,
    word: AtomicUsize,
    /// Who waits, with how many it wants.
    queue: Mutex<Vec<(Arc<Place>, usize)>>,
    /// What the permits stand for: all of them are needed to change it.
    guarded: UnsafeCell<u32>,
}

struct Place {
    bell: Bell,
    queued: AtomicBool,
}

// SAFETY: the model is what checks this.
unsafe impl Send for Permits {}
// SAFETY: as above.
unsafe impl Sync for Permits {}

fn taken(word: usize, count: usize) -> Option<usize> {
    word.checked_sub(count * ONE)
}

impl Permits {
    fn new(fault: Fault, count: usize) -> Arc<Permits> {
        let (queue, guarded) = (Mutex::new(Vec::new()), UnsafeCell::new(0));
        Arc::new(Permits { fault, word: AtomicUsize::new(count * ONE), queue, guarded })
    }

    /// `Permits::change`.
    fn change(&self, change: impl Fn(usize) -> Option<usize>) -> Result<usize, usize> {
        let order = if self.fault == Fault::Relaxed { Relaxed } else { AcqRel };
        self.word.fetch_update(order, Relaxed, change)
    }

    /// `Permits::try_take`, else `take`. With `gives_up` it does not wait.
    fn take(&self, count: usize, gives_up: bool) -> bool {
        let passes = self.fault == Fault::TakesPastWaiters;
        let free = |word| if word & WAITERS == 0 || passes { taken(word, count) } else { None };
        self.change(free).is_ok() || self.take_slow(count, gives_up)
    }

    fn take_slow(&self, count: usize, gives_up: bool) -> bool {
        let place = Arc::new(Place { bell: Bell::new(), queued: AtomicBool::new(true) });
        {
            let mut queue = self.queue.lock().unwrap();
            if queue.is_empty() && self.attempt(count) {
                return true;
            }
            queue.push((place.clone(), count));
        }
        while place.queued.load(Acquire) {
            if gives_up {
                return !self.leave(&place);
            }
            place.bell.wait();
        }
        true
    }

    /// `Take::attempt`.
    fn attempt(&self, count: usize) -> bool {
        if self.fault == Fault::SetsApart {
            let took = self.change(|word| taken(word, count)).is_ok();
            if !took {
                self.word.fetch_or(WAITERS, AcqRel);
            }
            return took;
        }
        let before = self.change(|word| taken(word, count).or(Some(word | WAITERS)));
        before.is_ok_and(|word| taken(word, count).is_some())
    }

    /// `Monitor::take_out`, and `Take::withdraw`.
    fn leave(&self, place: &Arc<Place>) -> bool {
        let mut queue = self.queue.lock().unwrap();
        let queued = place.queued.load(Relaxed);
        if queued {
            queue.retain(|other| !Arc::ptr_eq(&other.0, place));
            place.queued.swap(false, Release);
            if self.fault != Fault::LeavesQuietly {
                self.hand_out(&mut queue);
            }
        }
        queued
    }

    /// `Permits::give`.
    fn give(&self, count: usize) {
        let passes = self.fault == Fault::GivesPastWaiters;
        if self.change(|word| (word & WAITERS == 0 || passes).then(|| word + count * ONE)).is_err() {
            let mut queue = self.queue.lock().unwrap();
            self.change(|word| Some(word + count * ONE)).unwrap();
            self.hand_out(&mut queue);
        }
    }

    /// `Permits::hand_out`.
    fn hand_out(&self, queue: &mut Vec<(Arc<Place>, usize)>) {
        while let Some((place, count)) = queue.first().cloned() {
            if self.change(|word| taken(word, count)).is_err() {
                return;
            }
            queue.remove(0);
            place.queued.swap(false, Release);
            place.bell.ring();
        }
        if self.fault != Fault::KeepsTheBit {
            self.word.fetch_and(!WAITERS, AcqRel);
        }
    }

    /// Inside, with all permits.
    fn work(&self) {
        // SAFETY: loom sees to it that nobody else is there.
        self.guarded.with_mut(|guarded| unsafe { *guarded += 1 });
    }
}

/// A lock that three want; one of them does not wait for it.
fn lock(fault: Fault) {
    let permits = Permits::new(fault, 1);
    let threads = [false, true].map(|gives_up| {
        let permits = permits.clone();
        thread::spawn(move || {
            if permits.take(1, gives_up) {
                permits.work();
                permits.give(1);
            }
        })
    });
    assert!(permits.take(1, false));
    permits.work();
    permits.give(1);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(permits.word.load(Relaxed), ONE, "not as it was");
}

/// A writer wants two of two, and may give up, while a reader holds one; another reader waits behind it.
fn writer(fault: Fault) {
    let permits = Permits::new(fault, 2);
    assert!(permits.take(1, false));
    let writer = {
        let permits = permits.clone();
        thread::spawn(move || {
            if permits.take(2, true) {
                permits.work();
                permits.give(2);
            }
        })
    };
    let reader = {
        let permits = permits.clone();
        thread::spawn(move || {
            assert!(permits.take(1, false));
            permits.give(1);
        })
    };
    // The other reader need not wait for this one, if the writer has gone.
    reader.join().unwrap();
    permits.give(1);
    writer.join().unwrap();
    assert_eq!(permits.word.load(Relaxed), 2 * ONE, "not as it was");
}

#[test]
fn one_inside() {
    check(Some(3), || lock(Fault::None));
}

#[test]
fn those_behind_one_that_leaves() {
    check(Some(3), || writer(Fault::None));
}

/// A permit came back between the two steps, and nobody was told.
#[test]
fn the_bit_set_apart_from_the_look() {
    check_fails(LOST, Some(3), || lock(Fault::SetsApart));
}

#[test]
fn given_past_the_waiters() {
    check_fails(LOST, Some(3), || lock(Fault::GivesPastWaiters));
}

/// Who comes later is quicker than the one that is first.
#[test]
fn taken_past_the_waiters() {
    check_fails("quicker", None, || barging(Fault::TakesPastWaiters));
}

#[test]
fn nobody_is_quicker_than_the_first() {
    check(Some(3), || barging(Fault::None));
}

/// While a writer waits for two, a third cannot take the one that is free.
fn barging(fault: Fault) {
    let permits = Permits::new(fault, 2);
    assert!(permits.take(1, false));
    let writer = {
        let permits = permits.clone();
        thread::spawn(move || assert!(permits.take(2, false)))
    };
    thread::yield_now();
    let waits = permits.word.load(Acquire) & WAITERS != 0;
    let barged = permits.change(|word| {
        let passes = fault == Fault::TakesPastWaiters;
        if word & WAITERS == 0 || passes { taken(word, 1) } else { None }
    });
    assert!(!waits || barged.is_err(), "somebody was quicker than the first");
    permits.give(1 + usize::from(barged.is_ok()));
    writer.join().unwrap();
}

#[test]
fn permits_without_acquire_and_release() {
    check_fails(RACE, Some(3), || lock(Fault::Relaxed));
}

/// The reader waits for a writer that has left.
#[test]
fn left_without_looking_behind() {
    check_fails(LOST, Some(3), || writer(Fault::LeavesQuietly));
}

#[test]
fn the_bit_kept() {
    check_fails("not as it was", Some(3), || lock(Fault::KeepsTheBit));
}
