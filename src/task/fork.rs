//! Fork and join: two closures, of which another worker may take the second.
//!
//! The second closure lies on the caller's stack, as a [`Job`]; what is pushed is a pointer to it. In the common case
//! nobody takes it, and the caller pops it and runs it: no task, no stack, no allocation. (As rayon's `join`.)
//!
//! ```text
//!  caller:  push b ─► run a ─► pop b: run it here
//!                            └► not there: a worker made a task of it; wait for the latch
//! ```
//!
//! Invariant: the caller's frame stays until the job was popped by the caller, or its latch is DONE. It waits in plain
//! code, also when `a` unwinds. Setting DONE is the last that the taker does to the job.

use std::cell::{Cell, UnsafeCell};
use std::mem::ManuallyDrop;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::cancel;
use super::header::{Header, TaskRef};
use super::new_work::{NewWork, Word};
use super::park::{self, Mode, Reason};
use super::unwound::Unwound;
use super::waker::Waker;
use super::{Builder, Local, spawn_here_unchecked};
use crate::coroutine;
use crate::generator;

/// Runs both closures and returns their results; another worker may run `b` at the same time.
///
/// Unless one does, `b` runs here after `a`, as cheaply as a call. On an event loop and on a plain thread it always does.
/// `a` and `b` must not wait for one another. (As rayon's `join`.)
///
/// # Panics
/// When one of them does; the other is cancelled first, and waited for. The panic of `a` goes before that of `b`.
///
/// # Examples
/// ```
/// fn sum(numbers: &[u64]) -> u64 {
///     if numbers.len() < 1000 {
///         return numbers.iter().sum();
///     }
///     let (left, right) = numbers.split_at(numbers.len() / 2);
///     let (left, right) = corro::join(|| sum(left), || sum(right));
///     left + right
/// }
///
/// let numbers: Vec<u64> = (0..10_000).collect();
/// assert_eq!(corro::run(|| sum(&numbers)), 49_995_000);
/// ```
#[doc(alias = "fork")]
#[inline]
pub fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    match shared_work() {
        Some((task, work)) if cancel::is_in_generator(task) => join_in_generator(work.clone(), a, b),
        Some((_, work)) => join_here(work, a, b),
        None => (a(), b()),
    }
}

/// Where a job can be pushed: in a task of a runtime that does not unwind.
#[inline]
fn shared_work<'a>() -> Option<(&'a Header, &'a Rc<NewWork>)> {
    let task = park::running()?;
    let work = park::local()?.new_work()?;
    (!task.context.is_unwinding()).then_some((task, work))
}

/// A generator whose `a` yields may go on in another task, and after the worker has ended: so it keeps the deque, and is
/// not unwound where it could not wait.
#[cold]
fn join_in_generator<A, B>(work: Rc<NewWork>, a: impl FnOnce() -> A, b: impl FnOnce() -> B + Send) -> (A, B) {
    let _hold = coroutine::hold();
    join_here(&work, a, b)
}

#[inline]
fn join_here<A, B>(work: &NewWork, a: impl FnOnce() -> A, b: impl FnOnce() -> B + Send) -> (A, B) {
    let job = Job::new(b);
    work.push(Word::job(job.reference()));
    let first = Unwound::catch(a);
    if !work.take_back_job(ptr::from_ref(&job.head).addr()) {
        job.head.wait(first.is_err());
        return both(first, job.take_result());
    }
    match first {
        // SAFETY: taken back, so nobody else runs it.
        Ok(first) => (first, unsafe { job.take_body() }()),
        Err(unwound) => unwound.go_on(()),
    }
}

/// The second has no outcome if it was cancelled before it ran, as everything is when a runtime ends.
fn both<A, B>(first: Result<A, Unwound>, second: Option<Result<B, Unwound>>) -> (A, B) {
    match (first, second.unwrap_or(Err(Unwound::Cancelled))) {
        (Ok(first), Ok(second)) => (first, second),
        (Err(lesser), Err(second)) if lesser.is_cancellation() => second.go_on(lesser),
        (Err(first), second) => first.go_on(second),
        (Ok(first), Err(second)) => second.go_on(first),
    }
}

/// The taker has not finished, and nobody waits.
const RUNNING: usize = 0;
/// The caller has left its waker. Set by the caller.
const WAITING: usize = 1;
/// The result is in place. Set by the taker, once.
const DONE: usize = 2;

/// What a taker knows of a job.
struct Head {
    /// Makes a task of the job.
    start: unsafe fn(*const Head, &Local),
    latch: AtomicUsize,
    waiter: UnsafeCell<Option<Waker>>,
    taker: Mutex<Taker>,
}

#[derive(Default)]
struct Taker {
    task: Option<TaskRef>,
    cancelled: bool,
}

impl Head {
    fn taker(&self) -> MutexGuard<'_, Taker> {
        self.taker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the taker has finished, which is cancelled if `a` has failed or if the caller is.
    #[cold]
    fn wait(&self, mut cancel: bool) {
        if self.latch.load(Acquire) == DONE {
            return;
        }
        if park::mode() != Mode::Task {
            generator::abort("a `join` was left where it cannot wait for its other side, which may borrow from it");
        }
        // SAFETY: WAITING is not set, so the place is the caller's.
        unsafe { *self.waiter.get() = Some(Waker::current()) };
        // AcqRel: the waker is there for the taker that sees WAITING; the result is, if DONE is seen.
        if self.latch.compare_exchange(RUNNING, WAITING, AcqRel, Acquire).is_err() {
            return;
        }
        let mut cancelled = false;
        while self.latch.load(Acquire) != DONE {
            cancel |= park::running().is_some_and(cancel::is_pending);
            if cancel && !cancelled {
                cancelled = true;
                self.cancel();
            }
            park::park(Reason::Fork);
        }
    }

    fn cancel(&self) {
        let task = {
            let mut taker = self.taker();
            taker.cancelled = true;
            taker.task.clone()
        };
        task.iter().for_each(cancel::cancel);
    }

    /// Lets the caller go on. Nothing may touch the job after this.
    fn finish(&self) {
        // AcqRel: as in `wait`.
        if self.latch.compare_exchange(RUNNING, DONE, AcqRel, Acquire).is_ok() {
            return;
        }
        // SAFETY: WAITING was seen, so the waker is there, and the caller stays until DONE.
        let waiter = unsafe { (*self.waiter.get()).take() };
        self.latch.store(DONE, Release);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

/// The second closure, on the stack of its caller.
#[repr(C)]
struct Job<F, T> {
    head: Head,
    body: UnsafeCell<ManuallyDrop<F>>,
    /// Whether `body` was moved out; the caller drops it if not.
    taken: Cell<bool>,
    result: UnsafeCell<Option<Result<T, Unwound>>>,
}

impl<F: FnOnce() -> T, T> Job<F, T> {
    #[inline]
    fn new(body: F) -> Job<F, T> {
        let head = Head {
            start: start::<F, T>,
            latch: AtomicUsize::new(RUNNING),
            waiter: UnsafeCell::new(None),
            taker: Mutex::new(Taker { task: None, cancelled: false }),
        };
        Job {
            head,
            body: UnsafeCell::new(ManuallyDrop::new(body)),
            taken: Cell::new(false),
            result: UnsafeCell::new(None),
        }
    }

    #[inline]
    fn reference(&self) -> JobRef {
        JobRef(ptr::from_ref(self).cast())
    }

    /// # Safety
    /// Once, by whoever has the job to itself.
    #[inline]
    unsafe fn take_body(&self) -> F {
        self.taken.set(true);
        // SAFETY: the caller's promise.
        unsafe { ManuallyDrop::take(&mut *self.body.get()) }
    }

    /// The result of a job that is DONE.
    fn take_result(&self) -> Option<Result<T, Unwound>> {
        debug_assert_eq!(self.head.latch.load(Acquire), DONE);
        // SAFETY: the taker is done with the job.
        unsafe { (*self.result.get()).take() }
    }
}

impl<F, T> Drop for Job<F, T> {
    #[inline]
    fn drop(&mut self) {
        if !self.taken.get() {
            // SAFETY: it was not moved out.
            unsafe { ManuallyDrop::drop(self.body.get_mut()) };
        }
    }
}

/// Makes a task of a job on the taker's worker.
///
/// # Safety
/// `head` is that of a `Job<F, T>` that was popped or stolen, once.
unsafe fn start<F: FnOnce() -> T, T>(head: *const Head, local: &Local) {
    /// The job, until the task has run it or was dropped unrun.
    struct Taken<F: FnOnce() -> T, T>(*const Job<F, T>);
    impl<F: FnOnce() -> T, T> Drop for Taken<F, T> {
        fn drop(&mut self) {
            // SAFETY: the caller stays until `finish`; until then the result is the taker's.
            unsafe {
                // A task that was cancelled is dropped in its turn; here no turn could begin.
                if park::running().is_none() {
                    let text = "the other side of a `join` could not start: no stack could be had";
                    *(*self.0).result.get() = Some(Err(Unwound::Panicked(Box::new(text))));
                }
                (*self.0).head.finish();
            }
        }
    }
    let taken = Taken(head.cast::<Job<F, T>>());
    // SAFETY: what the closure borrows is there until `finish`, the last that the task does in it.
    let handle = unsafe {
        spawn_here_unchecked(local, Builder::new(), None, move || {
            let taken = taken;
            let job = &*taken.0;
            *job.result.get() = Some(Unwound::catch(job.take_body()));
        })
    };
    let cancelled = {
        // SAFETY: the task has not run, so the caller still waits.
        let mut taker = unsafe { &*head }.taker();
        taker.task = Some(handle.task().clone());
        taker.cancelled
    };
    if cancelled {
        handle.cancel();
    }
}

/// A pointer to a job, for one taker.
pub(crate) struct JobRef(*const Head);

impl JobRef {
    pub(super) fn into_raw(self) -> *const () {
        self.0.cast()
    }

    /// # Safety
    /// From `into_raw`, once.
    pub(super) unsafe fn from_raw(raw: *const ()) -> JobRef {
        JobRef(raw.cast())
    }

    /// Makes a task of it, which runs in its turn.
    pub(crate) fn start(self, local: &Local) {
        // SAFETY: whoever has the reference took the job; there is one reference.
        unsafe { ((*self.0).start)(self.0, local) }
    }
}
