//! One thread, round-robin: the scheduler that Python's `asyncio` has, for tasks that block in plain functions.
//!
//! A task that is spawned, woken or gives way goes to the tail of one queue. A *pass* runs what was ready when it
//! began, in order; then I/O is polled, then due timers are looked at, and what they make ready goes to the tail.

mod handle;
mod trap;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::panic::{catch_unwind, resume_unwind};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

pub use self::handle::Handle;
pub use self::trap::Trap;
use self::trap::{Watches, drive};
use crate::coroutine;
use crate::driver::{Direction, NEVER, Target, TimerKey, blocking};
use crate::generator::Generator;
use crate::task::{self, Callback, JoinHandle, Local, Ready};
use crate::worker::{Deadlock, Settings, Worker};

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
    task::refuse_nesting();
    let event_loop = EventLoop::new().unwrap_or_else(|error| panic!("an event loop could not be made: {error}"));
    let outcome = event_loop.run_caught(main);
    // The tasks that are left unwind first, while this thread does not.
    drop(event_loop);
    outcome.unwrap_or_else(|payload| resume_unwind(payload))
}

/// How an [`EventLoop`] is made.
///
/// # Examples
/// A day passes in a moment, since nobody has anything to do meanwhile.
/// ```
/// use corro::EventLoop;
/// use std::time::Duration;
///
/// let event_loop = EventLoop::builder().virtual_time(true).build()?;
/// event_loop.run(|| corro::sleep(Duration::from_secs(24 * 60 * 60)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    settings: Settings,
}

impl Builder {
    /// Sets the stack size of tasks that ask for none, in bytes, rounded up to pages; at least 16 KiB.
    ///
    /// The default is 256 KiB. Only pages that are touched cost memory.
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.settings.stack_size = coroutine::round_size(bytes);
        self
    }

    /// Sets how many threads [`unblock`](crate::unblock) and what else would block use at most; at least 1, by default
    /// 512.
    ///
    /// A thread is made when no other is idle, and leaves when it was idle for ten seconds.
    pub fn blocking_threads(mut self, threads: usize) -> Builder {
        self.settings.blocking_threads = threads.max(1);
        self
    }

    /// Sets whether the loop has a clock of its own, which jumps to the next deadline when every task waits.
    ///
    /// It does not jump while a task waits for something outside of the program: a descriptor, or
    /// [`unblock`](crate::unblock). When every task waits, and no timer and no [`Handle`] is left that could wake one,
    /// `run` cancels `main` and panics with a list of the tasks and what they wait for. So keep a `Handle` while another
    /// thread is to wake a task by other means. (As trio's `autojump_clock`.)
    pub fn virtual_time(mut self, virtual_time: bool) -> Builder {
        self.settings.virtual_time = virtual_time;
        self
    }

    /// Has each pass run in an order that is drawn at random, the same for the same seed, to find code that relies on
    /// an order.
    pub fn seed(mut self, seed: u64) -> Builder {
        self.settings.seed = Some(seed);
        self
    }

    /// Has a line written to the standard error whenever a task or callback runs for so long without giving way.
    ///
    /// It is measured by the real clock. (As `loop.slow_callback_duration` in Python's debug mode.)
    #[doc(alias = "slow_callback_duration")]
    pub fn slow_task_warning(mut self, limit: Duration) -> Builder {
        self.settings.slow = Some(limit);
        self
    }

    /// Makes the loop.
    ///
    /// # Errors
    /// When the process or the system is out of descriptors.
    pub fn build(self) -> io::Result<EventLoop> {
        let watches = Rc::new(Watches::default());
        let told = watches.clone();
        let worker = Worker::new(self.settings, Box::new(move |task| told.end(task.id())))?;
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
        Builder { settings: Settings::plain(coroutine::DEFAULT_STACK_SIZE, blocking::MAX_THREADS) }
    }

    /// Runs `main` as a task, and returns what it returns at the end of the pass in which it ended.
    ///
    /// `main` may borrow. Other tasks stay for the next run.
    ///
    /// # Panics
    /// When `main` panics; on a thread that is running tasks already; in a deadlock with
    /// [virtual time](Builder::virtual_time), after `main` was cancelled.
    #[doc(alias = "run_until_complete")]
    pub fn run<T>(&self, main: impl FnOnce() -> T) -> T {
        self.run_caught(main).unwrap_or_else(|payload| resume_unwind(payload))
    }

    /// As [`run`](Self::run); a panic of `main` is returned.
    fn run_caught<T>(&self, main: impl FnOnce() -> T) -> std::thread::Result<T> {
        task::refuse_nesting();
        match self.worker.run(main) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) if error.is_panic() => Err(error.into_panic()),
            Ok(Err(error)) => panic!("the main task gave no result: {error}"),
            Err(deadlock) => catch_unwind(|| tell(deadlock)),
        }
    }

    /// Runs until no task, timer or wait for I/O is left.
    ///
    /// A task that waits for what never comes makes it run for ever.
    ///
    /// # Panics
    /// On a thread that is running tasks already; in a deadlock with [virtual time](Builder::virtual_time).
    pub fn run_until_idle(&self) {
        task::refuse_nesting();
        self.worker.run_until_idle().unwrap_or_else(|deadlock| tell(deadlock));
    }

    /// What other threads reach this loop by.
    pub fn handle(&self) -> Handle {
        Handle::new(self.local().gate())
    }

    /// Starts a task. Neither its body nor its result need be `Send`.
    pub fn spawn<T: 'static>(&self, body: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
        task::spawn_here(self.local(), task::Builder::new(), body)
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

    /// Has `callback` called after `delay`; never, if no clock can tell that time.
    pub fn call_later(&self, delay: Duration, callback: impl FnOnce() + 'static) -> TimerHandle {
        self.call_at_ns(self.worker.driver.after(delay), callback)
    }

    /// Has `callback` called at `deadline`, or in the next pass if that is past.
    pub fn call_at(&self, deadline: Instant, callback: impl FnOnce() + 'static) -> TimerHandle {
        self.call_at_ns(self.worker.driver.ns(deadline), callback)
    }

    fn call_at_ns(&self, deadline: u64, callback: impl FnOnce() + 'static) -> TimerHandle {
        let callback = Callback::new(callback);
        let add = || self.worker.driver.timers.borrow_mut().add(deadline, Target::Call(callback.clone()));
        let timer = (deadline != NEVER).then(add);
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

fn tell(deadlock: Deadlock) -> ! {
    panic!(
        "deadlock: every task waits, and nothing is left that could wake one (if another thread is to, keep a `Handle` \
         of the loop until it has):{}",
        deadlock.tasks
    )
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
