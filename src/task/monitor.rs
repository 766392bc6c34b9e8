//! Something that tasks and threads do together under a lock, and wait for one another over: a [`Monitor`].
//!
//! ```text
//!  lock ─► attempt ── done ──► unlock, wake the chosen
//!             └─ not now ──► a place at the tail of a queue ─► unlock ─► park … chosen, late, or cancelled
//! ```
//!
//! What is done is an [`Operation`]; [`Monitor::perform`] does one, [`select`](super::select) one of several. The places
//! of a queue lie on the waiters' own stacks, so nothing is allocated. Who can complete a waiter's operation *chooses*
//! it: takes its place out, puts a value into its slot or takes one from there, and wakes it. So what a waiter waits for
//! is handed over, and nobody who comes later can be quicker. A waiter that is chosen and cancelled before it runs
//! passes on what it got.
//!
//! Invariants:
//! - What is linked is valid, since the frame that a place lies in does not go before its place is out of the queue.
//! - State, links and slots of linked places are touched under the lock only. A place is marked as OUT, by whoever takes
//!   it out, as the last thing that is done to it: from then on the slot is the waiter's.
//! - Under the lock no code of a user runs. Tasks of other threads are woken after it is released.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::sync::atomic::Ordering::*;

use super::cancel;
use super::header::{Header, TaskRef};
use super::lock::Lock;
use super::operation::{Limit, Operation, Undone};
use super::park::{self, Reason, Refused};
use super::place::{Aligned, Line, List, OUT, PARKED, Place, SPINNING, Waiter, may_spin};
use super::select::Ticket;
use super::waker;

/// A state under a lock, and `N` queues of those who wait for it to change, first in, first out.
pub(crate) struct Monitor<S, V, const N: usize = 1> {
    lock: Lock,
    inner: UnsafeCell<Inner<S, V, N>>,
}

struct Inner<S, V, const N: usize> {
    queues: [List<V>; N],
    state: S,
}

// SAFETY: state and slots go from thread to thread under the lock; the waiters are woken in ways made for that.
unsafe impl<S: Send, V: Send, const N: usize> Send for Monitor<S, V, N> {}
// SAFETY: as above.
unsafe impl<S: Send, V: Send, const N: usize> Sync for Monitor<S, V, N> {}

// A panic of a user leaves nothing half done: under the lock there is none.
impl<S, V, const N: usize> UnwindSafe for Monitor<S, V, N> {}
impl<S, V, const N: usize> RefUnwindSafe for Monitor<S, V, N> {}

impl<S, V, const N: usize> Monitor<S, V, N> {
    pub(crate) const fn new(state: S) -> Monitor<S, V, N> {
        let inner = Inner { queues: [const { List::new() }; N], state };
        Monitor { lock: Lock::new(), inner: UnsafeCell::new(inner) }
    }

    #[inline]
    pub(crate) fn lock(&self) -> Locked<'_, S, V, N> {
        self.lock.acquire();
        Locked { monitor: self, woken: ManuallyDrop::default() }
    }

    /// Does `operation`, waiting if need be. A cancellation of a wait unwinds from here; one that has come before does not,
    /// so callers begin with [`begin_operation`](park::begin_operation).
    ///
    /// # Panics
    /// In a callback of the event loop, where it would have to wait.
    #[inline(always)]
    pub(crate) fn perform<O: Operation<S, V, N>>(
        &self,
        operation: &mut O,
        limit: &mut impl Limit,
    ) -> Result<(), Undone> {
        unwind_if_cancelled(self.perform_calmly(operation, limit, true))
    }

    /// As [`perform`](Self::perform), for the running task, which does not unwind. Its place is not aligned: the frame is
    /// smaller, and who chooses it lives on the same thread as a rule.
    #[inline(always)]
    pub(crate) fn perform_in<O: Operation<S, V, N>>(
        &self,
        task: &Header,
        operation: &mut O,
        limit: &mut impl Limit,
    ) -> Result<(), Undone> {
        let mut locked = self.lock();
        if operation.attempt(&mut locked) {
            return Ok(());
        }
        unwind_if_cancelled(self.wait::<(), _>(locked, Some(task), operation, limit, true))
    }

    /// As [`perform`](Self::perform), but a cancellation is an error, or, if `cancellable` is not set, does not end it.
    #[inline(always)]
    pub(crate) fn perform_calmly<O: Operation<S, V, N>>(
        &self,
        operation: &mut O,
        limit: &mut impl Limit,
        cancellable: bool,
    ) -> Result<(), Undone> {
        let mut locked = self.lock();
        if operation.attempt(&mut locked) {
            return Ok(());
        }
        match park::who() {
            Ok(me) => self.wait::<Line, _>(locked, me, operation, limit, cancellable),
            Err(refused) => self.refuse(locked, operation, refused),
        }
    }

    /// Inlined, as all on the way to the suspension is: each return from a call that was begun before a switch of stacks is
    /// one that the processor predicts wrongly.
    ///
    /// `L` is what the place is [aligned](Aligned) as.
    #[inline(always)]
    fn wait<L, O: Operation<S, V, N>>(
        &self,
        mut locked: Locked<'_, S, V, N>,
        me: Option<&Header>,
        operation: &mut O,
        limit: &mut impl Limit,
        cancellable: bool,
    ) -> Result<(), Undone> {
        let waiter = Waiter::new(me);
        let aligned = Aligned::<L, _>::new(Place::new(&waiter, operation.offer()));
        let place = &aligned.0;
        let spins = may_spin();
        // SAFETY: this frame stays until `leave` is dropped, which takes the place out.
        unsafe { locked.push(O::QUEUE, place, if spins { SPINNING } else { PARKED }) };
        drop(locked);
        let leave = Leave::<O, S, V, N> { monitor: self, place, operation: PhantomData };
        operation.entered();
        limit.start();
        let reason = operation.reason();
        let undone = if spins && place.spin() { Ok(()) } else { await_choice(place, me, reason, limit, cancellable) };
        mem::forget(leave);
        if let Err(why) = undone
            && let Some(mut locked) = self.take_out(O::QUEUE, place)
        {
            operation.withdraw(&mut locked, aligned.0.into_slot());
            return Err(why);
        }
        operation.settle(aligned.0.into_slot());
        if cancellable && cancel::is_pending_here() && operation.pass_on(&mut self.lock()) {
            return Err(Undone::Cancelled);
        }
        Ok(())
    }

    /// It cannot wait here. What its attempt has prepared for that is taken back.
    #[cold]
    fn refuse<O: Operation<S, V, N>>(
        &self,
        mut locked: Locked<'_, S, V, N>,
        operation: &mut O,
        refused: Refused,
    ) -> Result<(), Undone> {
        let slot = operation.offer();
        operation.withdraw(&mut locked, slot);
        drop(locked);
        match refused {
            Refused::Unwinding => Err(Undone::Unwinding),
            Refused::Callback => park::refuse_callback(),
        }
    }

    /// Takes a place out of its queue, if it is still there.
    pub(super) fn take_out(&self, queue: usize, place: &Place<V>) -> Option<Locked<'_, S, V, N>> {
        if !place.is_queued() {
            return None;
        }
        let mut locked = self.lock();
        let queued = place.state.load(Relaxed) != OUT;
        if queued {
            locked.inner().queues[queue].remove(place);
            place.state.store(OUT, Release);
        }
        queued.then_some(locked)
    }
}

#[inline(always)]
fn unwind_if_cancelled(done: Result<(), Undone>) -> Result<(), Undone> {
    if done == Err(Undone::Cancelled) {
        cancel::unwind();
    }
    done
}

/// Parks until the place is taken out; or says why it should leave.
#[inline(always)]
fn await_choice<V>(
    place: &Place<V>,
    me: Option<&Header>,
    reason: Reason,
    limit: &impl Limit,
    cancellable: bool,
) -> Result<(), Undone> {
    // The caller has just looked for a cancellation; one that comes since then ends the first park.
    loop {
        if limit.is_over() {
            return Err(Undone::Late);
        }
        limit.park(me, reason);
        if !place.is_queued() {
            return Ok(());
        }
        if cancellable && cancel::is_pending_here() {
            return Err(Undone::Cancelled);
        }
    }
}

/// Takes a place out of its queue if its frame is unwound.
struct Leave<'a, O: Operation<S, V, N>, S, V, const N: usize> {
    monitor: &'a Monitor<S, V, N>,
    place: &'a Place<V>,
    operation: PhantomData<O>,
}

impl<O: Operation<S, V, N>, S, V, const N: usize> Drop for Leave<'_, O, S, V, N> {
    fn drop(&mut self) {
        self.monitor.take_out(O::QUEUE, self.place);
    }
}

/// A monitor whose lock is held. As this is dropped the lock is released, then the chosen are woken.
pub(crate) struct Locked<'a, S, V, const N: usize = 1> {
    monitor: &'a Monitor<S, V, N>,
    /// Taken out by `drop`, and empty as a rule: so there is nothing else to drop.
    woken: ManuallyDrop<Woken>,
}

impl<S, V, const N: usize> Deref for Locked<'_, S, V, N> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        // SAFETY: the lock is held by this.
        unsafe { &(*self.monitor.inner.get()).state }
    }
}

impl<S, V, const N: usize> DerefMut for Locked<'_, S, V, N> {
    #[inline]
    fn deref_mut(&mut self) -> &mut S {
        // SAFETY: as above.
        unsafe { &mut (*self.monitor.inner.get()).state }
    }
}

impl<S, V, const N: usize> Locked<'_, S, V, N> {
    #[inline]
    fn inner(&mut self) -> &mut Inner<S, V, N> {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.monitor.inner.get() }
    }

    #[inline]
    fn queue(&self, queue: usize) -> &List<V> {
        // SAFETY: as in `deref`.
        unsafe { &(*self.monitor.inner.get()).queues[queue] }
    }

    /// Whether nobody waits in this queue.
    #[inline]
    pub(crate) fn is_empty(&self, queue: usize) -> bool {
        self.queue(queue).first.is_null()
    }

    /// How many wait in this queue.
    pub(crate) fn len(&self, queue: usize) -> usize {
        self.queue(queue).len
    }

    /// Whether somebody waits in this queue other than `own`.
    pub(crate) fn has_others(&self, queue: usize, own: &Ticket) -> bool {
        self.queue(queue).iter().any(|place| !ptr::eq(place.ticket, own))
    }

    /// What the first in this queue has in its slot. For queues that no `select` waits in.
    #[inline]
    pub(crate) fn front(&self, queue: usize) -> Option<&V> {
        // SAFETY: linked places are valid, and their slots are the lock holder's.
        unsafe { self.queue(queue).first.as_ref().map(|place| &*place.slot.get()) }
    }

    /// Takes the first out of this queue, has `f` do its operation for it, and wakes it when the lock is released.
    #[inline(always)]
    pub(crate) fn choose<R>(&mut self, queue: usize, f: impl FnOnce(&mut V) -> R) -> Option<R> {
        loop {
            // SAFETY: linked places are valid.
            let place = unsafe { self.queue(queue).first.as_ref() }?;
            self.inner().queues[queue].remove(place);
            if place.claim() {
                // SAFETY: the slot is the lock holder's until it is marked as OUT.
                let result = f(unsafe { &mut *place.slot.get() });
                self.woken.release(place);
                return Some(result);
            }
            // Another arm of its `select` was chosen.
            place.state.store(OUT, Release);
        }
    }

    /// The same for all in this queue. How many it were.
    pub(crate) fn choose_all(&mut self, queue: usize, mut f: impl FnMut(&mut V)) -> usize {
        let mut count = 0;
        while self.choose(queue, &mut f).is_some() {
            count += 1;
        }
        count
    }

    /// Lets the lock go; those of the chosen who live elsewhere are woken by `later`.
    #[inline]
    pub(crate) fn release_to(mut self, later: &mut Woken) {
        if self.woken.first.is_some() {
            later.append(mem::take(&mut *self.woken));
        }
    }

    /// # Safety
    /// The place stays where it is until it is out of the queue.
    #[inline]
    pub(super) unsafe fn push(&mut self, queue: usize, place: &Place<V>, state: u8) {
        place.state.store(state, Relaxed);
        self.inner().queues[queue].push(place);
    }
}

impl<S, V, const N: usize> Drop for Locked<'_, S, V, N> {
    #[inline]
    fn drop(&mut self) {
        self.monitor.lock.release();
        if self.woken.first.is_some() {
            mem::take(&mut *self.woken).wake();
        }
    }
}

/// Those that were chosen and live elsewhere: to be woken when the lock is released. What lives on this thread is put
/// into the ready ring at once, which is a store and runs nobody's code.
#[derive(Default)]
pub(crate) struct Woken {
    first: Option<TaskRef>,
    #[expect(clippy::box_collection, reason = "a lock is taken with this on the stack, and nearly always without any")]
    more: Option<Box<Vec<TaskRef>>>,
}

impl Woken {
    /// Lets the waiter of a place go.
    #[inline(always)]
    fn release<V>(&mut self, place: &Place<V>) {
        match park::local() {
            Some(local) if ptr::eq(local.home, place.home) => {
                place.state.store(OUT, Release);
                // SAFETY: a task of this thread is still in its frame, since it cannot run before this is over.
                local.wake(unsafe { &*place.waiter });
            }
            _ => self.release_remote(place),
        }
    }

    #[cold]
    fn release_remote<V>(&mut self, place: &Place<V>) {
        // Release: what was done to the slot, and before, is seen by the waiter.
        if place.state.load(Relaxed) == SPINNING
            && place.state.compare_exchange(SPINNING, OUT, Release, Relaxed).is_ok()
        {
            return;
        }
        // SAFETY: until its place is marked as OUT the waiter is in its frame.
        let counted = unsafe { &*place.waiter }.counted();
        place.state.store(OUT, Release);
        self.add(counted);
    }

    fn add(&mut self, task: TaskRef) {
        match self.first {
            None => self.first = Some(task),
            Some(_) => self.more.get_or_insert_default().push(task),
        }
    }

    #[cold]
    fn append(&mut self, other: Woken) {
        other.into_tasks().for_each(|task| self.add(task));
    }

    fn into_tasks(self) -> impl Iterator<Item = TaskRef> {
        self.first.into_iter().chain(self.more.into_iter().flat_map(|more| *more))
    }

    #[inline(never)]
    pub(crate) fn wake(self) {
        self.into_tasks().for_each(waker::wake_owned);
    }
}
