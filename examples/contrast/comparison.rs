//! All trials side by side: whether they agree, and which pages failed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{page::Page, style::Style, trial::Trial};

/// Everything the reports tell.
pub struct Comparison {
    /// What was fetched, in words.
    pub input: String,
    pub pages: Vec<Arc<Page>>,
    pub timeout: Duration,
    pub trials: Vec<Trial>,
    /// Styles that have no result, and why.
    pub broken: Vec<(&'static Style, String)>,
    /// URLs whose host could not be looked up, and why.
    pub unresolved: Vec<(String, String)>,
}

/// A page that failed: a row of the report.
pub struct FailedPage<'a> {
    pub page: &'a str,
    pub why: &'a str,
    /// None: in all of them.
    pub styles: Option<Vec<&'static str>>,
}

impl Comparison {
    /// What keeps the styles from having done the same job; empty if nothing does.
    pub fn objections(&self) -> Vec<String> {
        let broken = self.broken.iter().map(|(style, why)| format!("{}: {why}", style.name));
        let logs = self.trials.iter().filter_map(|trial| self.log_objection(trial));
        broken.chain(logs).chain(self.differences()).collect()
    }

    fn log_objection(&self, trial: &Trial) -> Option<String> {
        let name = trial.style.name;
        if let Some(error) = &trial.log.error {
            return Some(format!("{name}: {} lines of the log are lost: {error}", trial.log.lost));
        }
        let page = &self.pages[trial.timeline.page_without_end(self.pages.len())?].name;
        Some(format!("{name}: the log does not tell how {page} ended"))
    }

    /// Each style is compared with the first.
    fn differences(&self) -> impl Iterator<Item = String> {
        let mut trials = self.trials.iter();
        let first = trials.next();
        trials.filter_map(move |trial| {
            let difference = first?.index.first_difference(&trial.index)?;
            Some(format!(
                "{} has another index than {}: the word {:?} is {} there, {} here",
                trial.style.name,
                first?.style.name,
                difference.word,
                self.places(difference.ours),
                self.places(difference.theirs),
            ))
        })
    }

    /// `page:count …` with the names of the pages.
    fn places(&self, places: &str) -> String {
        let name = |place: &str| {
            let (page, count) = place.split_once(':')?;
            let page = self.pages.get(page.parse::<usize>().ok()?)?;
            Some(format!("{count}× on {}", page.name))
        };
        let mut names: Vec<_> = places.split_whitespace().filter_map(name).collect();
        let more = names.len().saturating_sub(3);
        names.truncate(3);
        match (names.is_empty(), more) {
            (true, _) => "on no page".to_owned(),
            (false, 0) => names.join(", "),
            (false, more) => format!("{} and {more} more", names.join(", ")),
        }
    }

    pub fn failed_pages(&self) -> Vec<FailedPage<'_>> {
        let mut styles_of: BTreeMap<(usize, &str), Vec<&'static str>> = BTreeMap::new();
        for trial in &self.trials {
            for (page, why) in &trial.failures {
                styles_of.entry((*page, why)).or_default().push(trial.style.name);
            }
        }
        let unresolved = self.unresolved.iter().map(|(page, why)| FailedPage { page, why, styles: None });
        let failed = styles_of.into_iter().map(|((page, why), styles)| FailedPage {
            page: &self.pages[page].name,
            why,
            styles: (styles.len() < self.trials.len()).then_some(styles),
        });
        unresolved.chain(failed).collect()
    }
}
