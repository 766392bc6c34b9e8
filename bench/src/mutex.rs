//! A counter behind a mutex: locked and unlocked by one, by 2, by 64.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::peers::{self, MAY};
use crate::{Entry, entry};

pub fn entries(quick: bool) -> Vec<Entry> {
    let locks = if quick { 50_000 } else { 4_000_000 };
    let mut entries = Vec::new();
    for (peer, metric, contenders) in [
        ("corro_loop", "ns_1", 1),
        ("corro_1w", "ns_1", 1),
        ("corro_1w", "ns_64", 64),
        ("corro_2w", "ns_2", 2),
        ("corro_2w", "ns_64", 64),
    ] {
        entries.push(entry(peer, metric, move || peers::corro(peer, || corro(contenders, locks))));
    }
    for (metric, contenders) in [("ns_1", 1), ("ns_2", 2), ("ns_64", 64)] {
        entries.push(entry("parking_lot", metric, move || parking_lot(contenders, locks)));
        entries.push(entry("std_threads", metric, move || std_threads(contenders, locks)));
        entries.push(entry("tokio_2w", metric, move || peers::tokio("tokio_2w", tokio(contenders, locks / 8))));
        entries.push(peers::may(MAY[1], &[metric], move || vec![may(contenders, locks / 8)]));
    }
    for peer in ["go_1w", "go_2w"] {
        entries.extend(peers::foreign(peer, "mutex_1", locks, &["ns_1"]));
        entries.extend(peers::foreign(peer, "mutex_2", locks, &["ns_2"]));
        entries.extend(peers::foreign(peer, "mutex_64", locks, &["ns_64"]));
    }
    entries
}

fn each(start: Instant, locks: usize, counted: usize) -> f64 {
    assert_eq!(counted, locks, "the mutex does not exclude");
    start.elapsed().as_nanos() as f64 / locks as f64
}

fn corro(contenders: usize, locks: usize) -> f64 {
    let (counter, share) = (corro::sync::Mutex::new(0), locks / contenders);
    let start = Instant::now();
    let count = || (0..share).for_each(|_| *counter.lock() += 1);
    match contenders {
        1 => count(),
        _ => corro::scope(|s| (0..contenders).for_each(|_| drop(s.spawn(count)))),
    }
    each(start, share * contenders, *counter.lock())
}

fn parking_lot(contenders: usize, locks: usize) -> f64 {
    let (counter, share) = (parking_lot::Mutex::new(0), locks / contenders);
    let start = Instant::now();
    let count = || (0..share).for_each(|_| *counter.lock() += 1);
    match contenders {
        1 => count(),
        _ => thread::scope(|s| (0..contenders).for_each(|_| drop(s.spawn(count)))),
    }
    each(start, share * contenders, counter.into_inner())
}

fn std_threads(contenders: usize, locks: usize) -> f64 {
    let (counter, share) = (std::sync::Mutex::new(0), locks / contenders);
    let start = Instant::now();
    let count = || (0..share).for_each(|_| *counter.lock().expect("nobody panics") += 1);
    match contenders {
        1 => count(),
        _ => thread::scope(|s| (0..contenders).for_each(|_| drop(s.spawn(count)))),
    }
    each(start, share * contenders, counter.into_inner().expect("nobody panics"))
}

async fn tokio(contenders: usize, locks: usize) -> f64 {
    let (counter, share) = (Arc::new(tokio::sync::Mutex::new(0)), locks / contenders);
    let start = Instant::now();
    let count = |counter: Arc<tokio::sync::Mutex<usize>>| async move {
        for _ in 0..share {
            *counter.lock().await += 1;
        }
    };
    let tasks: Vec<_> = (0..contenders).map(|_| tokio::spawn(count(counter.clone()))).collect();
    for task in tasks {
        task.await.expect("it ends");
    }
    each(start, share * contenders, *counter.lock().await)
}

fn may(contenders: usize, locks: usize) -> f64 {
    let (counter, share) = (Arc::new(may::sync::Mutex::new(0)), locks / contenders);
    let start = Instant::now();
    let tasks: Vec<_> = (0..contenders)
        .map(|_| counter.clone())
        .map(|counter| peers::may_spawn(move || (0..share).for_each(|_| *counter.lock().expect("nobody panics") += 1)))
        .collect();
    tasks.into_iter().for_each(|task| task.join().expect("it ends"));
    each(start, share * contenders, *counter.lock().expect("nobody panics"))
}
