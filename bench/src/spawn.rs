//! Spawn and join of a task that does nothing: in sequence, in batches, from outside.

use std::time::Instant;

use crate::peers::{self, CORRO, CORRO_RUNTIMES, MAY, SMOL, TOKIO};
use crate::{Entry, entry};

const BATCH: usize = 1000;

pub fn entries(quick: bool) -> Vec<Entry> {
    let tasks = if quick { 20_000 } else { 1_000_000 };
    let mut entries = Vec::new();
    for (metric, batch) in [("ns_per_task_seq", 1), ("ns_per_task_batch", BATCH)] {
        for peer in CORRO {
            entries.push(entry(peer, metric, move || peers::corro(peer, move || corro(tasks, batch))));
        }
        for peer in TOKIO {
            entries.push(entry(peer, metric, move || peers::tokio(peer, tokio(tasks / 4, batch))));
        }
        for peer in SMOL {
            entries.push(entry(peer, metric, move || peers::smol(peer, |executor| smol(executor, tasks / 4, batch))));
        }
        for peer in ["rayon_1w", "rayon_2w"] {
            entries.push(entry(peer, metric, move || rayon(peer, tasks, batch)));
        }
        for peer in MAY {
            entries.push(peers::may(peer, &[metric], move || vec![may(tasks / 16, batch)]));
        }
        for peer in ["go_1w", "go_2w", "boost_fiber", "asyncio"] {
            let question = if batch == 1 { "spawn_seq" } else { "spawn_batch" };
            entries.extend(peers::foreign(peer, question, tasks / 4, &[metric]));
        }
    }
    for peer in CORRO_RUNTIMES {
        entries.push(entry(peer, "ns_per_task_outside", move || corro_outside(peer, tasks / 4)));
    }
    for peer in ["tokio_1w", "tokio_2w"] {
        entries.push(entry(peer, "ns_per_task_outside", move || tokio_outside(peer, tasks / 4)));
    }
    entries
}

fn corro(tasks: usize, batch: usize) -> f64 {
    let mut handles = Vec::with_capacity(batch);
    let start = Instant::now();
    for _ in 0..tasks / batch {
        handles.extend((0..batch).map(|_| corro::spawn(|| ())));
        handles.drain(..).for_each(|handle| handle.join().expect("it ends"));
    }
    start.elapsed().as_nanos() as f64 / tasks as f64
}

async fn tokio(tasks: usize, batch: usize) -> f64 {
    let mut handles = Vec::with_capacity(batch);
    let start = Instant::now();
    for _ in 0..tasks / batch {
        handles.extend((0..batch).map(|_| tokio::spawn(async {})));
        for handle in handles.drain(..) {
            handle.await.expect("it ends");
        }
    }
    start.elapsed().as_nanos() as f64 / tasks as f64
}

async fn smol(executor: peers::Smol, tasks: usize, batch: usize) -> f64 {
    let mut handles = Vec::with_capacity(batch);
    let start = Instant::now();
    for _ in 0..tasks / batch {
        handles.extend((0..batch).map(|_| executor.spawn(async {})));
        for handle in handles.drain(..) {
            handle.await;
        }
    }
    start.elapsed().as_nanos() as f64 / tasks as f64
}

/// A scope of rayon, with a spawn a task: it has no handles to join.
fn rayon(peer: &str, tasks: usize, batch: usize) -> f64 {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(peers::workers(peer)).build().expect("a pool");
    pool.install(|| {
        let start = Instant::now();
        for _ in 0..tasks / batch {
            rayon::scope(|scope| (0..batch).for_each(|_| scope.spawn(|_| ())));
        }
        start.elapsed().as_nanos() as f64 / tasks as f64
    })
}

fn may(tasks: usize, batch: usize) -> f64 {
    let main = peers::may_spawn(move || {
        let mut handles = Vec::with_capacity(batch);
        let start = Instant::now();
        for _ in 0..tasks.div_ceil(batch) {
            handles.extend((0..batch).map(|_| peers::may_spawn(|| ())));
            handles.drain(..).for_each(|handle| handle.join().expect("it ends"));
        }
        start.elapsed().as_nanos() as f64 / tasks as f64
    });
    main.join().expect("it ends")
}

fn corro_outside(peer: &str, tasks: usize) -> f64 {
    let runtime = peers::corro_runtime(peer);
    let start = Instant::now();
    for _ in 0..tasks / BATCH {
        let handles: Vec<_> = (0..BATCH).map(|_| runtime.spawn(|| ())).collect();
        handles.into_iter().for_each(|handle| handle.join().expect("it ends"));
    }
    start.elapsed().as_nanos() as f64 / tasks as f64
}

fn tokio_outside(peer: &str, tasks: usize) -> f64 {
    let runtime = peers::tokio_runtime(peer);
    let start = Instant::now();
    for _ in 0..tasks / BATCH {
        let handles: Vec<_> = (0..BATCH).map(|_| runtime.spawn(async {})).collect();
        runtime.block_on(async {
            for handle in handles {
                handle.await.expect("it ends");
            }
        });
    }
    start.elapsed().as_nanos() as f64 / tasks as f64
}
