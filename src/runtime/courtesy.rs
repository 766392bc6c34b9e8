//! How a worker gives its core to others that want it.
//!
//! It yields: then the core comes back as soon as the others sleep. But whoever yields forfeits its share of the core, and
//! if the other thread does not sleep, since another worker keeps it busy, the system lets that run for some of its ticks,
//! which are milliseconds. A sleeper forfeits nothing: its timer gives it a core soon, any that is idle. So after a yield
//! that took long, short sleeps take the place of yields for a while.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

/// A yield that takes longer has not paid.
const LONG: Duration = Duration::from_millis(1);
/// Sleeps take the place of yields for this time then.
const SPELL: Duration = Duration::from_millis(100);
/// A sleep. The system adds the thread's timer slack, 50 µs as a rule.
const NAP: Duration = Duration::from_nanos(1);

#[derive(Default)]
pub(super) struct Courtesy {
    naps_until: Cell<Option<Instant>>,
}

impl Courtesy {
    /// Lets others that want this core have it for a while.
    pub(super) fn give_core(&self) {
        self.give(Instant::now, thread::yield_now, || thread::sleep(NAP));
    }

    fn give(&self, now: impl Fn() -> Instant, give_way: impl FnOnce(), nap: impl FnOnce()) {
        let before = now();
        if self.naps_until.get().is_some_and(|until| before < until) {
            return nap();
        }
        give_way();
        let after = now();
        if after - before > LONG {
            self.naps_until.set(Some(after + SPELL));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_yield_that_took_long_come_naps_for_a_while() {
        let (courtesy, clock) = (Courtesy::default(), Cell::new(Instant::now()));
        let pass = |time| clock.set(clock.get() + time);
        let gives = |yield_takes| {
            let was_nap = Cell::new(false);
            courtesy.give(|| clock.get(), || pass(yield_takes), || was_nap.set(true));
            if was_nap.get() { "nap" } else { "yield" }
        };
        assert_eq!([gives(LONG), gives(2 * LONG), gives(LONG)], ["yield", "yield", "nap"]);
        pass(SPELL - LONG);
        assert_eq!(gives(LONG), "nap");
        pass(LONG);
        assert_eq!([gives(LONG), gives(LONG)], ["yield", "yield"]);
    }
}
