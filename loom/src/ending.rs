//! The end of a runtime: all workers are through, and nothing is on its way between them.

use std::sync::Arc;

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering::*};
use loom::thread;

use crate::{Bell, check, check_fails};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// A worker takes new work while it still counts as through.
    TakesWhileThrough,
    /// `is_over` does not look at the new work.
    IgnoresWork,
}

struct Shared {
    fault: Fault,
    state: Mutex<State>,
    /// The deque of the first worker; where `is_over` ignores it, the injector.
    work: AtomicUsize,
    bells: [Bell; 2],
}

#[derive(Default)]
struct State {
    through: Vec<usize>,
    over: bool,
}

impl Shared {
    /// `Ending::is_over`.
    fn is_over(&self, worker: usize) -> bool {
        let mut state = self.state.lock().unwrap();
        if !state.through.contains(&worker) {
            state.through.push(worker);
        }
        let has_new_work = self.work.load(SeqCst) > 0;
        if state.through.len() == 2 && (!has_new_work || self.fault == Fault::IgnoresWork) {
            state.over = true;
            self.bells.iter().for_each(Bell::ring);
        }
        state.over
    }

    /// `Ending::is_busy_again`.
    fn is_busy_again(&self, worker: usize) {
        self.state.lock().unwrap().through.retain(|&other| other != worker);
    }

    /// A pop by the first worker, or a steal by the second.
    fn take(&self) -> bool {
        self.work.swap(0, AcqRel) > 0
    }

    /// A task that has just been taken runs.
    fn run(&self) {
        assert!(!self.state.lock().unwrap().over, "the runtime was over before a task had run");
    }

    /// `Seat::rest` of a worker that is through, until all is over.
    fn rest(&self, worker: usize) {
        while !self.is_over(worker) {
            self.bells[worker].wait();
            if self.fault == Fault::TakesWhileThrough {
                let found = self.take();
                self.is_busy_again(worker);
                if found {
                    self.run();
                }
            } else {
                self.is_busy_again(worker);
                if self.take() {
                    self.run();
                }
            }
        }
    }
}

/// The last task of the first worker spawns another as it unwinds, and wakes the second worker for it.
fn last_task(fault: Fault) {
    let shared = Arc::new(Shared {
        fault,
        state: Mutex::default(),
        work: AtomicUsize::new(0),
        bells: [Bell::new(), Bell::new()],
    });
    let second = {
        let shared = shared.clone();
        thread::spawn(move || shared.rest(1))
    };
    shared.work.fetch_add(1, Release);
    shared.bells[1].ring();
    if shared.fault != Fault::IgnoresWork && shared.take() {
        shared.run();
    }
    shared.rest(0);
    second.join().unwrap();
    assert_eq!(shared.work.load(SeqCst), 0, "a task was left");
}

#[test]
fn the_last_task_has_run() {
    check(Some(3), || last_task(Fault::None));
}

/// All is over while there is something in a deque.
#[test]
fn over_in_spite_of_work() {
    check_fails("was over before", Some(3), || last_task(Fault::IgnoresWork));
}

/// The task is in no deque, and the one that has it counts as through.
#[test]
fn faults_of_old_takes_while_through() {
    check_fails("was over before", Some(3), || last_task(Fault::TakesWhileThrough));
}
