//! The state of a task: DONE, JOINING, HANDLE and the count of references.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Count, Ordering::SeqCst};

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering::*};
use loom::thread;

use crate::{Bell, LOST, RACE, check, check_fails};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// `complete` sets DONE without releasing.
    DoneRelaxed,
    /// `set_joiner` trusts that the task will see it.
    JoinerIgnoresDone,
    /// `Leave` empties the place before it clears JOINING.
    EmptiesFirst,
    /// References are dropped without acquire and release.
    DropsRelaxed,
    /// A handle that goes does not look whether the task is done.
    HandleIgnoresDone,
    /// `is_between_two` does not look at the count.
    IgnoresCount,
}

const DONE: usize = 1;
const JOINING: usize = 1 << 1;
const CANCELLED: usize = 1 << 3;
const HANDLE: usize = 1 << 4;
const REFERENCE: usize = 1 << 8;

struct Task {
    fault: Fault,
    state: AtomicUsize,
    result: UnsafeCell<Option<u32>>,
    joiner: UnsafeCell<Option<Bell>>,
    /// A joiner of the same worker waits.
    local_joiner: bool,
    freed: Count,
}

// SAFETY: the model is what checks this.
unsafe impl Send for Task {}
// SAFETY: as above.
unsafe impl Sync for Task {}

impl Task {
    fn new(fault: Fault, references: usize, local_joiner: bool) -> Arc<Task> {
        Arc::new(Task {
            fault,
            state: AtomicUsize::new(HANDLE | (references * REFERENCE)),
            result: UnsafeCell::new(None),
            joiner: UnsafeCell::new(None),
            local_joiner,
            freed: Count::new(0),
        })
    }

    fn state(&self) -> &AtomicUsize {
        assert_eq!(self.freed.load(SeqCst), 0, "a task was used after it was freed");
        &self.state
    }

    fn with_result<T>(&self, f: impl FnOnce(&mut Option<u32>) -> T) -> T {
        // SAFETY: loom sees to it that nobody else is there.
        self.result.with_mut(|result| f(unsafe { &mut *result }))
    }

    fn with_joiner<T>(&self, f: impl FnOnce(&mut Option<Bell>) -> T) -> T {
        // SAFETY: as above.
        self.joiner.with_mut(|joiner| f(unsafe { &mut *joiner }))
    }

    /// What a fiber does: `Header::run`, `complete`, `tell_of_end`, `let_go`.
    fn run(&self) {
        self.with_result(|result| *result = Some(7));
        let joined = self.complete();
        if joined && let Some(joiner) = self.with_joiner(Option::take) {
            joiner.ring();
        }
        self.let_go();
    }

    /// `complete`. Returns what it leaves in `Header::joined`.
    fn complete(&self) -> bool {
        let mut state = self.state().load(Acquire);
        if self.is_between_two(state) {
            self.state().store(state | DONE, Release);
            return false;
        }
        let (success, failure) = if self.fault == Fault::DoneRelaxed { (Relaxed, Relaxed) } else { (AcqRel, Acquire) };
        loop {
            if state & HANDLE == 0 {
                self.with_result(|result| *result = None);
            }
            match self.state().compare_exchange_weak(state, state | DONE, success, failure) {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        state & JOINING != 0
    }

    /// `is_between_two`.
    fn is_between_two(&self, state: usize) -> bool {
        self.local_joiner && (self.fault == Fault::IgnoresCount || state / REFERENCE == 2)
    }

    /// `let_go`.
    fn let_go(&self) {
        let state = self.state().load(Acquire);
        if self.is_between_two(state) {
            self.state().store(state - REFERENCE, Relaxed);
        } else {
            self.drop_reference();
        }
    }

    /// `<TaskRef as Drop>::drop`.
    fn drop_reference(&self) {
        let (load, subtract) = if self.fault == Fault::DropsRelaxed { (Relaxed, Relaxed) } else { (Acquire, AcqRel) };
        if self.state().load(load) < 2 * REFERENCE || self.state().fetch_sub(REFERENCE, subtract) < 2 * REFERENCE {
            self.free();
        }
    }

    /// `free`. What is left of the result goes with it; here that counts as a fault.
    fn free(&self) {
        self.with_result(|result| assert!(result.is_none(), "nobody dropped the result"));
        self.with_joiner(|joiner| *joiner = None);
        assert_eq!(self.freed.fetch_add(1, SeqCst), 0, "freed twice");
    }

    /// `Header::is_done`.
    fn is_done(&self) -> bool {
        self.state().load(Acquire) & DONE != 0
    }

    /// `JoinHandle::set_joiner`.
    fn set_joiner(&self, joiner: &Bell) -> bool {
        self.with_joiner(|place| *place = Some(joiner.clone()));
        let state = self.state().fetch_or(JOINING, AcqRel);
        if self.fault == Fault::JoinerIgnoresDone {
            return true;
        }
        if state & DONE != 0 {
            self.with_joiner(|place| *place = None);
        }
        state & DONE == 0
    }

    /// `<Leave as Drop>::drop`.
    fn leave(&self) {
        if self.fault == Fault::EmptiesFirst {
            self.with_joiner(|place| *place = None);
        }
        if self.state().fetch_and(!JOINING, AcqRel) & DONE == 0 {
            self.with_joiner(|place| *place = None);
        }
    }

    /// `JoinHandle::take`, then the drop of the handle, which has nothing more to give.
    fn take(&self) {
        assert_eq!(self.with_result(Option::take), Some(7));
        self.drop_reference();
    }

    /// `JoinHandle::join`, from another thread.
    fn join(&self, bell: &Bell) {
        if !self.is_done() && self.set_joiner(bell) {
            while !self.is_done() {
                bell.wait();
            }
        }
        self.take();
    }

    /// `<JoinHandle as Future>::poll`. Returns whether it is through.
    fn poll(&self, bell: &Bell) -> bool {
        if self.is_done() {
            return true;
        }
        self.leave();
        self.is_done() || !self.set_joiner(bell)
    }

    /// `<JoinHandle as Drop>::drop`.
    fn drop_handle(&self) {
        let state = self.state().fetch_and(!HANDLE, AcqRel);
        if self.fault != Fault::HandleIgnoresDone && state & DONE != 0 {
            self.with_result(|result| *result = None);
        }
        self.drop_reference();
    }
}

/// The task ends on another thread while `holder` does something with the handle.
fn with_handle(fault: Fault, holder: impl FnOnce(&Task, &Bell)) {
    let task = Task::new(fault, 2, false);
    let home = {
        let task = task.clone();
        thread::spawn(move || task.run())
    };
    holder(&task, &Bell::new());
    home.join().unwrap();
    assert_eq!(task.freed.load(SeqCst), 1, "not freed");
}

fn join(fault: Fault) {
    with_handle(fault, Task::join);
}

/// A joiner that is cancelled and lets the task run on.
fn leave(fault: Fault) {
    with_handle(fault, |task, bell| {
        if !task.is_done() && task.set_joiner(bell) {
            task.leave();
        }
        task.drop_handle();
    });
}

/// A future that is polled until it is through.
fn poll(fault: Fault) {
    with_handle(fault, |task, bell| {
        while !task.poll(bell) {
            bell.wait();
        }
        task.take();
    });
}

/// A handle that is polled, and joined then.
fn poll_and_join(fault: Fault) {
    with_handle(fault, |task, bell| {
        if task.poll(bell) {
            task.take();
        } else {
            // `JoinHandle::wait`, of a handle that was polled.
            task.leave();
            task.join(bell);
        }
    });
}

fn forget(fault: Fault) {
    with_handle(fault, |task, _| task.drop_handle());
}

/// A task and its joiner on one worker, while another thread cancels the task and drops its reference.
fn same_worker(fault: Fault) {
    let task = Task::new(fault, 3, true);
    let other = {
        let task = task.clone();
        thread::spawn(move || {
            // `cancel::mark`.
            task.state().fetch_or(CANCELLED, AcqRel);
            task.drop_reference();
        })
    };
    task.run();
    // The joiner runs next on the same thread.
    assert!(task.is_done());
    task.take();
    other.join().unwrap();
    assert_eq!(task.freed.load(SeqCst), 1, "not freed");
}

#[test]
fn the_joiner_gets_the_result() {
    check(None, || join(Fault::None));
}

#[test]
fn a_joiner_may_leave() {
    check(None, || leave(Fault::None));
}

#[test]
fn a_handle_may_be_polled() {
    check(None, || poll(Fault::None));
    check(None, || poll_and_join(Fault::None));
}

#[test]
fn a_handle_may_go() {
    check(None, || forget(Fault::None));
}

#[test]
fn two_of_one_worker() {
    check(None, || same_worker(Fault::None));
}

/// The joiner sees DONE but not the result.
#[test]
fn done_without_release() {
    check_fails(RACE, None, || join(Fault::DoneRelaxed));
}

/// The task had looked for a joiner before there was one.
#[test]
fn a_joiner_that_ignores_done() {
    check_fails(LOST, None, || poll(Fault::JoinerIgnoresDone));
}

/// The task takes the joiner while it is being emptied.
#[test]
fn a_place_emptied_too_early() {
    check_fails(RACE, None, || leave(Fault::EmptiesFirst));
}

/// The task is freed while another thread's use of it is not over.
#[test]
fn references_dropped_without_order() {
    check_fails(RACE, None, || forget(Fault::DropsRelaxed));
}

/// The task had seen the handle, and the handle the task running: nobody drops the result.
#[test]
fn a_handle_that_ignores_done() {
    check_fails("nobody dropped the result", None, || forget(Fault::HandleIgnoresDone));
}

/// A plain store wipes out what another thread did to the state.
#[test]
fn a_plain_store_between_three() {
    check_fails("not freed", None, || same_worker(Fault::IgnoresCount));
}
