//! What all sockets share: try, wait, try again.
//!
//! ```text
//!  checkpoint ─► give way? ─► attempt ── done ──► result
//!                                ▲ │ EAGAIN
//!                                └─┴── wait: readiness, or the deadline
//! ```
//!
//! Everything that may unwind (a cancellation, the giving way) is before an attempt. After one that moved bytes
//! comes nothing but the return, so that no byte is lost.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::driver::{self, Direction, Seen, Source};
use crate::task;

/// A non-blocking socket and what its operations wait with.
///
/// The source stands first: it is dropped, and the descriptor deregistered, before the socket is closed.
pub(super) struct Socket<S> {
    source: Source,
    pub(super) read_timeout: Timeout,
    pub(super) write_timeout: Timeout,
    inner: S,
}

impl<S: AsFd> Socket<S> {
    /// `inner` must not block.
    pub(super) fn new(inner: S) -> Socket<S> {
        let source = Source::new(&inner);
        Socket { source, read_timeout: Timeout::default(), write_timeout: Timeout::default(), inner }
    }

    #[inline]
    pub(super) fn get(&self) -> &S {
        &self.inner
    }

    pub(super) fn into_inner(self) -> S {
        let Socket { source, inner, .. } = self;
        drop(source);
        inner
    }

    /// Runs `attempt` until it is done, waiting for input meanwhile.
    #[inline]
    pub(super) fn read_with<T>(&self, attempt: impl FnMut(&S) -> io::Result<T>) -> io::Result<T> {
        self.repeat(Direction::Read, self.read_timeout.get(), attempt)
    }

    /// Runs `attempt` until it is done, waiting for room meanwhile.
    #[inline]
    pub(super) fn write_with<T>(&self, attempt: impl FnMut(&S) -> io::Result<T>) -> io::Result<T> {
        self.repeat(Direction::Write, self.write_timeout.get(), attempt)
    }

    /// Runs `attempt` until it is done: it gives `WouldBlock` as long as it is not.
    pub(super) fn repeat<T>(
        &self,
        direction: Direction,
        timeout: Option<Duration>,
        mut attempt: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        task::begin_operation();
        let seen = self.source.seen(direction);
        match retry_interrupted(|| attempt(&self.inner)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
        self.repeat_slow(direction, seen, timeout, attempt)
    }

    fn repeat_slow<T>(
        &self,
        direction: Direction,
        mut seen: Seen,
        timeout: Option<Duration>,
        mut attempt: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        let deadline = timeout.and_then(|timeout| driver::now().checked_add(timeout));
        loop {
            self.source.wait(direction, seen, deadline)?;
            seen = self.source.seen(direction);
            match retry_interrupted(|| attempt(&self.inner)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => refuse_late(deadline)?,
                done => return done,
            }
        }
    }
}

fn refuse_late(deadline: Option<Instant>) -> io::Result<()> {
    match deadline {
        Some(deadline) if driver::now() >= deadline => Err(io::Error::new(io::ErrorKind::TimedOut, "timed out")),
        _ => Ok(()),
    }
}

fn retry_interrupted<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// A timeout that is set and read from any thread: its nanoseconds, 0 for none.
#[derive(Default)]
pub(super) struct Timeout(AtomicU64);

impl Timeout {
    #[inline]
    pub(super) fn get(&self) -> Option<Duration> {
        match self.0.load(Relaxed) {
            0 => None,
            ns => Some(Duration::from_nanos(ns)),
        }
    }

    /// Refuses a timeout of zero, as `std` does.
    pub(super) fn set(&self, timeout: Option<Duration>) -> io::Result<()> {
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(zero_timeout());
        }
        let ns = timeout.map_or(0, |timeout| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
        self.0.store(ns, Relaxed);
        Ok(())
    }

    pub(super) fn copy_from(&self, other: &Timeout) {
        self.0.store(other.0.load(Relaxed), Relaxed);
    }
}

pub(super) fn zero_timeout() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "cannot set a 0 duration timeout")
}
