//! A computation and the reading of a file take turns on one core, so quickly that both seem to run at once.
//!
//! `cargo run --release --example one_core` prints (times vary):
//!
//! ```text
//! from afar: both seem to run at once (40.1 ms)
//!   computes  ████████████████████████████████████████████████████████████████
//!   reads     ████████████████████████████████████████████████████████████████
//! through a lens: they take turns (0.6 ms of it)
//!   computes  ███████    ████████   ███████    ███████    ████████   ███████
//!   reads            ████        ███       ████       ████        ███
//! 612 turns. First news of the reading after 0.1 ms; one after the other it would have been 30.2 ms.
//! 17984 primes below 200000; 6023456 bytes were read, their sum is 491827364.
//! ```
//!
//! One thread runs both tasks. There is nothing to lock, and no time is won: on one core it cannot be. What is won is
//! that neither has to wait for the end of the other. `--quick` does a quarter of the work.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read as _};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Who had the core, from when to when.
struct Turn {
    who: usize,
    start: Duration,
    end: Duration,
}

/// Gives way at every yield, and notes the turns if there is a timeline.
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
    let (mut bytes, mut sum) = (0, 0_u64);
    let mut chunk = [0; 32 * 1024];
    let mut turn = core.since.elapsed();
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            return Ok((bytes, sum));
        }
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
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let quick = arguments == ["--quick"];
    if !quick && !arguments.is_empty() {
        eprintln!("one_core: cannot understand {arguments:?}; there is only --quick, for a quarter of the work");
        std::process::exit(2);
    }
    let (numbers, bytes) = if quick { (50_000, 1 << 20) } else { (200_000, 4 << 20) };

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
    let first = turns.iter().find(|turn| turn.who == 1).map(|turn| turn.end).unwrap_or_default();
    assert!(changes > 20 && first < wait, "they did not take turns");
    let (first, wait) = (first.as_secs_f64() * 1e3, wait.as_secs_f64() * 1e3);
    println!(
        "{changes} times the core changed hands. First news of the reading after {first:.1} ms, not {wait:.1} ms."
    );
    println!("{primes} primes below {numbers}; {} bytes were read, their sum is {:x}.", read_alone.0, read_alone.1);
    Ok(())
}
