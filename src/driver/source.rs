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
//! A source is registered with each driver that a task waited in, at the first wait there, until it is dropped.
//! So it may be used by tasks of several workers at once, and each is woken by its own driver.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use rustix::event::epoll::EventFlags;

use super::epoll::{Reactor, Token, block_on_fd};
use super::wait::no_driver;
use super::{Deadline, Direction, Driver, with_current, would_suspend};
use crate::task::{self, Mode, Monitor, Reason, Until, refuse_callback};

/// The readiness of one descriptor. It must be dropped before the descriptor is closed.
pub(crate) struct Source {
    fd: RawFd,
    readiness: Arc<Readiness>,
    registrations: Mutex<Vec<Registration>>,
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
        let fd = fd.as_fd().as_raw_fd();
        Source { fd, readiness: Arc::default(), registrations: Mutex::default() }
    }

    /// To be asked before an attempt; [`wait`](Source::wait) then does not miss what comes after.
    #[inline]
    pub(crate) fn seen(&self, direction: Direction) -> Seen {
        self.readiness.side(direction).seen()
    }

    /// Waits until an event came that is not among those `seen`, or the deadline has passed. May return early.
    ///
    /// # Errors
    /// When the descriptor cannot be registered, and [`WouldSuspend`](super::WouldSuspend) while the task unwinds.
    pub(crate) fn wait(&self, direction: Direction, seen: Seen, deadline: Option<Instant>) -> io::Result<()> {
        match task::mode() {
            Mode::Task => self.wait_in_task(direction, seen, deadline),
            Mode::Thread => block_on_fd(self.fd, direction, deadline),
            Mode::Callback => refuse_callback(),
            Mode::Unwinding => Err(would_suspend()),
        }
    }

    fn wait_in_task(&self, direction: Direction, seen: Seen, deadline: Option<Instant>) -> io::Result<()> {
        let _counted = with_current(|driver| self.register(driver.ok_or_else(no_driver)?))?;
        self.readiness.side(direction).wait(direction.reason(self.fd), seen, deadline);
        Ok(())
    }

    /// Makes `driver` one of those that wake the waiters.
    fn register(&self, driver: &Driver) -> io::Result<CountedWait> {
        let mut registrations = self.lock();
        let here = |registration: &Registration| registration.reactor.as_ptr() == Arc::as_ptr(&driver.reactor);
        if !registrations.iter().any(here) {
            registrations.retain(|registration| registration.reactor.strong_count() > 0);
            let token = driver.reactor.attach(self.fd, self.readiness.clone())?;
            registrations.push(Registration { reactor: Arc::downgrade(&driver.reactor), token });
        }
        Ok(driver.count_wait())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Registration>> {
        self.registrations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        for registration in self.lock().drain(..) {
            if let Some(reactor) = registration.reactor.upgrade() {
                reactor.detach(self.fd, registration.token);
            }
        }
    }
}

/// Who waits for which direction.
#[derive(Default)]
pub(crate) struct Readiness {
    read: Side,
    write: Side,
}

struct Side {
    monitor: Monitor<(), ()>,
    /// Changed under the lock of the monitor only.
    events: AtomicU64,
}

impl Readiness {
    fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }

    /// Wakes those whom an event concerns.
    pub(super) fn deliver(&self, flags: EventFlags) {
        let broken = EventFlags::HUP | EventFlags::ERR;
        if flags.intersects(EventFlags::IN | EventFlags::PRI | EventFlags::RDHUP | broken) {
            self.read.wake();
        }
        if flags.intersects(EventFlags::OUT | broken) {
            self.write.wake();
        }
    }
}

impl Default for Side {
    fn default() -> Side {
        Side { monitor: Monitor::new(()), events: AtomicU64::new(0) }
    }
}

impl Side {
    /// Relaxed: the monitor's lock orders the look that decides, and a stale count before an attempt only makes for
    /// one more attempt.
    #[inline]
    fn seen(&self) -> Seen {
        Seen(self.events.load(Relaxed))
    }

    fn wait(&self, reason: Reason, seen: Seen, deadline: Option<Instant>) {
        task::checkpoint();
        let mut event = Until::new(reason, |_locked| self.seen() != seen);
        // Late, or not: the caller tries again and sees.
        let _ = self.monitor.perform(&mut event, &mut Deadline::at(deadline));
    }

    /// All of them: each tries again, and who comes too late waits again.
    fn wake(&self) {
        let mut locked = self.monitor.lock();
        self.events.fetch_add(1, Relaxed);
        locked.choose_all(0, |()| ());
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

    #[test]
    fn an_event_between_the_attempt_and_the_wait_is_not_lost() {
        let readiness = Readiness::default();
        for _ in 0..2 {
            let seen = [readiness.read.seen(), readiness.read.seen()];
            readiness.deliver(EventFlags::IN);
            // Two readers tried before it came; neither waits.
            for seen in seen {
                readiness.read.wait(Reason::Readable(0), seen, None);
            }
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
        assert_eq!(source.lock().len(), 1);
    }
}
