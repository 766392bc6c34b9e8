//! What the demonstration does not show, each in keys of its own of a Redis that is ours alone.

use std::time::Duration;

use crate::job::{self, Job};
use crate::link::Link;
use crate::options::Options;
use crate::process::{self, check, until};
use crate::{Outcome, store};

/// A worker for jobs that nobody else has.
const NAME: &str = "worker-0";
const WAIT: Duration = Duration::from_millis(100);

pub(crate) fn all(options: &Options) -> Outcome<()> {
    let with_key = |key: &str| Options { key: key.into(), name: NAME.into(), ..options.clone() };
    repeats(&with_key("repeats"))?;
    stop_when_full(&with_key("full"))?;
    println!("what is done again is done once, and a full worker that is told to stop fetches no more");
    Ok(())
}

/// Each deed twice, as if the first answer had been lost.
fn repeats(options: &Options) -> Outcome<()> {
    let mut link = Link::new(options);
    let jobs: Vec<Job> = job::some(3, 0).collect();
    for _ in 0..2 {
        store::add(&mut link, "a batch", &jobs)?;
    }
    check(store::left(&mut link)? == 3, "a batch is put into the stream once")?;
    let mut jobs = store::fetch(&mut link, 3, WAIT)?.into_iter();
    let mut next = || jobs.next().ok_or("three jobs are there to be fetched");
    let (fails, results, last) = (next()?, [(next()?, 1)], [(next()?, 4)]);
    for _ in 0..2 {
        store::set_aside(&mut link, &fails.id)?;
        store::finish(&mut link, &results)?;
        store::leave(&mut link)?;
    }
    check(store::progress(&mut link)? == (1, 1), "one job is done, and one set aside")?;
    check(store::in_hand(&mut link, NAME)? == [2], "who has a job in hand does not leave")?;
    for _ in 0..2 {
        store::finish(&mut link, &last)?;
        store::leave(&mut link)?;
    }
    check(store::progress(&mut link)? == (2, 1), "the last job is done")?;
    check(store::workers(&mut link)?.is_empty(), "who has nothing in hand leaves")
}

/// It waits for a place when it is told, not for jobs.
fn stop_when_full(options: &Options) -> Outcome<()> {
    let (limit, idle) = (Duration::from_secs(10), Duration::from_secs(15));
    let options = Options { at_once: 1, limit, idle, ..options.clone() };
    let mut link = Link::new(&options);
    store::produce(&mut link, job::some(2, 1500).collect())?;
    let mut worker = process::start(&options, NAME)?;
    until(&mut link, "the worker is full", |link| Ok(store::in_hand(link, NAME)? == [0]))?;
    process::stop(&mut worker)?;
    check(store::progress(&mut link)? == (1, 0), "the job that it had in hand is done")?;
    check(store::left(&mut link)? == 1, "a full worker that is told to stop fetches no more")?;
    check(store::workers(&mut link)?.is_empty(), "a worker that stops leaves no name")
}
