//! Several tasks whose ends are awaited in the order in which they come.
//!
//! Each task is told, in place of a joiner, the set that it is in and its number there; as it ends it hands the number to
//! who waits, or leaves it. So a set of any size waits in one place.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::mem;
use std::sync::Arc;

use super::join::{JoinError, JoinHandle, Joiner};
use super::monitor::{Locked, Monitor};
use super::operation::{Forever, Operation, Undone};
use super::own::Local;
use super::park::{Reason, begin_operation, local};
use super::scope::ScopedJoinHandle;
use super::{Id, spawn, spawn_local};

/// The numbers of the tasks that have ended and were not taken; in a slot, that of one.
#[derive(Clone)]
pub(super) struct Ended(Arc<Monitor<VecDeque<usize>, Option<usize>>>);

impl Ended {
    fn new() -> Ended {
        Ended(Arc::new(Monitor::new(VecDeque::new())))
    }

    /// The task with this number has ended.
    pub(super) fn tell(&self, number: usize) {
        let mut numbers = self.0.lock();
        if numbers.choose(0, |slot| *slot = Some(number)).is_none() {
            numbers.push_back(number);
        }
    }
}

/// Tasks that are joined as they end. Dropping it cancels those that are left.
///
/// # Examples
/// ```
/// use corro::task::JoinSet;
/// use std::time::Duration;
///
/// corro::run(|| {
///     let mut set = JoinSet::new();
///     for delay in [3, 1, 2] {
///         set.spawn(move || { corro::sleep(Duration::from_millis(delay)); delay });
///     }
///     let mut ended = Vec::new();
///     while let Some(result) = set.join_next() {
///         ended.push(result.unwrap());
///     }
///     assert_eq!(ended, [1, 2, 3]);
/// });
/// ```
#[doc(alias = "TaskGroup")]
pub struct JoinSet<T> {
    handles: HashMap<usize, Member<T>>,
    /// The number of the next task.
    next: usize,
    /// How many live on other threads.
    abroad: usize,
    ended: Ended,
}

struct Member<T> {
    handle: JoinHandle<T>,
    /// It lives on another thread, so a wait for it may be long, but is none for ever.
    is_abroad: bool,
}

impl<T> JoinSet<T> {
    /// A set without tasks.
    pub fn new() -> JoinSet<T> {
        JoinSet { handles: HashMap::new(), next: 0, abroad: 0, ended: Ended::new() }
    }

    /// Puts a task in.
    pub fn insert(&mut self, handle: JoinHandle<T>) -> Id {
        let (id, number) = (handle.id(), self.next);
        self.next += 1;
        if !handle.tell(Joiner::Member(self.ended.clone(), number)) {
            self.ended.tell(number);
        }
        let is_abroad = handle.is_abroad();
        self.abroad += usize::from(is_abroad);
        self.handles.insert(number, Member { handle, is_abroad });
        id
    }

    /// Waits for the next end, and returns that task's result; `None` when there is no task. A cancellation point, which
    /// loses no result. Where the task unwinds and would have to wait it returns `None` too.
    ///
    /// # Panics
    /// In a callback of the event loop, when it would have to wait.
    pub fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.next_numbered().map(|(_number, result)| result)
    }

    /// The result of a task that has ended already.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        let number = self.ended.0.lock().pop_front()?;
        Some(self.take(number).1)
    }

    fn next_numbered(&mut self) -> Option<(usize, Result<T, JoinError>)> {
        if self.handles.is_empty() {
            return None;
        }
        begin_operation();
        let abroad = if self.abroad > 0 { local() } else { None };
        let _abroad = abroad.map(Local::wait_abroad);
        let mut next = Next(None);
        match self.ended.0.perform(&mut next, &mut Forever) {
            Ok(()) => next.0.map(|number| self.take(number)),
            Err(Undone::Unwinding | Undone::Late | Undone::Cancelled) => None,
        }
    }

    fn take(&mut self, number: usize) -> (usize, Result<T, JoinError>) {
        let member = self.handles.remove(&number).expect("a number is taken once");
        self.abroad -= usize::from(member.is_abroad);
        (number, member.handle.join_ended())
    }

    /// Asks all tasks to end. They stay in the set until they are joined.
    #[doc(alias = "abort_all")]
    pub fn cancel_all(&self) {
        self.handles.values().for_each(|member| member.handle.cancel());
    }

    /// How many tasks are in the set: those that were not joined.
    pub fn len(&self) -> usize {
        self.handles.len()
    }

    /// Whether no task is in the set.
    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }
}

impl<T: 'static> JoinSet<T> {
    /// Starts a task, as [`spawn`](super::spawn), and puts it in.
    ///
    /// # Panics
    /// Where no scheduler runs, with a sentence that says what to use.
    pub fn spawn(&mut self, body: impl FnOnce() -> T + Send + 'static) -> Id
    where
        T: Send,
    {
        self.insert(spawn(body))
    }

    /// Starts a task that stays on this thread, as [`spawn_local`](super::spawn_local), and puts it in.
    ///
    /// # Panics
    /// As [`spawn`](Self::spawn).
    pub fn spawn_local(&mut self, body: impl FnOnce() -> T + 'static) -> Id {
        self.insert(spawn_local(body))
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.cancel_all();
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> JoinSet<T> {
        JoinSet::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Takes the number of a task that has ended.
struct Next(Option<usize>);

type Numbers<'a> = Locked<'a, VecDeque<usize>, Option<usize>>;

impl Operation<VecDeque<usize>, Option<usize>> for Next {
    fn reason(&self) -> Reason {
        Reason::AnyEnd
    }

    fn attempt(&mut self, numbers: &mut Numbers<'_>) -> bool {
        self.0 = numbers.pop_front();
        self.0.is_some()
    }

    fn offer(&mut self) -> Option<usize> {
        None
    }

    fn settle(&mut self, slot: Option<usize>) {
        self.0 = slot;
    }

    fn withdraw(&mut self, _numbers: &mut Numbers<'_>, _slot: Option<usize>) {}

    /// A set has one owner, who may ask again after the unwind.
    fn pass_on(&mut self, numbers: &mut Numbers<'_>) -> bool {
        if let Some(number) = self.0.take() {
            numbers.push_front(number);
        }
        true
    }
}

/// What [`join_all`], [`try_join_all`] and [`as_completed`] take: handles of tasks, or closures, which are spawned.
pub trait IntoHandle {
    /// The result of the task.
    type Output;

    /// The handle.
    fn into_handle(self) -> JoinHandle<Self::Output>;
}

impl<T> IntoHandle for JoinHandle<T> {
    type Output = T;

    fn into_handle(self) -> JoinHandle<T> {
        self
    }
}

impl<T> IntoHandle for ScopedJoinHandle<'_, T> {
    type Output = T;

    fn into_handle(self) -> JoinHandle<T> {
        self.into_inner()
    }
}

impl<F: FnOnce() -> T + Send + 'static, T: Send + 'static> IntoHandle for F {
    type Output = T;

    fn into_handle(self) -> JoinHandle<T> {
        spawn(self)
    }
}

fn set_of<H: IntoHandle>(handles: impl IntoIterator<Item = H>) -> JoinSet<H::Output> {
    let mut set = JoinSet::new();
    for handle in handles {
        set.insert(handle.into_handle());
    }
    set
}

/// Waits for all of these tasks; the results are in the order of the tasks.
///
/// A cancellation point: if the caller is cancelled, so are the tasks.
///
/// # Panics
/// In a callback of the event loop, when it would have to wait.
///
/// # Examples
/// ```
/// corro::run(|| {
///     let squares = corro::task::join_all((1..=3).map(|number| move || number * number));
///     let squares: Vec<i32> = squares.into_iter().map(Result::unwrap).collect();
///     assert_eq!(squares, [1, 4, 9]);
/// });
/// ```
#[doc(alias = "gather")]
#[doc(alias = "WaitGroup")]
pub fn join_all<H: IntoHandle>(handles: impl IntoIterator<Item = H>) -> Vec<Result<H::Output, JoinError>> {
    let mut set = set_of(handles);
    let mut results: Vec<_> = (0..set.next).map(|_| None).collect();
    while let Some((number, result)) = set.next_numbered() {
        results[number] = Some(result);
    }
    // One that is missing could not be waited for.
    results.into_iter().map(|result| result.unwrap_or_else(|| Err(JoinError::would_suspend()))).collect()
}

/// Waits for all of these tasks; if one fails, the others are cancelled and waited for.
///
/// A cancellation point: if the caller is cancelled, so are the tasks.
///
/// # Errors
/// That of the first task that panicked or was cancelled.
///
/// # Panics
/// In a callback of the event loop, when it would have to wait.
pub fn try_join_all<H: IntoHandle>(handles: impl IntoIterator<Item = H>) -> Result<Vec<H::Output>, JoinError> {
    let mut set = set_of(handles);
    let mut values: Vec<_> = (0..set.next).map(|_| None).collect();
    let mut failed = None;
    while let Some((number, result)) = set.next_numbered() {
        match result {
            Ok(value) => values[number] = Some(value),
            Err(error) if failed.is_none() => {
                failed = Some(error);
                set.cancel_all();
            }
            Err(_later) => {}
        }
    }
    match failed {
        Some(error) => Err(error),
        None => values.into_iter().map(|value| value.ok_or_else(JoinError::would_suspend)).collect(),
    }
}

/// The results of these tasks as they end, each with its task's place in the order that they were given in.
///
/// Each step is a cancellation point. Those that are left when the iterator is dropped run on.
///
/// # Examples
/// ```
/// use corro::task::as_completed;
/// use std::time::Duration;
///
/// corro::run(|| {
///     let delays = [3, 1, 2].map(|delay| move || corro::sleep(Duration::from_millis(delay)));
///     let order: Vec<usize> = as_completed(delays).map(|(index, _result)| index).collect();
///     assert_eq!(order, [1, 2, 0]);
/// });
/// ```
pub fn as_completed<H: IntoHandle>(handles: impl IntoIterator<Item = H>) -> AsCompleted<H::Output> {
    AsCompleted { set: set_of(handles) }
}

/// See [`as_completed`].
#[derive(Debug)]
pub struct AsCompleted<T> {
    set: JoinSet<T>,
}

impl<T> Iterator for AsCompleted<T> {
    type Item = (usize, Result<T, JoinError>);

    fn next(&mut self) -> Option<Self::Item> {
        self.set.next_numbered()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.set.len()))
    }
}

impl<T> Drop for AsCompleted<T> {
    fn drop(&mut self) {
        drop(mem::take(&mut self.set.handles));
    }
}
