//! The waist: all that waits goes through [`park`], whatever scheduler is below.
//!
//! `park` is a token: a wake that comes first makes it return at once, and it may return for nothing. Callers
//! loop.

use std::cell::Cell;
use std::fmt;
use std::ptr;
use std::sync::atomic::Ordering::*;

use super::Id;
use super::cancel::{self, checkpoint};
use super::fiber::{self, Stop};
use super::header::{Header, NOTIFIED, Phase, TaskRef};
use super::home::Local;
use crate::coroutine::{self, Context};

thread_local! {
    /// Operations begun since a task of this thread last waited, or gave way for them.
    static READY: Cell<u32> = const { Cell::new(0) };
    /// The task that runs on this thread, or null.
    pub(super) static RUNNING: Cell<*const Header> = const { Cell::new(ptr::null()) };
    /// The worker that runs on this thread, or null.
    static LOCAL: Cell<*const Local> = const { Cell::new(ptr::null()) };
    /// How this thread is woken where it runs no task.
    static THREAD: TaskRef = TaskRef::of_thread();
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A task: it can park.
    Task,
    /// A plain thread: it blocks.
    Thread,
    /// A callback, on the worker's own stack: it must not wait.
    Callback,
    /// A task that unwinds: it must not suspend.
    Unwinding,
}

#[inline]
pub(crate) fn mode() -> Mode {
    match running() {
        Some(task) if task.context.is_unwinding() => Mode::Unwinding,
        Some(_) => Mode::Task,
        None if LOCAL.get().is_null() => Mode::Thread,
        None if std::thread::panicking() => Mode::Unwinding,
        None => Mode::Callback,
    }
}

/// The task that runs on this thread.
#[inline]
pub(crate) fn running<'a>() -> Option<&'a Header> {
    // SAFETY: the worker that resumed the task holds a reference to it for as long as it runs, and the caller is
    // code that it runs.
    unsafe { RUNNING.get().as_ref() }
}

/// The worker of this thread, for as long as it runs.
#[inline]
pub(crate) fn local<'a>() -> Option<&'a Local> {
    // SAFETY: set by `enter`, whose result borrows the `Local` and takes the pointer back as it goes.
    unsafe { LOCAL.get().as_ref() }
}

/// Makes `local` the worker of this thread until the result is dropped.
pub(crate) fn enter(local: &Local) -> Entered<'_> {
    Entered {
        before: LOCAL.replace(local),
        running: RUNNING.replace(ptr::null()),
        context: coroutine::leave(ptr::null()),
        _local: local,
    }
}

/// See [`enter`].
pub(crate) struct Entered<'a> {
    before: *const Local,
    running: *const Header,
    /// The coroutine that runs the worker, if one does. Its yields must not take the worker away, so no code that the
    /// worker runs counts as a part of it.
    context: *const Context,
    _local: &'a Local,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        LOCAL.set(self.before);
        RUNNING.set(self.running);
        coroutine::set_current(self.context);
    }
}

/// The running task, counted, or this plain thread.
pub(super) fn current() -> TaskRef {
    match running() {
        Some(task) => task.counted(),
        None => THREAD.try_with(TaskRef::clone).unwrap_or_else(|_| TaskRef::of_thread()),
    }
}

/// What a parked task waits for, for those who look at it from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Nothing,
    End(Id),
    Children,
    Time,
    Readable(i32),
    Writable(i32),
    Unblock,
    Future,
    Fork,
    Runtime,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Nothing => f.write_str("nothing: it is ready"),
            Reason::End(id) => write!(f, "the end of task {id}"),
            Reason::Children => f.write_str("the tasks of its `scope`"),
            Reason::Time => f.write_str("a time to come"),
            Reason::Readable(fd) => write!(f, "descriptor {fd} to be readable"),
            Reason::Writable(fd) => write!(f, "descriptor {fd} to be writable"),
            Reason::Unblock => f.write_str("a closure on the blocking pool"),
            Reason::Future => f.write_str("a future"),
            Reason::Runtime => f.write_str("the end of a runtime"),
            Reason::Fork => f.write_str("the other side of its `join`"),
        }
    }
}

/// Suspends the running task until a wake; elsewhere blocks the thread until one.
///
/// # Panics
/// In a callback, which cannot wait; and where the task unwinds, which the callers rule out.
pub(crate) fn park(reason: Reason) {
    match running() {
        Some(task) => park_task(task, reason),
        None if LOCAL.get().is_null() => park_thread(),
        None => panic!("a callback of the event loop cannot wait: spawn a task for that"),
    }
}

#[inline(always)]
fn park_task(task: &Header, reason: Reason) {
    assert!(!task.context.is_unwinding(), "a task cannot wait while it unwinds");
    if cancel::is_in_generator(task) && cancel::claim(task) {
        return;
    }
    if !task.token.replace(false) {
        READY.set(0);
        task.reason.set(reason);
        let here = 0;
        task.stands_at.set(&raw const here);
        fiber::suspend(task, Phase::Parked, Stop::Parked);
    }
}

fn park_thread() {
    let Ok(header) = THREAD.try_with(TaskRef::clone) else {
        return std::thread::park();
    };
    // Acquire: see `wake_remote`.
    while header.state.fetch_and(!NOTIFIED, Acquire) & NOTIFIED == 0 {
        std::thread::park();
    }
}

/// Operations in a row that may be ready at once before a task gives way.
const MAX_READY: u32 = 256;

/// What every operation begins with that could complete at once: it may be cancelled here, and gives way if there were
/// too many in a row.
#[inline]
pub(crate) fn begin_operation() {
    checkpoint();
    if count_operation() {
        checkpoint();
    }
}

/// Counts an operation that does not wait, and gives way if there were too many in a row. Whether it did.
#[inline]
pub(super) fn count_operation() -> bool {
    let ready = READY.get() + 1;
    READY.set(ready);
    let too_many = ready > MAX_READY;
    if too_many {
        READY.set(1);
        give_way();
    }
    too_many
}

/// A cancellation point at which the other tasks have a turn. `false`: no task runs here.
#[inline(always)]
pub(crate) fn yield_now() -> bool {
    let Some(task) = running() else { return false };
    cancel::check(task);
    if !task.context.is_unwinding() {
        fiber::suspend(task, Phase::Yielded, Stop::Yielded);
        cancel::check(task);
    }
    true
}

/// Lets the other tasks have a turn. Does nothing where there is no task, or where it unwinds.
#[inline(always)]
pub(crate) fn give_way() {
    if let Some(task) = running()
        && !task.context.is_unwinding()
    {
        fiber::suspend(task, Phase::Yielded, Stop::Yielded);
    }
}
