//! All pages, so many at once, until they are there or the user has had enough.

use std::sync::{Mutex, PoisonError};

use corro::signal::Signals;
use corro::sync::Semaphore;
use corro::{cancel_scope, fs, scope, spawn};
use ureq::http::Uri;

use crate::bars::Bars;
use crate::fetch::Fetcher;
use crate::keep::keep;
use crate::options::Options;

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

/// What became of the pages.
#[derive(Default)]
pub(crate) struct Outcomes {
    pub(crate) fetched: usize,
    pub(crate) total: usize,
    pub(crate) bytes: usize,
    pub(crate) failed: Vec<(Uri, String)>,
    /// By a signal.
    pub(crate) interrupted: bool,
}

/// Fetches them, and says of each that is there where it is.
pub(crate) fn fetch_all(options: &Options) -> Result<Outcomes, String> {
    let fetching = Fetching {
        options,
        fetcher: Fetcher::new(options)?,
        bars: Bars::new(options.urls.len()),
        outcomes: Mutex::default(),
    };
    if let Some(folder) = &options.out {
        fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    }
    let mut signals = Signals::new(&[SIGINT, SIGTERM]).map_err(|error| format!("cannot wait for Ctrl-C: {error}"))?;
    let outcome = cancel_scope(|token| {
        let token = token.clone();
        let watcher = spawn(move || {
            signals.wait();
            token.cancel();
        });
        fetching.all();
        watcher.cancel();
    });
    let mut outcomes = fetching.outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    (outcomes.total, outcomes.interrupted) = (options.urls.len(), outcome.is_err());
    Ok(outcomes)
}

struct Fetching<'a> {
    options: &'a Options,
    fetcher: Fetcher,
    bars: Bars,
    outcomes: Mutex<Outcomes>,
}

impl Fetching<'_> {
    /// A task a page, none before there is a place for it.
    fn all(&self) {
        let places = Semaphore::new(self.options.jobs);
        scope(|s| {
            for (index, url) in self.options.urls.iter().enumerate() {
                let place = places.acquire();
                s.spawn(move || {
                    let _place = place;
                    self.one(index + 1, url);
                });
            }
        });
    }

    fn one(&self, number: usize, url: &Uri) {
        let outcome = self.fetch_and_keep(number, url);
        // A lock of `std` will do: nobody waits while it is held.
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(bytes) => {
                outcomes.fetched += 1;
                outcomes.bytes += bytes;
            }
            Err(why) => outcomes.failed.push((url.clone(), why)),
        }
    }

    /// The bytes that it has.
    fn fetch_and_keep(&self, number: usize, url: &Uri) -> Result<usize, String> {
        let bar = self.bars.start(url.to_string());
        let page = self.fetcher.fetch(url, &bar)?;
        let place = match &self.options.out {
            None => String::new(),
            Some(folder) => {
                let kept = keep(folder, number, url, &page);
                let path = kept.map_err(|error| format!("cannot keep it in {}: {error}", folder.display()))?;
                format!(" in {}", path.display())
            }
        };
        drop(bar);
        self.bars.say(&format!("{url}  {} bytes{place}", page.len()));
        Ok(page.len())
    }
}
