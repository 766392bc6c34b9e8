//! Rule T4: nestings of scopes, shields, waits and catches, run with virtual time and checked against the
//! [`oracle`](super::oracle).

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use corro::CoroutineState::{Complete, Yielded};
use corro::generator::scoped;
use corro::{CancelToken, Co, EventLoop, Generator, spawn, spawn_local};

use super::oracle::{Child, Entry, Kind, MOST_NODES, MS, Node, Outcome, Program, bit, foretell};
use super::{ms, on_drop};

fn nanos(count: u64) -> Duration {
    Duration::from_nanos(count)
}

/// The code around a piece, as far as the piece needs it.
#[derive(Clone)]
struct Around {
    start: Instant,
    trace: Rc<RefCell<Vec<Entry>>>,
    /// Those of the cancel scopes, the innermost last.
    tokens: Vec<CancelToken>,
}

/// Writes down how a piece ended, as it ends.
struct Report<'a>(&'a Around, usize, Outcome);

impl Drop for Report<'_> {
    fn drop(&mut self) {
        let at = corro::time::now() - self.0.start;
        self.0.trace.borrow_mut().push((self.1, self.2, u64::try_from(at.as_nanos()).unwrap()));
    }
}

impl Around {
    fn run(&self, node: &Node) {
        let mut report = Report(self, node.id.get(), Outcome::Unwound);
        report.2 = self.outcome(node);
    }

    fn outcome(&self, node: &Node) -> Outcome {
        match &node.kind {
            Kind::Sleep(after) => corro::sleep(ms(*after)),
            Kind::Checkpoint => corro::checkpoint(),
            Kind::Join(after) => {
                let after = ms(*after);
                drop(spawn(move || corro::sleep(after)).join());
            }
            Kind::Timeout(after, body) => {
                let outcome = corro::timeout(ms(*after), || self.run(body));
                return outcome.map_or(Outcome::Elapsed, |()| Outcome::Done);
            }
            Kind::CancelScope(after, body) => return self.cancel_scope(node.id.get(), *after, body),
            Kind::CancelOuter(number) => {
                self.tokens.iter().rev().nth(*number).into_iter().for_each(CancelToken::cancel);
            }
            Kind::Shield(body) => corro::shield(|| self.run(body)),
            Kind::Swallow(body) => {
                if catch_unwind(AssertUnwindSafe(|| self.run(body))).is_err() {
                    return Outcome::Swallowed;
                }
            }
            Kind::Scope(after, body) => corro::scope(|s| {
                // While the thread unwinds a scope cannot wait for a task.
                if !thread::panicking() {
                    s.spawn(|| corro::sleep(ms(*after)));
                }
                self.run(body);
            }),
            Kind::Generator(body) => self.in_generator(node.id.get(), body),
            Kind::Suspended(after, parts) => return self.suspended(ms(*after), parts),
            Kind::Destructor([body, cleanup]) => {
                let _cleaned = on_drop(|| self.run(cleanup));
                self.run(body);
            }
            Kind::Sequence(parts) => parts.iter().for_each(|part| self.run(part)),
        }
        Outcome::Done
    }

    fn cancel_scope(&self, id: usize, after: u64, body: &Node) -> Outcome {
        let outcome = corro::cancel_scope(|token| {
            let (theirs, after) = (token.clone(), nanos(after * MS + bit(id)));
            spawn(move || {
                corro::sleep(after);
                theirs.cancel();
            });
            let mut inner = self.clone();
            inner.tokens.push(token.clone());
            inner.run(body);
        });
        outcome.map_or(Outcome::Cancelled, |()| Outcome::Done)
    }

    fn in_generator(&self, id: usize, body: &Child) {
        if id.is_multiple_of(2) {
            scoped(|_: &Co<()>| self.run(body), |mut generator| drop(generator.start()));
        } else {
            let (around, body) = (self.clone(), body.clone());
            drop(Generator::new(move |_: &Co<()>| around.run(&body)).start());
        }
    }

    fn suspended(&self, after: Duration, [first, between, last]: &[Child; 3]) -> Outcome {
        let (around, first, last) = (self.clone(), first.clone(), last.clone());
        let body = move |co: &Co<()>| {
            corro::timeout(after, || {
                around.run(&first);
                co.yield_(());
                around.run(&last);
            })
        };
        let mut generator = Generator::new(body);
        let mut resumed = generator.start();
        if let Ok(Yielded(())) = resumed {
            self.run(between);
            resumed = generator.send(());
        }
        match resumed {
            Ok(Complete(outcome)) => outcome.map_or(Outcome::Elapsed, |()| Outcome::Done),
            other => panic!("expected the end of the generator, found {other:?}"),
        }
    }
}

/// Runs it as a task.
fn perform(program: &Program) -> (Vec<Entry>, bool) {
    let trace = Rc::<RefCell<Vec<Entry>>>::default();
    let (theirs, root) = (trace.clone(), program.root.clone());
    let task = spawn_local(move || {
        Around { start: corro::time::now(), trace: theirs, tokens: Vec::new() }.run(&root);
    });
    if let Some(after) = program.cancel_after {
        corro::sleep(nanos(after * MS + bit(0)));
        task.cancel();
    }
    let ended = task.join();
    assert!(ended.as_ref().err().is_none_or(|error| error.is_cancelled()), "{ended:?}");
    (trace.take(), ended.is_ok())
}

/// Runs programs side by side in one loop with virtual time.
#[track_caller]
fn check(seed: u64, shuffled: bool, programs: Vec<Program>) {
    let builder = EventLoop::builder().virtual_time(true);
    let builder = if shuffled { builder.seed(seed) } else { builder };
    let performed = builder.build().unwrap().run(|| {
        let tasks: Vec<_> =
            programs.into_iter().map(|program| spawn_local(move || (perform(&program), program))).collect();
        tasks.into_iter().map(|task| task.join().unwrap()).collect::<Vec<_>>()
    });
    for (found, program) in performed {
        let expected = foretell(&program);
        assert_eq!(found, expected, "left is what happened; seed {seed}, shuffled {shuffled}:\n{program:#?}");
    }
}

fn node(kind: Kind) -> Child {
    Rc::new(Node { id: 0.into(), kind })
}

fn sleep(after: u64) -> Child {
    node(Kind::Sleep(after))
}

fn timeout(after: u64, body: Child) -> Child {
    node(Kind::Timeout(after, body))
}

fn cancel_scope(after: u64, body: Child) -> Child {
    node(Kind::CancelScope(after, body))
}

fn shield(body: Child) -> Child {
    node(Kind::Shield(body))
}

fn swallow(body: Child) -> Child {
    node(Kind::Swallow(body))
}

fn sequence<const N: usize>(parts: [Child; N]) -> Child {
    node(Kind::Sequence(parts.into()))
}

/// Each way to put something around a body.
fn wraps() -> Vec<fn(Child) -> Child> {
    vec![
        |body| timeout(0, body),
        |body| timeout(5, body),
        |body| timeout(10, body),
        |body| timeout(15, body),
        |body| cancel_scope(5, body),
        |body| cancel_scope(14, body),
        |body| cancel_scope(99, sequence([node(Kind::CancelOuter(0)), body])),
        shield,
        swallow,
        |body| sequence([swallow(body), sleep(3)]),
        |body| node(Kind::Scope(7, body)),
        |body| node(Kind::Generator(body)),
        |body| node(Kind::Destructor([body, sleep(2)])),
        |body| node(Kind::Destructor([sleep(2), body])),
        |body| node(Kind::Suspended(5, [sleep(3), sleep(4), body])),
        |body| node(Kind::Suspended(5, [sleep(3), body, sleep(4)])),
    ]
}

/// 16 * 16 * 16 nestings of three around two sleeps, each without and with a cancellation of the task.
#[test]
fn t4_all_nestings_of_three_do_what_the_oracle_says() {
    let mut programs = Vec::new();
    for outer in wraps() {
        for middle in wraps() {
            for inner in wraps() {
                for cancel_after in [None, Some(7)] {
                    let root = sequence([outer(middle(inner(sequence([sleep(10), sleep(2)])))), sleep(1)]);
                    programs.push(Program::new(root, cancel_after));
                }
            }
        }
    }
    assert_eq!(programs.len(), 8192);
    while !programs.is_empty() {
        let batch = programs.split_off(programs.len().saturating_sub(256));
        check(programs.len() as u64, programs.len() % 512 == 0, batch);
    }
}

/// A program of at most `budget` pieces, which it takes from it.
fn random_node(random: &mut fastrand::Rng, budget: &mut usize, depth: u32) -> Child {
    *budget = budget.saturating_sub(1);
    let after = random.u64(0..=12);
    if depth == 0 || *budget < 3 {
        return node(match random.u8(0..8) {
            0..5 => Kind::Sleep(after),
            5 => Kind::Checkpoint,
            6 => Kind::Join(after),
            _ => Kind::CancelOuter(random.usize(0..3)),
        });
    }
    let kind = random.u8(0..20);
    if let 17.. = kind {
        let parts = [0; 3].map(|_| random_node(random, budget, depth - 1));
        return node(Kind::Suspended(after, parts));
    }
    let mut body = || random_node(random, budget, depth - 1);
    node(match kind {
        0..4 => Kind::Timeout(after, body()),
        4..7 => Kind::CancelScope(after, body()),
        7..9 => Kind::Shield(body()),
        9..11 => Kind::Swallow(body()),
        11 => Kind::Scope(after, body()),
        12 => Kind::Generator(body()),
        13 => Kind::Destructor([body(), body()]),
        14 => Kind::Sequence(vec![body(), body(), body()]),
        _ => Kind::Sequence(vec![body(), body()]),
    })
}

fn random_program(random: &mut fastrand::Rng) -> Program {
    loop {
        let (mut budget, depth) = (random.usize(4..MOST_NODES), random.u32(2..7));
        let root = random_node(random, &mut budget, depth);
        let cancel_after = random.bool().then(|| random.u64(1..25));
        let program = Program::new(root, cancel_after);
        if count(&program) <= MOST_NODES {
            return program;
        }
    }
}

/// How many pieces there are: the highest number given out, which the text tells.
fn count(program: &Program) -> usize {
    format!("{program:?}").matches("Node {").count()
}

#[test]
fn t4_random_programs_do_what_the_oracle_says() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let programs = (0..30).map(|_| random_program(&mut random)).collect();
        check(seed, seed % 2 == 0, programs);
    }
}

/// The oracle and the crate against what was worked out by hand.
#[test]
fn t4_nestings_worked_out_by_hand() {
    use Outcome::{Cancelled, Done, Elapsed, Swallowed, Unwound};
    type Case = (Child, Option<u64>, Vec<(usize, Outcome, u64)>, bool);
    let bit = |id| bit(id);
    let cases: Vec<Case> = vec![
        (timeout(5, sleep(4)), None, vec![(2, Done, 4 * MS), (1, Done, 4 * MS)], true),
        (timeout(5, sleep(5)), None, vec![(2, Unwound, 5 * MS), (1, Elapsed, 5 * MS)], true),
        (timeout(0, sleep(0)), None, vec![(2, Unwound, 0), (1, Elapsed, 0)], true),
        (timeout(0, sequence([])), None, vec![(2, Done, 0), (1, Done, 0)], true),
        (
            timeout(5, timeout(5, sleep(9))),
            None,
            vec![(3, Unwound, 5 * MS), (2, Unwound, 5 * MS), (1, Elapsed, 5 * MS)],
            true,
        ),
        (
            timeout(6, timeout(5, sleep(9))),
            None,
            vec![(3, Unwound, 5 * MS), (2, Elapsed, 5 * MS), (1, Done, 5 * MS)],
            true,
        ),
        (
            timeout(5, shield(timeout(7, sleep(9)))),
            None,
            vec![(4, Unwound, 7 * MS), (3, Elapsed, 7 * MS), (2, Done, 7 * MS), (1, Done, 7 * MS)],
            true,
        ),
        (
            timeout(5, sequence([swallow(sleep(9)), sleep(1)])),
            None,
            vec![
                (4, Unwound, 5 * MS),
                (3, Swallowed, 5 * MS),
                (5, Unwound, 5 * MS),
                (2, Unwound, 5 * MS),
                (1, Elapsed, 5 * MS),
            ],
            true,
        ),
        (
            cancel_scope(3, timeout(9, sleep(20))),
            None,
            vec![(3, Unwound, 3 * MS + bit(1)), (2, Unwound, 3 * MS + bit(1)), (1, Cancelled, 3 * MS + bit(1))],
            true,
        ),
        (
            timeout(9, shield(sleep(20))),
            Some(4),
            vec![(3, Done, 20 * MS), (2, Done, 20 * MS), (1, Done, 20 * MS)],
            true,
        ),
        (timeout(9, sleep(20)), Some(4), vec![(2, Unwound, 4 * MS + 1), (1, Unwound, 4 * MS + 1)], false),
        (timeout(4, sleep(20)), Some(9), vec![(2, Unwound, 4 * MS), (1, Elapsed, 4 * MS)], true),
    ];
    for (root, cancel_after, trace, ended) in cases {
        let program = Program::new(root, cancel_after);
        assert_eq!(foretell(&program), (trace, ended), "{program:#?}");
        check(0, false, vec![program]);
    }
}
