//! A task gives way to the others of its thread.

use std::time::Instant;

use crate::{Entry, entry};

pub fn entries(quick: bool) -> Vec<Entry> {
    let total = if quick { 100_000 } else { 3_000_000 };
    let mut entries = Vec::new();
    for tasks in [1, 10, 1000] {
        let metric = format!("ns_per_yield_{tasks}");
        entries.push(entry("corro_loop", metric.clone(), move || corro_loop(tasks, total / tasks)));
        entries.push(entry("tokio_ct", metric, move || tokio_ct(tasks, total / tasks)));
    }
    entries
}

fn corro_loop(tasks: usize, yields: usize) -> f64 {
    corro::run(move || {
        let handles: Vec<_> =
            (0..tasks).map(|_| corro::spawn(move || (0..yields).for_each(|_| corro::yield_now()))).collect();
        let start = Instant::now();
        handles.into_iter().for_each(|handle| handle.join().expect("it ends"));
        start.elapsed().as_nanos() as f64 / (tasks * yields) as f64
    })
}

fn tokio_ct(tasks: usize, yields: usize) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async move {
        let task = move || async move {
            for _ in 0..yields {
                tokio::task::yield_now().await;
            }
        };
        let handles: Vec<_> = (0..tasks).map(|_| tokio::spawn(task())).collect();
        let start = Instant::now();
        for handle in handles {
            handle.await.expect("it ends");
        }
        start.elapsed().as_nanos() as f64 / (tasks * yields) as f64
    })
}
