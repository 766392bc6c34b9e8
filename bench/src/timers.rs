//! Sleepers: what each sleep costs, and how late it ends; and the timers alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::process::cpu_time;
use crate::{Entry, alone, peers};

pub fn entries(quick: bool) -> Vec<Entry> {
    let (sleepers, seconds) = if quick { (1_000, 0.5) } else { (100_000, 3.0) };
    let metrics = ["cpu_us_per_timer", "late_p50_us", "late_p99_us"];
    let mut entries = vec![
        alone("corro_loop", &metrics, move || corro("corro_loop", sleepers, seconds)),
        alone("corro_2w", &metrics, move || corro("corro_2w", sleepers, seconds)),
        alone("tokio_ct", &metrics, move || tokio("tokio_ct", sleepers, seconds)),
        alone("tokio_2w", &metrics, move || tokio("tokio_2w", sleepers, seconds)),
    ];
    entries.extend(peers::foreign("go_2w", "timers", sleepers as usize, &metrics));
    let sizes = if quick { [(1_000, "1k"), (2_000, "2k")] } else { [(100_000, "100k"), (1_000_000, "1m")] };
    for (timers, label) in sizes {
        let metrics = ["add_ns", "cancel_ns", "fire_ns"].map(|what| format!("{what}_{label}"));
        let metrics: Vec<&str> = metrics.iter().map(String::as_str).collect();
        entries.push(alone("corro_loop", &metrics, move || callbacks(timers)));
    }
    entries
}

/// How late the sleeps were, and what they cost, in a window of time.
#[derive(Default)]
struct Window {
    open: AtomicBool,
    /// By tenths of a microsecond up to 100 ms; one more for all that is later.
    late: Vec<AtomicU32>,
}

const TENTHS: usize = 1_000_000;

impl Window {
    fn new() -> Arc<Window> {
        Arc::new(Window { open: AtomicBool::new(false), late: (0..=TENTHS).map(|_| AtomicU32::new(0)).collect() })
    }

    fn note(&self, deadline: Instant) {
        if self.open.load(Relaxed) {
            let tenths = deadline.elapsed().as_nanos() as usize / 100;
            self.late[tenths.min(TENTHS)].fetch_add(1, Relaxed);
        }
    }

    fn figures(&self, used: Duration) -> Vec<f64> {
        let all: u64 = self.late.iter().map(|count| u64::from(count.load(Relaxed))).sum();
        let quantile = |percent: u64| {
            let mut left = all * percent / 100;
            let reaches = |count: &AtomicU32| {
                let count = u64::from(count.load(Relaxed));
                left = left.saturating_sub(count);
                left == 0 && count > 0
            };
            self.late.iter().position(reaches).unwrap_or(TENTHS) as f64 / 10.0
        };
        vec![used.as_nanos() as f64 / 1e3 / all as f64, quantile(50), quantile(99)]
    }
}

/// 1 to 1000 ms, drawn at random.
fn next(random: &mut fastrand::Rng) -> Duration {
    Duration::from_micros(random.u64(1_000..1_000_000))
}

fn corro(peer: &str, sleepers: u64, seconds: f64) -> Vec<f64> {
    let window = Window::new();
    peers::corro(peer, || {
        for sleeper in 0..sleepers {
            let window = window.clone();
            corro::spawn(move || {
                let mut random = fastrand::Rng::with_seed(sleeper);
                loop {
                    let time = next(&mut random);
                    let deadline = Instant::now() + time;
                    corro::sleep(time);
                    window.note(deadline);
                }
            });
        }
        corro::sleep(Duration::from_millis(1500));
        window.open.store(true, Relaxed);
        let before = cpu_time();
        corro::sleep(Duration::from_secs_f64(seconds));
        window.open.store(false, Relaxed);
        window.figures(cpu_time() - before)
    })
}

fn tokio(peer: &str, sleepers: u64, seconds: f64) -> Vec<f64> {
    let window = Window::new();
    peers::tokio(peer, async move {
        for sleeper in 0..sleepers {
            let window = window.clone();
            tokio::spawn(async move {
                let mut random = fastrand::Rng::with_seed(sleeper);
                loop {
                    let time = next(&mut random);
                    let deadline = Instant::now() + time;
                    tokio::time::sleep(time).await;
                    window.note(deadline);
                }
            });
        }
        tokio::time::sleep(Duration::from_millis(1500)).await;
        window.open.store(true, Relaxed);
        let before = cpu_time();
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        window.open.store(false, Relaxed);
        window.figures(cpu_time() - before)
    })
}

/// Callbacks at random times: half of them are taken back, the rest are called.
fn callbacks(timers: usize) -> Vec<f64> {
    let event_loop = corro::EventLoop::builder().virtual_time(true).build().expect("a loop");
    let (mut random, start) = (fastrand::Rng::with_seed(7), Instant::now() + Duration::from_secs(1));
    let times: Vec<_> = (0..2 * timers).map(|_| start + next(&mut random)).collect();
    let start = Instant::now();
    let mut handles: Vec<_> = times.into_iter().map(|time| event_loop.call_at(time, || ())).collect();
    let added = start.elapsed();
    random.shuffle(&mut handles);
    let start = Instant::now();
    handles[..timers].iter().for_each(|handle| handle.cancel());
    let cancelled = start.elapsed();
    let start = Instant::now();
    event_loop.run_until_idle();
    let fired = start.elapsed();
    let each = |time: Duration, number: usize| time.as_nanos() as f64 / number as f64;
    vec![each(added, 2 * timers), each(cancelled, timers), each(fired, timers)]
}
