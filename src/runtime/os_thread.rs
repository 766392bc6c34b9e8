//! Whether a thread waits for a core, as the system knows it and tells no one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// A thread of this process.
pub(super) struct OsThread {
    cpu_clock: libc::clockid_t,
    /// What the system says of its state. Held open: who asks may have no descriptor left.
    stat: File,
}

impl OsThread {
    /// The thread that runs. `None` when the system says nothing of it, or the process is out of descriptors.
    pub(super) fn current() -> Option<OsThread> {
        let mut cpu_clock = 0;
        // SAFETY: the thread is the current one, so it is there, and the clock's number may be written to.
        let error = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &mut cpu_clock) };
        let stat = File::open("/proc/thread-self/stat").ok()?;
        (error == 0).then_some(OsThread { cpu_clock, stat })
    }

    /// Whether it could run, but does not: others have the cores. `false` when that cannot be found out.
    pub(super) fn waits_for_core(&self) -> bool {
        // The clock of a thread goes on between two looks if that runs. To be asked first, since it costs less.
        let stands_still = self.cpu_time().is_some_and(|before| self.cpu_time() == Some(before));
        stands_still && self.is_runnable().unwrap_or(false)
    }

    /// For how long it has run. `None` when it has ended.
    fn cpu_time(&self) -> Option<Duration> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` may be written to; a clock that is no more is an error.
        let error = unsafe { libc::clock_gettime(self.cpu_clock, &mut time) };
        (error == 0).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }

    /// `12 (name) R …`: it runs or would like to. The name is of 15 bytes at most, and may contain parentheses.
    fn is_runnable(&self) -> io::Result<bool> {
        let mut start = [0; 64];
        let count = self.stat.read_at(&mut start, 0)?;
        let start = &start[..count];
        let name_ends = start.iter().rposition(|&byte| byte == b')').unwrap_or(count);
        Ok(start[name_ends..].starts_with(b") R"))
    }
}

#[cfg(test)]
mod tests {
    use std::hint::spin_loop;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::sync::mpsc::channel;
    use std::thread;

    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    use super::*;

    /// A thread that does so; once it has begun.
    fn with_thread(body: impl FnOnce() + Send, f: impl FnOnce(OsThread)) {
        let (tell, told) = channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                tell.send(OsThread::current().expect("a clock")).unwrap();
                body();
            });
            f(told.recv().unwrap());
        });
    }

    /// Whether it is seen to be so at one of many looks: at any one, the thread that looks may have been interrupted.
    fn at_last(looks: impl Fn() -> bool) -> bool {
        (0..100_000).any(|_| {
            thread::yield_now();
            looks()
        })
    }

    /// Only one of the two can run at a time.
    #[test]
    fn a_thread_that_shares_its_core_with_the_one_who_asks_waits_for_it() {
        thread::spawn(|| {
            let cores = sched_getaffinity(None).expect("the cores");
            let mut one = CpuSet::new();
            one.set((0..CpuSet::MAX_CPU).find(|&core| cores.is_set(core)).expect("a core"));
            sched_setaffinity(None, &one).expect("a core of those that there are");
            let is_over = AtomicBool::new(false);
            let computes = || {
                while !is_over.load(Relaxed) {
                    spin_loop()
                }
            };
            with_thread(computes, |thread| {
                let waits = (0..1000).any(|_| thread.waits_for_core());
                is_over.store(true, Relaxed);
                assert!(waits);
            });
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_thread_that_runs_does_not_wait_for_a_core() {
        let thread = OsThread::current().expect("a clock");
        assert!(at_last(|| !thread.waits_for_core()));
    }

    #[test]
    fn a_thread_that_sleeps_does_not_wait_for_a_core() {
        let (end, ended) = channel::<()>();
        with_thread(
            move || assert!(ended.recv().is_err()),
            |thread| {
                assert!(at_last(|| !thread.is_runnable().unwrap() && !thread.waits_for_core()));
                drop(end);
            },
        );
    }

    #[test]
    fn a_thread_that_has_ended_does_not_wait_for_a_core() {
        let thread = thread::spawn(|| OsThread::current().expect("a clock")).join().unwrap();
        assert!(at_last(|| thread.cpu_time().is_none() && !thread.waits_for_core()));
    }
}
