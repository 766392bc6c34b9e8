//! The command line.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::exit;
use std::time::Duration;

use lexopt::prelude::*;
use ureq::http::Uri;
use ureq::http::uri::Authority;

const HELP: &str = "pages: fetches pages, several at once.
  URL ...        what to fetch: http://... or https://...
  --from FILE    the URLs in this file too, one a line; - is the standard input; lines that begin with # are passed over
  --jobs N       so many at once; 8 if nothing is said
  --timeout S    seconds that a page may take; 30 if nothing is said
  --limit BYTES  the longest page that is taken; 16777216 if nothing is said
  --redirects N  how often a page may send us elsewhere; 10 if nothing is said
  --out DIR      keeps the pages in this folder, which is made
  --ca FILE      trusts the certificates in this file (PEM) too; may be given several times
  --loop         one thread, an event loop
  --workers N    so many threads; one a core if nothing is said
  --quick        fetches from servers of its own, checks what came, and ends
  --help         this text";

/// The longest list of URLs that is read.
const LONGEST_LIST: u64 = 64 << 20;
/// Jobs and workers.
const MOST: usize = 1000;
const MOST_SECONDS: f64 = 1e6;

pub(crate) enum Place {
    Loop,
    Workers(usize),
}

pub(crate) struct Options {
    pub(crate) urls: Vec<Uri>,
    pub(crate) jobs: usize,
    pub(crate) timeout: Duration,
    pub(crate) limit: usize,
    pub(crate) redirects: u32,
    pub(crate) out: Option<PathBuf>,
    pub(crate) authorities: Vec<PathBuf>,
    pub(crate) place: Place,
    pub(crate) quick: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            urls: Vec::new(),
            jobs: 8,
            timeout: Duration::from_secs(30),
            limit: 16 << 20,
            redirects: 10,
            out: None,
            authorities: Vec::new(),
            place: Place::Workers(std::thread::available_parallelism().map_or(1, usize::from)),
            quick: false,
        }
    }
}

impl Options {
    pub(crate) fn parse() -> Result<Options, String> {
        let mut options = Options::default();
        let files = options.read().map_err(|error| error.to_string())?;
        for file in files {
            options.urls.extend(list(&file)?);
        }
        if options.urls.is_empty() && !options.quick {
            return Err("there is nothing to fetch: give a URL, or --from FILE".to_owned());
        }
        Ok(options)
    }

    /// Gives the files with more URLs.
    fn read(&mut self) -> Result<Vec<OsString>, lexopt::Error> {
        let (mut parser, mut files) = (lexopt::Parser::from_env(), Vec::new());
        while let Some(argument) = parser.next()? {
            match argument {
                Value(text) => self.urls.push(text.parse_with(url)?),
                Long("from") => files.push(parser.value()?),
                Long("jobs") => self.jobs = parser.value()?.parse_with(some)?,
                Long("timeout") => self.timeout = parser.value()?.parse_with(seconds)?,
                Long("limit") => self.limit = parser.value()?.parse()?,
                Long("redirects") => self.redirects = parser.value()?.parse()?,
                Long("out") => self.out = Some(parser.value()?.into()),
                Long("ca") => self.authorities.push(parser.value()?.into()),
                Long("loop") => self.place = Place::Loop,
                Long("workers") => self.place = Place::Workers(parser.value()?.parse_with(some)?),
                Long("quick") => self.quick = true,
                Short('h') | Long("help") => {
                    crate::say(HELP);
                    exit(0);
                }
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(files)
    }
}

/// The URLs in a file. What is wrong is told with its line.
fn list(file: &OsString) -> Result<Vec<Uri>, String> {
    let (name, read) = if file == "-" {
        ("the standard input".to_owned(), read_some(io::stdin()))
    } else {
        let path = Path::new(file);
        (path.display().to_string(), File::open(path).and_then(read_some))
    };
    let text = read.map_err(|error| format!("cannot read {name}: {error}"))?;
    let lines = text.lines().map(str::trim).enumerate();
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| url(line).map_err(|error| format!("line {} of {name}: {error}", index + 1)))
        .collect()
}

fn read_some(from: impl Read) -> io::Result<String> {
    let mut text = String::new();
    match from.take(LONGEST_LIST + 1).read_to_string(&mut text)? as u64 {
        0..=LONGEST_LIST => Ok(text),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is longer than {LONGEST_LIST} bytes"))),
    }
}

pub(crate) fn url(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|error| format!("{text:?} is no URL: {error}"))?;
    match (url.scheme_str(), url.authority()) {
        (Some("http" | "https"), Some(authority)) if !authority.host().is_empty() => {
            if has_wrong_port(authority) {
                return Err(format!("{text:?} is no URL to fetch: a port is a number from 0 to 65535"));
            }
            Ok(url)
        }
        _ => Err(format!("{text:?} is no URL to fetch: it must begin with http:// or https:// and a host")),
    }
}

/// One that is no number is passed over by the parser, as if none had been there.
fn has_wrong_port(authority: &Authority) -> bool {
    let text = authority.as_str();
    let place = text.rsplit_once('@').map_or(text, |(_user, place)| place);
    let port = place.strip_prefix(authority.host()).unwrap_or(place);
    !matches!(port, "" | ":") && authority.port_u16().is_none()
}

fn some(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|number| (1..=MOST).contains(number)).ok_or("a number from 1 to 1000 is expected")
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().filter(|seconds| (0.001..=MOST_SECONDS).contains(seconds));
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or("a number of seconds from 0.001 to 1000000 is expected")
}
