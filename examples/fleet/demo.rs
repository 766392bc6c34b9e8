//! The demonstration: three workers, of which one is killed and one is told to stop, and all is done at the end.

use std::io;
use std::time::Duration;

use corro::process::{Child, Command};
use corro::{cancel_scope, scope, sleep, timeout};
use rustix::process::{Pid, Signal, kill_process};

use crate::job::{self, Job};
use crate::link::Link;
use crate::options::Options;
use crate::own_redis::OwnRedis;
use crate::{Outcome, store, worker};

/// How long anything may take. Only a failure takes as long.
const PATIENCE: Duration = Duration::from_secs(60);
const AT_ONCE: &str = "4";
const ATTEMPTS: &str = "2";

pub(crate) fn with_own_redis(options: &Options) -> Outcome<()> {
    let redis = OwnRedis::start()?;
    let outcome = run(&Options { redis: redis.address.clone(), ..options.clone() });
    redis.stop()?;
    outcome
}

/// Runs it under keys of its own, which it takes away at the end.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let options = Options { key: format!("{}-demo-{}", options.key, std::process::id()), ..options.clone() };
    let mut link = Link::new(&options);
    let outcome = unless_stopped(|| demonstrate(&options, &mut link));
    store::forget(&mut link)?;
    outcome
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
    println!("{count} jobs, of which the last always fails; 3 workers, each with {AT_ONCE} at once");
    let poison = Job { id: String::new(), number: count - 1, millis: 100, fails: true };
    store::produce(link, job::some(count - 1, 100).chain([poison]).collect())?;

    let mut first = start(options, "worker-1")?;
    let mut second = start(options, "worker-2")?;
    let mut third = start(options, "worker-3")?;
    until(link, "a part is done, and worker-2 has jobs in hand", |link| {
        Ok(store::progress(link)?.0 >= count / 5 && !store::in_hand(link, "worker-2")?.is_empty())
    })?;
    let done = store::progress(link)?.0;
    second.kill().and_then(|()| second.wait()).map_err(of_child)?;
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
         1 job is set aside after {ATTEMPTS} attempts",
        count - 1
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
    let heirs = orphans.iter().filter(|number| !results[number].ends_with(" worker-2")).count();
    check(heirs > 0, "somebody has taken over from worker-2")?;
    Ok(heirs)
}

fn check(holds: bool, what: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(format!("it does not hold that {what}")) }
}

fn until(link: &mut Link, what: &str, mut holds: impl FnMut(&mut Link) -> Outcome<bool>) -> Outcome<()> {
    let waited = timeout(PATIENCE, || {
        while !holds(link)? {
            sleep(Duration::from_millis(10));
        }
        Ok(())
    });
    waited.unwrap_or_else(|_| Err(format!("for {PATIENCE:?} it did not come about that {what}")))
}

/// A worker, which is this program again.
fn start(options: &Options, name: &str) -> Outcome<Child> {
    let program = std::env::current_exe().map_err(of_child)?;
    Command::new(program)
        .args(["work", "--redis", &options.redis, "--key", &options.key, "--name", name])
        .args(["--at-once", AT_ONCE, "--attempts", ATTEMPTS, "--limit", "1.5", "--idle", "2"])
        .kill_on_drop(true)
        .spawn()
        .map_err(of_child)
}

fn stop(worker: &mut Child) -> Outcome<()> {
    let number = worker.id().try_into().ok().and_then(Pid::from_raw).ok_or("a process has a number")?;
    kill_process(number, Signal::TERM).map_err(|error| of_child(error.into()))?;
    let status = timeout(PATIENCE, || worker.wait()).map_err(|_| "a worker does not stop")?.map_err(of_child)?;
    check(status.success(), "a worker that is told to stop ends well")
}

fn of_child(error: io::Error) -> String {
    format!("a worker: {error}")
}
