//! Tasks that wait, and a scheduler that has nothing to do.

use std::time::Duration;

use crate::process::cpu_time;
use crate::{Entry, alone, peers};

const TASKS: usize = 10_000;
const HOUR: Duration = Duration::from_secs(3600);

pub fn entries(quick: bool) -> Vec<Entry> {
    let seconds = if quick { 0.2 } else { 4.0 };
    let mut entries = vec![
        alone("corro_loop", &["cpu_ms_per_s"], move || corro("corro_loop", seconds)),
        alone("corro_2w", &["cpu_ms_per_s"], move || corro("corro_2w", seconds)),
        alone("tokio_ct", &["cpu_ms_per_s"], move || tokio("tokio_ct", seconds)),
        alone("tokio_2w", &["cpu_ms_per_s"], move || tokio("tokio_2w", seconds)),
    ];
    entries.extend(peers::foreign("go_2w", "idle", TASKS, &["cpu_ms_per_s"]));
    entries
}

fn corro(peer: &str, seconds: f64) -> Vec<f64> {
    peers::corro(peer, || {
        (0..TASKS).for_each(|_| drop(corro::spawn(|| corro::sleep(HOUR))));
        corro::sleep(Duration::from_millis(100));
        let before = cpu_time();
        corro::sleep(Duration::from_secs_f64(seconds));
        vec![(cpu_time() - before).as_secs_f64() * 1e3 / seconds]
    })
}

fn tokio(peer: &str, seconds: f64) -> Vec<f64> {
    peers::tokio(peer, async move {
        (0..TASKS).for_each(|_| drop(tokio::spawn(tokio::time::sleep(HOUR))));
        tokio::time::sleep(Duration::from_millis(100)).await;
        let before = cpu_time();
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        vec![(cpu_time() - before).as_secs_f64() * 1e3 / seconds]
    })
}
