//! One job in several styles of concurrency, side by side: fetch the pages of a site, parse them, build one index of
//! their words, and log every step through a log writer that nobody waits for.
//!
//! ```text
//! cargo run --release --example contrast
//! cargo run --release --example contrast -- --html contrast.html --json contrast.json
//! ```
//!
//! To compare the styles, read `style/*.rs` one after another: each file is all that is particular to a style.
//!
//! ```text
//! main ── args ── compare            the parent: starts the others, draws the reports
//!           ├── site/                a child that serves the pages on loopback
//!           └── measure ── style/*   a child a style, so that its figures are its own
//!                            └── http, words, index, log, trail: what all styles share
//! ```

#![forbid(unsafe_code)]
#![allow(unreachable_pub)] // a program exports nothing

mod args;
mod compare;
mod comparison;
mod failure;
mod http;
mod index;
mod job;
mod log;
mod measure;
mod page;
mod report;
mod site;
mod socket;
mod style;
mod timeline;
mod trail;
mod trial;
mod words;
mod work_dir;

use std::{
    env,
    ffi::OsStr,
    io::{self, Write as _},
    process::ExitCode,
};

use args::Options;
use compare::Stop;

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    match args.next().as_deref().and_then(OsStr::to_str) {
        Some(site::SERVE) => child(site::main(args)),
        Some(measure::RUN) => child(measure::main(args)),
        _ => parent(),
    }
}

fn child(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error.to_string(), 1),
    }
}

fn parent() -> ExitCode {
    let options = match Options::parse(env::args_os().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => return say(&args::help(), ExitCode::SUCCESS),
        Err(error) => return complain(&format!("{error}\nTry --help."), 2),
    };
    match compare::compare(&options).and_then(|comparison| {
        compare::write_reports(options, &comparison)?;
        Ok(comparison)
    }) {
        Ok(comparison) => {
            let same = comparison.objections().is_empty();
            say(&report::table(&comparison), if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Err(Stop::Input(error)) => complain(&error, 2),
        Err(Stop::Io(error)) => complain(&error.to_string(), 1),
    }
}

/// A reader that has gone away (`contrast | head`) is no error.
fn say(text: &str, code: ExitCode) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => complain(&error.to_string(), 1),
        _ => code,
    }
}

fn complain(error: &str, code: u8) -> ExitCode {
    eprintln!("contrast: {error}");
    ExitCode::from(code)
}
