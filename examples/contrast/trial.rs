//! Starts a style in a child process, watches it, and gathers what it left.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{self, Read as _},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    index::IndexText,
    log::Step,
    measure::RUN,
    style::Style,
    timeline::Timeline,
    work_dir::{StyleDir, WorkDir},
};

/// How often the number of the child's threads is looked at, and how often the progress.
const LOOK: Duration = Duration::from_millis(2);
const LOOKS_A_REPORT: u32 = 20;

/// A style that has run, with all that is known of the run.
pub struct Trial {
    pub style: &'static Style,
    pub wall: Duration,
    pub cpu: Duration,
    pub peak_threads: usize,
    pub switches: i64,
    pub index: IndexText,
    /// Why a page failed, by its place in the list.
    pub failures: BTreeMap<usize, String>,
    pub log: LogFigures,
    pub timeline: Timeline,
}

#[derive(Default)]
pub struct LogFigures {
    pub lines: usize,
    pub lost: usize,
    pub error: Option<String>,
}

impl Trial {
    /// Runs `style` to its end, at most `limit` long; `progress` is told how many pages have ended.
    pub fn run(
        style: &'static Style,
        work: &WorkDir,
        limit: Duration,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Trial, String> {
        let dir = work.folder_of(style.name).map_err(|error| error.to_string())?;
        let mut child = start(style, work).map_err(|error| format!("it could not be started: {error}"))?;
        let (status, peak_threads) = watch(&mut child, &dir, limit, progress).map_err(|error| error.to_string())?;
        if !status.success() {
            return Err(format!("it ended badly: {status}"));
        }
        Trial::read(style, &dir, peak_threads).map_err(|error| format!("its result cannot be read: {error}"))
    }

    fn read(style: &'static Style, dir: &StyleDir, peak_threads: usize) -> io::Result<Trial> {
        let mut trial = Trial {
            style,
            wall: Duration::ZERO,
            cpu: Duration::ZERO,
            peak_threads,
            switches: 0,
            index: IndexText(fs::read_to_string(dir.index())?),
            failures: BTreeMap::new(),
            log: LogFigures::default(),
            timeline: Timeline::read(&dir.log())?,
        };
        for line in fs::read_to_string(dir.result())?.lines() {
            let known = line.split_once(' ').and_then(|(key, value)| trial.take(key, value));
            known.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("the line {line:?}")))?;
        }
        Ok(trial)
    }

    fn take(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "wall" => self.wall = Duration::from_micros(value.parse().ok()?),
            "cpu" => self.cpu = Duration::from_micros(value.parse().ok()?),
            "switches" => self.switches = value.parse().ok()?,
            "logged" => self.log.lines = value.parse().ok()?,
            "lost" => self.log.lost = value.parse().ok()?,
            "log-error" => self.log.error = Some(value.to_owned()),
            "failure" => {
                let (page, why) = value.split_once(' ')?;
                self.failures.insert(page.parse().ok()?, why.to_owned());
            }
            _ => return None,
        }
        Some(())
    }

    /// When the last page that could be had was in the index.
    pub fn last_page(&self) -> Duration {
        self.timeline.last(Step::Done).unwrap_or_default()
    }

    pub fn pages_per_second(&self, pages: usize) -> f64 {
        pages as f64 / self.wall.as_secs_f64().max(1e-6)
    }
}

fn start(style: &Style, work: &WorkDir) -> io::Result<Child> {
    Command::new(env::current_exe()?).arg(RUN).arg(work.path()).arg(style.name).stdin(Stdio::null()).spawn()
}

/// Waits for the child; meanwhile counts its threads, and the pages that its log says have ended.
fn watch(
    child: &mut Child,
    dir: &StyleDir,
    limit: Duration,
    progress: &mut dyn FnMut(usize),
) -> io::Result<(ExitStatus, usize)> {
    let begun = Instant::now();
    let mut peak_threads = 0;
    let mut log = Tail::default();
    let mut looks = 0;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok((status, peak_threads));
        }
        if begun.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other(format!("it did not end within {} s and was stopped", limit.as_secs())));
        }
        peak_threads = peak_threads.max(threads_of(child).unwrap_or(0));
        looks += 1;
        if looks % LOOKS_A_REPORT == 0 {
            progress(log.pages_ended(dir));
        }
        thread::sleep(LOOK);
    }
}

/// None once it has ended.
fn threads_of(child: &Child) -> Option<usize> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse().ok())
}

/// Reads a log while it grows.
#[derive(Default)]
struct Tail {
    file: Option<File>,
    text: String,
    ended: usize,
}

impl Tail {
    fn pages_ended(&mut self, dir: &StyleDir) -> usize {
        self.file = self.file.take().or_else(|| File::open(dir.log()).ok());
        let Some(file) = &mut self.file else { return 0 };
        // What is cut in the middle of a character is read again at the next look.
        if file.read_to_string(&mut self.text).is_ok() {
            let complete = self.text.rfind('\n').map_or(0, |end| end + 1);
            let is_end = |line: &&str| line.split('\t').nth(2).is_some_and(|step| step == "done" || step == "failed");
            self.ended += self.text[..complete].lines().filter(is_end).count();
            self.text.drain(..complete);
        }
        self.ended
    }
}
