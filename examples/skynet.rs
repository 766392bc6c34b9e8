//! A tree of tasks: each starts ten more and adds up what they return, down to 1,000,000 leaves, which return their
//! number. There is one worker a core, and each takes new tasks from the others when it has none.
//!
//! `cargo run --release --example skynet` prints (times and counts vary):
//!
//! ```text
//! 1000000 leaves, 1111111 tasks, 2 workers
//! sum 499999500000, as it must be
//! 0.101 s, 11.0 million tasks per second
//! Metrics { workers: 2, live: 0, started: 1111111, stolen: 7619, sleeps: 11 }
//! ```
//!
//! `--quick` has 10,000 leaves. A worker starts its newest task first, so it walks the tree depth-first: of all these
//! tasks only a few have begun at any moment, and only those have a stack.

mod arguments;

use std::error::Error;
use std::time::Instant;

use corro::{JoinHandle, Runtime};

const BRANCHES: u64 = 10;

/// The sum of the numbers of all leaves below this node.
fn sum_of_leaves(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return first;
    }
    let below = leaves / BRANCHES;
    let child = |n| corro::spawn(move || sum_of_leaves(first + n * below, below));
    let children: Vec<JoinHandle<u64>> = (0..BRANCHES).map(child).collect();
    children.into_iter().map(|child| child.join().expect("adding does not fail")).sum()
}

fn main() -> Result<(), Box<dyn Error>> {
    let quick = arguments::is_quick("skynet: a tree of tasks with a million leaves, on all cores.");
    let leaves: u64 = if quick { 10_000 } else { 1_000_000 };

    let runtime = Runtime::new()?;
    let start = Instant::now();
    let sum = runtime.run(|| sum_of_leaves(0, leaves));
    let seconds = start.elapsed().as_secs_f64();

    let metrics = runtime.metrics();
    println!("{leaves} leaves, {} tasks, {} workers", metrics.started, metrics.workers);
    assert_eq!(sum, leaves * (leaves - 1) / 2, "the tree was not added up");
    println!("sum {sum}, as it must be");
    println!("{seconds:.3} s, {:.1} million tasks per second", metrics.started as f64 / seconds / 1e6);
    println!("{metrics:?}");
    Ok(())
}
