//! Cutting work off: by a deadline, by a deadline around another, by a button; and what must not be cut off.
//!
//! `cargo run --release --example timeouts` prints, with the seconds since each part began (they may vary a little):
//!
//! ```text
//! a slow step
//!   0.00 s  works, with a lock and a temporary file
//!   0.20 s  the temporary file is removed
//!   0.20 s  the time is over; the lock is free
//! a timeout in a timeout
//!   0.20 s  inner: the time is over; asks another mirror
//!   0.50 s  outer: the time is over
//! a commit that is cut off
//!   0.10 s  the time is over; Ann has 70, Bob has 0
//! a commit in a shield
//!   0.30 s  the time is over; Ann has 70, Bob has 30
//! a cancel button
//!   0.35 s  the user presses Cancel
//!   0.35 s  the scope was cancelled; 3 of 500 parts were copied
//! ```
//!
//! `--quick` is ten times as fast. What is cut off unwinds: its destructors run, and only then the error comes back.
//! Work is cut off where it waits, never in the middle of a computation.

mod arguments;

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A file that is removed at the end of its scope, however that end comes.
struct TemporaryFile(PathBuf, Instant);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        fs::remove_file(&self.0).expect("nobody else removes it");
        say(self.1, "the temporary file is removed");
    }
}

fn slow_step(since: Instant, unit: Duration) {
    let path = std::env::temp_dir().join(format!("corro-timeouts-{}", std::process::id()));
    let lock = RefCell::new(());
    let outcome = corro::timeout(2 * unit, || {
        let _guard = lock.borrow_mut();
        File::create(&path).expect("the directory can be written to");
        let _file = TemporaryFile(path.clone(), since);
        say(since, "works, with a lock and a temporary file");
        corro::sleep(600 * unit);
    });
    assert!(!path.exists() && lock.try_borrow_mut().is_ok(), "something was left behind");
    say(since, &format!("{}; the lock is free", outcome.unwrap_err()));
}

/// Asks one mirror, then another. Each may take its time, but both together only 5 units.
fn download(since: Instant, unit: Duration) {
    let outcome = corro::timeout(5 * unit, || {
        let first = corro::timeout(2 * unit, || corro::sleep(600 * unit));
        say(since, &format!("inner: {}; asks another mirror", first.unwrap_err()));
        corro::timeout(60 * unit, || corro::sleep(600 * unit))
    });
    say(since, &format!("outer: {}", outcome.expect_err("the outer one is due before the second inner one")));
}

/// Ann gives 30 to Bob, which takes a while. Then a receipt is sent, slowly.
fn transfer(since: Instant, unit: Duration, shielded: bool) {
    let (ann, bob) = (Cell::new(100), Cell::new(0));
    let commit = || {
        ann.set(70);
        corro::sleep(3 * unit);
        bob.set(30);
    };
    let outcome = corro::timeout(unit, || {
        if shielded {
            corro::shield(commit)
        } else {
            commit()
        }
        corro::sleep(600 * unit);
    });
    let (ann, bob) = (ann.get(), bob.get());
    assert_eq!(ann + bob == 100, shielded, "the shield does not do its work");
    say(since, &format!("{}; Ann has {ann}, Bob has {bob}", outcome.unwrap_err()));
}

fn cancel_button(since: Instant, unit: Duration) {
    let copied = Cell::new(0);
    let outcome = corro::cancel_scope(|token| {
        let button = token.clone();
        corro::spawn(move || {
            corro::sleep(unit * 7 / 2);
            say(since, "the user presses Cancel");
            button.cancel();
        });
        for part in 1..=500 {
            corro::sleep(unit);
            copied.set(part);
        }
    });
    say(since, &format!("{}; {} of 500 parts were copied", outcome.unwrap_err(), copied.get()));
}

fn say(since: Instant, text: &str) {
    println!("  {:.2} s  {text}", since.elapsed().as_secs_f64());
}

fn main() {
    let quick = arguments::is_quick("timeouts: work is cut off by deadlines and by a button, and tidies up.");
    let unit = Duration::from_millis(if quick { 10 } else { 100 });
    let part = |title: &str, body: fn(Instant, Duration)| {
        println!("{title}");
        corro::run(|| body(Instant::now(), unit));
    };
    part("a slow step", slow_step);
    part("a timeout in a timeout", download);
    part("a commit that is cut off", |since, unit| transfer(since, unit, false));
    part("a commit in a shield", |since, unit| transfer(since, unit, true));
    part("a cancel button", cancel_button);
}
