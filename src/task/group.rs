//! Tasks whose ends are awaited together: the children of a `scope`.
//!
//! A child counts from before its first turn until after its result is in place, or dropped. Its header holds the group,
//! the group holds the children until they are done.

use std::any::Any;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::cancel;
use super::header::TaskRef;
use super::park::{self, Mode, Reason};
use super::token::CancelToken;
use super::waker::Waker;
use crate::generator;

/// Below this many children those that are done are not swept out.
const SWEEP_FROM: usize = 32;

pub(crate) struct Group {
    live: AtomicUsize,
    state: Mutex<State>,
    /// Cancels the body when a child fails.
    body: CancelToken,
}

#[derive(Default)]
struct State {
    children: Vec<TaskRef>,
    /// At so many children those that are done are swept out.
    sweep_at: usize,
    cancelled: bool,
    /// The payload of the first child that panicked.
    panic: Option<Box<dyn Any + Send>>,
    failed: bool,
    waiter: Option<Waker>,
}

impl Group {
    pub(super) fn new() -> Group {
        Group { live: AtomicUsize::new(0), state: Mutex::default(), body: CancelToken::new() }
    }

    pub(super) fn body(&self) -> &CancelToken {
        &self.body
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a child that is about to start.
    pub(super) fn add(&self, child: TaskRef) {
        self.live.fetch_add(1, Relaxed);
        let mut state = self.state();
        if state.cancelled {
            cancel::mark(&child);
        }
        if state.children.len() >= state.sweep_at.max(SWEEP_FROM) {
            state.children.retain(|child| !child.is_done());
            state.sweep_at = 2 * state.children.len();
        }
        state.children.push(child);
    }

    /// A child is done. Its worker calls this last.
    pub(super) fn child_ended(&self) {
        // AcqRel: what the children did is seen by the waiter that finds none left.
        if self.live.fetch_sub(1, AcqRel) == 1 {
            let waiter = self.state().waiter.take();
            if let Some(waiter) = waiter {
                waiter.wake();
            }
        }
    }

    /// A child panicked: the others and the body are cancelled. Returns the payload for the child's own handle.
    pub(super) fn fail(&self, payload: Box<dyn Any + Send>) -> Box<dyn Any + Send> {
        let text = generator::text_of_panic(&*payload);
        {
            let mut state = self.state();
            if mem::replace(&mut state.failed, true) {
                return payload;
            }
            state.panic = Some(payload);
        }
        self.cancel();
        self.body.cancel();
        Box::new(text)
    }

    /// Cancels the children, and those that come yet.
    pub(super) fn cancel(&self) {
        let children = {
            let mut state = self.state();
            state.cancelled = true;
            state.children.clone()
        };
        cancel::cancel_all(&children);
    }

    /// Waits until no child is left. A cancellation of the waiter is passed on to the children and does not end the wait.
    pub(super) fn wait(&self) {
        let mut passed_on = false;
        while self.live.load(Acquire) > 0 {
            if park::mode() != Mode::Task {
                generator::abort("a `scope` was left where it cannot wait for its tasks, which may borrow from it");
            }
            self.state().waiter = Some(Waker::current());
            if self.live.load(Acquire) == 0 {
                break;
            }
            if !passed_on && park::running().is_some_and(cancel::is_pending) {
                passed_on = true;
                self.cancel();
                continue;
            }
            park::park(Reason::Children);
        }
        let mut state = self.state();
        state.waiter = None;
        let children = mem::take(&mut state.children);
        drop(state);
        drop(children);
    }

    /// The payload of the first child that panicked.
    pub(super) fn take_panic(&self) -> Option<Box<dyn Any + Send>> {
        self.state().panic.take()
    }
}
