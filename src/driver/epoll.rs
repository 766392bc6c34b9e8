//! The system's side of a driver: one epoll, one eventfd, and the registry that gives events to sources.
//!
//! - [`Reactor::attach`], [`Reactor::detach`]: a descriptor comes and goes, from any thread.
//! - [`Reactor::poll`]: waits once and hands out what is ready.
//! - [`Notifier::notify`]: ends the wait from any thread.
//! - [`block_on_fd`]: what plain threads do instead.
//!
//! ```text
//!  epoll event ── token = generation, index ──► registry[index] ── same generation ──► Readiness of a source
//! ```
//!
//! Invariant: a slot's generation changes when its source is detached, so an event that was under way then finds
//! nobody, whoever has the descriptor's number now. A source is detached before its descriptor is closed.

use std::io;
use std::mem;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd};
use rustix::io::Errno;

use super::source::Readiness;
use super::{Direction, oneshot::Oneshots};
use crate::task::Woken;

/// Events taken by one call. Not more: what they had fetched ahead should still be in the caches when the tasks run.
pub(crate) const EVENTS: usize = 64;
/// How far ahead of an event the processor is told to fetch its waiter, and twice as far its source. With many connections
/// nothing of one is in the caches when its turn comes.
const AHEAD: usize = 8;
/// The token of the eventfd.
const NOTIFY: u64 = u64::MAX;
/// The token of the table of one-shot waits.
pub(super) const ONESHOTS: u64 = u64::MAX - 1;

/// What a driver and the sources registered with it share.
pub(crate) struct Reactor {
    /// Its own among all that ever were; from 1 on.
    pub(super) number: u64,
    epoll: OwnedFd,
    registry: Mutex<Registry>,
}

/// Names a source within a reactor.
#[derive(Clone, Copy)]
pub(crate) struct Token {
    index: u32,
    generation: u32,
}

#[derive(Default)]
struct Registry {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

struct Slot {
    generation: u32,
    source: Option<Arc<Readiness>>,
}

/// The buffer of [`Reactor::poll`], kept for the next time.
pub(super) type Events = Vec<epoll::Event>;

impl Reactor {
    pub(super) fn new() -> io::Result<Reactor> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Relaxed: it only has to be another each time.
        Ok(Reactor { number: NEXT.fetch_add(1, Relaxed), epoll, registry: Mutex::default() })
    }

    /// Registers another epoll, whose readiness stays until its events have been taken.
    pub(super) fn add_inner(&self, inner: &OwnedFd) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, inner, EventData::new_u64(ONESHOTS), EventFlags::IN)?)
    }

    /// Registers `fd` for both directions, edge-triggered. What is ready already gives an event as well.
    pub(super) fn attach(&self, fd: RawFd, source: Arc<Readiness>) -> io::Result<Token> {
        let token = self.lock().insert(source);
        let interest = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::PRI | EventFlags::ET;
        let added = epoll::add(&self.epoll, borrow(fd)?, EventData::new_u64(token.to_u64()), interest);
        if let Err(error) = added {
            drop(self.lock().remove(token));
            return Err(error.into());
        }
        Ok(token)
    }

    /// Takes a source out, before its descriptor is closed.
    pub(super) fn detach(&self, fd: RawFd, token: Token) {
        let source = self.lock().remove(token);
        if let Ok(fd) = borrow(fd) {
            let _ = epoll::delete(&self.epoll, fd);
        }
        drop(source);
    }

    /// Whether there are events that nobody has taken.
    pub(super) fn has_events(&self) -> bool {
        let mut fds = [PollFd::new(&self.epoll, PollFlags::IN)];
        rustix::event::poll(&mut fds, Some(&to_timespec(Duration::ZERO))).is_ok_and(|count| count > 0)
    }

    /// How many sources are registered.
    pub(super) fn sources(&self) -> usize {
        let registry = self.lock();
        registry.slots.len() - registry.free.len()
    }

    /// Waits once, at most for `timeout`, and wakes those whose descriptors became ready. Whether there may be more of them.
    pub(super) fn poll(&self, timeout: Option<Duration>, events: &mut Events, oneshots: &Oneshots) -> io::Result<bool> {
        let timeout = timeout.map(to_timespec);
        events.reserve(EVENTS);
        match epoll::wait(&self.epoll, spare_capacity(events), timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let is_full = events.len() >= EVENTS;
        let look_at_oneshots = !events.is_empty() && self.deliver(events);
        events.clear();
        let oneshots_are_full = look_at_oneshots && oneshots.dispatch()?;
        Ok(is_full || oneshots_are_full)
    }

    /// Gives events to the sources. Returns whether a one-shot wait is over.
    ///
    /// All under the lock, as no source may go meanwhile. So nobody's code runs: who lives on another thread is woken after.
    fn deliver(&self, events: &[epoll::Event]) -> bool {
        let (mut woken, mut look_at_oneshots) = (Woken::default(), false);
        let registry = self.lock();
        let source = |number: usize| {
            let event = events.get(number)?;
            registry.find(Token::from_u64(event.data.u64())).map(|source| &**source)
        };
        let fetch_source = |number| _ = source(number).map(Readiness::prefetch);
        let fetch_waiter = |number| _ = source(number).map(Readiness::prefetch_waiter);
        (0..2 * AHEAD).for_each(fetch_source);
        (0..AHEAD).for_each(fetch_waiter);
        for (number, event) in events.iter().enumerate() {
            fetch_source(number + 2 * AHEAD);
            fetch_waiter(number + AHEAD);
            match event.data.u64() {
                // Edge-triggered: each write is an event of its own, so nobody needs to read the counter.
                NOTIFY => {}
                ONESHOTS => look_at_oneshots = true,
                _ => _ = source(number).map(|source| source.deliver(event.flags, &mut woken)),
            }
        }
        drop(registry);
        woken.wake();
        look_at_oneshots
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    fn to_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    fn from_u64(value: u64) -> Token {
        Token { generation: (value >> 32) as u32, index: value as u32 }
    }
}

impl Registry {
    fn insert(&mut self, source: Arc<Readiness>) -> Token {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, source: None });
            // The last indices would make the reserved tokens; descriptors run out long before.
            u32::try_from(self.slots.len() - 1).expect("more descriptors than numbers for them")
        });
        let slot = &mut self.slots[index as usize];
        slot.source = Some(source);
        Token { index, generation: slot.generation }
    }

    fn find(&self, token: Token) -> Option<&Arc<Readiness>> {
        let slot = self.slots.get(token.index as usize)?;
        if slot.generation == token.generation { slot.source.as_ref() } else { None }
    }

    fn remove(&mut self, token: Token) -> Option<Arc<Readiness>> {
        self.find(token)?;
        let slot = &mut self.slots[token.index as usize];
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(token.index);
        mem::take(&mut slot.source)
    }
}

/// Ends the wait of a driver, from any thread and also after the driver is gone.
#[derive(Clone)]
pub(crate) struct Notifier(Arc<OwnedFd>);

impl Notifier {
    pub(super) fn new(reactor: &Reactor) -> io::Result<Notifier> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&reactor.epoll, &fd, EventData::new_u64(NOTIFY), EventFlags::IN | EventFlags::ET)?;
        Ok(Notifier(Arc::new(fd)))
    }

    /// Makes the wait that is under way, or else the next one, return.
    pub(crate) fn notify(&self) {
        if rustix::io::write(&*self.0, &1_u64.to_ne_bytes()) == Err(Errno::AGAIN) {
            self.empty_and_notify();
        }
    }

    /// The counter is full: empty it, so that a write is an event again.
    #[cold]
    fn empty_and_notify(&self) {
        let _ = rustix::io::read(&*self.0, &mut [0; 8]);
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }
}

/// Blocks the thread until `fd` is ready, or the deadline has passed.
pub(crate) fn block_on_fd(fd: RawFd, direction: Direction, deadline: Option<Instant>) -> io::Result<()> {
    let left = || deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    poll_fd(fd, direction, left).map(|_is_ready| ())
}

/// Whether `fd` is ready now.
///
/// # Errors
/// `EBADF` if there is no such descriptor.
pub(crate) fn poll_now(fd: RawFd, direction: Direction) -> io::Result<bool> {
    poll_fd(fd, direction, || Some(Duration::ZERO))
}

fn poll_fd(fd: RawFd, direction: Direction, left: impl Fn() -> Option<Duration>) -> io::Result<bool> {
    let fd = borrow(fd)?;
    let flags = match direction {
        Direction::Read => PollFlags::IN,
        Direction::Write => PollFlags::OUT,
    };
    loop {
        let mut fds = [PollFd::new(&fd, flags)];
        match rustix::event::poll(&mut fds, left().map(to_timespec).as_ref()) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) if fds[0].revents().contains(PollFlags::NVAL) => return Err(Errno::BADF.into()),
            Ok(count) => return Ok(count > 0),
        }
    }
}

/// What rustix asks for.
///
/// # Errors
/// `EBADF` for a number that no descriptor has.
pub(super) fn borrow<'a>(fd: RawFd) -> io::Result<BorrowedFd<'a>> {
    if fd < 0 {
        return Err(Errno::BADF.into());
    }
    // SAFETY: the number is not -1. All users hand the result to one of `epoll_ctl` and `poll`, which neither
    // read, write nor close the file, and answer EBADF if there is none under this number.
    Ok(unsafe { BorrowedFd::borrow_raw(fd) })
}

fn to_timespec(duration: Duration) -> Timespec {
    let tv_sec = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Timespec { tv_sec, tv_nsec: duration.subsec_nanos().into() }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn an_event_that_comes_late_finds_nobody() {
        let mut registry = Registry::default();
        let (first, second) = (Arc::default(), Arc::default());
        let before = registry.insert(Arc::clone(&first));
        assert!(Arc::ptr_eq(registry.find(Token::from_u64(before.to_u64())).unwrap(), &first));
        assert!(registry.remove(before).is_some());
        let after = registry.insert(Arc::clone(&second));
        assert_eq!(before.index, after.index, "the slot is used again");
        assert!(registry.find(before).is_none() && registry.remove(before).is_none());
        assert!(Arc::ptr_eq(registry.find(after).unwrap(), &second));
    }
    #[test]
    fn as_many_slots_as_sources_at_once() {
        let reactor = Reactor::new().unwrap();
        let eventfds = [(); 3].map(|()| eventfd(0, EventfdFlags::CLOEXEC).unwrap());
        let fds = eventfds.each_ref().map(AsRawFd::as_raw_fd);
        for _ in 0..1000 {
            let tokens = fds.map(|fd| reactor.attach(fd, Arc::default()).unwrap());
            assert_eq!(reactor.sources(), 3);
            fds.into_iter().zip(tokens).for_each(|(fd, token)| reactor.detach(fd, token));
        }
        let registry = reactor.lock();
        assert_eq!((registry.slots.len(), registry.free.len()), (3, 3));
    }
}
