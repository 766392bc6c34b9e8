//! The demonstration: three workers, of which one is killed and one is told to stop, and all is done at the end.

use std::time::Duration;

use corro::{cancel_scope, scope};

use crate::job::{self, Job};
use crate::link::Link;
use crate::options::Options;
use crate::own_redis::OwnRedis;
use crate::process::{check, kill, start, stop, until};
use crate::{Outcome, check, store, worker};

pub(crate) fn with_own_redis(options: &Options) -> Outcome<()> {
    let redis = OwnRedis::start()?;
    let options = Options { redis: redis.address.clone(), ..options.clone() };
    let outcome = unless_stopped(|| check::all(&options)).and_then(|()| run(&options));
    let stopped = redis.stop();
    outcome.and(stopped)
}

/// Runs it under keys of its own, which it takes away at the end.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let options = Options {
        key: format!("{}-demo-{}", options.key, std::process::id()),
        at_once: 4,
        attempts: 2,
        limit: Duration::from_millis(1500),
        idle: Duration::from_secs(2),
        ..options.clone()
    };
    let mut link = Link::new(&options);
    let outcome = unless_stopped(|| demonstrate(&options, &mut link));
    let cleaned = store::forget(&mut link);
    outcome.and(cleaned)
}

/// Does something, and breaks it off at a signal: the workers are children, and do not outlive their variables.
fn unless_stopped(f: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
    let mut signals = worker::signals()?;
    let outcome = cancel_scope(|stop| {
        scope(|s| {
            s.spawn(|| {
                signals.wait();
                stop.cancel();
            });
            let outcome = f();
            s.cancel();
            outcome
        })
    });
    outcome.unwrap_or_else(|_| Err("it was told to stop".into()))
}

fn demonstrate(options: &Options, link: &mut Link) -> Outcome<()> {
    let count = options.jobs;
    if count < 100 {
        return Err("--jobs: the demonstration needs 100 at least, so that there is a middle".into());
    }
    println!("{count} jobs, of which the last always fails; 3 workers, each with {} at once", options.at_once);
    let poison = Job { id: String::new(), number: count - 1, millis: 100, fails: true };
    store::produce(link, job::some(count - 1, 100).chain([poison]).collect())?;

    let mut first = start(options, "worker-1")?;
    let mut second = start(options, "worker-2")?;
    let mut third = start(options, "worker-3")?;
    until(link, "a part is done, and worker-2 has jobs in hand", |link| {
        Ok(store::progress(link)?.0 >= count / 5 && !store::in_hand(link, "worker-2")?.is_empty())
    })?;
    let done = store::progress(link)?.0;
    kill(&mut second)?;
    let orphans = store::in_hand(link, "worker-2")?;
    println!("{done} are done; worker-2 is killed, with {} in hand; worker-3 is told to stop", orphans.len());
    stop(&mut third)?;
    check(store::in_hand(link, "worker-3")?.is_empty(), "worker-3 has finished what it had in hand")?;
    if options.quick {
        // The Redis is ours alone.
        let cut = store::cut_others(link)?;
        check(cut >= 2, "worker-1 has a connection to fetch and one to acknowledge")?;
        println!("the connections of worker-1 are cut");
    }

    until(link, "all is done", |link| Ok(store::progress(link)? == (count - 1, 1)))?;
    stop(&mut first)?;
    let heirs = inspect(link, count, &orphans)?;
    println!(
        "all done: {} results, {heirs} by who took over from worker-2; \
         1 job is set aside after {} attempts",
        count - 1,
        options.attempts
    );
    Ok(())
}

/// Checks the results. How many of the jobs that were in the hands of the killed worker were done by others.
fn inspect(link: &mut Link, count: u64, orphans: &[u64]) -> Outcome<usize> {
    let results = store::results(link)?;
    for number in 0..count - 1 {
        let result = results.get(&number).and_then(|result| result.split(' ').next());
        let right = u128::from(number).pow(2).to_string();
        check(result == Some(&right), &format!("job {number} has its result"))?;
    }
    check(store::left(link)? == 0, "the stream is empty")?;
    let by_others = |number| results.get(number).is_some_and(|result| !result.ends_with(" worker-2"));
    let heirs = orphans.iter().filter(|number| by_others(number)).count();
    check(heirs > 0, "somebody has taken over from worker-2")?;
    let aside = [format!(r#"["number","{}","millis","100","fails","1"]"#, count - 1)];
    check(store::dead(link)?.into_values().eq(aside), "all that the job said is kept that was set aside")?;
    check(store::workers(link)? == ["worker-2"], "who was told to stop has left")?;
    Ok(heirs)
}
