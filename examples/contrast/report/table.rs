//! The report for the terminal.

use std::fmt::Write as _;

use super::{number, time};
use crate::{comparison::Comparison, trial::Trial};

const HEADINGS: [&str; 8] = ["style", "wall", "last page", "CPU", "threads", "switches", "pages/s", "lines"];

pub fn table(comparison: &Comparison) -> String {
    let mut text = format!("{}\n\n", comparison.input);
    let pages = comparison.pages.len();
    let rows: Vec<_> = comparison.trials.iter().map(|trial| row(trial, pages)).collect();
    text.push_str(&aligned(&[vec![HEADINGS.map(str::to_owned)], rows].concat()));
    text.push_str(LEGEND);
    write_failures(&mut text, comparison);
    write_verdict(&mut text, comparison);
    text
}

const LEGEND: &str = "\
wall: the whole run; last page: when the last page that could be had was indexed; threads: the most
seen at once; switches: voluntary context switches; lines: code of the style's file, with its log writer
";

fn row(trial: &Trial, pages: usize) -> [String; 8] {
    [
        trial.style.name.to_owned(),
        time(trial.wall),
        time(trial.last_page()),
        time(trial.cpu),
        number(trial.peak_threads),
        trial.switches.to_string(),
        format!("{:.0}", trial.pages_per_second(pages)),
        number(trial.style.lines_of_code()),
    ]
}

/// The first column to the left, the others to the right.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let _ = write!(text, "{:<1$}", row[0], widths[0]);
        for (cell, width) in row.iter().zip(widths).skip(1) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
    }
    text
}

fn write_failures(text: &mut String, comparison: &Comparison) {
    let failed = comparison.failed_pages();
    if failed.is_empty() {
        return;
    }
    text.push_str("\nPages that failed:\n");
    let rows: Vec<_> = failed
        .iter()
        .map(|failed| {
            let styles = failed.styles.as_ref().map_or("in every style".to_owned(), |styles| styles.join(", "));
            [format!("  {}", failed.page), format!("{}; {styles}", failed.why)]
        })
        .collect();
    let width = rows.iter().map(|[page, _]| page.chars().count()).max().unwrap_or(0);
    for [page, why] in rows {
        let _ = writeln!(text, "{page:<width$}  {why}");
    }
}

fn write_verdict(text: &mut String, comparison: &Comparison) {
    text.push('\n');
    let objections = comparison.objections();
    for objection in &objections {
        let _ = writeln!(text, "NOT THE SAME: {objection}");
    }
    if let ([], Some(trial)) = (objections.as_slice(), comparison.trials.first()) {
        let _ = writeln!(
            text,
            "{} built the same index: {} words, {} entries, hash {:016x}.\nEvery step of every page is in each log.",
            if comparison.trials.len() == 1 { "The style" } else { "All styles" },
            number(trial.index.words()),
            number(trial.index.entries()),
            trial.index.hash(),
        );
    }
}
