//! The machine below `Generator` and `ScopedGenerator`: one state, one way to resume.
//!
//! ```text
//!            start / next / delegation             body ends
//!  Created ─────────────────────────────► Live ───────────────► Closed(untaken return value)
//!     └──────────── throw, close ──────────────────────────────────▲
//! ```
//!
//! While `Live`, the stack belongs to the coroutine and the body's [`Co`] lies on it.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

use super::co::Co;
use super::interrupt::{Exception, Interrupt};
use super::unraisable::{self, Unraisable};
use super::{CloseError, CoroutineState, GeneratorError, Status};
use crate::coroutine::{self, Cancellation, Context, Coroutine, CoroutineResult, Stack, Yielder};

/// A drop gives up on a body that has ignored this many closes.
const MAX_IGNORED_CLOSES: u32 = 64;

type Body<'env, Y, S, R> = Box<dyn FnOnce(&Co<Y, S>) -> R + 'env>;
/// How a body left its root frame.
type Outcome<R> = Result<R, Box<dyn Any + Send>>;

pub(super) struct Core<'env, Y, S, R> {
    state: State<'env, Y, S, R>,
    /// The body borrows, so it must not outlive the core.
    borrows: bool,
}

enum State<'env, Y, S, R> {
    Created { body: Body<'env, Y, S, R>, stack_size: usize },
    Live(Live<Y, S, R>),
    Closed(Option<R>),
}

struct Live<Y, S, R> {
    coroutine: Coroutine<(), Y, Outcome<R>, Stack>,
    /// The body's `Co`, on the coroutine's stack: valid as long as the coroutine is not done.
    co: *const Co<Y, S>,
    /// Where it stopped: its own context or that of an inner coroutine.
    leaf: *const Context,
}

/// What one resume came to.
pub(super) enum Step<Y, R> {
    Yielded(Y),
    Ended(End<R>),
}

/// How a body ended.
pub(super) enum End<R> {
    Returned(R),
    Interrupted(Interrupt),
    Panicked(Box<dyn Any + Send>),
}

impl<R> End<R> {
    fn of(outcome: Outcome<R>) -> End<R> {
        match outcome {
            Ok(value) => End::Returned(value),
            Err(payload) => match Interrupt::from_payload(payload) {
                Ok(interrupt) => End::Interrupted(interrupt),
                Err(panic) => End::Panicked(panic),
            },
        }
    }
}

impl<'env, Y, S, R> Core<'env, Y, S, R> {
    pub(super) fn new(stack_size: usize, body: impl FnOnce(&Co<Y, S>) -> R + 'env) -> Self {
        let state = State::Created { body: Box::new(body), stack_size: coroutine::round_size(stack_size) };
        Core { state, borrows: false }
    }

    /// The same for a body that borrows.
    pub(super) fn borrowing(stack_size: usize, body: impl FnOnce(&Co<Y, S>) -> R + 'env) -> Self {
        let mut core = Core::new(stack_size, body);
        core.borrows = true;
        core
    }

    pub(super) fn status(&self) -> Status {
        match self.state {
            State::Created { .. } => Status::Created,
            State::Live(_) => Status::Suspended,
            State::Closed(_) => Status::Closed,
        }
    }

    pub(super) fn start(&mut self) -> Result<CoroutineState<Y, R>, GeneratorError> {
        match self.state {
            State::Created { .. } => {
                let step = self.begin(ptr::null()).map_err(|error| GeneratorError::Raised(Exception::new(error)))?;
                surface(step)
            }
            State::Live(_) => Err(GeneratorError::AlreadyStarted),
            State::Closed(_) => Err(GeneratorError::Finished),
        }
    }

    #[inline]
    pub(super) fn send(&mut self, value: S) -> Result<CoroutineState<Y, R>, GeneratorError> {
        match &mut self.state {
            State::Live(live) => match live.send(value) {
                CoroutineResult::Yield(value) => Ok(CoroutineState::Yielded(value)),
                CoroutineResult::Return(outcome) => surface(self.end(outcome)),
            },
            State::Created { .. } => Err(GeneratorError::NotStarted),
            State::Closed(_) => Err(GeneratorError::Finished),
        }
    }

    pub(super) fn throw(&mut self, exception: Exception) -> Result<CoroutineState<Y, R>, GeneratorError> {
        if matches!(self.state, State::Live(_)) {
            return surface(self.interrupt(Interrupt::Throw(exception)));
        }
        self.close_unstarted();
        Err(GeneratorError::Raised(exception))
    }

    pub(super) fn close(&mut self) -> Result<Option<R>, CloseError<Y>> {
        let State::Live(live) = &self.state else {
            self.close_unstarted();
            return Ok(None);
        };
        // SAFETY: the coroutine is not done, so its `Co` is there; only the body, which is suspended, uses it.
        unsafe { (*live.co).begin_close() };
        match self.interrupt(Interrupt::Close) {
            Step::Yielded(value) => {
                if let State::Live(live) = &self.state {
                    // SAFETY: as above; it yielded, so it is not done.
                    unsafe { (*live.co).end_close() };
                }
                Err(CloseError::Ignored(value))
            }
            Step::Ended(End::Returned(value)) => Ok(Some(value)),
            Step::Ended(End::Interrupted(Interrupt::Close)) => Ok(None),
            Step::Ended(End::Interrupted(Interrupt::Throw(exception))) => Err(CloseError::Raised(exception)),
            Step::Ended(End::Panicked(payload)) => resume_unwind(payload),
        }
    }

    /// Drops the body of a generator that never ran.
    fn close_unstarted(&mut self) {
        if let State::Created { .. } = self.state {
            self.state = State::Closed(None);
        }
    }

    pub(super) fn take_return(&mut self) -> Option<R> {
        match &mut self.state {
            State::Closed(value) => value.take(),
            _ => None,
        }
    }

    /// Runs the body to its end below `outer`, to whose root it yields. `None`: it had ended before.
    pub(super) fn delegate(&mut self, outer: &Co<Y, S>, first: impl FnOnce() -> S) -> Option<End<R>> {
        let step = match &self.state {
            State::Created { .. } => match self.begin(outer) {
                Ok(step) => step,
                Err(error) => Interrupt::Throw(Exception::new(error)).unwind(),
            },
            State::Live(live) => {
                let value = first();
                // SAFETY: the coroutine is not done, so its `Co` is there.
                outer.attach(unsafe { &*live.co });
                outer.leave_mail(value);
                self.resume()
            }
            State::Closed(_) => return None,
        };
        match step {
            Step::Ended(end) => Some(end),
            Step::Yielded(_) => unreachable!("an inner generator yields to the root of its delegation"),
        }
    }

    /// Gets a stack and runs the body up to its first yield; `outer` delegates to it, or is null.
    ///
    /// # Errors
    /// When there is no stack to be had. The generator is as before then.
    fn begin(&mut self, outer: *const Co<Y, S>) -> io::Result<Step<Y, R>> {
        let State::Created { stack_size, .. } = self.state else {
            unreachable!("only a generator that was not started begins");
        };
        coroutine::guard_thread();
        let stack = Stack::acquire(stack_size)?;
        let State::Created { body, .. } = std::mem::replace(&mut self.state, State::Closed(None)) else {
            unreachable!("the state was looked at above");
        };
        let (guard, size) = (stack.guard(), stack.size());
        let mut co: *const Co<Y, S> = ptr::null();
        let place = &raw mut co;
        let root = move |yielder: &_, ()| -> Outcome<R> {
            // A large `Co` may overflow the stack by itself; the report needs to know by then whose stack it is.
            let starting = Context::of_generator(guard, size);
            coroutine::set_current(&starting);
            // SAFETY: `place` is a local of `begin`, which waits in `resume` while this runs for the first time.
            unsafe { run_body(yielder, Context::of_generator(guard, size), outer, place, body) }
        };
        // SAFETY: what the body borrows ('env) outlives this `Core`, and dropping the core first runs the body to
        // its end; `ScopedGenerator`, whose core may be borrowed from, is closed by `scoped` before it returns.
        // A core that is leaked is one of a `Generator`, which borrows nothing.
        let mut coroutine = unsafe { Coroutine::with_stack_unchecked(stack, root) };
        let resumer = coroutine::current();
        let result = coroutine.resume(());
        let leaf = coroutine::leave(resumer);
        Ok(match result {
            CoroutineResult::Yield(value) => {
                self.state = State::Live(Live { coroutine, co, leaf });
                Step::Yielded(value)
            }
            CoroutineResult::Return(outcome) => Step::Ended(End::of(outcome)),
        })
    }

    /// Resumes a suspended generator with an interrupt.
    fn interrupt(&mut self, interrupt: Interrupt) -> Step<Y, R> {
        if let State::Live(live) = &self.state {
            // SAFETY: the coroutine is not done, so its `Co` is there.
            unsafe { (*live.co).mail().put_interrupt(interrupt) };
        }
        self.resume()
    }

    /// Resumes a suspended generator, for which something was left.
    fn resume(&mut self) -> Step<Y, R> {
        let State::Live(live) = &mut self.state else {
            unreachable!("only a suspended generator is resumed");
        };
        match live.resume() {
            CoroutineResult::Yield(value) => Step::Yielded(value),
            CoroutineResult::Return(outcome) => self.end(outcome),
        }
    }

    #[cold]
    fn end(&mut self, outcome: Outcome<R>) -> Step<Y, R> {
        // The coroutine is done: dropping it gives the stack back.
        self.state = State::Closed(None);
        Step::Ended(End::of(outcome))
    }

    /// Gives up a generator that cannot be closed here, since a `scope` or `join` in it would have to wait: it is never unwound,
    /// and its stack is lost, so that what borrows from it may go on. Whether it was one.
    fn leak_if_it_must_wait(&mut self) -> bool {
        let State::Live(live) = &self.state else { return false };
        // SAFETY: the coroutine is not done, so its `Co` is there.
        if !coroutine::cannot_unwind(unsafe { (*live.co).context() }, live.leaf) {
            return false;
        }
        std::mem::forget(std::mem::replace(&mut self.state, State::Closed(None)));
        let sentence = "it has a `scope` or `join` open, whose tasks cannot be waited for here; it is leaked";
        unraisable::report(Unraisable::panic("a generator that was dropped", Box::new(sentence)));
        true
    }

    /// Closes the generator as a drop does: what comes out goes to the unraisable hook.
    pub(super) fn close_for_drop(&mut self) {
        let unwinding = std::thread::panicking();
        for _ in 0..MAX_IGNORED_CLOSES {
            match catch_unwind(AssertUnwindSafe(|| self.close().map(drop))) {
                Ok(Ok(())) => return,
                Ok(Err(CloseError::Raised(exception))) => return unraisable::report(Unraisable::exception(exception)),
                Ok(Err(CloseError::Ignored(value))) => {
                    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
                        unraisable::report(Unraisable::panic("the value of an ignored close", payload));
                    }
                }
                // The task unwinds at its next cancellation point all the same.
                Err(payload) if payload.is::<Cancellation>() => return,
                Err(payload) if unwinding => {
                    let _ = payload;
                    unraisable::abort("a generator panicked while it was dropped by a thread that unwinds")
                }
                Err(payload) => return unraisable::report(Unraisable::panic("a generator that was dropped", payload)),
            }
        }
        unraisable::abort("a generator that was dropped ignored 64 closes: let its body end after `Interrupt::Close`")
    }
}

/// The root of a body: makes its `Co`, writes down where that is, and runs it.
///
/// # Safety
/// `place` can be written until the body first yields or ends.
#[inline(never)]
unsafe fn run_body<Y, S, R>(
    yielder: &Yielder<(), Y>,
    context: Context,
    outer: *const Co<Y, S>,
    place: *mut *const Co<Y, S>,
    body: Body<'_, Y, S, R>,
) -> Outcome<R> {
    let co = Co::new(yielder, context, outer);
    // SAFETY: the caller's promise.
    unsafe { *place = &co };
    co.enter_root();
    let outcome = catch_unwind(AssertUnwindSafe(|| body(&co)));
    co.leave_root();
    outcome
}

impl<Y, R> Core<'_, Y, (), R> {
    #[inline]
    pub(super) fn next(&mut self) -> Option<Y> {
        let step = match &mut self.state {
            State::Live(live) => match live.send(()) {
                CoroutineResult::Yield(value) => return Some(value),
                CoroutineResult::Return(outcome) => self.end(outcome),
            },
            State::Created { .. } => match self.begin(ptr::null()) {
                Ok(step) => step,
                Err(error) => Step::Ended(End::Interrupted(Interrupt::Throw(Exception::new(error)))),
            },
            State::Closed(_) => return None,
        };
        match step {
            Step::Yielded(value) => return Some(value),
            Step::Ended(End::Returned(value)) => self.state = State::Closed(Some(value)),
            Step::Ended(End::Interrupted(interrupt)) => escape(interrupt),
            Step::Ended(End::Panicked(payload)) => resume_unwind(payload),
        }
        None
    }
}

impl<Y, S, R> Live<Y, S, R> {
    #[inline]
    fn send(&mut self, value: S) -> CoroutineResult<Y, Outcome<R>> {
        // SAFETY: the coroutine is not done (`end` leaves no `Live` behind), so its `Co` is there.
        unsafe { (*self.co).mail().put(value) };
        self.resume()
    }

    #[inline]
    fn resume(&mut self) -> CoroutineResult<Y, Outcome<R>> {
        // SAFETY: as in `send`.
        let resumer = coroutine::enter_generator(unsafe { (*self.co).context() }, self.leaf);
        let result = self.coroutine.resume(());
        self.leaf = coroutine::leave(resumer);
        result
    }
}

/// Makes the result of a resume of what a step came to. Panics go on, exceptions are an error.
#[cold]
fn surface<Y, R>(step: Step<Y, R>) -> Result<CoroutineState<Y, R>, GeneratorError> {
    match step {
        Step::Yielded(value) => Ok(CoroutineState::Yielded(value)),
        Step::Ended(End::Returned(value)) => Ok(CoroutineState::Complete(value)),
        // The close is that of the body which resumes this one, and goes on there.
        Step::Ended(End::Interrupted(Interrupt::Close)) if coroutine::in_generator() => Interrupt::Close.unwind(),
        // A close that is raised although nobody closes is an exception as any other, as in Python.
        Step::Ended(End::Interrupted(interrupt)) => Err(GeneratorError::Raised(Exception::new(interrupt))),
        Step::Ended(End::Panicked(payload)) => resume_unwind(payload),
    }
}

/// Lets an interrupt go on in the body that resumed the generator. Elsewhere there is nobody to catch it.
fn escape(interrupt: Interrupt) -> ! {
    if coroutine::in_generator() {
        interrupt.unwind()
    }
    match interrupt {
        Interrupt::Throw(exception) => panic!(
            "a generator raised an exception under `next`, which has no error to return: {exception}; use `start` \
             and `send`, or catch it in the body"
        ),
        Interrupt::Close => panic!("a generator raised `Interrupt::Close` although nobody was closing it"),
    }
}

impl<Y, S, R> Drop for Core<'_, Y, S, R> {
    fn drop(&mut self) {
        if let State::Live(_) = self.state
            && (self.borrows || !self.leak_if_it_must_wait())
        {
            self.close_for_drop();
        }
    }
}
