//! Tasks that wait: what each takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::process::{map_entries, resident_bytes};
use crate::{Entry, alone, peers};

const HOUR: Duration = Duration::from_secs(3600);

pub fn entries(quick: bool) -> Vec<Entry> {
    let sizes = if quick { [(10_000, "10k"), (20_000, "20k")] } else { [(100_000, "100k"), (1_000_000, "1m")] };
    let mut entries = Vec::new();
    for (tasks, label) in sizes {
        let metrics = |waits: &str| {
            let mut names =
                ["bytes", "create_ns", "end_ns"].map(|what| format!("{what}_per_task_{waits}{label}")).to_vec();
            names.push(format!("map_entries_{waits}{label}"));
            names
        };
        entries.push(several("corro_loop", metrics(""), move || corro_loop(tasks, || corro::sleep(HOUR))));
        entries.push(several("corro_2w", metrics(""), move || corro_2w(tasks)));
        entries.push(several("corro_loop", metrics("join_"), move || {
            corro_loop(tasks / 2, || drop(corro::spawn(|| corro::sleep(HOUR)).join()))
        }));
        entries.push(several("tokio_2w", metrics("")[..3].to_vec(), move || tokio_2w(tasks)));
        let names = metrics("");
        let names: Vec<&str> = names[..3].iter().map(String::as_str).collect();
        entries.extend(peers::foreign("go_2w", "parked", tasks, &names));
    }
    entries
}

fn several(peer: &'static str, metrics: Vec<String>, run: impl Fn() -> Vec<f64> + 'static) -> Entry {
    alone(peer, &metrics.iter().map(String::as_str).collect::<Vec<_>>(), run)
}

/// With `join`, each body is two tasks: one waits for the other.
fn corro_loop(bodies: usize, body: fn()) -> Vec<f64> {
    let (bytes, entries) = (resident_bytes(), map_entries());
    let start = Instant::now();
    let event_loop = corro::EventLoop::new().expect("a loop");
    event_loop.run(|| {
        (0..bodies).for_each(|_| drop(corro::spawn(body)));
        (0..3).for_each(|_| corro::yield_now());
    });
    let created = start.elapsed();
    let (bytes, entries) = (resident_bytes() - bytes, map_entries() - entries);
    let tasks = corro::stacks().in_use;
    let end = Instant::now();
    drop(event_loop);
    figures(tasks, bytes, created, end.elapsed()).into_iter().chain([entries as f64]).collect()
}

fn corro_2w(tasks: usize) -> Vec<f64> {
    let runtime = peers::corro_runtime("corro_2w");
    let (bytes, entries) = (resident_bytes(), map_entries());
    let start = Instant::now();
    runtime.run(|| (0..tasks).for_each(|_| drop(corro::spawn(|| corro::sleep(HOUR)))));
    while runtime.metrics().started < tasks as u64 || runtime.metrics().sleeps == 0 {
        std::thread::sleep(Duration::from_micros(100));
    }
    let created = start.elapsed();
    let (bytes, entries) = (resident_bytes() - bytes, map_entries() - entries);
    let end = Instant::now();
    drop(runtime);
    figures(tasks, bytes, created, end.elapsed()).into_iter().chain([entries as f64]).collect()
}

fn tokio_2w(tasks: usize) -> Vec<f64> {
    let runtime = peers::tokio_runtime("tokio_2w");
    let bytes = resident_bytes();
    let (started, all) = (Arc::new(AtomicUsize::new(0)), tasks);
    let start = Instant::now();
    for _ in 0..tasks {
        let started = started.clone();
        runtime.spawn(async move {
            started.fetch_add(1, Relaxed);
            tokio::time::sleep(HOUR).await
        });
    }
    while started.load(Relaxed) < all {
        std::thread::sleep(Duration::from_micros(100));
    }
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
