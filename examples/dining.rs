//! The dining philosophers: each needs two forks, which its neighbours need as well. Half-way through the dinner half of
//! them are called away, wherever they are; everybody's forks come back.
//!
//! `cargo run --release --example dining` prints (the counts vary):
//!
//! ```text
//! the host seats all but one at a time
//!   Epicurus is called away: 49 meals eaten, 1 forks in its hands
//!   Hypatia is called away: 48 meals eaten, 2 forks in its hands
//!   …
//!   8 philosophers sat down, 4 were called away, the others ate 100 meals each; all 8 forks are back
//! everybody takes the lower fork first
//!   …
//! ```
//!
//! `--quick` has fewer meals. A fork is a [`Mutex`]. Were each to take its left fork first, all could hold one fork and wait
//! for the other for ever. Two of the classical ways out are shown: a host who lets only all but one sit at the table (a
//! [`Semaphore`]), and an order of the forks. Who is called away unwinds, so that its guards lay the forks back; a fork
//! that was just being handed to it goes to the neighbour.
//!
//! Source: E. W. Dijkstra, "Hierarchical ordering of sequential processes" (1971).

mod arguments;

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use corro::sync::{Event, Mutex, MutexGuard, Semaphore};
use corro::yield_now;

const NAMES: [&str; 8] = ["Socrates", "Plato", "Aristotle", "Zeno", "Hypatia", "Diogenes", "Epicurus", "Thales"];

#[derive(Default)]
struct Fork {
    meals: u32,
}

/// How the philosophers keep from waiting in a circle.
#[derive(Clone, Copy)]
enum Manner {
    Host,
    Order,
}

struct Table {
    forks: [Mutex<Fork>; NAMES.len()],
    seats: Semaphore,
    meals: [AtomicU32; NAMES.len()],
    /// Half of the dinner is over.
    half: Event,
}

/// What a philosopher has in its hands; tells so when it is called away.
struct Hands<'a> {
    name: &'static str,
    forks: Cell<u32>,
    meals: &'a AtomicU32,
    called_away: Cell<bool>,
}

impl Hands<'_> {
    fn take<'t>(&self, fork: &'t Mutex<Fork>) -> MutexGuard<'t, Fork> {
        let fork = fork.lock();
        self.forks.set(self.forks.get() + 1);
        fork
    }
}

impl Drop for Hands<'_> {
    fn drop(&mut self) {
        if self.called_away.get() {
            let (meals, forks) = (self.meals.load(Relaxed), self.forks.get());
            println!("  {} is called away: {meals} meals eaten, {forks} forks in its hands", self.name);
        }
    }
}

impl Table {
    fn new() -> Table {
        Table {
            forks: Default::default(),
            seats: Semaphore::new(NAMES.len() - 1),
            meals: Default::default(),
            half: Event::new(),
        }
    }

    fn dine(&self, number: usize, manner: Manner, meals: u32) {
        let (left, right) = (number, (number + 1) % NAMES.len());
        let (first, second) = match manner {
            Manner::Host => (left, right),
            Manner::Order => (left.min(right), left.max(right)),
        };
        let eaten = &self.meals[number];
        // Set aside only by who stays to the end.
        let hands = Hands { name: NAMES[number], forks: Cell::new(0), meals: eaten, called_away: Cell::new(true) };
        for meal in 1..=meals {
            // Thinks.
            yield_now();
            let _seat = matches!(manner, Manner::Host).then(|| self.seats.acquire());
            let mut first = hands.take(&self.forks[first]);
            // In a hurry to take the second: without a manner this is how it comes to a deadlock.
            yield_now();
            let mut second = hands.take(&self.forks[second]);
            first.meals += 1;
            second.meals += 1;
            yield_now();
            eaten.store(meal, Relaxed);
            hands.forks.set(0);
            if meal == meals / 2 {
                self.half.set();
            }
        }
        hands.called_away.set(false);
    }

    fn dinner(&self, manner: Manner, meals: u32) {
        corro::scope(|s| {
            let guests: Vec<_> =
                (0..NAMES.len()).map(|number| s.spawn(move || self.dine(number, manner, meals))).collect();
            self.half.wait();
            // Each second one, wherever it is: thinking, waiting, eating, or just about to get its fork.
            guests.iter().step_by(2).for_each(|guest| guest.cancel());
            let stayed = guests.into_iter().map(|guest| guest.join()).filter(Result::is_ok).count();
            let away = NAMES.len() - stayed;
            let back = self.forks.iter().filter(|fork| fork.try_lock().is_some()).count();
            assert_eq!(back, NAMES.len(), "a fork was lost");
            assert_eq!(self.seats.available(), NAMES.len() - 1, "a seat was lost");
            println!(
                "  {} philosophers sat down, {away} were called away, the others ate {meals} meals each; all {back} \
                 forks are back",
                NAMES.len()
            );
        });
        let finished = self.meals.iter().skip(1).step_by(2).all(|eaten| eaten.load(Relaxed) == meals);
        assert!(finished, "one who stayed did not get all its meals");
    }
}

fn main() -> std::io::Result<()> {
    let quick = arguments::is_quick("dining: philosophers who are called away half-way through their dinner.");
    let meals = if quick { 10 } else { 100 };
    let runtime = corro::Runtime::new()?;
    for (title, manner) in [
        ("the host seats all but one at a time", Manner::Host),
        ("everybody takes the lower fork first", Manner::Order),
    ] {
        println!("{title}");
        let table = Table::new();
        runtime.run(|| table.dinner(manner, meals));
    }
    Ok(())
}
