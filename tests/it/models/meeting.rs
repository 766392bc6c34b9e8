//! Where several are woken at once, or somebody does something for all: events, barriers, conditions, cells.

use std::collections::VecDeque;
use std::mem;

use corro::sync::{Barrier, Condvar, Event, Mutex, OnceCell, Semaphore};
use proptest::prelude::*;

use super::{Model, Primitive, Results, check, limit};

#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Wait,
    WaitFor(u64),
    /// Sets the event, notifies one, opens the gate.
    Go,
    /// Notifies all.
    GoAll,
    Clear,
}

fn waits() -> impl Strategy<Value = Op> + Clone {
    prop_oneof![3 => Just(Op::Wait), 1 => (1..5_u64).prop_map(Op::WaitFor)]
}

/// Who waits, in order, and what has ended.
#[derive(Clone, Default)]
struct Waiting {
    ids: VecDeque<usize>,
    results: Results,
}

impl Waiting {
    fn end(&mut self, id: usize, result: impl Into<String>) {
        self.results.insert(id, result.into());
    }

    fn wake_one(&mut self) {
        if let Some(id) = self.ids.pop_front() {
            self.end(id, "woken");
        }
    }

    fn wake_all(&mut self) {
        while !self.ids.is_empty() {
            self.wake_one();
        }
    }

    fn leave(&mut self, id: usize) {
        self.ids.retain(|&waiter| waiter != id);
    }
}

fn late(op: Op) -> Option<(u64, String)> {
    match op {
        Op::WaitFor(steps) => Some((steps, "late".to_owned())),
        _ => None,
    }
}

#[derive(Clone, Default)]
struct EventSpec {
    set: bool,
    waiting: Waiting,
}

impl Model for EventSpec {
    type Op = Op;

    fn start(&mut self, id: usize, op: Op) {
        match op {
            Op::Wait | Op::WaitFor(_) if self.set => self.waiting.end(id, "woken"),
            Op::Wait | Op::WaitFor(_) => self.waiting.ids.push_back(id),
            Op::Clear => {
                self.set = false;
                self.waiting.end(id, "woken");
            }
            Op::Go | Op::GoAll => {
                self.set = true;
                self.waiting.wake_all();
                self.waiting.end(id, "woken");
            }
        }
    }

    fn leave(&mut self, id: usize) {
        self.waiting.leave(id);
    }

    fn limit(op: Op) -> Option<(u64, String)> {
        late(op)
    }

    fn results(&mut self) -> &mut Results {
        &mut self.waiting.results
    }

    fn observe(&self) -> String {
        self.set.to_string()
    }
}

impl Primitive for Event {
    type Op = Op;
    type Output<'a> = &'static str;

    fn perform(&self, op: Op) -> &'static str {
        match op {
            Op::Wait => self.wait(),
            Op::WaitFor(steps) if !self.wait_timeout(limit(steps)) => return "late",
            Op::WaitFor(_) => {}
            Op::Go => self.set(),
            Op::Clear => self.clear(),
            // So that nobody has run in between.
            Op::GoAll => {
                self.set();
                self.clear();
                self.set();
            }
        }
        "woken"
    }

    fn show(output: &&'static str) -> String {
        (*output).to_owned()
    }

    fn observe(&self) -> String {
        self.is_set().to_string()
    }
}

#[test]
fn events_are_as_their_model() {
    let op = prop_oneof![6 => waits(), 1 => Just(Op::Go), 1 => Just(Op::GoAll), 3 => Just(Op::Clear)];
    check(op, Event::new, EventSpec::default);
}

#[derive(Clone)]
struct BarrierSpec {
    parties: usize,
    waiting: Waiting,
}

impl Model for BarrierSpec {
    type Op = Op;

    fn start(&mut self, id: usize, _op: Op) {
        if self.waiting.ids.len() + 1 < self.parties {
            self.waiting.ids.push_back(id);
        } else {
            self.waiting.wake_all();
            self.waiting.end(id, "leads");
        }
    }

    fn leave(&mut self, id: usize) {
        self.waiting.leave(id);
    }

    fn results(&mut self) -> &mut Results {
        &mut self.waiting.results
    }
}

impl Primitive for Barrier {
    type Op = Op;
    type Output<'a> = bool;

    fn perform(&self, _op: Op) -> bool {
        self.wait().is_leader()
    }

    fn show(leads: &bool) -> String {
        if *leads { "leads" } else { "woken" }.to_owned()
    }
}

#[test]
fn barriers_are_as_their_model() {
    for parties in [0, 1, 2, 5] {
        check(Just(Op::Wait), || Barrier::new(parties), || BarrierSpec { parties, waiting: Waiting::default() });
    }
}

/// A condition that is notified whatever the state of anything.
pub(super) struct Condition {
    mutex: Mutex<()>,
    condvar: Condvar,
}

impl Primitive for Condition {
    type Op = Op;
    type Output<'a> = &'static str;

    fn perform(&self, op: Op) -> &'static str {
        match op {
            Op::Wait => drop(self.condvar.wait(self.mutex.lock())),
            Op::WaitFor(steps) => {
                let (_guard, outcome) = self.condvar.wait_timeout(self.mutex.lock(), limit(steps));
                if outcome.timed_out() {
                    return "late";
                }
            }
            Op::Go | Op::Clear => self.condvar.notify_one(),
            Op::GoAll => self.condvar.notify_all(),
        }
        "woken"
    }

    fn show(output: &&'static str) -> String {
        (*output).to_owned()
    }

    fn observe(&self) -> String {
        self.mutex.try_lock().is_some().to_string()
    }
}

#[derive(Clone, Default)]
pub(super) struct ConditionSpec(Waiting);

impl Model for ConditionSpec {
    type Op = Op;

    fn start(&mut self, id: usize, op: Op) {
        match op {
            Op::Wait | Op::WaitFor(_) => return self.0.ids.push_back(id),
            Op::Go | Op::Clear => self.0.wake_one(),
            Op::GoAll => self.0.wake_all(),
        }
        self.0.end(id, "woken");
    }

    fn leave(&mut self, id: usize) {
        self.0.leave(id);
    }

    /// The notification goes to the next.
    fn revoke(&mut self, id: usize) -> bool {
        self.0.results.remove(&id);
        self.0.wake_one();
        true
    }

    fn limit(op: Op) -> Option<(u64, String)> {
        late(op)
    }

    fn results(&mut self) -> &mut Results {
        &mut self.0.results
    }

    fn observe(&self) -> String {
        true.to_string()
    }
}

#[test]
fn conditions_are_as_their_model() {
    let op = prop_oneof![4 => waits(), 2 => Just(Op::Go), 1 => Just(Op::GoAll)];
    let condition = || Condition { mutex: Mutex::new(()), condvar: Condvar::new() };
    check(op, condition, ConditionSpec::default);
}

/// A cell whose value is made by one who waits at a gate for that, and is 1, 2, … by the count of the tries.
struct Cell {
    cell: OnceCell<u32>,
    gate: Semaphore,
}

impl Primitive for Cell {
    type Op = Op;
    type Output<'a> = String;

    fn perform(&self, op: Op) -> String {
        match op {
            Op::Go | Op::GoAll | Op::Clear => {
                self.gate.release(1).expect("it has no bound");
                "opened".to_owned()
            }
            Op::Wait | Op::WaitFor(_) => {
                let make = || {
                    self.gate.acquire().forget();
                    7
                };
                self.cell.get_or_init(make).to_string()
            }
        }
    }

    fn show(output: &String) -> String {
        output.clone()
    }

    fn observe(&self) -> String {
        format!("{:?} {}", self.cell.get(), self.gate.available())
    }
}

#[derive(Clone, Default)]
struct CellSpec {
    made: bool,
    permits: usize,
    /// The first makes the value.
    waiting: Waiting,
    /// Who has made it.
    maker: Option<usize>,
    /// Who waited for that.
    others: VecDeque<usize>,
}

impl CellSpec {
    fn make(&mut self) {
        if !self.made
            && self.permits > 0
            && let Some(maker) = self.waiting.ids.pop_front()
        {
            self.permits -= 1;
            self.made = true;
            self.maker = Some(maker);
            self.waiting.end(maker, "7");
            self.others = mem::take(&mut self.waiting.ids);
            for other in self.others.clone() {
                self.waiting.end(other, "7");
            }
        }
    }
}

impl Model for CellSpec {
    type Op = Op;

    fn start(&mut self, id: usize, op: Op) {
        match op {
            Op::Wait | Op::WaitFor(_) if self.made => self.waiting.end(id, "7"),
            Op::Wait | Op::WaitFor(_) => self.waiting.ids.push_back(id),
            Op::Go | Op::GoAll | Op::Clear => {
                self.permits += 1;
                self.waiting.end(id, "opened");
            }
        }
        self.make();
    }

    fn leave(&mut self, id: usize) {
        self.waiting.leave(id);
        self.make();
    }

    /// The maker was let through the gate and is cancelled: another is let through in its place.
    fn revoke(&mut self, id: usize) -> bool {
        self.waiting.results.remove(&id);
        self.others.retain(|&other| other != id);
        if self.maker == Some(id) {
            self.made = false;
            self.permits += 1;
            self.waiting.ids = mem::take(&mut self.others);
            for other in &self.waiting.ids {
                self.waiting.results.remove(other);
            }
            self.make();
        }
        true
    }

    fn results(&mut self) -> &mut Results {
        &mut self.waiting.results
    }

    fn observe(&self) -> String {
        format!("{:?} {}", self.made.then_some(7), self.permits)
    }
}

#[test]
fn cells_are_as_their_model() {
    let op = prop_oneof![8 => Just(Op::Wait), 1 => Just(Op::Go)];
    let cell = || Cell { cell: OnceCell::new(), gate: Semaphore::new(0) };
    check(op, cell, CellSpec::default);
}
