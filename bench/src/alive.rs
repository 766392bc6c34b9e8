//! Many suspended generators at once.

use std::time::Instant;

use corro::{Co, Generator};

use crate::process::{map_entries, resident_bytes};
use crate::{Entry, alone};

pub fn entries(quick: bool) -> Vec<Entry> {
    let generators = if quick { 10_000 } else { 100_000 };
    let metrics = ["alive", "bytes_each", "create_ns_each", "map_entries"];
    vec![alone("corro_generator", &metrics, move || figures(generators))]
}

fn figures(generators: usize) -> Vec<f64> {
    let (bytes, entries) = (resident_bytes(), map_entries());
    let mut alive = Vec::with_capacity(generators);
    let start = Instant::now();
    while alive.len() < generators {
        let mut generator = Generator::new(|co: &Co<u64>| co.yield_(1));
        if let Err(error) = generator.start() {
            eprintln!("  after {}: {error}", alive.len());
            break;
        }
        alive.push(generator);
    }
    let elapsed = start.elapsed().as_nanos() as f64;
    let number = alive.len().max(1) as f64;
    let bytes = resident_bytes().saturating_sub(bytes) as f64;
    vec![alive.len() as f64, bytes / number, elapsed / number, (map_entries() - entries) as f64]
}
