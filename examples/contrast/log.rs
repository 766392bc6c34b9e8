//! The log: what a line says, and the file that it is written to.
//!
//! A [`Line`] tells of one step of one page, from when to when. How lines reach the file without the page waiting
//! is each style's own affair. The lanes of the HTML report are drawn from this file, so a line lost would be seen.

use std::{
    fmt,
    fs::File,
    io::{self, Write as _},
    mem,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::page::Page;

/// What a page is doing, or how it ended. `Log` is the log writer's own work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Until the connection stands and the request is sent.
    Connect,
    /// Until the first bytes of the answer.
    Wait,
    /// Until the next bytes of it.
    Read,
    Parse,
    Index,
    Done,
    Failed,
    Log,
}

impl Step {
    pub const ALL: [Step; 8] =
        [Step::Connect, Step::Wait, Step::Read, Step::Parse, Step::Index, Step::Done, Step::Failed, Step::Log];

    pub fn name(self) -> &'static str {
        match self {
            Step::Connect => "connect",
            Step::Wait => "wait",
            Step::Read => "read",
            Step::Parse => "parse",
            Step::Index => "index",
            Step::Done => "done",
            Step::Failed => "failed",
            Step::Log => "log",
        }
    }

    pub fn named(name: &str) -> Option<Step> {
        Step::ALL.into_iter().find(|step| step.name() == name)
    }
}

/// One line of the log, fed to a style's log writer.
pub struct Line {
    pub page: Arc<Page>,
    pub step: Step,
    pub from: Duration,
    pub to: Duration,
    pub note: String,
}

/// `from<TAB>to<TAB>step<TAB>page<TAB>name<TAB>note`, times in microseconds since the start of the style.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { page, step, from, to, note } = self;
        let (from, to) = (from.as_micros(), to.as_micros());
        writeln!(f, "{from}\t{to}\t{}\t{}\t{}\t{note}", step.name(), page.id, page.name)
    }
}

/// The file. It is handed by value to whoever writes the next lines, and back.
///
/// A write that fails (a full disk) is no reason to stop: the first error is kept and the lines lost are counted.
pub struct LogFile {
    file: File,
    epoch: Instant,
    /// The line about the batch before, to be written with the next one.
    own_line: String,
    end: LogEnd,
}

/// What became of the log.
#[derive(Default)]
pub struct LogEnd {
    pub written: usize,
    pub lost: usize,
    pub error: Option<io::Error>,
}

impl LogFile {
    pub fn create(path: &Path, epoch: Instant) -> io::Result<LogFile> {
        Ok(LogFile { file: File::create(path)?, epoch, own_line: String::new(), end: LogEnd::default() })
    }

    /// Writes a batch of lines.
    #[must_use]
    pub fn append(mut self, lines: Vec<Line>) -> LogFile {
        let from = self.epoch.elapsed().as_micros();
        let mut text = mem::take(&mut self.own_line);
        lines.iter().for_each(|line| text.push_str(&line.to_string()));
        self.write(&text, lines.len());
        let to = self.epoch.elapsed().as_micros();
        self.own_line = format!("{from}\t{to}\t{}\t-\t-\t{} lines\n", Step::Log.name(), lines.len());
        self
    }

    pub fn close(mut self) -> LogEnd {
        let own_line = mem::take(&mut self.own_line);
        self.write(&own_line, 0);
        self.end
    }

    fn write(&mut self, text: &str, lines: usize) {
        match self.file.write_all(text.as_bytes()) {
            Ok(()) => self.end.written += lines,
            Err(error) => {
                self.end.lost += lines;
                self.end.error.get_or_insert(error);
            }
        }
    }
}
