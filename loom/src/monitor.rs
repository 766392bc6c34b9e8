//! The monitor: places on stacks, linked under a lock, whose waiters are chosen, look for a while, or give up.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicU8, Ordering::*};
use loom::thread;

use crate::{Bell, LOST, RACE, check, check_fails};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// `choose` marks the place as OUT before it writes the slot.
    MarksFirst,
    /// `release_remote` marks the place as OUT before it counts the waiter's header.
    CountsAfter,
    /// `release_remote` marks the place as OUT without releasing.
    MarksRelaxed,
    /// `is_queued` does not acquire.
    LooksRelaxed,
    /// `take_out` does not look once more under the lock.
    LeavesWithoutSecondLook,
    /// `spin` goes to park without making the place PARKED.
    SpinsAndParks,
    /// `spin` stores PARKED, where it should exchange.
    StoresParked,
    /// A waiter that was chosen and is cancelled keeps what it got.
    KeepsItsTurn,
}

const OUT: u8 = 0;
const PARKED: u8 = 1;
const SPINNING: u8 = 2;

struct Monitor {
    fault: Fault,
    inner: Mutex<Inner>,
    places: Vec<Place>,
}

/// The list, by the numbers of its places, and what nobody waited for.
struct Inner {
    list: Vec<usize>,
    value: Option<u32>,
}

struct Place {
    /// The waiter's header.
    bell: Bell,
    slot: UnsafeCell<Option<u32>>,
    state: AtomicU8,
    /// The frame is gone.
    gone: AtomicBool,
}

// SAFETY: the model is what checks this.
unsafe impl Send for Place {}
// SAFETY: as above.
unsafe impl Sync for Place {}

impl Place {
    fn new() -> Place {
        Place {
            bell: Bell::new(),
            slot: UnsafeCell::new(None),
            state: AtomicU8::new(OUT),
            gone: AtomicBool::new(false),
        }
    }

    fn is_there(&self) {
        assert!(!self.gone.load(Relaxed), "a place was used after its frame was gone");
    }

    fn with_slot<R>(&self, f: impl FnOnce(&mut Option<u32>) -> R) -> R {
        self.is_there();
        // SAFETY: loom sees to it that nobody else is there.
        self.slot.with_mut(|slot| f(unsafe { &mut *slot }))
    }

    /// The counted reference to the waiter's header.
    fn counted(&self) -> Bell {
        self.is_there();
        self.bell.clone()
    }
}

impl Monitor {
    fn new(fault: Fault, places: usize) -> Arc<Monitor> {
        let inner = Mutex::new(Inner { list: Vec::new(), value: None });
        Arc::new(Monitor { fault, inner, places: (0..places).map(|_| Place::new()).collect() })
    }

    /// `Place::is_queued`.
    fn is_queued(&self, place: usize) -> bool {
        let order = if self.fault == Fault::LooksRelaxed { Relaxed } else { Acquire };
        self.places[place].state.load(order) != OUT
    }

    fn mark_out(&self, place: usize) {
        // A store in the source.
        self.places[place].state.swap(OUT, if self.fault == Fault::MarksRelaxed { Relaxed } else { Release });
    }

    /// `Locked::choose`, whose `f` puts a value into the slot, and the wake after the lock is released.
    fn give(&self, value: u32) {
        let woken = {
            let mut inner = self.inner.lock().unwrap();
            if inner.list.is_empty() {
                assert_eq!(inner.value.replace(value), None);
                return;
            }
            let place = inner.list.remove(0);
            if self.fault == Fault::MarksFirst {
                let woken = self.release(place);
                self.places[place].with_slot(|slot| *slot = Some(value));
                woken
            } else {
                self.places[place].with_slot(|slot| *slot = Some(value));
                self.release(place)
            }
        };
        if let Some(woken) = woken {
            woken.ring();
        }
    }

    /// `Woken::release_remote`.
    fn release(&self, place: usize) -> Option<Bell> {
        let here = &self.places[place];
        let order = if self.fault == Fault::MarksRelaxed { Relaxed } else { Release };
        if here.state.load(Relaxed) == SPINNING && here.state.compare_exchange(SPINNING, OUT, order, Relaxed).is_ok() {
            return None;
        }
        if self.fault == Fault::CountsAfter {
            self.mark_out(place);
            // loom does not try by itself to interrupt here.
            thread::yield_now();
            return Some(here.counted());
        }
        let counted = here.counted();
        self.mark_out(place);
        Some(counted)
    }

    /// `Monitor::perform`, without a limit; `spins` as `may_spin` says. It gives up at its first look if `gives_up`, and is
    /// cancelled as well if it was chosen by then.
    fn take(&self, place: usize, spins: bool, gives_up: bool) -> Option<u32> {
        let value = self.enter(place, spins).or_else(|| self.wait(place, spins, gives_up));
        match value {
            Some(value) if gives_up && self.fault != Fault::KeepsItsTurn => {
                self.give(value);
                None
            }
            other => other,
        }
    }

    /// What is there, or a place in the list.
    fn enter(&self, place: usize, spins: bool) -> Option<u32> {
        let mut inner = self.inner.lock().unwrap();
        let value = inner.value.take();
        if value.is_none() {
            self.places[place].state.swap(if spins { SPINNING } else { PARKED }, Relaxed);
            inner.list.push(place);
        }
        value
    }

    fn wait(&self, place: usize, spins: bool, gives_up: bool) -> Option<u32> {
        let chosen = (spins && self.spin(place)) || self.await_choice(place, gives_up) || !self.take_out(place);
        let value = self.places[place].with_slot(Option::take);
        // The frame goes.
        self.places[place].gone.store(true, Relaxed);
        assert_eq!(chosen, value.is_some(), "chosen and got nothing, or the other way round");
        value
    }

    /// `Place::spin`, with one look.
    fn spin(&self, place: usize) -> bool {
        let state = &self.places[place].state;
        if !self.is_queued(place) {
            return true;
        }
        match self.fault {
            Fault::SpinsAndParks => false,
            Fault::StoresParked => {
                state.swap(PARKED, Relaxed);
                false
            }
            Fault::LooksRelaxed => state.compare_exchange(SPINNING, PARKED, Relaxed, Relaxed).is_err(),
            _ => state.compare_exchange(SPINNING, PARKED, Relaxed, Acquire).is_err(),
        }
    }

    /// `await_choice`.
    fn await_choice(&self, place: usize, gives_up: bool) -> bool {
        while self.is_queued(place) {
            if gives_up {
                return false;
            }
            self.places[place].bell.wait();
        }
        true
    }

    /// `Monitor::take_out`.
    fn take_out(&self, place: usize) -> bool {
        if !self.is_queued(place) {
            return false;
        }
        let mut inner = self.inner.lock().unwrap();
        let queued = self.places[place].state.load(Relaxed) != OUT;
        if queued || self.fault == Fault::LeavesWithoutSecondLook {
            let at = inner.list.iter().position(|&other| other == place).expect("a place was taken out twice");
            inner.list.remove(at);
            self.mark_out(place);
        }
        queued
    }
}

/// One waits, one gives up or is cancelled, a third gives one value: it comes to the first.
fn one_value(fault: Fault, spins: bool) {
    let monitor = Monitor::new(fault, 2);
    let leaver = {
        let monitor = monitor.clone();
        thread::spawn(move || monitor.take(1, false, true))
    };
    let giver = {
        let monitor = monitor.clone();
        thread::spawn(move || monitor.give(7))
    };
    assert_eq!(monitor.take(0, spins, false), Some(7));
    assert_eq!(leaver.join().unwrap(), None);
    giver.join().unwrap();
    let inner = monitor.inner.lock().unwrap();
    assert!(inner.list.is_empty() && inner.value.is_none());
}

/// One gives and one takes.
fn hand_over(fault: Fault, spins: bool) {
    let monitor = Monitor::new(fault, 2);
    let giver = {
        let monitor = monitor.clone();
        thread::spawn(move || monitor.give(7))
    };
    assert_eq!(monitor.take(0, spins, false), Some(7));
    giver.join().unwrap();
}

#[test]
fn chosen_or_gone() {
    check(Some(3), || one_value(Fault::None, false));
}

#[test]
fn chosen_while_it_looks() {
    check(Some(3), || one_value(Fault::None, true));
    check(None, || hand_over(Fault::None, true));
}

/// The waiter goes on and finds nothing, or reads while it is written.
#[test]
fn marked_before_the_slot_is_written() {
    check_fails(RACE, Some(3), || hand_over(Fault::MarksFirst, false));
}

/// The waiter goes, and its header is looked for in a frame that is gone.
#[test]
fn counted_after_it_was_let_go() {
    check_fails("frame was gone", None, || hand_over(Fault::CountsAfter, false));
}

#[test]
fn marked_without_release() {
    check_fails(RACE, None, || hand_over(Fault::MarksRelaxed, false));
    check_fails(RACE, None, || hand_over(Fault::MarksRelaxed, true));
}

#[test]
fn looked_at_without_acquire() {
    check_fails(RACE, None, || hand_over(Fault::LooksRelaxed, true));
}

/// The place was taken out while its waiter waited for the lock.
#[test]
fn left_without_a_second_look() {
    check_fails("taken out twice", Some(3), || one_value(Fault::LeavesWithoutSecondLook, false));
}

/// Who chooses it believes that it looks.
#[test]
fn parked_as_if_it_looked() {
    check_fails(LOST, None, || hand_over(Fault::SpinsAndParks, true));
}

/// It was chosen between the look and the store, and waits for what has come.
#[test]
fn parked_although_it_was_chosen() {
    check_fails(LOST, None, || hand_over(Fault::StoresParked, true));
}

#[test]
fn a_turn_that_is_not_passed_on() {
    check_fails(LOST, Some(3), || one_value(Fault::KeepsItsTurn, false));
}
