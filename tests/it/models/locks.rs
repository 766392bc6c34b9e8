//! What is a number of permits below: semaphores, mutexes, readers-writer locks.

use std::collections::{BTreeMap, VecDeque};

use corro::sync::{Mutex, MutexGuard, Permit, RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore};
use proptest::prelude::*;

use super::{Model, Primitive, Results, check, limit};

/// In the language of permits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Take(usize),
    TryTake(usize),
    TakeFor(usize, u64),
    /// Of a semaphore: gives permits that were not taken.
    Give(usize),
}

#[derive(Clone)]
struct Spec {
    free: usize,
    most: usize,
    waiting: VecDeque<(usize, usize)>,
    held: BTreeMap<usize, usize>,
    results: Results,
}

impl Spec {
    fn new(free: usize, most: usize) -> Spec {
        Spec { free, most, waiting: VecDeque::new(), held: BTreeMap::new(), results: Results::new() }
    }

    fn end(&mut self, id: usize, result: &str) {
        self.results.insert(id, result.to_owned());
    }

    /// Whoever is first takes as many as it wants, if they are there.
    fn hand_out(&mut self) {
        while let Some(&(id, count)) = self.waiting.front()
            && count <= self.free
        {
            self.waiting.pop_front();
            self.free -= count;
            self.held.insert(id, count);
            self.end(id, "taken");
        }
    }
}

impl Model for Spec {
    type Op = Op;

    fn start(&mut self, id: usize, op: Op) {
        match op {
            Op::Take(count) | Op::TakeFor(count, _) => self.waiting.push_back((id, count)),
            Op::TryTake(count) if self.waiting.is_empty() && count <= self.free => self.waiting.push_back((id, count)),
            Op::TryTake(_) => self.end(id, "none"),
            Op::Give(count) if self.free + count > self.most => self.end(id, "too many"),
            Op::Give(count) => {
                self.free += count;
                self.end(id, "given");
            }
        }
        self.hand_out();
    }

    fn leave(&mut self, id: usize) {
        self.waiting.retain(|waiter| waiter.0 != id);
        self.hand_out();
    }

    fn release(&mut self, id: usize) {
        // Of what is given back only so many fit, if others gave what was not taken.
        let free = self.free + self.held.remove(&id).unwrap_or(0);
        self.free = free.min(self.most);
        self.hand_out();
    }

    fn limit(op: Op) -> Option<(u64, String)> {
        match op {
            Op::TakeFor(_, steps) => Some((steps, "none".to_owned())),
            _ => None,
        }
    }

    fn results(&mut self) -> &mut Results {
        &mut self.results
    }

    fn observe(&self) -> String {
        format!("{}", self.free)
    }
}

fn taken<T>(guard: Option<&T>) -> String {
    if guard.is_some() { "taken" } else { "none" }.to_owned()
}

pub(super) enum Permits<'a> {
    Taken(Option<Permit<'a>>),
    Given(bool),
}

impl Primitive for Semaphore {
    type Op = Op;
    type Output<'a> = Permits<'a>;

    fn perform(&self, op: Op) -> Permits<'_> {
        match op {
            Op::Take(1) => Permits::Taken(Some(self.acquire())),
            Op::Take(count) => Permits::Taken(Some(self.acquire_many(count))),
            Op::TryTake(_one) => Permits::Taken(self.try_acquire()),
            Op::TakeFor(_one, steps) => Permits::Taken(self.acquire_timeout(limit(steps))),
            Op::Give(count) => Permits::Given(self.release(count).is_ok()),
        }
    }

    fn show(output: &Permits<'_>) -> String {
        match output {
            Permits::Taken(permit) => taken(permit.as_ref()),
            Permits::Given(given) => if *given { "given" } else { "too many" }.to_owned(),
        }
    }

    fn observe(&self) -> String {
        format!("{}", self.available())
    }
}

#[test]
fn semaphores_are_as_their_model() {
    let op = prop_oneof![
        4 => (1..4_usize).prop_map(Op::Take),
        1 => Just(Op::TryTake(1)),
        2 => (1..5_u64).prop_map(|steps| Op::TakeFor(1, steps)),
        2 => (0..4_usize).prop_map(Op::Give),
    ];
    check(op.clone(), || Semaphore::new(2), || Spec::new(2, usize::MAX));
    check(op, || Semaphore::bounded(3), || Spec::new(3, 3));
}

impl Primitive for Mutex<()> {
    type Op = Op;
    type Output<'a> = Option<MutexGuard<'a, ()>>;

    fn perform(&self, op: Op) -> Self::Output<'_> {
        match op {
            Op::Take(_) | Op::Give(_) => Some(self.lock()),
            Op::TryTake(_) => self.try_lock(),
            Op::TakeFor(_, steps) => self.lock_timeout(limit(steps)),
        }
    }

    fn show(output: &Self::Output<'_>) -> String {
        taken(output.as_ref())
    }

    fn observe(&self) -> String {
        format!("{}", usize::from(self.try_lock().is_some()))
    }
}

#[test]
fn mutexes_are_as_their_model() {
    let op = prop_oneof![
        4 => Just(Op::Take(1)),
        1 => Just(Op::TryTake(1)),
        2 => (1..5_u64).prop_map(|steps| Op::TakeFor(1, steps)),
    ];
    check(op, || Mutex::new(()), || Spec::new(1, 1));
}

/// As many as a writer takes.
const ALL: usize = 1_000;

pub(super) enum Guard<'a> {
    Read { _guard: Option<RwLockReadGuard<'a, ()>>, taken: bool },
    Write { _guard: Option<RwLockWriteGuard<'a, ()>>, taken: bool },
}

impl Primitive for RwLock<()> {
    type Op = Op;
    type Output<'a> = Guard<'a>;

    fn perform(&self, op: Op) -> Guard<'_> {
        let read = |guard: Option<_>| Guard::Read { taken: guard.is_some(), _guard: guard };
        let write = |guard: Option<_>| Guard::Write { taken: guard.is_some(), _guard: guard };
        match op {
            Op::TryTake(1) => read(self.try_read()),
            Op::TryTake(_all) => write(self.try_write()),
            Op::Take(1) => read(Some(self.read())),
            _ => write(Some(self.write())),
        }
    }

    fn show(output: &Guard<'_>) -> String {
        let (Guard::Read { taken, .. } | Guard::Write { taken, .. }) = output;
        if *taken { "taken" } else { "none" }.to_owned()
    }
}

/// The model without what cannot be seen.
#[derive(Clone)]
struct Unseen(Spec);

impl Model for Unseen {
    type Op = Op;

    fn start(&mut self, id: usize, op: Op) {
        self.0.start(id, op);
    }

    fn leave(&mut self, id: usize) {
        self.0.leave(id);
    }

    fn release(&mut self, id: usize) {
        self.0.release(id);
    }

    fn results(&mut self) -> &mut Results {
        self.0.results()
    }
}

#[test]
fn readers_writer_locks_are_as_their_model() {
    let op = prop_oneof![
        4 => Just(Op::Take(1)),
        2 => Just(Op::Take(ALL)),
        1 => Just(Op::TryTake(1)),
        1 => Just(Op::TryTake(ALL)),
    ];
    check(op, || RwLock::new(()), || Unseen(Spec::new(ALL, ALL)));
}
