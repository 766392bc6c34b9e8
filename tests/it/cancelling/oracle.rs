//! What a nesting of scopes must come to: a simulation with a clock of its own and nothing of this crate.
//!
//! A program has one clock and one thread of code, so each wait ends at its own end or when the first visible scope
//! fires, whichever is earlier; at the same time the scope wins.

use std::cell::Cell;
use std::rc::Rc;

pub(super) const MS: u64 = 1_000_000;
const NEVER: u64 = u64::MAX;

/// A piece of a program, with a number that tells it from the others.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: Cell<usize>,
    pub(super) kind: Kind,
}

pub(super) type Child = Rc<Node>;

/// Times are in milliseconds.
#[derive(Debug)]
pub(super) enum Kind {
    Sleep(u64),
    Checkpoint,
    /// Of a task that sleeps for so long.
    Join(u64),
    Timeout(u64, Child),
    /// Is cancelled by another task after a time, and a bit that no other event has.
    CancelScope(u64, Child),
    /// Cancels the cancel scope that is so many outwards, if there is one.
    CancelOuter(usize),
    Shield(Child),
    /// Catches what unwinds and goes on.
    Swallow(Child),
    /// A `corro::scope` with a task that sleeps for so long.
    Scope(u64, Child),
    /// The body of a generator.
    Generator(Child),
    /// A generator whose body is a timeout around the first and the last; it yields between, when the second runs.
    Suspended(u64, [Child; 3]),
    /// The second is run by a destructor after the first.
    Destructor([Child; 2]),
    Sequence(Vec<Child>),
}

/// How a piece ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Elapsed,
    Cancelled,
    Swallowed,
    Unwound,
}

/// Which piece ended how and when, in nanoseconds since the beginning.
pub(super) type Entry = (usize, Outcome, u64);

/// A body of a task, and when the task is cancelled.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) root: Child,
    pub(super) cancel_after: Option<u64>,
}

impl Program {
    pub(super) fn new(root: Child, cancel_after: Option<u64>) -> Program {
        number(&root, &mut 1);
        Program { root, cancel_after }
    }
}

fn number(node: &Node, next: &mut usize) {
    node.id.set(*next);
    *next += 1;
    match &node.kind {
        Kind::Sleep(_) | Kind::Checkpoint | Kind::Join(_) | Kind::CancelOuter(_) => {}
        Kind::Timeout(_, body) | Kind::CancelScope(_, body) | Kind::Scope(_, body) => number(body, next),
        Kind::Shield(body) | Kind::Swallow(body) | Kind::Generator(body) => number(body, next),
        Kind::Suspended(_, parts) => parts.iter().for_each(|part| number(part, next)),
        Kind::Destructor(parts) => parts.iter().for_each(|part| number(part, next)),
        Kind::Sequence(parts) => parts.iter().for_each(|part| number(part, next)),
    }
}

/// Programs may be this long, so that the bits below add up to less than a millisecond.
pub(super) const MOST_NODES: usize = 18;

/// What is added to the time of a cancellation, so that it falls together with nothing else: any time is a sum of whole
/// milliseconds and of the bits of those cancellations that came before.
pub(super) fn bit(node: usize) -> u64 {
    assert!(node <= MOST_NODES, "a program of too many pieces");
    1 << node
}

/// A scope around the code that runs; the task itself is the last.
struct Scope {
    fires_at: Cell<u64>,
    shields: bool,
    by_token: bool,
    outer: Option<Rc<Scope>>,
}

impl Scope {
    fn around(outer: &Rc<Scope>, fires_at: u64) -> Rc<Scope> {
        Rc::new(Scope { fires_at: Cell::new(fires_at), shields: false, by_token: false, outer: Some(outer.clone()) })
    }

    fn chain(&self) -> impl Iterator<Item = &Scope> {
        std::iter::successors(Some(self), |scope| scope.outer.as_deref())
    }

    /// When the first scope fires that the code in `self` sees.
    fn first(&self) -> u64 {
        let mut shielded = false;
        let visible = self.chain().take_while(|scope| !std::mem::replace(&mut shielded, scope.shields));
        visible.map(|scope| scope.fires_at.get()).min().unwrap_or(NEVER)
    }
}

struct Unwind;
type Result = std::result::Result<(), Unwind>;

struct Simulation {
    now: u64,
    trace: Vec<Entry>,
    unwinding: bool,
}

/// The trace of a program, and whether its task ends by itself.
pub(super) fn foretell(program: &Program) -> (Vec<Entry>, bool) {
    let mut simulation = Simulation { now: 0, trace: Vec::new(), unwinding: false };
    let fires_at = program.cancel_after.map_or(NEVER, |after| after * MS + bit(0));
    let task = Scope { fires_at: Cell::new(fires_at), shields: false, by_token: false, outer: None };
    let ended = simulation.run(&Rc::new(task), &program.root);
    (simulation.trace, ended.is_ok())
}

impl Simulation {
    fn run(&mut self, around: &Rc<Scope>, node: &Node) -> Result {
        let outcome = self.outcome(around, node);
        self.trace.push((node.id.get(), *outcome.as_ref().unwrap_or(&Outcome::Unwound), self.now));
        outcome.map(drop)
    }

    fn outcome(&mut self, around: &Rc<Scope>, node: &Node) -> std::result::Result<Outcome, Unwind> {
        match &node.kind {
            Kind::Sleep(after) | Kind::Join(after) => self.wait_until(around, self.now + after * MS)?,
            Kind::Checkpoint => self.wait_until(around, self.now)?,
            Kind::Timeout(after, body) => {
                let scope = Scope::around(around, self.now + after * MS);
                let ended = self.run(&scope, body);
                return self.end_of(&scope, ended, Outcome::Elapsed);
            }
            Kind::CancelScope(after, body) => {
                let fires_at = Cell::new(self.now + after * MS + bit(node.id.get()));
                let outer = Some(around.clone());
                let scope = Rc::new(Scope { fires_at, shields: false, by_token: true, outer });
                let ended = self.run(&scope, body);
                return self.end_of(&scope, ended, Outcome::Cancelled);
            }
            Kind::CancelOuter(number) => {
                if let Some(scope) = around.chain().filter(|scope| scope.by_token).nth(*number) {
                    scope.fires_at.set(scope.fires_at.get().min(self.now));
                }
            }
            Kind::Shield(body) => {
                let (fires_at, outer) = (Cell::new(NEVER), Some(around.clone()));
                self.run(&Rc::new(Scope { fires_at, shields: true, by_token: false, outer }), body)?;
            }
            Kind::Swallow(body) => {
                if self.run(around, body).is_err() {
                    return Ok(Outcome::Swallowed);
                }
            }
            Kind::Scope(after, body) => {
                let end = self.now + after * MS;
                self.run(around, body)?;
                self.wait_until(around, end.max(self.now))?;
            }
            Kind::Generator(body) => self.run(around, body)?,
            Kind::Suspended(after, parts) => return self.suspended(around, *after, parts),
            Kind::Destructor([body, cleanup]) => {
                let ended = self.run(around, body);
                let before = self.unwinding;
                self.unwinding |= ended.is_err();
                let cleaned = self.run(around, cleanup);
                self.unwinding = before;
                ended.and(cleaned)?;
            }
            Kind::Sequence(parts) => parts.iter().try_for_each(|part| self.run(around, part))?,
        }
        Ok(Outcome::Done)
    }

    fn suspended(
        &mut self,
        around: &Rc<Scope>,
        after: u64,
        [first, between, last]: &[Child; 3],
    ) -> std::result::Result<Outcome, Unwind> {
        let scope = Scope::around(around, self.now + after * MS);
        let mut ended = self.run(&scope, first);
        if ended.is_ok() {
            self.run(around, between)?;
            ended = self.run(&scope, last);
        }
        self.end_of(&scope, ended, Outcome::Elapsed)
    }

    fn wait_until(&mut self, around: &Scope, end: u64) -> Result {
        if self.unwinding {
            return Ok(());
        }
        let fires_at = around.first();
        self.now = self.now.max(end.min(fires_at));
        if fires_at <= self.now { Err(Unwind) } else { Ok(()) }
    }

    /// What a scope makes of the end of its body: an unwind is its own if it has fired and no visible outer one has.
    fn end_of(&self, scope: &Scope, ended: Result, own: Outcome) -> std::result::Result<Outcome, Unwind> {
        let outer = scope.outer.as_ref().map_or(NEVER, |outer| outer.first());
        match ended {
            Ok(()) => Ok(Outcome::Done),
            Err(Unwind) if scope.fires_at.get() <= self.now && outer > self.now => Ok(own),
            Err(Unwind) => Err(Unwind),
        }
    }
}
