//! A log writer that other tasks feed without waiting. The disk fills up; the program goes on.
//!
//! `feed` puts a line into a queue. A line that finds no writer at work starts one, which writes, off this thread,
//! until the queue is empty. While the disk is full (`/dev/full`), lines are lost and counted.
//!
//! `cargo run --release --example logger` prints (the numbers vary):
//!
//! ```text
//! log: lines are being lost: No space left on device (os error 28)
//! log: writes again, 392 lines are missing
//! 1201 lines were fed by 4 tasks: 809 written, 392 lost
//! ```

mod arguments;

use std::cell::{Cell, RefCell};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

const TASKS: u32 = 4;
const STEP: Duration = Duration::from_millis(1);
static FULL: AtomicBool = AtomicBool::new(false);

struct Disk {
    file: File,
    full: File,
    missing: usize, // since the last line that was written
    lost: usize,    // in all
}

impl Disk {
    fn append(&mut self, line: &str) -> io::Result<()> {
        let file = if FULL.load(Relaxed) { &mut self.full } else { &mut self.file };
        file.write_all(line.as_bytes())
    }

    /// Runs on the blocking pool.
    fn append_all(mut self, lines: Vec<String>) -> Disk {
        for line in lines {
            if self.missing > 0 && self.append(&format!("({} lines are missing here)\n", self.missing)).is_ok() {
                println!("log: writes again, {} lines are missing", std::mem::take(&mut self.missing));
            }
            let Err(error) = self.append(&line) else { continue };
            if self.missing == 0 {
                println!("log: lines are being lost: {error}");
            }
            (self.missing, self.lost) = (self.missing + 1, self.lost + 1);
        }
        self
    }
}

#[derive(Default)]
struct Log {
    queue: RefCell<Vec<String>>,
    /// Not here while a writer is at work.
    disk: Cell<Option<Disk>>,
    writer: Cell<Option<corro::JoinHandle<()>>>,
}

impl Log {
    /// Never waits, never fails.
    fn feed(self: &Rc<Log>, line: String) {
        self.queue.borrow_mut().push(line);
        if let Some(disk) = self.disk.take() {
            let log = self.clone();
            self.writer.replace(Some(corro::spawn_local(move || log.write(disk))));
        }
    }

    fn write(&self, mut disk: Disk) {
        while !self.queue.borrow().is_empty() {
            let lines = self.queue.take();
            disk = corro::unblock(move || disk.append_all(lines));
        }
        self.disk.replace(Some(disk));
    }
}

fn work(task: u32, step: u32) -> String {
    corro::sleep(STEP);
    format!("task {task}: step {step}\n")
}

/// Returns how many lines were lost.
fn run(steps: u32, disk: Disk) -> usize {
    let log = Rc::new(Log { disk: Cell::new(Some(disk)), ..Log::default() });
    let worker = |task| {
        let log = log.clone();
        corro::spawn_local(move || (1..=steps).for_each(|step| log.feed(work(task, step))))
    };
    let workers: Vec<_> = (1..=TASKS).map(worker).collect();
    for full in [true, false] {
        corro::sleep(STEP * (steps / 3));
        FULL.store(full, Relaxed);
    }
    workers.into_iter().for_each(|worker| worker.join().expect("a full disk is no reason to fail"));
    log.feed("the end\n".to_owned());
    log.writer.take().map(corro::JoinHandle::join);
    log.disk.take().expect("the writer has put it back").lost
}

fn main() -> io::Result<()> {
    let quick = arguments::is_quick("logger: a log that nobody waits for, on a disk that fills up.");
    let steps = if quick { 60 } else { 300 };
    let fed = (TASKS * steps + 1) as usize;
    let path = std::env::temp_dir().join(format!("corro-logger-{}", std::process::id()));
    let full = OpenOptions::new().write(true).open("/dev/full")?;
    let disk = Disk { file: File::create(&path)?, full, missing: 0, lost: 0 };
    let lost = corro::run(|| run(steps, disk));

    let text = fs::read_to_string(&path)?;
    let written = text.lines().filter(|line| !line.starts_with('(')).count();
    println!("{fed} lines were fed by {TASKS} tasks: {written} written, {lost} lost");
    assert!(lost > 0 && written + lost == fed && text.ends_with("the end\n"), "a line was not accounted for");
    fs::remove_file(&path)
}
