//! The log of a style, read back: what was done when.

use std::{fs, io, path::Path, time::Duration};

use crate::log::Step;

pub struct Timeline {
    pub spans: Vec<Span>,
}

/// A line of the log.
pub struct Span {
    pub from: Duration,
    pub to: Duration,
    pub step: Step,
    /// None: the log writer's own work.
    pub page: Option<usize>,
    pub note: String,
}

impl Timeline {
    pub fn read(path: &Path) -> io::Result<Timeline> {
        let text = fs::read_to_string(path)?;
        let spans = text.lines().map(|line| Span::parse(line).ok_or_else(|| unreadable(line)));
        Ok(Timeline { spans: spans.collect::<io::Result<_>>()? })
    }

    /// The end of the last `step`.
    pub fn last(&self, step: Step) -> Option<Duration> {
        self.spans.iter().filter(|span| span.step == step).map(|span| span.to).max()
    }

    /// The first of `pages` pages of which the log does not tell every step.
    pub fn incomplete_page(&self, pages: usize) -> Option<usize> {
        let mut steps = vec![Vec::new(); pages];
        for span in &self.spans {
            if let Some(steps) = span.page.and_then(|page| steps.get_mut(page)) {
                steps.push(span.step);
            }
        }
        steps.iter().position(|steps| !is_whole(steps))
    }
}

/// A page that is done has taken every step; one that failed may have failed at any.
fn is_whole(steps: &[Step]) -> bool {
    match steps.last() {
        Some(Step::Failed) => true,
        Some(Step::Done) => {
            [Step::Connect, Step::Wait, Step::Parse, Step::Index].iter().all(|step| steps.contains(step))
        }
        _ => false,
    }
}

impl Span {
    fn parse(line: &str) -> Option<Span> {
        let mut fields = line.splitn(6, '\t');
        let mut micros = || fields.next()?.parse().ok().map(Duration::from_micros);
        let (from, to) = (micros()?, micros()?);
        let step = Step::named(fields.next()?)?;
        let page = fields.next()?.parse().ok();
        let note = fields.nth(1)?.to_owned();
        Some(Span { from, to, step, page, note })
    }
}

fn unreadable(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the line {line:?} of the log"))
}
