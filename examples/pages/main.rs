//! Fetches pages, several at once, with a client that knows nothing of tasks: `ureq`, whose connections are ours.
//!
//! `cargo run --release --example pages -- --out folder https://example.org/ http://127.0.0.1:8000/` prints:
//!
//! ```text
//! http://127.0.0.1:8000/  1256 bytes in folder/2-127.0.0.1-8000
//! https://example.org/    513 bytes in folder/1-example.org
//! 2 of 2 pages fetched, 1769 bytes
//! ```
//!
//! Where standard error is a terminal, a bar for each page that is on its way shows how far it is, and one shows it of
//! all. Ctrl-C cuts off what is on its way. `--help` tells the options; `--quick` fetches from servers of its own.
//!
//! ```text
//! main ── options      what is to be fetched, and how
//!    ├─── trust        the certificates that servers are checked against
//!    ├─── fetch        one page
//!    ├─── keep         its file
//!    ├─── bars         how far all is
//!    ├─── all          all pages, so many at once, until Ctrl-C
//!    └─── quick        the test
//! ```

mod all;
mod bars;
mod fetch;
mod keep;
mod options;
mod quick;
mod trust;

#[path = "../shared/connector.rs"]
mod connector;
#[path = "../shared/folder.rs"]
mod folder;
#[path = "../shared/http.rs"]
mod http;
#[path = "../tls/identity.rs"]
#[allow(dead_code, reason = "for the test alone, which makes its own up")]
mod identity;

use std::io::{self, Write};
use std::process::exit;

use corro::{EventLoop, Runtime};

use crate::all::{Outcomes, fetch_all};
use crate::options::{Options, Place};

/// As a shell has it of a program that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

/// Prints a line; a reader that has gone is nothing to fail for.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn main() -> io::Result<()> {
    let options = Options::parse().unwrap_or_else(|error| {
        eprintln!("{error}; --help tells which options there are");
        exit(2)
    });
    let main = || {
        let outcome = if options.quick { quick::check() } else { fetch(&options) };
        outcome.unwrap_or_else(|error| {
            eprintln!("{error}");
            1
        })
    };
    // The program ends before its scheduler: who still looks a name up is not waited for.
    match options.place {
        Place::Loop => {
            let event_loop = EventLoop::new()?;
            exit(event_loop.run(main))
        }
        Place::Workers(workers) => {
            let runtime = Runtime::builder().workers(workers).build()?;
            exit(runtime.run(main))
        }
    }
}

/// The code that the program ends with.
fn fetch(options: &Options) -> Result<i32, String> {
    let outcomes = fetch_all(options)?;
    report(&outcomes);
    Ok(if outcomes.interrupted { INTERRUPTED } else { i32::from(!outcomes.failed.is_empty()) })
}

fn report(outcomes: &Outcomes) {
    for (url, why) in &outcomes.failed {
        say(&format!("{url}  failed: {why}"));
    }
    let Outcomes { fetched, total, bytes, .. } = outcomes;
    let cut_off = if outcomes.interrupted { "; the rest was cut off" } else { "" };
    say(&format!("{fetched} of {total} pages fetched, {bytes} bytes{cut_off}"));
}
