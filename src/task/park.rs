//! The waist: all that waits goes through [`park`], whatever scheduler is below.
//!
//! `park` is a token: a wake that comes first makes it return at once, and it may return for nothing. Callers
//! loop.

use std::cell::Cell;
use std::fmt;
use std::hint::spin_loop;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::*;
use std::thread;
use std::time::Instant;

use super::Id;
use super::cancel::{self, checkpoint};
use super::fiber::{self, Stop};
use super::header::{Header, NOTIFIED, Phase, TaskRef};
use super::home::Home;
use super::own::Local;
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

/// Why somebody cannot wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Unwinding,
    Callback,
}

/// Who can wait here: the running task, or, `None`, a plain thread.
#[inline(always)]
pub(crate) fn who<'a>() -> Result<Option<&'a Header>, Refused> {
    match running() {
        Some(task) if task.context.is_unwinding() => Err(Refused::Unwinding),
        Some(task) => Ok(Some(task)),
        None => match mode() {
            Mode::Thread => Ok(None),
            Mode::Unwinding => Err(Refused::Unwinding),
            _ => Err(Refused::Callback),
        },
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
    Lock,
    Permit,
    Receive,
    Send,
    Select,
    Notify,
    Barrier,
    Event,
    Queue,
    AnyEnd,
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
            Reason::Lock => f.write_str("a lock"),
            Reason::Permit => f.write_str("a permit of a semaphore"),
            Reason::Receive => f.write_str("a message of a channel"),
            Reason::Send => f.write_str("room in a channel"),
            Reason::Select => f.write_str("one arm of a `select`"),
            Reason::Notify => f.write_str("the notify of a condition variable"),
            Reason::Barrier => f.write_str("the others at a barrier"),
            Reason::Event => f.write_str("an event to be set"),
            Reason::Queue => f.write_str("the tasks of a queue to be done"),
            Reason::AnyEnd => f.write_str("the end of one of several tasks"),
        }
    }
}

/// Suspends the running task until a wake; elsewhere blocks the thread until one.
///
/// # Panics
/// In a callback, which cannot wait; and where the task unwinds, which the callers rule out.
#[inline(always)]
pub(crate) fn park(reason: Reason) {
    match running() {
        Some(task) => park_task(task, reason),
        None if LOCAL.get().is_null() => park_thread(None),
        None => refuse_callback(),
    }
}

/// A callback runs on the worker's own stack: there is nothing to suspend.
#[cold]
pub(crate) fn refuse_callback() -> ! {
    panic!("a callback of the event loop cannot wait: spawn a task for that")
}

/// Suspends `me`, which is [`who`] can wait here, or blocks this thread.
#[inline(always)]
pub(crate) fn park_as(me: Option<&Header>, reason: Reason) {
    match me {
        Some(task) => suspend(task, reason),
        None => park_thread(None),
    }
}

#[inline(always)]
fn park_task(task: &Header, reason: Reason) {
    assert!(!task.context.is_unwinding(), "a task cannot wait while it unwinds");
    suspend(task, reason);
}

#[inline(always)]
fn suspend(task: &Header, reason: Reason) {
    debug_assert!(!task.context.is_unwinding());
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

/// Pauses for which a thread looks for what another thread may do at once; some microseconds.
const SPINS: u32 = 200;

/// Looks for something for a short while, unless the process has a single core. Whether it came.
pub(crate) fn spin_until(came: impl Fn() -> bool) -> bool {
    let spin = |_| {
        spin_loop();
        came()
    };
    has_cores() && (0..SPINS).any(spin)
}

/// [`park`] on a plain thread, until `deadline` at most.
#[cold]
pub(crate) fn park_thread(deadline: Option<Instant>) {
    let Ok(header) = THREAD.try_with(TaskRef::clone) else {
        return block_thread(deadline);
    };
    if take_wake(&header) || spin_until(|| take_wake(&header)) {
        return;
    }
    while !take_wake(&header) && deadline.is_none_or(|deadline| Instant::now() < deadline) {
        block_thread(deadline);
    }
}

/// Whether a plain thread was woken; takes that back.
fn take_wake(header: &Header) -> bool {
    // Acquire: see `notify` in waker.rs.
    header.state.load(Relaxed) & NOTIFIED != 0 && header.state.fetch_and(!NOTIFIED, Acquire) & NOTIFIED != 0
}

/// Has those who wake this plain thread notify `home` as well.
pub(crate) fn attach_thread(home: Option<&'static Home>) {
    let home = home.map_or(ptr::null_mut(), |home| ptr::from_ref(home).cast_mut());
    // Relaxed: whoever is to wake the thread is told of it after this, under a lock. As the thread ends, `THREAD` may be gone.
    let _ = THREAD.try_with(|header| header.home.store(home, Relaxed));
}

/// Runs `sleep`, which a notify of this plain thread's `home` ends, unless the thread was woken.
pub(crate) fn sleep_thread(home: &Home, sleep: impl FnOnce()) {
    let is_woken = || THREAD.try_with(|header| take_wake(header)).unwrap_or(true);
    if !is_woken() && home.begin_sleep() {
        sleep();
        home.end_sleep();
        is_woken();
    }
}

fn block_thread(deadline: Option<Instant>) {
    match deadline {
        None => thread::park(),
        Some(deadline) => thread::park_timeout(deadline.saturating_duration_since(Instant::now())),
    }
}

/// Whether another thread can do something while this one spins.
fn has_cores() -> bool {
    static CORES: OnceLock<bool> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().is_ok_and(|cores| cores.get() > 1))
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
    let too_many = spend_operation();
    if too_many {
        end_long_turn();
    }
    too_many
}

#[cold]
fn end_long_turn() {
    count_long_turn();
    give_way();
}

/// Has the worker know that this turn was longer than others.
pub(crate) fn count_long_turn() {
    if let Some(local) = local() {
        local.count_long_turn();
    }
}

/// Counts an operation that does not wait. Whether there were too many in a row, so that the caller is to give way; then it
/// counts as the first after that.
#[inline]
pub(crate) fn spend_operation() -> bool {
    let ready = READY.get() + 1;
    let too_many = ready > MAX_READY;
    READY.set(if too_many { 1 } else { ready });
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
