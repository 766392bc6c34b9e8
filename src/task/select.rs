//! One of several operations: [`select`].
//!
//! ```text
//!  attempt each arm, from a random one ── one is done ──► that one
//!        ▲         └─ none ─► enter: a place in each queue ─► park … one place is chosen, or one arm is ready
//!        └── an arm could have been done meanwhile ◄──┘            └─► leave all queues
//! ```
//!
//! All places of one `select` share a [`Ticket`], which is claimed once: by whoever chooses one of the places, under the
//! lock of that queue, or by the `select` itself, for an arm that it has to look at (an end of a task, a descriptor, a
//! time) or to give up. So exactly one arm is done. While it attempts its arms a `select` stands in no queue and cannot
//! be chosen; what becomes possible between the attempt and the entry is found at the entry, under the lock, and then it
//! gives up and begins again. That is how `crossbeam-channel` does it.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::sync::atomic::{AtomicUsize, Ordering::*};

use super::cancel;
use super::join::{JoinError, JoinHandle, Waiting};
use super::monitor::Monitor;
use super::operation::{Limit, Operation, Undone};
use super::park::{self, Mode, Reason, mode};
use super::place::{Aligned, Line, PARKED, Place, Waiter};

/// What the places of one `select` are chosen by.
pub(crate) struct Ticket {
    claimed: AtomicUsize,
    waiter: Waiter,
}

/// Nobody has claimed it.
const OPEN: usize = 0;
/// Its `select` has given up.
const ABORTED: usize = 1;
/// The first arm.
const ARMS: usize = 2;

impl Ticket {
    fn new() -> Ticket {
        Ticket { claimed: AtomicUsize::new(OPEN), waiter: Waiter::new(park::running()) }
    }

    pub(super) fn waiter(&self) -> &Waiter {
        &self.waiter
    }

    /// Claims it for an arm. Whether nobody was quicker.
    pub(super) fn claim(&self, arm: usize) -> bool {
        self.set(ARMS + arm)
    }

    fn abort(&self) -> bool {
        self.set(ABORTED)
    }

    /// AcqRel: who finds it claimed sees what was done before. What is done for the arm after it is seen by way of the lock
    /// of its queue.
    fn set(&self, value: usize) -> bool {
        self.claimed.compare_exchange(OPEN, value, AcqRel, Relaxed).is_ok()
    }

    fn chosen(&self) -> Option<usize> {
        self.claimed.load(Acquire).checked_sub(ARMS)
    }
}

/// One operation of a `select`. Its methods are called by [`select`], by one thread.
pub(crate) trait Arm {
    /// Does it, if that can be done now.
    fn attempt(&self) -> bool;

    /// Sees to it that the running task, or this thread, is woken when it can be done. `false`: it can be done now.
    fn watch(&self) -> bool {
        true
    }

    /// The same, for arms that are chosen by others.
    ///
    /// # Safety
    /// The arm and the ticket stay where they are until `leave` was called.
    unsafe fn enter(&self, _ticket: &Ticket, _arm: usize) -> bool {
        self.watch()
    }

    /// Whether it is done, for arms that nobody chooses: they are asked at each wake.
    fn is_ready(&self) -> bool {
        false
    }

    /// Takes back what `watch` or `enter` did. `chosen`: it is this one that is done.
    fn leave(&self, chosen: bool);

    /// It is done, and its task is cancelled: what it got is for others. `false`: it cannot be undone.
    fn pass_on(&self) -> bool;
}

/// The arms of one `select`.
pub(crate) trait Arms {
    fn len(&self) -> usize;
    fn arm(&self, index: usize) -> &dyn Arm;
}

/// Does one of the arms, waiting if need be, for as long as `limit` says. Returns which one. A cancellation of the wait
/// unwinds from here.
///
/// # Panics
/// In a callback of the event loop, where it would have to wait.
pub(crate) fn select(arms: &(impl Arms + ?Sized), limit: &mut impl Limit) -> Result<usize, Undone> {
    loop {
        if let Some(done) = attempt(arms) {
            return Ok(done);
        }
        match mode() {
            Mode::Task | Mode::Thread => {}
            Mode::Unwinding => return Err(Undone::Unwinding),
            Mode::Callback => park::refuse_callback(),
        }
        match wait(arms, limit) {
            Ok(Some(done)) if cancel::is_pending_here() && arms.arm(done).pass_on() => cancel::unwind(),
            Ok(Some(done)) => return Ok(done),
            Ok(None) => {}
            Err(Undone::Cancelled) => cancel::unwind(),
            Err(other) => return Err(other),
        }
    }
}

/// Does one of the arms, if one can be done now.
pub(crate) fn attempt(arms: &(impl Arms + ?Sized)) -> Option<usize> {
    let count = arms.len();
    let first = if count > 1 { super::random_below(count) } else { 0 };
    (first..count).chain(0..first).find(|&arm| arms.arm(arm).attempt())
}

/// Waits for one of the arms to be done. Without an answer all is to be attempted again.
fn wait(arms: &(impl Arms + ?Sized), limit: &mut impl Limit) -> Result<Option<usize>, Undone> {
    let ticket = Ticket::new();
    let mut entered = Entered { arms, ticket: &ticket, count: 0 };
    while entered.count < arms.len() {
        let index = entered.count;
        // SAFETY: `entered` leaves as it is dropped, also by an unwind; until then the arms are borrowed, and the ticket
        // lies in this frame, which stays.
        if !unsafe { arms.arm(index).enter(&ticket, index) } {
            ticket.abort();
            break;
        }
        entered.count += 1;
    }
    let undone = if ticket.claimed.load(Acquire) == OPEN { wait_for_claim(arms, &ticket, limit) } else { None };
    drop(entered);
    match (ticket.chosen(), undone) {
        (Some(chosen), _) => Ok(Some(chosen)),
        (None, Some(why)) => Err(why),
        (None, None) => Ok(None),
    }
}

/// Parks until the ticket is claimed; or gives up, and says why.
fn wait_for_claim(arms: &(impl Arms + ?Sized), ticket: &Ticket, limit: &mut impl Limit) -> Option<Undone> {
    limit.start();
    while ticket.chosen().is_none() {
        if let Some(ready) = (0..arms.len()).find(|&arm| arms.arm(arm).is_ready()) {
            ticket.claim(ready);
        } else if limit.is_over() {
            return ticket.abort().then_some(Undone::Late);
        } else if cancel::is_pending_here() {
            return ticket.abort().then_some(Undone::Cancelled);
        } else {
            limit.park(park::running(), Reason::Select);
        }
    }
    None
}

/// Leaves the queues.
struct Entered<'a, A: Arms + ?Sized> {
    arms: &'a A,
    ticket: &'a Ticket,
    count: usize,
}

impl<A: Arms + ?Sized> Drop for Entered<'_, A> {
    fn drop(&mut self) {
        // Claimed for none from here on, if it was not yet.
        self.ticket.abort();
        let chosen = self.ticket.chosen();
        (0..self.count).for_each(|arm| self.arms.arm(arm).leave(chosen == Some(arm)));
    }
}

const ENTERED_TWICE: &str = "an arm waits already: each is for one wait at a time";

/// An arm that waits in a queue of a monitor.
pub(crate) struct QueueArm<'a, S, V, O, const N: usize = 1> {
    monitor: &'a Monitor<S, V, N>,
    operation: RefCell<O>,
    /// While it waits.
    place: UnsafeCell<Aligned<Line, Option<Place<V>>>>,
    done: Cell<bool>,
}

impl<'a, S, V, O: Operation<S, V, N>, const N: usize> QueueArm<'a, S, V, O, N> {
    pub(crate) fn new(monitor: &'a Monitor<S, V, N>, operation: O) -> QueueArm<'a, S, V, O, N> {
        let operation = RefCell::new(operation);
        QueueArm { monitor, operation, place: UnsafeCell::new(Aligned::new(None)), done: Cell::new(false) }
    }

    /// The operation, once, if it is this arm that is done.
    pub(crate) fn take_done(&mut self) -> Option<&mut O> {
        self.done.take().then(|| self.operation.get_mut())
    }
}

impl<S, V, O: Operation<S, V, N>, const N: usize> Arm for QueueArm<'_, S, V, O, N> {
    fn attempt(&self) -> bool {
        let done = self.operation.borrow_mut().attempt(&mut self.monitor.lock());
        self.done.set(done);
        done
    }

    unsafe fn enter(&self, ticket: &Ticket, arm: usize) -> bool {
        // SAFETY: only this thread has the arm, and others use a place that is queued by shared references.
        assert!(unsafe { (*self.place.get()).0.is_none() }, "{ENTERED_TWICE}");
        let mut operation = self.operation.borrow_mut();
        let mut locked = self.monitor.lock();
        if operation.is_possible(&locked, ticket) {
            return false;
        }
        // SAFETY: there is no place, so none in a queue, and only this thread has the arm.
        let place = unsafe { &mut (*self.place.get()).0 }.insert(Place::of_arm(ticket, arm, operation.offer()));
        // SAFETY: the caller calls `leave`, which takes the place out, before the arm moves or goes.
        unsafe { locked.push(O::QUEUE, place, PARKED) };
        true
    }

    fn leave(&self, chosen: bool) {
        // SAFETY: others use the place by shared references, and only as long as it is queued.
        let Some(place) = (unsafe { (*self.place.get()).0.as_ref() }) else { return };
        let removed = self.monitor.take_out(O::QUEUE, place);
        // SAFETY: it is out of the queue, so nobody else has it.
        let Some(place) = (unsafe { (*self.place.get()).0.take() }) else { return };
        self.done.set(chosen);
        let mut operation = self.operation.borrow_mut();
        if chosen {
            operation.settle(place.into_slot());
        } else {
            let mut locked = removed.unwrap_or_else(|| self.monitor.lock());
            operation.withdraw(&mut locked, place.into_slot());
        }
    }

    fn pass_on(&self) -> bool {
        self.operation.borrow_mut().pass_on(&mut self.monitor.lock())
    }
}

/// An arm that waits for the end of a task.
pub(crate) struct JoinArm<'a, T> {
    handle: &'a mut JoinHandle<T>,
    waiting: Cell<Option<Waiting>>,
    done: Cell<bool>,
}

impl<'a, T> JoinArm<'a, T> {
    pub(crate) fn new(handle: &'a mut JoinHandle<T>) -> JoinArm<'a, T> {
        JoinArm { handle, waiting: Cell::default(), done: Cell::default() }
    }

    /// The result, if it is this arm that is done. Not taken before, so that a cancellation leaves it with the handle.
    pub(crate) fn take_result(&mut self) -> Option<Result<T, JoinError>> {
        self.done.take().then(|| self.handle.take())
    }
}

impl<T> Arm for JoinArm<'_, T> {
    fn attempt(&self) -> bool {
        self.done.set(self.handle.is_finished());
        self.done.get()
    }

    fn watch(&self) -> bool {
        let before = self.waiting.take();
        let is_idle = before.is_none();
        self.waiting.set(before);
        assert!(is_idle, "{ENTERED_TWICE}");
        let waiting = self.handle.await_end();
        let must_wait = waiting.is_some();
        self.waiting.set(waiting);
        must_wait
    }

    fn is_ready(&self) -> bool {
        self.handle.is_finished()
    }

    fn leave(&self, chosen: bool) {
        drop(self.waiting.take());
        self.done.set(chosen);
    }

    fn pass_on(&self) -> bool {
        true
    }
}
