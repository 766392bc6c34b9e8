//! The standard input of the process.
//!
//! Its descriptor is shared with other processes, so it is not made non-blocking. What would block is done on the blocking
//! pool, after a wait for readiness: so a cancelled read has not begun, and takes nothing.

use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

use super::polled::retry_interrupted;
use super::{read_line_limited, wait_readable};
use crate::driver::blocking::run_elsewhere;
use crate::sync::{Mutex, MutexGuard, OnceCell};

/// The standard input without the buffer.
#[derive(Debug)]
struct RawStdin;

impl Read for RawStdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = wait_readable(io::stdin())
            .and_then(|()| run_elsewhere(|| retry_interrupted(|| Ok(rustix::io::read(io::stdin(), &mut *buf)?)))?);
        match read {
            Err(error) if is_closed(&error) => Ok(0),
            done => done,
        }
    }
}

/// A standard stream that is closed is empty, and takes whatever is written: as `std` has it.
pub(super) fn is_closed(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::BADF.raw_os_error())
}

static STDIN: OnceCell<Mutex<BufReader<RawStdin>>> = OnceCell::new();

/// The standard input of the process, as [`std::io::stdin`]: a task that reads waits, and its worker goes on.
///
/// It has a buffer of its own, so use it or that of `std`, not both.
///
/// # Examples
/// ```
/// let mut line = String::new();
/// corro::run(|| corro::io::stdin().read_line(&mut line))?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn stdin() -> Stdin {
    Stdin(STDIN.get_or_init(|| Mutex::new(BufReader::new(RawStdin))))
}

/// See [`stdin`].
#[derive(Clone, Copy, Debug)]
pub struct Stdin(&'static Mutex<BufReader<RawStdin>>);

impl Stdin {
    /// Keeps others from reading, and gives `BufRead`.
    pub fn lock(&self) -> StdinLock {
        StdinLock(self.0.lock())
    }

    /// Reads up to and with a line feed, and appends that to `line`. Returns how many bytes it were, 0 at the end. After a
    /// cancellation `line` has what came until then, as by [`read_line_limited`].
    ///
    /// # Errors
    /// `InvalidData` for what is no UTF-8, and what the system reports.
    pub fn read_line(&self, line: &mut String) -> io::Result<usize> {
        self.lock().read_line(line)
    }

    /// An iterator over the lines, without their line feeds. What had come of a line that a cancellation cut off is lost;
    /// [`read_line`](Self::read_line) keeps it.
    pub fn lines(self) -> io::Lines<StdinLock> {
        self.lock().lines()
    }
}

impl Read for &Stdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.lock().read(buf)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.lock().read_to_end(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        self.lock().read_to_string(buf)
    }

    fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        self.lock().read_exact(buf)
    }
}

impl Read for Stdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        (&*self).read_to_end(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        (&*self).read_to_string(buf)
    }

    fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        (&*self).read_exact(buf)
    }
}

impl AsFd for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        rustix::stdio::stdin()
    }
}

/// The locked standard input.
#[derive(Debug)]
pub struct StdinLock(MutexGuard<'static, BufReader<RawStdin>>);

impl Read for StdinLock {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl BufRead for StdinLock {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.0.consume(count);
    }

    fn read_line(&mut self, line: &mut String) -> io::Result<usize> {
        read_line_limited(self, line, usize::MAX)
    }
}
