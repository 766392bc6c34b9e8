//! The standard output of the process.
//!
//! The buffer is that of `std`, which is written out at the end of the process. Its descriptor is shared with other processes,
//! so it is not made non-blocking: each write is done on the blocking pool, after a wait for room.

use std::fmt;
use std::io::{self, Write};
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use super::polled::retry_interrupted;
use super::stdin::is_closed;
use super::wait_writable;
use crate::driver;
use crate::driver::blocking::run_elsewhere;
use crate::sync::Semaphore;
use crate::task::{self, Mode};

/// A pipe that takes something takes a page (`PIPE_BUF`); the buffer of `std` may have a quarter of one, which goes first.
const CHUNK: usize = 3072;

/// Whoever has the permit is the holder.
static PERMIT: Semaphore = Semaphore::bounded(1);
static HOLDER: Mutex<Option<Holder>> = Mutex::new(None);

/// Who may write, and how many locks it has.
struct Holder {
    who: Who,
    locks: usize,
}

#[derive(PartialEq, Eq)]
enum Who {
    Task(task::Id),
    Thread(ThreadId),
}

impl Who {
    fn here() -> Who {
        task::current().map_or_else(|| Who::Thread(thread::current().id()), |task| Who::Task(task.id()))
    }
}

fn holder() -> MutexGuard<'static, Option<Holder>> {
    HOLDER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The standard output of the process, as [`std::io::stdout`]: a task waits while nobody reads there, and its worker goes
/// on.
///
/// Its buffer is that of `std`, so it may be mixed with `println!`; but nobody may keep the lock of [`std::io::stdout`] while
/// somebody writes here, who waits for it, and is not cancelled meanwhile. Each line is written out as it ends; what comes
/// after the last one by [`flush`](Write::flush), or at the end of the process. Each write goes to the pool and back, some
/// microseconds; so put a [`BufWriter`](std::io::BufWriter) around it for many small ones.
///
/// Each write is a cancellation point; after a cancelled `write_all` a part may be written. While its task unwinds a write
/// gives an error of the kind `Other` around [`WouldSuspend`](crate::WouldSuspend). In a callback of the event loop it
/// panics.
///
/// # Examples
/// ```
/// use std::io::Write;
///
/// corro::run(|| writeln!(corro::io::stdout(), "hello"))?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn stdout() -> Stdout {
    Stdout(())
}

/// See [`stdout`].
#[derive(Clone, Copy, Debug)]
pub struct Stdout(());

impl Stdout {
    /// Keeps other tasks and threads from writing by this module. A task that has a lock can have more; it is another than
    /// the thread that runs it. A cancellation point.
    ///
    /// # Panics
    /// Where it would have to wait and cannot: in a callback of the event loop, and while the task unwinds.
    pub fn lock(&self) -> StdoutLock {
        // Before it is asked who the holder is: another task may drop its last lock meanwhile.
        task::begin_operation();
        let who = Who::here();
        if let Some(holder) = &mut *holder()
            && holder.who == who
        {
            holder.locks += 1;
            return StdoutLock(PhantomData);
        }
        PERMIT.acquire().forget();
        *holder() = Some(Holder { who, locks: 1 });
        StdoutLock(PhantomData)
    }

    fn lock_or_refuse(self) -> io::Result<StdoutLock> {
        if task::mode() == Mode::Unwinding { Err(driver::would_suspend()) } else { Ok(self.lock()) }
    }
}

impl Write for &Stdout {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.lock_or_refuse()?.write(buf)
    }

    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        self.lock_or_refuse()?.write_all(buf)
    }

    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        write_formatted(text, |bytes| self.write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock_or_refuse()?.flush()
    }
}

impl Write for Stdout {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        (&*self).write_all(buf)
    }

    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        (&*self).write_fmt(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}

impl AsFd for Stdout {
    fn as_fd(&self) -> BorrowedFd<'_> {
        rustix::stdio::stdout()
    }
}

/// The locked standard output. It stays on its thread.
#[derive(Debug)]
pub struct StdoutLock(PhantomData<*const ()>);

impl Write for StdoutLock {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        with_room(|| io::stdout().write(&buf[..buf.len().min(CHUNK)]))
    }

    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        write_formatted(text, |bytes| self.write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        with_room(|| io::stdout().flush())
    }
}

/// Writes at once, not piece by piece, and not while the pieces are made.
fn write_formatted(text: fmt::Arguments<'_>, write: impl FnOnce(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut whole = String::new();
    let formatted = fmt::write(&mut whole, text);
    write(whole.as_bytes())?;
    formatted.map_err(|_| io::Error::other("formatter error"))
}

/// Runs `write` on the pool when the output takes something.
fn with_room<T: Send>(write: impl Fn() -> io::Result<T> + Send) -> io::Result<T> {
    match wait_writable(io::stdout()) {
        Err(error) if is_closed(&error) => {}
        done => done?,
    }
    run_elsewhere(|| retry_interrupted(write))?
}

impl Drop for StdoutLock {
    fn drop(&mut self) {
        let mut held = holder();
        let Some(holder) = &mut *held else { unreachable!("a lock has a holder") };
        holder.locks -= 1;
        if holder.locks == 0 {
            *held = None;
            drop(held);
            let released = PERMIT.release(1);
            debug_assert!(released.is_ok(), "it is the one that was taken");
        }
    }
}
