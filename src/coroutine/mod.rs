//! What runs on a stack of its own: the coroutine layer, below generators and tasks.
//!
//! The switch is corosensei's, the stacks are ours ([`stack`]). This file keeps account of *who runs now*:
//! every coroutine has a [`Context`], and [`current`] is the innermost one of this thread.
//!
//! ```text
//!  task ◄─parent─ generator ◄─parent─ generator          current() points at the last
//! ```
//!
//! - [`enter`] before a resume and [`leave`] after it: the resumer notes where the coroutine stopped (its *leaf*,
//!   which may be an inner coroutine that suspended through an outer one) and becomes current again.
//! - [`Context::is_active`] tells whether a coroutine is among those that run now. Suspending one that is not
//!   would corrupt both stacks, so everything that suspends asks this first.
//!
//! Invariant: the chain from [`current`] along `parent` holds live contexts only. A context is set as current by
//! the coroutine that owns it or by its resumer, and the resumer puts its own back before anything else runs.

mod overflow;
mod slab;
mod stack;

use std::any::Any;
use std::cell::Cell;
use std::panic::resume_unwind;
use std::ptr;

pub(crate) use corosensei::{Coroutine, CoroutineResult, Yielder};
pub(crate) use overflow::guard_thread;
pub(crate) use stack::{DEFAULT_STACK_SIZE, Stack, probe, round_size};
pub use stack::{StackStats, stacks};

/// What a coroutine is, for those that look at the chain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Generator,
    Task,
}

/// The account of one coroutine. What a resume touches comes first.
#[repr(C)]
pub(crate) struct Context {
    /// What `thread::panicking()` was at the last resume. While it has become true since, nothing suspends: the
    /// thread's panic count would stay raised for whoever runs next.
    panicking: Cell<bool>,
    kind: Kind,
    /// Who resumed it last. Null for a task: the chain of a task ends at the task.
    parent: Cell<*const Context>,
    /// What [`UNWINDS`] was at the last resume, if the thread was unwinding. `panicking` cannot tell a second unwind from
    /// the first; this can, for those that this crate began. A body's own panic on a thread that was unwinding when the
    /// body was resumed stays unknown.
    unwinds: Cell<usize>,
    /// The innermost of the cancel scopes that are open in this coroutine, or null. The layer of tasks knows its type.
    pub(crate) scopes: Cell<*const ()>,
    /// Frames on its stack that must wait for others before they can be unwound.
    holds: Cell<usize>,
    /// The guard page and the size of the stack, for the report of an overflow.
    guard: Cell<usize>,
    stack_size: Cell<usize>,
    /// A task's id and name, for the same report. The name lies in the task that owns this context.
    id: u64,
    name: Option<ptr::NonNull<str>>,
}

impl Context {
    /// The context of a generator that starts now, resumed by whoever is current.
    pub(crate) fn of_generator(guard: usize, stack_size: usize) -> Context {
        let context = Context::new(Kind::Generator, 0, None);
        context.set_stack(guard, stack_size);
        context.parent.set(current());
        context.note_unwinds();
        context
    }

    /// The context of a task. The name must live as long as the context.
    pub(crate) fn of_task(id: u64, name: Option<ptr::NonNull<str>>) -> Context {
        Context::new(Kind::Task, id, name)
    }

    fn new(kind: Kind, id: u64, name: Option<ptr::NonNull<str>>) -> Context {
        Context {
            panicking: Cell::new(false),
            kind,
            parent: Cell::new(ptr::null()),
            unwinds: Cell::new(0),
            scopes: Cell::new(ptr::null()),
            holds: Cell::new(0),
            guard: Cell::new(0),
            stack_size: Cell::new(0),
            id,
            name,
        }
    }

    pub(crate) fn set_stack(&self, guard: usize, stack_size: usize) {
        self.guard.set(guard);
        self.stack_size.set(stack_size);
    }

    /// Whether this coroutine must not suspend: the thread began to unwind since it was resumed.
    #[inline(always)]
    pub(crate) fn is_unwinding(&self) -> bool {
        std::thread::panicking() && self.unwinds_anew()
    }

    #[cold]
    fn unwinds_anew(&self) -> bool {
        !self.panicking.get() || UNWINDS.get() > self.unwinds.get()
    }

    #[inline]
    fn note_unwinds(&self) {
        let panicking = std::thread::panicking();
        self.panicking.set(panicking);
        if panicking {
            self.unwinds.set(UNWINDS.get());
        }
    }

    /// Whether this coroutine is current, or one of those that wait for the current one to come back.
    #[inline]
    pub(crate) fn is_active(&self) -> bool {
        ptr::eq(current(), self) || chain().any(|context| ptr::eq(context, self))
    }
}

thread_local! {
    static CURRENT: Cell<*const Context> = const { Cell::new(ptr::null()) };
}

/// Notes that the frame of the caller must wait for others before it can be unwound.
pub(crate) fn hold() -> Hold {
    // SAFETY: the context of the code that runs is there as long as its frames, one of which holds the result.
    let context = unsafe { current().as_ref() };
    if let Some(context) = context {
        context.holds.set(context.holds.get() + 1);
    }
    Hold { context }
}

/// See [`hold`].
pub(crate) struct Hold {
    context: Option<&'static Context>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(context) = self.context {
            context.holds.set(context.holds.get() - 1);
        }
    }
}

/// Whether a frame that must wait lies on the stack of the suspended coroutine `own`, or of one inside of it, which
/// stopped at `leaf`; and nothing can wait here.
pub(crate) fn cannot_unwind(own: &Context, leaf: *const Context) -> bool {
    // SAFETY: a suspended coroutine keeps those that were suspended with it.
    let live = |context: *const Context| unsafe { context.as_ref() };
    let outwards = |context: &&Context| if ptr::eq(*context, own) { None } else { live(context.parent.get()) };
    let suspended = std::iter::successors(live(leaf), outwards);
    let holds = suspended.map(|context| context.holds.get()).sum::<usize>();
    let can_wait = || chain().find(|context| context.kind == Kind::Task).is_some_and(|task| !task.is_unwinding());
    holds > 0 && !can_wait()
}

/// The innermost coroutine that runs on this thread, or null.
#[inline]
pub(crate) fn current() -> *const Context {
    CURRENT.get()
}

/// Makes `context` the innermost one; for a coroutine that starts.
#[inline]
pub(crate) fn set_current(context: *const Context) {
    CURRENT.set(context);
}

/// The payload with which a cancelled task unwinds. It stands here since every layer lets it through in silence.
pub(crate) struct Cancellation(#[expect(dead_code, reason = "counts until it is dropped")] pub(crate) Mark);

thread_local! {
    /// Payloads of unwinds that this crate began on this thread and that were not dropped yet.
    static UNWINDS: Cell<usize> = const { Cell::new(0) };
}

/// Goes with the payload of an unwind that this crate began, and counts it until whoever catches it drops it.
pub(crate) struct Mark {
    /// The address of the counter, which tells its thread.
    counter: usize,
}

impl Mark {
    fn new() -> Mark {
        UNWINDS.set(UNWINDS.get() + 1);
        Mark { counter: Mark::counter() }
    }

    fn counter() -> usize {
        UNWINDS.with(|counter| ptr::from_ref(counter).addr())
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        // One that was sent away stays counted. That does no harm: only what is added since a resume is looked at.
        if self.counter == Mark::counter() {
            UNWINDS.set(UNWINDS.get().saturating_sub(1));
        }
    }
}

/// Unwinds without a word of the panic hook.
#[cold]
pub(crate) fn unwind<P: Any + Send>(payload: impl FnOnce(Mark) -> P) -> ! {
    resume_unwind(Box::new(payload(Mark::new())))
}

/// Whether the code that asks is in the body of a generator.
pub(crate) fn in_generator() -> bool {
    chain().next().is_some_and(|context| context.kind == Kind::Generator)
}

/// The coroutines that run now, the innermost first; within a task up to the task itself. For the caller's frame only.
pub(crate) fn chain() -> impl Iterator<Item = &'static Context> {
    // SAFETY: the chain holds live contexts only (see the head of this file), and the callers let go of them before
    // they return. Their coroutines cannot end meanwhile, since this code runs.
    std::iter::successors(unsafe { current().as_ref() }, |context| unsafe { context.parent.get().as_ref() })
}

/// Goes over to a generator, which stopped at `leaf`. Returns what [`leave`] needs.
#[inline]
pub(crate) fn enter_generator(own: &Context, leaf: *const Context) -> *const Context {
    own.note_unwinds();
    let resumer = CURRENT.replace(leaf);
    own.parent.set(resumer);
    resumer
}

/// The same for a task, whose chain ends at itself.
#[inline]
pub(crate) fn enter(own: &Context, leaf: *const Context) -> *const Context {
    own.note_unwinds();
    let resumer = CURRENT.replace(leaf);
    if !ptr::eq(leaf, own) {
        renew(own);
    }
    resumer
}

/// Generators that were suspended inside of a task go on as it does.
#[cold]
fn renew(task: &Context) {
    chain().take_while(|context| !ptr::eq(*context, task)).for_each(Context::note_unwinds);
}

/// Comes back from a coroutine. Returns the leaf at which it stopped.
#[inline]
pub(crate) fn leave(resumer: *const Context) -> *const Context {
    CURRENT.replace(resumer)
}
