//! What a style is given, and what it gives back.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    failure::Failure,
    index::Index,
    log::{LogEnd, LogFile, Step},
    page::Page,
    trail::Trail,
    words::Words,
};

/// How much a style reads at once.
pub const CHUNK: usize = 8 * 1024;

/// The task of a style: fetch the pages, parse them, build one index, log every step.
pub struct Job {
    pub pages: Vec<Arc<Page>>,
    pub clock: Clock,
    log: PathBuf,
}

/// The times that hold for all pages.
#[derive(Clone, Copy)]
pub struct Clock {
    /// When the style began; the log counts from here.
    pub epoch: Instant,
    /// How long one page may take, from its connection to its last byte.
    pub timeout: Duration,
}

impl Job {
    pub fn new(pages: Vec<Arc<Page>>, timeout: Duration, log: &Path) -> Job {
        Job { pages, clock: Clock { epoch: Instant::now(), timeout }, log: log.to_owned() }
    }

    pub fn log_file(&self) -> io::Result<LogFile> {
        LogFile::create(&self.log, self.clock.epoch)
    }
}

/// What a style has made of the pages.
#[derive(Default)]
pub struct Outcome {
    pub index: Index,
    pub failures: Vec<(usize, Failure)>,
    pub log: LogEnd,
}

impl Outcome {
    /// Enters a page into the index, or among the failures, and ends its trail.
    pub fn enter(&mut self, trail: &Trail, words: Result<Words, Failure>) {
        match words {
            Ok(words) => {
                self.index.add(trail.page().id, words);
                trail.step(Step::Index);
                trail.end(Step::Done, String::new());
            }
            Err(failure) => {
                let (page, note) = (trail.page().id, failure.to_string());
                self.failures.push((page, failure));
                trail.end(Step::Failed, note);
            }
        }
    }

    #[must_use]
    pub fn with_log(self, file: LogFile) -> Outcome {
        Outcome { log: file.close(), ..self }
    }
}
