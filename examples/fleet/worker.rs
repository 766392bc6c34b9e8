//! A worker: one task fetches, each job has a task, and one acknowledges what is done, over a connection of its own.
//!
//! A job is fetched only when there is a place for it, so that none waits here while another worker could do it. At the stop
//! no more are fetched; those in hand are finished and acknowledged.

use std::fmt;
use std::iter;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use corro::channel::{Receiver, Sender, bounded};
use corro::signal::Signals;
use corro::sync::Semaphore;
use corro::{Scope, scope, time, timeout};

use crate::Outcome;
use crate::job::Job;
use crate::link::Link;
use crate::options::Options;
use crate::store;

/// SIGINT and SIGTERM.
const STOP: [i32; 2] = [2, 15];
/// How long a look for new jobs waits; the stop waits as long at most.
const WAIT: Duration = Duration::from_millis(500);

struct State {
    /// One for each job.
    places: Semaphore,
    stopped: AtomicBool,
    failed: AtomicUsize,
}

/// What a worker has done.
pub(crate) struct Tally {
    done: usize,
    repeated: usize,
    failed: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { done, repeated, failed } = self;
        write!(f, "{done} done, {repeated} of them for the second time; {failed} failed")
    }
}

/// Those that tell a program to stop.
pub(crate) fn signals() -> Outcome<Signals> {
    Signals::new(&STOP).map_err(|error| format!("cannot wait for signals: {error}"))
}

/// Works until it is told to stop.
pub(crate) fn run(options: &Options) -> Outcome<Tally> {
    let mut signals = signals()?;
    let state = State { places: Semaphore::new(options.at_once), stopped: false.into(), failed: 0.into() };
    let tally = scope(|s| {
        s.spawn(|| {
            signals.wait();
            state.stopped.store(true, Relaxed);
        });
        let (done, results) = bounded(options.at_once);
        let acknowledging = s.spawn(move || acknowledge(options, &results));
        let fetched = scope(|jobs| fetch(options, &state, &done, jobs));
        drop(done);
        let acknowledged = acknowledging.join().expect("it does not panic");
        // Nobody waits for signals any more.
        s.cancel();
        fetched?;
        let (done, repeated) = acknowledged?;
        Outcome::Ok(Tally { done, repeated, failed: state.failed.load(Relaxed) })
    })?;
    store::leave(&mut Link::new(options))?;
    Ok(tally)
}

/// Fetches as many as there are places, and starts a task for each.
fn fetch<'s>(
    options: &'s Options,
    state: &'s State,
    done: &'s Sender<(Job, u128)>,
    jobs: &'s Scope<'s, '_>,
) -> Outcome<()> {
    let mut source = Source { link: Link::new(options), look_at: time::now(), from: "0-0".into() };
    loop {
        let first = state.places.acquire();
        // It may have been told to stop while it had no place.
        if state.stopped.load(Relaxed) {
            return Ok(());
        }
        let places: Vec<_> = iter::once(first).chain(iter::from_fn(|| state.places.try_acquire())).collect();
        let fetched = source.next(places.len())?;
        for (job, place) in fetched.into_iter().zip(places) {
            jobs.spawn(move || {
                let _place = place;
                work(options, state, job, done);
            });
        }
    }
}

/// Does a job. One that fails, or takes too long, stays in the list of those in hand: it is taken over later, by anybody.
fn work(options: &Options, state: &State, job: Job, done: &Sender<(Job, u128)>) {
    match timeout(options.limit, || job.work()) {
        Ok(Ok(result)) => {
            if done.send((job, result)).is_err() {
                // Nobody acknowledges any more: Redis is gone.
                state.stopped.store(true, Relaxed);
            }
        }
        Ok(Err(_)) | Err(_) => drop(state.failed.fetch_add(1, Relaxed)),
    }
}

/// Acknowledges what is done, all that has come meanwhile at once. How much that was, and how much of it was done before.
fn acknowledge(options: &Options, results: &Receiver<(Job, u128)>) -> Outcome<(usize, usize)> {
    let mut link = Link::new(options);
    let (mut done, mut repeated) = (0, 0);
    while let Ok(first) = results.recv() {
        let batch: Vec<_> = iter::once(first).chain(results.try_iter()).collect();
        let new = store::finish(&mut link, &batch)?;
        done += batch.len();
        repeated += batch.len() - new;
    }
    Ok((done, repeated))
}

/// Where jobs come from.
struct Source<'a> {
    link: Link<'a>,
    /// When to look for what others have left lying.
    look_at: Instant,
    /// Where in the list of those in hand that look goes on.
    from: String,
}

impl Source<'_> {
    fn next(&mut self, count: usize) -> Outcome<Vec<Job>> {
        if time::now() >= self.look_at {
            let (jobs, next) = store::take_over(&mut self.link, count, &self.from)?;
            // The list was seen to its end.
            if next == "0-0" {
                self.look_at = time::now() + self.link.options.idle / 2;
            }
            self.from = next;
            if !jobs.is_empty() {
                return Ok(jobs);
            }
        }
        store::fetch(&mut self.link, count, WAIT)
    }
}
