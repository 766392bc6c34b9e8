//! Reading and writing beyond sockets.
//!
//! - [`wait_readable`] and [`wait_writable`] take whatever `poll(2)` takes: a pipe, a device, the descriptor of a C
//!   library. A task parks meanwhile; a plain thread blocks.
//! - [`copy`] and [`copy_bidirectional`] move bytes from one end to another.
//! - [`read_line_limited`] reads a line that must not be too long.
//! - `Async` (feature `futures-io`) is a stream for futures that [`block_on`](crate::block_on) runs.
//! - [`stdin`] and [`stdout`] are those of the process.

#![forbid(unsafe_code)]

mod copy;
#[cfg(feature = "futures-io")]
mod futures;
mod line;
pub(crate) mod polled;
mod stdin;
mod stdout;

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use crate::driver::{self, Direction};
use crate::task;

pub use self::copy::{HalfClose, copy, copy_bidirectional};
#[cfg(feature = "futures-io")]
pub(crate) use self::futures::Sealed;
#[cfg(feature = "futures-io")]
pub use self::futures::{Async, Stream};
pub use self::line::read_line_limited;
pub use self::stdin::{Stdin, StdinLock, stdin};
pub use self::stdout::{Stdout, StdoutLock, stdout};
pub use crate::driver::WouldSuspend;

/// Waits until `fd` has something to read, or its other end is closed.
///
/// It may return early, so read without blocking and wait again. Another task may wait for the same descriptor at the
/// same time, also for the other direction. A regular file is always ready. A cancellation point.
///
/// # Errors
/// `EBADF` if the descriptor is closed, and [`WouldSuspend`] while the task unwinds.
///
/// # Examples
/// ```
/// use std::io::{Read, Write};
///
/// let (mut reader, mut writer) = std::io::pipe()?;
/// let byte = corro::run(|| {
///     corro::spawn(move || writer.write_all(b"!"));
///     corro::io::wait_readable(&reader)?;
///     let mut byte = [0];
///     reader.read_exact(&mut byte)?;
///     std::io::Result::Ok(byte[0])
/// })?;
/// assert_eq!(byte, b'!');
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn wait_readable(fd: impl AsFd) -> io::Result<()> {
    wait_raw(fd.as_fd().as_raw_fd(), Direction::Read)
}

/// Waits until `fd` takes something to write, or its other end is closed.
///
/// As [`wait_readable`] in all else.
///
/// # Errors
/// `EBADF` if the descriptor is closed, and [`WouldSuspend`] while the task unwinds.
///
/// # Examples
/// ```
/// let (_reader, writer) = std::io::pipe()?;
/// corro::run(|| corro::io::wait_writable(&writer))?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn wait_writable(fd: impl AsFd) -> io::Result<()> {
    wait_raw(fd.as_fd().as_raw_fd(), Direction::Write)
}

/// The same for a number, which its owner keeps open meanwhile; if not, the wait may never end.
pub(crate) fn wait_raw(fd: RawFd, direction: Direction) -> io::Result<()> {
    task::checkpoint();
    driver::wait_fd(fd, direction)
}
