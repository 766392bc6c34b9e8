//! The command line.

use std::{
    ffi::OsString,
    fs::{self, File},
    path::PathBuf,
    time::Duration,
};

use lexopt::prelude::*;

use crate::{
    page::Url,
    site::Source,
    style::{STYLES, Style},
};

pub struct Options {
    pub input: Input,
    pub styles: Vec<&'static Style>,
    pub timeout: Duration,
    pub json: Option<Sink>,
    pub html: Option<Sink>,
}

pub enum Input {
    Site(Source),
    Urls(Vec<Url>),
}

/// A file to write a report to, opened before the run so that a wrong name is known at once.
pub struct Sink {
    pub path: PathBuf,
    pub file: File,
}

/// On a site of our own, and on machines far away.
const SITE_TIMEOUT: Duration = Duration::from_millis(500);
const URL_TIMEOUT: Duration = Duration::from_secs(10);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);

impl Options {
    /// None if the help was asked for.
    pub fn parse(args: impl Iterator<Item = OsString>) -> Result<Option<Options>, String> {
        let mut words = Words::default();
        match words.read(lexopt::Parser::from_args(args)) {
            Ok(Ready::Help) => Ok(None),
            Ok(Ready::Run) => words.into_options().map(Some),
            Err(error) => Err(error.to_string()),
        }
    }
}

enum Ready {
    Help,
    Run,
}

/// What was said, before it is known to fit together.
#[derive(Default)]
struct Words {
    dir: Option<PathBuf>,
    urls: Vec<Url>,
    quick: bool,
    styles: Vec<&'static Style>,
    timeout: Option<Duration>,
    json: Option<PathBuf>,
    html: Option<PathBuf>,
}

impl Words {
    fn read(&mut self, mut parser: lexopt::Parser) -> Result<Ready, lexopt::Error> {
        while let Some(word) = parser.next()? {
            match word {
                Long("dir") => self.dir = Some(parser.value()?.into()),
                Long("url") => {
                    for url in parser.values()? {
                        self.urls.push(url.parse()?);
                    }
                }
                Long("quick") => self.quick = true,
                Long("style") => {
                    for name in parser.values()? {
                        name.string()?.split(',').try_for_each(|name| self.add_style(name))?;
                    }
                }
                Long("timeout") => self.timeout = Some(parser.value()?.parse_with(milliseconds)?),
                Long("json") => self.json = Some(parser.value()?.into()),
                Long("html") => self.html = Some(parser.value()?.into()),
                Short('h') | Long("help") => return Ok(Ready::Help),
                _ => return Err(word.unexpected()),
            }
        }
        Ok(Ready::Run)
    }

    fn add_style(&mut self, name: &str) -> Result<(), String> {
        let known = || STYLES.iter().map(|style| style.name).collect::<Vec<_>>().join(", ");
        let style = Style::named(name).ok_or_else(|| format!("there is no style {name:?}; there are: {}", known()))?;
        if !self.styles.iter().any(|other| other.name == style.name) {
            self.styles.push(style);
        }
        Ok(())
    }

    fn into_options(self) -> Result<Options, String> {
        let (input, timeout) = match (self.dir, self.urls) {
            (Some(_), urls) if !urls.is_empty() => return Err("--dir and --url exclude each other".to_owned()),
            (dir, urls) if urls.is_empty() => {
                dir.as_ref().map_or(Ok(()), check_folder)?;
                (Input::Site(Source { dir, quick: self.quick }), SITE_TIMEOUT)
            }
            (_, urls) => (Input::Urls(urls), URL_TIMEOUT),
        };
        let styles = if self.styles.is_empty() { STYLES.iter().collect() } else { self.styles };
        let timeout = self.timeout.unwrap_or(timeout);
        if self.json.is_some() && self.json == self.html {
            return Err("--json and --html name the same file".to_owned());
        }
        Ok(Options { input, styles, timeout, json: sink(self.json)?, html: sink(self.html)? })
    }
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    match text.parse().map(Duration::from_millis) {
        Ok(time) if !time.is_zero() && time <= LONGEST_TIMEOUT => Ok(time),
        _ => Err(format!("a number of milliseconds, from 1 to {}, is expected", LONGEST_TIMEOUT.as_millis())),
    }
}

fn check_folder(dir: &PathBuf) -> Result<(), String> {
    fs::read_dir(dir).map(drop).map_err(|error| format!("the folder {} cannot be read: {error}", dir.display()))
}

fn sink(path: Option<PathBuf>) -> Result<Option<Sink>, String> {
    let open = |path: PathBuf| match File::create(&path) {
        Ok(file) => Ok(Sink { path, file }),
        Err(error) => Err(format!("the file {} cannot be written: {error}", path.display())),
    };
    path.map(open).transpose()
}

pub fn help() -> String {
    let mut text = String::from(HELP);
    for style in STYLES {
        text.push_str(&format!("  {:<20}{}\n", style.name, style.waiting));
    }
    text
}

const HELP: &str = "\
Does one job in several styles of concurrency and shows the difference: fetches the pages of a
site, parses them, builds one index of their words, and logs every step.

Usage: contrast [OPTIONS]

Without --dir or --url the site is this repository's own text files, served on loopback by a
process of its own, each after a delay, together with three pages that fail.

Options:
  --dir DIR          serve the text files of another folder
  --url URL...       fetch real pages; http:// only
  --quick            a small site
  --style NAME...    only these styles, in this order
  --timeout MS       the longest that a page may take [500; with --url 10000]
  --json FILE        write all figures to FILE
  --html FILE        draw who did what and when, as a page for the browser
  -h, --help         print this

Exits with 0 if all styles built the same index, also if pages failed; with 1 if not, or if a
style did not end well; with 2 on wrong arguments.

Styles:
";
