//! What it costs to be ready for a cancellation, and to carry one out.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::{Entry, entry};

const MINUTE: Duration = Duration::from_secs(60);

pub fn entries(quick: bool) -> Vec<Entry> {
    let rounds = if quick { 10_000 } else { 1_000_000 };
    vec![
        entry("corro_loop", "timeout_ns", move || {
            in_task(rounds, || {
                let _ = black_box(corro::timeout(MINUTE, || black_box(1)));
            })
        }),
        entry("tokio_ct", "timeout_ns", move || tokio_timeout(rounds)),
        entry("corro_loop", "shield_ns", move || {
            in_task(rounds, || {
                black_box(corro::shield(|| black_box(1)));
            })
        }),
        entry("corro_loop", "cancel_scope_ns", move || {
            in_task(rounds, || {
                let _ = black_box(corro::cancel_scope(|_| black_box(1)));
            })
        }),
        entry("corro_loop", "unwind_5_frames_ns", move || in_task(rounds / 10, cut_off)),
        entry("panic", "unwind_5_frames_ns", move || in_task(rounds / 10, unwind)),
    ]
}

fn in_task(rounds: u32, f: impl Fn()) -> f64 {
    corro::run(|| {
        let start = Instant::now();
        (0..rounds).for_each(|_| f());
        start.elapsed().as_nanos() as f64 / f64::from(rounds)
    })
}

fn tokio_timeout(rounds: u32) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async move {
        let start = Instant::now();
        for _ in 0..rounds {
            let _ = black_box(tokio::time::timeout(MINUTE, async { black_box(1) }).await);
        }
        start.elapsed().as_nanos() as f64 / f64::from(rounds)
    })
}

/// A timeout that is over at once, and five frames with a destructor each.
fn cut_off() {
    let _ = black_box(corro::timeout(Duration::ZERO, || frames(5, &corro::checkpoint)));
}

/// The same by hand: what the unwinding itself takes.
fn unwind() {
    let _ = black_box(std::panic::catch_unwind(|| frames(5, &|| std::panic::resume_unwind(Box::new(())))));
}

struct Local(u32);

impl Drop for Local {
    fn drop(&mut self) {
        black_box(self.0);
    }
}

#[inline(never)]
fn frames(depth: u32, innermost: &dyn Fn()) {
    let local = Local(depth);
    if depth == 1 {
        innermost()
    } else {
        frames(depth - 1, innermost)
    }
    black_box(&local);
}
