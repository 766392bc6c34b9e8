//! The lanes as characters: a lane a worker, time across.

use std::fmt::Write as _;
use std::time::Duration;

use crate::work::{Record, Span, TASKS};

const COLUMNS: u32 = 58;
const NAMES: &[u8; TASKS] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

pub(crate) fn lanes(record: &Record) -> String {
    let millis = record.wall.as_secs_f64() * 1e3;
    let end = format!("{millis:.1} ms");
    let mut text = format!("{:9} 0 ms{end:>width$}\n", "", width = COLUMNS as usize - 4);
    for worker in 0..record.workers {
        let lane = record.lane(worker);
        let tasks = lane.iter().filter(|span| span.task.is_some()).count();
        let how = if worker == record.home() { "own" } else { "stolen" };
        let _ = writeln!(text, "worker {worker:<2} {}  {tasks} {how}", characters(&lane, record.wall));
    }
    let _ = writeln!(
        text,
        "{TASKS} computations; of {} workers {:.2} were busy on the average",
        record.workers,
        record.busy(),
    );
    text
}

/// What ran in the middle of each column.
fn characters(lane: &[&Span], wall: Duration) -> String {
    let at = |column: u32| wall * (2 * column + 1) / (2 * COLUMNS);
    let running = |time: Duration| lane.iter().find(|span| (span.from..span.to).contains(&time));
    (0..COLUMNS).map(|column| running(at(column)).map_or('.', |span| name(span))).collect()
}

fn name(span: &Span) -> char {
    span.task.map_or('=', |task| NAMES[task].into())
}
