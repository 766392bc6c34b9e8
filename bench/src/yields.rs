//! A task gives way to the others of its thread.

use std::time::Instant;

use crate::peers::{self, CORRO, MAY, SMOL, TOKIO};
use crate::{Entry, entry};

pub fn entries(quick: bool) -> Vec<Entry> {
    let total = if quick { 100_000 } else { 3_000_000 };
    let mut entries = Vec::new();
    for (tasks, question) in [(1, "yield_1"), (10, "yield_10"), (1000, "yield_1000")] {
        let metric = format!("ns_per_yield_{tasks}");
        // With two workers the tasks spread, and so do the yields: what is measured is one thread.
        for peer in CORRO.into_iter().filter(|peer| !peer.ends_with("2w")) {
            entries.push(entry(peer, &metric, move || corro(peer, tasks, total / tasks)));
        }
        for peer in TOKIO.into_iter().filter(|peer| !peer.ends_with("2w")) {
            entries.push(entry(peer, &metric, move || tokio(peer, tasks, total / tasks / 4)));
        }
        entries.push(entry(SMOL[0], &metric, move || smol(tasks, total / tasks / 4)));
        entries.push(peers::may(MAY[0], &[&metric], move || vec![may(tasks, total / tasks / 4)]));
        for peer in ["go_1w", "boost_fiber", "asyncio"] {
            entries.extend(peers::foreign(peer, question, total / 4, &[&metric]));
        }
    }
    entries
}

fn corro(peer: &str, tasks: usize, yields: usize) -> f64 {
    peers::corro(peer, move || {
        let handles: Vec<_> =
            (0..tasks).map(|_| corro::spawn(move || (0..yields).for_each(|_| corro::yield_now()))).collect();
        let start = Instant::now();
        handles.into_iter().for_each(|handle| handle.join().expect("it ends"));
        start.elapsed().as_nanos() as f64 / (tasks * yields) as f64
    })
}

fn tokio(peer: &str, tasks: usize, yields: usize) -> f64 {
    peers::tokio(peer, async move {
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

fn smol(tasks: usize, yields: usize) -> f64 {
    peers::smol("smol_1w", move |executor| async move {
        let task = move || async move {
            for _ in 0..yields {
                smol::future::yield_now().await;
            }
        };
        let handles: Vec<_> = (0..tasks).map(|_| executor.spawn(task())).collect();
        let start = Instant::now();
        for handle in handles {
            handle.await;
        }
        start.elapsed().as_nanos() as f64 / (tasks * yields) as f64
    })
}

fn may(tasks: usize, yields: usize) -> f64 {
    let main = peers::may_spawn(move || {
        let handles: Vec<_> = (0..tasks)
            .map(|_| peers::may_spawn(move || (0..yields).for_each(|_| may::coroutine::yield_now())))
            .collect();
        let start = Instant::now();
        handles.into_iter().for_each(|handle| handle.join().expect("it ends"));
        start.elapsed().as_nanos() as f64 / (tasks * yields) as f64
    });
    main.join().expect("it ends")
}
