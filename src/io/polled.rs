//! What sockets and pipes share: try, wait, try again.
//!
//! ```text
//!  checkpoint ─► give way? ─► attempt ── done ──► result
//!                                ▲ │ EAGAIN
//!                                └─┴── wait: readiness, or the deadline
//! ```
//!
//! Everything that may unwind (a cancellation, the giving way) is before an attempt. After one that moved bytes
//! comes nothing but the return, so that no byte is lost.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, SendFlags, ipproto, sockopt};

use crate::driver::{self, Direction, Seen, Source};
use crate::task;

/// A non-blocking descriptor and what its operations wait with.
///
/// The source stands first: it is dropped, and the descriptor deregistered, before it is closed.
pub(crate) struct Polled<S> {
    source: Source,
    pub(crate) read_timeout: Timeout,
    pub(crate) write_timeout: Timeout,
    inner: S,
}

impl<S: AsFd> Polled<S> {
    /// `inner` must not block.
    pub(crate) fn new(inner: S) -> Polled<S> {
        Polled::with(Source::new(&inner), inner)
    }

    /// A stream that [`recv`](Self::recv) may take for drained; if it is what its type says: any socket can be made a
    /// `TcpStream` of `std`.
    pub(crate) fn tcp(inner: S) -> Polled<S> {
        let is_tcp = sockopt::socket_protocol(&inner) == Ok(Some(ipproto::TCP));
        Polled::with(if is_tcp { Source::draining(&inner) } else { Source::new(&inner) }, inner)
    }

    fn with(source: Source, inner: S) -> Polled<S> {
        Polled { source, read_timeout: Timeout::default(), write_timeout: Timeout::default(), inner }
    }

    #[inline]
    pub(crate) fn get(&self) -> &S {
        &self.inner
    }

    /// For those who try by themselves; see [`Source::seen`].
    #[cfg(feature = "futures-io")]
    pub(crate) fn seen(&self, direction: Direction) -> Seen {
        self.source.seen(direction)
    }

    /// Waits for an event that is not among those `seen`, or until the deadline; see [`Source::wait`].
    #[cfg(feature = "futures-io")]
    pub(crate) fn wait(&self, direction: Direction, seen: Seen, deadline: Option<Instant>) -> io::Result<()> {
        self.source.wait(direction, seen, deadline)
    }

    pub(crate) fn into_inner(self) -> S {
        let Polled { source, inner, .. } = self;
        drop(source);
        inner
    }

    /// Runs `attempt` until it is done, waiting for input meanwhile.
    #[inline]
    pub(crate) fn read_with<T>(&self, attempt: impl FnMut(&S) -> io::Result<T>) -> io::Result<T> {
        self.repeat(Direction::Read, self.read_timeout.get(), attempt)
    }

    /// Receives from a stream that gives less than it is asked for only when there is no more: after that the next
    /// `recv` waits before it tries. The system call is made without the C library, whose wrapper takes as long as all
    /// that is done here.
    pub(crate) fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        let attempt = |inner: &S| {
            let seen = self.source.seen(Direction::Read);
            let (_, count) = rustix::net::recv(inner, &mut *buf, RecvFlags::empty())?;
            if 0 < count && count < buf.len() {
                self.source.set_drained(seen);
            }
            Ok(count)
        };
        task::begin_operation();
        // The same for the question and for the wait: an event between them must not count as seen.
        let seen = self.source.seen(Direction::Read);
        let is_drained = self.source.is_drained(seen);
        self.attempt_until_done(Direction::Read, seen, !is_drained, self.read_timeout.get(), attempt)
    }

    /// Sends to a stream, as [`recv`](Self::recv) without the C library.
    pub(crate) fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.write_with(|inner| Ok(rustix::net::send(inner, buf, SendFlags::NOSIGNAL)?))
    }

    /// Runs `attempt` until it is done, waiting for room meanwhile.
    #[inline]
    pub(crate) fn write_with<T>(&self, attempt: impl FnMut(&S) -> io::Result<T>) -> io::Result<T> {
        self.repeat(Direction::Write, self.write_timeout.get(), attempt)
    }

    /// Runs `attempt` until it is done: it gives `WouldBlock` as long as it is not.
    pub(crate) fn repeat<T>(
        &self,
        direction: Direction,
        timeout: Option<Duration>,
        attempt: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        task::begin_operation();
        self.attempt_until_done(direction, self.source.seen(direction), true, timeout, attempt)
    }

    /// What is not tried first waits for an event that is not among those `seen`.
    ///
    /// Inlined, as all on the way to the suspension is but [`Source::wait`]: the frames below that are what a task that
    /// waits for I/O finds in no cache when it goes on.
    #[inline(always)]
    fn attempt_until_done<T>(
        &self,
        direction: Direction,
        mut seen: Seen,
        tries_first: bool,
        timeout: Option<Duration>,
        mut attempt: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        if tries_first {
            match retry_interrupted(|| attempt(&self.inner)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
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

impl<S: fmt::Debug> fmt::Debug for Polled<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

fn refuse_late(deadline: Option<Instant>) -> io::Result<()> {
    match deadline {
        Some(deadline) if driver::now() >= deadline => Err(io::Error::new(io::ErrorKind::TimedOut, "timed out")),
        _ => Ok(()),
    }
}

pub(super) fn retry_interrupted<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// A timeout that is set and read from any thread: its nanoseconds, 0 for none.
#[derive(Default)]
pub(crate) struct Timeout(AtomicU64);

impl Timeout {
    #[inline]
    pub(crate) fn get(&self) -> Option<Duration> {
        match self.0.load(Relaxed) {
            0 => None,
            ns => Some(Duration::from_nanos(ns)),
        }
    }

    /// Refuses a timeout of zero, as `std` does.
    pub(crate) fn set(&self, timeout: Option<Duration>) -> io::Result<()> {
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(zero_timeout());
        }
        let ns = timeout.map_or(0, |timeout| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
        self.0.store(ns, Relaxed);
        Ok(())
    }

    pub(crate) fn copy_from(&self, other: &Timeout) {
        self.0.store(other.0.load(Relaxed), Relaxed);
    }
}

pub(crate) fn zero_timeout() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "cannot set a 0 duration timeout")
}

/// `Read` for a type and for references to it, by a field that is a [`Polled`]; `recv`: see [`Polled::recv`].
macro_rules! reader {
    ($type:ident, $field:ident) => {
        $crate::io::polled::reader!($type, $field, |this, buf| {
            this.$field.read_with(|mut inner| std::io::Read::read(&mut inner, buf))
        });
    };
    ($type:ident, $field:ident, recv) => {
        $crate::io::polled::reader!($type, $field, |this, buf| this.$field.recv(buf));
    };
    ($type:ident, $field:ident, |$this:ident, $buf:ident| $read:expr) => {
        impl std::io::Read for &$type {
            #[inline]
            fn read(&mut self, $buf: &mut [u8]) -> std::io::Result<usize> {
                let $this = self;
                $read
            }

            fn read_vectored(&mut self, bufs: &mut [std::io::IoSliceMut<'_>]) -> std::io::Result<usize> {
                self.$field.read_with(|mut inner| std::io::Read::read_vectored(&mut inner, bufs))
            }
        }

        impl std::io::Read for $type {
            #[inline]
            fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
                std::io::Read::read(&mut &*self, buf)
            }

            fn read_vectored(&mut self, bufs: &mut [std::io::IoSliceMut<'_>]) -> std::io::Result<usize> {
                std::io::Read::read_vectored(&mut &*self, bufs)
            }
        }
    };
}

/// `Write`, as [`reader`]; `send`: see [`Polled::send`]. `flush` does nothing: there is no buffer.
macro_rules! writer {
    ($type:ident, $field:ident) => {
        $crate::io::polled::writer!($type, $field, |this, buf| {
            this.$field.write_with(|mut inner| std::io::Write::write(&mut inner, buf))
        });
    };
    ($type:ident, $field:ident, send) => {
        $crate::io::polled::writer!($type, $field, |this, buf| this.$field.send(buf));
    };
    ($type:ident, $field:ident, |$this:ident, $buf:ident| $write:expr) => {
        impl std::io::Write for &$type {
            #[inline]
            fn write(&mut self, $buf: &[u8]) -> std::io::Result<usize> {
                let $this = self;
                $write
            }

            fn write_vectored(&mut self, bufs: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                self.$field.write_with(|mut inner| std::io::Write::write_vectored(&mut inner, bufs))
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        impl std::io::Write for $type {
            #[inline]
            fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
                std::io::Write::write(&mut &*self, buf)
            }

            fn write_vectored(&mut self, bufs: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                std::io::Write::write_vectored(&mut &*self, bufs)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
    };
}

pub(crate) use {reader, writer};
