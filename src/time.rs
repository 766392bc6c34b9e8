//! Waiting for time to pass.

use std::time::{Duration, Instant};

use crate::driver::{self, Alarm, Target};
use crate::task::{self, Mode, Waker};

/// Lets the other tasks of this worker have a turn. On a plain thread, yields the thread.
///
/// A cancellation point. Returns at once while the task unwinds.
#[inline]
pub fn yield_now() {
    task::checkpoint();
    match task::running() {
        Some(_) => {
            task::give_way();
            task::checkpoint();
        }
        None => std::thread::yield_now(),
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
    match task::mode() {
        Mode::Thread => std::thread::sleep(duration),
        _ => sleep_to(driver::now().checked_add(duration)),
    }
}

/// Suspends the task until `deadline`; as [`sleep`] otherwise.
pub fn sleep_until(deadline: Instant) {
    match task::mode() {
        Mode::Thread => std::thread::sleep(deadline.saturating_duration_since(Instant::now())),
        _ => sleep_to(Some(deadline)),
    }
}

/// A cancellation point that never waits: unwinds if the task is cancelled, else does nothing.
pub fn checkpoint() {
    task::checkpoint();
}

/// `None` is later than any clock can tell.
fn sleep_to(deadline: Option<Instant>) {
    match task::mode() {
        Mode::Unwinding => return,
        Mode::Callback => driver::refuse_callback(),
        Mode::Task | Mode::Thread => task::checkpoint(),
    }
    if deadline.is_some_and(|deadline| deadline <= driver::now()) {
        return yield_now();
    }
    let _alarm = deadline.map(|deadline| Alarm::set(deadline, Target::Wake(Waker::current())));
    loop {
        task::park();
        task::checkpoint();
        if deadline.is_some_and(|deadline| deadline <= driver::now()) {
            return;
        }
    }
}
