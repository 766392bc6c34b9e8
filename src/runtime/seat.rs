//! What a thread of the runtime does: run what is ready, start new work, steal, sleep.
//!
//! ```text
//!  inbox ─► ready tasks (a batch) ─► some of the own deque ─► nothing at all? injector ─► steal ─► sleep
//!              └─ after 64 turns, a long one counts 16: I/O and timers; less often: the oldest of the new work
//! ```
//!
//! Started work goes before new work: that bounds how many stacks there are. The newest of the new goes first, so a tree
//! of tasks is walked depth-first.

use std::cell::{Cell, RefCell};
use std::hint::spin_loop;
use std::iter;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_deque::Worker as Deque;

use super::courtesy::{self, Courtesy};
use super::watch::Watch;
use super::{Place, Shared};
use crate::driver::Parts;
use crate::task::{NewWork, TaskRef, Word, Work};
use crate::worker::{AbortOnUnwind, Settings, Worker};

/// Turns after which I/O, timers and new work are looked at, however much is ready.
const LOOK_AFTER: usize = 64;
/// Turns after which the oldest new work has its turn. Less often than I/O, since it leads away from the depth-first walk
/// of a tree of tasks.
const OLDEST_AFTER: usize = 400;
/// Turns of a batch for each further piece of new work that is started after it.
const NEW_AFTER: usize = 8;
/// So many tasks that were cancelled before they began may have their turn, and end, together with the oldest. Else they
/// could become more and more, below what is newer.
const DEAD: usize = 400;
/// Turns of one batch at most.
const BATCH: usize = 256;
/// How often a searcher looks at all queues before it lies down, if there are other workers.
const ROUNDS: usize = 4;
/// Pauses between two of these looks.
const PAUSES: usize = 32;

pub(super) struct Seat {
    shared: Arc<Shared>,
    index: usize,
    worker: Worker,
    /// Turns since the oldest new work had its turn, and how often it had.
    since_oldest: Cell<usize>,
    oldest: Cell<usize>,
    searching: Cell<bool>,
    closing: Cell<bool>,
    random: RefCell<fastrand::Rng>,
    courtesy: Courtesy,
    watch: Watch,
}

impl Seat {
    /// On the thread that is to serve.
    pub(super) fn new(shared: Arc<Shared>, index: usize, parts: Parts, deque: Deque<Word>, settings: Settings) -> Seat {
        let (wakes, spreads) = (shared.clone(), shared.clone());
        let new_work = NewWork::new(
            deque,
            shared.idle.state(),
            Box::new(move || wakes.wake_one()),
            Box::new(move |task| spreads.spread(task)),
        );
        let told = shared.clone();
        let on_end = Box::new(move |task: &TaskRef| told.ending.forget(task.id()));
        let watch = Watch::new(index, shared.seats.len());
        let worker = Worker::in_runtime(settings, parts, shared.seats[index].home, new_work, on_end);
        worker.driver.set_pool(shared.pool.clone());
        Seat {
            shared,
            index,
            worker,
            since_oldest: Cell::new(0),
            oldest: Cell::new(0),
            searching: Cell::new(false),
            closing: Cell::new(false),
            random: RefCell::new(fastrand::Rng::with_seed(index as u64)),
            courtesy: Courtesy::default(),
            watch,
        }
    }

    fn place(&self) -> &Place {
        &self.shared.seats[self.index]
    }

    fn is_alone(&self) -> bool {
        self.shared.seats.len() == 1
    }

    /// Serves until the runtime has ended.
    pub(super) fn serve(self) {
        if !self.is_alone() {
            self.place().pulse.begin();
        }
        let entered = self.worker.enter();
        let guard = AbortOnUnwind;
        while !self.pass() {}
        std::mem::forget(guard);
        drop(entered);
    }

    /// Returns whether the runtime has ended.
    #[inline]
    fn pass(&self) -> bool {
        let turns = self.worker.run_ready(BATCH);
        if self.worker.local.count_turns(turns) >= LOOK_AFTER {
            self.look();
        }
        match self.new_work().pop() {
            Some(word) => {
                self.start(word);
                self.start_more(turns / NEW_AFTER);
            }
            None if self.worker.local.ready_len() == 0 => return self.rest(),
            None => {}
        }
        false
    }

    /// After a long batch it is not enough to start one: connections that were accepted would wait for seconds.
    fn start_more(&self, count: usize) {
        for word in iter::from_fn(|| self.new_work().pop()).take(count) {
            self.start(word);
        }
    }

    fn new_work(&self) -> &NewWork {
        self.worker.local.new_work().expect("a worker of a runtime has it")
    }

    /// Makes a task of new work: it is ready then. Whether it will run.
    #[inline]
    fn start(&self, word: Word) -> bool {
        self.worker.local.count_turns(1);
        match word.open() {
            Work::Task(task) => {
                let is_alive = !task.is_cancelled();
                self.worker.local.adopt(task);
                is_alive
            }
            Work::Job(job) => {
                job.start(&self.worker.local);
                true
            }
        }
    }

    /// What has its turn however much is ready: I/O, timers, the end of the runtime, the oldest new work.
    #[inline(never)]
    fn look(&self) {
        let turns = self.since_oldest.get() + self.worker.local.take_turns();
        self.since_oldest.set(turns);
        self.let_others_run();
        self.look_for_io();
        self.see_end();
        if turns >= OLDEST_AFTER {
            self.since_oldest.set(0);
            let start = |word| self.start(word);
            iter::from_fn(|| self.oldest()).take(DEAD).map(start).find(|&is_alive| is_alive);
        }
    }

    fn look_for_io(&self) {
        self.place().pulse.count_look(self.worker.driver.io_waiters() > 0);
        self.worker.look();
    }

    /// If another worker waits for a core, it may have this one, until there is mail.
    fn let_others_run(&self) {
        if self.is_alone() {
            return;
        }
        let pulse = |worker: usize| &self.shared.seats[worker].pulse;
        let looks = |worker| pulse(worker).looks();
        let waits = |worker| pulse(worker).waits_for_core();
        if let Some(worker) = self.watch.find_stalled(Instant::now(), looks, waits) {
            let before = looks(worker);
            let in_vain = courtesy::pause_until(|| looks(worker) != before || self.worker.local.home.has_mail());
            self.watch.go_on(Instant::now(), in_vain, looks);
        }
    }

    /// New work from the other end of the own deque and from outside, in turn.
    fn oldest(&self) -> Option<Word> {
        let own = || self.place().stealer.steal().success();
        let outside = || self.shared.injector.steal().success();
        self.oldest.set(self.oldest.get() + 1);
        if self.oldest.get().is_multiple_of(2) { own().or_else(outside) } else { outside().or_else(own) }
    }

    /// Nothing is ready and there is no new work here.
    #[inline(never)]
    fn rest(&self) -> bool {
        self.see_end();
        if !self.is_alone() {
            self.look_before_sleep();
        }
        if self.worker.local.ready_len() > 0 {
            return false;
        }
        if let Some(word) = self.search() {
            self.start(word);
            return false;
        }
        if self.worker.await_mail() {
            if self.searching.get() {
                self.give_up_search();
            }
            return false;
        }
        let is_through = self.closing.get() && self.worker.local.live() == 0;
        if is_through && self.shared.ending.is_over(&self.shared, self.index) {
            return true;
        }
        self.sleep(is_through);
        false
    }

    /// What I/O has brought by now costs less than to lie down first and be woken for it. If there is none, and nothing to
    /// steal either, those who share the core go first: they may be the ones that will bring something. So there are fewer
    /// sleeps, with more to do after each. A worker that is alone only has the cost: it was measured.
    fn look_before_sleep(&self) {
        let expects_io = || self.worker.driver.io_waiters() > 0 && self.worker.local.ready_len() == 0;
        let only_io = || expects_io() && !self.shared.has_new_work() && !self.worker.local.home.has_mail();
        if only_io() {
            self.let_others_run();
        }
        if expects_io() {
            self.look_for_io();
        }
        if only_io() {
            self.courtesy.give_core(!self.worker.local.expects_mail());
            self.look_for_io();
        }
    }

    /// Looks for work of others for a while, unless enough others do.
    fn search(&self) -> Option<Word> {
        if !self.searching.get() {
            self.searching.set(self.shared.idle.start_search());
        }
        if !self.searching.get() {
            return None;
        }
        // Other workers make more soon; what comes from outside is rare, and wakes.
        let rounds = if self.is_alone() { 1 } else { ROUNDS };
        for round in 1..=rounds {
            if let Some(word) = self.find() {
                self.end_search();
                return Some(word);
            }
            if round < rounds && self.pause_unless_mail() {
                break;
            }
        }
        None
    }

    /// Lets the other cores do something. Whether mail came.
    fn pause_unless_mail(&self) -> bool {
        let has_mail = || self.worker.local.home.has_mail();
        (0..PAUSES).any(|_| {
            spin_loop();
            has_mail()
        })
    }

    /// From outside, else from another worker; several at once, since each theft costs both sides cache misses.
    fn find(&self) -> Option<Word> {
        let shared = &*self.shared;
        let first = self.random.borrow_mut().usize(..shared.seats.len());
        let others = || (first..shared.seats.len()).chain(0..first).filter(|&other| other != self.index);
        let own = self.new_work().words();
        iter::repeat_with(|| {
            let from_outside = shared.injector.steal_batch_and_pop(own);
            from_outside
                .or_else(|| others().map(|other| shared.seats[other].stealer.steal_batch_and_pop(own)).collect())
        })
        .find(|found| !found.is_retry())
        .and_then(|found| found.success())
        .inspect(|_| self.place().counters.stolen.add())
    }

    /// Work was found. The last searcher lets the next one look.
    fn end_search(&self) {
        if self.searching.replace(false) && self.shared.idle.end_search() {
            self.shared.wake_one();
        }
    }

    /// Lies down, looks once more, and sleeps until something comes or a timer is due.
    fn sleep(&self, is_through: bool) {
        let shared = &*self.shared;
        shared.idle.lie_down(self.index, self.searching.replace(false));
        let saw_work = shared.has_new_work();
        if !saw_work && self.place().pulse.asleep(|| self.worker.sleep()) {
            self.place().counters.sleeps.add();
        }
        let is_searcher = shared.idle.get_up(self.index, saw_work);
        if is_through {
            // Before anything is taken, from the inbox or from others.
            shared.ending.is_busy_again(self.index);
        }
        if is_searcher {
            // There is new work. If it is gone, what is ready here may wait for nobody's search.
            self.searching.set(true);
            match self.find() {
                Some(word) => {
                    self.end_search();
                    self.start(word);
                }
                None => self.give_up_search(),
            }
        }
        self.worker.fire_timers();
    }

    /// Ends a search in vain. Somebody may have pushed meanwhile and trusted in it.
    fn give_up_search(&self) {
        self.searching.set(false);
        if self.shared.idle.end_search() && self.shared.has_new_work() {
            self.shared.wake_one();
        }
    }

    /// Sees that the runtime ends: everything here is cancelled.
    fn see_end(&self) {
        if !self.closing.get() && self.shared.ending.has_begun() {
            self.closing.set(true);
            let tasks = self.worker.local.close_watched();
            self.shared.ending.answer(tasks.into_iter());
        }
    }
}
