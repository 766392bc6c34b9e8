//! Signals, as values that a task waits for.
//!
//! - [`ctrl_c`]: waits for an interrupt from the keyboard.
//! - [`Signals`]: waits for any of several.
//!
//! The handler (that of `signal-hook`) sets a flag for its signal and writes a byte into a socket; all else happens in the
//! task. So several signals do not hide one another; the same one twice before it was taken is one, as the system has it.
//!
//! From the first time on that a signal is waited for, its default action (to end the process) does not happen any more.

#![forbid(unsafe_code)]

use std::fmt;
use std::io::{self, Read};
use std::os::raw::c_int;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::*};

use signal_hook::consts::{FORBIDDEN, SIGINT};
use signal_hook::{SigId, flag, low_level};

use crate::net::UnixStream;
use crate::task;

/// Waits for an interrupt from the keyboard (SIGINT). A cancellation point.
///
/// What comes while nobody waits is not seen: use [`Signals`] to miss none.
///
/// # Errors
/// When the process or the system is out of descriptors.
///
/// # Examples
/// ```no_run
/// corro::run(|| {
///     let mut server = corro::spawn(|| corro::sleep(std::time::Duration::MAX));
///     corro::signal::ctrl_c()?;
///     server.cancel();
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn ctrl_c() -> io::Result<()> {
    Signals::new(&[SIGINT])?.next_signal().map(|_interrupt| ())
}

/// Signals that were sent to the process since this was made. Each `Signals` gets all of its kinds.
///
/// As an iterator it does not end.
///
/// # Examples
/// ```
/// use corro::signal::Signals;
///
/// const SIGUSR1: i32 = 10;
/// let signal = corro::run(|| {
///     let mut signals = Signals::new(&[SIGUSR1])?;
///     # signal_hook::low_level::raise(SIGUSR1)?;
///     // kill -USR1 …
///     std::io::Result::Ok(signals.wait())
/// })?;
/// assert_eq!(signal, SIGUSR1);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Signals {
    kinds: Vec<Kind>,
    /// Each signal brings a byte.
    bell: UnixStream,
    /// The kind that is asked first, so that none is passed over for ever.
    first: usize,
}

struct Kind {
    signal: c_int,
    came: Arc<AtomicBool>,
    hooks: Vec<SigId>,
}

impl Signals {
    /// # Errors
    /// When one of them cannot be waited for (SIGKILL, SIGSTOP, and those that tell of a fault), and when the process or the
    /// system is out of descriptors.
    pub fn new(signals: &[c_int]) -> io::Result<Signals> {
        let (bell, rope) = std::os::unix::net::UnixStream::pair()?;
        let mut made = Signals { kinds: Vec::new(), bell: UnixStream::from_std(bell)?, first: 0 };
        for &signal in signals {
            if FORBIDDEN.contains(&signal) {
                let text = format!("signal {signal} cannot be waited for: no handler can be set for it");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
            if made.kinds.iter().any(|kind| kind.signal == signal) {
                continue;
            }
            let kind = Kind { signal, came: Arc::default(), hooks: Vec::new() };
            made.kinds.push(kind);
            let kind = made.kinds.last_mut().expect("just pushed");
            // In this order: the byte tells of the flag.
            kind.hooks.push(flag::register(signal, kind.came.clone())?);
            kind.hooks.push(low_level::pipe::register(signal, rope.try_clone()?)?);
        }
        Ok(made)
    }

    /// Waits for a signal and returns its number. A cancellation point, which loses none.
    ///
    /// # Panics
    /// Where it would have to wait and cannot: while the task unwinds, and in a callback of the event loop.
    pub fn wait(&mut self) -> c_int {
        self.next_signal().unwrap_or_else(|error| panic!("`wait` cannot wait for a signal: {error}"))
    }

    fn next_signal(&mut self) -> io::Result<c_int> {
        task::begin_operation();
        loop {
            if let Some(signal) = self.try_wait() {
                return Ok(signal);
            }
            // A byte of a signal that was taken before only makes for one more look.
            let _bytes = self.bell.read(&mut [0; 64])?;
        }
    }

    /// Takes a signal that has come.
    pub fn try_wait(&mut self) -> Option<c_int> {
        let count = self.kinds.len();
        let next = (self.first..count).chain(0..self.first).find(|&kind| self.kinds[kind].came.swap(false, AcqRel))?;
        self.first = (next + 1) % count;
        Some(self.kinds[next].signal)
    }
}

impl Iterator for Signals {
    type Item = c_int;

    fn next(&mut self) -> Option<c_int> {
        Some(self.wait())
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for hook in self.kinds.iter().flat_map(|kind| &kind.hooks) {
            low_level::unregister(*hook);
        }
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signals: Vec<_> = self.kinds.iter().map(|kind| kind.signal).collect();
        f.debug_struct("Signals").field("signals", &signals).finish_non_exhaustive()
    }
}
