//! Waits that are more than one source's: for a time, and for a descriptor that is not ours.
//!
//! - [`Alarm`]: a timer that goes with the frame that set it.
//! - [`pause`], [`pause_until`]: wait for a time. [`wait_fd`]: waits for any descriptor.
//! - [`Deadline`]: how long an operation of a monitor may wait.
//! - [`WouldSuspend`]: the answer to those who cannot wait.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::epoll::block_on_fd;
use super::oneshot::Oneshots;
use super::thread;
use super::{Direction, Driver, NEVER, Target, TimerKey, Timers, WaitKey, now, with_current};
use crate::task::{self, CancelScope, Fired, Header, Limit, Mode, Reason, Waker, refuse_callback};

/// A timer that is cancelled when this is dropped.
pub(crate) struct Alarm(Option<(Rc<RefCell<Timers<Target>>>, TimerKey)>);

impl Alarm {
    /// Without a driver there is no timer either.
    pub(crate) fn set(deadline: Instant, target: Target) -> Alarm {
        with_current(|driver| driver.map_or(Alarm(None), |driver| Alarm::add(driver, driver.ns(deadline), target)))
    }

    /// Of this driver, by its clock. It never goes off at a time that does not come.
    fn add(driver: &Driver, deadline: u64, target: Target) -> Alarm {
        if deadline == NEVER {
            return Alarm(None);
        }
        let key = driver.timers.borrow_mut().add(deadline, target);
        Alarm(Some((driver.timers.clone(), key)))
    }

    /// Whether it has gone off.
    fn is_over(&self) -> bool {
        self.0.as_ref().is_some_and(|(timers, key)| timers.borrow().is_over(*key))
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // The timers may be those of another loop: a generator goes on where it is resumed.
        let target = self.0.as_ref().and_then(|(timers, key)| timers.borrow_mut().cancel(*key));
        drop(target);
    }
}

/// A limit for waits: a time, or none.
pub(crate) struct Deadline {
    at: Option<Instant>,
    alarm: Option<Alarm>,
    /// The first question whether it is over needs no clock.
    is_ahead: Cell<bool>,
}

impl Deadline {
    /// `None` is no limit.
    pub(crate) fn at(at: Option<Instant>) -> Deadline {
        Deadline { at, alarm: None, is_ahead: Cell::new(false) }
    }

    /// A time that was to come when the caller read the clock, just now.
    pub(crate) fn ahead(at: Option<Instant>) -> Deadline {
        Deadline { is_ahead: Cell::new(true), ..Deadline::at(at) }
    }

    /// This long from now on; a time that no clock can tell is no limit.
    pub(crate) fn after(duration: Duration) -> Deadline {
        Deadline::at(now().checked_add(duration))
    }
}

impl Limit for Deadline {
    fn start(&mut self) {
        // One of this wait: the one before may have been in another task, if a generator waits.
        if let Some(at) = self.at
            && task::mode() == Mode::Task
        {
            self.alarm = Some(Alarm::set(at, Target::Wake(Waker::current())));
        }
    }

    fn is_over(&self) -> bool {
        !self.is_ahead.take() && self.at.is_some_and(|at| now() >= at)
    }

    #[inline(always)]
    fn park(&self, me: Option<&Header>, reason: Reason) {
        match me {
            Some(_) => task::park_as(me, reason),
            None if thread::park(self.at) => {}
            None => task::park_thread(self.at),
        }
    }
}

/// Runs `f` in a cancel scope that fires after this time.
///
/// # Errors
/// When the scope's cancellation, and none of an outer one, ended `f`.
///
/// # Panics
/// Where no task runs.
pub(crate) fn with_timeout<T>(after: Duration, f: impl FnOnce() -> T) -> Result<T, Fired> {
    let scope = CancelScope::new();
    let _alarm = set_to_fire(&scope, after);
    scope.run(f)
}

/// The alarm must be dropped before the scope.
fn set_to_fire(scope: &CancelScope, after: Duration) -> Option<Alarm> {
    if after.is_zero() {
        scope.fire().wake();
        return None;
    }
    // SAFETY: `with_timeout` drops the alarm, which takes the trigger out of the timers, before the scope.
    let trigger = Target::Cancel(unsafe { scope.trigger() });
    with_current(|driver| driver.map(|driver| Alarm::add(driver, driver.after(after), trigger)))
}

/// Suspends the task until `deadline`, at least for one turn of the others; `None` is later than any clock can tell.
/// On a plain thread, blocks the thread. A cancellation point; returns at once while the task unwinds.
pub(crate) fn pause_until(deadline: Option<Instant>) {
    match task::mode() {
        Mode::Unwinding => {}
        Mode::Callback => refuse_callback(),
        Mode::Task => pause_task(|driver| driver.until(deadline)),
        Mode::Thread => std::thread::sleep(deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(now()))),
    }
}

/// As [`pause_until`], from now on.
pub(crate) fn pause(duration: Duration) {
    match task::mode() {
        Mode::Unwinding => {}
        Mode::Callback => refuse_callback(),
        Mode::Task => pause_task(|driver| (!duration.is_zero()).then(|| driver.after(duration))),
        Mode::Thread => std::thread::sleep(duration),
    }
}

/// `deadline` gives nothing where it is past.
fn pause_task(deadline: impl FnOnce(&Driver) -> Option<u64>) {
    task::checkpoint();
    let wake = |driver: &Driver| {
        let deadline = deadline(driver)?;
        Some(Alarm::add(driver, deadline, Target::Wake(Waker::current())))
    };
    let Some(alarm) = with_current(|driver| driver.and_then(wake)) else {
        task::give_way();
        return task::checkpoint();
    };
    while !alarm.is_over() {
        task::park(Reason::Time);
        task::checkpoint();
    }
}

/// Waits until `fd`, which may be any, is ready.
///
/// # Errors
/// `EBADF` if there is no such descriptor, and [`WouldSuspend`] while the task unwinds.
pub(crate) fn wait_fd(fd: i32, direction: Direction) -> io::Result<()> {
    match task::mode() {
        Mode::Task => wait_fd_in_task(fd, direction),
        Mode::Thread => block_on_fd(fd, direction, None),
        Mode::Callback => refuse_callback(),
        Mode::Unwinding => Err(would_suspend()),
    }
}

fn wait_fd_in_task(fd: i32, direction: Direction) -> io::Result<()> {
    task::checkpoint();
    let watch = FdWatch::new(fd, direction)?;
    loop {
        if let Some(result) = watch.result() {
            return result;
        }
        task::park(direction.reason(fd));
        task::checkpoint();
    }
}

/// A wait of the running task, or of this thread, for a descriptor, as long as this lives.
pub(crate) struct FdWatch {
    oneshots: Rc<Oneshots>,
    key: Option<WaitKey>,
    result: Rc<Cell<Option<io::Result<()>>>>,
}

impl FdWatch {
    pub(crate) fn new(fd: i32, direction: Direction) -> io::Result<FdWatch> {
        let here = with_current(|driver| driver.map(|driver| driver.oneshots.clone()));
        let oneshots = here.map_or_else(thread::oneshots, Ok)?;
        let result = Rc::new(Cell::new(None));
        let (theirs, waiter) = (result.clone(), Waker::current());
        let then = Box::new(move |outcome| {
            theirs.set(Some(outcome));
            waiter.wake();
        });
        let key = oneshots.add(fd, direction, then);
        Ok(FdWatch { oneshots, key, result })
    }

    /// What came of it, once.
    pub(crate) fn result(&self) -> Option<io::Result<()>> {
        self.result.take()
    }
}

impl Drop for FdWatch {
    fn drop(&mut self) {
        let then = self.key.and_then(|key| self.oneshots.cancel(key));
        drop(then);
    }
}

#[cold]
pub(super) fn no_driver() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "this scheduler has no driver for I/O")
}

/// The error inside an [`io::Error`] of I/O that would have to wait while its task unwinds.
///
/// Nothing suspends while a thread is unwinding: a destructor that runs then may still do I/O that is ready at once,
/// and gets this instead of a wait.
///
/// # Examples
/// ```
/// let error = std::io::Error::other(corro::WouldSuspend);
/// assert!(error.get_ref().is_some_and(|inner| inner.is::<corro::WouldSuspend>()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WouldSuspend;

impl fmt::Display for WouldSuspend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operation would have to wait, and a task that is unwinding cannot")
    }
}

impl Error for WouldSuspend {}

#[cold]
pub(crate) fn would_suspend() -> io::Error {
    io::Error::other(WouldSuspend)
}
