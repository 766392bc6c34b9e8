//! All trials side by side: whether they agree, and which pages failed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{failure::Failure, index::Difference, page::Page, style::Style, trial::Trial};

/// How many places of a word are named.
const PLACES: usize = 3;

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
        let page = &self.pages[trial.timeline.incomplete_page(self.pages.len())?].name;
        Some(format!("{name}: the log does not tell every step of {page}"))
    }

    /// Each style is compared with the first.
    fn differences(&self) -> impl Iterator<Item = String> {
        let mut trials = self.trials.iter();
        let first = trials.next();
        trials.filter_map(move |trial| self.difference(first?, trial))
    }

    fn difference(&self, first: &Trial, other: &Trial) -> Option<String> {
        let (one, another) = (first.style.name, other.style.name);
        let Difference { word, ours, theirs } = first.index.first_difference(&other.index)?;
        let sides = [(one, self.places_only_in(ours, theirs)), (another, self.places_only_in(theirs, ours))];
        let sides = sides.iter().filter(|(_, places)| !places.is_empty());
        let sides: Vec<_> = sides.map(|(name, places)| format!("only {name} has it {places}")).collect();
        let hint = if self.some_late(first, other) {
            "; pages came too late in one of them: try a longer --timeout"
        } else {
            ""
        };
        Some(format!("{another} and {one} differ, first at the word {word:?}: {}{hint}", sides.join(", ")))
    }

    /// The places, `page:count …`, that are in `here` and not in `there`, with the names of the pages.
    fn places_only_in(&self, here: &str, there: &str) -> String {
        let name = |place: &str| {
            let (page, count) = place.split_once(':')?;
            let page = self.pages.get(page.parse::<usize>().ok()?)?;
            Some(format!("{count}× on {}", page.name))
        };
        let there: Vec<_> = there.split_whitespace().collect();
        let mut names: Vec<_> =
            here.split_whitespace().filter(|place| !there.contains(place)).filter_map(name).collect();
        let more = names.len().saturating_sub(PLACES);
        names.truncate(PLACES);
        let names = names.join(" and ");
        if more == 0 { names } else { format!("{names} and on {more} more") }
    }

    /// Whether some page timed out in one of the two and was there in the other.
    fn some_late(&self, one: &Trial, another: &Trial) -> bool {
        let late = Failure::TimedOut(self.timeout).to_string();
        let is_late = |trial: &Trial, page| trial.failures.get(&page) == Some(&late);
        let differs = |one: &Trial, another: &Trial, page| is_late(one, page) && !another.failures.contains_key(&page);
        (0..self.pages.len()).any(|page| differs(one, another, page) || differs(another, one, page))
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
