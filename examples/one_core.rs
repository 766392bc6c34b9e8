//! A computation and the reading of a file take turns on one core, so quickly that both seem to run at once.
//!
//! `cargo run --release --example one_core` prints (times vary):
//!
//! ```text
//! from afar: both seem to run at once (19.9 ms)
//!   computes  ████████████████████████████████████████████████████████████████
//!   reads     ████████████████████████████████████████████████████████████████
//! through a lens: they take turns (0.2 ms)
//!   computes  ███████    ████████   ███████    ███████    ████████   ███████
//!   reads            ████        ███       ████       ████        ███       ████
//! The core changed hands 256 times. First news of the reading after 145.3µs, not 7.8ms.
//! 13010 primes below 140000; 4194304 bytes were read, their sum is 5f1c2a7734e8b0d1.
//! ```
//!
//! One thread runs both. No time is won: on one core it cannot be. But neither waits for the end of the other.

mod arguments;

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read as _};
use std::rc::Rc;
use std::time::{Duration, Instant};

struct Turn {
    who: usize,
    start: Duration,
    end: Duration,
}

#[derive(Clone)]
struct Core {
    since: Instant,
    turns: Option<Rc<RefCell<Vec<Turn>>>>,
}

impl Core {
    fn give_way(&self, who: usize, turn: &mut Duration) {
        let Some(turns) = &self.turns else { return };
        turns.borrow_mut().push(Turn { who, start: *turn, end: self.since.elapsed() });
        corro::yield_now();
        *turn = self.since.elapsed();
    }
}

fn compute(core: &Core, limit: u32) -> usize {
    let is_prime = |n: u32| (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    let mut primes = 0;
    let mut turn = core.since.elapsed();
    for start in (2..limit).step_by(500) {
        primes += (start..limit.min(start + 500)).filter(|&n| is_prime(n)).count();
        core.give_way(0, &mut turn);
    }
    primes
}

fn read(core: &Core, limit: u64) -> io::Result<(usize, u64)> {
    let mut file = File::open(std::env::current_exe()?)?.take(limit);
    let (mut bytes, mut sum, mut chunk) = (0, 0_u64, [0; 32 * 1024]);
    let mut turn = core.since.elapsed();
    loop {
        let count @ 1.. = file.read(&mut chunk)? else { return Ok((bytes, sum)) };
        bytes += count;
        sum = chunk[..count].iter().fold(sum, |sum, &byte| sum.rotate_left(5) ^ u64::from(byte));
        core.give_way(1, &mut turn);
    }
}

/// Both rows of a stretch of time, a character for each of 64 parts.
fn rows(turns: &[Turn], start: Duration, length: Duration) -> [String; 2] {
    let part = length / 64;
    [0, 1].map(|who| {
        let had_core =
            |from: Duration| turns.iter().any(|turn| turn.who == who && turn.start < from + part && turn.end > from);
        (0..64).map(|column| if had_core(start + part * column) { '█' } else { ' ' }).collect()
    })
}

fn show(title: &str, turns: &[Turn], start: Duration, length: Duration) {
    let [computes, reads] = rows(turns, start, length);
    println!("{title} ({:.1} ms)\n  computes  {computes}\n  reads     {reads}", length.as_secs_f64() * 1e3);
}

fn main() -> io::Result<()> {
    let quick = arguments::is_quick("one_core: a computation and the reading of a file take turns on one core.");
    let (numbers, bytes) = if quick { (40_000, 1 << 20) } else { (140_000, 4 << 20) };

    let alone = Core { since: Instant::now(), turns: None };
    let primes = compute(&alone, numbers);
    let wait = alone.since.elapsed();
    let read_alone = read(&alone, bytes)?;

    let turns = Rc::new(RefCell::new(Vec::new()));
    let core = Core { since: Instant::now(), turns: Some(turns.clone()) };
    let together = corro::run(|| {
        let (a, b) = (core.clone(), core.clone());
        let computer = corro::spawn_local(move || compute(&a, numbers));
        let reader = corro::spawn_local(move || read(&b, bytes));
        (computer.join().expect("it computes"), reader.join().expect("it reads"))
    });
    let turns = turns.take();
    assert_eq!((primes, read_alone), (together.0, together.1?), "taking turns has changed a result");

    show("from afar: both seem to run at once", &turns, Duration::ZERO, core.since.elapsed());
    let lens = &turns[4..16];
    show("through a lens: they take turns", &turns, lens[0].start, lens[11].end - lens[0].start);
    let changes = turns.windows(2).filter(|pair| pair[0].who != pair[1].who).count();
    let first = turns.iter().position(|turn| turn.who == 1).expect("it reads");
    assert!(changes > 20 && first < 3, "they did not take turns");
    let news = turns[first].end;
    println!("The core changed hands {changes} times. First news of the reading after {news:.1?}, not {wait:.1?}.");
    println!("{primes} primes below {numbers}; {} bytes were read, their sum is {:x}.", read_alone.0, read_alone.1);
    Ok(())
}
