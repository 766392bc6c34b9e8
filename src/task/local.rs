//! Values that each task has for itself: [`task_local!`](crate::task_local!).
//!
//! A task's values lie in a list at its header, made at the first use. They are dropped on the task's own stack as it
//! ends, so they need not be `Send`. What a child inherits is cloned as the child is made, on the parent's thread; those
//! values are `Send`.

use std::any::Any;
use std::fmt;
use std::mem;
use std::ptr;
use std::rc::Rc;

use super::header::{Header, swallow_panic};
use super::park::running;

/// The values of one task.
#[derive(Default)]
pub(super) struct Locals(Vec<Entry>);

struct Entry {
    /// The address of the key, which is a static.
    key: *const (),
    value: Rc<dyn Any>,
    fork: Option<Fork>,
}

/// Makes a child's value. The type is `Send`, and the result the only reference to it.
type Fork = fn(&dyn Any) -> Rc<dyn Any>;

impl Locals {
    fn find(&mut self, key: *const ()) -> Option<&mut Entry> {
        self.0.iter_mut().find(|entry| ptr::eq(entry.key, key))
    }

    /// Puts a value in, or takes one out; returns the one before.
    fn replace(&mut self, key: *const (), value: Option<Rc<dyn Any>>, fork: Option<Fork>) -> Option<Rc<dyn Any>> {
        let at = self.0.iter().position(|entry| ptr::eq(entry.key, key));
        match (at, value) {
            (Some(at), Some(value)) => Some(mem::replace(&mut self.0[at].value, value)),
            (Some(at), None) => Some(self.0.swap_remove(at).value),
            (None, Some(value)) => {
                self.0.push(Entry { key, value, fork });
                None
            }
            (None, None) => None,
        }
    }
}

/// Calls `f` with the list of a task, which `f` must not hand out nor use again. No code of a user runs in it.
fn with_locals<R>(task: &Header, f: impl FnOnce(&mut Locals) -> R) -> R {
    let mut locals = task.locals.take().unwrap_or_default();
    let result = f(&mut locals);
    task.locals.set(Some(locals));
    result
}

/// What a task inherits that the running task makes.
#[inline]
pub(super) fn inherited() -> Option<Box<Locals>> {
    let parent = running()?;
    let locals = parent.locals.take()?;
    let forks: Vec<_> =
        locals.0.iter().filter_map(|entry| Some((entry.key, entry.value.clone(), entry.fork?))).collect();
    parent.locals.set(Some(locals));
    let child = |(key, value, fork): (_, Rc<dyn Any>, Fork)| Entry { key, value: fork(&*value), fork: Some(fork) };
    (!forks.is_empty()).then(|| Box::new(Locals(forks.into_iter().map(child).collect())))
}

/// Drops the values of a task that has ended, on its home thread. A destructor may make new ones; what keeps coming is
/// leaked.
pub(super) fn drop_all(task: &Header) {
    const ROUNDS: usize = 8;
    for _ in 0..ROUNDS {
        match task.locals.take() {
            // One by one: two that fail would end the process.
            Some(locals) => locals.0.into_iter().for_each(|entry| swallow_panic(|| drop(entry))),
            None => return,
        }
    }
    mem::forget(task.locals.take());
}

/// A value that each task has for itself, declared by [`task_local!`](crate::task_local!).
pub struct LocalKey<T: 'static> {
    init: fn() -> T,
    fork: Option<Fork>,
}

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn new(init: fn() -> T) -> LocalKey<T> {
        LocalKey { init, fork: None }
    }

    #[doc(hidden)]
    pub const fn inherited(init: fn() -> T) -> LocalKey<T>
    where
        T: Clone + Send,
    {
        LocalKey { init, fork: Some(fork::<T>) }
    }

    fn key(&'static self) -> *const () {
        ptr::from_ref(self).cast()
    }

    fn task(&'static self, call: &str) -> &'static Header {
        running().unwrap_or_else(|| {
            panic!("`{call}` of a task-local was called where no task runs: use `thread_local!` there, or a task")
        })
    }

    /// The value, which is made now if the task has none.
    fn value(&'static self, call: &str) -> Rc<T> {
        let task = self.task(call);
        let found = with_locals(task, |locals| locals.find(self.key()).map(|entry| entry.value.clone()));
        let value = found.unwrap_or_else(|| {
            let value: Rc<dyn Any> = Rc::new((self.init)());
            let before = self.replace(task, Some(value.clone()));
            drop(before);
            value
        });
        value.downcast().expect("a key has values of one type")
    }

    fn replace(&'static self, task: &Header, value: Option<Rc<dyn Any>>) -> Option<Rc<dyn Any>> {
        with_locals(task, |locals| locals.replace(self.key(), value, self.fork))
    }

    /// Calls `f` with the task's value, which is made now if there is none. A [`set`](Self::set) meanwhile does not change
    /// what `f` sees.
    ///
    /// # Panics
    /// Where no task runs, with a sentence that says what to use.
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        f(&self.value("with"))
    }

    /// A clone of the task's value.
    ///
    /// # Panics
    /// As [`with`](Self::with).
    pub fn get(&'static self) -> T
    where
        T: Clone,
    {
        (*self.value("get")).clone()
    }

    /// Gives the task another value.
    ///
    /// # Panics
    /// As [`with`](Self::with).
    pub fn set(&'static self, value: T) {
        let before = self.replace(self.task("set"), Some(Rc::new(value)));
        drop(before);
    }

    /// Runs `f` with another value; after that the task has the one that it had before.
    ///
    /// # Panics
    /// As [`with`](Self::with).
    pub fn scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        let before = self.replace(self.task("scope"), Some(Rc::new(value)));
        let _restored = Restore { key: self, before };
        f()
    }
}

fn fork<T: Clone + Send + 'static>(value: &dyn Any) -> Rc<dyn Any> {
    let value: &T = value.downcast_ref().expect("a key has values of one type");
    Rc::new(value.clone())
}

/// Gives the task the value of before back, also after an unwind.
struct Restore<T: 'static> {
    key: &'static LocalKey<T>,
    before: Option<Rc<dyn Any>>,
}

impl<T: 'static> Drop for Restore<T> {
    fn drop(&mut self) {
        if let Some(task) = running() {
            let ours = self.key.replace(task, self.before.take());
            drop(ours);
        }
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

/// Declares values that each task has for itself. A value is made by its expression at its first use in a task.
///
/// With `inherit` a task starts with a clone of the value that the task had that made it; such a value is `Clone + Send`.
/// The second closure of [`join`](crate::join()) may run in a task of its own, which inherits nothing.
/// See [`LocalKey`](crate::task::LocalKey) for what can be done with one.
///
/// # Examples
/// ```
/// use std::cell::Cell;
///
/// corro::task_local! {
///     static CALLS: Cell<u32> = Cell::new(0);
///     inherit static REQUEST: String = "none".to_owned();
/// }
///
/// corro::run(|| {
///     CALLS.with(|calls| calls.set(calls.get() + 1));
///     REQUEST.set("GET /".to_owned());
///     let child = corro::spawn(|| (CALLS.with(Cell::get), REQUEST.get()));
///     assert_eq!(child.join().unwrap(), (0, "GET /".to_owned()));
///     assert_eq!(REQUEST.scope("GET /a".to_owned(), || REQUEST.get()), "GET /a");
/// });
/// ```
#[doc(alias = "contextvars")]
#[macro_export]
macro_rules! task_local {
    () => {};
    ($(#[$attribute:meta])* $vis:vis inherit static $name:ident: $type:ty = $init:expr $(; $($rest:tt)*)?) => {
        $(#[$attribute])*
        $vis static $name: $crate::task::LocalKey<$type> = $crate::task::LocalKey::inherited(|| $init);
        $($crate::task_local! { $($rest)* })?
    };
    ($(#[$attribute:meta])* $vis:vis static $name:ident: $type:ty = $init:expr $(; $($rest:tt)*)?) => {
        $(#[$attribute])*
        $vis static $name: $crate::task::LocalKey<$type> = $crate::task::LocalKey::new(|| $init);
        $($crate::task_local! { $($rest)* })?
    };
}
