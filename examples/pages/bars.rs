//! How far all is, on standard error, if that is a terminal.

use std::io::{self, IsTerminal};
use std::ops::Deref;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

const ALL: &str = "{bar:40} {pos}/{len} pages, {elapsed}";
const ONE: &str = "{bar:20} {bytes:>10} {wide_msg}";

/// A bar for all, and one for each page that is on its way.
pub(crate) struct Bars {
    bars: MultiProgress,
    all: ProgressBar,
}

impl Bars {
    pub(crate) fn new(pages: usize) -> Bars {
        let shown = io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bars = MultiProgress::with_draw_target(target);
        let all = bars.add(ProgressBar::new(pages as u64).with_style(style(ALL)));
        Bars { bars, all }
    }

    /// A page sets out; it is there, or lost, when this is dropped.
    pub(crate) fn start(&self, what: String) -> Bar<'_> {
        let bar = self.bars.insert_before(&self.all, ProgressBar::no_length().with_style(style(ONE)));
        bar.set_message(what);
        Bar { bar, all: &self.all }
    }

    /// Prints a line above the bars.
    pub(crate) fn say(&self, line: &str) {
        self.bars.suspend(|| crate::say(line));
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.all.finish_and_clear();
    }
}

fn style(look: &str) -> ProgressStyle {
    ProgressStyle::with_template(look).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The bar of one page.
pub(crate) struct Bar<'a> {
    bar: ProgressBar,
    all: &'a ProgressBar,
}

impl Deref for Bar<'_> {
    type Target = ProgressBar;

    fn deref(&self) -> &ProgressBar {
        &self.bar
    }
}

impl Drop for Bar<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        self.all.inc(1);
    }
}
