//! The styles, each in a file of its own, told apart only by how they wait. A new style is a file and a row here.

pub mod async_await;
pub mod callbacks;
pub mod coroutines;
pub mod generators;
pub mod one_after_another;
pub mod thread_per_page;
pub mod work_stealing;

use std::io;

use crate::job::{Job, Outcome};

pub struct Style {
    pub name: &'static str,
    /// How a page waits for the network, in a few words.
    pub waiting: &'static str,
    pub run: fn(&Job) -> io::Result<Outcome>,
    pub source: &'static str,
}

pub const STYLES: &[Style] = &[
    Style {
        name: "one-after-another",
        waiting: "the program waits with each page",
        run: one_after_another::run,
        source: include_str!("one_after_another.rs"),
    },
    Style {
        name: "thread-per-page",
        waiting: "each page has a thread that waits",
        run: thread_per_page::run,
        source: include_str!("thread_per_page.rs"),
    },
    Style {
        name: "callbacks",
        waiting: "each page leaves a callback with the loop",
        run: callbacks::run,
        source: include_str!("callbacks.rs"),
    },
    Style {
        name: "generators",
        waiting: "each page yields to the loop what it waits for",
        run: generators::run,
        source: include_str!("generators.rs"),
    },
    Style {
        name: "coroutines",
        waiting: "each page just waits, and the loop runs another",
        run: coroutines::run,
        source: include_str!("coroutines.rs"),
    },
    Style {
        name: "work-stealing",
        waiting: "each page just waits, and its worker runs or steals another",
        run: work_stealing::run,
        source: include_str!("work_stealing.rs"),
    },
    Style {
        name: "async-await",
        waiting: "each page is a future that is polled again",
        run: async_await::run,
        source: include_str!("async_await.rs"),
    },
];

impl Style {
    pub fn named(name: &str) -> Option<&'static Style> {
        STYLES.iter().find(|style| style.name == name)
    }

    /// The lines of the style's file that are neither blank nor comment.
    pub fn lines_of_code(&self) -> usize {
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
        self.source.lines().filter(is_code).count()
    }
}
