//! What is done with a [monitor](super::monitor), and how long it may wait: [`Operation`], [`Until`], [`Limit`].

use std::marker::PhantomData;

use super::header::Header;
use super::monitor::Locked;
use super::park::{self, Reason};
use super::select::Ticket;

/// One thing to be done with a monitor, that may have to wait.
pub(crate) trait Operation<S, V, const N: usize = 1> {
    /// The queue that it waits in.
    const QUEUE: usize = 0;

    fn reason(&self) -> Reason;

    /// Does it, if that can be done now.
    fn attempt(&mut self, locked: &mut Locked<'_, S, V, N>) -> bool;

    /// Whether [`attempt`](Self::attempt) would do it now. What `own` has in the queues does not count.
    fn is_possible(&self, _locked: &Locked<'_, S, V, N>, _own: &Ticket) -> bool {
        false
    }

    /// What lies in its place while it waits.
    fn offer(&mut self) -> V;

    /// It waits from now on. The lock is released.
    fn entered(&mut self) {}

    /// It was chosen; this lies in its place now.
    fn settle(&mut self, slot: V);

    /// It leaves the queue without having been chosen.
    fn withdraw(&mut self, _locked: &mut Locked<'_, S, V, N>, slot: V);

    /// It was chosen and settled, and its task is cancelled: what it got is for others. `false`: it cannot be undone.
    fn pass_on(&mut self, locked: &mut Locked<'_, S, V, N>) -> bool;
}

/// Waits until something is seen under the lock, or until whoever brings it about chooses all who wait.
pub(crate) struct Until<S, F> {
    reason: Reason,
    seen: F,
    state: PhantomData<fn(S)>,
}

impl<S, F: FnMut(&mut Locked<'_, S, ()>) -> bool> Until<S, F> {
    /// `seen` is asked once, before the wait.
    pub(crate) fn new(reason: Reason, seen: F) -> Until<S, F> {
        Until { reason, seen, state: PhantomData }
    }
}

impl<S, F: FnMut(&mut Locked<'_, S, ()>) -> bool> Operation<S, ()> for Until<S, F> {
    fn reason(&self) -> Reason {
        self.reason
    }

    fn attempt(&mut self, locked: &mut Locked<'_, S, ()>) -> bool {
        (self.seen)(locked)
    }

    fn offer(&mut self) {}

    fn settle(&mut self, (): ()) {}

    fn withdraw(&mut self, _locked: &mut Locked<'_, S, ()>, (): ()) {}

    /// All were chosen, so there is nobody to pass it on to.
    fn pass_on(&mut self, _locked: &mut Locked<'_, S, ()>) -> bool {
        true
    }
}

/// How long an operation may wait.
pub(crate) trait Limit {
    /// The wait begins.
    fn start(&mut self) {}

    fn is_over(&self) -> bool {
        false
    }

    /// Parks `me`, or this thread, until the limit at most.
    #[inline(always)]
    fn park(&self, me: Option<&Header>, reason: Reason) {
        park::park_as(me, reason);
    }
}

/// No limit.
pub(crate) struct Forever;

impl Limit for Forever {}

/// Why an operation was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undone {
    /// Its limit is over.
    Late,
    /// The task unwinds and cannot wait.
    Unwinding,
    /// The task is cancelled. What it was given meanwhile is passed on.
    Cancelled,
}
