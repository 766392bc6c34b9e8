//! Tasks that wait: what each takes.

use std::time::{Duration, Instant};

use crate::process::{map_entries, resident_bytes};
use crate::{Entry, alone};

const HOUR: Duration = Duration::from_secs(3600);

pub fn entries(quick: bool) -> Vec<Entry> {
    let sizes = if quick { [(10_000, "10k"), (20_000, "20k")] } else { [(100_000, "100k"), (1_000_000, "1m")] };
    let mut entries = Vec::new();
    for (tasks, label) in sizes {
        let named = |waits: &str| {
            ["bytes", "create_ns", "end_ns"].map(|what| format!("{what}_per_task_{waits}{label}")).to_vec()
        };
        entries.push(corro("corro_loop", named(""), tasks, || corro::sleep(HOUR)));
        entries.push(corro("corro_loop", named("join_"), tasks, || {
            let _ = corro::spawn(|| corro::sleep(HOUR)).join();
        }));
        let metrics = named("");
        let metrics: Vec<&str> = metrics.iter().map(String::as_str).collect();
        entries.push(alone("tokio_ct", &metrics, move || tokio_ct(tasks)));
    }
    entries
}

fn corro(peer: &'static str, mut metrics: Vec<String>, tasks: usize, body: fn()) -> Entry {
    metrics.push(format!("map_entries_{tasks}"));
    let metrics: Vec<&str> = metrics.iter().map(String::as_str).collect();
    alone(peer, &metrics, move || {
        let (bytes, entries) = (resident_bytes(), map_entries());
        let start = Instant::now();
        let event_loop = corro::EventLoop::new().expect("a loop");
        event_loop.run(|| {
            (0..tasks).for_each(|_| drop(corro::spawn(body)));
            (0..3).for_each(|_| corro::yield_now());
        });
        let created = start.elapsed();
        let (bytes, entries) = (resident_bytes() - bytes, map_entries() - entries);
        let end = Instant::now();
        drop(event_loop);
        figures(tasks, bytes, created, end.elapsed()).into_iter().chain([entries as f64]).collect()
    })
}

fn tokio_ct(tasks: usize) -> Vec<f64> {
    let bytes = resident_bytes();
    let start = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        (0..tasks).for_each(|_| drop(tokio::spawn(tokio::time::sleep(HOUR))));
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        // It polls tasks in portions.
        while runtime.metrics().global_queue_depth() > 0 {
            tokio::task::yield_now().await;
        }
    });
    let created = start.elapsed();
    let bytes = resident_bytes() - bytes;
    let end = Instant::now();
    drop(runtime);
    figures(tasks, bytes, created, end.elapsed())
}

fn figures(tasks: usize, bytes: usize, created: Duration, ended: Duration) -> Vec<f64> {
    let each = |total: f64| total / tasks as f64;
    vec![each(bytes as f64), each(created.as_nanos() as f64), each(ended.as_nanos() as f64)]
}
