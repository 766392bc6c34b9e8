//! The latch of `join`: the caller takes its second closure back, or waits for the one that took it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool as Flag, Ordering::SeqCst};

use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use loom::thread;

use crate::{Bell, LOST, RACE, check, check_fails};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// `finish` sets DONE before it takes the waker.
    DoneFirst,
    /// `wait` sets WAITING without a look at what was there.
    WaitsBlindly,
    /// `wait` sets WAITING before the waker is in place.
    WaitingFirst,
    /// `finish` releases nothing.
    FinishRelaxed,
    /// `start` does not look whether the caller has asked for a cancellation.
    StartsBlindly,
}

const RUNNING: usize = 0;
const WAITING: usize = 1;
const DONE: usize = 2;

/// The job, on the stack of its caller.
struct Job {
    fault: Fault,
    /// The caller's deque: 1 if the job is in it. Who swaps 0 in has it, as with a pop and a steal.
    deque: AtomicUsize,
    latch: AtomicUsize,
    waiter: UnsafeCell<Option<Bell>>,
    result: UnsafeCell<Option<u32>>,
    taker: Mutex<Taker>,
    /// The frame is gone.
    gone: Flag,
}

#[derive(Default)]
struct Taker {
    task: Option<Task>,
    cancelled: bool,
}

/// The task that the taker makes of the job.
#[derive(Clone)]
struct Task {
    cancelled: Arc<AtomicBool>,
    bell: Bell,
}

impl Task {
    /// `cancel::cancel`.
    fn cancel(&self) {
        self.cancelled.store(true, Release);
        self.bell.ring();
    }
}

// SAFETY: the model is what checks this.
unsafe impl Send for Job {}
// SAFETY: as above.
unsafe impl Sync for Job {}

impl Job {
    fn new(fault: Fault) -> Arc<Job> {
        Arc::new(Job {
            fault,
            deque: AtomicUsize::new(1),
            latch: AtomicUsize::new(RUNNING),
            waiter: UnsafeCell::new(None),
            result: UnsafeCell::new(None),
            taker: Mutex::new(Taker::default()),
            gone: Flag::new(false),
        })
    }

    fn latch(&self) -> &AtomicUsize {
        assert!(!self.gone.load(SeqCst), "a job was used after its frame was gone");
        &self.latch
    }

    fn set_waiter(&self, waiter: &Bell) {
        // SAFETY: loom sees to it that nobody else is there.
        self.waiter.with_mut(|place| unsafe { *place = Some(waiter.clone()) });
    }

    fn take_waiter(&self) -> Option<Bell> {
        // SAFETY: as above.
        self.waiter.with_mut(|place| unsafe { (*place).take() })
    }

    fn take(&self) -> bool {
        self.deque.swap(0, AcqRel) == 1
    }

    /// `Head::wait`.
    fn wait(&self, bell: &Bell, mut cancel: bool) {
        match self.fault {
            Fault::WaitsBlindly => {
                self.set_waiter(bell);
                self.latch().store(WAITING, Release);
            }
            Fault::WaitingFirst => {
                if self.latch().compare_exchange(RUNNING, WAITING, AcqRel, Acquire).is_err() {
                    return;
                }
                self.set_waiter(bell);
            }
            _ => {
                self.set_waiter(bell);
                if self.latch().compare_exchange(RUNNING, WAITING, AcqRel, Acquire).is_err() {
                    return;
                }
            }
        }
        while self.latch().load(Acquire) != DONE {
            if std::mem::take(&mut cancel) {
                self.cancel();
            }
            bell.wait();
        }
    }

    /// `Head::cancel`.
    fn cancel(&self) {
        let task = {
            let mut taker = self.taker.lock().unwrap();
            taker.cancelled = true;
            taker.task.clone()
        };
        if let Some(task) = task {
            task.cancel();
        }
    }

    /// `Head::finish`.
    fn finish(&self) {
        let (success, failure) =
            if self.fault == Fault::FinishRelaxed { (Relaxed, Relaxed) } else { (AcqRel, Acquire) };
        if self.latch().compare_exchange(RUNNING, DONE, success, failure).is_ok() {
            return;
        }
        let waiter = if self.fault == Fault::DoneFirst {
            self.latch().store(DONE, Release);
            self.take_waiter()
        } else {
            let waiter = self.take_waiter();
            self.latch().store(DONE, Release);
            waiter
        };
        if let Some(waiter) = waiter {
            waiter.ring();
        }
    }

    /// `start`, and the first turn of the task. `b` waits for a cancellation if it is to.
    fn start(&self, until_cancelled: bool) {
        let task = Task { cancelled: Arc::new(AtomicBool::new(false)), bell: Bell::new() };
        let cancelled = {
            let mut taker = self.taker.lock().unwrap();
            taker.task = Some(task.clone());
            taker.cancelled
        };
        if cancelled && self.fault != Fault::StartsBlindly {
            task.cancel();
        }
        while until_cancelled && !task.cancelled.load(Acquire) {
            task.bell.wait();
        }
        // SAFETY: as above.
        self.result.with_mut(|place| unsafe { *place = Some(7) });
        self.finish();
    }

    /// The frame goes: everything in it is dropped.
    fn go(&self) {
        self.gone.store(true, SeqCst);
        self.take_waiter();
    }
}

/// `join_here`, against one thief. With `cancelled`, `a` has failed and `b` waits until it is cancelled.
fn fork(fault: Fault, cancelled: bool) {
    let job = Job::new(fault);
    let thief = {
        let job = job.clone();
        thread::spawn(move || {
            if job.take() {
                job.start(cancelled);
            }
        })
    };
    if !job.take() {
        job.wait(&Bell::new(), cancelled);
        // SAFETY: as above.
        let result = job.result.with_mut(|place| unsafe { (*place).take() });
        assert_eq!(result, Some(7));
    }
    job.go();
    thief.join().unwrap();
}

#[test]
fn taken_back_or_waited_for() {
    check(None, || fork(Fault::None, false));
}

#[test]
fn cancelled_however_early() {
    check(None, || fork(Fault::None, true));
}

/// The caller goes on at DONE, and the taker looks for the waker in a frame that is gone.
#[test]
fn done_before_the_waker_is_taken() {
    check_fails(RACE, None, || fork(Fault::DoneFirst, false));
}

/// WAITING overwrites DONE, and the caller waits for what has been.
#[test]
fn waiting_without_a_look() {
    check_fails(LOST, None, || fork(Fault::WaitsBlindly, false));
}

/// The taker looks for the waker while it is being put in place.
#[test]
fn waiting_before_the_waker_is_there() {
    check_fails(RACE, None, || fork(Fault::WaitingFirst, false));
}

/// The caller sees DONE but not the result.
#[test]
fn finished_without_release() {
    check_fails(RACE, None, || fork(Fault::FinishRelaxed, false));
}

/// The caller found no task to cancel, and the taker does not see that it was asked to.
#[test]
fn started_without_a_look() {
    check_fails(LOST, None, || fork(Fault::StartsBlindly, true));
}
