//! The lanes as one page that needs nothing else: a lane a worker, a box a task, time across. The color tells when a
//! task was started: blue ones early, red ones late.

use std::fmt::Write as _;
use std::time::Duration;

use crate::work::{Record, Span, TASKS};

pub(crate) fn html(record: &Record) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>stealing: who ran what</title>\n<style>\n{}</style>\n<h1>Who ran what</h1>\n\
         <p>One task on worker {home} starts {TASKS} computations, and each worker takes new ones when it has none: \
         worker {home} the newest of its own, the others the oldest of worker {home}.<br>\
         {workers} workers, {busy:.2} of them busy on the average, {wall}.</p>\n\
         <p><span class=\"key starter\"></span> the starter &emsp; computation 0 \
         <span class=\"key\" style=\"background:linear-gradient(90deg,{first},{middle},{last})\"></span> {end}</p>\n\
         <div class=\"lanes\">\n<div></div><div class=\"axis\">{axis}</div><div></div>\n",
        include_str!("page.css"),
        home = record.home(),
        workers = record.workers,
        busy = record.busy(),
        wall = millis(record.wall),
        first = color(0),
        middle = color(TASKS / 2),
        last = color(TASKS - 1),
        end = TASKS - 1,
        axis = axis(record.wall),
    );
    (0..record.workers).for_each(|worker| lane(&mut page, record, worker));
    page + "</div>\n"
}

fn lane(page: &mut String, record: &Record, worker: usize) {
    let lane = record.lane(worker);
    let tasks = lane.iter().filter(|span| span.task.is_some()).count();
    let how = if worker == record.home() { "own" } else { "stolen" };
    let _ = writeln!(page, "<div>worker {worker}</div><div class=\"lane\">");
    lane.iter().for_each(|span| boxed(page, span, worker, record.wall));
    let _ = writeln!(page, "</div><small>{tasks} {how}</small>");
}

fn boxed(page: &mut String, span: &Span, worker: usize, wall: Duration) {
    let (left, width) = (percent(span.from, wall), percent(span.length(), wall));
    let what = span.task.map_or("the starter".to_owned(), |task| format!("computation {task}"));
    let (class, fill, label) = match span.task {
        None => ("starter", String::new(), "starts all".to_owned()),
        Some(task) => ("task", format!(";background:{}", color(task)), task.to_string()),
    };
    let label = if width > 1.3 { label } else { String::new() };
    let _ = writeln!(
        page,
        "<i class=\"{class}\" style=\"left:{left:.3}%;width:{width:.3}%{fill}\" \
         title=\"{what} on worker {worker}: {took}, from {from}\">{label}</i>",
        took = millis(span.length()),
        from = millis(span.from),
    );
}

/// Round times, at most ten of them.
fn axis(wall: Duration) -> String {
    let micros = wall.as_micros() as usize;
    let decades = (2..).map(|power| 10_usize.pow(power)).flat_map(|ten| [ten, 2 * ten, 5 * ten]);
    let step = decades.into_iter().find(|step| step * 10 >= micros).expect("there is always a larger one");
    let share = |at: usize| at as f64 / micros as f64 * 100.0;
    let mark = |at: usize| format!("<span style=\"left:{:.3}%\">{} ms</span>", share(at), at as f64 / 1e3);
    (0..micros).step_by(step).filter(|&at| share(at) < 95.0).map(mark).collect()
}

fn color(task: usize) -> String {
    let share = task as f64 / (TASKS - 1) as f64;
    format!("oklch(78% 0.12 {:.0})", 260.0 - 220.0 * share)
}

fn percent(part: Duration, wall: Duration) -> f64 {
    part.as_secs_f64() / wall.as_secs_f64() * 100.0
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
