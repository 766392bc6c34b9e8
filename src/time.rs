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
