//! A lock for a few instructions: it is held while links and counters change, never while code of a user runs or
//! anybody waits.
//!
//! A lock that parks would be no better: what is done under it is over sooner than a thread falls asleep. One atomic
//! exchange takes it, a plain store lets it go, which is half of what a lock costs that must look for sleepers.
//! Who finds it taken pauses, longer each time, so that the other goes on with the cache line for a while; when that
//! takes too long, the holder has been interrupted by the system, and its processor time is what it needs.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::thread;
use std::time::Duration;

/// Pauses of the first round. Too few, and the cache line goes to and fro at each use of the lock.
const PAUSES: u32 = 8;
/// Pauses double so often.
const DOUBLINGS: u32 = 6;
/// After so many rounds, the later of which give the processor away, the thread sleeps.
const ROUNDS: u32 = 40;
const NAP: Duration = Duration::from_micros(50);

pub(super) struct Lock(AtomicBool);

impl Lock {
    pub(super) const fn new() -> Lock {
        Lock(AtomicBool::new(false))
    }

    #[inline]
    pub(super) fn acquire(&self) {
        if !self.try_acquire() {
            self.acquire_slow();
        }
    }

    /// Acquire: what was done under the lock before is seen.
    #[inline]
    fn try_acquire(&self) -> bool {
        self.0.compare_exchange(false, true, Acquire, Relaxed).is_ok()
    }

    /// To be called by the holder.
    #[inline]
    pub(super) fn release(&self) {
        // Release: what was done is seen by the next holder.
        self.0.store(false, Release);
    }

    #[cold]
    fn acquire_slow(&self) {
        let mut round = 0;
        loop {
            if round < DOUBLINGS {
                (0..PAUSES << round).for_each(|_| spin_loop());
            } else if round < ROUNDS {
                thread::yield_now();
            } else {
                thread::sleep(NAP);
            }
            if !self.0.load(Relaxed) && self.try_acquire() {
                return;
            }
            round += 1;
        }
    }
}
