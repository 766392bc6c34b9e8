//! Spawn and join of a task that does nothing.

use std::time::Instant;

use crate::{Entry, entry};

const BATCH: usize = 1000;

pub fn entries(quick: bool) -> Vec<Entry> {
    let tasks = if quick { 20_000 } else { 1_000_000 };
    vec![
        entry("corro_loop", "ns_per_task_seq", move || corro_loop(tasks, 1)),
        entry("tokio_ct", "ns_per_task_seq", move || tokio_ct(tasks, 1)),
        entry("corro_loop", "ns_per_task_batch", move || corro_loop(tasks, BATCH)),
        entry("tokio_ct", "ns_per_task_batch", move || tokio_ct(tasks, BATCH)),
    ]
}

fn corro_loop(tasks: usize, batch: usize) -> f64 {
    corro::run(move || {
        let mut handles = Vec::with_capacity(batch);
        let start = Instant::now();
        for _ in 0..tasks / batch {
            handles.extend((0..batch).map(|_| corro::spawn(|| ())));
            handles.drain(..).for_each(|handle| handle.join().expect("it ends"));
        }
        start.elapsed().as_nanos() as f64 / tasks as f64
    })
}

fn tokio_ct(tasks: usize, batch: usize) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async move {
        let mut handles = Vec::with_capacity(batch);
        let start = Instant::now();
        for _ in 0..tasks / batch {
            handles.extend((0..batch).map(|_| tokio::spawn(async {})));
            for handle in handles.drain(..) {
                handle.await.expect("it ends");
            }
        }
        start.elapsed().as_nanos() as f64 / tasks as f64
    })
}
