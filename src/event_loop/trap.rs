//! Generators as tasks, in the manner of Python 3.4: what they yield to the loop is a wish.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::os::fd::RawFd;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::time::Duration;

use crate::driver::{self, Direction};
use crate::generator::{CoroutineState, Generator, GeneratorError};
use crate::task::{self, Forever, Monitor, Reason, Until};

/// What a generator that runs as a task asks of the loop by yielding it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// To go on in the next pass.
    Next,
    /// To go on after this time.
    Sleep(Duration),
    /// To go on when the descriptor is readable.
    Readable(RawFd),
    /// To go on when the descriptor is writable.
    Writable(RawFd),
    /// To go on when the task of this loop has ended; at once if there is none.
    Join(task::Id),
}

/// The trampoline: resumes the generator each time its wish is met.
pub(super) fn drive<T>(mut generator: Generator<Trap, (), T>, watches: &Watches) -> T {
    let mut step = match generator.start() {
        Err(GeneratorError::AlreadyStarted) => generator.send(()),
        step => step,
    };
    loop {
        step = match step {
            Ok(CoroutineState::Yielded(trap)) => match grant(trap, watches) {
                Ok(()) => generator.send(()),
                Err(error) => generator.throw(error),
            },
            Ok(CoroutineState::Complete(value)) => return value,
            Err(GeneratorError::Raised(exception)) => resume_unwind(Box::new(exception)),
            Err(error) => panic!("a generator cannot run as a task: {error}"),
        };
    }
}

fn grant(trap: Trap, watches: &Watches) -> io::Result<()> {
    task::checkpoint();
    match trap {
        Trap::Next => task::give_way(),
        Trap::Sleep(time) => driver::pause(time),
        Trap::Readable(fd) => driver::wait_fd(fd, Direction::Read)?,
        Trap::Writable(fd) => driver::wait_fd(fd, Direction::Write)?,
        Trap::Join(id) => watches.wait(id)?,
    }
    task::checkpoint();
    Ok(())
}

/// Who waits for a task's end by its id.
#[derive(Default)]
pub(super) struct Watches(RefCell<HashMap<task::Id, Rc<Watch>>>);

/// One task's end: whether it has come.
type Watch = Monitor<bool, ()>;

impl Watches {
    fn wait(&self, id: task::Id) -> io::Result<()> {
        if task::running().is_some_and(|task| task.id() == id) {
            return Err(io::Error::other("a task cannot join itself"));
        }
        let Some(task) = task::local().and_then(|local| local.find(id)) else { return Ok(()) };
        task.watched.set(true);
        let watch = {
            let mut watches = self.0.borrow_mut();
            watches.entry(id).or_insert_with(|| Rc::new(Watch::new(false))).clone()
        };
        task::checkpoint();
        let mut end = Until::new(Reason::End(id), |ended| **ended);
        watch.perform(&mut end, &mut Forever).map_err(|_unwinding| driver::would_suspend())
    }

    pub(super) fn end(&self, id: task::Id) {
        let watch = self.0.borrow_mut().remove(&id);
        if let Some(watch) = watch {
            let mut ended = watch.lock();
            *ended = true;
            ended.choose_all(0, |()| ());
        }
    }
}
