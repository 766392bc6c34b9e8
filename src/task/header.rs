//! A task: one block of memory that holds its account, its closure and then its result.
//!
//! ```text
//!  Header │ result │ closure          one block; what points at it counts in `state`
//! ```
//!
//! References are held by the scheduler until the task has ended, by the handle, and by wakers.
//!
//! Fields in a `Cell` belong to the thread that the task is pinned to (its home). Other threads touch `state`,
//! `home` and `inbox_next` only; the rest of what they read never changes.

use std::alloc::Layout;
use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};

use super::block;
use super::fiber::{Fiber, FiberYielder};
use super::group::Group;
use super::home::Home;
use super::join::Joiner;
use super::local::Locals;
use super::park::Reason;
use crate::coroutine::{Cancellation, Context};

/// The task has ended and its result, if any, is in place. Set once, by the home thread.
pub(super) const DONE: usize = 1;
/// `joiner` is filled. Set by the handle's holder after filling it, cleared by the same before it empties it.
/// Whoever sets `DONE` while this is set takes the joiner.
pub(super) const JOINING: usize = 1 << 1;
/// The task is in the inbox of its home, or on the way there. Set by the thread that puts it there (at most one
/// succeeds), cleared by the home thread as it takes it out. For the header of a plain thread: a wake is pending.
pub(super) const NOTIFIED: usize = 1 << 2;
/// Cancellation was asked for. Never cleared.
pub(super) const CANCELLED: usize = 1 << 3;
/// Goes with CANCELLED: no shield holds it back. Set when nothing else can end a wait.
pub(super) const FORCED: usize = 1 << 6;
/// A cancel scope that is, or was, open in this task has fired: its code looks closer at the next cancellation point.
/// Set by whoever fires the scope, after the scope's own mark; cleared by the task when it finds no such scope.
pub(super) const FIRED: usize = 1 << 5;
/// There is a `JoinHandle`, which will take or drop the result. Cleared as the handle goes.
pub(super) const HANDLE: usize = 1 << 4;
/// One reference; the count takes the bits above.
pub(super) const REFERENCE: usize = 1 << 8;

/// Where a task is in its life; the home thread's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// In a ready queue, not started.
    Unstarted,
    /// In the ready ring, having been parked: what it waited for is looked at when it runs.
    Woken,
    /// In the ready ring, having given way: a wake must be kept for its next park.
    Yielded,
    Running,
    Parked,
    Ended,
}

/// Laid out by hand: what a turn touches comes first and lies together.
#[repr(C)]
pub(crate) struct Header {
    pub(super) state: AtomicUsize,
    pub(super) home: AtomicPtr<Home>,
    pub(super) fiber: Cell<*const Fiber>,
    pub(super) yielder: Cell<*const FiberYielder>,
    pub(super) leaf: Cell<*const Context>,
    pub(super) phase: Cell<Phase>,
    /// A wake that came while the task was not parked: its next park returns at once.
    pub(super) token: Cell<bool>,
    /// The joiner was there when the task ended, and is to be told.
    pub(super) joined: Cell<bool>,
    /// Somebody waits for the end by the task's id; the scheduler is told of it.
    pub(crate) watched: Cell<bool>,
    /// About where its stack stands while it is parked.
    pub(super) stands_at: Cell<*const u8>,
    /// What it waits for, while it is parked.
    pub(super) reason: Cell<Reason>,
    pub(super) context: Context,
    /// The task of the same home that joins this one, or null. It takes itself out before it goes, so no reference
    /// is counted.
    pub(super) local_joiner: Cell<*const Header>,
    /// Neighbours in the home's list of tasks that have not ended.
    pub(super) previous: Cell<*const Header>,
    pub(super) next: Cell<*const Header>,
    vtable: &'static VTable,
    pub(crate) stack_size: usize,
    pub(super) id: u64,
    pub(super) name: Option<Box<str>>,
    /// The tasks that it counts among, if somebody waits for all of them.
    pub(super) group: Option<Arc<Group>>,
    /// What other threads sent to be called, not to be run as a task.
    pub(super) is_call: bool,
    pub(super) inbox_next: AtomicPtr<Header>,
    pub(super) joiner: UnsafeCell<Option<Joiner>>,
    /// Its task-locals. Those that it is made with are `Send`; others come and go on the home thread.
    pub(super) locals: Cell<Option<Box<Locals>>>,
    /// Set in the header of a plain thread.
    pub(super) thread: Option<std::thread::Thread>,
}

// SAFETY: other threads touch only what the head of this file says; `joiner` is guarded by JOINING and DONE.
unsafe impl Send for Header {}
// SAFETY: as above.
unsafe impl Sync for Header {}

/// What depends on the types of closure and result.
struct VTable {
    /// Runs the closure and puts the result in place.
    run: unsafe fn(NonNull<Header>),
    /// Drops the closure of a task that will never run, and puts the outcome `cancelled` in place.
    give_up: unsafe fn(NonNull<Header>, Failure),
    /// Drops the result, if it was not taken.
    drop_result: unsafe fn(NonNull<Header>),
    free: unsafe fn(NonNull<Header>),
}

/// How a task failed.
pub(crate) enum Failure {
    Cancelled,
    Panicked(Box<dyn Any + Send>),
}

/// A task as its handle knows it. `#[repr(C)]` puts the result at the same place whatever the closure is.
#[repr(C)]
struct Front<T> {
    header: Header,
    result: UnsafeCell<Option<Result<T, Failure>>>,
}

/// The whole of a task.
#[repr(C)]
struct Whole<F, T> {
    front: Front<T>,
    body: UnsafeCell<Option<F>>,
}

/// A counted reference to a task, or to a plain thread's header.
pub(crate) struct TaskRef(NonNull<Header>);

// SAFETY: a `TaskRef` gives access to what the header lets other threads do.
unsafe impl Send for TaskRef {}
// SAFETY: as above.
unsafe impl Sync for TaskRef {}

/// What a new task is made with.
pub(crate) struct Settings {
    pub(crate) id: u64,
    pub(crate) name: Option<Box<str>>,
    pub(crate) stack_size: usize,
    pub(super) group: Option<Arc<Group>>,
    pub(super) is_call: bool,
    pub(super) locals: Option<Box<Locals>>,
}

impl TaskRef {
    /// Makes a task. Two references: the one returned and the handle's.
    pub(super) fn new<F: FnOnce() -> T, T>(settings: Settings, body: F) -> TaskRef {
        let header = Header::new(settings, VTable::of::<F, T>(), None, HANDLE | (2 * REFERENCE));
        TaskRef::allocate(header, Some(body))
    }

    /// Makes the header by which a plain thread is woken. It counts as done, so that nothing else is done with it.
    pub(super) fn of_thread() -> TaskRef {
        let settings = Settings { id: 0, name: None, stack_size: 0, group: None, is_call: false, locals: None };
        let thread = Some(std::thread::current());
        let header = Header::new(settings, VTable::of::<fn(), ()>(), thread, DONE | REFERENCE);
        TaskRef::allocate(header, None::<fn()>)
    }

    fn allocate<F: FnOnce() -> T, T>(header: Header, body: Option<F>) -> TaskRef {
        // The place first, so that the task is written where it stays.
        let place = block::allocate(Layout::new::<Whole<F, T>>()).cast::<Whole<F, T>>();
        let front = Front::<T> { header, result: UnsafeCell::new(None) };
        // SAFETY: the place is of this layout, and new.
        unsafe { place.write(Whole { front, body: UnsafeCell::new(body) }) };
        // For `Header::raw`, which gets back from a part to the whole.
        place.as_ptr().expose_provenance();
        TaskRef(place.cast())
    }

    /// Takes over a reference that `into_raw` gave away.
    ///
    /// # Safety
    /// The pointer comes from `into_raw`, and is taken over once.
    pub(super) unsafe fn from_raw(raw: *const Header) -> TaskRef {
        // SAFETY: never null, says the caller.
        TaskRef(unsafe { NonNull::new_unchecked(raw.cast_mut()) })
    }

    /// The second of the two references that a new task is made with; to be taken once.
    pub(super) fn second(&self) -> TaskRef {
        TaskRef(self.0)
    }

    /// Ends a task that no worker will take in, as cancelled.
    pub(super) fn refuse(self) {
        // SAFETY: no worker knows it, so this thread stands in for the home.
        unsafe { self.give_up(Failure::Cancelled) };
        // Release: the outcome is there for whoever sees DONE. The handle was not given out, so nobody joins yet.
        self.state.fetch_or(DONE, Release);
    }

    pub(super) fn into_raw(self) -> *const Header {
        ManuallyDrop::new(self).0.as_ptr()
    }

    pub(crate) fn as_ptr(&self) -> *const Header {
        self.0.as_ptr()
    }
}

impl Clone for TaskRef {
    fn clone(&self) -> TaskRef {
        // Relaxed: a new reference is made from an existing one, which keeps the task.
        self.state.fetch_add(REFERENCE, Relaxed);
        TaskRef(self.0)
    }
}

impl std::ops::Deref for TaskRef {
    type Target = Header;

    #[inline]
    fn deref(&self) -> &Header {
        // SAFETY: the reference is counted, so the task is there.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for TaskRef {
    #[inline]
    fn drop(&mut self) {
        // Acquire and release: what others did with the task comes before it is freed. The only reference left is
        // this one, when the count is 1: nobody can add to it, so there is no need to subtract.
        if self.state.load(Acquire) < 2 * REFERENCE || self.state.fetch_sub(REFERENCE, AcqRel) < 2 * REFERENCE {
            // SAFETY: the last reference.
            unsafe { (self.vtable.free)(self.0) }
        }
    }
}

impl Header {
    fn new(settings: Settings, vtable: &'static VTable, thread: Option<std::thread::Thread>, state: usize) -> Header {
        Header {
            state: AtomicUsize::new(state),
            home: AtomicPtr::new(ptr::null_mut()),
            fiber: Cell::new(ptr::null()),
            yielder: Cell::new(ptr::null()),
            leaf: Cell::new(ptr::null()),
            phase: Cell::new(Phase::Unstarted),
            token: Cell::new(false),
            joined: Cell::new(false),
            watched: Cell::new(false),
            context: Context::of_task(settings.id, settings.name.as_deref().map(NonNull::from)),
            reason: Cell::new(Reason::Nothing),
            stands_at: Cell::new(ptr::null()),
            local_joiner: Cell::new(ptr::null()),
            previous: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            vtable,
            stack_size: settings.stack_size,
            id: settings.id,
            name: settings.name,
            group: settings.group,
            is_call: settings.is_call,
            inbox_next: AtomicPtr::new(ptr::null_mut()),
            joiner: UnsafeCell::new(None),
            locals: Cell::new(settings.locals),
            thread,
        }
    }

    /// The pointer that the task was allocated with, which reaches all of it.
    #[inline]
    pub(super) fn raw(&self) -> NonNull<Header> {
        // SAFETY: the address of a reference is not null.
        unsafe { NonNull::new_unchecked(ptr::with_exposed_provenance_mut(ptr::from_ref(self).addr())) }
    }

    #[inline]
    pub(crate) fn is_cancelled(&self) -> bool {
        self.state.load(Relaxed) & CANCELLED != 0
    }

    /// What the payload that left the task's body comes to.
    #[cold]
    fn failure(&self, payload: Box<dyn Any + Send>) -> Failure {
        if payload.is::<Cancellation>() {
            return Failure::Cancelled;
        }
        Failure::Panicked(match &self.group {
            Some(group) => group.fail(payload),
            None => payload,
        })
    }

    /// A counted reference to this task.
    pub(crate) fn counted(&self) -> TaskRef {
        // Relaxed: the task is there as long as `self`.
        self.state.fetch_add(REFERENCE, Relaxed);
        TaskRef(self.raw())
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state.load(Acquire) & DONE != 0
    }

    pub(crate) fn id(&self) -> super::Id {
        super::Id(self.id)
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Its id and name, for messages.
    pub(crate) fn describe(&self) -> String {
        match self.name() {
            Some(name) => format!("task {} {name:?}", self.id()),
            None => format!("task {}", self.id()),
        }
    }

    /// Runs the closure.
    ///
    /// # Safety
    /// On the home thread, once, on the task's own stack; and not after `give_up`.
    #[inline]
    pub(super) unsafe fn run(&self) {
        // SAFETY: the caller's promise.
        unsafe { (self.vtable.run)(self.raw()) }
    }

    /// Ends a task that never ran.
    ///
    /// # Safety
    /// On the home thread, once, and neither after nor before `run`.
    pub(super) unsafe fn give_up(&self, failure: Failure) {
        // SAFETY: the caller's promise.
        unsafe { (self.vtable.give_up)(self.raw(), failure) }
    }

    /// Runs the closure of a task that is a call from another thread, on the worker's own stack. Its panic goes on.
    pub(super) fn call(&self) {
        // SAFETY: on the home thread; `run` finds no closure the second time. Nobody else knows the result.
        let outcome = unsafe {
            self.run();
            self.take_result::<()>()
        };
        if let Some(Err(Failure::Panicked(payload))) = outcome {
            resume_unwind(payload);
        }
    }

    /// Drops the result, if it was not taken.
    ///
    /// # Safety
    /// The task is done, and nobody else can take the result: the caller cleared `HANDLE`, or found it cleared.
    pub(super) unsafe fn drop_result(&self) {
        // SAFETY: the caller's promise.
        unsafe { (self.vtable.drop_result)(self.raw()) }
    }

    /// Takes the result.
    ///
    /// # Safety
    /// The task is done, `T` is the type of its result, and the caller is its handle.
    pub(super) unsafe fn take_result<T>(&self) -> Option<Result<T, Failure>> {
        // SAFETY: the header is the start of a `Front<T>`. The home thread wrote the result before it set DONE,
        // which the caller has seen; since then the handle alone touches it.
        unsafe { (*self.raw().cast::<Front<T>>().as_ref().result.get()).take() }
    }
}

impl VTable {
    const fn of<F: FnOnce() -> T, T>() -> &'static VTable {
        &VTable { run: run::<F, T>, give_up: give_up::<F, T>, drop_result: drop_result::<T>, free: free::<F, T> }
    }
}

unsafe fn run<F: FnOnce() -> T, T>(task: NonNull<Header>) {
    // SAFETY: made by `allocate` with these types; body and result are the home thread's until DONE.
    unsafe {
        let whole = task.cast::<Whole<F, T>>().as_ref();
        let Some(body) = (*whole.body.get()).take() else { return };
        let outcome = catch_unwind(AssertUnwindSafe(body)).map_err(|payload| whole.front.header.failure(payload));
        *whole.front.result.get() = Some(outcome);
    }
}

unsafe fn give_up<F: FnOnce() -> T, T>(task: NonNull<Header>, failure: Failure) {
    // SAFETY: as in `run`.
    unsafe {
        let whole = task.cast::<Whole<F, T>>().as_ref();
        let body = (*whole.body.get()).take();
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(body)));
        *whole.front.result.get() = Some(Err(match dropped {
            Ok(()) => failure,
            Err(payload) => whole.front.header.failure(payload),
        }));
    }
}

unsafe fn drop_result<T>(task: NonNull<Header>) {
    // SAFETY: made by `allocate` with this type; the caller has the result to itself.
    let result = unsafe { (*task.cast::<Front<T>>().as_ref().result.get()).take() };
    // A panic here has nobody to go to; the hook of panics has told of it.
    swallow_panic(|| drop(result));
}

/// Runs `f`; whatever unwinds from it ends here, also if the payload panics as it is dropped.
pub(super) fn swallow_panic(f: impl FnOnce()) {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else { return };
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
}

unsafe fn free<F, T>(task: NonNull<Header>) {
    // SAFETY: made by `allocate` with these types, and the last reference is gone.
    unsafe {
        task.cast::<Whole<F, T>>().drop_in_place();
        block::free(task.cast(), Layout::new::<Whole<F, T>>());
    }
}
