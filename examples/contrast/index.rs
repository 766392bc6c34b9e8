//! The inverted index: for each word the pages that it stands on, and how often.
//!
//! The pages come in any order; the text of the index is sorted, so that equal indexes have equal texts.

use std::{
    collections::HashMap,
    fmt::Write as _,
    hash::{DefaultHasher, Hasher as _},
};

use crate::words::Words;

#[derive(Default)]
pub struct Index {
    pages_of: HashMap<String, Vec<(usize, u32)>>,
}

impl Index {
    pub fn add(&mut self, page: usize, words: Words) {
        for (word, count) in words.0 {
            self.pages_of.entry(word).or_default().push((page, count));
        }
    }

    /// One line a word: `word<TAB>page:count page:count …`, words and pages in order.
    pub fn to_text(&self) -> String {
        let mut words: Vec<_> = self.pages_of.iter().collect();
        words.sort_unstable_by_key(|(word, _)| *word);
        let mut text = String::new();
        for (word, pages) in words {
            let mut pages = pages.clone();
            pages.sort_unstable();
            let _ = write!(text, "{word}\t");
            for (page, count) in pages {
                let _ = write!(text, "{page}:{count} ");
            }
            text.push('\n');
        }
        text
    }
}

/// The text of a finished index, as one style left it.
pub struct IndexText(pub String);

impl IndexText {
    pub fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(self.0.as_bytes());
        hasher.finish()
    }

    pub fn words(&self) -> usize {
        self.0.lines().count()
    }

    /// The number of (word, page) pairs.
    pub fn entries(&self) -> usize {
        self.0.matches(':').count()
    }

    /// The first word on which `self` and `other` differ, with what each says of it.
    pub fn first_difference<'a>(&'a self, other: &'a IndexText) -> Option<Difference<'a>> {
        let mut ours = self.0.lines().map(entry).peekable();
        let mut theirs = other.0.lines().map(entry).peekable();
        loop {
            match (ours.peek().copied(), theirs.peek().copied()) {
                (None, None) => return None,
                (Some(a), Some(b)) if a == b => {
                    ours.next();
                    theirs.next();
                }
                (Some(a), Some(b)) if a.0 == b.0 => return Some(Difference { word: a.0, ours: a.1, theirs: b.1 }),
                (Some(a), b) if b.is_none_or(|b| a.0 < b.0) => {
                    return Some(Difference { word: a.0, ours: a.1, theirs: "" });
                }
                (_, b) => return b.map(|b| Difference { word: b.0, ours: "", theirs: b.1 }),
            }
        }
    }
}

pub struct Difference<'a> {
    pub word: &'a str,
    /// `page:count …`, empty if the word is missing.
    pub ours: &'a str,
    pub theirs: &'a str,
}

fn entry(line: &str) -> (&str, &str) {
    line.split_once('\t').unwrap_or((line, ""))
}
