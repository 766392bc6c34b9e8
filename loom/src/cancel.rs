//! Cancellation: scopes that fire, tokens that outlive their scopes, and tasks that are cancelled as they are taken in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool as Flag, Ordering::SeqCst as Std};

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*, fence};
use loom::thread;

use crate::{Bell, LOST, check, check_fails};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// `fire` sets the task's bit before the scope's mark.
    BitFirst,
    /// `clear_fired` looks at the scopes before it clears the bit.
    ClearsLate,
    /// A token fires its scope after it has let go of the lock.
    FiresOutside,
    /// Neither side of a cancellation of a task that is being taken in has a fence.
    NoFences,
}

/// What the model says of a scope that is used too late.
const GONE: &str = "after its frame was gone";

const CANCELLED: usize = 1 << 3;
const FIRED: usize = 1 << 5;

/// A task with two scopes, each with a token.
struct Task {
    fault: Fault,
    state: AtomicUsize,
    /// 0 is null, as for a task that no worker has taken in.
    home: AtomicUsize,
    bell: Bell,
    scopes: [Scope; 2],
    /// The scope that a token may fire, while it is open.
    tokens: [Mutex<Option<usize>>; 2],
}

#[derive(Default)]
struct Scope {
    fired: AtomicBool,
    /// The lock of the owner, who is the same task always.
    owner: Mutex<()>,
    gone: Flag,
}

impl Scope {
    /// `CancelScope::has_fired`.
    fn has_fired(&self) -> bool {
        self.fired.load(Acquire)
    }
}

impl Task {
    fn new(fault: Fault) -> Arc<Task> {
        Arc::new(Task {
            fault,
            state: AtomicUsize::new(0),
            home: AtomicUsize::new(0),
            bell: Bell::new(),
            scopes: Default::default(),
            tokens: [Mutex::new(Some(0)), Mutex::new(Some(1))],
        })
    }

    /// `CancelToken::cancel`, and the wake.
    fn cancel_by_token(&self, token: usize) {
        {
            let place = self.tokens[token].lock().unwrap();
            let Some(scope) = *place else { return };
            if self.fault == Fault::FiresOutside {
                drop(place);
                self.fire(scope);
            } else {
                self.fire(scope);
            }
        }
        self.bell.ring();
    }

    /// `CancelScope::fire`.
    fn fire(&self, scope: usize) {
        let scope = &self.scopes[scope];
        let used = || assert!(!scope.gone.load(Std), "a scope was used after its frame was gone");
        used();
        if self.fault == Fault::BitFirst {
            self.state.fetch_or(FIRED, Release);
            scope.fired.store(true, Release);
            return;
        }
        scope.fired.store(true, Release);
        let owner = scope.owner.lock().unwrap();
        self.state.fetch_or(FIRED, Release);
        drop(owner);
        used();
    }

    /// `checkpoint`, `look` and `is_pending`, with the scopes from `outermost` on open. Whether the code unwinds.
    fn checkpoint(&self, open: &[Scope]) -> bool {
        if self.state.load(Relaxed) & (CANCELLED | FIRED) == 0 {
            return false;
        }
        if open.iter().any(Scope::has_fired) || self.state.load(Relaxed) & CANCELLED != 0 {
            return true;
        }
        self.clear_fired(open);
        false
    }

    /// `clear_fired`.
    fn clear_fired(&self, open: &[Scope]) {
        if self.fault == Fault::ClearsLate {
            let fired = open.iter().any(Scope::has_fired);
            self.state.fetch_and(!FIRED, AcqRel);
            if fired {
                self.state.fetch_or(FIRED, Relaxed);
            }
            return;
        }
        self.state.fetch_and(!FIRED, AcqRel);
        if open.iter().any(Scope::has_fired) {
            self.state.fetch_or(FIRED, Relaxed);
        }
    }

    /// Code that waits until it is cancelled.
    fn wait_for_cancellation(&self, open: &[Scope]) {
        while !self.checkpoint(open) {
            self.bell.wait();
        }
    }

    /// `CancelScope::close`, then `<Closed as Drop>::drop`, then the frame goes.
    fn close(&self, scope: usize, open: &[Scope]) {
        if self.scopes[scope].has_fired() {
            self.clear_fired(open);
        }
        *self.tokens[scope].lock().unwrap() = None;
        self.scopes[scope].gone.store(true, Std);
    }

    /// `cancel::cancel`: `mark`, then `waker::wake`.
    fn cancel(&self) {
        self.state.fetch_or(CANCELLED, AcqRel);
        if self.fault != Fault::NoFences {
            fence(SeqCst);
        }
        if self.home.load(Relaxed) != 0 {
            self.bell.ring();
        }
    }

    /// `Local::adopt`, and the first turn.
    fn adopt(&self) {
        self.home.store(1, Relaxed);
        if self.fault != Fault::NoFences {
            fence(SeqCst);
        }
        self.wait_for_cancellation(&[]);
    }
}

/// Two scopes, one in the other, are fired by two threads. The code in the inner one is cancelled; then the code around it.
fn scopes(fault: Fault) {
    let task = Task::new(fault);
    let threads = [0, 1].map(|token| {
        let task = task.clone();
        thread::spawn(move || task.cancel_by_token(token))
    });
    task.wait_for_cancellation(&task.scopes);
    task.close(1, &task.scopes[..1]);
    task.wait_for_cancellation(&task.scopes[..1]);
    task.close(0, &[]);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    // A bit that nobody needs any more goes at the next look.
    assert!(!task.checkpoint(&[]));
}

/// A scope ends while its token fires it.
fn token(fault: Fault) {
    let task = Task::new(fault);
    let other = {
        let task = task.clone();
        thread::spawn(move || task.cancel_by_token(1))
    };
    task.checkpoint(&task.scopes);
    task.close(1, &task.scopes[..1]);
    other.join().unwrap();
}

/// A new task is cancelled while a worker takes it in.
fn adopt(fault: Fault) {
    let task = Task::new(fault);
    let other = {
        let task = task.clone();
        thread::spawn(move || task.cancel())
    };
    task.adopt();
    other.join().unwrap();
}

#[test]
fn each_scope_ends() {
    check(Some(3), || scopes(Fault::None));
}

#[test]
fn a_token_outlives_its_scope() {
    check(None, || token(Fault::None));
}

#[test]
fn a_new_task_is_cancelled() {
    check(None, || adopt(Fault::None));
}

/// The task sees the bit and no mark, and clears the bit.
#[test]
fn the_bit_before_the_mark() {
    check_fails(LOST, Some(3), || scopes(Fault::BitFirst));
}

/// The outer scope fires between the look and the clearing.
#[test]
fn the_bit_cleared_after_the_look() {
    check_fails(LOST, Some(3), || scopes(Fault::ClearsLate));
}

/// The frame of the scope goes while the token uses it.
#[test]
fn fired_outside_of_the_lock() {
    check_fails(GONE, None, || token(Fault::FiresOutside));
}

/// The canceller sees no home to wake the task in, and the task sees no cancellation before it waits.
#[test]
fn faults_of_old_taken_in_without_fences() {
    check_fails(LOST, None, || adopt(Fault::NoFences));
}
