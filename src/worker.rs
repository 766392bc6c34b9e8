//! One thread's worth of scheduler: it runs what is ready, then looks at what came in.
//!
//! ```text
//!  a pass:  inbox ─► the batch that is ready now ─► I/O (polled only if somebody waits for it) ─► due timers
//!  asleep:  nothing ready: one wait, until the next deadline
//! ```
//!
//! [`EventLoop`](crate::EventLoop) is one worker with a FIFO.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::driver::{self, Driver, Parts, Target};
use crate::generator::{self, Unraisable};
use crate::task::{self, Callback, Fibers, Home, JoinError, Local, NewWork, Ready, TaskRef};

pub(crate) struct Worker {
    pub(crate) local: Local,
    pub(crate) driver: Driver,
    fibers: Fibers,
    /// Told the id of a task that has ended, if it was `watched`.
    on_end: Box<dyn Fn(&TaskRef)>,
    /// What turns are run by, if it is not the plain way.
    odd: Option<Odd>,
    /// With virtual time: nothing is left that could wake a task.
    stuck: Cell<bool>,
    winding_up: Cell<bool>,
    /// A buffer for the timers that are due.
    due: Cell<Vec<Target>>,
}

/// What a worker is made with.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Of tasks that ask for none, in bytes.
    pub(crate) stack_size: usize,
    pub(crate) blocking_threads: usize,
    pub(crate) virtual_time: bool,
    /// Shuffles each pass.
    pub(crate) seed: Option<u64>,
    /// A turn that takes longer is told of.
    pub(crate) slow: Option<Duration>,
}

impl Settings {
    pub(crate) fn plain(stack_size: usize, blocking_threads: usize) -> Settings {
        Settings { stack_size, blocking_threads, virtual_time: false, seed: None, slow: None }
    }
}

/// Settings that make turns slower.
struct Odd {
    random: Option<RefCell<fastrand::Rng>>,
    slow: Option<Duration>,
}

/// The tasks of a worker with virtual time when nothing was left that could wake one, and what each waits for.
pub(crate) struct Deadlock {
    pub(crate) tasks: String,
    /// How often somebody was cancelled because of it.
    attempts: u32,
}

impl Worker {
    /// # Errors
    /// When the process or the system is out of descriptors.
    pub(crate) fn new(settings: Settings, on_end: Box<dyn Fn(&TaskRef)>) -> io::Result<Worker> {
        let driver = Driver::new(settings.blocking_threads)?;
        if settings.virtual_time {
            driver.set_virtual_time(driver.now());
        }
        let notifier = driver.notifier();
        let local =
            Local::new(Home::open(Box::new(move || notifier.notify())), settings.stack_size, None, settings.seed);
        Ok(Worker::of(&settings, local, driver, on_end))
    }

    /// A worker of a runtime.
    pub(crate) fn in_runtime(
        settings: Settings,
        parts: Parts,
        home: &'static Home,
        new_work: NewWork,
        on_end: Box<dyn Fn(&TaskRef)>,
    ) -> Worker {
        let local = Local::new(home, settings.stack_size, Some(new_work), settings.seed);
        Worker::of(&settings, local, Driver::of(parts, settings.blocking_threads), on_end)
    }

    fn of(settings: &Settings, local: Local, driver: Driver, on_end: Box<dyn Fn(&TaskRef)>) -> Worker {
        let is_odd = settings.seed.is_some() || settings.slow.is_some();
        let random = settings.seed.map(|seed| RefCell::new(fastrand::Rng::with_seed(seed)));
        let odd = is_odd.then_some(Odd { random, slow: settings.slow });
        Worker {
            local,
            driver,
            fibers: Fibers::new(),
            on_end,
            odd,
            stuck: Cell::new(false),
            winding_up: Cell::new(false),
            due: Cell::default(),
        }
    }

    /// Makes this the worker of the thread until the result is dropped.
    pub(crate) fn enter(&self) -> Entered<'_> {
        Entered { _task: task::enter(&self.local), _driver: driver::enter(&self.driver) }
    }

    /// Runs `main` as a task, and passes until it has ended. In a deadlock `main` is cancelled.
    pub(crate) fn run<T>(&self, main: impl FnOnce() -> T) -> Result<Result<T, JoinError>, Deadlock> {
        let _entered = self.enter();
        let guard = AbortOnUnwind;
        // SAFETY: this returns only after the task has ended, and so has used up what `main` borrows, and its handle
        // is joined here. It is left neither by an unwind, which aborts, nor by a suspension: code that runs on the
        // worker's stack is in no coroutine (see `task::enter`), and a task can suspend itself only.
        let handle = unsafe { task::spawn_here_unchecked(&self.local, task::Builder::new().name("main"), None, main) };
        let ended = self.run_to_end(handle.task());
        std::mem::forget(guard);
        let result = handle.join();
        ended.map(|()| result)
    }

    /// Passes until `main` has ended. Apart from `run`, which is compiled where it is called.
    fn run_to_end(&self, main: &TaskRef) -> Result<(), Deadlock> {
        let mut ended = Ok(());
        while !main.is_done() {
            self.pass(|| main.is_done());
            if self.stuck.take() {
                ended = Err(self.resolve(main, ended.err()));
            }
        }
        ended
    }

    /// `main` may borrow from the caller, so it must end before the caller is told of a deadlock. It is cancelled; if that
    /// comes to a deadlock again, past all shields; then, if it waits for others, they are too.
    #[cold]
    fn resolve(&self, main: &TaskRef, before: Option<Deadlock>) -> Deadlock {
        match before {
            None => {
                let deadlock = Deadlock { tasks: self.local.report(), attempts: 1 };
                task::cancel(main);
                deadlock
            }
            Some(Deadlock { tasks, attempts: 1 }) => {
                task::force(main);
                Deadlock { tasks, attempts: 2 }
            }
            Some(Deadlock { tasks, attempts: 2 }) => {
                self.local.force();
                Deadlock { tasks, attempts: 3 }
            }
            Some(Deadlock { tasks, .. }) => {
                generator::abort(&format!("a deadlock, and `main` cannot be ended:{tasks}"));
            }
        }
    }

    /// Passes until no task, timer or wait for I/O is left.
    pub(crate) fn run_until_idle(&self) -> Result<(), Deadlock> {
        let _entered = self.enter();
        let guard = AbortOnUnwind;
        let mut ended = Ok(());
        while ended.is_ok() && !self.is_idle() {
            self.pass(|| self.is_idle());
            if self.stuck.take() {
                ended = Err(Deadlock { tasks: self.local.report(), attempts: 0 });
            }
        }
        std::mem::forget(guard);
        ended
    }

    /// Takes the inbox, and runs what is ready then, at most `limit` turns. Returns how many it were.
    #[inline(always)]
    pub(crate) fn run_ready(&self, limit: usize) -> usize {
        if self.local.home.has_mail() {
            self.local.take_mail();
        }
        let turns = self.local.ready_len().min(limit);
        self.run_batch(turns);
        turns
    }

    /// Sees what I/O and timers have brought.
    pub(crate) fn look(&self) {
        if self.driver.io_waiters() > 0 {
            self.poll_at_once();
        }
        self.fire_timers();
    }

    /// One pass. It ends in sleep if nothing is ready, unless the pass has brought what the caller waits for.
    #[inline(always)]
    fn pass(&self, is_over: impl FnOnce() -> bool) {
        if self.local.home.has_mail() {
            self.local.take_mail();
        }
        match &self.odd {
            None => self.run_batch(self.local.ready_len()),
            Some(odd) => self.run_odd_batch(odd),
        }
        self.turn(is_over);
    }

    #[inline(always)]
    fn run_batch(&self, turns: usize) {
        for _ in 0..turns {
            match self.local.pop() {
                Some(Ready::Task(task)) => self.step(task),
                Some(Ready::Call(callback)) => call(&callback),
                None => break,
            }
        }
    }

    #[cold]
    fn run_odd_batch(&self, odd: &Odd) {
        let count = self.local.ready_len();
        if let Some(random) = &odd.random {
            self.local.shuffle(count, |limit| random.borrow_mut().usize(..limit));
        }
        for _ in 0..count {
            let Some(ready) = self.local.pop() else { break };
            let before = odd.slow.map(|slow| (slow, Instant::now(), Who::of(&ready)));
            match ready {
                Ready::Task(task) => self.step(task),
                Ready::Call(callback) => call(&callback),
            }
            if let Some((slow, start, who)) = before {
                who.warn_if_slow(start.elapsed(), slow);
            }
        }
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
                self.poll_at_once();
            }
        } else if self.has_hope() && !self.await_mail() {
            self.sleep();
        }
        self.fire_timers();
    }

    /// Sleeps until something comes or a timer is due, unless there is mail. Whether it slept.
    pub(crate) fn sleep(&self) -> bool {
        let sleeps = self.local.home.begin_sleep();
        if sleeps {
            self.sleep_until_woken();
            self.local.home.end_sleep();
        }
        self.local.expect_mail(self.local.home.has_mail());
        sleeps
    }

    /// Whether there is mail, or some comes at once. Falling asleep and being woken takes longer than the answer of a task
    /// that runs on another core; so if mail ended the last wait, this one begins with a look for it.
    pub(crate) fn await_mail(&self) -> bool {
        let home = self.local.home;
        home.has_mail() || (self.local.expects_mail() && task::spin_until(|| home.has_mail()))
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

    /// Waits for I/O, the bell or the next deadline; the home is asleep.
    #[cold]
    pub(crate) fn sleep_until_woken(&self) {
        let deadline = self.driver.timers.borrow_mut().next_deadline();
        if self.driver.is_virtual() {
            return self.jump(deadline);
        }
        let timeout = deadline.map(|deadline| Duration::from_nanos(deadline.saturating_sub(self.driver.now())));
        if timeout != Some(Duration::ZERO) || self.driver.io_waiters() > 0 {
            self.poll(timeout);
        }
    }

    /// Virtual time: goes on at the next deadline.
    fn jump(&self, deadline: Option<u64>) {
        match deadline {
            Some(deadline) if deadline <= self.driver.now() => {}
            // The clock stands while something outside is awaited.
            _ if self.driver.external_waiters() > 0 => _ = self.poll(None),
            Some(deadline) => self.driver.set_virtual_time(deadline),
            None if self.winding_up.get() || self.local.may_be_woken() => _ = self.poll(None),
            None => self.stuck.set(true),
        }
    }

    /// Cancels all tasks and runs them until they have unwound; what was to be called is dropped.
    pub(crate) fn wind_up(&self) {
        let _entered = self.enter();
        let guard = AbortOnUnwind;
        self.winding_up.set(true);
        self.local.close();
        while !self.is_wound_up() {
            // Nothing is sent any more, so all calls are among these.
            self.local.take_mail();
            for callback in self.local.take_callbacks() {
                drop_callback(|| drop(callback.take()));
            }
            self.pass(|| self.local.live() == 0);
        }
        std::mem::forget(guard);
    }

    /// Whether there is nothing left to unwind or to drop. Timers and waits of callbacks are dropped when no task is left
    /// that could own one.
    fn is_wound_up(&self) -> bool {
        if self.local.live() > 0 || self.local.ready_len() > 0 || self.local.home.has_mail() {
            return false;
        }
        let timers = self.driver.timers.borrow_mut().drain();
        let waits = self.driver.drain_calls();
        let was_empty = timers.is_empty() && waits.is_empty();
        drop_callback(|| drop(timers));
        drop_callback(|| drop(waits));
        was_empty
    }

    /// However many are ready, as many may become so by I/O.
    fn poll_at_once(&self) {
        let polls = 1 + self.local.ready_len() / driver::EVENTS;
        let _ = (0..polls).all(|_| self.poll(Some(Duration::ZERO)));
    }

    /// Whether there may be more.
    fn poll(&self, timeout: Option<Duration>) -> bool {
        let polled = self.driver.poll(timeout);
        polled.unwrap_or_else(|error| generator::abort(&format!("waiting for I/O failed: {error}")))
    }

    #[inline(always)]
    pub(crate) fn fire_timers(&self) {
        if self.driver.timers.borrow().len() > 0 {
            self.fire_due();
        }
    }

    #[inline(never)]
    fn fire_due(&self) {
        let now = self.driver.now();
        let mut due = self.due.take();
        while self.take_due(now, &mut due) {
            due.iter().for_each(Target::prefetch_stack);
            due.drain(..).for_each(Target::fire);
        }
        self.due.set(due);
    }

    /// Pops some of the timers that are due. Of many sleepers most are in no near cache, so they are fetched together.
    fn take_due(&self, now: u64, due: &mut Vec<Target>) -> bool {
        const TOGETHER: usize = 32;
        let mut timers = self.driver.timers.borrow_mut();
        due.extend(std::iter::from_fn(|| timers.pop_due(now)).take(TOGETHER).inspect(Target::prefetch));
        !due.is_empty()
    }
}

/// A worker must not unwind: its tasks may borrow from its caller.
pub(crate) struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        generator::abort("the scheduler panicked, which is a bug in corro");
    }
}

/// See [`Worker::enter`].
pub(crate) struct Entered<'a> {
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

/// Whose turn it is, to be told afterwards.
enum Who {
    Task(TaskRef),
    Callback,
}

impl Who {
    fn of(ready: &Ready) -> Who {
        match ready {
            Ready::Task(task) => Who::Task(task.clone()),
            Ready::Call(_) => Who::Callback,
        }
    }

    fn warn_if_slow(&self, took: Duration, slow: Duration) {
        if took < slow {
            return;
        }
        let who = match self {
            Who::Task(task) => task.describe(),
            Who::Callback => "a callback".to_owned(),
        };
        // Whoever closed the standard error does not want to know.
        let _ = writeln!(io::stderr(), "corro: {who} ran for {took:.1?} without giving way");
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
