//! The trail of one page through the program: names each step when it is over, and feeds the log with it.

use std::{
    cell::Cell,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    failure::Failure,
    http::Body,
    job::Clock,
    log::{Line, Step},
    page::Page,
    words::Words,
};

pub struct Trail {
    page: Arc<Page>,
    clock: Clock,
    begun: Instant,
    /// The end of the step before.
    since: Cell<Instant>,
    received: Cell<usize>,
    feed: Box<dyn Fn(Line)>,
}

impl Trail {
    /// Begins now. `feed` hands a line to the log writer and must not wait.
    pub fn new(clock: Clock, page: &Arc<Page>, feed: impl Fn(Line) + 'static) -> Trail {
        let now = Instant::now();
        Trail {
            page: page.clone(),
            clock,
            begun: now,
            since: Cell::new(now),
            received: Cell::default(),
            feed: Box::new(feed),
        }
    }

    pub fn page(&self) -> &Arc<Page> {
        &self.page
    }

    /// The time since the last step was spent on `step`.
    pub fn step(&self, step: Step) {
        self.write(step, String::new());
    }

    /// Bytes have come: the first ones end the wait, all others a read.
    pub fn received(&self, bytes: usize) {
        let step = if self.received.get() == 0 { Step::Wait } else { Step::Read };
        self.received.set(self.received.get() + bytes);
        self.write(step, format!("{bytes} bytes"));
    }

    pub fn parse(&self, body: &Body) -> Words {
        let words = Words::of(body);
        self.write(Step::Parse, format!("{} words", words.0.len()));
        words
    }

    /// What is left of the page's time.
    pub fn time_left(&self) -> Result<Duration, Failure> {
        let timeout = self.clock.timeout;
        match timeout.checked_sub(self.begun.elapsed()) {
            Some(left) if !left.is_zero() => Ok(left),
            _ => Err(Failure::TimedOut(timeout)),
        }
    }

    /// `failure`, unless the page's time is over: then whatever went wrong, that was the reason.
    pub fn blame(&self, failure: Failure) -> Failure {
        match self.time_left() {
            Ok(_) if !failure.is_timeout() => failure,
            _ => Failure::TimedOut(self.clock.timeout),
        }
    }

    /// The page has ended, well or not.
    pub fn end(&self, how: Step, note: String) {
        if how == Step::Failed {
            // What it was doing when it failed: waiting, or reading.
            let step = if self.received.get() == 0 { Step::Wait } else { Step::Read };
            self.step(step);
        }
        self.write(how, note);
    }

    fn write(&self, step: Step, note: String) {
        let now = Instant::now();
        let since_start = |moment: Instant| moment.saturating_duration_since(self.clock.epoch);
        let (from, to) = (since_start(self.since.replace(now)), since_start(now));
        (self.feed)(Line { page: self.page.clone(), step, from, to, note });
    }
}
