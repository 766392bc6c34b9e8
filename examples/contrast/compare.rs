//! The parent's work: provide the pages, run each style on them, write the reports.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::Arc,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    args::{Input, Options, Sink},
    comparison::Comparison,
    page::{Page, Url},
    report,
    site::{Site, Source},
    trial::Trial,
    work_dir::WorkDir,
};

/// Beyond the time that a style needs if all its pages time out one after another.
const GRACE: Duration = Duration::from_secs(30);

/// Why there is no comparison.
pub enum Stop {
    /// There is nothing to compare the styles on.
    Input(String),
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Io(error)
    }
}

pub fn compare(options: &Options) -> Result<Comparison, Stop> {
    match &options.input {
        Input::Site(source) => {
            let site = Site::start(source)?;
            if site.files_found == 0 {
                return Err(Stop::Input("the folder has no text file to serve".to_owned()));
            }
            run_styles(
                options,
                Comparison { input: describe(source, &site, options), ..empty(site.pages.clone(), options) },
            )
        }
        Input::Urls(urls) => run_styles(options, look_up(urls, options)),
    }
}

fn empty(pages: Vec<Arc<Page>>, options: &Options) -> Comparison {
    Comparison {
        input: String::new(),
        pages,
        timeout: options.timeout,
        trials: Vec::new(),
        broken: Vec::new(),
        unresolved: Vec::new(),
    }
}

fn describe(source: &Source, site: &Site, options: &Options) -> String {
    let place = match &source.dir {
        Some(dir) => dir.display().to_string(),
        None => "this program's own sources".to_owned(),
    };
    let (pages, files, timeout) = (site.pages.len(), site.files_found, options.timeout.as_millis());
    let choice = if files > pages { "a choice of " } else { "" };
    format!("{pages} pages from {choice}{files} text files of {place}, on loopback; timeout {timeout} ms")
}

fn look_up(urls: &[Url], options: &Options) -> Comparison {
    let mut comparison = empty(Vec::new(), options);
    for url in urls {
        match url.resolve(comparison.pages.len()) {
            Ok(page) => comparison.pages.push(Arc::new(page)),
            Err(why) => comparison.unresolved.push((url.text.clone(), why)),
        }
    }
    comparison.input = format!("{} URLs; timeout {} ms", urls.len(), options.timeout.as_millis());
    comparison
}

fn run_styles(options: &Options, mut comparison: Comparison) -> Result<Comparison, Stop> {
    let work = WorkDir::new()?;
    work.save_job(&comparison.pages, options.timeout)?;
    let pages = comparison.pages.len();
    let limit = GRACE + options.timeout * pages.try_into().unwrap_or(u32::MAX);
    let bar = progress_bar(options.styles.len() * pages);
    for (i, style) in options.styles.iter().enumerate() {
        bar.set_message(style.name);
        let progress = &mut |ended| bar.set_position((i * pages + ended) as u64);
        progress(0);
        match Trial::run(style, &work, limit, progress) {
            Ok(trial) => comparison.trials.push(trial),
            Err(why) => comparison.broken.push((style, why)),
        }
    }
    bar.finish_and_clear();
    Ok(comparison)
}

/// Hidden unless standard error is a terminal.
fn progress_bar(pages: usize) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let look = ProgressStyle::with_template("{bar:40} {pos}/{len} pages, {elapsed}  {msg}");
    ProgressBar::new(pages as u64).with_style(look.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

pub fn write_reports(options: Options, comparison: &Comparison) -> Result<(), Stop> {
    let reports = [(options.json, report::json as fn(&Comparison) -> String), (options.html, report::html)];
    for (sink, report) in reports {
        let Some(Sink { path, mut file }) = sink else { continue };
        file.write_all(report(comparison).as_bytes())
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    }
    Ok(())
}
