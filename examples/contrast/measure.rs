//! Runs one style in this process and measures it. The program starts itself for that, once a style, so that threads,
//! CPU time and context switches are the style's alone.

use std::{ffi::OsString, fmt::Write as _, fs, io, path::PathBuf, time::Duration};

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike as _,
};

use crate::{
    job::Outcome,
    style::Style,
    work_dir::{self, StyleDir},
};

/// The subcommand by which the program starts itself to run a style.
pub const RUN: &str = "run-style";

/// The child's `main`: the folder to work in and the name of the style.
pub fn main(mut args: impl Iterator<Item = OsString>) -> io::Result<()> {
    let missing = || io::Error::other("the folder or the style is missing");
    let work = args.next().map(PathBuf::from).ok_or_else(missing)?;
    let style = args.next().and_then(|name| Style::named(name.to_str()?)).ok_or_else(missing)?;
    let dir = StyleDir::new(&work, style.name);

    let job = work_dir::load_job(&work, &dir)?;
    let before = Usage::now()?;
    let outcome = (style.run)(&job)?;
    let wall = job.clock.epoch.elapsed();
    let used = Usage::now()?.since(&before);

    fs::write(dir.index(), outcome.index.to_text())?;
    fs::write(dir.result(), result(&outcome, wall, &used))
}

/// What the system says this process has used, by all its threads, also those that have ended.
struct Usage {
    cpu: Duration,
    switches: i64,
}

impl Usage {
    fn now() -> io::Result<Usage> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Ok(Usage { cpu: Duration::from_micros(micros.unsigned_abs()), switches: usage.voluntary_context_switches() })
    }

    fn since(&self, before: &Usage) -> Usage {
        Usage { cpu: self.cpu.saturating_sub(before.cpu), switches: self.switches - before.switches }
    }
}

/// `key value` lines; `trial` reads them.
fn result(outcome: &Outcome, wall: Duration, used: &Usage) -> String {
    let mut text = format!(
        "wall {}\ncpu {}\nswitches {}\nlogged {}\nlost {}\n",
        wall.as_micros(),
        used.cpu.as_micros(),
        used.switches,
        outcome.log.written,
        outcome.log.lost,
    );
    if let Some(error) = &outcome.log.error {
        let _ = writeln!(text, "log-error {error}");
    }
    for (page, failure) in &outcome.failures {
        let one_line = failure.to_string().replace(char::is_control, " ");
        let _ = writeln!(text, "failure {page} {one_line}");
    }
    text
}
