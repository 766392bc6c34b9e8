//! Queues in the manner of Python's `asyncio`: they count what was taken and not yet done, and can be shut down.
//!
//! Items and room are permits, so that those who wait are served in order and a cancellation loses nothing; what is in
//! the queue lies under a lock of its own. Permits are taken before that lock and given back after it.

#![forbid(unsafe_code)]

mod error;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use self::error::{GetError, PutError, TaskDoneError, TryGetError, TryPutError};
use super::permits::{MAX, NotTaken, Permits};
use super::refuse;
use crate::driver::Deadline;
use crate::task::{self, Forever, Limit, Monitor, Reason, Undone, Until};

/// What a queue keeps its items in.
trait Store<T> {
    fn push(&mut self, item: T);
    fn pop(&mut self) -> Option<T>;
}

impl<T> Store<T> for VecDeque<T> {
    fn push(&mut self, item: T) {
        self.push_back(item);
    }

    fn pop(&mut self) -> Option<T> {
        self.pop_front()
    }
}

impl<T> Store<T> for Vec<T> {
    fn push(&mut self, item: T) {
        self.push(item);
    }

    fn pop(&mut self) -> Option<T> {
        self.pop()
    }
}

impl<T: Ord> Store<T> for BinaryHeap<Reverse<T>> {
    fn push(&mut self, item: T) {
        self.push(Reverse(item));
    }

    fn pop(&mut self) -> Option<T> {
        self.pop().map(|Reverse(item)| item)
    }
}

/// What the three queues are.
struct Core<S> {
    content: Mutex<Content<S>>,
    maxsize: usize,
    items: Permits,
    room: Permits,
    /// Items that were put and are not done.
    unfinished: Monitor<usize, ()>,
}

struct Content<S> {
    store: S,
    is_shut_down: bool,
    /// By a shutdown at once, which leaves nothing in it.
    is_emptied: bool,
}

impl<S> Core<S> {
    fn new(maxsize: usize, store: S) -> Core<S> {
        let room = if maxsize == 0 { MAX } else { maxsize };
        Core {
            content: Mutex::new(Content { store, is_shut_down: false, is_emptied: false }),
            maxsize,
            items: Permits::new(0, MAX, Reason::Receive),
            room: Permits::new(room, room, Reason::Send),
            unfinished: Monitor::new(0),
        }
    }

    /// A panic of an `Ord` leaves the lock free.
    fn content(&self) -> MutexGuard<'_, Content<S>> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put<T>(&self, item: T, limit: &mut impl Limit) -> Result<(), TryPutError<T>>
    where
        S: Store<T>,
    {
        task::begin_operation();
        match self.room.take(1, limit) {
            Ok(()) => self.store(item),
            Err(NotTaken::Undone(Undone::Late)) => Err(TryPutError::Full(item)),
            Err(NotTaken::Undone(_unwinding)) => refuse("put"),
            Err(NotTaken::Closed) => Err(TryPutError::ShutDown(item)),
        }
    }

    fn try_put<T>(&self, item: T) -> Result<(), TryPutError<T>>
    where
        S: Store<T>,
    {
        if self.room.try_take(1) {
            self.store(item)
        } else if self.content().is_shut_down {
            Err(TryPutError::ShutDown(item))
        } else {
            Err(TryPutError::Full(item))
        }
    }

    /// Room was taken.
    fn store<T>(&self, item: T) -> Result<(), TryPutError<T>>
    where
        S: Store<T>,
    {
        let mut content = self.content();
        if content.is_shut_down {
            drop(content);
            self.room.give(1);
            return Err(TryPutError::ShutDown(item));
        }
        // Given under the lock, so that nobody is told of a shutdown before an item that is in.
        let _counted = GiveBack(&self.items);
        *self.unfinished.lock() += 1;
        content.store.push(item);
        Ok(())
    }

    fn get<T>(&self, limit: &mut impl Limit) -> Result<T, TryGetError>
    where
        S: Store<T>,
    {
        task::begin_operation();
        // An item that a cancelled task gives back may come after the shutdown.
        let emptied = OnUnwind(|| self.empty_if_shut_down());
        let taken = self.items.take(1, limit);
        mem::forget(emptied);
        match taken {
            Ok(()) => Ok(self.unstore()),
            Err(NotTaken::Undone(Undone::Late)) => Err(TryGetError::Empty),
            Err(NotTaken::Undone(_unwinding)) => refuse("get"),
            Err(NotTaken::Closed) => Err(TryGetError::ShutDown),
        }
    }

    fn try_get<T>(&self) -> Result<T, TryGetError>
    where
        S: Store<T>,
    {
        if self.items.try_take(1) {
            Ok(self.unstore())
        } else if self.content().is_shut_down {
            Err(TryGetError::ShutDown)
        } else {
            Err(TryGetError::Empty)
        }
    }

    /// An item was taken.
    fn unstore<T>(&self) -> T
    where
        S: Store<T>,
    {
        let _counted = GiveBack(&self.room);
        self.content().store.pop().expect("there are as many items as were counted")
    }

    fn task_done(&self, count: usize) -> Result<(), TaskDoneError> {
        let mut unfinished = self.unfinished.lock();
        *unfinished = unfinished.checked_sub(count).ok_or(TaskDoneError)?;
        if *unfinished == 0 {
            unfinished.choose_all(0, |()| ());
        }
        Ok(())
    }

    fn join(&self) {
        task::begin_operation();
        let mut all_done = Until::new(Reason::Queue, |unfinished| **unfinished == 0);
        if self.unfinished.perform(&mut all_done, &mut Forever).is_err() {
            refuse("join");
        }
    }

    fn shutdown<T>(&self, immediate: bool)
    where
        S: Store<T>,
    {
        let mut content = self.content();
        content.is_shut_down = true;
        content.is_emptied |= immediate;
        drop(content);
        self.room.close();
        self.items.close();
        self.empty_if_shut_down();
    }

    /// Drops what is left after a shutdown at once.
    fn empty_if_shut_down<T>(&self)
    where
        S: Store<T>,
    {
        while self.content().is_emptied
            && let Ok(item) = self.try_get()
        {
            // It was counted as it was put. Somebody may have called it done too early.
            let _ = self.task_done(1);
            drop(item);
        }
    }
}

/// Runs if it is unwound.
struct OnUnwind<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnUnwind<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Gives a permit, also if an `Ord` panics: the item is in the heap, or out of it, all the same.
struct GiveBack<'a>(&'a Permits);

impl Drop for GiveBack<'_> {
    fn drop(&mut self) {
        self.0.give(1);
    }
}

macro_rules! queue {
    ($(#[$doc:meta])* $name:ident, $item:ident $(: $bound:ident)?, $store:ty) => {
        $(#[$doc])*
        pub struct $name<$item>(Core<$store>);

        impl<$item $(: $bound)?> $name<$item> {
            /// A queue for `maxsize` items; 0 is no limit.
            pub fn new(maxsize: usize) -> Self {
                $name(Core::new(maxsize, <$store>::new()))
            }

            /// Puts an item in, waiting for room. A cancellation point: unwinds only if the item was not put.
            ///
            /// # Errors
            /// When the queue was shut down; the item comes back.
            ///
            /// # Panics
            /// Where it would have to wait and cannot: in a callback of the event loop, and while the task unwinds.
            pub fn put(&self, item: $item) -> Result<(), PutError<$item>> {
                self.0.put(item, &mut Forever).map_err(|error| PutError(error.into_inner()))
            }

            /// As [`put`](Self::put), waiting for this long at most.
            ///
            /// # Errors
            /// When the queue was shut down, or is full still; the item comes back.
            ///
            /// # Panics
            /// As [`put`](Self::put).
            pub fn put_timeout(&self, item: $item, timeout: Duration) -> Result<(), TryPutError<$item>> {
                self.0.put(item, &mut Deadline::after(timeout))
            }

            /// Puts an item in if there is room.
            ///
            /// # Errors
            /// When the queue is full or was shut down; the item comes back.
            #[doc(alias = "put_nowait")]
            pub fn try_put(&self, item: $item) -> Result<(), TryPutError<$item>> {
                self.0.try_put(item)
            }

            /// Takes an item out, waiting for one. A cancellation point, which loses no item.
            ///
            /// # Errors
            /// When the queue is empty and was shut down.
            ///
            /// # Panics
            /// As [`put`](Self::put).
            pub fn get(&self) -> Result<$item, GetError> {
                self.0.get(&mut Forever).map_err(|_shut_down| GetError)
            }

            /// As [`get`](Self::get), waiting for this long at most.
            ///
            /// # Errors
            /// As [`get`](Self::get), and when the time is over.
            ///
            /// # Panics
            /// As [`put`](Self::put).
            pub fn get_timeout(&self, timeout: Duration) -> Result<$item, TryGetError> {
                self.0.get(&mut Deadline::after(timeout))
            }

            /// Takes an item out if there is one.
            ///
            /// # Errors
            /// When the queue is empty.
            #[doc(alias = "get_nowait")]
            pub fn try_get(&self) -> Result<$item, TryGetError> {
                self.0.try_get()
            }

            /// Says that an item which was taken out is done, for [`join`](Self::join).
            ///
            /// # Errors
            /// When it is called more often than items were put.
            pub fn task_done(&self) -> Result<(), TaskDoneError> {
                self.0.task_done(1)
            }

            /// Waits until every item that was put is done. A cancellation point.
            ///
            /// # Panics
            /// As [`put`](Self::put).
            pub fn join(&self) {
                self.0.join();
            }

            /// Shuts the queue down: nothing can be put any more, and when it is empty nothing be got. Those who wait get the
            /// error. With `immediate` it is emptied now, and what is dropped so counts as done.
            pub fn shutdown(&self, immediate: bool) {
                self.0.shutdown::<$item>(immediate);
            }

            /// How many items are in it.
            #[doc(alias = "qsize")]
            pub fn len(&self) -> usize {
                self.0.items.available()
            }

            /// Whether there is no item in it.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Whether there is no room.
            pub fn is_full(&self) -> bool {
                self.0.room.available() == 0
            }

            /// How many items fit in; 0 is no limit.
            pub fn maxsize(&self) -> usize {
                self.0.maxsize
            }
        }

        impl<$item> fmt::Debug for $name<$item> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("len", &self.0.items.available()).finish_non_exhaustive()
            }
        }
    };
}

queue! {
    /// A queue, first in, first out, that knows which items are done: as Python's `asyncio.Queue`.
    ///
    /// # Examples
    /// ```
    /// use corro::sync::Queue;
    ///
    /// let jobs = Queue::new(2);
    /// corro::run(|| {
    ///     corro::scope(|s| {
    ///         s.spawn(|| while let Ok(_job) = jobs.get() { jobs.task_done().unwrap() });
    ///         (0..5).for_each(|job| jobs.put(job).unwrap());
    ///         jobs.join();
    ///         jobs.shutdown(false);
    ///     });
    /// });
    /// assert_eq!(jobs.put(5).unwrap_err().into_inner(), 5);
    /// ```
    Queue, T, VecDeque<T>
}

queue! {
    /// A [`Queue`] that gives the smallest item first: as Python's `asyncio.PriorityQueue`.
    ///
    /// The items are compared under a lock: an `Ord` that waits, or uses the queue, blocks the thread.
    ///
    /// # Examples
    /// ```
    /// let queue = corro::sync::PriorityQueue::new(0);
    /// [3, 1, 2].map(|item| queue.put(item).unwrap());
    /// assert_eq!([(); 3].map(|()| queue.get().unwrap()), [1, 2, 3]);
    /// ```
    PriorityQueue, T: Ord, BinaryHeap<Reverse<T>>
}

queue! {
    /// A [`Queue`] that gives the newest item first: as Python's `asyncio.LifoQueue`.
    ///
    /// # Examples
    /// ```
    /// let queue = corro::sync::LifoQueue::new(0);
    /// [3, 1, 2].map(|item| queue.put(item).unwrap());
    /// assert_eq!([(); 3].map(|()| queue.get().unwrap()), [2, 1, 3]);
    /// ```
    LifoQueue, T, Vec<T>
}
