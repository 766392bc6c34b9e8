//! A day of jobs, as of cron, in less than a second: the loop's own clock jumps to the next deadline when every task
//! waits. The jobs sleep and time out as ever, and do not know.
//!
//! `cargo run --release --example virtual_day` prints, among more (only the milliseconds vary):
//!
//! ```text
//! 02:00  backup  begins
//! 02:00  report  10 jobs so far
//! 02:15  probe   the network is slow
//! 03:00  backup  the time is over; 26 of 40 parts were copied
//! 03:30  probe   the network is fast
//! 04:00  backup  begins
//! 04:40  backup  done
//! 121 jobs were run in 24 virtual hours, in 0.2 real milliseconds
//! ```
//!
//! `--quick` ends the day at six in the morning. The day is lived through twice, and must be the same both times.

mod arguments;

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use corro::{EventLoop, time};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

struct Day {
    midnight: Instant,
    log: RefCell<Vec<String>>,
    jobs: Cell<u32>,
    network: Cell<&'static str>,
}

impl Day {
    fn log(&self, job: &str, text: &str) {
        let minutes = (time::now() - self.midnight).as_secs() / 60;
        self.log.borrow_mut().push(format!("{:02}:{:02}  {job:<7} {text}", minutes / 60, minutes % 60));
    }

    /// Runs `job` at this time of the day, and again after each period, until it is called back.
    fn every(&self, period: Duration, first: Duration, mut job: impl FnMut()) {
        let mut next = self.midnight + first;
        loop {
            time::sleep_until(next);
            job();
            self.jobs.set(self.jobs.get() + 1);
            next += period;
        }
    }

    /// Takes 20 seconds. Says when the network has changed.
    fn probe(&self, last: &mut &str) {
        time::sleep(MINUTE / 3);
        let before = std::mem::replace(last, self.network.get());
        if before != *last {
            self.log("probe", &format!("the network is {last}"));
        }
    }

    /// Takes 40 minutes if the network is fast. Has an hour, and tries again an hour after it was cut off.
    fn backup(&self) {
        let copied = Cell::new(0);
        let copy = || {
            while copied.get() < 40 {
                time::sleep(if self.network.get() == "fast" { MINUTE } else { 3 * MINUTE });
                copied.set(copied.get() + 1);
            }
        };
        loop {
            self.log("backup", "begins");
            let Err(error) = corro::timeout(HOUR, copy) else { return self.log("backup", "done") };
            self.log("backup", &format!("{error}; {} of 40 parts were copied", copied.take()));
            time::sleep(HOUR);
        }
    }

    /// At the end of the day all jobs are called back.
    fn live(&self, length: Duration) {
        let end = corro::timeout(length, || {
            corro::scope(|s| {
                let mut last = self.network.get();
                s.spawn_local(move || self.every(15 * MINUTE, Duration::ZERO, || self.probe(&mut last)));
                let report = || self.log("report", &format!("{} jobs so far", self.jobs.get()));
                s.spawn_local(move || self.every(HOUR, Duration::ZERO, report));
                s.spawn_local(|| self.every(24 * HOUR, 2 * HOUR, || self.backup()));
                s.spawn_local(|| {
                    time::sleep(2 * HOUR + 10 * MINUTE);
                    self.network.set("slow");
                    time::sleep(75 * MINUTE);
                    self.network.set("fast");
                });
            });
        });
        assert!(end.is_err() && time::now() == self.midnight + length, "the day ended at a wrong time");
    }
}

fn a_day(length: Duration) -> (Vec<String>, u32) {
    let event_loop = EventLoop::builder().virtual_time(true).build().expect("the system gives an event loop");
    event_loop.run(|| {
        let (log, jobs, network) = (RefCell::default(), Cell::new(0), Cell::new("fast"));
        let day = Day { midnight: time::now(), log, jobs, network };
        day.live(length);
        (day.log.take(), day.jobs.get())
    })
}

fn main() {
    let quick = arguments::is_quick("virtual_day: a day of periodic jobs in less than a second, by a virtual clock.");
    let hours = if quick { 6 } else { 24 };
    let start = Instant::now();
    let (log, jobs) = a_day(hours * HOUR);
    let real = start.elapsed().as_secs_f64() * 1e3;
    log.iter().for_each(|line| println!("{line}"));
    println!("{jobs} jobs were run in {hours} virtual hours, in {real:.1} real milliseconds");
    assert_eq!((log, jobs), a_day(hours * HOUR), "the same day was another one");
}
