//! Rules S1, S2, S5, S6 and S9 where they meet virtual time, seeds, handles and the pool. Each test's name begins with
//! the rule.

mod clock;
mod deadlock;
mod handles;
mod hope;
mod pool;
mod seeds;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use corro::event_loop::Handle;
use corro::{EventLoop, time, yield_now};

use crate::generator::child::{isolated_as, test_path};
use crate::support::HOUR;

const MOMENT: Duration = Duration::from_millis(1);

fn virtual_loop() -> EventLoop {
    EventLoop::builder().virtual_time(true).build().unwrap()
}

/// Gives way until it is so.
fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        yield_now();
    }
}

/// Panics in silence.
fn raise(word: &'static str) -> ! {
    resume_unwind(Box::new(word))
}

/// The time of the loop of `handle`, by way of a pass of it.
fn ask_time(handle: &Handle) -> Instant {
    let (tell, told) = channel();
    handle.call_soon(move || tell.send(time::now()).unwrap());
    told.recv().unwrap()
}

/// Has the loop of `handle` awake and idle again many times; its clock must stand still.
fn stands_still(handle: &Handle) -> bool {
    let before = ask_time(handle);
    (0..50).all(|_| ask_time(handle) == before)
}

/// Runs `body` in a process of its own, which fails when `body` does not come to an end.
pub(crate) fn comes_to_an_end<F: FnOnce()>(body: F) {
    isolated_as(&test_path::<F>(), || {
        let (done, is_done) = channel::<()>();
        thread::spawn(move || {
            if is_done.recv_timeout(Duration::from_secs(10)) == Err(RecvTimeoutError::Timeout) {
                eprintln!("the test hangs");
                std::process::abort();
            }
        });
        body();
        drop(done);
    });
}

/// A thread as the kernel sees it, by a file that stays open: there may be no descriptor left for another.
pub(crate) struct OsThread(File);

impl OsThread {
    pub(crate) fn current() -> OsThread {
        OsThread(File::open("/proc/thread-self/stat").unwrap())
    }

    /// Waits until the thread sleeps in the kernel, or `is_over`.
    pub(crate) fn wait_for_sleep(&self, is_over: impl Fn() -> bool) {
        let sleeps = || {
            let mut stat = [0; 1000];
            let length = self.0.read_at(&mut stat, 0).unwrap_or(0);
            String::from_utf8_lossy(&stat[..length]).rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
        };
        while !sleeps() && !is_over() {
            thread::yield_now();
        }
    }
}
