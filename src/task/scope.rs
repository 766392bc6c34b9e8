//! Tasks that may borrow from the code that starts them, which waits for all of them.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::group::Group;
use super::park::begin_operation;
use super::unwound::Unwound;
use super::{Builder, Id, JoinError, JoinHandle, Local, local_or_panic, spawn_here_unchecked, spawn_unchecked};
use crate::coroutine;

/// Runs `f`, which may start tasks that borrow from outside of it, and waits until all of them have ended.
///
/// A panic of `f` or of a task cancels the other tasks, and goes on from here when they have ended: that of `f` itself,
/// else that of the first task that panicked, also if somebody joined it. When a task panics, `f` is cancelled as well.
/// A cancellation of the caller reaches the tasks when the caller comes to a cancellation point; `scope` is one, at its
/// end.
///
/// # Panics
/// When `f` or a task panics; where no task runs, with a sentence that says what to use.
///
/// # Examples
/// ```
/// let mut words = ["a", "b"].map(String::from);
/// let total = corro::run(|| {
///     corro::scope(|s| {
///         let handles: Vec<_> = words.iter_mut().map(|word| s.spawn(|| { word.push('!'); word.len() })).collect();
///         handles.into_iter().map(|handle| handle.join().unwrap()).sum::<usize>()
///     })
/// });
/// assert_eq!((total, words.concat()), (4, "a!b!".to_owned()));
/// ```
#[doc(alias = "nursery")]
#[doc(alias = "TaskGroup")]
pub fn scope<'env, T>(f: impl for<'s> FnOnce(&'s Scope<'s, 'env>) -> T) -> T {
    super::require_task("scope");
    let group = Arc::new(Group::new());
    let scope = Scope { group: group.clone(), scope: PhantomData, env: PhantomData };
    let hold = coroutine::hold();
    let outcome = Unwound::catch(|| group.body().open(|| f(&scope)));
    if !matches!(outcome, Ok(Ok(_))) {
        group.cancel();
    }
    // From here on no child is left that could borrow.
    group.wait();
    drop(hold);
    match (outcome, group.take_panic().map(Unwound::Panicked)) {
        (Ok(Ok(value)), None) => {
            begin_operation();
            value
        }
        (Err(own), None) => own.go_on(()),
        (Err(own), Some(lesser)) if !own.is_cancellation() => own.go_on(lesser),
        (Err(lesser), Some(child)) => child.go_on(lesser),
        (Ok(value), Some(child)) => child.go_on(value.ok()),
        (Ok(Err(_)), None) => unreachable!("only a child's panic cancels the body"),
    }
}

/// What [`scope`] gives to its closure: it starts tasks that may borrow `'env`.
pub struct Scope<'s, 'env: 's> {
    group: Arc<Group>,
    scope: PhantomData<&'s mut &'s ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'s> Scope<'s, '_> {
    /// Starts a task, as [`spawn`](super::spawn), that may borrow.
    ///
    /// # Panics
    /// Where no scheduler runs, and where the task unwinds, since the scope could not wait.
    pub fn spawn<T: Send + 's>(&'s self, body: impl FnOnce() -> T + Send + 's) -> ScopedJoinHandle<'s, T> {
        let local = self.local("Scope::spawn");
        // SAFETY: `scope` returns, or unwinds, only after the task has ended: `Group::wait` waits in plain code for each
        // that was counted, and it is counted before its first turn. 's ends after that. All is `Send`.
        let handle = unsafe { spawn_unchecked(local, Builder::new(), Some(self.group.clone()), body) };
        ScopedJoinHandle { handle, scope: PhantomData }
    }

    /// Starts a task that stays on this thread, so that neither its body nor its result need be `Send`.
    ///
    /// # Panics
    /// As [`spawn`](Self::spawn).
    pub fn spawn_local<T: 's>(&'s self, body: impl FnOnce() -> T + 's) -> ScopedJoinHandle<'s, T> {
        let local = self.local("Scope::spawn_local");
        // SAFETY: as in `spawn`.
        let handle = unsafe { spawn_here_unchecked(local, Builder::new(), Some(self.group.clone()), body) };
        ScopedJoinHandle { handle, scope: PhantomData }
    }

    /// The worker of this thread, for a task that the scope can wait for.
    fn local(&self, call: &str) -> &'static Local {
        let local = local_or_panic(call);
        assert!(
            super::mode() != super::Mode::Unwinding,
            "`{call}` was called while the thread unwinds, when the scope cannot wait for the task"
        );
        local
    }

    /// Cancels the tasks of the scope, and those that are started from now on. The closure of the scope goes on.
    pub fn cancel(&self) {
        self.group.cancel();
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// The handle of a task of a [`scope`]; as [`JoinHandle`].
///
/// Dropping it lets the task run on; the scope waits for it all the same.
pub struct ScopedJoinHandle<'s, T> {
    handle: JoinHandle<T>,
    scope: PhantomData<&'s ()>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Waits for the end of the task and returns its result, as [`JoinHandle::join`].
    ///
    /// # Errors
    /// As [`JoinHandle::join`]. The payload of a panic is its text, since the scope raises the payload itself.
    ///
    /// # Panics
    /// As [`JoinHandle::join`].
    pub fn join(self) -> Result<T, JoinError> {
        self.handle.join()
    }

    /// Asks the task to end, as [`JoinHandle::cancel`].
    pub fn cancel(&self) {
        self.handle.cancel();
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// The id of the task.
    pub fn id(&self) -> Id {
        self.handle.id()
    }

    /// The name that the task was given.
    pub fn name(&self) -> Option<&str> {
        self.handle.name()
    }

    /// The task has ended when the scope has, so what a `T` borrows is there as long as one may have the handle.
    pub(super) fn into_inner(self) -> JoinHandle<T> {
        self.handle
    }

    pub(crate) fn inner(&mut self) -> &mut JoinHandle<T> {
        &mut self.handle
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}
