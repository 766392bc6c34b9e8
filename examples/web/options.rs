//! The options of the command line that are about the web.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::process::exit;
use std::str::FromStr;
use std::time::Duration;

use super::limits::{Limits, MOST_FIELDS, SIZES_OF_HEAD};
use super::site::Site;

/// The options as they were given; empty ones were not.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) dir: String,
    head: String,
    body: String,
    headers: String,
    pub(crate) head_time: String,
    patience: String,
    rate: String,
}

pub(crate) const HELP: &str = "
  --dir D          gives the files of this folder
  --head BYTES     the most a request's head may have, up to 1048576; 16384 if nothing is said
  --headers N      the most fields of a head, up to 256; 100 if nothing is said
  --body BYTES     the most a request's body may have; 67108864 if nothing is said
  --head-time S    seconds in which a head has to come; 10 if nothing is said
  --rate BYTES     the least a second at which bodies come and answers go, on average; 500 if nothing is said
  --patience S     so many seconds a client may be behind that; 60 if nothing is said";

impl Options {
    /// By name, with a place for each.
    pub(crate) fn places(&mut self) -> Vec<(&str, &mut String)> {
        vec![
            ("dir", &mut self.dir),
            ("head", &mut self.head),
            ("headers", &mut self.headers),
            ("body", &mut self.body),
            ("head-time", &mut self.head_time),
            ("rate", &mut self.rate),
            ("patience", &mut self.patience),
        ]
    }

    /// What is to be served. Ends the program if something makes no sense.
    pub(crate) fn site(&self) -> Site {
        let site = self.limits().and_then(|limits| Site::new(&self.dir, limits).map_err(|error| error.to_string()));
        site.unwrap_or_else(|error| {
            eprintln!("{error}");
            exit(2);
        })
    }

    /// The limits that were given, and the usual ones in place of the others. The error is a sentence.
    fn limits(&self) -> Result<Limits, String> {
        let usual = Limits::default();
        Ok(Limits {
            head: number_within("head", &self.head, usual.head, SIZES_OF_HEAD)?,
            body: number("body", &self.body, usual.body)?,
            fields: number_within("headers", &self.headers, usual.fields, 1..=MOST_FIELDS)?,
            head_time: seconds("head-time", &self.head_time, usual.head_time)?,
            rate: number_within("rate", &self.rate, usual.rate, 1..=u32::MAX)?,
            patience: seconds("patience", &self.patience, usual.patience)?,
        })
    }
}

fn number<N: FromStr>(name: &str, given: &str, otherwise: N) -> Result<N, String> {
    match given {
        "" => Ok(otherwise),
        given => given.parse().map_err(|_| format!("--{name} {given}: a number is expected")),
    }
}

fn number_within<N>(name: &str, given: &str, otherwise: N, range: RangeInclusive<N>) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    let wrong = || format!("--{name} {given}: a number from {} to {} is expected", range.start(), range.end());
    let number = number(name, given, otherwise).map_err(|_| wrong())?;
    if range.contains(&number) { Ok(number) } else { Err(wrong()) }
}

/// Up to some years: much more would be no point in time any more.
fn seconds(name: &str, given: &str, otherwise: Duration) -> Result<Duration, String> {
    if given.is_empty() {
        return Ok(otherwise);
    }
    let seconds = given.parse().ok().filter(|&seconds| seconds > 0.0 && seconds < 1e9);
    let seconds = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or(format!("--{name} {given}: a number of seconds is expected"))
}
