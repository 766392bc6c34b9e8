//! Locks, semaphores, conditions: never more inside than may be, and free in the end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use corro::sync::{Condvar, Mutex, OnceCell, RwLock, Semaphore};
use corro::yield_now;
use fastrand::Rng;

use super::{Account, Case, Role, stress};
use crate::support::{ms, on_drop};

/// How many are inside, and how often somebody was.
#[derive(Default)]
struct Inside {
    now: AtomicUsize,
    ever: AtomicUsize,
}

impl Inside {
    /// Is inside for a while, in which it may be cancelled; `most` may be.
    fn stay(&self, count: usize, most: usize, random: &mut Rng) {
        let now = self.now.fetch_add(count, SeqCst) + count;
        let _out = on_drop(|| {
            self.now.fetch_sub(count, SeqCst);
        });
        assert!(now <= most, "{now} are inside, and {most} may be");
        self.ever.fetch_add(1, SeqCst);
        (0..random.u8(..3)).for_each(|_| yield_now());
    }

    fn check(&self) {
        assert_eq!(self.now.load(SeqCst), 0);
        assert!(self.ever.load(SeqCst) > 0, "nothing was done");
    }
}

#[derive(Default)]
struct Locked {
    inside: Inside,
    mutex: Mutex<(u64, u64)>,
}

impl Case for Locked {
    fn act(&self, _role: Role, random: &mut Rng) {
        let guard = match random.u8(..8) {
            0 => self.mutex.try_lock(),
            1 => self.mutex.lock_timeout(ms(1) / 20),
            _ => Some(self.mutex.lock()),
        };
        if let Some(mut guard) = guard {
            // Without a wait in between, so that a cancellation leaves both or none.
            guard.0 += 1;
            self.inside.stay(1, 1, random);
            guard.1 += 1;
        }
    }

    fn finish(&self) {}

    fn check(&self) {
        self.inside.check();
        let both = self.mutex.try_lock().expect("the lock was not given back");
        assert_eq!(both.0 as usize, self.inside.ever.load(SeqCst), "two were inside at once");
        assert!(both.1 <= both.0);
    }
}

#[test]
fn c2_cancelled_locks_are_passed_on() {
    stress(Locked::default);
}

struct Permits {
    inside: Inside,
    semaphore: Semaphore,
}

impl Case for Permits {
    fn act(&self, _role: Role, random: &mut Rng) {
        let permit = match random.u8(..8) {
            0 => self.semaphore.try_acquire(),
            1 => self.semaphore.acquire_timeout(ms(1) / 20),
            _ => Some(self.semaphore.acquire_many(random.usize(1..4))),
        };
        if let Some(permit) = permit {
            self.inside.stay(permit.count(), 4, random);
        }
    }

    fn finish(&self) {}

    fn check(&self) {
        self.inside.check();
        assert_eq!(self.semaphore.available(), 4, "permits were lost or doubled");
    }
}

#[test]
fn c2_cancelled_permits_are_passed_on() {
    stress(|| Permits { inside: Inside::default(), semaphore: Semaphore::bounded(4) });
}

#[derive(Default)]
struct ReadWrite {
    readers: Inside,
    writers: Inside,
    lock: RwLock<(u64, u64)>,
}

impl Case for ReadWrite {
    fn act(&self, _role: Role, random: &mut Rng) {
        if random.u8(..4) == 0 {
            let mut both = self.lock.write();
            assert_eq!((self.readers.now.load(SeqCst), both.0), (0, both.1));
            both.0 += 1;
            // Also if it is cancelled inside.
            let _both = on_drop(move || both.1 = both.0);
            self.writers.stay(1, 1, random);
        } else {
            let both = self.lock.read();
            assert_eq!((self.writers.now.load(SeqCst), both.0), (0, both.1));
            self.readers.stay(1, usize::MAX, random);
        }
    }

    fn finish(&self) {}

    fn check(&self) {
        self.readers.check();
        self.writers.check();
        let both = self.lock.try_write().expect("the lock was not given back");
        assert_eq!(both.0 as usize, self.writers.ever.load(SeqCst));
    }
}

#[test]
fn c2_cancelled_readers_and_writers_are_passed_on() {
    stress(ReadWrite::default);
}

/// A bounded buffer, as in the textbooks. A notification that is lost leaves somebody waiting for what is there.
#[derive(Default)]
struct Buffer {
    account: Account,
    items: Mutex<Vec<usize>>,
    not_full: Condvar,
    not_empty: Condvar,
    over: AtomicBool,
}

impl Buffer {
    const CAPACITY: usize = 2;

    fn is_over(&self) -> bool {
        self.over.load(SeqCst)
    }
}

impl Case for Buffer {
    fn act(&self, role: Role, random: &mut Rng) {
        if role == Role::Give {
            let wait = |items: &mut Vec<usize>| items.len() == Buffer::CAPACITY && !self.is_over();
            let mut items = self.not_full.wait_while(self.items.lock(), wait);
            if items.len() < Buffer::CAPACITY {
                let number = self.account.number();
                items.push(number);
                self.account.given.add(number);
                drop(items);
                self.not_empty.notify_one();
            }
        } else if random.u8(..8) == 0 {
            let wait = |items: &mut Vec<usize>| items.is_empty() && !self.is_over();
            let (mut items, _late) = self.not_empty.wait_timeout_while(self.items.lock(), ms(1) / 20, wait);
            self.take(items.pop());
        } else {
            let wait = |items: &mut Vec<usize>| items.is_empty() && !self.is_over();
            let mut items = self.not_empty.wait_while(self.items.lock(), wait);
            let item = items.pop();
            drop(items);
            self.take(item);
        }
    }

    fn finish(&self) {
        let mut items = self.items.lock();
        self.over.store(true, SeqCst);
        for item in items.drain(..) {
            self.account.taken.add(item);
        }
        self.not_full.notify_all();
        self.not_empty.notify_all();
    }

    fn check(&self) {
        let mut items = self.items.try_lock().expect("the lock was not given back");
        items.drain(..).for_each(|item| self.account.taken.add(item));
        self.account.balance();
    }
}

impl Buffer {
    fn take(&self, item: Option<usize>) {
        if let Some(item) = item {
            self.account.taken.add(item);
            self.not_full.notify_one();
        }
    }
}

#[test]
fn c2_c6_cancelled_waits_on_conditions_pass_the_notification_on() {
    stress(Buffer::default);
}

/// Cells one after another: each is made once, however often its maker is cancelled.
struct Cells {
    cells: Vec<OnceCell<usize>>,
    now: AtomicUsize,
    made: AtomicUsize,
}

impl Case for Cells {
    fn act(&self, _role: Role, random: &mut Rng) {
        let index = self.now.load(SeqCst) % self.cells.len();
        let value = self.cells[index].get_or_init(|| {
            (0..random.u8(..4)).for_each(|_| yield_now());
            self.made.fetch_add(1, SeqCst);
            index
        });
        assert_eq!(*value, index);
        if random.u8(..4) == 0 {
            let _another_was_quicker = self.now.compare_exchange(index, (index + 1) % self.cells.len(), SeqCst, SeqCst);
        }
        yield_now();
    }

    fn finish(&self) {}

    fn check(&self) {
        let made = self.cells.iter().filter(|cell| cell.get().is_some()).count();
        assert_eq!(made, self.made.load(SeqCst), "a value was made twice, or is not there");
        assert!(made > 0);
    }
}

#[test]
fn c2_a_cancelled_maker_of_a_cell_is_followed_by_another() {
    let cells = || (0..20_000).map(|_| OnceCell::new()).collect();
    stress(|| Cells { cells: cells(), now: AtomicUsize::new(0), made: AtomicUsize::new(0) });
}
