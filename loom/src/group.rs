//! The end of a scope: it waits until none of its children is left.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering::*};
use loom::thread;

use crate::{Bell, LOST, RACE, check, check_fails};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// `wait` parks without a second look at the count.
    ParksWithoutSecondLook,
    /// A child that ends releases nothing.
    EndsRelaxed,
}

struct Group {
    fault: Fault,
    live: AtomicUsize,
    waiter: Mutex<Option<Bell>>,
    /// What the children borrow from the scope.
    borrowed: [UnsafeCell<u32>; 2],
}

// SAFETY: the model is what checks this.
unsafe impl Send for Group {}
// SAFETY: as above.
unsafe impl Sync for Group {}

impl Group {
    /// `Group::child_ended`.
    fn child_ended(&self) {
        let order = if self.fault == Fault::EndsRelaxed { Relaxed } else { AcqRel };
        if self.live.fetch_sub(1, order) == 1 {
            let waiter = self.waiter.lock().unwrap().take();
            if let Some(waiter) = waiter {
                waiter.ring();
            }
        }
    }

    /// `Group::wait`.
    fn wait(&self, bell: &Bell) {
        while self.live.load(Acquire) > 0 {
            *self.waiter.lock().unwrap() = Some(bell.clone());
            if self.fault != Fault::ParksWithoutSecondLook && self.live.load(Acquire) == 0 {
                break;
            }
            bell.wait();
        }
        *self.waiter.lock().unwrap() = None;
    }
}

/// Two children write to what they borrow; the scope reads it when they have ended.
fn scope(fault: Fault) {
    let borrowed = [UnsafeCell::new(0), UnsafeCell::new(0)];
    let group = Arc::new(Group { fault, live: AtomicUsize::new(2), waiter: Mutex::new(None), borrowed });
    let threads = [0, 1].map(|child| {
        let group = group.clone();
        thread::spawn(move || {
            // SAFETY: loom sees to it that nobody else is there.
            group.borrowed[child].with_mut(|place| unsafe { *place = 1 });
            group.child_ended();
        })
    });
    group.wait(&Bell::new());
    // SAFETY: as above.
    let sum: u32 = group.borrowed.iter().map(|place| place.with(|place| unsafe { *place })).sum();
    assert_eq!(sum, 2);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn all_children_have_ended() {
    check(Some(3), || scope(Fault::None));
}

/// The last child ended before there was a waiter.
#[test]
fn parked_without_a_second_look() {
    check_fails(LOST, Some(3), || scope(Fault::ParksWithoutSecondLook));
}

/// The scope goes on while a child's writes are on their way.
#[test]
fn ended_without_release() {
    check_fails(RACE, Some(3), || scope(Fault::EndsRelaxed));
}
