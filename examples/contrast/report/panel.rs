//! The lanes of one style as a drawing.
//!
//! ```text
//!          0 ms        10 ms        20 ms      the axis; a panel fills the width with its own time
//!   work   ▏▍▎ ▏▎▍▏ ▎▍                         parsing and indexing of all pages, laid over one another
//!  pages   ──━━━▍                              a lane a page, in the order of the list
//!          ─━━━━━━━━▍
//!    log     ▏    ▏      ▏                     the batches of the log writer
//! ```

use std::{fmt::Write as _, sync::Arc, time::Duration};

use super::{number, time};
use crate::{
    log::Step,
    page::Page,
    timeline::{Span, Timeline},
    trial::Trial,
};

const AXIS: usize = 18;
const STRIP: usize = 14;
const GAP: usize = 6;

pub fn panel(trial: &Trial, pages: &[Arc<Page>]) -> String {
    let style = trial.style;
    let drawing = Drawing::new(&trial.timeline, pages, trial.wall);
    format!(
        "<section id=\"{name}\">\n<h2>{name} <small>{waiting}</small></h2>\n\
         <p>{wall}, {cpu} of CPU, {threads} threads at most, {switches} voluntary switches, {lines} lines of code{cut}</p>\n\
         <div class=\"panel\">{labels}<div class=\"scroll\">{svg}</div></div>\n</section>\n",
        name = style.name,
        waiting = style.waiting,
        wall = time(trial.wall),
        cpu = time(trial.cpu),
        threads = trial.peak_threads,
        switches = trial.switches,
        lines = number(style.lines_of_code()),
        cut = drawing.cut(trial.wall),
        labels = drawing.labels(),
        svg = drawing.svg(style.name),
    )
}

struct Drawing<'a> {
    timeline: &'a Timeline,
    pages: &'a [Arc<Page>],
    /// The time that fills the width.
    shown: Duration,
    /// The height of a page's lane, and of what is drawn in it.
    pitch: usize,
}

impl<'a> Drawing<'a> {
    fn new(timeline: &'a Timeline, pages: &'a [Arc<Page>], wall: Duration) -> Drawing<'a> {
        let pitch = if pages.len() > 40 { 5 } else { 12 };
        Drawing { timeline, pages, shown: shown(timeline, wall), pitch }
    }

    /// Where the lane of a page begins, or that of the log.
    fn y(&self, page: Option<usize>) -> usize {
        let lane = page.unwrap_or(self.pages.len());
        AXIS + STRIP + GAP + lane * self.pitch + if page.is_none() { GAP } else { 0 }
    }

    fn height(&self) -> usize {
        self.y(None) + STRIP
    }

    fn cut(&self, wall: Duration) -> String {
        if self.shown >= wall {
            return String::new();
        }
        format!("; shown are the first {}, then nothing is left but pages that will fail", time(self.shown))
    }

    fn labels(&self) -> String {
        let lanes = format!("{} pages", number(self.pages.len()));
        let labels = [(AXIS, "work"), (self.y(Some(0)), lanes.as_str()), (self.y(None), "log")];
        let spans: String =
            labels.iter().map(|(top, label)| format!("<span style=\"top:{top}px\">{label}</span>")).collect();
        format!("<div class=\"labels\">{spans}</div>")
    }

    fn svg(&self, name: &str) -> String {
        let height = self.height();
        let mut svg = format!("<svg height=\"{height}\" role=\"img\" aria-label=\"{name}: what was done when\">\n");
        for zoom in [1, 4, 16, 64] {
            svg.push_str(&self.axis(zoom));
        }
        for span in self.timeline.spans.iter().filter(|span| span.from < self.shown) {
            self.draw(&mut svg, span);
        }
        svg + "</svg>"
    }

    fn draw(&self, svg: &mut String, span: &Span) {
        let title = self.title(span);
        match (span.step, span.page) {
            (Step::Done, _) => return,
            (Step::Log, _) => self.rect(svg, span, self.y(None), STRIP, &title),
            (_, page) => self.rect(svg, span, self.y(page), self.pitch - 1, &title),
        }
        if matches!(span.step, Step::Parse | Step::Index) {
            self.rect(svg, span, AXIS, STRIP, &title);
        }
    }

    fn rect(&self, svg: &mut String, span: &Span, y: usize, height: usize, title: &str) {
        let x = self.percent(span.from);
        // A rectangle without any width is not drawn, not even its outline.
        let width = self.percent(span.to.saturating_sub(span.from)).max(0.001);
        let class = span.step.name();
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{x:.3}%\" y=\"{y}\" width=\"{width:.3}%\" height=\"{height}\"><title>{title}</title></rect>"
        );
    }

    fn title(&self, span: &Span) -> String {
        let lane = span.page.and_then(|page| self.pages.get(page)).map_or("log writer", |page| &page.name);
        let took = time(span.to.saturating_sub(span.from));
        let (lane, note) = (escaped(lane), escaped(&span.note));
        let comma = if note.is_empty() { "" } else { ", " };
        match span.step {
            Step::Failed => format!("{lane}\nfailed at {}{comma}{note}", time(span.to)),
            step => format!("{lane}\n{} for {took}, from {}{comma}{note}", step.name(), time(span.from)),
        }
    }

    /// The times, as dense as is good at `zoom`; the style sheet shows one axis of them.
    fn axis(&self, zoom: u32) -> String {
        let step = tick(self.shown / (10 * zoom));
        let bottom = self.height();
        let mut axis = format!("<g class=\"axis zoom{zoom}\">");
        let mut at = Duration::ZERO;
        while at < self.shown {
            let x = self.percent(at);
            let _ = write!(axis, "<line x1=\"{x:.3}%\" x2=\"{x:.3}%\" y1=\"4\" y2=\"{bottom}\"/>");
            // One too near the right edge would be cut.
            if x < 100.0 - 7.0 / f64::from(zoom) {
                let millis = at.as_micros() as f64 / 1e3;
                let _ = write!(axis, "<text x=\"{x:.3}%\" dx=\"3\" y=\"12\">{millis} ms</text>");
            }
            at += step;
        }
        axis + "</g>\n"
    }

    fn percent(&self, time: Duration) -> f64 {
        time.as_secs_f64() / self.shown.as_secs_f64() * 100.0
    }
}

/// All of the run, or its beginning if nothing comes after that but pages that fail late.
fn shown(timeline: &Timeline, wall: Duration) -> Duration {
    let lively = [Step::Done, Step::Connect, Step::Read].iter().filter_map(|step| timeline.last(*step)).max();
    let margin = |time: Duration| time + time / 50;
    match lively.map(margin) {
        Some(end) if end + end / 4 < wall => end,
        _ => margin(wall).max(Duration::from_micros(100)),
    }
}

/// The next larger of 1, 2, 5 × 10ⁿ microseconds.
fn tick(at_least: Duration) -> Duration {
    let mut decade = 1;
    loop {
        for step in [decade, 2 * decade, 5 * decade].map(Duration::from_micros) {
            if step >= at_least {
                return step;
            }
        }
        decade *= 10;
    }
}

pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
