//! Processes: runs in one of their own, and what one takes of the machine.

use std::process::Command;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::Question;

/// Tells a process which server it is.
pub const SERVER: &str = "CORRO_BENCH_SERVER";

const CHILD: &str = "CORRO_BENCH_CHILD";

/// Which run this process was started for.
pub struct Child {
    question: String,
    entry: usize,
}

impl Child {
    pub fn of_environment() -> Option<Child> {
        let text = std::env::var(CHILD).ok()?;
        let (question, entry) = text.split_once(' ')?;
        Some(Child { question: question.to_owned(), entry: entry.parse().ok()? })
    }

    pub fn run(self, questions: &[Question], quick: bool) {
        let question = questions.iter().find(|question| question.name == self.question).expect("a question");
        let figures = ((question.entries)(quick)[self.entry].run)();
        println!("{}", figures.iter().map(f64::to_string).collect::<Vec<_>>().join(" "));
    }
}

pub fn run_alone(question: &str, entry: usize, quick: bool) -> Vec<f64> {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args(quick.then_some("--quick")).env(CHILD, format!("{question} {entry}"));
    let output = command.output().expect("this program runs");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().map(|figure| figure.parse().expect("a figure")).collect()
}

pub fn resident_bytes() -> usize {
    resident_bytes_of("self")
}

pub fn resident_bytes_of(process: &str) -> usize {
    let text = std::fs::read_to_string(format!("/proc/{process}/statm")).expect("/proc is there");
    let pages: usize = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    pages * 4096
}

pub fn map_entries() -> usize {
    std::fs::read_to_string("/proc/self/maps").expect("/proc is there").lines().count()
}

/// The CPU time that this process has used.
pub fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Runs `f` on a thread of this core, or of any. A process that it starts stays there.
pub fn on_core<T: Send>(core: Option<usize>, f: impl FnOnce() -> T + Send) -> T {
    let run = || {
        if let Some(core) = core {
            let mut cores = CpuSet::new();
            cores.set(core);
            // With a single core there is nothing to choose.
            let _ = sched_setaffinity(None, &cores);
        }
        f()
    };
    std::thread::scope(|s| s.spawn(run).join().expect("it runs"))
}
