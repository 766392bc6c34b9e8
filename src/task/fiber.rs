//! The coroutines that tasks run on. One runs many tasks, one after another, on the same warm stack.
//!
//! ```text
//!  Fibers::run ──resume──► fiber: run the task ──► park, give_way ──suspend──► back in Fibers::run
//!                               └─ the task ends ──suspend──► the fiber waits in the pool for the next task
//! ```
//!
//! Invariant: a fiber in the pool stands in its root loop, with nothing of a task on its stack.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::ptr;
use std::sync::atomic::Ordering::*;

use super::header::{DONE, Failure, HANDLE, Header, JOINING, Phase, REFERENCE, TaskRef};
use super::local;
use super::own::Local;
use super::park::RUNNING;
use super::ring::Ready;
use crate::coroutine::{self, Coroutine, CoroutineResult, Stack, Yielder};
use crate::generator;

/// Idle fibers that a worker keeps, per stack size in use.
const IDLE: usize = 128;

/// Why a fiber came back to its worker.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Parked,
    Yielded,
    Ended,
}

pub(super) type FiberYielder = Yielder<(), Stop>;

/// A coroutine that runs tasks. What a resume needs fills one cache line.
#[repr(C, align(64))]
pub(super) struct Fiber {
    coroutine: Coroutine<(), Stop, (), Stack>,
    guard: usize,
    stack_size: usize,
}

const _: () = assert!(mem::offset_of!(Fiber, guard) <= 64);

impl Fiber {
    fn new(stack_size: usize) -> io::Result<Box<Fiber>> {
        coroutine::guard_thread();
        let stack = Stack::acquire(stack_size)?;
        let (guard, stack_size) = (stack.guard(), stack.size());
        Ok(Box::new(Fiber { coroutine: Coroutine::with_stack(stack, run_tasks), guard, stack_size }))
    }
}

impl Drop for Fiber {
    fn drop(&mut self) {
        if self.coroutine.started() {
            // With no task to run, the root loop returns.
            let running = RUNNING.replace(ptr::null());
            self.coroutine.resume(());
            RUNNING.set(running);
        }
    }
}

/// The root of a fiber.
fn run_tasks(yielder: &FiberYielder, (): ()) {
    // SAFETY: the worker that resumed this holds a reference to the task.
    while let Some(task) = unsafe { RUNNING.get().as_ref() } {
        task.yielder.set(yielder);
        if task.is_cancelled() {
            // SAFETY: on the home thread, in place of `run`.
            unsafe { task.give_up(Failure::Cancelled) };
        } else {
            // SAFETY: on the home thread, on the task's own stack, once.
            unsafe { task.run() };
        }
        local::drop_all(task);
        complete(task);
        yielder.suspend(Stop::Ended);
    }
}

/// Makes the result known. Without a handle nobody wants it: it is dropped here, where destructors may block.
fn complete(task: &Header) {
    let mut state = task.state.load(Acquire);
    if is_between_two(task, state) {
        // Release: for whoever asks for DONE.
        task.state.store(state | DONE, Release);
        return;
    }
    loop {
        if state & HANDLE == 0 {
            // SAFETY: the handle is gone and does not come back; the task is not marked as done yet.
            unsafe { task.drop_result() };
        }
        // AcqRel: the result is there for whoever sees DONE; the joiner is there if JOINING is seen.
        match task.state.compare_exchange_weak(state, state | DONE, AcqRel, Acquire) {
            Ok(_) => break,
            Err(now) => state = now,
        }
    }
    task.joined.set(state & JOINING != 0);
}

/// Whether the scheduler and a joiner of the same worker are all that know this task. The joiner is parked and its
/// handle lent to nobody, so the state needs no atomic changes.
#[inline]
fn is_between_two(task: &Header, state: usize) -> bool {
    !task.local_joiner.get().is_null() && state / REFERENCE == 2
}

/// Drops the scheduler's reference to a task that has ended, before the joiner runs.
#[inline]
pub(crate) fn let_go(task: TaskRef) {
    // Acquire: whoever dropped the other references is done with the task.
    let state = task.state.load(Acquire);
    if is_between_two(&task, state) {
        task.state.store(state - REFERENCE, Relaxed);
        mem::forget(task);
    }
}

/// Tells those who wait for a task that is done. On the worker's stack, since a foreign waker may do anything.
#[inline]
fn tell_of_end(local: &Local, task: &Header) {
    // SAFETY: the joiner is parked in `join`, which takes the pointer out before it returns.
    if let Some(joiner) = unsafe { task.local_joiner.get().as_ref() } {
        local.wake(joiner);
    }
    if task.joined.get() {
        // SAFETY: DONE was set while JOINING was: the joiner is ours.
        if let Some(joiner) = unsafe { (*task.joiner.get()).take() } {
            joiner.wake();
        }
    }
    if let Some(group) = &task.group {
        group.child_ended();
    }
}

/// Nothing may unwind out of a fiber: its task would be neither running nor ended.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        generator::abort("a panic left the root of a task, which is a bug in corro");
    }
}

/// The idle fibers of a worker.
pub(crate) struct Fibers {
    #[expect(clippy::vec_box, reason = "a fiber that runs is pointed at by its task")]
    idle: RefCell<Vec<Box<Fiber>>>,
}

impl Fibers {
    pub(crate) fn new() -> Fibers {
        Fibers { idle: RefCell::new(Vec::new()) }
    }

    /// Runs a task until it stops. Returns it if it has ended; then [`let_go`] is due.
    #[inline(always)]
    pub(crate) fn run(&self, local: &Local, task: TaskRef) -> Option<TaskRef> {
        if task.fiber.get().is_null() && !self.begin(local, &task) {
            return Some(task);
        }
        task.phase.set(Phase::Running);
        let fiber = task.fiber.get().cast_mut();
        RUNNING.set(task.as_ptr());
        let resumer = coroutine::enter(&task.context, task.leaf.get());
        let guard = AbortOnUnwind;
        // SAFETY: the fiber was boxed by `begin` and is this task's until the task ends.
        let stop = unsafe { (*fiber).coroutine.resume(()) };
        mem::forget(guard);
        task.leaf.set(coroutine::leave(resumer));
        RUNNING.set(ptr::null());
        match stop {
            // The scheduler's reference goes with the park; the wake takes it up again.
            CoroutineResult::Yield(Stop::Parked) => mem::forget(task),
            CoroutineResult::Yield(Stop::Yielded) => local.push(Ready::Task(task)),
            CoroutineResult::Yield(Stop::Ended) | CoroutineResult::Return(()) => {
                self.end(local, &task, fiber);
                return Some(task);
            }
        }
        None
    }

    /// Gives a task its fiber. Without a stack the task has failed.
    #[inline(never)]
    fn begin(&self, local: &Local, task: &TaskRef) -> bool {
        let fiber = match self.take(task.stack_size) {
            Ok(fiber) => fiber,
            Err(error) => {
                fail(local, task, error);
                return false;
            }
        };
        task.context.set_stack(fiber.guard, fiber.stack_size);
        task.leaf.set(&task.context);
        task.fiber.set(Box::into_raw(fiber));
        true
    }

    #[inline]
    fn take(&self, stack_size: usize) -> io::Result<Box<Fiber>> {
        let mut idle = self.idle.borrow_mut();
        match idle.last() {
            Some(fiber) if fiber.stack_size == stack_size => Ok(idle.pop().expect("there is a last one")),
            _ => take_cold(&mut idle, stack_size),
        }
    }

    #[inline(never)]
    fn end(&self, local: &Local, task: &TaskRef, fiber: *mut Fiber) {
        task.phase.set(Phase::Ended);
        local.forget(task);
        // SAFETY: boxed by `begin`; the task, which has ended, lets go of it.
        let fiber = unsafe { Box::from_raw(fiber) };
        {
            let mut idle = self.idle.borrow_mut();
            if idle.len() < IDLE {
                idle.push(fiber);
            }
        }
        tell_of_end(local, task);
    }
}

#[cold]
#[expect(clippy::vec_box, reason = "as in `Fibers`")]
fn take_cold(idle: &mut Vec<Box<Fiber>>, stack_size: usize) -> io::Result<Box<Fiber>> {
    match idle.iter().rposition(|fiber| fiber.stack_size == stack_size) {
        Some(found) => Ok(idle.swap_remove(found)),
        None => Fiber::new(stack_size),
    }
}

/// Ends a task for which there is no stack; its joiner gets the error as a panic's payload.
#[cold]
fn fail(local: &Local, task: &TaskRef, error: io::Error) {
    let failure = Failure::Panicked(Box::new(format!("the task could not start: {error}")));
    // SAFETY: on the home thread, in place of `run`.
    unsafe { task.give_up(failure) };
    local::drop_all(task);
    complete(task);
    task.phase.set(Phase::Ended);
    local.forget(task);
    tell_of_end(local, task);
}

/// Suspends the running task. Inlined for the sake of the processor's prediction of returns, as `Co::yield_` is.
#[inline(always)]
pub(super) fn suspend(task: &Header, phase: Phase, stop: Stop) {
    task.phase.set(phase);
    // SAFETY: the yielder lies at the bottom of the stack of the task, which runs.
    unsafe { (*task.yielder.get()).suspend(stop) };
}
