//! Random operations, releases and cancellations, on a primitive and on a simple sequential model of it.
//!
//! Each operation is a task of its own on a loop with virtual time. After each step the test sleeps for a millisecond: that
//! is over when every task waits, so what has ended by then must be what the model says. A step can also cancel a task
//! that it has just caused to be chosen, before that has run.

mod channels;
mod kinds;
mod locks;
mod meeting;
mod queues;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use corro::{EventLoop, Scope, ScopedJoinHandle, scope, sleep};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::ms;

/// What is tested.
trait Primitive {
    type Op: Copy + Debug;
    /// What an operation returns, such as a guard.
    type Output<'a>
    where
        Self: 'a;

    /// Does it, waiting if need be.
    fn perform(&self, op: Self::Op) -> Self::Output<'_>;

    /// The output as the model has it.
    fn show(output: &Self::Output<'_>) -> String;

    /// What can be seen of it from outside, as the model shows it.
    fn observe(&self) -> String {
        String::new()
    }
}

/// What a primitive should do. Operations are known by their numbers; what has ended has a result.
trait Model: Clone {
    type Op;

    /// An operation begins.
    fn start(&mut self, id: usize, op: Self::Op);

    /// One that waits gives up.
    fn leave(&mut self, id: usize);

    /// What an operation got is given back.
    fn release(&mut self, _id: usize) {}

    /// One that was chosen is cancelled before it runs. `false`: it cannot be undone, and ends as if it were not.
    fn revoke(&mut self, id: usize) -> bool {
        self.release(id);
        self.results().remove(&id);
        true
    }

    /// How many milliseconds it waits at most, and what it returns then.
    fn limit(_op: Self::Op) -> Option<(u64, String)> {
        None
    }

    /// The results of what has ended.
    fn results(&mut self) -> &mut Results;

    fn observe(&self) -> String {
        String::new()
    }
}

type Results = BTreeMap<usize, String>;

#[derive(Clone, Copy, Debug)]
enum Step<O> {
    Start(O),
    /// Drops a result.
    Release(prop::sample::Index),
    /// Cancels one that waits.
    Cancel(prop::sample::Index),
    /// As `Start` and `Release`, and then cancels one that was chosen by that and has not run.
    StartAndCancel(O),
    ReleaseAndCancel(prop::sample::Index),
}

fn steps<O: Copy + Debug + 'static>(
    op: impl Strategy<Value = O> + Clone + 'static,
) -> impl Strategy<Value = Vec<Step<O>>> {
    let index = any::<prop::sample::Index>;
    let step = prop_oneof![
        6 => op.clone().prop_map(Step::Start),
        2 => index().prop_map(Step::Release),
        2 => index().prop_map(Step::Cancel),
        2 => op.prop_map(Step::StartAndCancel),
        1 => index().prop_map(Step::ReleaseAndCancel),
    ];
    prop::collection::vec(step, 1..80)
}

/// Compares a primitive with its model in many random runs.
fn check<P: Primitive, M: Model<Op = P::Op>>(
    op: impl Strategy<Value = P::Op> + Clone + 'static,
    primitive: impl Fn() -> P,
    model: impl Fn() -> M,
) where
    P::Op: 'static,
{
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(steps(op), any::<u64>()), |(steps, seed)| {
        let event_loop = EventLoop::builder().virtual_time(true).seed(seed).build().expect("a loop");
        let primitive = primitive();
        event_loop.run(|| scope(|s| Run::new(s, &primitive, model()).all(&steps)));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// One run: what is under way in the primitive, and what the model has.
struct Run<'s, 'env, P: Primitive, M> {
    scope: &'s Scope<'s, 'env>,
    primitive: &'env P,
    model: M,
    tasks: BTreeMap<usize, ScopedJoinHandle<'s, P::Output<'env>>>,
    outputs: BTreeMap<usize, P::Output<'env>>,
    /// When an operation gives up, in milliseconds, and what it returns then.
    limits: BTreeMap<usize, (u64, String)>,
    now: u64,
    next: usize,
}

impl<'s, 'env, P: Primitive, M: Model<Op = P::Op>> Run<'s, 'env, P, M> {
    fn new(scope: &'s Scope<'s, 'env>, primitive: &'env P, model: M) -> Self {
        let (tasks, outputs, limits) = Default::default();
        Run { scope, primitive, model, tasks, outputs, limits, now: 0, next: 0 }
    }

    fn all(mut self, steps: &[Step<P::Op>]) {
        for step in steps {
            self.step(*step);
        }
        // Whatever is left gives way.
        while let Some(&id) = self.tasks.keys().next() {
            self.cancel(id);
        }
        while let Some(&id) = self.outputs.keys().next() {
            self.release(id);
            self.settle();
        }
        assert!(self.tasks.is_empty());
    }

    fn step(&mut self, step: Step<P::Op>) {
        match step {
            Step::Start(op) => self.start(op),
            Step::Release(index) => self.release_any(index),
            Step::Cancel(index) if !self.tasks.is_empty() => {
                let ids: Vec<_> = self.tasks.keys().copied().collect();
                self.cancel(*index.get(&ids));
            }
            Step::Cancel(_) => {}
            Step::StartAndCancel(op) if self.foresees_a_wait(op) => self.start(op),
            Step::StartAndCancel(op) => self.choose_and_cancel(|run| run.start_here(op)),
            Step::ReleaseAndCancel(index) => self.choose_and_cancel(|run| run.release_any(index)),
        }
        self.settle();
    }

    fn start(&mut self, op: P::Op) {
        let (id, primitive) = (self.number(op), self.primitive);
        self.model.start(id, op);
        let task = self.scope.spawn_local(move || primitive.perform(op));
        self.tasks.insert(id, task);
    }

    fn foresees_a_wait(&self, op: P::Op) -> bool {
        let mut model = self.model.clone();
        model.start(self.next, op);
        !model.results().contains_key(&self.next)
    }

    /// As `start`, for what need not wait: without a task, so that nobody runs meanwhile.
    fn start_here(&mut self, op: P::Op) {
        let id = self.number(op);
        self.model.start(id, op);
        let output = self.primitive.perform(op);
        assert_eq!(P::show(&output), self.model.results()[&id], "{op:?}");
        self.outputs.insert(id, output);
    }

    fn number(&mut self, op: P::Op) -> usize {
        let id = self.next;
        self.next += 1;
        if let Some((limit, result)) = M::limit(op) {
            self.limits.insert(id, (self.now + limit, result));
        }
        id
    }

    fn release_any(&mut self, index: prop::sample::Index) {
        let ids: Vec<_> = self.outputs.keys().copied().collect();
        if !ids.is_empty() {
            self.release(*index.get(&ids));
        }
    }

    fn release(&mut self, id: usize) {
        drop(self.outputs.remove(&id));
        self.model.release(id);
    }

    fn cancel(&mut self, id: usize) {
        self.model.leave(id);
        self.cancelled(id);
        self.settle();
    }

    /// The task ends in a cancellation.
    fn cancelled(&mut self, id: usize) {
        let task = self.tasks.remove(&id).expect("it has not ended");
        task.cancel();
        match task.join() {
            Ok(output) => panic!("{id} should have been cancelled, and returned {}", P::show(&output)),
            Err(error) => assert!(error.is_cancelled() && !error.is_panic(), "{error}"),
        }
    }

    /// Cancels the first that is chosen by this and has not run.
    fn choose_and_cancel(&mut self, choose: impl FnOnce(&mut Self)) {
        choose(self);
        let results = self.model.results();
        let Some(&id) = self.tasks.keys().find(|id| results.contains_key(id)) else { return };
        if self.model.revoke(id) {
            self.cancelled(id);
        } else {
            self.tasks[&id].cancel();
        }
    }

    /// Lets all tasks run until each waits or has ended, and compares.
    fn settle(&mut self) {
        sleep(ms(1));
        self.now += 1;
        self.give_up();
        let is_finished = |(&id, task): (&usize, &ScopedJoinHandle<'_, _>)| task.is_finished().then_some(id);
        let ended: Vec<_> = self.tasks.iter().filter_map(is_finished).collect();
        for id in ended {
            let output = self.tasks.remove(&id).expect("it is there").join().expect("it does not fail");
            assert_eq!(Some(&P::show(&output)), self.model.results().get(&id), "operation {id}");
            self.outputs.insert(id, output);
        }
        for id in self.tasks.keys() {
            assert_eq!(self.model.results().get(id), None, "operation {id} should have ended");
        }
        assert_eq!(self.primitive.observe(), self.model.observe());
    }

    /// Has the model give up what has waited for long enough.
    fn give_up(&mut self) {
        for id in self.tasks.keys() {
            if let Some((limit, result)) = self.limits.get(id)
                && *limit <= self.now
                && !self.model.results().contains_key(id)
            {
                self.model.leave(*id);
                self.model.results().insert(*id, result.clone());
            }
        }
    }
}

/// How long an operation waits with a limit of so many steps: over between two of them.
fn limit(steps: u64) -> Duration {
    ms(steps) - ms(1) / 2
}
