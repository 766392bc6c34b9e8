//! The first answer wins, within a time; what the losers had begun is undone.
//!
//! `cargo run --release --example race` prints (the ticks may vary):
//!
//! ```text
//! three mirrors
//!   east  0 parts are thrown away
//!   north 3 parts are thrown away
//!   south has all 4 parts: it wins
//! three mirrors that are too slow
//!   east  0 parts are thrown away
//!   north 1 part is thrown away
//!   south 2 parts are thrown away
//!   nobody answered in 250ms
//! whichever comes first, again and again
//!   4 ticks, 3 words, then the end
//! ```
//!
//! `--quick` is the same: it takes less than a second. A loser is a task that is cancelled: it unwinds from where it
//! waits, and its destructors undo what it did. `scope` waits for that, so that after the race nothing is under way. An
//! arm of `select!` that loses has done nothing at all: no message is taken from a channel whose arm was not chosen.

mod arguments;

use std::time::Duration;

use corro::channel::{self, Sender};
use corro::{scope, select, sleep, spawn};

const PARTS: u32 = 4;

/// What a download has so far. Thrown away with it, unless it was finished.
struct Partial {
    mirror: &'static str,
    parts: u32,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.parts < PARTS {
            let what = if self.parts == 1 { "part is" } else { "parts are" };
            println!("  {:<5} {} {what} thrown away", self.mirror, self.parts);
        }
    }
}

/// Takes four times `pause`. Only who gets its answer through has won.
fn download(mirror: &'static str, pause: Duration, answer: Sender<&'static str>) {
    let mut partial = Partial { mirror, parts: 0 };
    while partial.parts < PARTS {
        sleep(pause);
        partial.parts += 1;
    }
    // Fails if another was first.
    let _ = answer.send(mirror);
}

/// Asks all mirrors, which take so many milliseconds a part, and waits for one within `limit`.
fn first_of(mirrors: [(&'static str, u64); 3], limit: Duration) -> Option<&'static str> {
    scope(|s| {
        let (answer, first) = channel::bounded(1);
        for (mirror, pause) in mirrors {
            let answer = answer.clone();
            s.spawn(move || download(mirror, Duration::from_millis(pause), answer));
        }
        let winner = select! {
            recv(first) -> mirror => mirror.ok(),
            after(limit) => None,
        };
        // The children that are left are cancelled; the scope waits until they have tidied up.
        s.cancel();
        winner
    })
}

/// Serves what comes first of three things, until the last of them ends.
fn events() -> (u32, u32) {
    let (words, heard) = channel::bounded(0);
    let mut speaker = spawn(move || {
        for word in ["one", "two", "three"] {
            sleep(Duration::from_millis(7));
            words.send(word).expect("somebody listens");
        }
        sleep(Duration::from_millis(7));
    });
    let (mut ticks, mut words) = (0, 0);
    loop {
        select! {
            recv(heard) -> word => match word {
                Ok(_word) => words += 1,
                // The speaker has dropped its end, and is about to end itself.
                Err(_) => break speaker.join().expect("it does not fail"),
            },
            join(&mut speaker) -> end => break end.expect("it does not fail"),
            after(Duration::from_millis(5)) => ticks += 1,
        }
    }
    (ticks, words)
}

fn main() -> std::io::Result<()> {
    arguments::is_quick("race: the first answer wins; what the losers had begun is undone.");
    let runtime = corro::Runtime::new()?;

    println!("three mirrors");
    let mirrors = [("east", 500), ("north", 9), ("south", 7)];
    let winner = runtime.run(|| first_of(mirrors, Duration::from_secs(30))).expect("one answers");
    println!("  {winner} has all {PARTS} parts: it wins");
    assert_ne!(winner, "east", "the slowest cannot win");

    println!("three mirrors that are too slow");
    let limit = Duration::from_millis(250);
    let nobody = runtime.run(|| first_of([("east", 900), ("north", 200), ("south", 110)], limit));
    assert_eq!(nobody, None, "nobody is that fast");
    println!("  nobody answered in {limit:?}");

    println!("whichever comes first, again and again");
    let (ticks, words) = runtime.run(events);
    println!("  {ticks} ticks, {words} words, then the end");
    assert_eq!(words, 3, "a word was lost");
    Ok(())
}
