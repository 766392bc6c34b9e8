//! All cores: N workers, each with its own driver, that steal new tasks from one another.
//!
//! Only closures that have not started move. A task that has started stays on its thread, so an `Rc`, a guard or a
//! borrow of a thread-local may live across a wait.
//!
//! ```text
//!  Runtime::spawn ─► injector ─┐
//!  spawn in a task ─► own deque ─► started: stays ─► ready ring of that worker
//!                        └────────► stolen by another worker, and started there
//! ```

mod courtesy;
mod ending;
mod idle;
mod metrics;
mod os_thread;
mod pulse;
mod seat;
mod watch;

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{RefUnwindSafe, UnwindSafe, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*, fence};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_deque::{Injector, Stealer, Worker as Deque};

use self::ending::Ending;
pub use self::ending::ShutdownError;
use self::idle::Idle;
use self::metrics::Counters;
pub use self::metrics::Metrics;
use self::pulse::Pulse;
use self::seat::Seat;
use crate::coroutine;
use crate::driver::Parts;
use crate::driver::blocking::{self, Pool};
use crate::task::{self, Home, JoinError, JoinHandle, TaskRef, Word};
use crate::worker::Settings;

/// A scheduler on several threads, which steal work from one another.
///
/// Dropping it cancels the tasks that are left and waits until they have unwound; see [`shutdown`](Runtime::shutdown). A
/// task of another scheduler that drops it parks meanwhile; one that is cancelled does not wait.
///
/// # Examples
/// ```
/// use corro::Runtime;
///
/// let runtime = Runtime::new()?;
/// let sum = runtime.run(|| {
///     let handles: Vec<_> = (0..100_u64).map(|n| corro::spawn(move || n * n)).collect();
///     handles.into_iter().map(|handle| handle.join().unwrap()).sum::<u64>()
/// });
/// assert_eq!(sum, 328_350);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Runtime {
    shared: Arc<Shared>,
    stack_size: usize,
    threads: Vec<thread::JoinHandle<()>>,
    /// Set when the end has begun elsewhere.
    ended: bool,
}

/// What the threads share.
struct Shared {
    seats: Vec<Place>,
    injector: Injector<Word>,
    idle: Idle,
    ending: Ending,
    pool: Arc<Pool>,
    /// Where the next task goes that is to be spread.
    next: AtomicUsize,
}

/// A worker as the others see it.
struct Place {
    home: &'static Home,
    stealer: Stealer<Word>,
    counters: Counters,
    pulse: Pulse,
}

impl Shared {
    /// Hands in new work from outside.
    fn inject(&self, task: TaskRef) {
        self.injector.push(Word::task(task));
        // The look at the sleepers does not come before the push.
        fence(SeqCst);
        if self.idle.is_hungry() {
            self.wake_one();
        }
    }

    /// Gives a new task to the next worker in turn, which starts it and keeps it.
    fn spread(&self, task: TaskRef) {
        let next = self.next.fetch_add(1, Relaxed) % self.seats.len();
        self.seats[next].home.send(task);
    }

    #[cold]
    fn wake_one(&self) {
        if let Some(worker) = self.idle.pick() {
            self.seats[worker].home.notify();
        }
    }

    fn wake_all(&self) {
        self.seats.iter().for_each(|seat| seat.home.notify());
    }

    fn has_new_work(&self) -> bool {
        !self.injector.is_empty() || self.seats.iter().any(|seat| !seat.stealer.is_empty())
    }
}

/// How a [`Runtime`] is made.
///
/// # Examples
/// ```
/// let runtime = corro::runtime::Builder::new().workers(2).thread_name("crew").build()?;
/// let name = runtime.run(|| std::thread::current().name().map(str::to_owned));
/// assert!(name.unwrap().starts_with("crew-"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    workers: Option<usize>,
    stack_size: usize,
    thread_name: String,
    blocking_threads: usize,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder {
            workers: None,
            stack_size: coroutine::DEFAULT_STACK_SIZE,
            thread_name: "corro-worker".into(),
            blocking_threads: blocking::MAX_THREADS,
        }
    }
}

impl Builder {
    /// A builder with the defaults.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Sets how many workers there are, at least 1; by default one for each core that the process may use.
    pub fn workers(mut self, workers: usize) -> Builder {
        self.workers = Some(workers.max(1));
        self
    }

    /// Sets the stack size of tasks that ask for none, in bytes, rounded up to pages; at least 16 KiB, by default 256 KiB.
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.stack_size = coroutine::round_size(bytes);
        self
    }

    /// Sets what the threads are called; a number is added. By default `corro-worker`.
    pub fn thread_name(mut self, name: impl Into<String>) -> Builder {
        self.thread_name = name.into();
        self
    }

    /// Sets how many threads [`unblock`](crate::unblock) and what else would block use at most; at least 1, by default
    /// 512.
    pub fn blocking_threads(mut self, threads: usize) -> Builder {
        self.blocking_threads = threads.max(1);
        self
    }

    /// Makes the runtime and starts its threads.
    ///
    /// # Errors
    /// When the process or the system is out of descriptors or threads, and `InvalidInput` for a thread name with a zero
    /// byte in it.
    pub fn build(self) -> io::Result<Runtime> {
        if self.thread_name.contains('\0') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the name of a thread cannot contain a zero byte"));
        }
        let workers = self.workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZeroUsize::get));
        let parts: Vec<Parts> = (0..workers).map(|_| Parts::new()).collect::<io::Result<_>>()?;
        let deques: Vec<Deque<Word>> = (0..workers).map(|_| Deque::new_lifo()).collect();
        let place = |(parts, deque): (&Parts, &Deque<Word>)| {
            let notifier = parts.notifier();
            let home = Home::open(Box::new(move || notifier.notify()));
            Place { home, stealer: deque.stealer(), counters: Counters::default(), pulse: Pulse::new(parts.outlook()) }
        };
        let shared = Arc::new(Shared {
            seats: parts.iter().zip(&deques).map(place).collect(),
            injector: Injector::new(),
            idle: Idle::new(workers),
            ending: Ending::default(),
            pool: Arc::new(Pool::new(self.blocking_threads)),
            next: AtomicUsize::new(0),
        });
        let mut runtime = Runtime { shared, stack_size: self.stack_size, threads: Vec::new(), ended: false };
        for (index, (parts, deque)) in parts.into_iter().zip(deques).enumerate() {
            match self.start(&runtime.shared, index, parts, deque) {
                Ok(thread) => runtime.threads.push(thread),
                Err(error) => {
                    runtime.shared.ending.abandon(workers - index);
                    runtime.end();
                    // Those that never had a worker. No thread is left that looks at them.
                    runtime.shared.seats[index..].iter().for_each(|seat| seat.home.close());
                    return Err(error);
                }
            }
        }
        Ok(runtime)
    }

    fn start(
        &self,
        shared: &Arc<Shared>,
        index: usize,
        parts: Parts,
        deque: Deque<Word>,
    ) -> io::Result<thread::JoinHandle<()>> {
        let settings = Settings::plain(self.stack_size, self.blocking_threads);
        let shared = shared.clone();
        let serve = move || {
            let _gone = Gone(shared.clone());
            Seat::new(shared, index, parts, deque, settings).serve();
        };
        thread::Builder::new().name(format!("{}-{index}", self.thread_name)).spawn(serve)
    }
}

/// Tells that a thread has left, however it did.
struct Gone(Arc<Shared>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.ending.thread_is_gone();
    }
}

impl Runtime {
    /// A runtime with a worker for each core.
    ///
    /// # Errors
    /// When the process or the system is out of descriptors or threads.
    pub fn new() -> io::Result<Runtime> {
        Builder::new().build()
    }

    /// The settings of a runtime to be made.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Runs `main` as a task on a worker, waits for it, and returns what it returns.
    ///
    /// `main` may borrow. Other tasks go on after it.
    ///
    /// # Panics
    /// When `main` panics; on a thread that is running tasks already.
    pub fn run<T: Send>(&self, main: impl FnOnce() -> T + Send) -> T {
        task::refuse_nesting();
        // SAFETY: the handle is joined here, on a plain thread, where a join waits for the end whatever happens; so what
        // `main` borrows is there until the task has ended.
        let (task, handle) = unsafe { task::detached(self.stack_size, task::Builder::new().name("main"), main) };
        self.shared.inject(task);
        match handle.join() {
            Ok(value) => value,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(error) => no_result(&error),
        }
    }

    /// Starts a task. In a task of this runtime as [`corro::spawn`](crate::spawn); elsewhere it is handed in.
    pub fn spawn<T: Send + 'static>(&self, body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        if let Some(local) = task::local()
            && self.shared.seats.iter().any(|seat| std::ptr::eq(seat.home, local.home))
        {
            return task::spawn(body);
        }
        // SAFETY: nothing is borrowed.
        let (task, handle) = unsafe { task::detached(self.stack_size, task::Builder::new(), body) };
        self.shared.inject(task);
        handle
    }

    /// What the workers have done so far.
    pub fn metrics(&self) -> Metrics {
        Metrics::of(&self.shared)
    }

    /// Cancels all tasks and waits until they have unwound, at most for `timeout`. In a task of another scheduler, which
    /// parks meanwhile, a cancellation point.
    ///
    /// # Errors
    /// When tasks are left after that time. Their threads go on, detached, and their stacks are never freed.
    ///
    /// # Panics
    /// In a task of this runtime, which would have to wait for itself.
    ///
    /// # Examples
    /// ```
    /// use corro::Runtime;
    /// use std::time::Duration;
    ///
    /// let runtime = Runtime::new()?;
    /// runtime.spawn(|| corro::sleep(Duration::from_secs(3600)));
    /// assert!(runtime.shutdown(Duration::from_secs(10)).is_ok());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown(mut self, timeout: Duration) -> Result<(), ShutdownError> {
        assert!(!self.is_own_thread(), "`shutdown` was called in a task of the runtime itself: drop it there instead");
        task::checkpoint();
        self.begin_end();
        let threads = self.shared.seats.len();
        if self.shared.ending.wait_until(threads, Instant::now().checked_add(timeout)) {
            self.join_threads();
            return Ok(());
        }
        task::checkpoint();
        Err(self.shared.ending.error(threads))
    }

    fn begin_end(&mut self) {
        self.ended = true;
        self.shared.ending.begin();
        self.shared.wake_all();
    }

    /// Ends it. Waits, unless this is one of its own tasks, or one that is being cancelled.
    fn end(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            self.begin_end();
            if !self.is_own_thread() && self.shared.ending.wait(self.shared.seats.len()) {
                self.join_threads();
            }
        }
    }

    /// Waits for threads that have served: what is left are the destructors of their thread-locals.
    fn join_threads(&mut self) {
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }

    /// Whether this is a worker, also one that runs an event loop in a task, or a thread that runs a closure for one.
    fn is_own_thread(&self) -> bool {
        let own = thread::current().id();
        self.threads.iter().any(|thread| thread.thread().id() == own) || self.shared.pool.is_own_thread()
    }
}

// Its state is as sound after a panic as before: tasks catch theirs.
impl UnwindSafe for Runtime {}
impl RefUnwindSafe for Runtime {}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("workers", &self.shared.seats.len()).finish_non_exhaustive()
    }
}

#[cold]
fn no_result(error: &JoinError) -> ! {
    panic!("the main task gave no result: {error}")
}
