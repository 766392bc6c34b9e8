//! `block_on`'s own wake: a flag, and whom to wake.

use std::sync::Arc;

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, Ordering::*};
use loom::thread;

use crate::{Bell, LOST, check, check_fails};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// `wait` parks without a second look at the flag.
    ParksWithoutSecondLook,
    /// `wake` takes the waiter before it sets the flag.
    TakesFirst,
    /// `wake` sets the flag without releasing, and `wait` takes it without acquiring.
    Relaxed,
}

struct Woken {
    fault: Fault,
    is_set: AtomicBool,
    waiter: Mutex<Option<Bell>>,
}

impl Woken {
    fn take_set(&self) -> bool {
        let order = if self.fault == Fault::Relaxed { Relaxed } else { Acquire };
        self.is_set.swap(false, order)
    }

    /// `Woken::wait`, without its cancellation points.
    fn wait(&self, bell: &Bell) {
        while !self.take_set() {
            *self.waiter.lock().unwrap() = Some(bell.clone());
            if self.fault == Fault::ParksWithoutSecondLook || !self.is_set.load(Relaxed) {
                bell.wait();
            }
        }
    }

    fn set(&self) {
        // A store in the source; `wait` swaps.
        self.is_set.swap(true, if self.fault == Fault::Relaxed { Relaxed } else { Release });
    }

    /// `Woken::wake_by_ref`.
    fn wake(&self) {
        if self.fault != Fault::TakesFirst {
            self.set();
        }
        let waiter = self.waiter.lock().unwrap().take();
        if self.fault == Fault::TakesFirst {
            self.set();
        }
        if let Some(waiter) = waiter {
            waiter.ring();
        }
    }
}

/// The future is ready when both threads have done their part and woken it.
fn block_on(fault: Fault) {
    let woken = Arc::new(Woken { fault, is_set: AtomicBool::new(false), waiter: Mutex::new(None) });
    let did: Arc<[AtomicBool; 2]> = Arc::default();
    let threads = [0, 1].map(|part| {
        let (woken, did) = (woken.clone(), did.clone());
        thread::spawn(move || {
            did[part].store(true, Relaxed);
            woken.wake();
        })
    });
    let bell = Bell::new();
    while !did.iter().all(|did| did.load(Relaxed)) {
        woken.wait(&bell);
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn polled_after_each_wake() {
    check(Some(3), || block_on(Fault::None));
}

/// The flag was set before there was a waiter.
#[test]
fn parked_without_a_second_look() {
    check_fails(LOST, Some(3), || block_on(Fault::ParksWithoutSecondLook));
}

/// There was no waiter yet, and then no flag.
#[test]
fn the_waiter_taken_first() {
    check_fails(LOST, Some(3), || block_on(Fault::TakesFirst));
}

/// The poll does not see what the wake was for.
#[test]
fn a_relaxed_flag() {
    check_fails(LOST, Some(3), || block_on(Fault::Relaxed));
}
