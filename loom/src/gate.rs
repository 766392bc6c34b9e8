//! The gate: what other threads send while a worker closes, and the count of its handles.

use std::sync::Arc;

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering::*};
use loom::thread;

use crate::{Bell, LOST, check, check_fails};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// `send` lets go of the lock before it pushes.
    SendsOutside,
    /// The worker empties its inbox before it closes the gate.
    EmptiesFirst,
    /// `may_be_woken` looks at the inbox before it looks at the handles.
    LooksAtMailFirst,
}

const DONE: usize = 1;

struct Gate {
    fault: Fault,
    open: Mutex<bool>,
    handles: AtomicUsize,
    /// How many tasks are in the inbox; see `inbox.rs` for the list.
    inbox: AtomicUsize,
    /// The state of the one task that is sent.
    task: AtomicUsize,
    joiner: Bell,
}

impl Gate {
    fn new(fault: Fault) -> Arc<Gate> {
        Arc::new(Gate {
            fault,
            open: Mutex::new(true),
            handles: AtomicUsize::new(1),
            inbox: AtomicUsize::new(0),
            task: AtomicUsize::new(0),
            joiner: Bell::new(),
        })
    }

    /// `Gate::spawn`.
    fn spawn(&self) {
        if !self.send() {
            // `TaskRef::refuse`.
            self.task.fetch_or(DONE, Release);
        }
    }

    /// `Gate::send`. `false`: the gate is closed.
    fn send(&self) -> bool {
        let open = self.open.lock().unwrap();
        if !*open {
            return false;
        }
        if self.fault == Fault::SendsOutside {
            drop(open);
            self.inbox.fetch_add(1, Release);
        } else {
            self.inbox.fetch_add(1, Release);
        }
        true
    }

    /// `Gate::drop_handle`, without the notice.
    fn drop_handle(&self) {
        self.handles.fetch_sub(1, AcqRel);
    }

    /// `Gate::close`.
    fn close(&self) {
        *self.open.lock().unwrap() = false;
    }

    /// `Local::take_mail`; each task ends as cancelled.
    fn take_mail(&self) {
        if self.inbox.swap(0, Acquire) > 0 {
            self.task.fetch_or(DONE, AcqRel);
            self.joiner.ring();
        }
    }

    /// `Worker::wind_up`, then `Home::close`.
    fn wind_up(&self) {
        if self.fault == Fault::EmptiesFirst {
            self.take_mail();
            self.close();
        } else {
            self.close();
            self.take_mail();
        }
    }

    /// `Local::may_be_woken`.
    fn may_be_woken(&self) -> bool {
        let has_handles = || self.handles.load(Acquire) > 0;
        let has_mail = || self.inbox.load(Relaxed) > 0;
        match self.fault {
            Fault::LooksAtMailFirst => has_mail() || has_handles(),
            _ => has_handles() || has_mail(),
        }
    }
}

/// A task is sent while the worker winds up: it ends, so its joiner goes on.
fn send_and_close(fault: Fault) {
    let gate = Gate::new(fault);
    let worker = {
        let gate = gate.clone();
        thread::spawn(move || gate.wind_up())
    };
    gate.spawn();
    while gate.task.load(Acquire) & DONE == 0 {
        gate.joiner.wait();
    }
    worker.join().unwrap();
}

/// The last handle sends something and goes: the worker finds the handle or what it sent.
fn last_handle(fault: Fault) {
    let gate = Gate::new(fault);
    let sender = {
        let gate = gate.clone();
        thread::spawn(move || {
            gate.spawn();
            gate.drop_handle();
        })
    };
    assert!(gate.may_be_woken(), "a deadlock was reported though something was sent");
    sender.join().unwrap();
}

#[test]
fn what_is_sent_ends() {
    check(None, || send_and_close(Fault::None));
}

#[test]
fn the_last_handle_leaves_no_deadlock() {
    check(None, || last_handle(Fault::None));
}

/// The gate closes, and the inbox is emptied, between the look and the push.
#[test]
fn sent_outside_of_the_lock() {
    check_fails(LOST, None, || send_and_close(Fault::SendsOutside));
}

/// The task comes between.
#[test]
fn emptied_before_closed() {
    check_fails(LOST, None, || send_and_close(Fault::EmptiesFirst));
}

/// The inbox was empty, then the handle sent and went.
#[test]
fn mail_looked_at_first() {
    check_fails("a deadlock was reported", None, || last_handle(Fault::LooksAtMailFirst));
}
