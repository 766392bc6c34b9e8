//! What goes wrong outside of the program: shortages, peers that break, vanish or dawdle, killed children, names that are
//! not resolved. And what a server meets in a long life: many connections, cancellations at any moment, a signal.
//!
//! Most of these run by [`cleanly`], which looks for what is left over.

mod cancelling;
mod children;
mod half_open;
mod many;
mod names;
mod resets;
mod shortage;
mod slow;
mod stopping;

use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use corro::Runtime;
use corro::net::{TcpListener, TcpStream};

use crate::generator::child::{isolated_as, test_path};

const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Longer than anything takes that is not stuck.
const STUCK: Duration = Duration::from_secs(60);

/// Two connected streams.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(ANY).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Runs a test on every scheduler, in a process of its own, and checks that no task, thread or descriptor is left.
fn cleanly<F: Fn() + Send + Sync>(body: F) {
    isolated_as(&test_path::<F>(), || {
        let _watchdog = Watchdog::start();
        let before = Held::now();
        corro::run(&body);
        before.is_what_is_held("the event loop");
        for workers in [1, 4] {
            let runtime = Runtime::builder().workers(workers).build().unwrap();
            runtime.run(&body);
            until("a task is left", || runtime.metrics().live == 0);
            drop(runtime);
            before.is_what_is_held(&format!("{workers} workers"));
        }
    });
}

/// Waits for what another thread or process does, but not for ever.
fn until(or_else: &str, is_so: impl Fn() -> bool) {
    until_or(|| or_else.to_owned(), is_so);
}

/// As [`until`], for a message that tells how it is at the end of the waiting.
fn until_or(or_else: impl Fn() -> String, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < STUCK, "{}", or_else());
        thread::yield_now();
    }
}

/// What the process holds.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    threads: usize,
}

impl Held {
    fn now() -> Held {
        let count = |folder| std::fs::read_dir(folder).unwrap().count();
        Held { descriptors: count("/proc/self/fd"), threads: count("/proc/self/task") }
    }

    /// The thread that waits for orphaned children ends a little later than the last of them.
    fn is_what_is_held(&self, by: &str) {
        until_or(|| format!("{by}: {self:?} before, {:?} after", Held::now()), || Held::now() == *self);
    }
}

/// Ends the process, with a message, when it takes too long.
struct Watchdog(Option<std::sync::mpsc::Sender<()>>, Option<thread::JoinHandle<()>>);

impl Watchdog {
    fn start() -> Watchdog {
        let (sender, over) = std::sync::mpsc::channel();
        let dog = thread::spawn(move || {
            if over.recv_timeout(2 * STUCK) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                eprintln!("the test is stuck: some task waits for what does not come");
                std::process::abort();
            }
        });
        Watchdog(Some(sender), Some(dog))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.0.take());
        let _ = self.1.take().map(thread::JoinHandle::join);
    }
}
