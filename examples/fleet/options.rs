//! The command line.

use std::process::exit;
use std::time::Duration;

use lexopt::prelude::*;

#[derive(Clone, Copy)]
pub(crate) enum Command {
    Demonstrate,
    Produce,
    Work,
    Status,
}

#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) command: Command,
    pub(crate) redis: String,
    pub(crate) key: String,
    pub(crate) jobs: u64,
    pub(crate) name: String,
    pub(crate) at_once: usize,
    pub(crate) limit: Duration,
    pub(crate) idle: Duration,
    pub(crate) attempts: usize,
    pub(crate) retries: u32,
    pub(crate) quick: bool,
}

const HELP: &str = "fleet: many processes that work off one Redis stream.
  fleet            a demonstration: three workers, of which one is killed
  fleet produce    puts jobs into the stream
  fleet work       works until Ctrl-C or SIGTERM; what is in hand is finished
  fleet status     tells what there is to do, who does it, and what was done

  --redis A        the address of Redis; 127.0.0.1:6379 if nothing is said
  --key K          how its keys begin; fleet
  --jobs N         so many are produced; 200
  --name N         the worker's name, which no other has; worker-, the number of the process and something random
  --at-once N      jobs that it does at once; 8
  --limit S        seconds that a job may take; 10
  --idle S         a job is taken over when nobody has finished it for so many seconds, more than the limit; 15
  --attempts N     how often a job is tried before it is set aside; 3
  --retries N      how often in a row a lost connection is tried again, ever later; 8
  --quick          the demonstration, with a Redis of its own
  --help           this text";

impl Options {
    pub(crate) fn parse() -> Options {
        let mut options = Options {
            command: Command::Demonstrate,
            redis: "127.0.0.1:6379".into(),
            key: "fleet".into(),
            jobs: 200,
            name: format!("worker-{}-{:08x}", std::process::id(), fastrand::u32(..)),
            at_once: 8,
            limit: Duration::from_secs(10),
            idle: Duration::from_secs(15),
            attempts: 3,
            retries: 8,
            quick: false,
        };
        if let Err(error) = options.read().and_then(|()| options.check()) {
            eprintln!("{error}; --help tells what there is");
            exit(2);
        }
        options
    }

    fn read(&mut self) -> Result<(), lexopt::Error> {
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Value(word) => self.command = command(&word.string()?)?,
                Long("redis") => self.redis = parser.value()?.string()?,
                Long("key") => self.key = parser.value()?.string()?,
                Long("jobs") => self.jobs = parser.value()?.parse()?,
                Long("name") => self.name = parser.value()?.string()?,
                Long("at-once") => self.at_once = parser.value()?.parse()?,
                Long("limit") => self.limit = parser.value()?.parse_with(seconds)?,
                Long("idle") => self.idle = parser.value()?.parse_with(seconds)?,
                Long("attempts") => self.attempts = parser.value()?.parse()?,
                Long("retries") => self.retries = parser.value()?.parse()?,
                Long("quick") => self.quick = true,
                Short('h') | Long("help") => {
                    println!("{HELP}");
                    exit(0);
                }
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), lexopt::Error> {
        if self.idle <= self.limit {
            return Err("--idle must be more than --limit: else jobs are taken from those who do them".into());
        }
        if !(1..=10_000).contains(&self.at_once) {
            return Err("--at-once is a number from 1 to 10000".into());
        }
        Ok(())
    }
}

fn command(word: &str) -> Result<Command, lexopt::Error> {
    match word {
        "produce" => Ok(Command::Produce),
        "work" => Ok(Command::Work),
        "status" => Ok(Command::Status),
        _ => Err(format!("there is no command {word:?}, but produce, work and status").into()),
    }
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().filter(|seconds| (0.001..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or("a number of seconds from 0.001 to 86400 is expected")
}
