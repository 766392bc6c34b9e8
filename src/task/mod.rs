//! Tasks: plain closures that block, on cheap stacks of their own.
//!
//! [`spawn`] starts one on the scheduler of the caller, [`Builder`] one with a name or another stack size. A
//! [`JoinHandle`] waits for its end. A task that has started stays on its thread.
//!
//! Cancelling a task unwinds it at its next *cancellation point*, which every blocking call of this crate is:
//! destructors run, no panic is reported. A body that catches the unwind meets it again at its next blocking call.

// This is the waist of the crate. What blocks, above, knows `park`, `Waker` and `WaitQueue` and names no scheduler;
// the schedulers run what is `Ready` and know nothing of what blocks.
//
// header                     the task itself: one allocation, its state bits
// group, scope               many of them, awaited together
// home, ring, gate           where it lives: the inbox for other threads, the ready queue
// fiber                      the coroutine that it runs on
// park, waker, wait_queue    how it waits
// join, cancel, token        how it ends

mod cancel;
mod fiber;
mod gate;
mod group;
mod header;
mod home;
mod join;
mod park;
mod ring;
mod scope;
mod token;
mod wait_queue;
mod waker;

use std::cell::Cell;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub(crate) use self::cancel::{CancelScope, Fired, Trigger, checkpoint};
pub(crate) use self::fiber::{Fibers, let_go};
pub(crate) use self::gate::Gate;
use self::group::Group;
use self::header::Settings;
pub(crate) use self::header::TaskRef;
pub(crate) use self::home::{Callback, Home, Local, call_soon};
pub use self::join::{JoinError, JoinHandle};
pub(crate) use self::park::{Entered, Mode, Reason, enter, give_way, local, mode, park, running};
pub(crate) use self::ring::Ready;
pub use self::scope::{Scope, ScopedJoinHandle, scope};
pub use self::token::CancelToken;
pub(crate) use self::wait_queue::WaitQueue;
pub(crate) use self::waker::{Waker, prefetch};
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

/// The running task, as its own code sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    id: Id,
    name: Option<Box<str>>,
}

impl Task {
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
    running().map(|task| Task { id: task.id(), name: task.name().map(Box::from) })
}

/// Makes a task of `body` on `local`: it goes to the tail of the ready ring.
pub(crate) fn spawn_on<T: 'static>(
    local: &Local,
    builder: Builder,
    body: impl FnOnce() -> T + 'static,
) -> JoinHandle<T> {
    // SAFETY: nothing is borrowed.
    unsafe { spawn_unchecked(local, builder, None, body) }
}

/// As [`spawn_on`], for a body that borrows.
///
/// # Safety
/// What the body and its result borrow must be there until the task has ended.
pub(crate) unsafe fn spawn_unchecked<T>(
    local: &Local,
    builder: Builder,
    group: Option<Arc<Group>>,
    body: impl FnOnce() -> T,
) -> JoinHandle<T> {
    let stack_size = builder.stack_size.map_or(local.stack_size(), coroutine::round_size);
    let name = builder.name.map(String::into_boxed_str);
    let task = TaskRef::new(Settings { id: next_id(), name, stack_size, group, is_call: false }, body);
    if let Some(group) = &task.group {
        group.add(task.clone());
    }
    // The handle's reference: `TaskRef::new` counted two. It is made first, since the task must not be adopted by a
    // worker that could end before the handle is there.
    let handle = JoinHandle::new(task.second());
    local.adopt(task);
    handle
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
    spawn_on(local_or_panic("spawn"), Builder::new(), body)
}

/// Starts a task that stays on this thread, so that neither its body nor its result need be `Send`.
///
/// # Panics
/// Where no scheduler runs, with a sentence that says what to use.
pub fn spawn_local<T: 'static>(body: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    spawn_on(local_or_panic("spawn_local"), Builder::new(), body)
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

    /// As [`spawn`], with these settings.
    ///
    /// # Errors
    /// `OutOfMemory` when no stack is to be had; nothing of the body runs then.
    ///
    /// # Panics
    /// As [`spawn`].
    pub fn spawn<T: Send + 'static>(self, body: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
        self.spawn_local(body)
    }

    /// As [`spawn_local`], with these settings.
    ///
    /// # Errors
    /// As [`Builder::spawn`].
    ///
    /// # Panics
    /// As [`spawn_local`].
    pub fn spawn_local<T: 'static>(self, body: impl FnOnce() -> T + 'static) -> io::Result<JoinHandle<T>> {
        let local = local_or_panic("Builder::spawn");
        coroutine::probe(self.stack_size.map_or(local.stack_size(), coroutine::round_size))?;
        Ok(spawn_on(local, self, body))
    }
}
