//! Memory of stacks that were used deeply comes back.

use std::hint::black_box;

use crate::process::resident_bytes;
use crate::{Entry, alone};

const TASKS: usize = 2_000;
const DEPTH: usize = 128 * 1024;

pub fn entries(_quick: bool) -> Vec<Entry> {
    vec![alone("corro_loop", &["mib_before", "mib_height", "mib_after"], figures)]
}

fn figures() -> Vec<f64> {
    corro::run(|| {
        let before = resident_bytes();
        let handles: Vec<_> = (0..TASKS)
            .map(|_| {
                corro::spawn(|| {
                    use_stack();
                    corro::yield_now();
                })
            })
            .collect();
        corro::yield_now();
        let height = resident_bytes();
        handles.into_iter().for_each(|handle| handle.join().expect("it ends"));
        [before, height, resident_bytes()].map(|bytes| bytes as f64 / (1 << 20) as f64).to_vec()
    })
}

#[inline(never)]
fn use_stack() {
    black_box([1_u8; DEPTH]);
}
