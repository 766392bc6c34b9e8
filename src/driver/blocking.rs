//! Threads for what would block a worker: name resolution, files, `unblock`.
//!
//! - [`Pool::execute`]: hands a job over; there are as many threads as jobs, up to a maximum, the rest queue.
//! - [`run_elsewhere`]: runs a closure there and parks the task meanwhile. The closure may borrow.
//!
//! A thread that finds nothing to do leaves after [`IDLE_TIME`]. Dropping the pool runs what is queued, then joins
//! every thread: none is left over.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

use crate::task::{self, Mode, Reason, Waker};

/// The most threads of a pool that was not told otherwise.
pub(crate) const MAX_THREADS: usize = 512;
/// How long a thread waits for another job before it leaves.
pub(crate) const IDLE_TIME: Duration = Duration::from_secs(10);

/// What a pool runs.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// The error of [`Pool::execute`]: no thread runs and none can be made. It gives the job back.
pub(crate) struct SpawnError {
    pub(crate) error: io::Error,
    pub(crate) job: Job,
}

/// A pool of threads.
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// A job came, or the pool closes.
    changed: Condvar,
    max_threads: usize,
    idle_time: Duration,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    /// Threads that wait for `changed`.
    idle: usize,
    threads: HashMap<ThreadId, JoinHandle<()>>,
    /// The thread that left last; it joins the one that left before it, and so on.
    left: Option<JoinHandle<()>>,
    closing: bool,
}

impl Pool {
    /// A pool without threads so far, of at most `max_threads` (at least one).
    pub(crate) fn new(max_threads: usize) -> Pool {
        Pool::with_idle_time(max_threads, IDLE_TIME)
    }

    /// As [`Pool::new`], with another time after which idle threads leave.
    pub(crate) fn with_idle_time(max_threads: usize, idle_time: Duration) -> Pool {
        let max_threads = max_threads.max(1);
        let shared = Shared { state: Mutex::default(), changed: Condvar::new(), max_threads, idle_time };
        Pool { shared: Arc::new(shared) }
    }

    /// Has a thread run `job`. A panic of the job ends there.
    pub(crate) fn execute(&self, job: Job) -> Result<(), SpawnError> {
        let mut state = self.shared.lock();
        state.queue.push_back(job);
        if state.queue.len() > state.idle && state.threads.len() < self.shared.max_threads {
            self.grow(&mut state)?;
        }
        drop(state);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Whether the thread that asks is one of these.
    pub(crate) fn is_own_thread(&self) -> bool {
        self.shared.lock().threads.contains_key(&thread::current().id())
    }

    /// Adds a thread. It is no error if there is one already: that one will get to the job.
    fn grow(&self, state: &mut State) -> Result<(), SpawnError> {
        let shared = self.shared.clone();
        match thread::Builder::new().name("corro-blocking".into()).spawn(move || shared.work()) {
            Ok(handle) => {
                state.threads.insert(handle.thread().id(), handle);
                Ok(())
            }
            Err(_) if !state.threads.is_empty() => Ok(()),
            Err(error) => {
                let job = state.queue.pop_back().expect("the job was queued just now");
                Err(SpawnError { error, job })
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closing = true;
        let threads = mem::take(&mut state.threads);
        let left = state.left.take();
        drop(state);
        self.shared.changed.notify_all();
        for handle in threads.into_values().chain(left) {
            join_other(handle);
        }
    }
}

/// Joins a thread, unless it is the one that asks: a job may be what drops the pool.
fn join_other(handle: JoinHandle<()>) {
    if handle.thread().id() != thread::current().id() {
        let _ = handle.join();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of a thread of the pool.
    fn work(&self) {
        while let Some(job) = self.next_job() {
            swallow_panic(job);
        }
    }

    fn next_job(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.queue.pop_front() {
                return Some(job);
            }
            if state.closing {
                return None;
            }
            state.idle += 1;
            let (guard, waited) =
                self.changed.wait_timeout(state, self.idle_time).unwrap_or_else(PoisonError::into_inner);
            state = guard;
            state.idle -= 1;
            if waited.timed_out() && state.queue.is_empty() && !state.closing {
                leave(state);
                return None;
            }
        }
    }
}

/// Hands this thread's own handle to the next one that leaves, or to the drop of the pool.
fn leave(mut state: MutexGuard<'_, State>) {
    let own = state.threads.remove(&thread::current().id());
    let before = mem::replace(&mut state.left, own);
    drop(state);
    if let Some(handle) = before {
        let _ = handle.join();
    }
}

/// Runs `job`; neither its panic nor that of the payload's destructor ends the thread.
fn swallow_panic(job: Job) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(job)) {
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        mem::forget(dropped);
    }
}

/// Runs `f` on a thread of the current driver's pool and parks the task until it has returned; on a plain thread
/// it runs here.
///
/// A cancellation does not end the wait, as `f` may borrow from the frame that waits. A panic of `f` goes on here.
///
/// # Errors
/// When no thread can be made, and [`WouldSuspend`](super::WouldSuspend) while the task unwinds.
pub(crate) fn run_elsewhere<T: Send>(f: impl FnOnce() -> T + Send) -> io::Result<T> {
    match task::mode() {
        Mode::Task => run_in_pool(f),
        Mode::Thread => Ok(f()),
        Mode::Callback => task::refuse_callback(),
        Mode::Unwinding => Err(super::would_suspend()),
    }
}

fn run_in_pool<T: Send>(f: impl FnOnce() -> T + Send) -> io::Result<T> {
    let pool = super::with_current(|driver| driver.map(|driver| (driver.pool().clone(), driver.external())));
    let Some((pool, _external)) = pool else { return Err(super::wait::no_driver()) };
    let outcome = Outcome { slot: Mutex::new(Slot { result: None, done: false }), finished: Condvar::new() };
    let outcome = Arc::new(outcome);
    let (theirs, waker) = (outcome.clone(), Waker::current());
    let job: Box<dyn FnOnce() + Send + '_> = Box::new(move || {
        let result = catch_unwind(AssertUnwindSafe(f));
        theirs.finish(result);
        waker.wake();
    });
    // SAFETY: only the lifetime changes. `execute` either gives the job back, which is then dropped here, or the
    // pool runs it to its end: the queue is drained even when the pool closes, and a job is consumed by running.
    // What may borrow in it is `f`, which is gone when `finish` sets `done`, and the result, which this function
    // takes out of the slot before it ends: `wait` waits for `done` even if `park` unwinds (see `Unfinished`).
    // After that the pool's thread touches only the waker and an empty slot.
    let job: Job = unsafe { mem::transmute::<Box<dyn FnOnce() + Send + '_>, Job>(job) };
    let unfinished = Unfinished(&outcome);
    if let Err(SpawnError { error, job }) = pool.execute(job) {
        mem::forget(unfinished);
        drop(job);
        return Err(error);
    }
    while !outcome.lock().done {
        task::park(Reason::Unblock);
    }
    mem::forget(unfinished);
    let result = outcome.lock().result.take();
    Ok(result.expect("a finished job has a result").unwrap_or_else(|payload| resume_unwind(payload)))
}

struct Outcome<T> {
    slot: Mutex<Slot<T>>,
    finished: Condvar,
}

struct Slot<T> {
    result: Option<Result<T, Box<dyn Any + Send>>>,
    done: bool,
}

impl<T> Outcome<T> {
    fn lock(&self) -> MutexGuard<'_, Slot<T>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, result: Result<T, Box<dyn Any + Send>>) {
        let mut slot = self.lock();
        slot.result = Some(result);
        slot.done = true;
        drop(slot);
        self.finished.notify_all();
    }
}

/// Blocks the thread until the job is done; only an unwinding `park` lets it come to that.
struct Unfinished<'a, T>(&'a Outcome<T>);

impl<T> Drop for Unfinished<'_, T> {
    fn drop(&mut self) {
        let mut slot = self.0.lock();
        while !slot.done {
            slot = self.0.finished.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
        let unused = slot.result.take();
        drop(slot);
        drop(unused);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::mpsc::channel;

    use super::*;

    fn execute(pool: &Pool, job: impl FnOnce() + Send + 'static) {
        assert!(pool.execute(Box::new(job)).is_ok());
    }

    fn threads(pool: &Pool) -> usize {
        pool.shared.lock().threads.len()
    }

    #[test]
    fn dropping_the_pool_runs_the_queue_and_joins() {
        let done = Arc::new(AtomicUsize::new(0));
        let pool = Pool::new(2);
        for _ in 0..100 {
            let done = done.clone();
            execute(&pool, move || {
                thread::yield_now();
                done.fetch_add(1, SeqCst);
            });
        }
        assert!(threads(&pool) <= 2);
        drop(pool);
        assert_eq!(done.load(SeqCst), 100);
        assert_eq!(Arc::strong_count(&done), 1);
    }

    #[test]
    fn as_many_jobs_run_at_once_as_threads_are_allowed() {
        let pool = Pool::new(8);
        let barrier = Arc::new(Barrier::new(9));
        for _ in 0..8 {
            let barrier = barrier.clone();
            execute(&pool, move || {
                barrier.wait();
            });
        }
        barrier.wait();
    }

    #[test]
    fn a_panic_ends_the_job_and_not_the_thread() {
        /// As a payload it panics again where it is dropped.
        struct Twice;
        impl Drop for Twice {
            fn drop(&mut self) {
                resume_unwind(Box::new("again"));
            }
        }
        let pool = Pool::new(1);
        let (names, got) = channel();
        execute(&pool, || resume_unwind(Box::new("once")));
        execute(&pool, || resume_unwind(Box::new(Twice)));
        execute(&pool, move || {
            names.send((thread::current().id(), thread::current().name().map(str::to_owned))).unwrap()
        });
        let (id, name) = got.recv().unwrap();
        assert_eq!(name.as_deref(), Some("corro-blocking"));
        assert!(pool.shared.lock().threads.contains_key(&id), "the first thread still runs");
    }

    #[test]
    fn idle_threads_leave_and_new_ones_come() {
        let pool = Pool::with_idle_time(4, Duration::from_millis(1));
        for _ in 0..3 {
            let (sender, done) = channel();
            for _ in 0..4 {
                let sender = sender.clone();
                execute(&pool, move || sender.send(()).unwrap());
            }
            (0..4).for_each(|_| done.recv().unwrap());
            while threads(&pool) > 0 {
                thread::yield_now();
            }
        }
    }
}
