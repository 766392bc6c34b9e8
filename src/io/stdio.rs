//! The standard input and output of the process.
//!
//! Their descriptors are shared with other processes, so they are not made non-blocking. What would block is done on the
//! blocking pool, after a wait for readiness: so a cancelled read has not begun, and takes nothing.

use std::io::{self, BufRead, BufReader, LineWriter, Read, Write};

use crate::driver::blocking::run_elsewhere;
use crate::sync::{Mutex, MutexGuard, OnceCell};

use super::{wait_readable, wait_writable};

/// What a pipe takes at once when it says that it takes something (`PIPE_BUF`).
const PIPE_BUF: usize = 4096;

/// The standard input without the buffer.
#[derive(Debug)]
struct RawStdin;

impl Read for RawStdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        wait_readable(io::stdin())?;
        run_elsewhere(|| {
            loop {
                match rustix::io::read(io::stdin(), &mut *buf) {
                    Err(rustix::io::Errno::INTR) => {}
                    // Closed, as std has it.
                    Err(rustix::io::Errno::BADF) => return Ok(0),
                    done => return Ok(done?),
                }
            }
        })?
    }
}

/// The standard output without the buffer.
#[derive(Debug)]
struct RawStdout;

impl Write for RawStdout {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        wait_writable(io::stdout())?;
        let chunk = &buf[..buf.len().min(PIPE_BUF)];
        run_elsewhere(|| {
            loop {
                match rustix::io::write(io::stdout(), chunk) {
                    Err(rustix::io::Errno::INTR) => {}
                    done => return Ok(done?),
                }
            }
        })?
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

static STDIN: OnceCell<Mutex<BufReader<RawStdin>>> = OnceCell::new();
static STDOUT: OnceCell<Mutex<LineWriter<RawStdout>>> = OnceCell::new();

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

    /// Reads up to and with a line feed, and appends that to `line`. Returns how many bytes it were, 0 at the end.
    ///
    /// # Errors
    /// `InvalidData` for what is no UTF-8, and what the system reports.
    pub fn read_line(&self, line: &mut String) -> io::Result<usize> {
        self.lock().read_line(line)
    }

    /// An iterator over the lines, without their line feeds.
    pub fn lines(self) -> io::Lines<StdinLock> {
        self.lock().lines()
    }
}

impl Read for Stdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.lock().read(buf)
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
}

/// The standard output of the process, as [`std::io::stdout`]: a task waits while nobody reads there, and its worker goes
/// on. Each line is written out as it ends; what comes after the last one by [`flush`](Write::flush).
///
/// It has a buffer of its own; mixed with `println!` the order is that of the line ends.
///
/// # Examples
/// ```
/// use std::io::Write;
///
/// corro::run(|| writeln!(corro::io::stdout(), "hello"))?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn stdout() -> Stdout {
    Stdout(STDOUT.get_or_init(|| Mutex::new(LineWriter::new(RawStdout))))
}

/// See [`stdout`].
#[derive(Clone, Copy, Debug)]
pub struct Stdout(&'static Mutex<LineWriter<RawStdout>>);

impl Stdout {
    /// Keeps others from writing.
    pub fn lock(&self) -> StdoutLock {
        StdoutLock(self.0.lock())
    }
}

impl Write for Stdout {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.lock().write(buf)
    }

    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        self.lock().write_all(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}

/// The locked standard output.
#[derive(Debug)]
pub struct StdoutLock(MutexGuard<'static, LineWriter<RawStdout>>);

impl Write for StdoutLock {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
