//! Rules T2 to T4: thousands of cancellations at random; nothing is lost and nothing is left.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::Duration;

use corro::{CancelToken, Co, EventLoop, Generator, JoinHandle, cancel_scope, shield, sleep, spawn_local, timeout};

use crate::generator::child::isolated;

/// The payload of the panics of a storm.
const STORM: &str = "storm";

#[derive(Default)]
struct Counts {
    spawned: Cell<usize>,
    started: Cell<usize>,
    returned: Cell<usize>,
    unwound: Cell<usize>,
    panicked: Cell<usize>,
    guards_made: Cell<usize>,
    guards_dropped: Cell<usize>,
    scopes_cut_off: Cell<usize>,
}

fn add(count: &Cell<usize>) {
    count.set(count.get() + 1);
}

struct Guard(Storm);

impl Drop for Guard {
    fn drop(&mut self) {
        add(&self.0.counts.guards_dropped);
    }
}

/// What all tasks of a storm share.
#[derive(Clone)]
struct Storm {
    counts: Rc<Counts>,
    random: Rc<RefCell<fastrand::Rng>>,
    /// Tokens of scopes that are open, or were.
    tokens: Rc<RefCell<Vec<CancelToken>>>,
}

impl Storm {
    fn new(seed: u64) -> Storm {
        let random = Rc::new(RefCell::new(fastrand::Rng::with_seed(seed)));
        Storm { counts: Rc::default(), random, tokens: Rc::default() }
    }

    fn below(&self, limit: usize) -> usize {
        self.random.borrow_mut().usize(..limit)
    }

    fn a_while(&self) -> Duration {
        Duration::from_micros(self.below(3000) as u64)
    }

    fn guard(&self) -> Guard {
        add(&self.counts.guards_made);
        Guard(self.clone())
    }

    /// A body of a task, counted.
    fn body(&self, depth: usize) -> impl FnOnce() + use<> {
        add(&self.counts.spawned);
        let (storm, held) = (self.clone(), self.guard());
        move || {
            let _held = held;
            add(&storm.counts.started);
            match catch_unwind(AssertUnwindSafe(|| storm.act(depth))) {
                Ok(()) => add(&storm.counts.returned),
                Err(payload) => {
                    let panicked = payload.is::<&str>() || payload.is::<String>();
                    add(if panicked { &storm.counts.panicked } else { &storm.counts.unwound });
                    resume_unwind(payload);
                }
            }
        }
    }

    /// Does something that may wait.
    fn act(&self, depth: usize) {
        let _held = self.guard();
        if depth == 0 {
            return self.wait();
        }
        let inner = depth - 1;
        match self.below(12) {
            0 => shield(|| self.act(inner)),
            1 | 2 => self.note(timeout(self.a_while(), || self.act(inner)).is_err()),
            3 | 4 => self.note(
                cancel_scope(|token| {
                    self.publish(token);
                    self.act(inner);
                })
                .is_err(),
            ),
            5 => drop(catch_unwind(AssertUnwindSafe(|| self.act(inner)))),
            6 => drop(spawn_local(self.body(inner)).join()),
            7 => corro::scope(|s| {
                (0..self.below(4)).for_each(|_| drop(s.spawn_local(self.body(inner))));
                self.act(inner);
            }),
            8 => self.in_generator(inner),
            9 if self.below(8) == 0 => resume_unwind(Box::new(STORM)),
            _ => {
                self.act(inner);
                self.act(inner);
            }
        }
    }

    fn wait(&self) {
        match self.below(4) {
            0 => corro::yield_now(),
            1 => corro::checkpoint(),
            _ => sleep(self.a_while()),
        }
    }

    fn in_generator(&self, depth: usize) {
        let storm = self.clone();
        let mut generator = Generator::new(move |co: &Co<()>| {
            let outcome = timeout(storm.a_while(), || {
                storm.act(depth);
                co.yield_(());
                storm.act(depth);
            });
            storm.note(outcome.is_err());
        });
        while generator.next().is_some() {
            self.wait();
        }
    }

    fn note(&self, cut_off: bool) {
        if cut_off {
            add(&self.counts.scopes_cut_off);
        }
    }

    fn publish(&self, token: &CancelToken) {
        let mut tokens = self.tokens.borrow_mut();
        if tokens.len() < 64 {
            return tokens.push(token.clone());
        }
        let at = self.below(64);
        tokens[at] = token.clone();
    }

    /// Cancels a task or a scope. Returns which task.
    fn cancel_any(&self, tasks: &[(JoinHandle<()>, Cell<bool>)]) {
        let tokens = self.tokens.borrow();
        if !tokens.is_empty() && self.below(2) == 0 {
            return tokens[self.below(tokens.len())].cancel();
        }
        if !tasks.is_empty() {
            // Rather the younger ones.
            let at = tasks.len() - 1 - self.below(tasks.len().min(40));
            tasks[at].0.cancel();
            tasks[at].1.set(true);
        }
    }

    /// The body of main.
    fn rage(&self, cancellations: usize) {
        let mut tasks = Vec::new();
        for _ in 0..cancellations {
            if self.below(5) < 2 {
                let depth = self.below(6);
                tasks.push((spawn_local(self.body(depth)), Cell::new(false)));
            }
            match self.below(8) {
                0 => sleep(self.a_while() / 4),
                1 | 2 => corro::yield_now(),
                _ => {}
            }
            self.cancel_any(&tasks);
        }
        let (mut ended, mut never_ran) = (0, 0);
        let all = tasks.len();
        for (task, asked) in tasks {
            match task.join() {
                Ok(()) => ended += 1,
                Err(error) if error.is_cancelled() => {
                    assert!(asked.get(), "a task unwound that nobody cancelled");
                    never_ran += 1;
                }
                Err(error) => {
                    let payload = error.into_panic();
                    assert_eq!(payload.downcast_ref::<&str>(), Some(&STORM));
                }
            }
        }
        assert!(ended > all / 10 && never_ran > all / 10, "{ended} and {never_ran} of {all}");
    }

    fn check(&self) {
        let of = Cell::get;
        let counts = &*self.counts;
        assert_eq!(of(&counts.guards_made), of(&counts.guards_dropped));
        let over = of(&counts.returned) + of(&counts.unwound) + of(&counts.panicked);
        assert_eq!(of(&counts.started), over);
        assert!(of(&counts.started) <= of(&counts.spawned));
        assert!(of(&counts.scopes_cut_off) > 0 && of(&counts.unwound) > 0 && of(&counts.panicked) > 0);
    }
}

fn storm(seed: u64, shuffled: bool, cancellations: usize) {
    let before = corro::stacks().in_use;
    let storm = Storm::new(seed);
    let builder = EventLoop::builder().virtual_time(true);
    let builder = if shuffled { builder.seed(seed) } else { builder };
    let event_loop = builder.build().unwrap();
    event_loop.run(|| storm.rage(cancellations));
    event_loop.run_until_idle();
    storm.check();
    drop(event_loop);
    storm.tokens.borrow().iter().for_each(CancelToken::cancel);
    assert_eq!(corro::stacks().in_use, before);
    assert_eq!(Rc::strong_count(&storm.counts), 1, "what tasks held is gone");
}

#[test]
fn t2_a_storm_of_ten_thousand_cancellations() {
    isolated(|| storm(1, false, 10_000));
}

#[test]
fn t2_storms_with_many_seeds() {
    isolated(|| {
        for seed in 2..22 {
            eprintln!("seed {seed}");
            storm(seed, seed % 2 == 0, 1000);
        }
    });
}
