//! The time, and waiting for it to pass.

use std::time::{Duration, Instant};

use crate::driver;
use crate::task;

/// The time by the clock of this thread's loop, which may be a [virtual](crate::event_loop::Builder::virtual_time) one;
/// elsewhere that of the system.
///
/// # Examples
/// ```
/// use corro::{EventLoop, time};
/// use std::time::Duration;
///
/// let event_loop = EventLoop::builder().virtual_time(true).build()?;
/// event_loop.run(|| {
///     let start = time::now();
///     corro::sleep(Duration::from_secs(3600));
///     assert_eq!(time::now() - start, Duration::from_secs(3600));
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn now() -> Instant {
    driver::now()
}

/// Lets the other tasks of this worker have a turn. On a plain thread, yields the thread.
///
/// A cancellation point. Returns at once while the task unwinds.
#[inline(always)]
pub fn yield_now() {
    if !task::yield_now() {
        std::thread::yield_now();
    }
}

/// Suspends the task for `duration`; on a plain thread, blocks the thread.
///
/// A cancellation point. `sleep` of zero is one pass of the loop, as [`yield_now`]. Returns at once while the task
/// unwinds.
///
/// # Panics
/// In a callback of the event loop, which cannot wait.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// corro::run(|| {
///     let slow = corro::spawn(|| corro::sleep(Duration::from_millis(2)));
///     corro::sleep(Duration::from_millis(1));
///     slow.join().unwrap();
/// });
/// ```
pub fn sleep(duration: Duration) {
    driver::pause(duration);
}

/// Suspends the task until `deadline`; as [`sleep`] otherwise.
pub fn sleep_until(deadline: Instant) {
    driver::pause_until(Some(deadline));
}

/// A cancellation point that never waits: unwinds if the task is cancelled.
///
/// Once in a while, at least every 256 times, it lets the other tasks have a turn; so a loop of checkpoints can be cut
/// off by a [`timeout`](crate::timeout).
pub fn checkpoint() {
    task::begin_operation();
}

/// Ticks: the first at once, then one after each `period`.
///
/// # Panics
/// When the period is zero.
///
/// # Examples
/// ```
/// use corro::{EventLoop, time};
/// use std::time::Duration;
///
/// let event_loop = EventLoop::builder().virtual_time(true).build()?;
/// event_loop.run(|| {
///     let mut interval = time::interval(Duration::from_secs(60));
///     let ticks = [interval.tick(), interval.tick(), interval.tick()];
///     assert_eq!(ticks[2] - ticks[0], Duration::from_secs(120));
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn interval(period: Duration) -> Interval {
    assert!(!period.is_zero(), "an interval of no time would tick without end: give it a period");
    Interval { next: Some(now()), period }
}

/// See [`interval`].
///
/// Who comes late gets the ticks that it missed at once, each with its own time, so that none is lost.
#[derive(Debug)]
pub struct Interval {
    /// `None` is later than any clock can tell.
    next: Option<Instant>,
    period: Duration,
}

impl Interval {
    /// Waits for the next tick, and returns when it was due. A cancellation point, which loses no tick.
    pub fn tick(&mut self) -> Instant {
        driver::pause_until(self.next);
        let tick = self.next.unwrap_or_else(now);
        self.next = tick.checked_add(self.period);
        tick
    }

    /// The time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Forgets what was missed: the next tick comes a period from now on.
    pub fn reset(&mut self) {
        self.next = now().checked_add(self.period);
    }
}
