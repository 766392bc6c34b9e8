//! Tasks that live in a scope: they borrow from their parent, none outlives it, and when one fails the others are
//! called back.
//!
//! `cargo run --release --example nursery` prints:
//!
//! ```text
//! the longest words: ["children", "before", "house"]
//! a house is built
//!   digger packs up, 1 of 1 days done
//!   electrician packs up, 4 of 4 days done
//!   plumber packs up, 5 of 5 days done
//!   painter packs up, 9 of 9 days done
//! another one, with an accident
//!   digger packs up, 1 of 1 days done
//!   electrician packs up, 2 of 4 days done
//!   plumber packs up, 2 of 5 days done
//!   painter packs up, 2 of 9 days done
//! out of the scope came: Accident { what: "an old cable" }; 7 days were worked
//! ```
//!
//! The scope waits for all of its tasks, whatever happens. That is why they may borrow, in safe code.

mod arguments;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

const TEXT: &str = "the room of the children\nnobody leaves before the last\nwho cries wakes the house";

/// Each child borrows a line of the parent's text, and returns a word that is still a part of it.
fn longest_words(text: &str, unit: Duration) -> Vec<&str> {
    corro::scope(|s| {
        let read = |line| s.spawn(move || longest_word(line, unit));
        let children: Vec<_> = text.lines().map(read).collect();
        children.into_iter().map(|child| child.join().expect("reading does not fail")).collect()
    })
}

fn longest_word(line: &str, unit: Duration) -> &str {
    corro::sleep(unit);
    line.split(' ').max_by_key(|word| word.len()).unwrap_or_default()
}

struct Crew {
    name: &'static str,
    done: u32,
    of: u32,
}

/// What the task of a crew holds. Its destructor runs also when the crew is called back.
struct Tools<'a>(&'a mut Crew);

impl Drop for Tools<'_> {
    fn drop(&mut self) {
        let Crew { name, done, of } = self.0;
        println!("  {name} packs up, {done} of {of} days done");
    }
}

#[derive(Debug, PartialEq)]
struct Accident {
    what: &'static str,
}

fn work(crew: &mut Crew, day: Duration, accident_on: Option<u32>) {
    let tools = Tools(crew);
    while tools.0.done < tools.0.of {
        corro::sleep(day);
        if accident_on == Some(tools.0.done + 1) {
            // As `std::panic::panic_any`, without the message on the standard error.
            resume_unwind(Box::new(Accident { what: "an old cable" }));
        }
        tools.0.done += 1;
    }
}

/// Each crew is borrowed by its own task. The electrician meets with an accident on that day.
fn build(crews: &mut [Crew], day: Duration, accident_on: Option<u32>) {
    corro::scope(|s| {
        for crew in crews {
            let accident_on = accident_on.filter(|_| crew.name == "electrician");
            s.spawn(move || work(crew, day, accident_on));
        }
    });
}

fn crews() -> [Crew; 4] {
    [("digger", 1), ("electrician", 4), ("plumber", 5), ("painter", 9)].map(|(name, of)| Crew { name, done: 0, of })
}

fn main() {
    let quick = arguments::is_quick("nursery: tasks that borrow, and that are called back when one of them fails.");
    let day = Duration::from_millis(if quick { 10 } else { 100 });

    let words = corro::run(|| longest_words(TEXT, day));
    println!("the longest words: {words:?}");
    assert_eq!(words, ["children", "before", "house"]);

    println!("a house is built");
    let mut house = crews();
    corro::run(|| build(&mut house, day, None));
    assert!(house.iter().all(|crew| crew.done == crew.of), "the scope did not wait for a crew");

    println!("another one, with an accident");
    let mut house = crews();
    let outcome = catch_unwind(AssertUnwindSafe(|| corro::run(|| build(&mut house, day, Some(3)))));
    let accident = outcome.expect_err("the accident comes out").downcast::<Accident>().expect("as it was raised");
    let days: u32 = house.iter().map(|crew| crew.done).sum();
    println!("out of the scope came: {accident:?}; {days} days were worked");
    assert!(house[0].done == 1 && house[1].done == 2 && house[3].done < 9, "the others were not called back");
}
