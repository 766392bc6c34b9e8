//! How a worker gives its core to others that want it.
//!
//! It yields: then the core comes back as soon as the others sleep. But whoever yields forfeits its share of the core, and
//! if the other thread does not sleep, since another worker keeps it busy, the system lets that run for some of its ticks,
//! which are milliseconds. A sleeper forfeits nothing, and wakes on any core that is idle. So after a yield that took long,
//! naps take the place of yields for a while.
//!
//! To another worker that waits for a core it gives way for longer: by a row of naps, which ends when that one has looked for I/O.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

/// A yield that takes longer has not paid.
const LONG: Duration = Duration::from_millis(1);
/// Naps take the place of yields for this time then.
const SPELL: Duration = Duration::from_millis(100);
/// A nap. The system adds the thread's timer slack, 50 µs as a rule.
const NAP: Duration = Duration::from_nanos(1);
/// A row of naps ends after this time, with the nap that has begun.
const PAUSE: Duration = Duration::from_micros(500);

#[derive(Default)]
pub(super) struct Courtesy {
    naps_until: Cell<Option<Instant>>,
}

impl Courtesy {
    /// Lets others that want this core have it for a while. Nothing ends a nap: who expects an answer at once may not have one.
    pub(super) fn give_core(&self, may_nap: bool) {
        self.give(may_nap, Instant::now, thread::yield_now, || thread::sleep(NAP));
    }

    fn give(&self, may_nap: bool, now: impl Fn() -> Instant, give_way: impl FnOnce(), nap: impl FnOnce()) {
        let before = now();
        if may_nap && self.naps_until.get().is_some_and(|until| before < until) {
            return nap();
        }
        give_way();
        let after = now();
        if after - before > LONG {
            self.naps_until.set(Some(after + SPELL));
        }
    }
}

/// Naps until `is_over`, but not for long. Whether it was in vain.
pub(super) fn pause_until(is_over: impl Fn() -> bool) -> bool {
    nap_until(is_over, Instant::now, || thread::sleep(NAP))
}

fn nap_until(is_over: impl Fn() -> bool, now: impl Fn() -> Instant, nap: impl Fn()) -> bool {
    let end = now() + PAUSE;
    loop {
        nap();
        if is_over() {
            return false;
        }
        if now() >= end {
            return true;
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
        let gives = |may_nap, yield_takes| {
            let was_nap = Cell::new(false);
            courtesy.give(may_nap, || clock.get(), || pass(yield_takes), || was_nap.set(true));
            if was_nap.get() { "nap" } else { "yield" }
        };
        assert_eq!([gives(true, LONG), gives(true, 2 * LONG), gives(true, LONG)], ["yield", "yield", "nap"]);
        pass(SPELL - 2 * LONG);
        assert_eq!([gives(false, LONG), gives(true, LONG)], ["yield", "nap"]);
        pass(LONG);
        assert_eq!([gives(true, LONG), gives(true, LONG)], ["yield", "yield"]);
    }

    #[test]
    fn a_pause_ends_when_it_is_over_or_has_been_long() {
        let clock = Cell::new(Instant::now());
        let naps = |over_after, nap_takes| {
            let count = Cell::new(0);
            let nap = || {
                clock.set(clock.get() + nap_takes);
                count.set(count.get() + 1);
            };
            let in_vain = nap_until(|| count.get() == over_after, || clock.get(), nap);
            (count.get(), in_vain)
        };
        assert_eq!([naps(1, PAUSE / 4), naps(3, PAUSE / 4), naps(9, PAUSE / 4)], [(1, false), (3, false), (4, true)]);
        assert_eq!([naps(1, PAUSE * 9), naps(2, PAUSE * 9)], [(1, false), (1, true)], "the system may make naps long");
    }
}
