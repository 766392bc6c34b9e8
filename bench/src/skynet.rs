//! A tree of tasks with ten branches a node: each leaf is a task, and each node joins its branches.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use crate::peers::{self, CORRO, SMOL, TOKIO};
use crate::{Entry, entry};

pub fn entries(quick: bool) -> Vec<Entry> {
    let leaves: u64 = if quick { 10_000 } else { 1_000_000 };
    let mut entries = Vec::new();
    for peer in CORRO {
        entries.push(entry(peer, "total_ms", move || peers::corro(peer, move || timed(leaves, || corro(0, leaves)))));
    }
    for peer in TOKIO {
        entries.push(entry(peer, "total_ms", move || {
            peers::tokio(peer, async move {
                let start = Instant::now();
                check(leaves, tokio(0, leaves).await);
                start.elapsed().as_secs_f64() * 1e3
            })
        }));
    }
    for peer in SMOL {
        entries.push(entry(peer, "total_ms", move || {
            peers::smol(peer, move |executor| async move {
                let start = Instant::now();
                check(leaves, smol(executor, 0, leaves).await);
                start.elapsed().as_secs_f64() * 1e3
            })
        }));
    }
    for peer in ["rayon_1w", "rayon_2w"] {
        entries.push(entry(peer, "total_ms", move || {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(peers::workers(peer)).build().expect("a pool");
            pool.install(|| timed(leaves, || rayon(0, leaves)))
        }));
    }
    entries.extend(peers::go("skynet", leaves as usize, &["total_ms"]));
    entries
}

fn timed(leaves: u64, f: impl FnOnce() -> u64) -> f64 {
    let start = Instant::now();
    check(leaves, f());
    start.elapsed().as_secs_f64() * 1e3
}

fn check(leaves: u64, sum: u64) {
    assert_eq!(sum, leaves * (leaves - 1) / 2);
}

fn corro(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return first;
    }
    let part = leaves / 10;
    let branch = |number| corro::spawn(move || corro(first + number * part, part));
    let handles: Vec<_> = (0..10).map(branch).collect();
    handles.into_iter().map(|handle| handle.join().expect("it ends")).sum()
}

fn tokio(first: u64, leaves: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if leaves == 1 {
            return first;
        }
        let part = leaves / 10;
        let handles: Vec<_> = (0..10).map(|number| tokio::spawn(tokio(first + number * part, part))).collect();
        let mut sum = 0;
        for handle in handles {
            sum += handle.await.expect("it ends");
        }
        sum
    })
}

fn smol(executor: peers::Smol, first: u64, leaves: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if leaves == 1 {
            return first;
        }
        let part = leaves / 10;
        let branch = |number| executor.spawn(smol(executor.clone(), first + number * part, part));
        let handles: Vec<_> = (0..10).map(branch).collect();
        let mut sum = 0;
        for handle in handles {
            sum += handle.await;
        }
        sum
    })
}

/// Not tasks: spawned closures, whose results come back by a place each.
fn rayon(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return first;
    }
    let part = leaves / 10;
    let mut sums = [0; 10];
    rayon::scope(|scope| {
        for (number, sum) in (0..).zip(&mut sums) {
            scope.spawn(move |_| *sum = rayon(first + number * part, part));
        }
    });
    sums.iter().sum()
}
