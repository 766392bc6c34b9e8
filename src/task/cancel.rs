//! Cancellation: a mark on the task, and an unwind at its next cancellation point.

use std::sync::atomic::Ordering::*;

use super::header::{CANCELLED, Header};
use super::park;
use crate::coroutine::{self, Cancellation};

/// Marks a task as cancelled.
pub(super) fn mark(task: &Header) {
    // Release and acquire with the wake that follows make it seen by the time the task is woken.
    task.state.fetch_or(CANCELLED, AcqRel);
}

/// A cancellation point: unwinds if the running task is cancelled, unless it unwinds already.
#[inline]
pub(crate) fn checkpoint() {
    if let Some(task) = park::running()
        && task.is_cancelled()
        && !task.context.is_unwinding()
    {
        coroutine::unwind(Cancellation);
    }
}
