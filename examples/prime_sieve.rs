//! The sieve that shows what channels are for: each prime has a task, which lets through what it does not divide. The
//! chain grows by one task with each prime that comes out at its end.
//!
//! `cargo run --release --example prime_sieve` prints (the time varies):
//!
//! ```text
//! 1 worker:  the first 1500 primes up to 12553 by a chain of 1500 tasks, 1154410 messages, in 0.183 s
//! 2 workers: the first 1500 primes up to 12553 by a chain of 1500 tasks, 1154410 messages, in 0.072 s
//! ```
//!
//! `--quick` stops at 100 primes. Every number goes from task to task until something divides it, so this is a measure of
//! what it costs to hand a message on. When there are enough primes the scope cancels the filters, wherever they wait.
//!
//! Source: the program comes from M. Douglas McIlroy's coroutines of 1968, by way of C. A. R. Hoare, "Communicating
//! sequential processes" (1978), section 6.1, to the tutorials of Newsqueak and Go.

mod arguments;

use std::time::Instant;

use corro::Runtime;
use corro::channel::{self, Receiver, Sender};

/// How many numbers a filter may be ahead of the next.
const CAPACITY: usize = 16;

fn generate(numbers: Sender<u64>) {
    for number in 2.. {
        numbers.send(number).expect("the first filter listens");
    }
}

fn filter(prime: u64, numbers: Receiver<u64>, others: Sender<u64>) {
    let others_than_multiples = numbers.iter().filter(|number| !number.is_multiple_of(prime));
    others_than_multiples.for_each(|number| others.send(number).expect("the next filter listens"));
}

fn first_primes(count: usize) -> Vec<u64> {
    corro::scope(|s| {
        let (numbers, mut end) = channel::bounded(CAPACITY);
        s.spawn(|| generate(numbers));
        let mut primes = Vec::new();
        while primes.len() < count {
            let prime = end.recv().expect("there is always another prime");
            primes.push(prime);
            let (others, next_end) = channel::bounded(CAPACITY);
            let numbers = std::mem::replace(&mut end, next_end);
            s.spawn(move || filter(prime, numbers, others));
        }
        s.cancel();
        primes
    })
}

/// The same numbers, found by division, and how many messages the sieve sends to find them.
fn divided(count: usize) -> (Vec<u64>, usize) {
    let mut primes: Vec<u64> = Vec::new();
    let mut messages = 0;
    for number in 2.. {
        if primes.len() == count {
            break;
        }
        let mut candidates = primes.iter().take_while(|&prime| prime * prime <= number);
        match candidates.position(|&prime| number.is_multiple_of(prime)) {
            // It goes as far as to the filter of this prime.
            Some(smallest) => messages += smallest + 1,
            // It comes out at the end, where its own filter is put.
            None => {
                messages += primes.len() + 1;
                primes.push(number);
            }
        }
    }
    (primes, messages)
}

fn main() -> std::io::Result<()> {
    let quick = arguments::is_quick("prime_sieve: a chain of filters, one task for each prime.");
    let count = if quick { 100 } else { 1_500 };
    let (expected, messages) = divided(count);
    for (workers, label) in [(1, "1 worker: "), (2, "2 workers:")] {
        let runtime = Runtime::builder().workers(workers).build()?;
        let start = Instant::now();
        let primes = runtime.run(|| first_primes(count));
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(primes, expected, "the sieve has a hole");
        println!(
            "{label} the first {count} primes up to {} by a chain of {count} tasks, {messages} messages, in {seconds:.3} s",
            primes[count - 1],
        );
    }
    Ok(())
}
