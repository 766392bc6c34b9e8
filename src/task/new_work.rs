//! New work that any worker of a runtime may start: tasks that have not started, and the second halves of joins.
//!
//! The owner pushes and pops at one end, so it goes depth-first; thieves take from the other end, where the largest
//! parts are. What is taken is a closure, never a stack.
//!
//! After a push the owner looks whether to wake another worker. That look must not come before the push in anybody's
//! eyes; a fence would cost as much as the push. So the one that falls asleep, which is rare, passes the heavy side of a
//! barrier (see `runtime/idle`), and here is its light side.

use std::cell::Cell;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};

use crossbeam_deque::Worker;

use super::barrier;
use super::fork::JobRef;
use super::header::{Header, TaskRef};

/// A piece of new work: an owned pointer to a task, or, with its lowest bit set, a pointer to a job.
pub(crate) struct Word(usize);

/// What a word is.
pub(crate) enum Work {
    Task(TaskRef),
    Job(JobRef),
}

const JOB: usize = 1;

impl Word {
    #[inline]
    pub(crate) fn task(task: TaskRef) -> Word {
        Word(task.into_raw().expose_provenance())
    }

    #[inline]
    pub(super) fn job(job: JobRef) -> Word {
        Word(job.into_raw().expose_provenance() | JOB)
    }

    #[inline]
    pub(crate) fn open(self) -> Work {
        let word = std::mem::ManuallyDrop::new(self).0;
        // SAFETY: made by one of the two above, and opened once, since a word is not copied. Both kinds are aligned, so
        // the bit was free.
        unsafe {
            match word & JOB {
                0 => Work::Task(TaskRef::from_raw(ptr::with_exposed_provenance(word))),
                _ => Work::Job(JobRef::from_raw(ptr::with_exposed_provenance(word & !JOB))),
            }
        }
    }
}

impl Drop for Word {
    fn drop(&mut self) {
        drop(Word(self.0).open());
    }
}

/// Workers that sleep count in the upper half of the state, those that look for work in the lower.
pub(crate) const SLEEPER: usize = 1 << 16;
/// See [`SLEEPER`].
pub(crate) const SEARCHER: usize = 1;

/// Whether somebody sleeps while nobody looks for work, so that new work should wake one.
#[inline]
pub(crate) fn is_hungry(state: usize) -> bool {
    state >= SLEEPER && state.is_multiple_of(SLEEPER)
}

/// The owner's end.
pub(crate) struct NewWork {
    words: Worker<Word>,
    /// The task or job that was pushed last, until anything is popped; for a look without a pop.
    top: Cell<usize>,
    /// Sleepers and searchers of the runtime.
    state: Arc<AtomicUsize>,
    /// See [`barrier`].
    asymmetric: bool,
    wake_one: Box<dyn Fn()>,
    spread: Box<dyn Fn(TaskRef)>,
}

impl NewWork {
    /// `wake_one` wakes a sleeper, `spread` gives a task to the workers in turn.
    pub(crate) fn new(
        words: Worker<Word>,
        state: Arc<AtomicUsize>,
        wake_one: Box<dyn Fn()>,
        spread: Box<dyn Fn(TaskRef)>,
    ) -> NewWork {
        NewWork { words, top: Cell::new(0), state, asymmetric: barrier::is_asymmetric(), wake_one, spread }
    }

    pub(super) fn spread(&self, task: TaskRef) {
        (self.spread)(task);
    }

    pub(crate) fn words(&self) -> &Worker<Word> {
        &self.words
    }

    #[inline]
    pub(crate) fn push(&self, word: Word) {
        self.top.set(word.0);
        self.words.push(word);
        self.wake_if_hungry();
    }

    /// What follows every push: wakes a sleeper if nobody looks for work.
    #[inline]
    fn wake_if_hungry(&self) {
        barrier::light(self.asymmetric);
        if is_hungry(self.state.load(Relaxed)) {
            (self.wake_one)();
        }
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<Word> {
        self.top.set(0);
        self.words.pop()
    }

    /// Takes `task` back if it is what would be popped next and nobody was quicker.
    #[inline]
    pub(super) fn take_back_task(&self, task: &Header) -> Option<TaskRef> {
        if self.top.get() != ptr::from_ref(task).addr() {
            return None;
        }
        self.pop().and_then(|word| match word.open() {
            Work::Task(popped) if ptr::eq(popped.as_ptr(), task) => Some(popped),
            other => {
                self.put_back(other);
                None
            }
        })
    }

    /// Takes a job back if it is among the next few and nobody was quicker.
    #[inline]
    pub(super) fn take_back_job(&self, address: usize) -> bool {
        let Some(word) = self.pop() else { return false };
        if word.0 == address | JOB {
            std::mem::forget(word);
            return true;
        }
        self.dig_out(word, address)
    }

    /// The job lies deeper: its joiner was suspended meanwhile, and others pushed.
    #[cold]
    fn dig_out(&self, first: Word, address: usize) -> bool {
        const DEPTH: usize = 32;
        let mut above = vec![first];
        let mut found = false;
        while above.len() < DEPTH && !found {
            match self.words.pop() {
                Some(word) if word.0 == address | JOB => {
                    std::mem::forget(word);
                    found = true;
                }
                Some(word) => above.push(word),
                None => break,
            }
        }
        above.into_iter().rev().for_each(|word| self.words.push(word));
        // A sleeper may have looked meanwhile.
        self.wake_if_hungry();
        found
    }

    fn put_back(&self, work: Work) {
        self.words.push(match work {
            Work::Task(task) => Word::task(task),
            Work::Job(job) => Word::job(job),
        });
        // A sleeper may have looked meanwhile.
        self.wake_if_hungry();
    }
}
