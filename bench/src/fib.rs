//! Fibonacci by fork and join: all overhead.

use std::time::Instant;

use crate::peers::{self, CORRO_RUNTIMES};
use crate::{Entry, entry};

pub fn entries(quick: bool) -> Vec<Entry> {
    let n = if quick { 20 } else { 32 };
    let mut entries = vec![entry("serial_call", "total_ms", move || timed(|| serial(n)))];
    for peer in CORRO_RUNTIMES {
        entries.push(entry(peer, "total_ms", move || peers::corro(peer, move || timed(|| corro(n)))));
    }
    for peer in ["rayon_1w", "rayon_2w"] {
        entries.push(entry(peer, "total_ms", move || {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(peers::workers(peer)).build().expect("a pool");
            pool.install(|| timed(|| rayon(n)))
        }));
    }
    entries
}

fn timed(f: impl FnOnce() -> u64) -> f64 {
    let start = Instant::now();
    std::hint::black_box(f());
    start.elapsed().as_secs_f64() * 1e3
}

#[inline(never)]
fn serial(n: u32) -> u64 {
    if n < 2 { n.into() } else { serial(n - 1) + serial(n - 2) }
}

fn corro(n: u32) -> u64 {
    if n < 2 {
        return n.into();
    }
    let (a, b) = corro::join(|| corro(n - 1), || corro(n - 2));
    a + b
}

fn rayon(n: u32) -> u64 {
    if n < 2 {
        return n.into();
    }
    let (a, b) = rayon::join(|| rayon(n - 1), || rayon(n - 2));
    a + b
}
