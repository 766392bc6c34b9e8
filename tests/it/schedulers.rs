//! Where behaviour tests run.

use corro::{EventLoop, Runtime};

/// Runs a test as the main task of every scheduler, each a fresh one: the event loop, and the runtime with one worker and
/// with several.
pub(crate) fn everywhere(body: impl Fn() + Send + Sync) {
    corro::run(&body);
    for workers in [1, 4] {
        let runtime = Runtime::builder().workers(workers).build().expect("a runtime");
        runtime.run(&body);
    }
}

/// Runs a test on a loop with virtual time.
pub(crate) fn virtually<T>(body: impl FnOnce() -> T) -> T {
    let event_loop = EventLoop::builder().virtual_time(true).build().expect("a loop");
    event_loop.run(body)
}
