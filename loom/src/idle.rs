//! Sleepers and searchers: new work reaches a worker that sleeps, and is not left lying by one that went to do something
//! else.
//!
//! A worker here takes one piece of work and is busy for ever. So whatever is pushed must wake one worker each, and what
//! nobody takes leaves a worker asleep, which is a deadlock.

use std::cell::Cell;
use std::sync::Arc;

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*, fence};
use loom::thread;

use crate::{Bell, LOST, check, check_fails};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// A push has no fence before its look at the state.
    PushWithoutFence,
    /// `lie_down` passes no barrier.
    LiesDownWithoutBarrier,
    /// A worker that lay down does not look for work once more.
    SleepsWithoutLook,
    /// The last searcher that finds something wakes nobody.
    FinderWakesNobody,
    /// A searcher that was woken and found nothing does not look whether it was trusted.
    GivesUpSilently,
    /// `pick` leaves a sleeper counted as one, so that a second push may pass over the others.
    PickCountsNothing,
    /// A worker that sees new work as it lies down gets up as no searcher, and goes to what is ready here.
    GetsUpBlind,
    /// `dig_out` puts back what it took off the deque without a look at the state.
    PutsBackSilently,
}

const SLEEPER: usize = 1 << 16;
const SEARCHER: usize = 1;

/// `is_hungry`.
fn is_hungry(state: usize) -> bool {
    state >= SLEEPER && state.is_multiple_of(SLEEPER)
}

/// `Home`; see `inbox.rs` for the list.
struct Home {
    mail: AtomicUsize,
    sleeping: AtomicBool,
    notice: AtomicBool,
    bell: Bell,
}

impl Home {
    fn new() -> Home {
        Home {
            mail: AtomicUsize::new(0),
            sleeping: AtomicBool::new(false),
            notice: AtomicBool::new(false),
            bell: Bell::new(),
        }
    }

    /// `Home::notify` and `Home::ring`.
    fn notify(&self) {
        self.notice.swap(true, Release);
        fence(SeqCst);
        if self.sleeping.load(Relaxed) && self.sleeping.swap(false, Relaxed) {
            self.bell.ring();
        }
    }

    /// `Home::begin_sleep`.
    fn begin_sleep(&self) -> bool {
        self.sleeping.swap(true, Relaxed);
        fence(SeqCst);
        let calm = self.mail.load(Relaxed) == 0 && !self.notice.load(Relaxed);
        if !calm {
            self.end_sleep();
        }
        calm
    }

    /// `Home::end_sleep`.
    fn end_sleep(&self) {
        self.sleeping.swap(false, Relaxed);
        if self.notice.load(Relaxed) {
            self.notice.swap(false, Acquire);
        }
    }
}

/// `Shared` and `Idle`.
struct Shared {
    fault: Fault,
    /// How much new work is in the injector, or in the deque of a worker that is busy for ever and steals nothing.
    work: AtomicUsize,
    state: AtomicUsize,
    asleep: Mutex<Vec<usize>>,
    homes: Vec<Home>,
    /// For the model: the workers that are left need not take anything.
    over: Mutex<bool>,
}

impl Shared {
    fn new(fault: Fault, workers: usize, state: usize) -> Arc<Shared> {
        Arc::new(Shared {
            fault,
            work: AtomicUsize::new(0),
            state: AtomicUsize::new(state),
            asleep: Mutex::new(Vec::new()),
            homes: (0..workers).map(|_| Home::new()).collect(),
            over: Mutex::new(false),
        })
    }

    /// `NewWork::push` and `Shared::inject`.
    fn push(&self) {
        self.work.fetch_add(1, Release);
        if self.fault != Fault::PushWithoutFence {
            fence(SeqCst);
        }
        if is_hungry(self.state.load(Relaxed)) {
            self.wake_one();
        }
    }

    /// `Shared::wake_one`.
    fn wake_one(&self) {
        if let Some(worker) = self.pick() {
            self.homes[worker].notify();
        }
    }

    /// `Shared::has_new_work`, without the fences in it.
    fn has_new_work(&self) -> bool {
        self.work.load(Acquire) > 0
    }

    /// `Seat::find`.
    fn find(&self) -> bool {
        let mut work = self.work.load(Acquire);
        while work > 0 {
            match self.work.compare_exchange(work, work - 1, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(now) => work = now,
            }
        }
        false
    }

    /// `Idle::start_search`.
    fn start_search(&self) -> bool {
        let searchers = self.state.load(Relaxed) % SLEEPER;
        let allowed = 2 * searchers < self.homes.len();
        if allowed {
            self.state.fetch_add(SEARCHER, Relaxed);
        }
        allowed
    }

    /// `Idle::end_search`.
    fn end_search(&self) -> bool {
        self.state.fetch_sub(SEARCHER, SeqCst) % SLEEPER == SEARCHER
    }

    /// `Idle::lie_down`.
    fn lie_down(&self, worker: usize, was_searching: bool) {
        {
            let mut asleep = self.asleep.lock().unwrap();
            asleep.push(worker);
            let searching = if was_searching { SEARCHER } else { 0 };
            self.state.fetch_add(SLEEPER - searching, SeqCst);
        }
        if self.fault != Fault::LiesDownWithoutBarrier {
            fence(SeqCst);
        }
    }

    /// `Idle::get_up`, as a searcher if the worker has seen new work. Whether it is one.
    fn get_up(&self, worker: usize, saw_work: bool) -> bool {
        let mut asleep = self.asleep.lock().unwrap();
        let Some(found) = asleep.iter().rposition(|&other| other == worker) else { return true };
        asleep.remove(found);
        let searching = if saw_work { SEARCHER } else { 0 };
        self.state.fetch_sub(SLEEPER - searching, SeqCst);
        saw_work
    }

    /// `Idle::pick`.
    fn pick(&self) -> Option<usize> {
        let mut asleep = self.asleep.lock().unwrap();
        if !is_hungry(self.state.load(SeqCst)) {
            return None;
        }
        let worker = asleep.pop();
        if worker.is_some() && self.fault != Fault::PickCountsNothing {
            self.state.fetch_sub(SLEEPER - SEARCHER, SeqCst);
        }
        worker
    }

    /// For the model: lets the others go.
    fn end(&self) {
        *self.over.lock().unwrap() = true;
        self.homes.iter().for_each(Home::notify);
    }
}

struct Seat {
    shared: Arc<Shared>,
    index: usize,
    searching: Cell<bool>,
}

impl Seat {
    fn new(shared: &Arc<Shared>, index: usize) -> Seat {
        Seat { shared: shared.clone(), index, searching: Cell::new(false) }
    }

    /// `Seat::serve`, until something was taken.
    fn serve(&self) {
        while !*self.shared.over.lock().unwrap() && !self.rest() {
            // Another one searches, or this would have found what kept it awake.
            thread::yield_now();
        }
    }

    /// `Seat::rest`. Whether something was taken.
    fn rest(&self) -> bool {
        self.search() || self.sleep()
    }

    /// `Seat::search`, of one round.
    fn search(&self) -> bool {
        if !self.searching.get() {
            self.searching.set(self.shared.start_search());
        }
        let found = self.searching.get() && self.shared.find();
        if found {
            self.end_search();
        }
        found
    }

    /// `Seat::end_search`.
    fn end_search(&self) {
        if self.searching.replace(false) && self.shared.end_search() && self.shared.fault != Fault::FinderWakesNobody {
            self.shared.wake_one();
        }
    }

    /// `Seat::sleep`. Whether something was taken.
    fn sleep(&self) -> bool {
        let shared = &*self.shared;
        let home = &shared.homes[self.index];
        shared.lie_down(self.index, self.searching.replace(false));
        let saw_work = shared.fault != Fault::SleepsWithoutLook && shared.has_new_work();
        if !saw_work && home.begin_sleep() {
            home.bell.wait();
            home.end_sleep();
        }
        let as_searcher = saw_work && shared.fault != Fault::GetsUpBlind;
        shared.get_up(self.index, as_searcher) && self.search_as_woken()
    }

    /// What a worker does that was woken for new work, and is a searcher: the end of `Seat::sleep`.
    fn search_as_woken(&self) -> bool {
        self.searching.set(true);
        let found = self.shared.find();
        if found {
            self.end_search();
        } else {
            self.give_up_search();
        }
        found
    }

    /// `Seat::give_up_search`.
    fn give_up_search(&self) {
        self.searching.set(false);
        let was_last = self.shared.end_search();
        // Stands for the fence in `Stealer::is_empty` and for the `SeqCst` accesses of `end_search` and
        // `Injector::is_empty`.
        fence(SeqCst);
        if was_last && self.shared.fault != Fault::GivesUpSilently && self.shared.has_new_work() {
            self.shared.wake_one();
        }
    }
}

/// So many pushes, and as many workers that have nothing to do.
fn push(fault: Fault, workers: usize) {
    let shared = Shared::new(fault, workers, 0);
    let threads: Vec<_> = (0..workers)
        .map(|index| {
            let shared = shared.clone();
            thread::spawn(move || Seat::new(&shared, index).serve())
        })
        .collect();
    (0..workers).for_each(|_| shared.push());
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// What the first worker was doing as something is pushed.
#[derive(Clone, Copy, PartialEq)]
enum Was {
    /// Searching by itself.
    Searching,
    /// Woken for new work.
    Picked,
}

/// The first worker counts as a searcher, so a push may trust in it; but it has mail, which keeps it busy for ever. The
/// second has nothing to do.
fn trusted(fault: Fault, was: Was) {
    let shared = Shared::new(fault, 2, SEARCHER);
    shared.homes[0].mail.store(1, Relaxed);
    let first = {
        let shared = shared.clone();
        thread::spawn(move || {
            let seat = Seat::new(&shared, 0);
            seat.searching.set(true);
            let took = match was {
                Was::Searching => seat.rest(),
                Was::Picked => seat.search_as_woken(),
            };
            if took {
                shared.end();
            }
        })
    };
    let second = {
        let shared = shared.clone();
        thread::spawn(move || Seat::new(&shared, 1).serve())
    };
    shared.push();
    first.join().unwrap();
    second.join().unwrap();
}

/// `NewWork::dig_out`: a worker takes its new work off its deque to see what lies below, and puts it back.
fn dig_out(fault: Fault) {
    let shared = Shared::new(fault, 1, 0);
    shared.work.store(1, Relaxed);
    let worker = {
        let shared = shared.clone();
        thread::spawn(move || Seat::new(&shared, 0).serve())
    };
    if shared.find() {
        if fault == Fault::PutsBackSilently {
            shared.work.fetch_add(1, Release);
        } else {
            shared.push();
        }
    }
    worker.join().unwrap();
}

#[test]
fn what_is_put_back_reaches_a_sleeper() {
    check(None, || dig_out(Fault::None));
}

#[test]
fn a_push_reaches_a_sleeper() {
    check(None, || push(Fault::None, 1));
}

#[test]
fn two_pushes_reach_two_sleepers() {
    check(Some(2), || push(Fault::None, 2));
}

#[test]
fn trust_in_one_that_searched() {
    check(Some(3), || trusted(Fault::None, Was::Searching));
}

#[test]
fn trust_in_one_that_was_woken() {
    check(Some(3), || trusted(Fault::None, Was::Picked));
}

/// The pusher looks at the state before its push is seen.
#[test]
fn a_push_without_a_fence() {
    check_fails(LOST, None, || push(Fault::PushWithoutFence, 1));
}

/// The sleeper looks for work before it is seen to lie down.
#[test]
fn lying_down_without_a_barrier() {
    check_fails(LOST, None, || push(Fault::LiesDownWithoutBarrier, 1));
}

/// The push came before the worker lay down.
#[test]
fn sleep_without_a_look() {
    check_fails(LOST, None, || push(Fault::SleepsWithoutLook, 1));
}

/// The second push trusted in the searcher, which took the first.
#[test]
fn a_finder_that_wakes_nobody() {
    check_fails(LOST, Some(3), || push(Fault::FinderWakesNobody, 2));
}

/// A push that came after the searcher's look trusted in it.
#[test]
fn a_search_given_up_silently() {
    check_fails(LOST, Some(3), || trusted(Fault::GivesUpSilently, Was::Picked));
}

/// One that was picked and does not count as a searcher makes the end of its search count one too few.
#[test]
fn a_pick_that_counts_nothing() {
    check_fails(LOST, Some(3), || push(Fault::PickCountsNothing, 2));
}

/// A worker lies down while the work is in nobody's deque.
#[test]
fn faults_of_old_puts_back_silently() {
    check_fails(LOST, None, || dig_out(Fault::PutsBackSilently));
}

/// The searcher lies down, sees the work that trusted in it, gets up, and runs its mail first.
#[test]
fn faults_of_old_gets_up_blind() {
    check_fails(LOST, Some(3), || trusted(Fault::GetsUpBlind, Was::Searching));
}
