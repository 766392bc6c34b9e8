//! The wait queue: places on the waiters' stacks, linked under a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool as Flag, Ordering::SeqCst};

use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, Ordering::*};
use loom::thread;

use crate::{Bell, LOST, RACE, check, check_fails};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// `pop` clears `queued` before it takes the waker.
    ClearsFirst,
    /// `Leave` does not look at `queued` once more under the lock.
    LeavesWithoutSecondLook,
    /// `ready` is asked before the lock is taken.
    AsksOutside,
}

/// The list, by the numbers of its places.
struct Queue {
    fault: Fault,
    list: Mutex<Vec<usize>>,
    places: Vec<Place>,
    /// What is waited for.
    ready: AtomicBool,
}

struct Place {
    bell: Bell,
    /// The waker and the links.
    waker: UnsafeCell<Option<Bell>>,
    queued: AtomicBool,
    /// The frame is gone.
    gone: Flag,
}

// SAFETY: the model is what checks this.
unsafe impl Send for Place {}
// SAFETY: as above.
unsafe impl Sync for Place {}

impl Place {
    fn new() -> Place {
        let bell = Bell::new();
        let waker = UnsafeCell::new(Some(bell.clone()));
        Place { bell, waker, queued: AtomicBool::new(true), gone: Flag::new(false) }
    }

    fn take_waker(&self) -> Option<Bell> {
        assert!(!self.gone.load(SeqCst), "a place was used after its frame was gone");
        // SAFETY: loom sees to it that nobody else is there.
        self.waker.with_mut(|waker| unsafe { (*waker).take() })
    }
}

impl Queue {
    fn new(fault: Fault, places: usize) -> Arc<Queue> {
        let places = (0..places).map(|_| Place::new()).collect();
        Arc::new(Queue { fault, list: Mutex::new(Vec::new()), places, ready: AtomicBool::new(false) })
    }

    /// `WaitQueue::wait_until`. `over` is asked at each wake, so once at least.
    fn wait_until(&self, place: usize, over: impl Fn() -> bool) -> bool {
        let here = &self.places[place];
        let outside = self.fault == Fault::AsksOutside && self.ready.load(Relaxed);
        let queued = {
            let mut list = self.list.lock().unwrap();
            let ready = if self.fault == Fault::AsksOutside { outside } else { self.ready.load(Relaxed) };
            if !ready {
                list.push(place);
            }
            !ready
        };
        let mut woken = true;
        while queued && here.queued.load(Acquire) {
            if over() {
                woken = false;
                break;
            }
            here.bell.wait();
        }
        self.leave(place, queued);
        // The frame goes.
        here.take_waker();
        here.gone.store(true, SeqCst);
        woken
    }

    /// `<Leave as Drop>::drop`; without a place in the queue there is no guard.
    fn leave(&self, place: usize, queued: bool) {
        let here = &self.places[place];
        if queued && here.queued.load(Acquire) {
            let mut list = self.list.lock().unwrap();
            if self.fault == Fault::LeavesWithoutSecondLook || here.queued.load(Relaxed) {
                self.remove(&mut list, place);
            }
        }
    }

    /// `List::remove`.
    fn remove(&self, list: &mut Vec<usize>, place: usize) {
        let found = list.iter().position(|&other| other == place).expect("a place was taken out twice");
        list.remove(found);
        self.places[place].queued.store(false, Release);
    }

    /// `List::pop`.
    fn pop(&self, list: &mut Vec<usize>) -> Option<Bell> {
        let place = *list.first()?;
        if self.fault == Fault::ClearsFirst {
            self.remove(list, place);
            return self.places[place].take_waker();
        }
        let waker = self.places[place].take_waker();
        self.remove(list, place);
        waker
    }

    /// `WaitQueue::wake_all_with`, where `before` makes ready.
    fn wake_all(&self) {
        let mut woken = Vec::new();
        {
            let mut list = self.list.lock().unwrap();
            self.ready.store(true, Relaxed);
            while let Some(waker) = self.pop(&mut list) {
                woken.push(waker);
            }
        }
        woken.iter().for_each(Bell::ring);
    }
}

/// One waits, one gives up at once, a third makes ready.
fn wait(fault: Fault) {
    let queue = Queue::new(fault, 2);
    let leaver = {
        let queue = queue.clone();
        thread::spawn(move || {
            queue.wait_until(1, || true);
        })
    };
    let waker = {
        let queue = queue.clone();
        thread::spawn(move || queue.wake_all())
    };
    assert!(queue.wait_until(0, || false));
    leaver.join().unwrap();
    waker.join().unwrap();
    assert!(queue.list.lock().unwrap().is_empty());
}

#[test]
fn woken_or_gone() {
    check(Some(3), || wait(Fault::None));
}

/// The waiter goes, and its waker is looked for in a frame that is gone.
#[test]
fn queued_cleared_too_early() {
    check_fails(RACE, Some(3), || wait(Fault::ClearsFirst));
}

/// The place was taken out while its waiter waited for the lock.
#[test]
fn left_without_a_second_look() {
    check_fails("taken out twice", Some(3), || wait(Fault::LeavesWithoutSecondLook));
}

/// All were woken between the question and the wait.
#[test]
fn ready_asked_outside_of_the_lock() {
    check_fails(LOST, Some(3), || wait(Fault::AsksOutside));
}
