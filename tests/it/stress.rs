//! Thousands of random cancellations of each primitive, on many workers, with plain threads among the tasks: nothing is
//! lost, nothing is doubled, nobody hangs, nothing is left.

mod channels;
mod fairness;
mod kinds;
mod locks;
mod meeting;
mod selects;

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use corro::task::{Builder, Placement};
use corro::{JoinHandle, Runtime, spawn, yield_now};
use fastrand::Rng;

/// What is done to a primitive.
trait Case: Send + Sync + 'static {
    /// One operation, which may wait.
    fn act(&self, role: Role, random: &mut Rng);

    /// Lets threads go that still wait.
    fn finish(&self);

    /// All has ended.
    fn check(&self);
}

/// Some give what others take, if there is something to give.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Give,
    Take,
}

const ROLES: [Role; 2] = [Role::Give, Role::Take];

/// How many cancellations on how many workers.
const RUNS: [(usize, usize); 3] = [(2, 4_000), (4, 3_000), (16, 3_000)];
/// Each has some actors that it cancels and starts again.
const SUPERVISORS: usize = 4;
const ACTORS: usize = 4;
/// After the cancellations each taker has so many operations, which must end.
const LAST: usize = 50;

fn stress<C: Case>(new: impl Fn() -> C) {
    for (workers, cancellations) in RUNS {
        let case = Arc::new(new());
        let _watchdog = watchdog(format!("{workers} workers: {}", std::any::type_name::<C>()));
        let runtime = Runtime::builder().workers(workers).build().expect("a runtime");
        let stop = Arc::new(AtomicBool::new(false));
        let threads = ROLES.map(|role| in_thread(case.clone(), role, stop.clone()));
        runtime.run(|| {
            let supervise = |number: usize| {
                let case = case.clone();
                let body = move || supervisor(&case, number, cancellations / SUPERVISORS);
                Builder::new().placement(Placement::Spread).spawn(body).expect("a stack")
            };
            let supervisors: Vec<_> = (0..SUPERVISORS).map(supervise).collect();
            supervisors.into_iter().for_each(|supervisor| supervisor.join().unwrap());
            last_operations(&case);
        });
        stop.store(true, SeqCst);
        case.finish();
        threads.into_iter().for_each(|thread| thread.join().expect("it does not fail"));
        // What was cancelled and not joined ends in its time.
        while runtime.metrics().live > 0 {
            thread::yield_now();
        }
        drop(runtime);
        case.check();
        assert_eq!(Arc::strong_count(&case), 1);
    }
}

fn in_thread<C: Case>(case: Arc<C>, role: Role, stop: Arc<AtomicBool>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut random = Rng::new();
        while !stop.load(SeqCst) {
            case.act(role, &mut random);
        }
    })
}

/// Starts an actor, which goes on until it is cancelled.
fn start<C: Case>(case: &Arc<C>, role: Role, seed: u64) -> JoinHandle<()> {
    let case = case.clone();
    spawn(move || {
        let mut random = Rng::with_seed(seed);
        loop {
            case.act(role, &mut random);
        }
    })
}

/// Cancels its actors at random moments.
fn supervisor<C: Case>(case: &Arc<C>, number: usize, cancellations: usize) {
    let mut random = Rng::with_seed(number as u64);
    let mut actors: Vec<_> = (0..ACTORS).map(|actor| start(case, ROLES[actor % 2], random.u64(..))).collect();
    for _ in 0..cancellations {
        match random.u8(..4) {
            0 => {}
            1 => (0..random.u32(..1_000)).for_each(|_| std::hint::spin_loop()),
            _ => (0..random.u32(1..8)).for_each(|_| yield_now()),
        }
        let actor = random.usize(..ACTORS);
        actors[actor].cancel();
        let next = start(case, ROLES[actor % 2], random.u64(..));
        ended(std::mem::replace(&mut actors[actor], next));
    }
    actors.iter().for_each(JoinHandle::cancel);
    actors.into_iter().for_each(ended);
}

fn ended(actor: JoinHandle<()>) {
    let error = actor.join().expect_err("it goes on for ever");
    assert!(error.is_cancelled() && !error.is_panic(), "{error}");
}

/// Nobody is cancelled any more. Were somebody to wait for what was lost, this would not end.
fn last_operations<C: Case>(case: &Arc<C>) {
    let givers: Vec<_> = (0..ACTORS).map(|number| start(case, Role::Give, number as u64)).collect();
    let takers: Vec<_> = (0..ACTORS)
        .map(|number| {
            let case = case.clone();
            spawn(move || {
                let mut random = Rng::with_seed(number as u64);
                (0..LAST).for_each(|_| case.act(Role::Take, &mut random));
            })
        })
        .collect();
    takers.into_iter().for_each(|taker| taker.join().unwrap());
    givers.iter().for_each(JoinHandle::cancel);
    givers.into_iter().for_each(ended);
}

/// Ends the process if this is not dropped for minutes: a task that hangs cannot be waited for.
fn watchdog(what: String) -> mpsc::Sender<()> {
    let (alive, dropped) = mpsc::channel();
    thread::spawn(move || {
        if let Err(RecvTimeoutError::Timeout) = dropped.recv_timeout(Duration::from_secs(300)) {
            // Not by `eprintln!`, which the test harness hides.
            let _ = writeln!(std::io::stderr(), "hangs: {what}");
            std::process::abort();
        }
    });
    alive
}

/// What went in and what came out.
#[derive(Default)]
struct Account {
    next: AtomicUsize,
    given: Sum,
    taken: Sum,
}

/// Of numbers, so that one that is lost, doubled or made up makes a difference.
#[derive(Default)]
struct Sum {
    count: AtomicUsize,
    hashes: AtomicUsize,
}

impl Sum {
    fn add(&self, number: usize) {
        self.count.fetch_add(1, SeqCst);
        self.hashes.fetch_add((number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31), SeqCst);
    }

    fn get(&self) -> (usize, usize) {
        (self.count.load(SeqCst), self.hashes.load(SeqCst))
    }
}

impl Account {
    /// A number that was not given out before.
    fn number(&self) -> usize {
        self.next.fetch_add(1, SeqCst)
    }

    fn balance(&self) {
        assert!(self.given.get().0 > 0, "nothing was done");
        assert_eq!(self.given.get(), self.taken.get(), "what went in is not what came out");
    }
}
