//! Which runs are compared. Two cores of a virtual machine may lie near each other for some minutes, and then far apart:
//! what goes from one to the other takes several times as long then, and what computes takes as long as before.
//!
//! Each run stands between two probes. Those at the machine's usual speed count, which is the median of all probes.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU32, Ordering::*};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::on_core;

/// Up to so many times as fast or slow counts as the same speed.
const FACTOR: f64 = 2.0;
const PROBE: Duration = Duration::from_millis(3);

/// A run of one entry: its figures, and how fast the machine was before and after.
pub struct Run {
    pub entry: usize,
    pub figures: Vec<f64>,
    speeds: [f64; 2],
}

impl Run {
    pub fn new(entry: usize, run: impl FnOnce() -> Vec<f64>) -> Run {
        let before = speed();
        let figures = run();
        Run { entry, figures, speeds: [before, speed()] }
    }
}

/// How often a word goes from one core to another and back in a ms; with one core there is but one speed.
fn speed() -> f64 {
    if thread::available_parallelism().map_or(1, usize::from) == 1 {
        return 1.0;
    }
    const END: u32 = u32::MAX;
    let word = AtomicU32::new(0);
    let answer = || {
        while word.load(Acquire) != END {
            let _ = word.compare_exchange(1, 0, AcqRel, Relaxed);
            spin_loop();
        }
    };
    let trip = || {
        word.store(1, Release);
        while word.load(Acquire) == 1 {
            spin_loop();
        }
    };
    let ask = || {
        // The other is there then.
        trip();
        let (mut trips, start) = (0, Instant::now());
        while start.elapsed() < PROBE {
            trip();
            trips += 1;
        }
        word.store(END, Release);
        f64::from(trips) / start.elapsed().as_secs_f64() / 1e3
    };
    thread::scope(|s| {
        s.spawn(|| on_core(Some(0), answer));
        on_core(Some(1), ask)
    })
}

/// Whether most of so many runs of each entry are at the usual speed.
pub fn is_enough(runs: &[Run], rounds: usize) -> bool {
    let is_usual = is_usual(runs);
    let count = |entry| runs.iter().filter(|run| run.entry == entry && is_usual(run)).count();
    runs.iter().all(|run| 2 * count(run.entry) > rounds)
}

/// The runs at the usual speed; of an entry that has none, all.
pub fn usual(runs: Vec<Run>) -> Vec<Run> {
    let is_usual = is_usual(&runs);
    let known: Vec<usize> = runs.iter().filter(|run| is_usual(run)).map(|run| run.entry).collect();
    runs.into_iter().filter(|run| is_usual(run) || !known.contains(&run.entry)).collect()
}

fn is_usual(runs: &[Run]) -> impl Fn(&Run) -> bool + use<> {
    let usual = median(runs.iter().flat_map(|run| run.speeds).collect());
    move |run| run.speeds.iter().all(|speed| (usual / FACTOR..usual * FACTOR).contains(speed))
}

pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}
