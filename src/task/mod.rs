//! Tasks: plain closures that block, on cheap stacks of their own.
//!
//! [`spawn`] starts one on the scheduler of the caller, [`Builder`] one with a name or another stack size. A
//! [`JoinHandle`] waits for its end. A task that has started stays on its thread.
//!
//! Cancelling a task unwinds it at its next *cancellation point*, which every blocking call of this crate is:
//! destructors run, no panic is reported. A body that catches the unwind meets it again at its next blocking call.

// This is the waist of the crate. What blocks, above, knows `park`, `Waker` and `Monitor` and names no scheduler;
// the schedulers run what is `Ready` and know nothing of what blocks.
//
// header, block              the task itself: one block of memory, its state bits
// group, scope               many of them, awaited together
// home, ring, gate, barrier  where it lives: the inbox for other threads, the ready queue
// new_work, fork             what any worker may start: new tasks, and halves of joins
// fiber                      the coroutine that it runs on
// park, waker                how it waits
// monitor, select, lock      what it waits for together with others, and what for among several
// join, join_set             how its end is waited for
// cancel, token              how it is cancelled
// local                      what it has for itself
// unwound                    an unwind that goes on after a wait

pub(crate) mod barrier;
mod block;
mod cancel;
mod fiber;
mod fork;
mod gate;
mod group;
mod header;
mod home;
mod join;
mod join_set;
mod local;
mod lock;
mod monitor;
mod new_work;
mod operation;
mod own;
mod park;
mod place;
mod ring;
mod scope;
mod select;
mod token;
mod unwound;
mod waker;

use std::cell::Cell;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub(crate) use self::cancel::{CancelScope, Fired, Trigger, checkpoint};
pub(crate) use self::fiber::{Fibers, let_go};
pub use self::fork::join;
pub(crate) use self::gate::Gate;
use self::group::Group;
use self::header::Settings;
pub(crate) use self::header::{Header, TaskRef};
pub(crate) use self::home::Home;
pub use self::join::{JoinError, JoinHandle};
pub use self::join_set::{AsCompleted, IntoHandle, JoinSet, as_completed, join_all, try_join_all};
pub use self::local::LocalKey;
pub(crate) use self::monitor::{Locked, Monitor, Woken};
pub(crate) use self::new_work::{NewWork, SEARCHER, SLEEPER, Word, Work, is_hungry};
pub(crate) use self::operation::{Forever, Limit, Operation, Undone, Until};
pub(crate) use self::own::{Callback, Local, call_soon};
pub(crate) use self::park::{
    Entered, Mode, Reason, Refused, attach_thread, begin_operation, enter, give_way, local, mode, park, park_as,
    park_thread, refuse_callback, running, sleep_thread, spin_until, who, yield_now,
};
#[cfg(feature = "futures-io")]
pub(crate) use self::park::{count_long_turn, spend_operation};
pub(crate) use self::ring::Ready;
pub use self::scope::{Scope, ScopedJoinHandle, scope};
pub(crate) use self::select::{Arm, Arms, JoinArm, QueueArm, Ticket, attempt, select};
pub use self::token::CancelToken;
pub(crate) use self::waker::{Hint, Waker, prefetch, prefetch_lines};
use crate::coroutine;

/// What tells tasks apart. No two tasks of a process have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A new id. Threads take them by blocks, so that they need not meet at each.
fn next_id() -> u64 {
    const BLOCK: u64 = 1024;
    static NEXT_BLOCK: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static NEXT: Cell<u64> = const { Cell::new(0) };
    }
    let mut next = NEXT.get();
    if next.is_multiple_of(BLOCK) {
        next = NEXT_BLOCK.fetch_add(1, Relaxed) * BLOCK;
    }
    NEXT.set(next + 1);
    next - BLOCK + 1
}

/// Asks for a task's end.
pub(crate) fn cancel(task: &TaskRef) {
    self::cancel::cancel(task);
}

/// Whether a cancellation reaches the code that asks.
pub(crate) fn is_cancelled() -> bool {
    running().is_some_and(self::cancel::is_pending)
}

/// Unwinds, where an operation said that it is cancelled.
pub(crate) fn unwind_cancelled() -> ! {
    self::cancel::unwind()
}

/// Cancels a task past all shields.
pub(crate) fn force(task: &TaskRef) {
    self::cancel::force(task);
}

/// A random number below `limit`; on a loop with a seed, the same in each run.
fn random_below(limit: usize) -> usize {
    local().map_or_else(|| fastrand::usize(..limit), |local| local.random_below(limit))
}

/// The running task, as its own code sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    id: Id,
    name: Option<Box<str>>,
}

impl Task {
    fn of(task: &Header) -> Task {
        Task { id: task.id(), name: task.name().map(Box::from) }
    }

    /// The id of the task.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The name that it was given.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// The running task; `None` in a callback and on a plain thread.
///
/// # Examples
/// ```
/// assert!(corro::task::current().is_none());
/// corro::run(|| assert!(corro::task::current().is_some()));
/// ```
pub fn current() -> Option<Task> {
    running().map(Task::of)
}

/// Makes a task of `body` on `local`: it goes to the tail of the ready ring.
pub(crate) fn spawn_here<T: 'static>(
    local: &Local,
    builder: Builder,
    body: impl FnOnce() -> T + 'static,
) -> JoinHandle<T> {
    // SAFETY: nothing is borrowed.
    unsafe { spawn_here_unchecked(local, builder, None, body) }
}

/// As [`spawn_here`], for a body that borrows.
///
/// # Safety
/// What the body and its result borrow must be there until the task has ended.
pub(crate) unsafe fn spawn_here_unchecked<T>(
    local: &Local,
    builder: Builder,
    group: Option<Arc<Group>>,
    body: impl FnOnce() -> T,
) -> JoinHandle<T> {
    let (task, handle) = new_task(local.stack_size(), builder, group, body);
    local.adopt(task);
    handle
}

/// Makes a task of `body` that any worker of the scheduler may start, or as its placement says.
///
/// # Safety
/// As [`spawn_here_unchecked`], and body and result must be `Send`.
unsafe fn spawn_unchecked<T>(
    local: &Local,
    builder: Builder,
    group: Option<Arc<Group>>,
    body: impl FnOnce() -> T,
) -> JoinHandle<T> {
    let placement = builder.placement;
    let (task, handle) = new_task(local.stack_size(), builder, group, body);
    match placement {
        Placement::Any => local.spawn(task),
        Placement::Here => local.adopt(task),
        Placement::Spread => local.spread(task),
    }
    handle
}

/// Makes a task that no worker knows yet, to be handed to a scheduler.
///
/// # Safety
/// As [`spawn_unchecked`].
pub(crate) unsafe fn detached<T>(
    stack_size: usize,
    builder: Builder,
    body: impl FnOnce() -> T,
) -> (TaskRef, JoinHandle<T>) {
    new_task(stack_size, builder, None, body)
}

/// A task and its handle, which exists before any worker could end the task.
#[inline]
fn new_task<T>(
    stack_size: usize,
    builder: Builder,
    group: Option<Arc<Group>>,
    body: impl FnOnce() -> T,
) -> (TaskRef, JoinHandle<T>) {
    let stack_size = builder.stack_size.map_or(stack_size, coroutine::round_size);
    let name = builder.name.map(String::into_boxed_str);
    let task = TaskRef::new(
        Settings { id: next_id(), name, stack_size, group, is_call: false, locals: local::inherited() },
        body,
    );
    if let Some(group) = &task.group {
        group.add(task.clone());
    }
    // `TaskRef::new` counted two references.
    let handle = JoinHandle::new(task.second());
    (task, handle)
}

/// Starts a task on the scheduler of the caller. It runs when its turn comes, not before this returns.
///
/// # Panics
/// Where no scheduler runs, with a sentence that says what to use.
///
/// # Examples
/// ```
/// corro::run(|| {
///     let handle = corro::spawn(|| "hello");
///     assert_eq!(handle.join().unwrap(), "hello");
/// });
/// ```
#[doc(alias = "create_task")]
#[doc(alias = "ensure_future")]
#[doc(alias = "go")]
pub fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    // SAFETY: nothing is borrowed, and all is `Send`.
    unsafe { spawn_unchecked(local_or_panic("spawn"), Builder::new(), None, body) }
}

/// Starts a task that stays on this thread, so that neither its body nor its result need be `Send`.
///
/// # Panics
/// Where no scheduler runs, with a sentence that says what to use.
pub fn spawn_local<T: 'static>(body: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    spawn_here(local_or_panic("spawn_local"), Builder::new(), body)
}

/// Refuses to run a scheduler inside another.
///
/// # Panics
/// On a thread that is running tasks.
pub(crate) fn refuse_nesting() {
    assert!(
        local().is_none(),
        "`run` was called on a thread that is already running tasks: use `corro::spawn` and `join` there, or run the \
         other scheduler on a thread of its own"
    );
}

/// Refuses what needs a task.
///
/// # Panics
/// Where no task runs.
pub(crate) fn require_task(call: &str) {
    assert!(
        running().is_some(),
        "`{call}` was called where no task runs: call it inside `corro::run` or a spawned task"
    );
}

fn local_or_panic(call: &str) -> &'static Local {
    local().unwrap_or_else(|| {
        panic!("`{call}` was called where no task runs: call it inside `corro::run`, or use `EventLoop::spawn`")
    })
}

/// Gives a task what [`spawn`] gives by default: a name, a stack size.
///
/// # Examples
/// ```
/// use corro::task;
///
/// corro::run(|| {
///     let builder = task::Builder::new().name("deep").stack_size(1024 * 1024);
///     let handle = builder.spawn(|| task::current().unwrap().name().map(str::to_owned)).unwrap();
///     assert_eq!(handle.join().unwrap().as_deref(), Some("deep"));
/// });
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    name: Option<String>,
    stack_size: Option<usize>,
    placement: Placement,
}

/// Where a new task starts, and stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// On the worker that spawns it.
    Here,
    /// On whichever worker comes to it first.
    #[default]
    Any,
    /// On the workers in turn: for long-lived tasks that should not all be where they were spawned, such as connections.
    Spread,
}

impl Builder {
    /// A builder with the defaults.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Names the task. Reports of overflows and of deadlocks use it.
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.name = Some(name.into());
        self
    }

    /// Sets the size of the task's stack in bytes, rounded up to pages; at least 16 KiB, by default 256 KiB.
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.stack_size = Some(bytes);
        self
    }

    /// Sets where the task starts; on an event loop there is one place.
    pub fn placement(mut self, placement: Placement) -> Builder {
        self.placement = placement;
        self
    }

    /// As [`spawn`], with these settings.
    ///
    /// # Errors
    /// `OutOfMemory` when no stack is to be had; nothing of the body runs then.
    ///
    /// # Panics
    /// As [`spawn`].
    pub fn spawn<T: Send + 'static>(self, body: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
        let local = self.probe()?;
        // SAFETY: nothing is borrowed, and all is `Send`.
        Ok(unsafe { spawn_unchecked(local, self, None, body) })
    }

    /// As [`spawn_local`], with these settings.
    ///
    /// # Errors
    /// As [`Builder::spawn`].
    ///
    /// # Panics
    /// As [`spawn_local`].
    pub fn spawn_local<T: 'static>(self, body: impl FnOnce() -> T + 'static) -> io::Result<JoinHandle<T>> {
        let local = self.probe()?;
        Ok(spawn_here(local, self, body))
    }

    /// The worker of this thread, if a stack is to be had.
    fn probe(&self) -> io::Result<&'static Local> {
        let local = local_or_panic("Builder::spawn");
        coroutine::probe(self.stack_size.map_or(local.stack_size(), coroutine::round_size))?;
        Ok(local)
    }
}
