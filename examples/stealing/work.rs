//! The computations, and a record of who ran them.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use corro::Runtime;

/// So many that each has a letter or a digit of its own.
pub(crate) const TASKS: usize = 62;

/// A stretch of time in which a worker ran one task.
pub(crate) struct Span {
    /// Which computation; `None` is the starter.
    pub(crate) task: Option<usize>,
    pub(crate) worker: usize,
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

impl Span {
    pub(crate) fn length(&self) -> Duration {
        self.to - self.from
    }
}

/// All that is known of a run.
pub(crate) struct Record {
    /// The starter first.
    pub(crate) spans: Vec<Span>,
    /// From the beginning of the starter to the end of the last computation.
    pub(crate) wall: Duration,
    pub(crate) workers: usize,
}

impl Record {
    /// What this worker ran, in the order of time.
    pub(crate) fn lane(&self, worker: usize) -> Vec<&Span> {
        let mut lane: Vec<_> = self.spans.iter().filter(|span| span.worker == worker).collect();
        lane.sort_by_key(|span| span.from);
        lane
    }

    /// The worker that ran the starter; what ran elsewhere was stolen.
    pub(crate) fn home(&self) -> usize {
        self.spans[0].worker
    }

    /// How many workers were busy, on the average.
    pub(crate) fn busy(&self) -> f64 {
        let work: Duration = self.spans.iter().map(Span::length).sum();
        work.as_secs_f64() / self.wall.as_secs_f64()
    }
}

pub(crate) fn run(workers: Option<usize>, quick: bool) -> io::Result<Record> {
    let builder = Runtime::builder().thread_name("worker");
    let runtime = workers.map_or(builder.clone(), |workers| builder.workers(workers)).build()?;
    let unit = if quick { 200 } else { 5_000 };
    let spans = runtime.run(|| start_all(Instant::now(), unit));
    let wall = spans.iter().map(|span| span.to).max().unwrap_or_default();
    Ok(Record { spans, wall, workers: runtime.metrics().workers })
}

/// The starter: thinks a little about each computation, then starts it as a task.
fn start_all(epoch: Instant, unit: u64) -> Vec<Span> {
    corro::scope(|scope| {
        let mut children = Vec::new();
        let starting = record(epoch, None, || {
            for task in 0..TASKS {
                compute(unit);
                children.push(scope.spawn(move || record(epoch, Some(task), || compute(unit * size(task)))));
            }
        });
        let spans = children.into_iter().map(|child| child.join().expect("computing does not fail"));
        [starting].into_iter().chain(spans).collect()
    })
}

/// Runs `work`, which does not wait, so it stays on the worker from its beginning to its end.
fn record(epoch: Instant, task: Option<usize>, work: impl FnOnce()) -> Span {
    let from = epoch.elapsed();
    work();
    Span { task, worker: this_worker(), from, to: epoch.elapsed() }
}

/// The threads are called `worker-0`, `worker-1` and so on.
fn this_worker() -> usize {
    let number = thread::current().name().and_then(|name| name.strip_prefix("worker-")?.parse().ok());
    number.expect("a task runs on a thread of the runtime")
}

/// Some computations are long and some are short, so that no plan made before could be a good one.
fn size(task: usize) -> u64 {
    [3, 12, 5, 8, 20, 4, 10, 6][task * 5 % 8]
}

/// Looks for the longest Collatz sequence.
fn compute(limit: u64) {
    let next = |&n: &u64| (n > 1).then(|| if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 });
    let longest = (1..limit).map(|n| std::iter::successors(Some(n), next).count()).max();
    std::hint::black_box(longest);
}
