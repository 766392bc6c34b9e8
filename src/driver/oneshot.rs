//! Waits for descriptors that are not ours: any number, once, by whoever asks.
//!
//! - [`Oneshots::add`]: calls back once when a descriptor is ready. [`Oneshots::cancel`]: or never.
//! - [`Oneshots::dispatch`]: takes what the inner epoll has.
//!
//! ```text
//!  the driver's epoll ◄── readable while it has events ── inner epoll ◄── EPOLLONESHOT ── fd
//! ```
//!
//! An epoll of its own, because the descriptor may be that of a socket which is registered with the outer one for
//! itself, and one epoll takes a descriptor once. It is made at the first wait.
//!
//! Invariant: an entry of the table has waiters, and the inner epoll is armed for what they wait for. One-shot: a
//! descriptor that its owner closed meanwhile gives at most one event, whose generation finds no entry.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::rc::Rc;
use std::sync::Weak;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;

use super::Direction;
use super::epoll::{Reactor, borrow};

const EVENTS: usize = 64;

/// What is called when the wait is over.
pub(crate) type Then = Box<dyn FnOnce(io::Result<()>)>;

/// Names a wait. It may be stale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WaitKey {
    fd: RawFd,
    number: u64,
}

/// The one-shot waits of a driver.
pub(crate) struct Oneshots {
    reactor: Weak<Reactor>,
    inner: OnceCell<OwnedFd>,
    entries: RefCell<HashMap<RawFd, Entry>>,
    next_number: Cell<u64>,
    /// The driver's count of waits, of which these are a part.
    waits: Rc<Cell<usize>>,
}

struct Entry {
    generation: u32,
    waiters: Vec<Waiter>,
}

struct Waiter {
    number: u64,
    direction: Direction,
    then: Then,
}

impl Oneshots {
    pub(super) fn new(reactor: Weak<Reactor>, waits: Rc<Cell<usize>>) -> Oneshots {
        let entries = RefCell::default();
        Oneshots { reactor, inner: OnceCell::new(), entries, next_number: Cell::new(0), waits }
    }

    /// Has `then` called when `fd` is ready. At once if it can never be otherwise, or with the error that stands in
    /// the way; then there is no key.
    pub(super) fn add(&self, fd: RawFd, direction: Direction, then: Then) -> Option<WaitKey> {
        let number = self.next_number.get();
        self.next_number.set(number + 1);
        match self.join_entry(fd, Waiter { number, direction, then }) {
            Ok(lost) => {
                self.finish(lost, || Err(Errno::BADF.into()));
                Some(WaitKey { fd, number })
            }
            // What cannot be polled, as a regular file, never makes its caller wait.
            Err((then, error)) if error.raw_os_error() == Some(libc::EPERM) => {
                then(Ok(()));
                None
            }
            Err((then, error)) => {
                then(Err(error));
                None
            }
        }
    }

    /// Takes a wait out again; the caller drops what would have been called. `None` if it is over.
    pub(super) fn cancel(&self, key: WaitKey) -> Option<Then> {
        let mut entries = self.entries.borrow_mut();
        let entry = entries.get_mut(&key.fd)?;
        let at = entry.waiters.iter().position(|waiter| waiter.number == key.number)?;
        let waiter = entry.waiters.remove(at);
        self.waits.set(self.waits.get() - 1);
        let lost = self.rearm(&mut entries, key.fd);
        drop(entries);
        self.finish(lost, || Err(Errno::BADF.into()));
        Some(waiter.then)
    }

    /// Takes all waits out; the caller drops what would have been called.
    pub(super) fn drain(&self) -> Vec<Then> {
        let entries = std::mem::take(&mut *self.entries.borrow_mut());
        let thens: Vec<Then> =
            entries.into_values().flat_map(|entry| entry.waiters).map(|waiter| waiter.then).collect();
        self.waits.set(self.waits.get() - thens.len());
        thens
    }

    /// Calls back those whose descriptors are ready. Whether there may be more of them.
    pub(super) fn dispatch(&self) -> io::Result<bool> {
        let Some(inner) = self.inner.get() else { return Ok(false) };
        let mut events = Vec::with_capacity(EVENTS);
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        match epoll::wait(inner, spare_capacity(&mut events), Some(&at_once)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_full = events.len() >= EVENTS;
        for event in events {
            let (generation, fd) = from_token(event.data.u64());
            self.deliver(fd, generation, event.flags);
        }
        Ok(is_full)
    }

    fn deliver(&self, fd: RawFd, generation: u32, flags: EventFlags) {
        let mut entries = self.entries.borrow_mut();
        let Some(entry) = entries.get_mut(&fd).filter(|entry| entry.generation == generation) else { return };
        let broken = EventFlags::HUP | EventFlags::ERR;
        let ready: Vec<Waiter> =
            entry.waiters.extract_if(.., |waiter| flags.intersects(interest(waiter.direction) | broken)).collect();
        let lost = self.rearm(&mut entries, fd);
        drop(entries);
        self.finish(ready, || Ok(()));
        self.finish(lost, || Err(Errno::BADF.into()));
    }

    fn finish(&self, waiters: Vec<Waiter>, result: impl Fn() -> io::Result<()>) {
        self.waits.set(self.waits.get() - waiters.len());
        for waiter in waiters {
            (waiter.then)(result());
        }
    }

    /// Adds a waiter to its descriptor's entry. Gives those back whose descriptor turned out to be another by now.
    fn join_entry(&self, fd: RawFd, waiter: Waiter) -> Result<Vec<Waiter>, (Then, io::Error)> {
        let mut entries = self.entries.borrow_mut();
        let mut lost = Vec::new();
        if let Some(entry) = entries.get_mut(&fd) {
            let wanted = entry.interest() | interest(waiter.direction);
            match self.arm(fd, wanted, entry.generation, false) {
                Ok(()) => {
                    entry.waiters.push(waiter);
                    self.waits.set(self.waits.get() + 1);
                    return Ok(lost);
                }
                Err(_closed) => lost = entries.remove(&fd).map_or(lost, |entry| entry.waiters),
            }
        }
        let generation = waiter.number as u32;
        if let Err(error) = self.arm(fd, interest(waiter.direction), generation, true) {
            drop(entries);
            self.finish(lost, || Err(Errno::BADF.into()));
            return Err((waiter.then, error));
        }
        entries.insert(fd, Entry { generation, waiters: vec![waiter] });
        self.waits.set(self.waits.get() + 1);
        Ok(lost)
    }

    /// Arms the descriptor for the waiters that are left, or takes it out. Gives those back whose descriptor is
    /// closed.
    fn rearm(&self, entries: &mut HashMap<RawFd, Entry>, fd: RawFd) -> Vec<Waiter> {
        let Some(entry) = entries.get(&fd) else { return Vec::new() };
        if entry.waiters.is_empty() {
            entries.remove(&fd);
            if let (Some(inner), Ok(fd)) = (self.inner.get(), borrow(fd)) {
                let _ = epoll::delete(inner, fd);
            }
            return Vec::new();
        }
        match self.arm(fd, entry.interest(), entry.generation, false) {
            Ok(()) => Vec::new(),
            Err(_closed) => entries.remove(&fd).map_or(Vec::new(), |entry| entry.waiters),
        }
    }

    fn arm(&self, number: RawFd, wanted: EventFlags, generation: u32, new: bool) -> io::Result<()> {
        let inner = self.inner()?;
        let (fd, flags) = (borrow(number)?, wanted | EventFlags::ONESHOT);
        let data = EventData::new_u64(to_token(generation, number));
        if new {
            match epoll::add(inner, fd, data, flags) {
                // An armed one whose entry is gone.
                Err(Errno::EXIST) => {}
                added => return Ok(added?),
            }
        }
        Ok(epoll::modify(inner, fd, data, flags)?)
    }

    fn inner(&self) -> io::Result<&OwnedFd> {
        if let Some(inner) = self.inner.get() {
            return Ok(inner);
        }
        let inner = epoll::create(CreateFlags::CLOEXEC)?;
        self.reactor.upgrade().ok_or_else(super::wait::no_driver)?.add_inner(&inner)?;
        Ok(self.inner.get_or_init(|| inner))
    }
}

impl Entry {
    fn interest(&self) -> EventFlags {
        self.waiters.iter().fold(EventFlags::empty(), |flags, waiter| flags | interest(waiter.direction))
    }
}

fn interest(direction: Direction) -> EventFlags {
    match direction {
        Direction::Read => EventFlags::IN | EventFlags::RDHUP,
        Direction::Write => EventFlags::OUT,
    }
}

fn to_token(generation: u32, fd: RawFd) -> u64 {
    u64::from(generation) << 32 | u64::from(fd as u32)
}

fn from_token(token: u64) -> (u32, RawFd) {
    ((token >> 32) as u32, token as u32 as RawFd)
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, PipeWriter, Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::super::Driver;
    use super::*;

    type Log = Rc<RefCell<Vec<(&'static str, Option<i32>)>>>;

    fn when(driver: &Driver, fd: RawFd, direction: Direction, name: &'static str, log: &Log) -> Option<WaitKey> {
        let log = log.clone();
        let then = move |result: io::Result<()>| {
            log.borrow_mut().push((name, result.err().map(|error| error.raw_os_error().unwrap())));
        };
        driver.call_when(fd, direction, Box::new(then))
    }

    fn poll(driver: &Driver) {
        driver.poll(Some(Duration::ZERO)).unwrap();
    }

    fn setup() -> (Driver, Log, PipeReader, PipeWriter) {
        let (reader, writer) = io::pipe().unwrap();
        (Driver::new(1).unwrap(), Log::default(), reader, writer)
    }

    #[test]
    fn calls_once_and_for_its_direction() {
        let (driver, log) = (Driver::new(1).unwrap(), Log::default());
        let (mut a, mut b) = UnixStream::pair().unwrap();
        when(&driver, b.as_raw_fd(), Direction::Read, "read", &log).unwrap();
        when(&driver, b.as_raw_fd(), Direction::Write, "write", &log).unwrap();
        poll(&driver);
        assert_eq!((log.take(), driver.io_waiters()), (vec![("write", None)], 1));
        a.write_all(b"!").unwrap();
        poll(&driver);
        poll(&driver);
        assert_eq!((log.take(), driver.io_waiters()), (vec![("read", None)], 0));
        b.read_exact(&mut [0]).unwrap();
        a.write_all(b"!").unwrap();
        poll(&driver);
        assert!(log.take().is_empty());
    }

    #[test]
    fn a_cancelled_one_is_not_called() {
        let (driver, log, reader, mut writer) = setup();
        let first = when(&driver, reader.as_raw_fd(), Direction::Read, "first", &log).unwrap();
        when(&driver, reader.as_raw_fd(), Direction::Read, "second", &log).unwrap();
        writer.write_all(b"!").unwrap();
        assert!(driver.cancel_call(first) && !driver.cancel_call(first));
        poll(&driver);
        assert_eq!((log.take(), driver.io_waiters()), (vec![("second", None)], 0));
    }

    #[test]
    fn what_cannot_be_polled_is_answered_at_once() {
        let (driver, log) = (Driver::new(1).unwrap(), Log::default());
        let closed = RawFd::MAX;
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        assert!(when(&driver, closed, Direction::Read, "closed", &log).is_none());
        assert!(when(&driver, -1, Direction::Read, "none", &log).is_none());
        assert!(when(&driver, file.as_raw_fd(), Direction::Read, "file", &log).is_none());
        let bad = Some(libc::EBADF);
        assert_eq!((log.take(), driver.io_waiters()), (vec![("closed", bad), ("none", bad), ("file", None)], 0));
    }

    /// `dup2` puts another file under the number, as closing and opening would.
    #[test]
    fn a_reused_number_gives_nothing_to_who_waited_before() {
        let (driver, log, reader, _writer) = setup();
        let (other, mut other_writer) = io::pipe().unwrap();
        let mut reader = OwnedFd::from(reader);
        when(&driver, reader.as_raw_fd(), Direction::Read, "before", &log).unwrap();
        rustix::io::dup2(&other, &mut reader).unwrap();
        other_writer.write_all(b"!").unwrap();
        poll(&driver);
        assert!(log.take().is_empty());
        when(&driver, reader.as_raw_fd(), Direction::Read, "after", &log).unwrap();
        poll(&driver);
        assert_eq!((log.take(), driver.io_waiters()), (vec![("before", Some(libc::EBADF)), ("after", None)], 0));
    }

    #[test]
    fn a_notification_ends_the_wait_each_time() {
        let driver = Driver::new(1).unwrap();
        for _ in 0..3 {
            let notifier = driver.notifier();
            let other = std::thread::spawn(move || notifier.notify());
            driver.poll(None).unwrap();
            other.join().unwrap();
        }
        driver.notifier().notify();
        driver.poll(None).unwrap();
    }
}
