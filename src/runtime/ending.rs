//! How a runtime ends: every worker cancels its tasks and runs them until they have unwound; when all are through, and
//! nothing is on its way between them, all threads go.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Shared;
use crate::driver::blocking::run_elsewhere;
use crate::driver::{self, Driver};
use crate::task::{self, Id, Mode, Reason, Task, Waker};

#[derive(Default)]
pub(super) struct Ending {
    begun: AtomicBool,
    state: Mutex<State>,
    gone: Condvar,
}

#[derive(Default)]
struct State {
    /// Workers that have nothing left.
    through: Vec<usize>,
    over: bool,
    /// Threads that have left.
    gone: usize,
    /// Tasks to be told when one leaves.
    waiters: Vec<Waker>,
    /// Workers that never started.
    missing: usize,
    /// Workers that have cancelled their tasks.
    answered: usize,
    /// The tasks that they had then, and that have not ended.
    left: BTreeMap<Id, Task>,
}

impl Ending {
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Acquire)
    }

    pub(super) fn begin(&self) {
        self.begun.store(true, Release);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a worker has nothing left. Returns whether that is so of all.
    ///
    /// A worker that is through does nothing by itself, so when all are, nothing is on its way that is not seen here.
    pub(super) fn is_over(&self, shared: &Shared, worker: usize) -> bool {
        let mut state = self.state();
        if !state.through.contains(&worker) {
            state.through.push(worker);
        }
        let all = state.through.len() + state.missing == shared.seats.len();
        if all && !shared.has_new_work() && shared.seats.iter().all(|seat| !seat.home.has_mail()) {
            state.over = true;
            shared.wake_all();
        }
        state.over
    }

    /// Something came after all.
    pub(super) fn is_busy_again(&self, worker: usize) {
        self.state().through.retain(|&other| other != worker);
    }

    pub(super) fn thread_is_gone(&self) {
        let waiters = {
            let mut state = self.state();
            state.gone += 1;
            mem::take(&mut state.waiters)
        };
        self.gone.notify_all();
        waiters.into_iter().for_each(Waker::wake);
    }

    /// Waits until so many threads have left. Returns whether they have. A task parks, and stops waiting when it is cancelled:
    /// two runtimes may be dropped by tasks of one another.
    pub(super) fn wait(&self, threads: usize) -> bool {
        match task::mode() {
            Mode::Task => self.wait_in_task(threads),
            Mode::Unwinding => false,
            Mode::Thread | Mode::Callback => self.wait_on_thread(threads, None),
        }
    }

    /// The same, at most until `deadline` by the system's clock. A cancellation does not end it.
    pub(super) fn wait_until(&self, threads: usize, deadline: Option<Instant>) -> bool {
        let wait = || self.wait_on_thread(threads, deadline);
        match task::mode() {
            Mode::Task => run_elsewhere(wait).unwrap_or(false),
            Mode::Unwinding => false,
            Mode::Thread | Mode::Callback => wait(),
        }
    }

    fn wait_on_thread(&self, threads: usize, deadline: Option<Instant>) -> bool {
        let mut state = self.state();
        while state.gone < threads {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return false;
            }
            state = match left {
                Some(left) => self.gone.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.gone.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        true
    }

    fn wait_in_task(&self, threads: usize) -> bool {
        let _external = driver::with_current(|driver| driver.map(Driver::external));
        loop {
            {
                let mut state = self.state();
                if state.gone >= threads {
                    return true;
                }
                state.waiters.push(Waker::current());
            }
            if task::is_cancelled() {
                return false;
            }
            task::park(Reason::Runtime);
        }
    }

    /// Counts threads that could not be started as gone, and as through.
    pub(super) fn abandon(&self, threads: usize) {
        let mut state = self.state();
        state.gone += threads;
        state.missing += threads;
    }

    /// Notes the tasks that a worker has to unwind.
    pub(super) fn answer(&self, tasks: impl Iterator<Item = Task>) {
        let mut state = self.state();
        state.answered += 1;
        state.left.extend(tasks.map(|task| (task.id(), task)));
    }

    /// Notes that a task has ended.
    pub(super) fn forget(&self, task: Id) {
        self.state().left.remove(&task);
    }

    pub(super) fn error(&self, threads: usize) -> ShutdownError {
        let state = self.state();
        ShutdownError { tasks: state.left.values().cloned().collect(), silent: threads - state.answered }
    }
}

/// The error of a [`shutdown`](super::Runtime::shutdown) after which tasks are left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShutdownError {
    tasks: Vec<Task>,
    silent: usize,
}

impl ShutdownError {
    /// The tasks that have not unwound.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// How many workers did not even come to cancel their tasks: each runs one that never waits.
    pub fn busy_workers(&self) -> usize {
        self.silent
    }
}

impl fmt::Display for ShutdownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the runtime has not ended in time:")?;
        for task in &self.tasks {
            write!(f, " task {}", task.id())?;
            if let Some(name) = task.name() {
                write!(f, " {name:?}")?;
            }
            write!(f, " has not unwound;")?;
        }
        if self.silent > 0 {
            write!(f, " {} workers run a task that never waits;", self.silent)?;
        }
        write!(f, " their threads go on")
    }
}

impl Error for ShutdownError {}
