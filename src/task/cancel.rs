//! Cancellation: a task that was marked, or a scope that fired, unwinds at its next cancellation point.
//!
//! ```text
//!  task ─► scope ─► shield ─► generator ─► scope ─► the code that runs      what it sees: the last scope alone
//! ```
//!
//! A [`CancelScope`] lies in the frame that opened it. Each coroutine lists those that are open in it, the innermost
//! first (`Context::scopes`), so a suspended generator takes its own along. What counts for the code that runs are the
//! scopes outwards from it, over all coroutines up to the task, and last the task's own mark; a shield ends the look.
//!
//! The way of a cancellation: the scope is marked, then its owner's FIRED bit is set, then the owner is woken. A
//! cancellation point looks at the bits of the task alone, unless one is set.
//!
//! Invariants:
//! - A scope is in the list of one coroutine from [`CancelScope::run`]'s beginning to its end, in that frame's life.
//! - The owner is the task that runs the scope's frame, whenever that task is parked ([`claim`]).

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::barrier;
use super::header::{CANCELLED, FIRED, FORCED, Header, TaskRef};
use super::park;
use super::waker::{self, Waker};
use crate::coroutine::{self, Cancellation, Context};

/// Asks for a task's end, from any thread.
pub(super) fn cancel(task: &TaskRef) {
    mark(task);
    see_home([task]);
    waker::wake(task);
}

/// The same for several, with one barrier.
pub(super) fn cancel_all(tasks: &[TaskRef]) {
    tasks.iter().for_each(|task| mark(task));
    see_home(tasks);
    tasks.iter().for_each(waker::wake);
}

/// A worker that takes a task in stores its home and then, as the task runs, looks for the mark. After this either the
/// home is seen here, or the mark there.
fn see_home<'a>(tasks: impl IntoIterator<Item = &'a TaskRef>) {
    if tasks.into_iter().any(|task| task.home.load(Relaxed).is_null() && !task.is_done()) {
        barrier::heavy();
    }
}

/// Marks a task as cancelled.
pub(super) fn mark(task: &Header) {
    // Release and acquire with the wake that follows make it seen by the time the task is woken.
    task.state.fetch_or(CANCELLED, AcqRel);
}

/// Cancels a task that waits for what cannot come; no shield holds that back.
pub(super) fn force(task: &TaskRef) {
    task.state.fetch_or(CANCELLED | FORCED, AcqRel);
    waker::wake(task);
}

/// A cancellation point: unwinds if a cancellation reaches the code that runs, unless the task unwinds already.
#[inline(always)]
pub(crate) fn checkpoint() {
    if let Some(task) = park::running() {
        check(task);
    }
}

/// The same for the running task, if that is at hand.
#[inline(always)]
pub(super) fn check(task: &Header) {
    if task.state.load(Relaxed) & (CANCELLED | FIRED) != 0 || is_in_generator(task) {
        look(task);
    }
}

/// Whether the running task runs the body of a generator, whose scopes the task's bits do not tell of.
#[inline(always)]
pub(super) fn is_in_generator(task: &Header) -> bool {
    !ptr::eq(coroutine::current(), &task.context)
}

#[cold]
fn look(task: &Header) {
    if task.context.is_unwinding() {
        return;
    }
    if is_pending(task) {
        unwind();
    }
    clear_fired(task);
}

/// Unwinds, where a cancellation was found to be pending.
#[cold]
pub(super) fn unwind() -> ! {
    // One that swallows each unwind, and tries again, must not keep the others from theirs.
    park::count_operation();
    coroutine::unwind(Cancellation);
}

/// Whether a cancellation reaches the code that runs.
#[inline]
pub(super) fn is_pending_here() -> bool {
    park::running().is_some_and(|task| {
        (task.state.load(Relaxed) & (CANCELLED | FIRED) != 0 || is_in_generator(task)) && is_pending(task)
    })
}

/// Whether a cancellation reaches the code that runs now in `task`, the running one.
pub(super) fn is_pending(task: &Header) -> bool {
    if task.state.load(Relaxed) & FORCED != 0 {
        return true;
    }
    for scope in open_scopes() {
        if scope.has_fired() {
            return true;
        }
        if scope.shields {
            return false;
        }
    }
    task.is_cancelled()
}

/// Takes the FIRED bit back if no open scope has fired, behind a shield or not.
fn clear_fired(task: &Header) {
    // AcqRel: whoever fires marks the scope first, so either the mark is seen below or the bit is set again.
    task.state.fetch_and(!FIRED, AcqRel);
    if open_scopes().any(CancelScope::has_fired) {
        task.state.fetch_or(FIRED, Relaxed);
    }
}

/// The scopes around the code that runs, the innermost first.
fn open_scopes() -> impl Iterator<Item = &'static CancelScope> {
    coroutine::chain().flat_map(scopes_of)
}

fn scopes_of(context: &Context) -> impl Iterator<Item = &'static CancelScope> + use<> {
    let innermost = context.scopes.get().cast::<CancelScope>();
    // SAFETY: listed scopes are open: their frames lie below the code that runs, which asks, and on stacks that stay.
    std::iter::successors(unsafe { innermost.as_ref() }, |scope| unsafe { scope.outer.get().as_ref() })
}

/// Has the scopes of the generators that `task` runs wake `task` from now on: a generator may have been resumed by
/// another task before. Returns whether one of those that were taken over has fired.
#[cold]
pub(super) fn claim(task: &Header) -> bool {
    let foreign = coroutine::chain().filter(|context| !ptr::eq(*context, &task.context));
    let claimed = foreign.flat_map(scopes_of).filter(|scope| scope.claim(task));
    claimed.fold(false, |fired, scope| fired | scope.has_fired())
}

/// The error of a scope whose own cancellation ended it.
pub(crate) struct Fired;

/// Code that can be cancelled by itself, or that no outer cancellation reaches.
pub(crate) struct CancelScope {
    shields: bool,
    fired: AtomicBool,
    outer: Cell<*const CancelScope>,
    owner: Mutex<Owner>,
}

/// Whom a scope wakes.
enum Owner {
    /// The task on whose own stack the scope lies, so that it lives as long.
    Host(*const Header),
    /// A task that runs the generator on whose stack the scope lies.
    Guest(TaskRef),
}

impl Owner {
    fn of(task: &Header) -> Owner {
        if is_in_generator(task) { Owner::Guest(task.counted()) } else { Owner::Host(task) }
    }

    fn task(&self) -> &Header {
        match self {
            // SAFETY: see `Owner::Host`; who asks has the scope.
            Owner::Host(task) => unsafe { &**task },
            Owner::Guest(task) => task,
        }
    }
}

impl CancelScope {
    /// A scope for the running task.
    ///
    /// # Panics
    /// Where no task runs.
    pub(crate) fn new() -> CancelScope {
        CancelScope::with(false)
    }

    /// A scope that outer cancellations do not reach.
    ///
    /// # Panics
    /// Where no task runs.
    pub(crate) fn shield() -> CancelScope {
        CancelScope::with(true)
    }

    fn with(shields: bool) -> CancelScope {
        let task = park::running().expect("a cancel scope is opened in a task");
        CancelScope {
            shields,
            fired: AtomicBool::new(false),
            outer: Cell::new(ptr::null()),
            owner: Mutex::new(Owner::of(task)),
        }
    }

    fn owner(&self) -> MutexGuard<'_, Owner> {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    pub(super) fn has_fired(&self) -> bool {
        self.fired.load(Acquire)
    }

    /// Cancels the code in the scope, from any thread. The waker is to be woken when all locks are released.
    #[must_use]
    pub(crate) fn fire(&self) -> Waker {
        self.fired.store(true, Release);
        let owner = self.owner();
        // Release: who sees the bit sees the mark.
        owner.task().state.fetch_or(FIRED, Release);
        Waker::of(owner.task().counted())
    }

    fn claim(&self, task: &Header) -> bool {
        let mut owner = self.owner();
        let foreign = !ptr::eq(owner.task(), task);
        if foreign {
            *owner = Owner::Guest(task.counted());
        }
        foreign
    }

    /// Runs `f` in this scope, once.
    ///
    /// # Errors
    /// When this scope's cancellation, and none of an outer one, ended `f`.
    #[inline]
    pub(crate) fn run<T>(&self, f: impl FnOnce() -> T) -> Result<T, Fired> {
        let context = self.open();
        let outcome = catch_unwind(AssertUnwindSafe(f));
        self.close(context);
        match outcome {
            Ok(value) => Ok(value),
            Err(payload) if payload.is::<Cancellation>() && self.is_outermost_fired() => Err(Fired),
            Err(payload) => resume_unwind(payload),
        }
    }

    /// Lists it with the coroutine that runs.
    #[inline]
    fn open(&self) -> &'static Context {
        // SAFETY: a scope is made in a task, so a coroutine runs; the context is used in its own frame, by `close`.
        let context = unsafe { &*coroutine::current() };
        self.outer.set(context.scopes.replace(ptr::from_ref(self).cast()).cast());
        context
    }

    #[inline]
    fn close(&self, context: &Context) {
        context.scopes.set(self.outer.get().cast());
        if self.has_fired()
            && let Some(task) = park::running()
        {
            clear_fired(task);
        }
    }

    /// Whether this scope, closed by now, has fired and no visible one around it.
    fn is_outermost_fired(&self) -> bool {
        self.has_fired() && !park::running().is_some_and(is_pending)
    }

    /// What fires this scope from a timer.
    ///
    /// # Safety
    /// It must not be used when the scope is gone.
    pub(crate) unsafe fn trigger(&self) -> Trigger {
        Trigger(self)
    }
}

/// See [`CancelScope::trigger`].
pub(crate) struct Trigger(*const CancelScope);

impl Trigger {
    pub(crate) fn fire(self) {
        // SAFETY: whoever made it keeps it from being used when the scope is gone.
        unsafe { &*self.0 }.fire().wake();
    }
}
