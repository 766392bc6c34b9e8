//! What a socket waits with: a [`Source`] is one descriptor's readiness in both directions.
//!
//! ```text
//!  seen = source.seen(Read)      1 remember how many events there were
//!  read() ── EAGAIN              2 try
//!  source.wait(Read, seen, …)    3 wait, unless an event came since 1; then try again
//! ```
//!
//! Counting events instead of keeping a ready bit is what makes this right for several readers: whoever tried
//! before an event came sees that it came, however many others saw it as well.
//!
//! A stream whose last read got less than it asked for is *drained*: what comes next is an event, so the next read in
//! a task waits first, and spares the system call that would find nothing.
//!
//! A source is registered with each driver that a task waited in, at the first wait there, until it is dropped.
//! So it may be used by tasks of several workers at once, and each is woken by its own driver.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use rustix::event::epoll::EventFlags;

use super::epoll::{Reactor, Token, block_on_fd};
use super::wait::no_driver;
use super::{Deadline, Direction, Driver, with_current, would_suspend};
use crate::task::{
    self, Forever, Header, Hint, Limit, Locked, Mode, Monitor, Reason, Refused, Until, Woken, prefetch_lines,
    refuse_callback,
};

/// The readiness of one descriptor. It must be dropped before the descriptor is closed.
pub(crate) struct Source {
    fd: RawFd,
    readiness: Arc<Readiness>,
    /// The [number](Reactor::number) of the driver that it was registered with last.
    latest: AtomicU64,
}

struct Registration {
    reactor: Weak<Reactor>,
    token: Token,
}

/// How many events there were; see [`Source::seen`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen(u64);

impl Source {
    pub(crate) fn new(fd: &impl AsFd) -> Source {
        let source = Source::draining(fd);
        source.readiness.ends.store(true, Relaxed);
        source
    }

    /// That of a TCP stream: it can be [drained](Source::set_drained).
    pub(crate) fn draining(fd: &impl AsFd) -> Source {
        let fd = fd.as_fd().as_raw_fd();
        Source { fd, readiness: Arc::default(), latest: AtomicU64::new(0) }
    }

    /// To be asked before an attempt; [`wait`](Source::wait) then does not miss what comes after.
    #[inline]
    pub(crate) fn seen(&self, direction: Direction) -> Seen {
        self.readiness.side(direction).seen()
    }

    /// To be told when a read, begun when so many events had been `seen`, got less than it asked for.
    #[inline]
    pub(crate) fn set_drained(&self, seen: Seen) {
        // Relaxed: a hint. Who sees an old one tries in vain.
        self.readiness.drained.store(seen.0, Relaxed);
    }

    /// Whether a task may wait before it tries to read: there is nothing, and what comes will be an event.
    #[inline]
    pub(crate) fn is_drained(&self, seen: Seen) -> bool {
        self.readiness.is_drained(seen) && task::mode() == Mode::Task
    }

    /// Waits until an event came that is not among those `seen`, or the deadline has passed. May return early.
    ///
    /// The deadline must have been to come when the caller read the clock, and it must not have suspended since.
    ///
    /// # Errors
    /// When the descriptor cannot be registered, and [`WouldSuspend`](super::WouldSuspend) while the task unwinds.
    #[inline(always)]
    pub(crate) fn wait(&self, direction: Direction, seen: Seen, deadline: Option<Instant>) -> io::Result<()> {
        match (task::who(), deadline) {
            (Ok(Some(task)), None) => self.wait_in(task, direction, seen, Forever),
            (Ok(Some(task)), Some(_)) => self.wait_in(task, direction, seen, Deadline::ahead(deadline)),
            (who, _) => self.wait_elsewhere(who, direction, deadline),
        }
    }

    #[cold]
    fn wait_elsewhere(
        &self,
        who: Result<Option<&Header>, Refused>,
        direction: Direction,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        match who {
            Ok(_) => block_on_fd(self.fd, direction, deadline),
            Err(Refused::Callback) => refuse_callback(),
            Err(Refused::Unwinding) => Err(would_suspend()),
        }
    }

    #[inline(never)]
    fn wait_in(&self, task: &Header, direction: Direction, seen: Seen, limit: impl Limit) -> io::Result<()> {
        let _counted = with_current(|driver| self.register(driver.ok_or_else(no_driver)?))?;
        self.readiness.waiter.set(task);
        self.readiness.side(direction).wait(task, direction.reason(self.fd), seen, limit);
        Ok(())
    }

    /// Makes `driver` one of those that wake the waiters.
    #[inline]
    fn register(&self, driver: &Driver) -> io::Result<CountedWait> {
        // Relaxed: it is read again under the lock, unless it is this one; and then it was registered, for good.
        if self.latest.load(Relaxed) != driver.reactor.number {
            self.register_slow(driver)?;
        }
        Ok(driver.count_wait())
    }

    #[cold]
    fn register_slow(&self, driver: &Driver) -> io::Result<()> {
        let mut registrations = self.readiness.lock();
        let here = |registration: &Registration| registration.reactor.as_ptr() == Arc::as_ptr(&driver.reactor);
        if !registrations.iter().any(here) {
            registrations.retain(|registration| registration.reactor.strong_count() > 0);
            let token = driver.reactor.attach(self.fd, self.readiness.clone())?;
            registrations.push(Registration { reactor: Arc::downgrade(&driver.reactor), token });
        }
        self.latest.store(driver.reactor.number, Relaxed);
        Ok(())
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        for registration in self.readiness.lock().drain(..) {
            if let Some(reactor) = registration.reactor.upgrade() {
                reactor.detach(self.fd, registration.token);
            }
        }
    }
}

/// Who waits for which direction. What the way of a read touches comes first and lies together.
#[repr(C)]
pub(crate) struct Readiness {
    /// Of the tasks that wait, the one that came last.
    waiter: Hint,
    read: Side,
    /// How many events its reader had seen when a short read began, set by that reader; at first a number that no count
    /// reaches.
    drained: AtomicU64,
    /// An end, an error or urgent data had their event, or it is no TCP stream: then a short read says nothing. Set by the
    /// driver before it counts that event, and never taken back.
    ends: AtomicBool,
    write: Side,
    /// Those of the source. They lie here since the source lies in its stream, often on a task's stack, and is better small.
    registrations: Mutex<Vec<Registration>>,
}

struct Side {
    monitor: Monitor<(), ()>,
    /// Changed under the lock of the monitor only.
    events: AtomicU64,
}

impl Readiness {
    fn lock(&self) -> MutexGuard<'_, Vec<Registration>> {
        self.registrations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }

    /// Has the processor fetch what [`deliver`](Self::deliver) will touch.
    pub(super) fn prefetch(&self) {
        prefetch_lines(ptr::from_ref(self).cast(), 0..2);
    }

    /// The same for the waiter.
    pub(super) fn prefetch_waiter(&self) {
        self.waiter.prefetch();
    }

    /// Whether all that can still come is an event that is not among those `seen`.
    ///
    /// The short read has taken all that the socket had. What came to the socket after that queues an event, also if one
    /// was queued but not fetched before; so the count will be another. What was there before, but behind the bytes that a
    /// read gives, is an end, an error or urgent data: their event is yet to come, or it has set `ends`.
    #[inline]
    fn is_drained(&self, seen: Seen) -> bool {
        self.drained.load(Relaxed) == seen.0 && !self.ends.load(Relaxed)
    }

    /// Wakes those whom an event concerns; those who live on other threads are left to `woken`.
    pub(super) fn deliver(&self, flags: EventFlags, woken: &mut Woken) {
        let broken = EventFlags::HUP | EventFlags::ERR;
        if flags.intersects(EventFlags::PRI | EventFlags::RDHUP | broken) {
            self.ends.store(true, Relaxed);
        }
        if flags.intersects(EventFlags::IN | EventFlags::PRI | EventFlags::RDHUP | broken) {
            self.read.wake(woken);
        }
        if flags.intersects(EventFlags::OUT | broken) {
            self.write.wake(woken);
        }
    }
}

impl Default for Readiness {
    fn default() -> Readiness {
        let side = || Side { monitor: Monitor::new(()), events: AtomicU64::new(0) };
        let (drained, ends) = (AtomicU64::new(u64::MAX), AtomicBool::new(false));
        Readiness {
            waiter: Hint::default(),
            read: side(),
            write: side(),
            drained,
            ends,
            registrations: Mutex::default(),
        }
    }
}

impl Side {
    /// The monitor's lock orders the look that decides, and a stale count before an attempt only makes for one more
    /// attempt. Acquire, with the Release in `wake`: who sees the count of an event sees that it has set `ends`.
    #[inline]
    fn seen(&self) -> Seen {
        Seen(self.events.load(Acquire))
    }

    #[inline(always)]
    fn wait(&self, task: &Header, reason: Reason, seen: Seen, mut limit: impl Limit) {
        task::checkpoint();
        // Late, or not: the caller tries again and sees.
        let _ = self.monitor.perform_in(task, &mut self.event_after(seen, reason), &mut limit);
    }

    fn event_after(&self, seen: Seen, reason: Reason) -> Until<(), impl FnMut(&mut Locked<'_, (), ()>) -> bool> {
        Until::new(reason, move |_locked| self.seen() != seen)
    }

    /// All of them: each tries again, and who comes too late waits again.
    fn wake(&self, woken: &mut Woken) {
        let mut locked = self.monitor.lock();
        // Changed under the lock only, so it need not be one step. Release: see `seen`.
        self.events.store(self.events.load(Relaxed) + 1, Release);
        locked.choose_all(0, |()| ());
        locked.release_to(woken);
    }
}

/// A task that waits for readiness, as long as this lives.
pub(crate) struct CountedWait(Rc<Cell<usize>>);

impl CountedWait {
    pub(super) fn new(count: &Rc<Cell<usize>>) -> CountedWait {
        count.set(count.get() + 1);
        CountedWait(count.clone())
    }
}

impl Drop for CountedWait {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deliver(readiness: &Readiness, flags: EventFlags) {
        let mut woken = Woken::default();
        readiness.deliver(flags, &mut woken);
        woken.wake();
    }

    #[test]
    fn an_event_between_the_attempt_and_the_wait_is_not_lost() {
        let Readiness { read, .. } = &Readiness::default();
        for _ in 0..2 {
            let seen = [read.seen(), read.seen()];
            read.wake(&mut Woken::default());
            // Two readers tried before it came; neither waits.
            for seen in seen {
                read.monitor.perform(&mut read.event_after(seen, Reason::Readable(0)), &mut Forever).unwrap();
            }
        }
    }

    #[test]
    fn a_drained_side_is_so_until_the_next_event_and_never_after_an_end() {
        let (reader, _writer) = io::pipe().unwrap();
        let source = Source::draining(&reader);
        let is_drained = || {
            let seen = source.seen(Direction::Read);
            let before = source.readiness.is_drained(seen);
            source.set_drained(seen);
            (before, source.readiness.is_drained(seen))
        };
        assert_eq!(is_drained(), (false, true));
        deliver(&source.readiness, EventFlags::IN);
        assert_eq!(is_drained(), (false, true));
        deliver(&source.readiness, EventFlags::OUT);
        assert_eq!(is_drained(), (true, true));
        for end in [EventFlags::RDHUP, EventFlags::HUP, EventFlags::ERR, EventFlags::PRI] {
            let readiness = Readiness::default();
            deliver(&readiness, end);
            readiness.drained.store(readiness.read.seen().0, Relaxed);
            assert!(!readiness.is_drained(readiness.read.seen()));
        }
    }

    #[test]
    fn a_source_leaves_its_drivers_as_it_is_dropped() {
        let (reader, _writer) = io::pipe().unwrap();
        let drivers = [Driver::new(1).unwrap(), Driver::new(1).unwrap()];
        let source = Source::new(&reader);
        for driver in drivers.iter().chain(&drivers) {
            let waits = source.register(driver).unwrap();
            assert_eq!((driver.sources(), driver.io_waiters()), (1, 1));
            drop(waits);
        }
        drop(source);
        assert!(drivers.iter().all(|driver| (driver.sources(), driver.io_waiters()) == (0, 0)));
    }

    #[test]
    fn a_driver_that_is_gone_is_forgotten() {
        let (reader, _writer) = io::pipe().unwrap();
        let source = Source::new(&reader);
        for _ in 0..10 {
            source.register(&Driver::new(1).unwrap()).unwrap();
        }
        assert_eq!(source.readiness.lock().len(), 1);
    }
}
