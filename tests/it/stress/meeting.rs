//! Barriers, events, sets of tasks.

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use corro::sync::{Barrier, Event};
use corro::task::{self, JoinSet};
use corro::{sleep, timeout, yield_now};
use fastrand::Rng;

use super::{Case, Role, stress};
use crate::support::{HOUR, ms, on_drop};

struct Meeting {
    barrier: Barrier,
    over: AtomicBool,
    /// Plain threads that wait.
    threads: AtomicUsize,
    leaders: AtomicUsize,
    let_go: AtomicUsize,
}

const PARTIES: usize = 3;

impl Meeting {
    fn new() -> Meeting {
        let (threads, leaders, let_go) = Default::default();
        Meeting { barrier: Barrier::new(PARTIES), over: AtomicBool::new(false), threads, leaders, let_go }
    }

    fn meet(&self) {
        let leads = self.barrier.wait().is_leader();
        self.leaders.fetch_add(usize::from(leads), SeqCst);
        self.let_go.fetch_add(1, SeqCst);
    }
}

impl Case for Meeting {
    fn act(&self, _role: Role, _random: &mut Rng) {
        let is_thread = usize::from(task::current().is_none());
        self.threads.fetch_add(is_thread, SeqCst);
        if !self.over.load(SeqCst) {
            self.meet();
        }
        self.threads.fetch_sub(is_thread, SeqCst);
    }

    /// Comes to those that wait, with as many as they need, and goes when none comes to it.
    fn finish(&self) {
        self.over.store(true, SeqCst);
        corro::run(|| {
            while self.threads.load(SeqCst) > 0 {
                let pair =
                    || corro::scope(|s| [s.spawn_local(|| self.meet()), s.spawn_local(|| self.meet())].map(drop));
                let _nobody = timeout(ms(1), pair);
            }
        });
    }

    fn check(&self) {
        let (leaders, let_go) = (self.leaders.load(SeqCst), self.let_go.load(SeqCst));
        assert!(leaders > 0 && let_go <= leaders * PARTIES, "{let_go} were let go by {leaders}");
    }
}

#[test]
fn c2_cancelled_waits_at_a_barrier_do_not_count() {
    stress(Meeting::new);
}

#[derive(Default)]
struct Signal {
    event: Event,
    /// Nobody clears it any more. Read by who does.
    over: RwLock<bool>,
    woken: AtomicUsize,
}

impl Signal {
    /// Who waits now is woken, whatever comes after.
    fn flash(&self) {
        let over = self.over.read().unwrap();
        if !*over {
            self.event.set();
            self.event.clear();
        }
    }
}

impl Case for Signal {
    fn act(&self, role: Role, random: &mut Rng) {
        if role == Role::Give {
            self.flash();
            yield_now();
        } else if random.u8(..4) == 0 {
            self.event.wait_timeout(ms(1) / 20);
        } else {
            self.event.wait();
            self.woken.fetch_add(1, SeqCst);
        }
    }

    fn finish(&self) {
        *self.over.write().unwrap() = true;
        self.event.set();
    }

    fn check(&self) {
        assert!(self.woken.load(SeqCst) > 0);
    }
}

#[test]
fn c6_an_event_that_is_set_and_cleared_wakes_all_who_waited() {
    stress(Signal::default);
}

/// Each actor has a set, whose tasks end by themselves, fail, or never end.
#[derive(Default)]
struct Sets {
    joined: AtomicUsize,
}

/// What the tasks hold.
static ALIVE: AtomicUsize = AtomicUsize::new(0);

impl Case for Sets {
    fn act(&self, _role: Role, random: &mut Rng) {
        if task::current().is_none() {
            return std::thread::yield_now();
        }
        let mut set = JoinSet::new();
        for number in 0..random.usize(1..5) {
            ALIVE.fetch_add(1, SeqCst);
            let ended = on_drop(|| {
                ALIVE.fetch_sub(1, SeqCst);
            });
            set.spawn(move || {
                let _ended = ended;
                match number {
                    0 => {}
                    1 => yield_now(),
                    _ => sleep(HOUR),
                }
                number
            });
        }
        while set.join_next().is_some_and(|result| result.is_ok()) {
            self.joined.fetch_add(1, SeqCst);
            if random.bool() {
                set.cancel_all();
            }
            if set.len() < 3 {
                break;
            }
        }
    }

    fn finish(&self) {}

    fn check(&self) {
        assert_eq!(ALIVE.load(SeqCst), 0, "what the tasks held was leaked, or dropped twice");
        assert!(self.joined.load(SeqCst) > 0);
    }
}

#[test]
fn t5_cancelled_sets_cancel_their_tasks() {
    stress(Sets::default);
}
