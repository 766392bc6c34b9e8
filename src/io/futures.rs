//! Our streams for those who poll: [`Async`].
//!
//! ```text
//!  poll ─► attempt ── done ──► Ready
//!             └─ EAGAIN ──► a task that waits for the stream, and wakes the future's waker ─► Pending
//! ```
//!
//! The wait is a small task next to the one that polls. So it counts, is cancelled and ends as all waits do, and needs
//! no way of its own into the driver.

use std::fmt;
use std::io::{self, Read, Write};
use std::mem;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};

use super::HalfClose;
use super::polled::{Polled, retry_interrupted};
use crate::cancellation::shield;
use crate::driver::{self, Direction, Seen, would_suspend};
use crate::task::{self, JoinHandle, Mode};

/// How long a poll waits at a time where no task can do so for it.
const LAST_WAIT: Duration = Duration::from_millis(1);

/// A stream as [`AsyncRead`] and [`AsyncWrite`], for futures that [`block_on`](crate::block_on) runs: a
/// [`TcpStream`](crate::net::TcpStream), a [`UnixStream`](crate::net::UnixStream).
///
/// In a task a poll never waits; of polls that are ready at once, one in 256 lets the other tasks have their turn. On a plain thread, which has nothing that could wait beside it, a poll blocks. The
/// timeouts of the stream do not count here: a future has a [`timeout`](crate::timeout()) around its `block_on`.
///
/// Needs the feature `futures-io`.
///
/// # Examples
/// ```
/// use corro::io::Async;
/// use corro::net::UnixStream;
/// use futures_io::AsyncRead;
/// use std::future::poll_fn;
/// use std::io::Write;
/// use std::pin::Pin;
///
/// let word = corro::run(|| {
///     let (ours, mut theirs) = UnixStream::pair()?;
///     corro::spawn(move || theirs.write_all(b"word"));
///     let (mut stream, mut word) = (Async::new(ours), [0; 4]);
///     let count = corro::block_on(poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, &mut word)))?;
///     std::io::Result::Ok(word[..count].to_vec())
/// })?;
/// assert_eq!(word, b"word");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Async<S> {
    stream: Arc<S>,
    reading: Wait,
    writing: Wait,
}

/// A stream that [`Async`] takes. It cannot be implemented elsewhere.
pub trait Stream: Sealed + HalfClose + Send + Sync + 'static {}

impl<S: Sealed + HalfClose + Send + Sync + 'static> Stream for S {}

/// What is inside of a [`Stream`].
pub trait Sealed {
    #[doc(hidden)]
    type Inner: AsFd;

    #[doc(hidden)]
    #[allow(private_interfaces, reason = "nobody outside can call it or implement it")]
    fn polled(&self) -> &Polled<Self::Inner>;
}

impl<S> Async<S> {
    /// Wraps a stream.
    pub fn new(stream: S) -> Async<S> {
        Async { stream: Arc::new(stream), reading: Wait::default(), writing: Wait::default() }
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: Stream> Async<S> {
    fn poll_with<T>(
        &mut self,
        direction: Direction,
        context: &Context<'_>,
        mut attempt: impl FnMut(&S::Inner) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        let wait = match direction {
            Direction::Read => &mut self.reading,
            Direction::Write => &mut self.writing,
        };
        // Not in the middle of somebody's future: `block_on` gives way, and may be cancelled, when it is pending.
        if task::spend_operation() {
            task::count_long_turn();
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            let polled = self.stream.polled();
            let seen = polled.seen(direction);
            match retry_interrupted(|| attempt(polled.get())) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
            match task::mode() {
                Mode::Task if wait.poll(&self.stream, direction, seen, context)?.is_pending() => return Poll::Pending,
                Mode::Task => {}
                Mode::Thread => polled.wait(direction, seen, None)?,
                Mode::Unwinding => return Poll::Ready(Err(would_suspend())),
                Mode::Callback => task::refuse_callback(),
            }
        }
    }
}

impl<S: Stream> AsyncRead for Async<S>
where
    for<'a> &'a S::Inner: Read,
{
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_with(Direction::Read, context, |mut inner| inner.read(buf))
    }
}

impl<S: Stream> AsyncWrite for Async<S>
where
    for<'a> &'a S::Inner: Write,
{
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_with(Direction::Write, context, |mut inner| inner.write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_with(Direction::Write, context, |mut inner| inner.write_vectored(bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.half_close(Shutdown::Write))
    }
}

impl<S: fmt::Debug> fmt::Debug for Async<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Async").field(&self.stream).finish()
    }
}

/// The task that waits in one direction, if there is one.
#[derive(Default)]
struct Wait(Option<Waiting>);

struct Waiting {
    task: JoinHandle<()>,
    told: Arc<Mutex<Told>>,
    /// Whose task it is.
    driver: Option<u64>,
}

/// What that task and the one that polls tell each other.
#[derive(Default)]
struct Told {
    waker: Option<Waker>,
    outcome: Option<io::Result<()>>,
    was_cancelled: bool,
}

impl Wait {
    /// Ready when an attempt may do better now. Of several wakers the last one is woken.
    fn poll<S: Stream>(
        &mut self,
        stream: &Arc<S>,
        direction: Direction,
        seen: Seen,
        context: &Context<'_>,
    ) -> Poll<io::Result<()>> {
        let here = driver::number();
        // Somebody's code, so before the lock.
        let waker = context.waker().clone();
        if let Some(waiting) = &self.0 {
            let mut told = lock(&waiting.told);
            let (outcome, was_cancelled) = (told.outcome.take(), told.was_cancelled);
            if outcome.is_none() && waiting.driver == here {
                let before = told.waker.replace(waker);
                drop(told);
                drop(before);
                return Poll::Pending;
            }
            drop(told);
            let is_of_here = waiting.driver == here;
            // One of another scheduler is not waited for: nobody says that it still runs.
            self.end();
            if was_cancelled && is_of_here {
                // This scheduler ends and cancels every new task, but who polls is shielded. So it waits itself; not for long,
                // since its future may wait for something else as well.
                let until = driver::now().checked_add(LAST_WAIT);
                return Poll::Ready(shield(|| stream.polled().wait(direction, seen, until)));
            }
            if let Some(outcome) = outcome {
                // The event may be one that was seen before the attempt; then the next round waits for another.
                return Poll::Ready(outcome);
            }
        }
        let told = Arc::new(Mutex::new(Told { waker: Some(waker), ..Told::default() }));
        let (waits_for, tell) = (stream.clone(), TellAtEnd(told.clone()));
        let task = task::spawn_local(move || {
            let outcome = waits_for.polled().wait(direction, seen, None);
            // Closed before anybody is told, if nobody else has it.
            drop(waits_for);
            tell.end(outcome);
        });
        self.0 = Some(Waiting { task, told, driver: here });
        Poll::Pending
    }

    fn end(&mut self) {
        if let Some(Waiting { task, told, .. }) = self.0.take() {
            let waker = lock(&told).waker.take();
            drop(waker);
            task.cancel();
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.end();
    }
}

/// Tells also if the task is cancelled, as its scheduler ends: the future may be polled in another one.
struct TellAtEnd(Arc<Mutex<Told>>);

impl TellAtEnd {
    fn end(self, outcome: io::Result<()>) {
        lock(&self.0).outcome = Some(outcome);
    }
}

impl Drop for TellAtEnd {
    fn drop(&mut self) {
        let mut told = lock(&self.0);
        told.was_cancelled = told.outcome.is_none();
        told.outcome.get_or_insert(Ok(()));
        let waker = mem::take(&mut told.waker);
        drop(told);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}
