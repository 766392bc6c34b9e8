//! Waiting for a task's end.
//!
//! The handle is the only one that joins, so there is one place for a joiner, guarded by two bits of the task's
//! state: the holder of the handle fills it and sets JOINING; the task sets DONE and, if JOINING was set, takes it.
//!
//! Two tasks of one worker need none of that: they never run at once. The waiter leaves a plain pointer to itself.

use std::any::Any;
use std::cell::UnsafeCell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::Ordering::*;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use super::cancel::{self, checkpoint};
use super::header::{DONE, Failure, HANDLE, Header, JOINING, TaskRef};
use super::join_set::Ended;
use super::own::{Abroad, Local};
use super::park::{Mode, Reason, begin_operation, local, mode, park, running};
use super::waker::Waker;
use crate::generator;

/// Who is told of the end.
pub(super) enum Joiner {
    Waiter(Waker),
    Future(std::task::Waker),
    /// A set, and the task's number in it.
    Member(Ended, usize),
}

impl Joiner {
    pub(super) fn wake(self) {
        match self {
            Joiner::Waiter(waker) => waker.wake(),
            Joiner::Future(waker) => super::header::swallow_panic(|| waker.wake()),
            Joiner::Member(set, number) => set.tell(number),
        }
    }
}

/// The handle of a task: waits for its end and gets its result.
///
/// Dropping it lets the task run on by itself. It is also a [`Future`], for executors of that kind.
pub struct JoinHandle<T> {
    task: TaskRef,
    /// Whether the result was taken.
    taken: bool,
    /// Whether it was polled, so that a joiner may be in place.
    polled: bool,
    marker: PhantomData<UnsafeCell<T>>,
}

// SAFETY: the handle gives its result, a `T`, to the thread that has it; all else of a task is made for many threads.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: by `&` a handle only asks and cancels.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

impl<T> Unpin for JoinHandle<T> {}
// As that of `std`: a panic of the task is in the result.
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// Of a task whose result is a `T`, with the handle's reference.
    pub(super) fn new(task: TaskRef) -> JoinHandle<T> {
        JoinHandle { task, taken: false, polled: false, marker: PhantomData }
    }

    /// Waits for the end of the task and returns its result.
    ///
    /// A cancellation point. From a plain thread it blocks the thread.
    ///
    /// # Errors
    /// When the task panicked, was cancelled, or when the caller unwinds and would have to wait.
    ///
    /// # Panics
    /// In a callback of the event loop, which cannot wait, when the task has not ended.
    ///
    /// # Examples
    /// ```
    /// let sum = corro::run(|| {
    ///     let handle = corro::spawn(|| 1 + 1);
    ///     handle.join().unwrap()
    /// });
    /// assert_eq!(sum, 2);
    /// ```
    pub fn join(mut self) -> Result<T, JoinError> {
        begin_operation();
        if !self.task.is_done() {
            if mode() == Mode::Unwinding {
                return Err(JoinError::would_suspend());
            }
            self.wait();
        }
        self.take()
    }

    /// The task itself.
    pub(crate) fn task(&self) -> &TaskRef {
        &self.task
    }

    fn wait(&self) {
        if let (Some(me), Some(local)) = (running(), local())
            && (local.is_home_of(&self.task) || local.take_back(&self.task))
        {
            return self.wait_here(me);
        }
        let Some(_waiting) = self.await_end() else { return };
        while !self.task.is_done() {
            park(Reason::End(self.id()));
            checkpoint();
        }
    }

    /// Has the running task, or this thread, woken at the end, as long as the result lives. `None`: the task has ended.
    pub(super) fn await_end(&self) -> Option<Waiting> {
        if self.polled {
            Waiting::leave(&self.task);
        }
        if self.task.is_done() || !self.set_joiner(Joiner::Waiter(Waker::current())) {
            return None;
        }
        let abroad = if self.is_abroad() { local() } else { None }.map(Local::wait_abroad);
        Some(Waiting { task: self.task.clone(), _abroad: abroad })
    }

    /// Whether the task lives on another thread than this, if a worker runs here.
    pub(super) fn is_abroad(&self) -> bool {
        local().is_some_and(|local| !local.is_home_of(&self.task))
    }

    /// Waits for a task of the same worker: no atomics, and no reference to the waiter is counted.
    fn wait_here(&self, me: &Header) {
        self.task.local_joiner.set(me);
        let _leave = LeaveHere(&self.task);
        while !self.task.is_done() {
            park(Reason::End(self.id()));
            checkpoint();
        }
    }

    /// Has `joiner` told of the end, until the handle joins or is polled. `false`: the task has ended.
    pub(super) fn tell(&self, joiner: Joiner) -> bool {
        Waiting::leave(&self.task);
        !self.task.is_done() && self.set_joiner(joiner)
    }

    /// The result of a task that has ended.
    pub(super) fn join_ended(mut self) -> Result<T, JoinError> {
        self.take()
    }

    /// Puts a joiner in place. `false`: the task has ended.
    fn set_joiner(&self, joiner: Joiner) -> bool {
        // SAFETY: JOINING is not set, so the place is the handle's.
        unsafe { *self.task.joiner.get() = Some(joiner) };
        // AcqRel: the joiner is there for the task that sees JOINING; the result is, if DONE is seen.
        let state = self.task.state.fetch_or(JOINING, AcqRel);
        if state & DONE != 0 {
            // The task looked before JOINING was set, and looks no more.
            // SAFETY: so the place is the handle's still.
            unsafe { *self.task.joiner.get() = None };
        }
        state & DONE == 0
    }

    pub(super) fn take(&mut self) -> Result<T, JoinError> {
        self.taken = true;
        // SAFETY: the task is done and this is its handle, of this type.
        match unsafe { self.task.take_result::<T>() } {
            Some(Ok(value)) => Ok(value),
            Some(Err(Failure::Cancelled)) => Err(JoinError(Kind::Cancelled)),
            Some(Err(Failure::Panicked(payload))) => Err(JoinError(Kind::Panicked(Mutex::new(payload)))),
            None => panic!("a `JoinHandle` was polled after it had given its result"),
        }
    }

    /// Asks the task to end: it unwinds at its next cancellation point. One that has not started never runs.
    pub fn cancel(&self) {
        cancel::cancel(&self.task);
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.task.is_done()
    }

    /// The id of the task.
    pub fn id(&self) -> super::Id {
        self.task.id()
    }

    /// The name that the task was given.
    pub fn name(&self) -> Option<&str> {
        self.task.name()
    }
}

/// A wait for an end. As it is dropped the joiner is taken back.
pub(super) struct Waiting {
    task: TaskRef,
    _abroad: Option<Abroad<'static>>,
}

impl Waiting {
    fn leave(task: &TaskRef) {
        // AcqRel: if DONE is not set the task will not look, and the place is the handle's again.
        if task.state.fetch_and(!JOINING, AcqRel) & DONE == 0 {
            // SAFETY: as said.
            unsafe { *task.joiner.get() = None };
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        Waiting::leave(&self.task);
    }
}

/// The same for a joiner of the same worker.
struct LeaveHere<'a>(&'a TaskRef);

impl Drop for LeaveHere<'_> {
    fn drop(&mut self) {
        self.0.local_joiner.set(ptr::null());
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.task.is_done() {
            return Poll::Ready(self.take());
        }
        Waiting::leave(&self.task);
        self.polled = true;
        if !self.task.is_done() && self.set_joiner(Joiner::Future(context.waker().clone())) {
            return Poll::Pending;
        }
        Poll::Ready(self.take())
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if self.taken {
            return;
        }
        // AcqRel: if DONE is seen, so is the result; if not, the task sees that nobody wants it.
        if self.task.state.fetch_and(!HANDLE, AcqRel) & DONE != 0 {
            // SAFETY: the task is done and the handle, which alone could take the result, goes.
            unsafe { self.task.drop_result() };
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).field("name", &self.name()).finish_non_exhaustive()
    }
}

/// Why a task gave no result.
pub struct JoinError(Kind);

enum Kind {
    Cancelled,
    /// In a mutex for `Sync`, which errors are expected to be.
    Panicked(Mutex<Box<dyn Any + Send>>),
    WouldSuspend,
}

impl JoinError {
    pub(super) fn would_suspend() -> JoinError {
        JoinError(Kind::WouldSuspend)
    }

    /// Whether the task was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0, Kind::Cancelled)
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.0, Kind::Panicked(_))
    }

    /// The payload of the panic, to be raised on by [`resume_unwind`](std::panic::resume_unwind).
    ///
    /// # Panics
    /// When the task did not panic.
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.0 {
            Kind::Panicked(payload) => payload.into_inner().unwrap_or_else(PoisonError::into_inner),
            _ => panic!("`into_panic` was called on the error of a task that did not panic: ask `is_panic` first"),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Cancelled => f.write_str("the task was cancelled"),
            Kind::Panicked(payload) => {
                let payload = payload.lock().unwrap_or_else(PoisonError::into_inner);
                write!(f, "the task panicked: {}", generator::text_of_panic(&**payload))
            }
            Kind::WouldSuspend => f.write_str("the task has not ended, and the caller unwinds and cannot wait"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl Error for JoinError {}
