//! Workers that are processes of their own, which are this program again, and what is to hold while they work.

use std::io;
use std::time::Duration;

use corro::process::{Child, Command};
use corro::{sleep, timeout};
use rustix::process::{Pid, Signal, kill_process};

use crate::Outcome;
use crate::link::Link;
use crate::options::Options;

/// How long anything may take. Only a failure takes as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a worker of this name.
pub(crate) fn start(options: &Options, name: &str) -> Outcome<Child> {
    let program = std::env::current_exe().map_err(of_child)?;
    let seconds = |duration: Duration| duration.as_secs_f64().to_string();
    Command::new(program)
        .args(["work", "--redis", &options.redis, "--key", &options.key, "--name", name])
        .args(["--at-once", &options.at_once.to_string(), "--attempts", &options.attempts.to_string()])
        .args(["--limit", &seconds(options.limit), "--idle", &seconds(options.idle)])
        .kill_on_drop(true)
        .spawn()
        .map_err(of_child)
}

/// Tells it to stop, and waits until it has.
pub(crate) fn stop(worker: &mut Child) -> Outcome<()> {
    let number = worker.id().try_into().ok().and_then(Pid::from_raw).ok_or("a process has a number")?;
    kill_process(number, Signal::TERM).map_err(|error| of_child(error.into()))?;
    let status = timeout(PATIENCE, || worker.wait()).map_err(|_| "a worker does not stop")?.map_err(of_child)?;
    check(status.success(), "a worker that is told to stop ends well")
}

/// Ends it in the midst of its work.
pub(crate) fn kill(worker: &mut Child) -> Outcome<()> {
    worker.kill().and_then(|()| worker.wait()).map_err(of_child)?;
    Ok(())
}

fn of_child(error: io::Error) -> String {
    format!("a worker: {error}")
}

pub(crate) fn check(holds: bool, what: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(format!("it does not hold that {what}")) }
}

/// Waits until it holds.
pub(crate) fn until(link: &mut Link, what: &str, mut holds: impl FnMut(&mut Link) -> Outcome<bool>) -> Outcome<()> {
    let waited = timeout(PATIENCE, || {
        while !holds(link)? {
            sleep(Duration::from_millis(10));
        }
        Ok(())
    });
    waited.unwrap_or_else(|_| Err(format!("for {PATIENCE:?} it did not come about that {what}")))
}
