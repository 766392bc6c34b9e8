//! Many processes that work off one Redis stream.
//!
//! `cargo run --release --example fleet -- --quick` starts a Redis of its own, checks how workers stop and what is done
//! again, starts three of them, and kills one:
//!
//! ```text
//! worker-0 stops: 1 done, 0 of them for the second time; 0 failed
//! what is done again is done once, and a full worker that is told to stop fetches no more
//! 200 jobs, of which the last always fails; 3 workers, each with 4 at once
//! 48 are done; worker-2 is killed, with 4 in hand; worker-3 is told to stop
//! worker-3 stops: 21 done, 0 of them for the second time; 0 failed
//! the connections of worker-1 are cut
//! worker-1 stops: 162 done, 0 of them for the second time; 2 failed
//! all done: 199 results, 4 by who took over from worker-2; 1 job is set aside after 2 attempts
//! ```
//!
//! (The figures vary.) Without `--quick` the three work on the Redis at `--redis`. `fleet produce`, `fleet work` and
//! `fleet status` are the parts; `--help` tells their options.
//!
//! ```text
//!   produce ─► stream ─► fetches ─┬─► works ─┬─► acknowledges ─► results
//!                          ▲      ├─► works ─┤         (each recorded once)
//!                          │      └─► works ─┘
//!                          └ takes over what another has left lying too long
//! ```
//!
//! A job is in the stream until it is acknowledged, so none is lost; one whose worker is lost, or too slow, is done again.
//! Its result is recorded once all the same. What fails again and again is set aside, with all that it says.

mod check;
mod demo;
mod job;
mod link;
mod options;
mod own_redis;
mod process;
#[path = "../shared/redis.rs"]
mod redis_connection;
mod store;
mod worker;

use std::process::ExitCode;

use corro::Runtime;
use link::Link;
use options::{Command, Options};

type Outcome<T> = Result<T, String>;

fn run(options: &Options) -> Outcome<()> {
    match options.command {
        Command::Demonstrate if options.quick => demo::with_own_redis(options),
        Command::Demonstrate => demo::run(options),
        Command::Produce => {
            store::produce(&mut Link::new(options), job::some(options.jobs, 100).collect())?;
            println!("{} jobs are in the stream", options.jobs);
            Ok(())
        }
        Command::Work => {
            let tally = worker::run(options)?;
            println!("{} stops: {tally}", options.name);
            Ok(())
        }
        Command::Status => {
            println!("{}", store::status(&mut Link::new(options))?);
            Ok(())
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match Runtime::new() {
        Ok(runtime) => runtime.run(|| run(&options)),
        Err(error) => Err(format!("the runtime does not start: {error}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fleet: {error}");
            ExitCode::FAILURE
        }
    }
}
