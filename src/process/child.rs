//! A process that was started.

use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{self, ExitStatus, Output};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::{ChildStderr, ChildStdin, ChildStdout, reaper};
use crate::driver::{self, Direction};
use crate::select::Select;
use crate::task::{self, Mode};

/// The first pause between two looks where there is no `pidfd`; each further one doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;

/// A process that was started, as [`std::process::Child`].
#[derive(Debug)]
pub struct Child {
    /// Its standard input, if it was piped.
    pub stdin: Option<ChildStdin>,
    /// Its standard output, if it was piped.
    pub stdout: Option<ChildStdout>,
    /// Its standard error, if it was piped.
    pub stderr: Option<ChildStderr>,
    /// Taken out by `drop` only.
    inner: Option<process::Child>,
    end: Option<OwnedFd>,
    kill_on_drop: bool,
    /// Its end was seen, and its number may be another's.
    ended: bool,
}

impl Child {
    pub(super) fn new(mut child: process::Child, kill_on_drop: bool) -> io::Result<Child> {
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let end = pidfd(&child);
        let mut made =
            Child { stdin: None, stdout: None, stderr: None, inner: Some(child), end, kill_on_drop, ended: false };
        made.stdin = stdin.map(ChildStdin::from_std).transpose()?;
        made.stdout = stdout.map(ChildStdout::from_std).transpose()?;
        made.stderr = stderr.map(ChildStderr::from_std).transpose()?;
        Ok(made)
    }

    fn inner(&mut self) -> &mut process::Child {
        self.inner.as_mut().expect("taken out as it is dropped")
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.inner.as_ref().map_or(0, process::Child::id)
    }

    /// Waits for its end; closes its input before. Can be called again. A cancellation leaves the child alone.
    ///
    /// # Errors
    /// What the system reports.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        task::begin_operation();
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            match &self.end {
                Some(end) => driver::wait_fd(end.as_raw_fd(), Direction::Read)?,
                None if task::mode() == Mode::Unwinding => return Err(driver::would_suspend()),
                None => driver::pause(pause),
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    /// What the system reports.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.inner().try_wait()?;
        self.ended |= status.is_some();
        Ok(status)
    }

    /// Ends it at once (SIGKILL). Its end is still to be awaited.
    ///
    /// # Errors
    /// What the system reports; none if it has ended.
    pub fn kill(&mut self) -> io::Result<()> {
        self.inner().kill()
    }

    /// Ends its whole group at once: it, if it was started with [`process_group(0)`](super::Command::process_group), and
    /// whatever it has started, also if it has ended itself. Does nothing once its end was seen by [`wait`](Self::wait) or
    /// [`try_wait`](Self::try_wait), since its number may be another's by then.
    ///
    /// # Errors
    /// What the system reports, such as when it has no group of its own.
    pub fn kill_group(&mut self) -> io::Result<()> {
        if self.ended {
            return Ok(());
        }
        Ok(kill_process_group(pid(self.id())?, Signal::KILL)?)
    }

    /// Waits for its end and returns all that it wrote.
    ///
    /// # Errors
    /// What the system reports.
    pub fn wait_with_output(mut self) -> io::Result<Output> {
        self.communicate(&[])
    }

    /// Gives it this input, reads all that it writes meanwhile, and waits for its end. Without a deadlock, however much it
    /// is: as `Popen.communicate` of Python.
    ///
    /// A child that ends before it has read all is no error. What was not piped stays as it is. A cancellation leaves the
    /// child alone, with the part of the input that it has got.
    ///
    /// # Errors
    /// What the system reports.
    pub fn communicate(&mut self, input: &[u8]) -> io::Result<Output> {
        let (mut left, mut stdout, mut stderr) = (input, Vec::new(), Vec::new());
        let mut buffer = vec![0; CHUNK];
        while self.stdin.is_some() || self.stdout.is_some() || self.stderr.is_some() {
            task::begin_operation();
            let moved = [
                feed(&mut self.stdin, &mut left)?,
                drain(&mut self.stdout, ChildStdout::try_read, &mut buffer, &mut stdout)?,
                drain(&mut self.stderr, ChildStderr::try_read, &mut buffer, &mut stderr)?,
            ];
            if !moved.contains(&true) {
                self.await_pipes()?;
            }
        }
        Ok(Output { status: self.wait()?, stdout, stderr })
    }

    /// Waits for one of the pipes.
    fn await_pipes(&self) -> io::Result<()> {
        if task::mode() == Mode::Unwinding {
            return Err(driver::would_suspend());
        }
        let mut select = Select::new();
        if let Some(stdin) = &self.stdin {
            select.writable(stdin, |ready| ready);
        }
        if let Some(stdout) = &self.stdout {
            select.readable(stdout, |ready| ready);
        }
        if let Some(stderr) = &self.stderr {
            select.readable(stderr, |ready| ready);
        }
        select.wait()
    }
}

/// Writes what it takes; closes it when all was written, or nobody reads. Whether something happened.
fn feed(stdin: &mut Option<ChildStdin>, left: &mut &[u8]) -> io::Result<bool> {
    let Some(pipe) = stdin else { return Ok(false) };
    let written = if left.is_empty() { Err(ErrorKind::BrokenPipe.into()) } else { pipe.try_write(left) };
    match written {
        Ok(count) => *left = &left[count..],
        Err(error) if error.kind() == ErrorKind::BrokenPipe => *stdin = None,
        Err(error) => return not_now(error),
    }
    Ok(true)
}

/// Reads what there is; closes it at the end. Whether something happened.
fn drain<P>(
    pipe: &mut Option<P>,
    read: impl FnOnce(&P, &mut [u8]) -> io::Result<usize>,
    buffer: &mut [u8],
    all: &mut Vec<u8>,
) -> io::Result<bool> {
    let Some(end) = pipe else { return Ok(false) };
    match read(end, buffer) {
        Ok(0) => *pipe = None,
        Ok(count) => all.extend_from_slice(&buffer[..count]),
        Err(error) => return not_now(error),
    }
    Ok(true)
}

fn not_now(error: io::Error) -> io::Result<bool> {
    match error.kind() {
        ErrorKind::WouldBlock => Ok(false),
        ErrorKind::Interrupted => Ok(true),
        _ => Err(error),
    }
}

fn pid(number: u32) -> io::Result<Pid> {
    let number = i32::try_from(number).ok().and_then(Pid::from_raw);
    number.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "no process has this number"))
}

/// What becomes readable when the process ends.
fn pidfd(child: &process::Child) -> Option<OwnedFd> {
    pidfd_open(pid(child.id()).ok()?, PidfdFlags::empty()).ok()
}

impl Drop for Child {
    fn drop(&mut self) {
        let Some(mut child) = self.inner.take() else { return };
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        if self.kill_on_drop {
            // Fails only if it has ended.
            let _ = child.kill();
        }
        reaper::reap(child, self.end.take());
    }
}
