//! A resume and a yield of one coroutine, there and back.

use std::hint::black_box;
use std::time::Instant;

use corosensei::{Coroutine, Yielder};
use corro::{Co, Generator};

use crate::{Entry, entry};

pub fn entries(quick: bool) -> Vec<Entry> {
    let rounds = if quick { 200_000 } else { 5_000_000 };
    vec![
        entry("corosensei", "roundtrip_ns", move || corosensei(rounds)),
        entry("generator", "roundtrip_ns", move || generator_rs(rounds)),
        entry("corro_generator", "roundtrip_ns", move || generator(0, rounds)),
        entry("corro_generator", "delegated_1_ns", move || generator(1, rounds)),
        entry("corro_generator", "delegated_100_ns", move || generator(100, rounds)),
    ]
}

fn corosensei(rounds: u64) -> f64 {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<u64, u64>, mut value: u64| {
        while value != u64::MAX {
            value = yielder.suspend(value + 1);
        }
    });
    let start = Instant::now();
    for value in 0..rounds {
        black_box(coroutine.resume(value));
    }
    let elapsed = start.elapsed();
    coroutine.resume(u64::MAX);
    elapsed.as_nanos() as f64 / rounds as f64
}

fn generator_rs(rounds: u64) -> f64 {
    let mut generator = generator::Gn::<u64>::new_scoped(|mut scope| {
        let mut value = 0;
        loop {
            value = scope.yield_(value + 1).expect("a value is sent");
        }
    });
    generator.resume();
    let start = Instant::now();
    for value in 0..rounds {
        black_box(generator.send(value));
    }
    let elapsed = start.elapsed();
    // It never ends by itself.
    std::mem::forget(generator);
    elapsed.as_nanos() as f64 / rounds as f64
}

fn generator(depth: u32, rounds: u64) -> f64 {
    let mut generator = delegating(depth);
    generator.start().expect("it can start");
    let start = Instant::now();
    for value in 0..rounds {
        black_box(generator.send(value).expect("it goes on"));
    }
    start.elapsed().as_nanos() as f64 / rounds as f64
}

fn delegating(depth: u32) -> Generator<u64, u64> {
    Generator::new(move |co: &Co<u64, u64>| {
        if depth > 0 {
            return co.yield_from(&mut delegating(depth - 1));
        }
        let mut value = 0;
        loop {
            value = co.yield_(value + 1);
        }
    })
}
