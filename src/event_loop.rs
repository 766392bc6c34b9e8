//! One thread, round-robin: the scheduler that Python's `asyncio` has, for tasks that block in plain functions.
//!
//! A task that is spawned, woken or gives way goes to the tail of one queue. A *pass* runs what was ready when it
//! began, in order; then I/O is polled, then due timers are looked at, and what they make ready goes to the tail.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::panic::resume_unwind;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use crate::coroutine;
use crate::driver::{self, Direction, Target, TimerKey};
use crate::generator::{CoroutineState, Generator, GeneratorError};
use crate::task::{self, Callback, JoinHandle, Local, Ready, WaitQueue};
use crate::worker::Worker;

/// An event loop: tasks, timers, callbacks and I/O on one thread.
///
/// Dropping it cancels the tasks that are left and runs them until they have unwound.
///
/// # Examples
/// ```
/// use corro::EventLoop;
///
/// let event_loop = EventLoop::new()?;
/// let answer = event_loop.run(|| {
///     let task = corro::spawn(|| 6 * 7);
///     task.join().unwrap()
/// });
/// assert_eq!(answer, 42);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct EventLoop {
    worker: Rc<Worker>,
    watches: Rc<Watches>,
}

/// Runs `main` as a task of a fresh [`EventLoop`] on this thread, and returns what it returns; as `asyncio.run`.
///
/// # Panics
/// When `main` panics; on a thread that is running tasks already; when the system is out of descriptors.
///
/// # Examples
/// ```
/// assert_eq!(corro::run(|| corro::spawn(|| 1).join().unwrap() + 1), 2);
/// ```
pub fn run<T>(main: impl FnOnce() -> T) -> T {
    refuse_nesting();
    let event_loop = EventLoop::new().unwrap_or_else(|error| panic!("an event loop could not be made: {error}"));
    let outcome = event_loop.run_caught(main);
    // The tasks that are left unwind first, while this thread does not.
    drop(event_loop);
    outcome.unwrap_or_else(|payload| resume_unwind(payload))
}

/// How an [`EventLoop`] is made.
#[derive(Clone, Debug)]
pub struct Builder {
    stack_size: usize,
}

impl Builder {
    /// Sets the stack size of tasks that ask for none, in bytes, rounded up to pages; at least 16 KiB.
    ///
    /// The default is 256 KiB. Only pages that are touched cost memory.
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.stack_size = coroutine::round_size(bytes);
        self
    }

    /// Makes the loop.
    ///
    /// # Errors
    /// When the process or the system is out of descriptors.
    pub fn build(self) -> io::Result<EventLoop> {
        let watches = Rc::new(Watches::default());
        let told = watches.clone();
        let worker = Worker::new(self.stack_size, Box::new(move |task| told.end(task.id())))?;
        Ok(EventLoop { worker: Rc::new(worker), watches })
    }
}

impl EventLoop {
    /// A loop with the default settings.
    ///
    /// # Errors
    /// When the process or the system is out of descriptors.
    pub fn new() -> io::Result<EventLoop> {
        EventLoop::builder().build()
    }

    /// The settings of a loop to be made.
    pub fn builder() -> Builder {
        Builder { stack_size: coroutine::DEFAULT_STACK_SIZE }
    }

    /// Runs `main` as a task, and returns what it returns at the end of the pass in which it ended.
    ///
    /// `main` may borrow. Other tasks stay for the next run.
    ///
    /// # Panics
    /// When `main` panics; on a thread that is running tasks already.
    #[doc(alias = "run_until_complete")]
    pub fn run<T>(&self, main: impl FnOnce() -> T) -> T {
        self.run_caught(main).unwrap_or_else(|payload| resume_unwind(payload))
    }

    /// As [`run`](Self::run); a panic of `main` is returned.
    fn run_caught<T>(&self, main: impl FnOnce() -> T) -> std::thread::Result<T> {
        refuse_nesting();
        match self.worker.run(main) {
            Ok(value) => Ok(value),
            Err(error) if error.is_panic() => Err(error.into_panic()),
            Err(error) => panic!("the main task gave no result: {error}"),
        }
    }

    /// Runs until no task, timer or wait for I/O is left.
    ///
    /// A task that waits for what never comes makes it run for ever.
    ///
    /// # Panics
    /// On a thread that is running tasks already.
    pub fn run_until_idle(&self) {
        refuse_nesting();
        self.worker.run_until_idle();
    }

    /// Starts a task. Neither its body nor its result need be `Send`.
    pub fn spawn<T: 'static>(&self, body: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
        task::spawn_on(self.local(), task::Builder::new(), body)
    }

    /// Runs a generator as a task, in the manner of Python 3.4: what it yields to the loop is a [`Trap`], a wish;
    /// the loop sends back when it is met.
    ///
    /// A wish that cannot be met is thrown into the generator as an [`io::Error`]. An exception that leaves the
    /// generator is the payload with which the task has panicked.
    ///
    /// # Examples
    /// ```
    /// use corro::{Co, EventLoop, Generator, event_loop::Trap};
    /// use std::time::Duration;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let handle = event_loop.spawn_generator(Generator::new(|co: &Co<Trap>| {
    ///     co.yield_(Trap::Sleep(Duration::from_millis(1)));
    ///     "rested"
    /// }));
    /// assert_eq!(event_loop.run(|| handle.join().unwrap()), "rested");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn spawn_generator<T: 'static>(&self, generator: Generator<Trap, (), T>) -> JoinHandle<T> {
        let watches = self.watches.clone();
        self.spawn(move || drive(generator, &watches))
    }

    /// Has `callback` called in the next pass.
    ///
    /// A callback runs on the loop's own stack: it must not wait. A panic in it goes to the
    /// [unraisable hook](crate::generator::set_unraisable_hook).
    pub fn call_soon(&self, callback: impl FnOnce() + 'static) -> TimerHandle {
        let callback = Callback::new(callback);
        self.local().push(Ready::Call(callback.clone()));
        TimerHandle { callback, timer: None, worker: Rc::downgrade(&self.worker) }
    }

    /// Has `callback` called after `delay`.
    pub fn call_later(&self, delay: Duration, callback: impl FnOnce() + 'static) -> TimerHandle {
        let driver = &self.worker.driver;
        let delay = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        self.call_at_ns(driver.now().saturating_add(delay), callback)
    }

    /// Has `callback` called at `deadline`, or in the next pass if that is past.
    pub fn call_at(&self, deadline: Instant, callback: impl FnOnce() + 'static) -> TimerHandle {
        self.call_at_ns(self.worker.driver.ns(deadline), callback)
    }

    fn call_at_ns(&self, deadline: u64, callback: impl FnOnce() + 'static) -> TimerHandle {
        let callback = Callback::new(callback);
        let due = callback.clone();
        let target = Target::Call(Box::new(move || make_ready(due)));
        let timer = Some(self.worker.driver.timers.borrow_mut().add(deadline, target));
        TimerHandle { callback, timer, worker: Rc::downgrade(&self.worker) }
    }

    /// Has `callback` called once when `fd` is readable, or with the error why it cannot be waited for.
    ///
    /// The descriptor must stay open until then. Python's `add_reader`, for one time.
    #[doc(alias = "add_reader")]
    pub fn call_readable(&self, fd: impl AsFd, callback: impl FnOnce(io::Result<()>) + 'static) {
        self.call_when(fd.as_fd().as_raw_fd(), Direction::Read, callback);
    }

    /// Has `callback` called once when `fd` is writable; as [`call_readable`](Self::call_readable).
    #[doc(alias = "add_writer")]
    pub fn call_writable(&self, fd: impl AsFd, callback: impl FnOnce(io::Result<()>) + 'static) {
        self.call_when(fd.as_fd().as_raw_fd(), Direction::Write, callback);
    }

    fn call_when(&self, fd: RawFd, direction: Direction, callback: impl FnOnce(io::Result<()>) + 'static) {
        let worker = Rc::downgrade(&self.worker);
        let then = Box::new(move |result| {
            if let Some(worker) = worker.upgrade() {
                worker.local.push(Ready::Call(Callback::new(move || callback(result))));
            }
        });
        self.worker.driver.call_when(fd, direction, then);
    }

    fn local(&self) -> &Local {
        &self.worker.local
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        self.worker.wind_up();
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop").field("tasks", &self.local().live()).finish_non_exhaustive()
    }
}

fn refuse_nesting() {
    assert!(
        task::local().is_none(),
        "`run` was called on a thread that is already running tasks: use `corro::spawn` and `join` there, or run the \
         other loop on a thread of its own"
    );
}

/// Puts a callback whose time has come into the ready ring of the worker that found that out.
fn make_ready(callback: Rc<Callback>) {
    if let Some(local) = task::local() {
        local.push(Ready::Call(callback));
    }
}

/// A callback that was asked for. Dropping this does not cancel it.
pub struct TimerHandle {
    callback: Rc<Callback>,
    timer: Option<TimerKey>,
    worker: Weak<Worker>,
}

impl TimerHandle {
    /// Takes the callback back, if it has not begun. It is dropped.
    pub fn cancel(&self) {
        if let (Some(timer), Some(worker)) = (self.timer, self.worker.upgrade()) {
            let target = worker.driver.timers.borrow_mut().cancel(timer);
            drop(target);
        }
        drop(self.callback.take());
    }
}

impl fmt::Debug for TimerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerHandle").finish_non_exhaustive()
    }
}

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
fn drive<T>(mut generator: Generator<Trap, (), T>, watches: &Watches) -> T {
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
struct Watches(RefCell<HashMap<task::Id, Rc<Watch>>>);

struct Watch {
    queue: WaitQueue,
    ended: Cell<bool>,
}

impl Watches {
    fn wait(&self, id: task::Id) -> io::Result<()> {
        if task::running().is_some_and(|task| task.id() == id) {
            return Err(io::Error::other("a task cannot join itself"));
        }
        let Some(task) = task::local().and_then(|local| local.find(id)) else { return Ok(()) };
        task.watched.set(true);
        let watch = {
            let mut watches = self.0.borrow_mut();
            let new = || Rc::new(Watch { queue: WaitQueue::new(), ended: Cell::new(false) });
            watches.entry(id).or_insert_with(new).clone()
        };
        watch.queue.wait(|| watch.ended.get());
        Ok(())
    }

    fn end(&self, id: task::Id) {
        let watch = self.0.borrow_mut().remove(&id);
        if let Some(watch) = watch {
            watch.ended.set(true);
            watch.queue.wake_all_with(|_| ());
        }
    }
}
