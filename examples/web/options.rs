//! The options of the command line that are about the web.

use std::process::exit;
use std::str::FromStr;
use std::time::Duration;

use super::check::Folder;
use super::limits::{LEAST_HEAD, Limits, MOST_FIELDS};
use super::site::Site;

/// The options as they were given; empty ones were not.
#[derive(Default)]
pub(crate) struct Options {
    dir: String,
    head: String,
    body: String,
    headers: String,
    head_time: String,
}

pub(crate) const HELP: &str = "
  --dir D          gives the files of this folder
  --head BYTES     the most a request's head may have; 16384 if nothing is said
  --headers N      the most fields of a head, up to 256; 100 if nothing is said
  --body BYTES     the most a request's body may have; 67108864 if nothing is said
  --head-time S    seconds in which a head has to come; 10 if nothing is said";

impl Options {
    /// By name, with a place for each.
    pub(crate) fn places(&mut self) -> Vec<(&str, &mut String)> {
        vec![
            ("dir", &mut self.dir),
            ("head", &mut self.head),
            ("headers", &mut self.headers),
            ("body", &mut self.body),
            ("head-time", &mut self.head_time),
        ]
    }

    /// What is to be served: `folder` if the program tests itself. Ends the program if something makes no sense.
    pub(crate) fn site(&self, folder: Option<&Folder>) -> Site {
        let mut limits = Limits::default();
        let mut dir = self.dir.clone();
        if let Some(folder) = folder {
            // One of the checks waits for it to pass.
            limits.head_time = Duration::from_secs(1);
            dir = folder.public();
        }
        let site = self.limits(limits).and_then(|limits| Site::new(&dir, limits).map_err(|error| error.to_string()));
        site.unwrap_or_else(|error| {
            eprintln!("{error}");
            exit(2);
        })
    }

    /// The limits that were given, and those of `otherwise` in place of the others. The error is a sentence.
    fn limits(&self, otherwise: Limits) -> Result<Limits, String> {
        let head = number("head", &self.head, otherwise.head)?;
        let fields = number("headers", &self.headers, otherwise.fields)?;
        if head < LEAST_HEAD {
            return Err(format!("--head {head} is too little: {LEAST_HEAD} is the least"));
        }
        if !(1..=MOST_FIELDS).contains(&fields) {
            return Err(format!("--headers {fields}: a number from 1 to {MOST_FIELDS} is expected"));
        }
        let head_time = match &self.head_time[..] {
            "" => otherwise.head_time,
            given => seconds(given).ok_or(format!("--head-time {given}: a number of seconds is expected"))?,
        };
        Ok(Limits { head, body: number("body", &self.body, otherwise.body)?, fields, head_time })
    }
}

fn number<N: FromStr>(name: &str, given: &str, otherwise: N) -> Result<N, String> {
    match given {
        "" => Ok(otherwise),
        given => given.parse().map_err(|_| format!("--{name} {given}: a number is expected")),
    }
}

/// Up to some years: much more would be no point in time any more.
fn seconds(given: &str) -> Option<Duration> {
    let seconds = given.parse().ok().filter(|&seconds| seconds > 0.0 && seconds < 1e9)?;
    Duration::try_from_secs_f64(seconds).ok()
}
