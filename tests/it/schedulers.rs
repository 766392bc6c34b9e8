//! Where behaviour tests run.

use corro::EventLoop;

/// Runs a test as the main task of every scheduler, each a fresh one.
pub(crate) fn everywhere(body: impl Fn() + Send + Sync) {
    corro::run(&body);
}

/// Runs a test on a loop with virtual time.
pub(crate) fn virtually<T>(body: impl FnOnce() -> T) -> T {
    let event_loop = EventLoop::builder().virtual_time(true).build().expect("a loop");
    event_loop.run(body)
}
