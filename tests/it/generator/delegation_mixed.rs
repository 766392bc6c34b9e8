//! G8: delegations of new, started and finished generators, nested at random, against a model.

use std::rc::Rc;

use corro::generator::Status;
use corro::{Co, Generator};
use fastrand::Rng;

use super::{Trace, raises};

/// A generator: what it does in order. It returns its number.
#[derive(Debug)]
struct Plan {
    number: usize,
    actions: Vec<Action>,
}

#[derive(Debug)]
enum Action {
    Yield(u32),
    /// Makes a generator of that plan, takes that many of its values first, then delegates to it.
    Delegate(Rc<Plan>, usize),
}

/// Makes plans with numbers and values of their own.
struct Planner {
    rng: Rng,
    plans: usize,
    values: u32,
}

impl Planner {
    fn plan(&mut self, depth: u32) -> Rc<Plan> {
        self.plans += 1;
        let number = self.plans;
        let length = self.rng.usize(0..5);
        Rc::new(Plan { number, actions: (0..length).map(|_| self.action(depth)).collect() })
    }

    fn action(&mut self, depth: u32) -> Action {
        if depth == 0 || self.rng.u32(0..5) < 2 {
            self.values += 1;
            return Action::Yield(self.values);
        }
        let steps = if self.rng.bool() { 0 } else { self.rng.usize(1..6) };
        Action::Delegate(self.plan(depth - 1), steps)
    }
}

/// The generator of a plan. It says its number when its locals are dropped.
fn generator(plan: &Rc<Plan>, trace: &Trace) -> Generator<u32, (), usize> {
    let (plan, trace) = (Rc::clone(plan), trace.clone());
    Generator::new(move |co: &Co<u32>| {
        let _local = trace.guard(plan.number.to_string());
        for action in &plan.actions {
            match action {
                Action::Yield(value) => co.yield_(*value),
                Action::Delegate(inner, steps) => {
                    let mut generator = generator(inner, &trace);
                    generator.by_ref().take(*steps).for_each(drop);
                    assert_eq!(co.yield_from(&mut generator), inner.number);
                    assert_eq!(generator.status(), Status::Closed);
                }
            }
        }
        plan.number
    })
}

/// The model: every value with the numbers of the generators that are suspended then, the innermost last.
fn values(plan: &Plan) -> Vec<(u32, Vec<usize>)> {
    let own = |action: &Action| match action {
        Action::Yield(value) => vec![(*value, Vec::new())],
        Action::Delegate(inner, steps) => values(inner).into_iter().skip(*steps).collect(),
    };
    let mut all: Vec<_> = plan.actions.iter().flat_map(own).collect();
    all.iter_mut().for_each(|(_, chain)| chain.insert(0, plan.number));
    all
}

/// The names in the order in which the generators unwind.
fn innermost_first(chain: &[usize]) -> Vec<String> {
    chain.iter().rev().map(ToString::to_string).collect()
}

/// A plan that yields at least one value, for each of many seeds.
fn plans() -> impl Iterator<Item = Rc<Plan>> {
    let plan = |seed| Planner { rng: Rng::with_seed(seed), plans: 0, values: 0 }.plan(5);
    (0..400).map(plan).filter(|plan| !values(plan).is_empty())
}

#[test]
fn g8_mixed_delegations_pass_all_values() {
    let mut longest = 0;
    for plan in plans() {
        let expected: Vec<_> = values(&plan).into_iter().map(|(value, _)| value).collect();
        let mut generator = generator(&plan, &Trace::new());
        assert_eq!(generator.by_ref().collect::<Vec<_>>(), expected, "{plan:#?}");
        assert_eq!(generator.take_return(), Some(plan.number));
        longest = longest.max(values(&plan).iter().map(|(_, chain)| chain.len()).max().unwrap_or(0));
    }
    assert_eq!(longest, 6, "the plans are deep enough");
}

#[test]
fn g8_mixed_delegations_unwind_innermost_first() {
    for (seed, plan) in (0..).zip(plans()) {
        let all = values(&plan);
        let at = Rng::with_seed(seed).usize(..all.len());
        let (value, chain) = &all[at];
        for way in 0..3 {
            let trace = Trace::new();
            let mut generator = generator(&plan, &trace);
            assert_eq!(generator.nth(at), Some(*value));
            trace.take();
            match way {
                0 => assert!(matches!(generator.close(), Ok(None))),
                1 => assert_eq!(raises::<_, _, &str>(generator.throw("no")), "no"),
                _ => drop(generator),
            }
            assert_eq!(trace.take(), innermost_first(chain), "{plan:#?}");
        }
    }
}
