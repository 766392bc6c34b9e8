//! The report for programs: one JSON object. Times are in milliseconds.

use std::fmt::Write as _;

use crate::{
    comparison::{Comparison, FailedPage},
    trial::Trial,
};

pub fn json(comparison: &Comparison) -> String {
    let pages = comparison.pages.len();
    let objections = comparison.objections();
    let top = object(&[
        ("input", string(&comparison.input)),
        ("pages", pages.to_string()),
        ("timeout_ms", comparison.timeout.as_millis().to_string()),
        ("same", objections.is_empty().to_string()),
        ("objections", array(objections.iter().map(|objection| string(objection)))),
        ("styles", array(comparison.trials.iter().map(|trial| style(trial, pages)))),
        ("failed_pages", array(comparison.failed_pages().iter().map(failed_page))),
    ]);
    top + "\n"
}

fn style(trial: &Trial, pages: usize) -> String {
    let millis = |time: std::time::Duration| format!("{:.3}", time.as_secs_f64() * 1e3);
    object(&[
        ("name", string(trial.style.name)),
        ("waiting", string(trial.style.waiting)),
        ("wall_ms", millis(trial.wall)),
        ("last_page_ms", millis(trial.last_page())),
        ("cpu_ms", millis(trial.cpu)),
        ("peak_threads", trial.peak_threads.to_string()),
        ("voluntary_context_switches", trial.switches.to_string()),
        ("pages_per_second", format!("{:.1}", trial.pages_per_second(pages))),
        ("lines_of_code", trial.style.lines_of_code().to_string()),
        ("index_words", trial.index.words().to_string()),
        ("index_entries", trial.index.entries().to_string()),
        ("index_hash", string(&format!("{:016x}", trial.index.hash()))),
        ("pages_failed", trial.failures.len().to_string()),
        ("log_lines", trial.log.lines.to_string()),
        ("log_lines_lost", trial.log.lost.to_string()),
    ])
}

fn failed_page(failed: &FailedPage) -> String {
    let styles = failed.styles.as_ref().map_or("null".to_owned(), |names| array(names.iter().map(|name| string(name))));
    object(&[("page", string(failed.page)), ("why", string(failed.why)), ("only_in", styles)])
}

fn object(fields: &[(&str, String)]) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{}: {value}", string(name))).collect();
    format!("{{\n{}\n}}", indented(&fields.join(",\n")))
}

fn array(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    if items.is_empty() { "[]".to_owned() } else { format!("[\n{}\n]", indented(&items.join(",\n"))) }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn string(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
