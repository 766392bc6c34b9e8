//! What a body holds: it yields through its [`Co`].
//!
//! **Delegation in O(1).** An inner generator does not yield to the frame that delegates to it: it suspends
//! straight through the *root* of the delegation, whose resumer gets the value, and a resume of the root goes
//! straight back to the inner one. The frames between sleep in `yield_from` until the inner body ends.
//!
//! ```text
//!  resumer ⇄ root ─yield_from─► middle ─yield_from─► tail
//!     ▲                                                │
//!     └──────────────── yields, sends ─────────────────┘
//! ```
//!
//! What suspends is always inlined into the body: a switch returns to the other stack by a `ret`, and a call between
//! would put the processor's prediction of returns out of step, twice a round trip.
//!
//! Invariants:
//! - The `root` of the tail is the generator that is resumed from outside. That of a middle one may be stale, and
//!   is set right by the inner one as it ends (`leave_root`), before the middle one can use it.
//! - `tail` of a root is the innermost generator of its delegation.
//! - An inner generator is borrowed mutably by the frame that delegates to it, so nobody else can resume it.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::resume_unwind;
use std::{fmt, ptr};

use super::Generator;
use super::core::End;
use super::interrupt::Interrupt;
use crate::coroutine::{self, Context, Yielder};

/// What a resumer leaves for the yield that it goes on from. A value and an interrupt have places of their own, which
/// keeps the way of a value short: one store, one load, one look at a flag.
pub(super) struct Mail<S> {
    value: UnsafeCell<MaybeUninit<S>>,
    interrupt: Cell<Option<Interrupt>>,
    interrupted: Cell<bool>,
}

impl<S> Mail<S> {
    const fn new() -> Mail<S> {
        Mail {
            value: UnsafeCell::new(MaybeUninit::uninit()),
            interrupt: Cell::new(None),
            interrupted: Cell::new(false),
        }
    }

    /// Leaves a value. It is taken by the yield that is resumed next.
    #[inline]
    pub(super) fn put(&self, value: S) {
        // SAFETY: nobody holds a reference into the cell.
        unsafe { (*self.value.get()).write(value) };
    }

    pub(super) fn put_interrupt(&self, interrupt: Interrupt) {
        self.interrupt.set(Some(interrupt));
        self.interrupted.set(true);
    }

    /// Takes what was left.
    ///
    /// # Safety
    /// After a resume, once: each is preceded by exactly one `put` or `put_interrupt`.
    #[inline]
    unsafe fn take(&self) -> Result<S, Interrupt> {
        if self.interrupted.get() {
            return Err(self.take_interrupt());
        }
        // SAFETY: `put` came before, says the caller, and the value is taken once.
        Ok(unsafe { (*self.value.get()).assume_init_read() })
    }

    #[cold]
    fn take_interrupt(&self) -> Interrupt {
        self.interrupted.set(false);
        self.interrupt.take().unwrap_or(Interrupt::Close)
    }
}

/// The handle by which a body yields to whoever drives its generator.
///
/// A body can hand `&Co` to the functions it calls and yield from any depth. It stays in the body: it is neither
/// `Send` nor `Sync`, and cannot be kept.
pub struct Co<Y, S = ()> {
    yielder: *const Yielder<(), Y>,
    mail: Mail<S>,
    context: Context,
    root: Cell<*const Co<Y, S>>,
    tail: Cell<*const Co<Y, S>>,
    /// The generator whose `yield_from` runs this one, or null.
    delegator: Cell<*const Co<Y, S>>,
    /// Which close of this root is under way: 0 for none, else a number that no other close of the thread has.
    closing: Cell<u64>,
    marker: PhantomData<*mut ()>,
}

impl<Y, S> Co<Y, S> {
    pub(super) fn new(yielder: &Yielder<(), Y>, context: Context, delegator: *const Co<Y, S>) -> Co<Y, S> {
        Co {
            yielder,
            mail: Mail::new(),
            context,
            root: Cell::new(ptr::null()),
            tail: Cell::new(ptr::null()),
            delegator: Cell::new(delegator),
            closing: Cell::new(0),
            marker: PhantomData,
        }
    }

    #[inline]
    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    #[inline]
    pub(super) fn mail(&self) -> &Mail<S> {
        &self.mail
    }

    /// The body begins: this is now the innermost coroutine, and the tail of the delegation that it is part of.
    pub(super) fn enter_root(&self) {
        coroutine::set_current(&self.context);
        // SAFETY: a delegator waits in `yield_from` below this frame.
        let root = unsafe { self.delegator.get().as_ref() }.map_or(ptr::from_ref(self), |outer| outer.root.get());
        self.root.set(root);
        self.root().tail.set(self);
    }

    /// The body has ended: hands the root to whoever delegated.
    pub(super) fn leave_root(&self) {
        // SAFETY: a delegator waits in `yield_from` below this frame.
        if let Some(outer) = unsafe { self.delegator.get().as_ref() } {
            outer.root.set(self.root.get());
            self.root().tail.set(outer);
        }
    }

    /// Takes a started generator, with all that it delegates to, into the delegation that `self` is part of.
    pub(super) fn attach(&self, inner: &Co<Y, S>) {
        inner.delegator.set(self);
        let tail = inner.tail.get();
        // SAFETY: `inner` is suspended, so the tail of its delegation is too, and lives.
        unsafe { (*tail).root.set(self.root.get()) };
        self.root().tail.set(tail);
    }

    /// Leaves a value for the yield at the tail of this delegation.
    pub(super) fn leave_mail(&self, value: S) {
        self.root().mail.put(value);
    }

    #[inline]
    fn root(&self) -> &Co<Y, S> {
        // SAFETY: this runs in the tail or at its ends, where `root` is right; a root waits, in the chain of those
        // that run, for all that it delegates to.
        unsafe { &*self.root.get() }
    }

    pub(super) fn begin_close(&self) {
        thread_local! {
            static CLOSES: Cell<u64> = const { Cell::new(0) };
        }
        CLOSES.set(CLOSES.get() + 1);
        self.closing.set(CLOSES.get());
    }

    pub(super) fn end_close(&self) {
        self.closing.set(0);
    }

    /// Yields a value and evaluates to the one that is sent next.
    ///
    /// An interrupt unwinds from here: an exception that was thrown in, or the close of the generator.
    ///
    /// # Panics
    /// When the body is unwinding (G13 of the contract: nothing suspends then), and when the generator is not
    /// among those that run: its body is blocked, and another task borrowed its `Co`.
    ///
    /// # Examples
    /// ```
    /// use corro::{Co, CoroutineState, Generator};
    ///
    /// let mut echo = Generator::new(|co: &Co<i32, i32>| {
    ///     let mut value = co.yield_(0);
    ///     while value < 3 {
    ///         value = co.yield_(value * 10);
    ///     }
    /// });
    /// echo.start().unwrap();
    /// assert_eq!(echo.send(2).unwrap(), CoroutineState::Yielded(20));
    /// assert_eq!(echo.send(3).unwrap(), CoroutineState::Complete(()));
    /// ```
    #[inline(always)]
    pub fn yield_(&self, value: Y) -> S {
        if self.must_not_suspend() {
            panic!("a generator cannot yield while its body unwinds; use `try_yield` in destructors");
        }
        match self.suspend(value) {
            Ok(value) => value,
            Err(interrupt) => interrupt.unwind(),
        }
    }

    /// Yields a value; an interrupt arrives as an error.
    ///
    /// # Errors
    /// The interrupt that arrived. `Interrupt::Close` at once, without yielding, when the body is unwinding.
    ///
    /// # Panics
    /// When the generator is not among those that run.
    #[inline(always)]
    pub fn try_yield(&self, value: Y) -> Result<S, Interrupt> {
        if self.must_not_suspend() {
            return Err(Interrupt::Close);
        }
        self.suspend(value)
    }

    /// Whether a yield must be refused because of an unwind; checks first that this generator runs at all.
    #[inline(always)]
    fn must_not_suspend(&self) -> bool {
        if !ptr::eq(coroutine::current(), &self.context) {
            self.assert_active();
        }
        self.root().context.is_unwinding()
    }

    #[cold]
    fn assert_active(&self) {
        assert!(
            self.context.is_active(),
            "`Co` was used by a task that is not its generator's: only code that the body itself runs can yield"
        );
    }

    #[inline(always)]
    fn suspend(&self, value: Y) -> Result<S, Interrupt> {
        // SAFETY: the yielder lies at the bottom of the root's stack. The root runs: this generator is active,
        // which `must_not_suspend` has checked, and a root waits for all that it delegates to.
        unsafe { (*self.root().yielder).suspend(value) };
        // The root may be another by now, if the delegation was taken into a larger one.
        // SAFETY: whoever resumed the root left something for this yield, the only one that waits.
        unsafe { self.root().mail.take() }
    }

    /// Delegates to another generator: its yields, and what is sent and thrown, pass through. Evaluates to its
    /// return value. (PEP 380)
    ///
    /// A generator that was started goes on from where it stands; a finished one yields nothing and gives its
    /// untaken return value. Resuming through any depth of delegation costs the same.
    ///
    /// When a close reaches the inner generator and it returns instead of unwinding, its value is lost and the
    /// close goes on here.
    ///
    /// # Panics
    /// When the inner one was started and takes values other than `()`, since there is nothing to send it first;
    /// when it has finished and its return value was taken.
    ///
    /// # Examples
    /// ```
    /// use corro::{Co, Generator};
    ///
    /// let outer = Generator::new(|co: &Co<i32>| {
    ///     let mut inner = Generator::new(|co: &Co<i32>| { co.yield_(1); "done" });
    ///     assert_eq!(co.yield_from(&mut inner), "done");
    ///     co.yield_(2);
    /// });
    /// assert_eq!(outer.collect::<Vec<_>>(), [1, 2]);
    /// ```
    pub fn yield_from<R2>(&self, inner: &mut Generator<Y, S, R2>) -> R2
    where
        S: 'static,
    {
        if !ptr::eq(coroutine::current(), &self.context) {
            self.assert_active();
        }
        let before = self.root().closing.get();
        let Some(end) = inner.core.delegate(self, first_value::<S>) else {
            return inner
                .take_return()
                .expect("`yield_from` was given a generator that has finished and whose return value was taken");
        };
        let closing = self.root().closing.get();
        match end {
            End::Returned(_) if closing != 0 && closing != before => Interrupt::Close.unwind(),
            End::Returned(value) => value,
            End::Interrupted(interrupt) => interrupt.unwind(),
            End::Panicked(payload) => resume_unwind(payload),
        }
    }

    /// Yields every value of an iterator. What is sent meanwhile is dropped.
    pub fn yield_all(&self, values: impl IntoIterator<Item = Y>) {
        for value in values {
            self.yield_(value);
        }
    }
}

/// The value that a started generator is sent first when it is delegated to: only `()` can be made of nothing.
fn first_value<S: 'static>() -> S {
    let unit: Box<dyn Any> = Box::new(());
    *unit.downcast::<S>().expect(
        "`yield_from` was given a generator that was started and takes values: there is nothing to send it first",
    )
}

impl<Y, S> fmt::Debug for Co<Y, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Co").finish_non_exhaustive()
    }
}
