//! Many suspended generators at once. Each figure is that of a process of its own, since memory does not come back
//! to where it was.

use std::process::Command;
use std::time::Instant;

use corro::{Co, Generator};

use crate::{Entry, entry};

const CHILD: &str = "CORRO_BENCH_ALIVE";

pub fn entries(quick: bool) -> Vec<Entry> {
    let generators = if quick { 10_000 } else { 100_000 };
    if std::env::var_os(CHILD).is_some() {
        println!("{}", figures(generators));
        std::process::exit(0);
    }
    let metrics = ["alive", "bytes_each", "create_ns_each", "map_entries"];
    let metric = |(number, name): (usize, &str)| entry("corro_generator", name, move || child(quick)[number]);
    metrics.into_iter().enumerate().map(metric).collect()
}

fn child(quick: bool) -> Vec<f64> {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.arg("alive").args(quick.then_some("--quick")).env(CHILD, "1");
    let output = command.output().expect("this program runs");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().map(|figure| figure.parse().expect("a figure")).collect()
}

fn figures(generators: usize) -> String {
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
    let elapsed = start.elapsed().as_nanos() as usize;
    let number = alive.len().max(1);
    let bytes = resident_bytes().saturating_sub(bytes) / number;
    format!("{} {bytes} {} {}", alive.len(), elapsed / number, map_entries() - entries)
}

fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("/proc is there");
    let pages: usize = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    pages * 4096
}

fn map_entries() -> usize {
    std::fs::read_to_string("/proc/self/maps").expect("/proc is there").lines().count()
}
