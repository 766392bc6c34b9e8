//! The report for the browser: one page that needs nothing else. A panel a style, a lane a page, time across.

use std::fmt::Write as _;

use super::{
    number,
    panel::{escaped, panel},
    time,
};
use crate::{comparison::Comparison, log::Step, trial::Trial};

pub fn html(comparison: &Comparison) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>contrast: one job in {} styles</title>\n<style>\n{}</style>\n",
        comparison.trials.len(),
        include_str!("html.css"),
    );
    let _ = writeln!(page, "<h1>One job in {} styles</h1>", comparison.trials.len());
    let _ = writeln!(
        page,
        "<p>{}. Fetch each page, parse it, enter its words into one index, log every step.<br>\
         A panel fills the width with its own time; its “work” lays the parsing and indexing of all pages over one another.</p>",
        escaped(&comparison.input)
    );
    page.push_str(&verdict(comparison));
    page.push_str(&overview(comparison));
    page.push_str(&tools());
    for trial in &comparison.trials {
        page.push_str(&panel(trial, &comparison.pages));
    }
    page.push_str(&failures(comparison));
    page
}

fn verdict(comparison: &Comparison) -> String {
    let objections = comparison.objections();
    if objections.is_empty() {
        return comparison.trials.first().map_or(String::new(), |trial| {
            let (words, hash) = (number(trial.index.words()), trial.index.hash());
            format!("<p class=\"same\">All built the same index: {words} words, hash {hash:016x}.</p>\n")
        });
    }
    objections
        .iter()
        .map(|objection| format!("<p class=\"differs\">Not the same: {}</p>\n", escaped(objection)))
        .collect()
}

/// The figures, with a bar for the wall time; here all styles have one scale.
fn overview(comparison: &Comparison) -> String {
    let longest = comparison.trials.iter().map(|trial| trial.wall).max().unwrap_or_default().as_secs_f64();
    let mut table =
        String::from("<table>\n<tr><th>style<th class=\"bar\">wall time, all on one scale; blue until the last page");
    for heading in ["last page", "CPU", "threads", "switches", "pages/s", "lines of code"] {
        let _ = write!(table, "<th>{heading}");
    }
    table.push('\n');
    for trial in &comparison.trials {
        table.push_str(&overview_row(trial, longest, comparison.pages.len()));
    }
    table + "</table>\n"
}

fn overview_row(trial: &Trial, longest: f64, pages: usize) -> String {
    let share = |time: std::time::Duration| time.as_secs_f64() / longest.max(1e-9);
    // The time stands beside its bar, if there is room.
    let beside = Some(share(trial.wall)).filter(|share| *share < 0.8).unwrap_or(0.0);
    let name = trial.style.name;
    format!(
        "<tr><td><a href=\"#{name}\">{name}</a>\
         <td class=\"bar\"><i style=\"--share:{:.4}\"></i><i class=\"pages\" style=\"--share:{:.4}\"></i>\
         <b style=\"--share:{beside:.4}\">{}</b>\
         <td>{}<td>{}<td>{}<td>{}<td>{:.0}<td>{}\n",
        share(trial.wall),
        share(trial.last_page()),
        time(trial.wall),
        time(trial.last_page()),
        time(trial.cpu),
        trial.peak_threads,
        trial.switches,
        trial.pages_per_second(pages),
        trial.style.lines_of_code(),
    )
}

const MEANINGS: [(Step, &str); 7] = [
    (Step::Connect, "connecting, sending the request"),
    (Step::Wait, "waiting for the first byte"),
    (Step::Read, "waiting for the rest"),
    (Step::Parse, "parsing"),
    (Step::Index, "entering the index"),
    (Step::Failed, "failed"),
    (Step::Log, "writing the log"),
];

fn tools() -> String {
    let mut tools = String::from("<div class=\"tools\">\n<p>");
    for (step, meaning) in MEANINGS {
        let _ = write!(tools, "<span class=\"key\"><i class=\"{}\"></i>{meaning}</span> ", step.name());
    }
    tools.push_str("</p>\n<p class=\"zoom\">zoom");
    for (zoom, checked) in [(1, " checked"), (4, ""), (16, ""), (64, "")] {
        let _ = write!(tools, " <label><input type=\"radio\" name=\"zoom\" id=\"zoom{zoom}\"{checked}>×{zoom}</label>");
    }
    tools + "</p>\n</div>\n"
}

fn failures(comparison: &Comparison) -> String {
    let failed = comparison.failed_pages();
    if failed.is_empty() {
        return String::new();
    }
    let mut table =
        String::from("<h2>Pages that failed</h2>\n<table class=\"failures\">\n<tr><th>page<th>why<th>where\n");
    for failed in failed {
        let styles = failed.styles.as_ref().map_or("in every style".to_owned(), |styles| styles.join(", "));
        let _ = writeln!(table, "<tr><td>{}<td>{}<td>{styles}", escaped(failed.page), escaped(failed.why));
    }
    table + "</table>\n"
}
