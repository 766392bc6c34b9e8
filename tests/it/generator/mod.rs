//! Rules G1 to G13: generators. Each test's name begins with the rule it is about.

pub(crate) mod child;
pub(crate) mod hook;

mod catching;
mod closing;
mod delegation;
mod delegation_ends;
mod delegation_mixed;
mod drops;
mod in_tasks;
mod lifecycle;
mod limits;
mod panics;
mod resuming;
mod scoping;
mod throwing;
mod unwinding;

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use corro::CoroutineState::{Complete, Yielded};
use corro::generator::{CloseError, Exception, GeneratorError};
use corro::{CoroutineState, Generator};

/// What a test's bodies and destructors did, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn say(&self, word: impl Into<String>) {
        self.words().push(word.into());
    }

    fn words(&self) -> MutexGuard<'_, Vec<String>> {
        // Words are said while the thread unwinds too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says `word` when it is dropped.
    pub(crate) fn guard(&self, word: impl Into<String>) -> Guard {
        Guard { trace: self.clone(), word: word.into() }
    }

    /// What was said since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.words())
    }

    /// Compares what was said since the last call.
    #[track_caller]
    pub(crate) fn said(&self, words: &[&str]) {
        assert_eq!(self.take(), words);
    }
}

/// A local of a body: its destructor is traced.
#[derive(Clone)]
pub(crate) struct Guard {
    trace: Trace,
    word: String,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.trace.say(std::mem::take(&mut self.word));
    }
}

type Resumed<Y, R> = Result<CoroutineState<Y, R>, GeneratorError>;

/// The result of a resume is this value, yielded.
#[track_caller]
pub(crate) fn yields<Y: Debug + PartialEq, R: Debug>(resumed: Resumed<Y, R>, value: Y) {
    match resumed {
        Ok(Yielded(yielded)) => assert_eq!(yielded, value),
        other => panic!("expected Yielded({value:?}), found {other:?}"),
    }
}

/// The result of a resume is this value, returned.
#[track_caller]
pub(crate) fn returns<Y: Debug, R: Debug + PartialEq>(resumed: Resumed<Y, R>, value: R) {
    match resumed {
        Ok(Complete(returned)) => assert_eq!(returned, value),
        other => panic!("expected Complete({value:?}), found {other:?}"),
    }
}

/// The result of a resume is an exception with a value of this type.
#[track_caller]
pub(crate) fn raises<Y: Debug, R: Debug, E: 'static>(resumed: Resumed<Y, R>) -> E {
    match resumed {
        Err(GeneratorError::Raised(exception)) => value_of(exception),
        other => panic!("expected Raised, found {other:?}"),
    }
}

/// The result of a resume is `Finished`.
#[track_caller]
pub(crate) fn finished<Y: Debug, R: Debug>(resumed: Resumed<Y, R>) {
    assert!(matches!(resumed, Err(GeneratorError::Finished)), "expected Finished, found {resumed:?}");
}

/// The result of a close is this value, yielded in spite of it.
#[track_caller]
pub(crate) fn ignores<Y: Debug + PartialEq, R: Debug>(closed: Result<Option<R>, CloseError<Y>>, value: Y) {
    match closed {
        Err(CloseError::Ignored(yielded)) => assert_eq!(yielded, value),
        other => panic!("expected Ignored({value:?}), found {other:?}"),
    }
}

/// The result of a close is an exception with a value of this type.
#[track_caller]
pub(crate) fn close_raises<Y, R: Debug, E: 'static>(closed: Result<Option<R>, CloseError<Y>>) -> E {
    match closed {
        Err(CloseError::Raised(exception)) => value_of(exception),
        other => panic!("expected Raised, found {other:?}"),
    }
}

/// The value of an exception: not one level of wrapping more.
#[track_caller]
pub(crate) fn value_of<E: 'static>(exception: Exception) -> E {
    exception.downcast().unwrap_or_else(|other| panic!("an exception of another type: {other:?}"))
}

/// The text of the panic of `f`.
#[track_caller]
pub(crate) fn panic_text<T>(f: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else { panic!("expected a panic") };
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().copied().expect("a panic with a text").to_owned(),
    }
}

/// A generator that was started.
#[track_caller]
pub(crate) fn started<Y, S, R>(mut generator: Generator<Y, S, R>) -> Generator<Y, S, R> {
    assert!(matches!(generator.start(), Ok(Yielded(_))), "expected a first yield");
    generator
}

/// Runs `f` in a destructor while the thread unwinds from a panic. What `f` asserts fails after that.
pub(crate) fn while_unwinding(f: impl FnOnce()) {
    struct InDrop<'a, F: FnOnce()>(Option<F>, &'a mut thread::Result<()>);
    impl<F: FnOnce()> Drop for InDrop<'_, F> {
        fn drop(&mut self) {
            assert!(thread::panicking());
            let f = self.0.take().expect("dropped once");
            // A panic that left the destructor would abort.
            *self.1 = catch_unwind(AssertUnwindSafe(f));
        }
    }
    let mut result = Ok(());
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _in_drop = InDrop(Some(f), &mut result);
        // No panic hook: nothing is printed.
        resume_unwind(Box::new("unwinding"));
    }));
    assert!(unwound.is_err());
    result.unwrap_or_else(|payload| resume_unwind(payload));
    assert!(!thread::panicking(), "the panic count is what it was");
}
