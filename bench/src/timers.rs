//! Sleepers: what each sleep costs, and how late it ends; and the timers alone.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::process::cpu_time;
use crate::{Entry, alone};

pub fn entries(quick: bool) -> Vec<Entry> {
    let (sleepers, seconds) = if quick { (1_000, 0.5) } else { (100_000, 3.0) };
    let metrics = ["cpu_us_per_timer", "late_p50_us", "late_p99_us"];
    let mut entries = vec![
        alone("corro_loop", &metrics, move || corro_loop(sleepers, seconds)),
        alone("tokio_ct", &metrics, move || tokio_ct(sleepers, seconds)),
    ];
    let sizes = if quick { [(1_000, "1k"), (2_000, "2k")] } else { [(100_000, "100k"), (1_000_000, "1m")] };
    for (timers, label) in sizes {
        let metrics = ["add_ns", "cancel_ns", "fire_ns"].map(|what| format!("{what}_{label}"));
        let metrics: Vec<&str> = metrics.iter().map(String::as_str).collect();
        entries.push(alone("corro_loop", &metrics, move || callbacks(timers)));
    }
    entries
}

/// How late the sleeps were, and what they cost, in a window of time.
struct Window {
    open: bool,
    late: Vec<Duration>,
}

type Shared = Rc<RefCell<Window>>;

fn window() -> Shared {
    Rc::new(RefCell::new(Window { open: false, late: Vec::with_capacity(1_000_000) }))
}

impl Window {
    fn note(&mut self, deadline: Instant) {
        if self.open {
            self.late.push(deadline.elapsed());
        }
    }

    fn figures(&mut self, used: Duration) -> Vec<f64> {
        self.late.sort();
        let (late, micros) = (&self.late, |time: Duration| time.as_nanos() as f64 / 1e3);
        vec![micros(used) / late.len() as f64, micros(late[late.len() / 2]), micros(late[late.len() * 99 / 100])]
    }
}

/// 1 to 1000 ms, drawn at random.
fn next(random: &mut fastrand::Rng) -> Duration {
    Duration::from_micros(random.u64(1_000..1_000_000))
}

fn corro_loop(sleepers: u64, seconds: f64) -> Vec<f64> {
    let window = window();
    let event_loop = corro::EventLoop::new().expect("a loop");
    for sleeper in 0..sleepers {
        let window = window.clone();
        event_loop.spawn(move || {
            let mut random = fastrand::Rng::with_seed(sleeper);
            loop {
                let time = next(&mut random);
                let deadline = Instant::now() + time;
                corro::sleep(time);
                window.borrow_mut().note(deadline);
            }
        });
    }
    let used = event_loop.run(|| {
        corro::sleep(Duration::from_millis(1500));
        window.borrow_mut().open = true;
        let before = cpu_time();
        corro::sleep(Duration::from_secs_f64(seconds));
        window.borrow_mut().open = false;
        cpu_time() - before
    });
    let figures = window.borrow_mut().figures(used);
    std::mem::forget(event_loop);
    figures
}

fn tokio_ct(sleepers: u64, seconds: f64) -> Vec<f64> {
    let window = window();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    let used = local.block_on(&runtime, async {
        for sleeper in 0..sleepers {
            let window = window.clone();
            tokio::task::spawn_local(async move {
                let mut random = fastrand::Rng::with_seed(sleeper);
                loop {
                    let time = next(&mut random);
                    let deadline = Instant::now() + time;
                    tokio::time::sleep(time).await;
                    window.borrow_mut().note(deadline);
                }
            });
        }
        tokio::time::sleep(Duration::from_millis(1500)).await;
        window.borrow_mut().open = true;
        let before = cpu_time();
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        window.borrow_mut().open = false;
        cpu_time() - before
    });
    window.borrow_mut().figures(used)
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
