//! The inbox of a home, the flag `sleeping`, the `notice`, and the bit NOTIFIED.

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*, fence};
use loom::thread;

use crate::{Bell, LOST, check, check_fails};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// `ring` has no fence between the push and the look at `sleeping`.
    RingWithoutFence,
    /// `begin_sleep` has no fence between `sleeping` and the look at the inbox.
    SleepWithoutFence,
    /// `begin_sleep` looks at the inbox before it sets `sleeping`.
    LooksFirst,
    /// A waker that finds NOTIFIED set leaves without a store.
    LeavesAtNotified,
    /// `take_inbox` clears NOTIFIED without acquiring.
    ClearsRelaxed,
    /// `take_inbox` clears NOTIFIED before it reads the link.
    ClearsFirst,
    /// A thread's wake does not release, and its park does not acquire.
    RelaxedThread,
    /// The notice is given and taken back without release and acquire.
    RelaxedNotice,
    /// A thread that sleeps in its driver does not look whether it was woken.
    SleepsUnasked,
    /// A wake of a thread that sleeps in its driver does not notify the driver.
    UnparksOnly,
}

const DONE: usize = 1;
const NOTIFIED: usize = 1 << 2;
const REFERENCE: usize = 1 << 8;

struct Header {
    state: AtomicUsize,
    /// The task that was put in before, counted from 1; 0 is null.
    inbox_next: AtomicUsize,
}

struct Home {
    fault: Fault,
    tasks: Vec<Header>,
    /// The newest task, counted from 1.
    inbox: AtomicUsize,
    sleeping: AtomicBool,
    notice: AtomicBool,
    bell: Bell,
}

impl Home {
    fn new(fault: Fault, tasks: usize) -> Arc<Home> {
        let header = |_| Header { state: AtomicUsize::new(2 * REFERENCE), inbox_next: AtomicUsize::new(0) };
        Arc::new(Home {
            fault,
            tasks: (0..tasks).map(header).collect(),
            inbox: AtomicUsize::new(0),
            sleeping: AtomicBool::new(false),
            notice: AtomicBool::new(false),
            bell: Bell::new(),
        })
    }

    /// `wake_remote` with its `notify`, for a task that has a home.
    fn wake_remote(&self, task: usize) {
        let header = &self.tasks[task];
        let mut state = header.state.load(Relaxed);
        loop {
            if state & (NOTIFIED | DONE) != 0 {
                if self.fault == Fault::LeavesAtNotified {
                    return;
                }
                if state & DONE != 0 || header.state.compare_exchange(state, state, AcqRel, Relaxed).is_ok() {
                    return;
                }
                state = header.state.load(Relaxed);
                continue;
            }
            match header.state.compare_exchange_weak(state, (state | NOTIFIED) + REFERENCE, AcqRel, Relaxed) {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        self.push(task);
    }

    /// `Home::has_mail`.
    fn has_mail(&self) -> bool {
        self.inbox.load(Relaxed) != 0
    }

    /// `Home::push`.
    fn push(&self, task: usize) {
        let mut first = self.inbox.load(Relaxed);
        loop {
            self.tasks[task].inbox_next.store(first, Relaxed);
            match self.inbox.compare_exchange_weak(first, task + 1, Release, Relaxed) {
                Ok(_) => break,
                Err(now) => first = now,
            }
        }
        self.ring();
    }

    /// `Home::take_inbox`, and the drop of each reference.
    fn take_inbox(&self, mut each: impl FnMut(usize)) {
        let mut newest = self.inbox.swap(0, Acquire);
        let mut oldest = 0;
        while newest != 0 {
            let next = self.tasks[newest - 1].inbox_next.swap(oldest, Relaxed);
            oldest = newest;
            newest = next;
        }
        while oldest != 0 {
            let task = oldest - 1;
            let header = &self.tasks[task];
            match self.fault {
                Fault::ClearsFirst => {
                    header.state.fetch_and(!NOTIFIED, AcqRel);
                    oldest = header.inbox_next.load(Relaxed);
                }
                Fault::ClearsRelaxed => {
                    oldest = header.inbox_next.load(Relaxed);
                    header.state.fetch_and(!NOTIFIED, Relaxed);
                }
                _ => {
                    oldest = header.inbox_next.load(Relaxed);
                    header.state.fetch_and(!NOTIFIED, AcqRel);
                }
            }
            each(task);
            let before = if self.fault == Fault::ClearsRelaxed {
                header.state.fetch_sub(REFERENCE, Relaxed)
            } else {
                header.state.fetch_sub(REFERENCE, AcqRel)
            };
            assert!(before >= 3 * REFERENCE, "a reference was lost");
        }
    }

    /// `Home::notify`.
    fn notify(&self) {
        let order = if self.fault == Fault::RelaxedNotice { Relaxed } else { Release };
        self.notice.swap(true, order);
        self.ring();
    }

    /// `Home::ring`.
    fn ring(&self) {
        if self.fault != Fault::RingWithoutFence {
            fence(SeqCst);
        }
        if self.sleeping.load(Relaxed) && self.sleeping.swap(false, Relaxed) {
            self.bell.ring();
        }
    }

    /// `Home::begin_sleep`.
    fn begin_sleep(&self) -> bool {
        let early = self.has_mail() || self.notice.load(Relaxed);
        self.sleeping.swap(true, Relaxed);
        if self.fault != Fault::SleepWithoutFence {
            fence(SeqCst);
        }
        let late = self.has_mail() || self.notice.load(Relaxed);
        let calm = if self.fault == Fault::LooksFirst { !early } else { !late };
        if !calm {
            self.end_sleep();
        }
        calm
    }

    /// `Home::end_sleep`.
    fn end_sleep(&self) {
        self.sleeping.swap(false, Relaxed);
        if self.fault == Fault::RelaxedNotice {
            self.notice.swap(false, Relaxed);
        } else if self.notice.load(Relaxed) {
            self.notice.swap(false, Acquire);
        }
    }

    /// The worker's loop, until `over` says so after it has taken the inbox.
    fn serve(&self, mut each: impl FnMut(usize), over: impl Fn() -> bool) {
        loop {
            if self.has_mail() {
                self.take_inbox(&mut each);
            }
            if over() {
                return;
            }
            if self.begin_sleep() {
                self.bell.wait();
                self.end_sleep();
            }
        }
    }
}

/// Two threads do something and wake the same task. When it runs last, it sees what both did.
fn two_wake_one(fault: Fault) {
    let home = Home::new(fault, 1);
    let did: Arc<[AtomicBool; 2]> = Arc::default();
    let threads = [0, 1].map(|waker| {
        let (home, did) = (home.clone(), did.clone());
        thread::spawn(move || {
            did[waker].store(true, Relaxed);
            home.wake_remote(0);
        })
    });
    let seen = std::cell::Cell::new(0);
    let see = |_| seen.set(did.iter().filter(|did| did.load(Relaxed)).count());
    home.serve(see, || seen.get() == 2);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Two threads do something and wake a plain thread: `wake_remote` for one, and `park_thread`.
fn two_wake_thread(fault: Fault) {
    let (release, acquire) = if fault == Fault::RelaxedThread { (Relaxed, Relaxed) } else { (Release, Acquire) };
    let state = Arc::new(AtomicUsize::new(0));
    let bell = Bell::new();
    let did: Arc<[AtomicBool; 2]> = Arc::default();
    let threads = [0, 1].map(|waker| {
        let (state, bell, did) = (state.clone(), bell.clone(), did.clone());
        thread::spawn(move || {
            did[waker].store(true, Relaxed);
            if state.fetch_or(NOTIFIED, release) & NOTIFIED == 0 {
                bell.ring();
            }
        })
    });
    while !did.iter().all(|did| did.load(Relaxed)) {
        while state.fetch_and(!NOTIFIED, acquire) & NOTIFIED == 0 {
            bell.wait();
        }
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// The same for a thread that waits for a descriptor, so sleeps in its driver: `notify` and `sleep_thread`.
fn two_wake_attached_thread(fault: Fault) {
    let home = Home::new(fault, 0);
    let state = Arc::new(AtomicUsize::new(0));
    let did: Arc<[AtomicBool; 2]> = Arc::default();
    let threads = [0, 1].map(|waker| {
        let (state, home, did) = (state.clone(), home.clone(), did.clone());
        thread::spawn(move || {
            did[waker].store(true, Relaxed);
            // The unpark does nothing, since the thread does not park.
            if state.fetch_or(NOTIFIED, Release) & NOTIFIED == 0 && fault != Fault::UnparksOnly {
                home.notify();
            }
        })
    });
    let take_wake = || state.fetch_and(!NOTIFIED, Acquire) & NOTIFIED != 0;
    while !did.iter().all(|did| did.load(Relaxed)) {
        let woken = fault != Fault::SleepsUnasked && take_wake();
        if !woken && home.begin_sleep() {
            home.bell.wait();
            home.end_sleep();
            if fault != Fault::SleepsUnasked {
                take_wake();
            }
        }
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// One thread wakes two tasks, another wakes the first again: nothing falls out of the list.
fn links(fault: Fault) {
    let home = Home::new(fault, 2);
    let did = Arc::new(AtomicBool::new(false));
    let both = {
        let home = home.clone();
        thread::spawn(move || {
            home.wake_remote(0);
            home.wake_remote(1);
        })
    };
    let again = {
        let (home, did) = (home.clone(), did.clone());
        thread::spawn(move || {
            did.store(true, Relaxed);
            home.wake_remote(0);
        })
    };
    let (first, second) = (std::cell::Cell::new(false), std::cell::Cell::new(0));
    let see = |task| match task {
        0 => first.set(did.load(Relaxed)),
        _ => second.set(second.get() + 1),
    };
    home.serve(see, || first.get() && second.get() == 1);
    both.join().unwrap();
    again.join().unwrap();
    assert!(!home.has_mail() || second.get() == 1);
}

/// A flag is set and the worker notified of it, while another thread wakes a task of it: the worker sees the flag.
fn notice(fault: Fault) {
    let home = Home::new(fault, 1);
    let begun = Arc::new(AtomicBool::new(false));
    let other = {
        let (home, begun) = (home.clone(), begun.clone());
        thread::spawn(move || {
            // `Ending::begin`, then `Shared::wake_all`.
            begun.store(true, Release);
            home.notify();
        })
    };
    home.serve(|_| {}, || begun.load(Acquire));
    other.join().unwrap();
}

#[test]
fn each_wake_is_seen() {
    check(Some(3), || two_wake_one(Fault::None));
}

#[test]
fn each_wake_of_a_thread_is_seen() {
    check(Some(3), || two_wake_thread(Fault::None));
}

#[test]
fn each_wake_of_a_thread_in_its_driver_is_seen() {
    check(Some(3), || two_wake_attached_thread(Fault::None));
}

/// The second wake finds NOTIFIED set, and says nothing.
#[test]
fn asleep_without_looking_for_wakes() {
    check_fails(LOST, Some(3), || two_wake_attached_thread(Fault::SleepsUnasked));
}

#[test]
fn a_thread_in_its_driver_that_is_only_unparked() {
    check_fails(LOST, Some(3), || two_wake_attached_thread(Fault::UnparksOnly));
}

#[test]
fn the_list_is_whole() {
    check(Some(2), || links(Fault::None));
}

#[test]
fn a_notice_brings_what_was_before_it() {
    check(None, || notice(Fault::None));
}

/// Without the fence the waker may look at `sleeping` before its push is seen.
#[test]
fn without_a_fence_in_ring() {
    check_fails(LOST, Some(3), || two_wake_one(Fault::RingWithoutFence));
}

/// Without the fence the sleeper may look at the inbox before its `sleeping` is seen.
#[test]
fn without_a_fence_in_begin_sleep() {
    check_fails(LOST, Some(3), || two_wake_one(Fault::SleepWithoutFence));
}

/// A push between the look and `sleeping` rings no bell.
#[test]
fn a_look_before_the_flag() {
    check_fails(LOST, Some(3), || two_wake_one(Fault::LooksFirst));
}

/// The task was taken out and has run while the second waker still saw NOTIFIED.
#[test]
fn no_store_by_the_second_waker() {
    check_fails(LOST, Some(3), || two_wake_one(Fault::LeavesAtNotified));
}

/// The task runs without seeing what the second waker did.
#[test]
fn notified_cleared_without_acquiring() {
    check_fails(LOST, Some(3), || two_wake_one(Fault::ClearsRelaxed));
}

/// The thread goes on without seeing what it was woken for.
#[test]
fn a_relaxed_wake_of_a_thread() {
    check_fails(LOST, Some(3), || two_wake_thread(Fault::RelaxedThread));
}

/// The task is put in again, which changes its link, before the taker has read it.
#[test]
fn notified_cleared_before_the_link_is_read() {
    check_fails(LOST, Some(3), || links(Fault::ClearsFirst));
}

/// The worker takes the notice back without seeing the flag that it tells of.
#[test]
fn faults_of_old_a_relaxed_notice() {
    check_fails(LOST, None, || notice(Fault::RelaxedNotice));
}
