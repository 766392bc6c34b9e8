//! What a worker sleeps on: readiness of descriptors, timers, and notifications from other threads.
//!
//! - [`Driver::poll`]: the worker's park. [`Notifier::notify`] is the unpark.
//! - [`Driver::timers`]: the worker pops what is due; [`Alarm`] is a timer that goes with its frame.
//! - [`Source`]: what a socket waits with. [`wait_fd`], [`Driver::call_when`]: waits for other descriptors.
//! - [`run_elsewhere`](blocking::run_elsewhere), [`Driver::pool`]: threads for what would block.
//! - [`enter`], [`with_current`]: the driver of the worker that runs on this thread. `thread.rs`: that of a plain thread.
//!
//! ```text
//!  net, io, process ...      Source::wait      wait_fd       Alarm, pause      run_elsewhere
//!                               │                   │              │               │
//!  Driver (one a worker)     Reactor ◄──────── Oneshots         Timers           Pool
//!                            epoll, eventfd    inner epoll    line, heap        threads
//! ```
//!
//! Only `epoll.rs`, `source.rs` and `oneshot.rs` know of epoll, and only [`Driver::now`] and [`now`] read the clock: another
//! way to wait, or a virtual clock, changes nothing above.
//!
//! Invariant: nothing here is locked or borrowed while a callback runs or a task of another thread is woken. Locks are taken
//! in this order: registrations of a source, registry, monitor of a source.

pub(crate) mod blocking;
mod deadlines;
mod epoll;
mod heap;
mod oneshot;
mod source;
mod thread;
mod timer;
mod wait;

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::marker::PhantomData;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::blocking::Pool;
use self::epoll::{Events, Reactor};
use self::oneshot::{Oneshots, Then};
use crate::task::{self, Callback, Reason, Trigger, Waker};

pub(crate) use self::epoll::poll_now;
pub(crate) use self::epoll::{EVENTS, Notifier};
pub(crate) use self::oneshot::WaitKey;
pub(crate) use self::source::{CountedWait, Seen, Source};
pub(crate) use self::timer::{Key as TimerKey, Timers};
pub use self::wait::WouldSuspend;
pub(crate) use self::wait::{Deadline, FdWatch, pause, pause_until, wait_fd, with_timeout, would_suspend};

/// Where a driver's nanoseconds begin: long ago, so that deadlines that are past have their order too.
fn origin() -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    let now = Instant::now();
    now.checked_sub(YEAR).unwrap_or(now)
}

/// The time that does not come.
pub(crate) const NEVER: u64 = u64::MAX;

/// What a descriptor is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    fn reason(self, fd: i32) -> Reason {
        match self {
            Direction::Read => Reason::Readable(fd),
            Direction::Write => Reason::Writable(fd),
        }
    }
}

/// What happens when a timer is due. The worker does it, after it has let go of the timers.
pub(crate) enum Target {
    Wake(Waker),
    Cancel(Trigger),
    Call(Rc<Callback>),
}

impl Target {
    /// Has the processor fetch what [`fire`](Target::fire) will touch.
    pub(crate) fn prefetch(&self) {
        if let Target::Wake(waker) = self {
            waker.prefetch();
        }
    }

    /// The same for what runs after it.
    pub(crate) fn prefetch_stack(&self) {
        if let Target::Wake(waker) = self {
            waker.prefetch_stack();
        }
    }

    pub(crate) fn fire(self) {
        match self {
            Target::Wake(waker) => waker.wake(),
            Target::Cancel(trigger) => trigger.fire(),
            Target::Call(callback) => task::call_soon(callback),
        }
    }
}

/// One worker's way to wait.
pub(crate) struct Driver {
    reactor: Arc<Reactor>,
    notifier: Notifier,
    oneshots: Rc<Oneshots>,
    events: Cell<Events>,
    /// Timers by nanoseconds since the origin; see [`Driver::ns`].
    pub(crate) timers: Rc<RefCell<Timers<Target>>>,
    clock: Clock,
    pool: OnceCell<Arc<Pool>>,
    /// The most threads of the pool.
    blocking_threads: usize,
    waits: Rc<Cell<usize>>,
    external: Rc<Cell<usize>>,
}

/// What a driver is made of that other threads may have before.
pub(crate) struct Parts {
    reactor: Arc<Reactor>,
    notifier: Notifier,
}

impl Parts {
    /// # Errors
    /// When the process or the system is out of descriptors.
    pub(crate) fn new() -> io::Result<Parts> {
        let reactor = Arc::new(Reactor::new()?);
        let notifier = Notifier::new(&reactor)?;
        Ok(Parts { reactor, notifier })
    }

    /// What ends the driver's [`poll`](Driver::poll) from other threads.
    pub(crate) fn notifier(&self) -> Notifier {
        self.notifier.clone()
    }

    pub(crate) fn outlook(&self) -> Outlook {
        Outlook(self.reactor.clone())
    }
}

/// A driver as other threads see it.
pub(crate) struct Outlook(Arc<Reactor>);

impl Outlook {
    /// Whether there are events that the driver has not taken.
    pub(crate) fn has_events(&self) -> bool {
        self.0.has_events()
    }
}

struct Clock {
    origin: Instant,
    /// The time, if it is a virtual one.
    set: Cell<Option<u64>>,
}

impl Driver {
    /// A driver of its own epoll.
    ///
    /// # Errors
    /// When the process or the system is out of descriptors.
    pub(crate) fn new(blocking_threads: usize) -> io::Result<Driver> {
        Ok(Driver::of(Parts::new()?, blocking_threads))
    }

    /// A driver of these parts.
    pub(crate) fn of(parts: Parts, blocking_threads: usize) -> Driver {
        let Parts { reactor, notifier } = parts;
        let waits = Rc::default();
        Driver {
            oneshots: Rc::new(Oneshots::new(Arc::downgrade(&reactor), Rc::clone(&waits))),
            notifier,
            reactor,
            events: Cell::default(),
            timers: Rc::new(RefCell::new(Timers::new())),
            clock: Clock { origin: origin(), set: Cell::new(None) },
            pool: OnceCell::new(),
            blocking_threads,
            waits,
            external: Rc::default(),
        }
    }

    /// Waits once, at most for `timeout` (`None`: until something comes), and wakes those who waited for what came.
    /// May return early and for nothing.
    ///
    /// # Errors
    /// What epoll reports; an interrupted wait is none.
    pub(crate) fn poll(&self, timeout: Option<Duration>) -> io::Result<bool> {
        let mut events = self.events.take();
        let polled = self.reactor.poll(timeout, &mut events, &self.oneshots);
        self.events.set(events);
        polled
    }

    /// What ends [`poll`](Driver::poll) from other threads.
    pub(crate) fn notifier(&self) -> Notifier {
        self.notifier.clone()
    }

    /// The time, in nanoseconds since this driver was made.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        self.clock.set.get().unwrap_or_else(|| self.ns(Instant::now()))
    }

    /// Stops the clock, or sets the stopped clock forward: from now on the time is `now`.
    pub(crate) fn set_virtual_time(&self, now: u64) {
        self.clock.set.set(Some(now));
    }

    /// The time by the stopped clock.
    fn virtual_now(&self) -> Option<Instant> {
        self.clock.set.get().map(|now| self.instant(now))
    }

    /// Whether the clock was stopped.
    pub(crate) fn is_virtual(&self) -> bool {
        self.clock.set.get().is_some()
    }

    /// The time after `duration`; the last one stands for all that no clock can tell.
    pub(crate) fn after(&self, duration: Duration) -> u64 {
        self.now().saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(NEVER))
    }

    /// The time of `deadline`, unless it is past; `None` is later than any clock can tell.
    fn until(&self, deadline: Option<Instant>) -> Option<u64> {
        let deadline = deadline.map_or(NEVER, |deadline| self.ns(deadline));
        (deadline > self.now()).then_some(deadline)
    }

    /// The instant at `ns` after the origin.
    pub(crate) fn instant(&self, ns: u64) -> Instant {
        self.clock.origin + Duration::from_nanos(ns)
    }

    /// The nanoseconds from the origin to `instant`; 0 for what was before.
    pub(crate) fn ns(&self, instant: Instant) -> u64 {
        u64::try_from(instant.saturating_duration_since(self.clock.origin).as_nanos()).unwrap_or(u64::MAX)
    }

    /// How many waits for readiness there are now; while there are none, nothing can come from the descriptors.
    #[inline]
    pub(crate) fn io_waiters(&self) -> usize {
        self.waits.get()
    }

    /// How many tasks wait for something outside of the program: readiness or another thread's work.
    pub(crate) fn external_waiters(&self) -> usize {
        self.waits.get() + self.external.get()
    }

    /// How many sockets are registered.
    #[allow(dead_code, reason = "for metrics")]
    pub(crate) fn sources(&self) -> usize {
        self.reactor.sources()
    }

    /// The threads for what would block; made at the first use.
    pub(crate) fn pool(&self) -> &Arc<Pool> {
        self.pool.get_or_init(|| Arc::new(Pool::new(self.blocking_threads)))
    }

    /// Has several drivers share a pool. Without effect after the first use of the pool.
    pub(crate) fn set_pool(&self, pool: Arc<Pool>) {
        let _ = self.pool.set(pool);
    }

    /// Counts a wait for another thread's work, as long as the result lives.
    pub(crate) fn external(&self) -> CountedWait {
        CountedWait::new(&self.external)
    }

    fn count_wait(&self) -> CountedWait {
        CountedWait::new(&self.waits)
    }

    /// Has `then` called once, when `fd` is ready or turns out to be bad: from [`poll`](Driver::poll), or at once
    /// if that is known already; then there is no key.
    pub(crate) fn call_when(&self, fd: i32, direction: Direction, then: Then) -> Option<WaitKey> {
        self.oneshots.add(fd, direction, then)
    }

    /// Takes back all of [`call_when`](Driver::call_when); the caller drops the callbacks.
    pub(crate) fn drain_calls(&self) -> Vec<Then> {
        self.oneshots.drain()
    }

    /// Takes back a [`call_when`](Driver::call_when); its callback is dropped. Whether it came in time.
    #[allow(dead_code, reason = "for handles of callbacks that wait for a descriptor")]
    pub(crate) fn cancel_call(&self, key: WaitKey) -> bool {
        self.oneshots.cancel(key).is_some()
    }
}

thread_local! {
    static CURRENT: Cell<*const Driver> = const { Cell::new(ptr::null()) };
}

/// Makes `driver` the one of this thread until the result is dropped, which must not be skipped.
pub(crate) fn enter(driver: &Driver) -> Entered<'_> {
    Entered { before: CURRENT.replace(driver), driver: PhantomData }
}

/// See [`enter`].
pub(crate) struct Entered<'a> {
    before: *const Driver,
    driver: PhantomData<&'a Driver>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

/// Calls `f` with the driver of the worker that runs on this thread, which `f` must not suspend in.
pub(crate) fn with_current<T>(f: impl FnOnce(Option<&Driver>) -> T) -> T {
    // SAFETY: the pointer is null or comes from `enter`, whose result borrows the driver and, when that borrow
    // ends, puts the pointer of before back. The worker holds that result as long as its tasks run.
    f(unsafe { CURRENT.get().as_ref() })
}

/// The current driver's own number among all that ever were.
#[cfg(feature = "futures-io")]
pub(crate) fn number() -> Option<u64> {
    with_current(|driver| driver.map(|driver| driver.reactor.number))
}

/// The time, by the clock of the current driver if there is one.
pub(crate) fn now() -> Instant {
    with_current(|driver| driver.and_then(Driver::virtual_now).unwrap_or_else(Instant::now))
}
