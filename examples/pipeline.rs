//! Stages with bounded channels between them: a source, workers that are slow, a sink that puts things in order again.
//!
//! `cargo run --release --example pipeline` prints (how many were under way varies):
//!
//! ```text
//! a source of 20000 numbers, 4 workers, channels of 8: never more than 13 numbers under way
//! 2262 primes, in order, the last is 19997
//! a sink that wants 100 primes: the last is 541; the source was stopped after 555 of 20000 numbers
//! ```
//!
//! `--quick` has 2,000 numbers. A stage is a function with a loop. When the next one is slow its `send` waits: that is the
//! back-pressure. When the source ends, it drops its sender, so the receivers run dry one after another and each stage ends
//! with its loop; when the sink leaves, `send` fails and the stages end the other way round. Nobody is told.

mod arguments;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use corro::channel::{self, Receiver, Sender};

const CAPACITY: usize = 8;
const WORKERS: usize = 4;
/// What can be on its way: two full channels, and what the source, each worker and the sink have in their hands.
const BOUND: usize = 2 * CAPACITY + WORKERS + 2;

/// How many numbers have left the source and have not come to the sink.
#[derive(Default)]
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
    started: AtomicUsize,
}

impl Gauge {
    fn enter(&self) {
        self.started.fetch_add(1, Relaxed);
        let now = self.now.fetch_add(1, Relaxed) + 1;
        self.most.fetch_max(now, Relaxed);
    }

    fn leave(&self) {
        self.now.fetch_sub(1, Relaxed);
    }
}

fn source(numbers: Sender<u64>, count: u64, gauge: &Gauge) {
    for number in 0..count {
        gauge.enter();
        if numbers.send(number).is_err() {
            gauge.leave();
            return;
        }
    }
}

/// Several of these take from one channel and give to one channel.
fn worker(numbers: Receiver<u64>, answers: Sender<(u64, bool)>, gauge: &Gauge) {
    for number in &numbers {
        let answer = (number, is_prime(number));
        if answers.send(answer).is_err() {
            gauge.leave();
            return;
        }
        // Work that takes longer for some numbers, so that answers overtake one another.
        (0..number % 5).for_each(|_| corro::yield_now());
    }
}

fn is_prime(number: u64) -> bool {
    number > 1 && (2..).take_while(|divisor| divisor * divisor <= number).all(|divisor| !number.is_multiple_of(divisor))
}

/// Takes the answers in the order of the numbers, and the first `want` primes of them.
fn sink(answers: Receiver<(u64, bool)>, want: usize, gauge: &Gauge) -> Vec<u64> {
    let mut primes = Vec::new();
    let mut early = BTreeMap::new();
    let mut next = 0;
    for (number, prime) in &answers {
        gauge.leave();
        early.insert(number, prime);
        while let Some(prime) = early.remove(&next) {
            primes.extend(prime.then_some(next));
            next += 1;
        }
        if primes.len() >= want {
            primes.truncate(want);
            break;
        }
    }
    primes
}

fn pipeline(count: u64, want: usize, gauge: &Gauge) -> Vec<u64> {
    let (numbers, to_check) = channel::bounded(CAPACITY);
    let (checked, answers) = channel::bounded(CAPACITY);
    corro::scope(|s| {
        s.spawn(move || source(numbers, count, gauge));
        for _ in 0..WORKERS {
            let (to_check, checked) = (to_check.clone(), checked.clone());
            s.spawn(move || worker(to_check, checked, gauge));
        }
        // What the workers have clones of is theirs alone now, so the ends of the channels go with the workers.
        drop((to_check, checked));
        sink(answers, want, gauge)
    })
}

fn main() -> std::io::Result<()> {
    let quick = arguments::is_quick("pipeline: stages with bounded channels between them.");
    let count = if quick { 2_000 } else { 20_000 };
    let runtime = corro::Runtime::new()?;

    let gauge = Gauge::default();
    let primes = runtime.run(|| pipeline(count, usize::MAX, &gauge));
    let most = gauge.most.load(Relaxed);
    println!(
        "a source of {count} numbers, {WORKERS} workers, channels of {CAPACITY}: never more than {most} numbers under way"
    );
    assert!(most <= BOUND, "the channels did not hold the source back");
    let expected: Vec<u64> = (0..count).filter(|&number| is_prime(number)).collect();
    assert_eq!(primes, expected, "a number was lost, doubled or out of order");
    println!("{} primes, in order, the last is {}", primes.len(), primes[primes.len() - 1]);

    let gauge = Gauge::default();
    let primes = runtime.run(|| pipeline(count, 100, &gauge));
    let started = gauge.started.load(Relaxed);
    println!(
        "a sink that wants 100 primes: the last is {}; the source was stopped after {started} of {count} numbers",
        primes[99]
    );
    assert_eq!(primes[..], expected[..100]);
    assert!(started < count as usize, "the source went on without anybody who listens");
    Ok(())
}
