//! A log writer that other tasks feed without waiting. The disk fills up; the program goes on.
//!
//! `feed` only puts a line into a queue. The first line that finds no writer at work starts one; it writes, off this
//! thread, until the queue is empty. While the disk is full (`/dev/full` stands in for it, which fails every write
//! with the system's own error), lines are lost and counted. When there is room again, the log itself tells how many
//! are missing at that place.
//!
//! `cargo run --release --example logger` prints (the numbers vary):
//!
//! ```text
//! log: lines are being lost: No space left on device (os error 28)
//! operator: deletes old files
//! log: writes again, 194 lines are missing
//! 400 lines were fed by 4 tasks: 206 written, 194 lost
//! ```

use std::cell::{Cell, RefCell};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

const TASKS: usize = 4;
const STEP: Duration = Duration::from_millis(1);
static FULL: AtomicBool = AtomicBool::new(false);

struct Disk {
    file: File,
    full: File,
    missing: usize,
}

impl Disk {
    fn append(&mut self, line: &str) -> io::Result<()> {
        let file = if FULL.load(Relaxed) { &mut self.full } else { &mut self.file };
        file.write_all(line.as_bytes())
    }

    /// Runs on the blocking pool. Returns the disk and how many of the lines were lost.
    fn append_all(mut self, lines: Vec<String>) -> (Disk, usize) {
        let mut lost = 0;
        for line in lines {
            if self.missing > 0 && self.append(&format!("({} lines are missing here)\n", self.missing)).is_ok() {
                println!("log: writes again, {} lines are missing", std::mem::take(&mut self.missing));
            }
            let Err(error) = self.append(&line) else { continue };
            if self.missing == 0 {
                println!("log: lines are being lost: {error}");
            }
            self.missing += 1;
            lost += 1;
        }
        (self, lost)
    }
}

struct Log {
    queue: RefCell<Vec<String>>,
    /// Not here while a writer is at work.
    disk: RefCell<Option<Disk>>,
    lost: Cell<usize>,
}

impl Log {
    /// Never waits, never fails.
    fn feed(self: &Rc<Log>, line: String) {
        self.queue.borrow_mut().push(line);
        if let Some(disk) = self.disk.take() {
            let log = self.clone();
            corro::spawn_local(move || log.write(disk));
        }
    }

    fn write(&self, mut disk: Disk) {
        while !self.queue.borrow().is_empty() {
            let lines = self.queue.take();
            let lost;
            (disk, lost) = corro::unblock(move || disk.append_all(lines));
            self.lost.update(|before| before + lost);
        }
        self.disk.replace(Some(disk));
    }
}

fn work(task: usize, steps: u32, log: &Rc<Log>) {
    for step in 1..=steps {
        corro::sleep(STEP);
        log.feed(format!("task {task}: step {step}\n"));
    }
}

/// Returns how many lines were lost.
fn run(steps: u32, disk: Disk) -> usize {
    let log = Rc::new(Log { queue: RefCell::default(), disk: RefCell::new(Some(disk)), lost: Cell::new(0) });
    let worker = |task| {
        let log = log.clone();
        corro::spawn_local(move || work(task, steps, &log))
    };
    let workers: Vec<_> = (1..=TASKS).map(worker).collect();
    corro::sleep(STEP * (steps / 4));
    FULL.store(true, Relaxed);
    corro::sleep(STEP * (steps / 2));
    println!("operator: deletes old files");
    FULL.store(false, Relaxed);
    workers.into_iter().for_each(|worker| worker.join().expect("a full disk is no reason to fail"));
    log.feed("the end\n".to_owned());
    while log.disk.borrow().is_none() {
        corro::sleep(STEP);
    }
    log.lost.get()
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let quick = arguments == ["--quick"];
    if !quick && !arguments.is_empty() {
        eprintln!("logger: cannot understand {arguments:?}; there is only --quick, for fewer lines");
        std::process::exit(2);
    }
    let steps = if quick { 20 } else { 100 };
    let path = std::env::temp_dir().join(format!("corro-logger-{}", std::process::id()));
    let full = OpenOptions::new().write(true).open("/dev/full")?;
    let disk = Disk { file: File::create(&path)?, full, missing: 0 };
    let lost = corro::run(|| run(steps, disk));

    let (fed, text) = (TASKS * steps as usize + 1, fs::read_to_string(&path)?);
    let written = text.lines().filter(|line| !line.starts_with('(')).count();
    println!("{fed} lines were fed by {TASKS} tasks: {written} written, {lost} lost");
    assert!(lost > 0 && written + lost == fed && text.ends_with("the end\n"), "a line was not accounted for");
    fs::remove_file(&path)
}
