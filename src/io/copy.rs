//! From one end to another.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::thread;

use crate::task::{self, Mode};

/// Bytes that are moved at once.
const CHUNK: usize = 64 * 1024;

/// Moves all that `reader` has to `writer`, and returns how many bytes it were. As [`std::io::copy`], with a larger
/// buffer, which is on the heap.
///
/// # Errors
/// What reading and writing report.
///
/// # Examples
/// ```
/// let mut text = Vec::new();
/// let count = corro::io::copy(&mut &b"hello"[..], &mut text)?;
/// assert_eq!((count, &text[..]), (5, &b"hello"[..]));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn copy<R: Read + ?Sized, W: Write + ?Sized>(reader: &mut R, writer: &mut W) -> io::Result<u64> {
    let mut buffer = vec![0; CHUNK];
    let mut moved = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(moved),
            Ok(count) => {
                writer.write_all(&buffer[..count])?;
                moved += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A stream whose two directions end one by one: what [`copy_bidirectional`] takes.
pub trait HalfClose {
    /// Ends one direction, or both.
    ///
    /// # Errors
    /// What the system reports.
    fn half_close(&self, how: Shutdown) -> io::Result<()>;
}

/// Moves all that `a` has to `b`, and all that `b` has to `a`, until both have ended; each end is handed on. Returns how
/// many bytes it were each way.
///
/// In a task the way back has a task of its own meanwhile, on a plain thread a thread. A cancellation ends both.
///
/// # Errors
/// The first that one way reports; both streams are shut down then, so that the other way ends too. While its task unwinds
/// it gives one around [`WouldSuspend`](crate::WouldSuspend) if it would have to wait.
///
/// # Examples
/// ```
/// use corro::io::copy_bidirectional;
/// use corro::net::UnixStream;
/// use std::io::{Read, Write};
/// use std::net::Shutdown;
///
/// corro::run(|| {
///     let (mut client, a) = UnixStream::pair()?;
///     let (b, mut server) = UnixStream::pair()?;
///     let proxy = corro::spawn(move || copy_bidirectional(&a, &b));
///     client.write_all(b"question")?;
///     client.shutdown(Shutdown::Write)?;
///     let mut question = String::new();
///     server.read_to_string(&mut question)?;
///     server.write_all(b"answer!")?;
///     drop(server);
///     assert_eq!(proxy.join().unwrap()?, (8, 7));
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn copy_bidirectional<A, B>(a: &A, b: &B) -> io::Result<(u64, u64)>
where
    A: HalfClose + Sync,
    B: HalfClose + Sync,
    for<'a> &'a A: Read + Write,
    for<'b> &'b B: Read + Write,
{
    let there = || one_way(a, b);
    let back = || one_way(b, a);
    let (there, back) = match task::mode() {
        Mode::Thread => thread::scope(|s| {
            let back = s.spawn(back);
            (there(), back.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload)))
        }),
        // No task can be started. Neither way waits: it is refused where it would have to.
        Mode::Unwinding => (there(), back()),
        _ => task::scope(|s| {
            let back = s.spawn_local(back);
            let there = there();
            (there, back.join().unwrap_or_else(|error| Err(io::Error::other(error))))
        }),
    };
    Ok((there?, back?))
}

/// Moves what `from` has to `to`, and ends that direction of both.
fn one_way<'a, A, B>(from: &'a A, to: &'a B) -> io::Result<u64>
where
    A: HalfClose,
    B: HalfClose,
    &'a A: Read,
    &'a B: Write,
{
    let moved = copy(&mut { from }, &mut { to });
    let how = if moved.is_ok() { Shutdown::Write } else { Shutdown::Both };
    // Fails if the other end is gone; then nobody needs to be told.
    let _ = to.half_close(how);
    if moved.is_err() {
        let _ = from.half_close(how);
    }
    moved
}
