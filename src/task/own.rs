//! The part of a worker that only its own thread sees: the ready ring, and the tasks that have not ended.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::*;

use fastrand::Rng;

use super::barrier;
use super::gate::Gate;
use super::header::{Header, Phase, TaskRef};
use super::home::Home;
use super::new_work::{NewWork, Word};
use super::ring::{Ready, Ring};

/// A callback, until it runs or is cancelled.
pub(crate) struct Callback(Cell<Option<Box<dyn FnOnce()>>>);

impl Callback {
    pub(crate) fn new(call: impl FnOnce() + 'static) -> Rc<Callback> {
        Rc::new(Callback(Cell::new(Some(Box::new(call)))))
    }

    /// Takes the closure out; once.
    pub(crate) fn take(&self) -> Option<Box<dyn FnOnce()>> {
        self.0.take()
    }
}

/// See [`Local::wait_abroad`].
pub(super) struct Abroad<'a>(&'a Cell<usize>);

impl Drop for Abroad<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Puts a callback whose time has come into the ready ring of the worker that found that out.
pub(crate) fn call_soon(callback: Rc<Callback>) {
    if let Some(local) = super::local() {
        local.push(Ready::Call(callback));
    }
}

/// The part of a worker that only its own thread sees.
pub(crate) struct Local {
    pub(crate) home: &'static Home,
    ready: Ring,
    /// First of the tasks that have not ended.
    first: Cell<*const Header>,
    live: Cell<usize>,
    /// The tasks that have not ended by their ids; made when somebody first asks for one.
    by_id: OnceCell<RefCell<HashMap<u64, *const Header>>>,
    stack_size: usize,
    gate: Arc<Gate>,
    /// Of a worker of a runtime.
    new_work: Option<Rc<NewWork>>,
    /// Tasks that wait for the end of a task that lives elsewhere.
    abroad: Cell<usize>,
    /// See [`barrier`].
    asymmetric: bool,
    /// The worker ends: every task is cancelled, those too that come yet.
    closing: Cell<bool>,
    random: RefCell<Rng>,
    /// The last wait of the worker was ended by another thread's mail, or the last wait of a task by another thread.
    expects_mail: Cell<bool>,
    /// Turns since the worker, of a runtime, last looked for what else has its turn.
    turns: Cell<usize>,
}

/// A turn that ended only because of its many operations counts as so many: they may all have been system calls.
const LONG_TURN: usize = 16;

impl Local {
    /// With a seed the choices that tasks leave to chance are the same each time.
    pub(crate) fn new(home: &'static Home, stack_size: usize, new_work: Option<NewWork>, seed: Option<u64>) -> Local {
        Local {
            home,
            ready: Ring::new(),
            first: Cell::new(ptr::null()),
            live: Cell::new(0),
            by_id: OnceCell::new(),
            stack_size,
            gate: Gate::new(home, stack_size),
            new_work: new_work.map(Rc::new),
            abroad: Cell::new(0),
            asymmetric: barrier::is_asymmetric(),
            closing: Cell::new(false),
            random: RefCell::new(seed.map_or_else(Rng::new, Rng::with_seed)),
            expects_mail: Cell::new(false),
            turns: Cell::new(0),
        }
    }

    /// Counts turns. Returns how many there were since they were last taken.
    #[inline]
    pub(crate) fn count_turns(&self, turns: usize) -> usize {
        let turns = self.turns.get() + turns;
        self.turns.set(turns);
        turns
    }

    pub(super) fn count_long_turn(&self) {
        self.count_turns(LONG_TURN - 1);
    }

    pub(crate) fn take_turns(&self) -> usize {
        self.turns.replace(0)
    }

    /// Whether it seems that another thread will answer soon.
    #[inline]
    pub(crate) fn expects_mail(&self) -> bool {
        self.expects_mail.get()
    }

    pub(crate) fn expect_mail(&self, expects: bool) {
        self.expects_mail.set(expects);
    }

    /// Whether there is nothing to do but to wait for another thread, as far as this thread knows.
    #[inline]
    pub(super) fn is_calm(&self) -> bool {
        let has_work = || self.new_work.as_ref().is_some_and(|new_work| !new_work.words().is_empty());
        self.ready_len() == 0 && !self.home.has_mail() && !has_work()
    }

    /// A random number below `limit`.
    pub(super) fn random_below(&self, limit: usize) -> usize {
        self.random.borrow_mut().usize(..limit)
    }

    /// The stack size of tasks that ask for none, in bytes.
    pub(crate) fn stack_size(&self) -> usize {
        self.stack_size
    }

    #[inline]
    pub(crate) fn new_work(&self) -> Option<&Rc<NewWork>> {
        self.new_work.as_ref()
    }

    /// Takes in a new task that any worker may start.
    #[inline]
    pub(super) fn spawn(&self, task: TaskRef) {
        match &self.new_work {
            Some(new_work) => new_work.push(Word::task(task)),
            None => self.adopt(task),
        }
    }

    /// Gives a new task to the workers in turn.
    pub(super) fn spread(&self, task: TaskRef) {
        match &self.new_work {
            Some(new_work) => new_work.spread(task),
            None => self.adopt(task),
        }
    }

    /// Takes a new task in that was the last to be pushed here and that nobody has taken. Whether it was that.
    #[inline]
    pub(super) fn take_back(&self, task: &Header) -> bool {
        let taken = self.new_work.as_ref().and_then(|new_work| new_work.take_back_task(task));
        taken.map(|task| self.adopt(task)).is_some()
    }

    #[inline]
    pub(crate) fn ready_len(&self) -> usize {
        self.ready.len()
    }

    #[inline]
    pub(crate) fn push(&self, ready: Ready) {
        self.ready.push(ready);
    }

    /// Shuffles the next `count` of what is ready; `below` gives a number below its argument.
    pub(crate) fn shuffle(&self, count: usize, below: impl FnMut(usize) -> usize) {
        self.ready.shuffle(count, below);
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<Ready> {
        self.ready.pop()
    }

    /// Takes the callbacks out of the ready ring.
    pub(crate) fn take_callbacks(&self) -> Vec<Rc<Callback>> {
        let mut callbacks = Vec::new();
        for _ in 0..self.ready_len() {
            match self.pop() {
                Some(Ready::Call(callback)) => callbacks.push(callback),
                Some(task) => self.push(task),
                None => break,
            }
        }
        callbacks
    }

    /// Tasks that have not ended.
    pub(crate) fn live(&self) -> usize {
        self.live.get()
    }

    /// Takes in a new task: it goes to the tail.
    pub(crate) fn adopt(&self, task: TaskRef) {
        task.home.store(ptr::from_ref(self.home).cast_mut(), Relaxed);
        // Whoever cancels it looks for the home after the mark; the task looks for the mark after this.
        barrier::light(self.asymmetric);
        let second = self.first.replace(task.as_ptr());
        task.next.set(second);
        // SAFETY: the list holds tasks that have not ended, which the scheduler keeps a reference to.
        if let Some(second) = unsafe { second.as_ref() } {
            second.previous.set(task.as_ptr());
        }
        self.live.set(self.live.get() + 1);
        self.home.count_start();
        if let Some(index) = self.by_id.get() {
            index.borrow_mut().insert(task.id, task.as_ptr());
        }
        if self.closing.get() {
            super::cancel::mark(&task);
        }
        self.push(Ready::Task(task));
    }

    /// Takes a task that has ended off the list.
    pub(super) fn forget(&self, task: &Header) {
        let (previous, next) = (task.previous.get(), task.next.get());
        // SAFETY: as in `adopt`.
        unsafe {
            match previous.as_ref() {
                Some(previous) => previous.next.set(next),
                None => self.first.set(next),
            }
            if let Some(next) = next.as_ref() {
                next.previous.set(previous);
            }
        }
        self.live.set(self.live.get() - 1);
        self.home.count_end();
        if let Some(index) = self.by_id.get() {
            index.borrow_mut().remove(&task.id);
        }
    }

    /// Cancels every task, and those that come yet.
    pub(crate) fn close(&self) {
        self.gate.close();
        self.closing.set(true);
        for task in self.tasks() {
            super::cancel::mark(&task);
            self.wake(&task);
        }
    }

    /// As [`close`](Self::close); the scheduler is told of the end of each of the tasks that are returned.
    pub(crate) fn close_watched(&self) -> Vec<super::Task> {
        let tasks = self.tasks();
        tasks.iter().for_each(|task| task.watched.set(true));
        self.close();
        tasks.iter().map(|task| super::Task::of(task)).collect()
    }

    /// The task of this id, if it has not ended. From the first call on, tasks are kept by their ids too.
    pub(crate) fn find(&self, id: super::Id) -> Option<TaskRef> {
        let index =
            self.by_id.get_or_init(|| RefCell::new(self.tasks().iter().map(|task| (task.id, task.as_ptr())).collect()));
        let task = index.borrow().get(&id.0).copied()?;
        // SAFETY: as in `adopt`; `forget` takes what has ended out of the index.
        Some(unsafe { &*task }.counted())
    }

    /// The tasks that have not ended.
    fn tasks(&self) -> Vec<TaskRef> {
        let mut tasks = Vec::with_capacity(self.live.get());
        let mut at = self.first.get();
        // SAFETY: as in `adopt`; nothing ends meanwhile.
        while let Some(task) = unsafe { at.as_ref() } {
            tasks.push(task.counted());
            at = task.next.get();
        }
        tasks
    }

    /// Whether a task lives here, so that its cells are this thread's.
    #[inline]
    pub(super) fn is_home_of(&self, task: &Header) -> bool {
        ptr::eq(task.home.load(Relaxed), self.home)
    }

    /// Wakes a task that lives here.
    #[inline]
    pub(super) fn wake(&self, task: &Header) {
        match task.phase.get() {
            Phase::Parked => {
                task.phase.set(Phase::Woken);
                // SAFETY: a parked task's scheduler reference was given to its park; see `Worker::step`.
                self.push(Ready::Task(unsafe { TaskRef::from_raw(task.raw().as_ptr()) }));
            }
            Phase::Running | Phase::Yielded => task.token.set(true),
            Phase::Unstarted | Phase::Woken | Phase::Ended => {}
        }
    }

    /// Takes what other threads have left.
    pub(crate) fn take_mail(&self) {
        self.home.take_inbox(|task| {
            if !task.home.load(Relaxed).is_null() {
                self.wake(&task);
            } else if task.is_call {
                self.push(Ready::Call(Callback::new(move || task.call())));
            } else {
                self.adopt(task);
            }
        });
    }

    /// The way in from other threads.
    pub(crate) fn gate(&self) -> Arc<Gate> {
        self.gate.clone()
    }

    /// Whether somebody can still send something, or has.
    pub(crate) fn may_be_woken(&self) -> bool {
        // In this order: what the last handle sent came before it went.
        self.abroad.get() > 0 || self.gate.has_handles() || self.home.has_mail()
    }

    /// Counts a wait for a task that lives elsewhere, as long as the result lives.
    pub(super) fn wait_abroad(&self) -> Abroad<'_> {
        self.abroad.set(self.abroad.get() + 1);
        Abroad(&self.abroad)
    }

    /// Cancels every task, past all shields.
    pub(crate) fn force(&self) {
        self.tasks().iter().for_each(super::cancel::force);
    }

    /// What the tasks that have not ended wait for, a line each.
    pub(crate) fn report(&self) -> String {
        let mut tasks = self.tasks();
        tasks.sort_by_key(|task| task.id);
        let line = |task: &TaskRef| format!("\n  {} waits for {}", task.describe(), task.reason.get());
        tasks.iter().map(line).collect()
    }
}
