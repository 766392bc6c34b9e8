//! The driver of a plain thread, made when the thread first waits for a descriptor together with something else.
//!
//! A thread that waits for one descriptor blocks in `poll(2)`; one that waits for tasks parks. What waits for both sleeps
//! in a driver, as a worker does, and whoever wakes the thread rings its bell as well.

use std::cell::OnceCell;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use super::Driver;
use super::oneshot::Oneshots;
use crate::task::{self, Home};

thread_local! {
    static THREAD: OnceCell<ThreadDriver> = const { OnceCell::new() };
}

struct ThreadDriver {
    driver: Driver,
    home: &'static Home,
}

impl ThreadDriver {
    fn new() -> io::Result<ThreadDriver> {
        let driver = Driver::new(1)?;
        let notifier = driver.notifier();
        let home = Home::open(Box::new(move || notifier.notify()));
        task::attach_thread(Some(home));
        Ok(ThreadDriver { driver, home })
    }

    fn sleep(&self, deadline: Option<Instant>) {
        task::sleep_thread(self.home, || {
            let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            // A failed wait is one that ended early.
            let _ = self.driver.poll(timeout);
        });
    }
}

impl Drop for ThreadDriver {
    fn drop(&mut self) {
        task::attach_thread(None);
        self.home.close();
    }
}

/// What waits for descriptors on this thread.
///
/// # Errors
/// When the process is out of descriptors, and as the thread ends.
pub(super) fn oneshots() -> io::Result<Rc<Oneshots>> {
    let with = |cell: &OnceCell<ThreadDriver>| {
        let thread = match cell.get() {
            Some(thread) => thread,
            None => {
                let made = ThreadDriver::new()?;
                cell.get_or_init(|| made)
            }
        };
        Ok(thread.driver.oneshots.clone())
    };
    THREAD.try_with(with).unwrap_or_else(|_ends| Err(super::wait::no_driver()))
}

/// Blocks the thread until a wake, a descriptor that it waits for, or the deadline; if it waits for a descriptor.
pub(super) fn park(deadline: Option<Instant>) -> bool {
    let with = |cell: &OnceCell<ThreadDriver>| {
        let waiting = cell.get().filter(|thread| thread.driver.io_waiters() > 0);
        waiting.map(|thread| thread.sleep(deadline)).is_some()
    };
    THREAD.try_with(with).unwrap_or(false)
}
