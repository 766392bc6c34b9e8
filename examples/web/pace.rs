//! How fast a client has to be, so that it cannot hold its place by moving a byte now and then.

use std::io;
use std::time::Duration;

use super::limits::Limits;

/// A store of time. Waiting for the client uses it up, and every byte that is moved adds to it, up to what it began with.
pub(crate) struct Pace {
    left: Duration,
    most: Duration,
    /// Bytes a second.
    rate: u32,
}

impl Pace {
    pub(crate) fn new(limits: &Limits) -> Pace {
        Pace { left: limits.patience, most: limits.patience, rate: limits.rate }
    }

    pub(crate) fn restart(&mut self) {
        self.left = self.most;
    }

    /// Reads, within the time that is left.
    pub(crate) fn read(&mut self, read: impl FnOnce() -> io::Result<usize>) -> io::Result<usize> {
        let count = self.wait(read)?;
        self.gain(count);
        Ok(count)
    }

    /// Writes so many bytes, within the time that is left and that they are worth.
    pub(crate) fn write(&mut self, count: usize, write: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        self.left += self.worth(count);
        self.wait(write)?;
        self.gain(0);
        Ok(())
    }

    fn wait<T>(&mut self, f: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let begin = corro::time::now();
        let outcome = corro::timeout(self.left, f).unwrap_or_else(|_late| Err(io::ErrorKind::TimedOut.into()));
        self.left = self.left.saturating_sub(corro::time::now() - begin);
        outcome
    }

    fn gain(&mut self, count: usize) {
        self.left = self.most.min(self.left + self.worth(count));
    }

    fn worth(&self, count: usize) -> Duration {
        Duration::from_secs(count as u64) / self.rate
    }
}
