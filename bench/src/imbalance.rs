//! One task starts 10,000 that compute for 20 µs each: how well do two workers share them?

use std::hint::black_box;
use std::time::Instant;

use crate::peers::{self, SMOL};
use crate::{Entry, entry};

pub fn entries(quick: bool) -> Vec<Entry> {
    let tasks: usize = if quick { 200 } else { 10_000 };
    let mut entries = Vec::new();
    let metrics = || vec!["total_ms".to_owned(), "ideal_ratio".to_owned()];
    let both = move |peer: &'static str, run: Box<dyn Fn() -> f64>| Entry {
        metrics: metrics(),
        run: Box::new(move || {
            let total = run();
            vec![total, total / (alone_ms(tasks) / 2.0)]
        }),
        ..entry(peer, "", || 0.0)
    };
    entries.push(both("corro_2w", Box::new(move || peers::corro("corro_2w", move || corro(tasks)))));
    entries.push(both("tokio_2w", Box::new(move || peers::tokio("tokio_2w", tokio(tasks)))));
    entries.push(both(SMOL[1], Box::new(move || peers::smol(SMOL[1], move |executor| smol(executor, tasks)))));
    entries.push(both("rayon_2w", Box::new(move || rayon(tasks))));
    entries.extend(peers::foreign("go_2w", "imbalance", tasks, &["total_ms", "ideal_ratio"]));
    entries
}

/// About 20 µs.
fn work() -> u64 {
    (0..16_000_u64).fold(1, |sum, n| black_box(sum.wrapping_mul(31) ^ n))
}

/// What all of it takes on one core, measured on a part.
fn alone_ms(tasks: usize) -> f64 {
    let part = (tasks / 10).max(1);
    let start = Instant::now();
    (0..part).for_each(|_| {
        black_box(work());
    });
    start.elapsed().as_secs_f64() * 1e3 * tasks as f64 / part as f64
}

fn corro(tasks: usize) -> f64 {
    let start = Instant::now();
    let handles: Vec<_> = (0..tasks).map(|_| corro::spawn(work)).collect();
    handles.into_iter().for_each(|handle| drop(black_box(handle.join())));
    start.elapsed().as_secs_f64() * 1e3
}

async fn tokio(tasks: usize) -> f64 {
    let start = Instant::now();
    let handles: Vec<_> = (0..tasks).map(|_| tokio::spawn(async { work() })).collect();
    for handle in handles {
        let _ = black_box(handle.await);
    }
    start.elapsed().as_secs_f64() * 1e3
}

async fn smol(executor: peers::Smol, tasks: usize) -> f64 {
    let start = Instant::now();
    let handles: Vec<_> = (0..tasks).map(|_| executor.spawn(async { work() })).collect();
    for handle in handles {
        black_box(handle.await);
    }
    start.elapsed().as_secs_f64() * 1e3
}

fn rayon(tasks: usize) -> f64 {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a pool");
    pool.install(|| {
        let start = Instant::now();
        rayon::scope(|scope| {
            (0..tasks).for_each(|_| {
                scope.spawn(|_| {
                    black_box(work());
                })
            })
        });
        start.elapsed().as_secs_f64() * 1e3
    })
}
