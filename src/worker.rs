//! One thread's worth of scheduler: it runs what is ready, then looks at what came in.
//!
//! ```text
//!  a pass:  inbox ─► the batch that is ready now ─► I/O (polled only if somebody waits for it) ─► due timers
//!  asleep:  nothing ready: one wait, until the next deadline
//! ```
//!
//! [`EventLoop`](crate::EventLoop) is one worker with a FIFO.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::driver::{self, Driver, Timers};
use crate::generator::{self, Unraisable};
use crate::task::{self, Callback, Fibers, Home, JoinError, Local, Ready, TaskRef};

pub(crate) struct Worker {
    pub(crate) local: Local,
    pub(crate) driver: Driver,
    fibers: Fibers,
    /// Told the id of a task that has ended, if it was `watched`.
    on_end: Box<dyn Fn(&TaskRef)>,
}

impl Worker {
    /// # Errors
    /// When the process or the system is out of descriptors.
    pub(crate) fn new(stack_size: usize, on_end: Box<dyn Fn(&TaskRef)>) -> io::Result<Worker> {
        let driver = Driver::new()?;
        let notifier = driver.notifier();
        let local = Local::new(Home::open(Box::new(move || notifier.notify())), stack_size);
        Ok(Worker { local, driver, fibers: Fibers::new(), on_end })
    }

    /// Makes this the worker of the thread until the result is dropped.
    fn enter(&self) -> Entered<'_> {
        Entered { _task: task::enter(&self.local), _driver: driver::enter(&self.driver) }
    }

    /// Runs `main` as a task, and passes until it has ended.
    pub(crate) fn run<T>(&self, main: impl FnOnce() -> T) -> Result<T, JoinError> {
        let _entered = self.enter();
        let stuck = AbortOnUnwind;
        // SAFETY: this returns only after the task has ended, and so has used up what `main` borrows, and its handle
        // is joined here. It is left neither by an unwind, which aborts, nor by a suspension: code that runs on the
        // worker's stack is in no coroutine (see `task::enter`), and a task can suspend itself only.
        let handle = unsafe { task::spawn_unchecked(&self.local, task::Builder::new().name("main"), main) };
        self.run_to_end(handle.task());
        std::mem::forget(stuck);
        handle.join()
    }

    /// Passes until `main` has ended. Apart from `run`, which is compiled where it is called.
    fn run_to_end(&self, main: &TaskRef) {
        while !main.is_done() {
            self.pass(|| main.is_done());
        }
    }

    /// Passes until no task, timer or wait for I/O is left.
    pub(crate) fn run_until_idle(&self) {
        let _entered = self.enter();
        let stuck = AbortOnUnwind;
        while !self.is_idle() {
            self.pass(|| self.is_idle());
        }
        std::mem::forget(stuck);
    }

    /// One pass. It ends in sleep if nothing is ready, unless the pass has brought what the caller waits for.
    #[inline(always)]
    fn pass(&self, is_over: impl FnOnce() -> bool) {
        if self.local.home.has_mail() {
            self.local.take_mail();
        }
        for _ in 0..self.local.ready_len() {
            match self.local.pop() {
                Some(Ready::Task(task)) => self.step(task),
                Some(Ready::Call(callback)) => call(&callback),
                None => break,
            }
        }
        self.turn(is_over);
    }

    #[inline(always)]
    fn step(&self, task: TaskRef) {
        if let Some(ended) = self.fibers.run(&self.local, task) {
            self.bury(ended);
        }
    }

    #[inline(never)]
    fn bury(&self, ended: TaskRef) {
        if ended.watched.get() {
            (self.on_end)(&ended);
        }
        task::let_go(ended);
    }

    /// Lets the driver have its turn.
    #[inline(always)]
    fn turn(&self, is_over: impl FnOnce() -> bool) {
        if self.local.ready_len() > 0 || is_over() {
            if self.driver.io_waiters() > 0 {
                self.poll(Some(Duration::ZERO));
            }
        } else if self.has_hope() && self.local.home.begin_sleep() {
            self.sleep();
            self.local.home.end_sleep();
        }
        self.fire_timers();
    }

    /// Whether anything can still become ready by itself or from outside.
    fn has_hope(&self) -> bool {
        self.local.live() > 0 || !self.is_idle()
    }

    /// Whether no task, timer or wait for I/O is left.
    fn is_idle(&self) -> bool {
        self.local.live() == 0
            && self.local.ready_len() == 0
            && self.driver.io_waiters() == 0
            && self.driver.timers.borrow().len() == 0
            && !self.local.home.has_mail()
    }

    #[cold]
    fn sleep(&self) {
        let deadline = self.driver.timers.borrow_mut().next_deadline();
        let timeout = deadline.map(|deadline| Duration::from_nanos(deadline.saturating_sub(self.driver.now())));
        if timeout != Some(Duration::ZERO) || self.driver.io_waiters() > 0 {
            self.poll(timeout);
        }
    }

    /// Cancels all tasks and runs them until they have unwound; what was to be called is dropped.
    pub(crate) fn wind_up(&self) {
        let _entered = self.enter();
        let stuck = AbortOnUnwind;
        self.local.close();
        while !self.is_wound_up() {
            for callback in self.local.take_callbacks() {
                drop_callback(|| drop(callback.take()));
            }
            self.pass(|| self.local.live() == 0);
        }
        std::mem::forget(stuck);
    }

    /// Whether there is nothing left to unwind or to drop. Timers are dropped when no task is left that could own one.
    fn is_wound_up(&self) -> bool {
        if self.local.live() > 0 || self.local.ready_len() > 0 || self.local.home.has_mail() {
            return false;
        }
        let timers = self.driver.timers.replace(Timers::new());
        let was_empty = timers.len() == 0;
        drop_callback(|| drop(timers));
        was_empty
    }

    fn poll(&self, timeout: Option<Duration>) {
        if let Err(error) = self.driver.poll(timeout) {
            generator::abort(&format!("waiting for I/O failed: {error}"));
        }
    }

    #[inline(always)]
    fn fire_timers(&self) {
        if self.driver.timers.borrow().len() > 0 {
            self.fire_due();
        }
    }

    #[inline(never)]
    fn fire_due(&self) {
        let now = self.driver.now();
        loop {
            let due = self.driver.timers.borrow_mut().pop_due(now);
            match due {
                Some(target) => target.fire(),
                None => break,
            }
        }
    }
}

/// A worker must not unwind: its tasks may borrow from its caller.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        generator::abort("the event loop panicked, which is a bug in corro");
    }
}

/// See [`Worker::enter`].
struct Entered<'a> {
    _task: task::Entered<'a>,
    _driver: driver::Entered<'a>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A home with a task that has not ended must not serve another worker: it is leaked.
        if self.local.live() == 0 {
            self.local.home.close();
        } else {
            debug_assert!(false, "a worker must unwind its tasks before it ends");
        }
    }
}

/// Runs a callback on the worker's own stack.
fn call(callback: &Callback) {
    if let Some(callback) = callback.take() {
        report_panic("a callback of the event loop", callback);
    }
}

/// Drops what was to be called; `f` does the dropping.
fn drop_callback(f: impl FnOnce()) {
    report_panic("a callback that was dropped with its event loop", f);
}

fn report_panic(origin: &'static str, f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        generator::report(Unraisable::panic(origin, payload));
    }
}
