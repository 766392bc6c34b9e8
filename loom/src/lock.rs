//! The short lock: a flag that is taken by an exchange and let go by a store.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, Ordering::*};
use loom::thread;

use crate::{RACE, check, check_fails};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// `try_acquire` does not acquire.
    AcquireRelaxed,
    /// `release` does not release.
    ReleaseRelaxed,
    /// `acquire` looks and then stores.
    LooksAndStores,
}

struct Guarded {
    fault: Fault,
    lock: AtomicBool,
    value: UnsafeCell<u32>,
}

// SAFETY: the model is what checks this.
unsafe impl Send for Guarded {}
// SAFETY: as above.
unsafe impl Sync for Guarded {}

impl Guarded {
    /// `Lock::try_acquire`.
    fn try_acquire(&self) -> bool {
        match self.fault {
            Fault::LooksAndStores => {
                let free = !self.lock.load(Acquire);
                if free {
                    self.lock.swap(true, Acquire);
                }
                free
            }
            Fault::AcquireRelaxed => self.lock.compare_exchange(false, true, Relaxed, Relaxed).is_ok(),
            _ => self.lock.compare_exchange(false, true, Acquire, Relaxed).is_ok(),
        }
    }

    /// `Lock::release`.
    fn release(&self) {
        self.lock.store(false, if self.fault == Fault::ReleaseRelaxed { Relaxed } else { Release });
    }

    fn add(&self) {
        while !self.try_acquire() {
            thread::yield_now();
        }
        // SAFETY: loom sees to it that nobody else is there.
        self.value.with_mut(|value| unsafe { *value += 1 });
        self.release();
    }
}

fn two_add(fault: Fault) {
    let guarded = Arc::new(Guarded { fault, lock: AtomicBool::new(false), value: UnsafeCell::new(0) });
    let other = {
        let guarded = guarded.clone();
        thread::spawn(move || guarded.add())
    };
    guarded.add();
    other.join().unwrap();
    // SAFETY: the other has ended.
    assert_eq!(guarded.value.with(|value| unsafe { *value }), 2);
}

#[test]
fn one_at_a_time() {
    check(None, || two_add(Fault::None));
}

#[test]
fn taken_without_acquire() {
    check_fails(RACE, None, || two_add(Fault::AcquireRelaxed));
}

#[test]
fn let_go_without_release() {
    check_fails(RACE, None, || two_add(Fault::ReleaseRelaxed));
}

#[test]
fn looked_at_and_then_taken() {
    check_fails(RACE, None, || two_add(Fault::LooksAndStores));
}
