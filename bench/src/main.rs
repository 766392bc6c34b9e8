//! What corro costs, beside its peers: `cargo run --release --manifest-path bench/Cargo.toml -- QUESTION`.
//!
//! Peers take turns, so that a machine that slows down slows all of them; printed are the medians and the spread.

mod alive;
mod spawn;
mod switch;
mod yields;

use std::process::exit;

const HELP: &str = "\
usage: corro-bench [QUESTION...] [--quick]

questions:
  switch   a resume and a yield of one coroutine; delegation 1 and 100 deep (ns)
  yield    a task gives way to 1, 10 and 1000 tasks of its thread (ns)
  spawn    spawn and join of a trivial task, in sequence and in batches of 1000 (ns)
  alive    100,000 suspended generators (bytes, ns, map entries); CORRO_STACK_GUARD=mprotect for older kernels
without a question: all of them";

/// One peer's way to answer: its name, the metric, and a run that gives the figure.
pub struct Entry {
    pub peer: &'static str,
    pub metric: String,
    pub run: Box<dyn Fn() -> f64>,
}

pub fn entry(peer: &'static str, metric: impl Into<String>, run: impl Fn() -> f64 + 'static) -> Entry {
    Entry { peer, metric: metric.into(), run: Box::new(run) }
}

fn main() {
    let (questions, quick) = arguments().unwrap_or_else(|error| {
        eprintln!("{error}\n{HELP}");
        exit(2)
    });
    for question in questions {
        let entries = match question.as_str() {
            "switch" => switch::entries(quick),
            "yield" => yields::entries(quick),
            "spawn" => spawn::entries(quick),
            _ => alive::entries(quick),
        };
        report(&question, &entries, if quick { 3 } else { 9 });
    }
}

fn arguments() -> Result<(Vec<String>, bool), lexopt::Error> {
    use lexopt::prelude::*;
    const QUESTIONS: [&str; 4] = ["switch", "yield", "spawn", "alive"];
    let (mut questions, mut quick) = (Vec::new(), false);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("quick") => quick = true,
            Long("help") | Short('h') => {
                println!("{HELP}");
                exit(0);
            }
            Value(value) if QUESTIONS.iter().any(|question| value == *question) => questions.push(value.string()?),
            Value(value) => return Err(format!("there is no question {value:?}").into()),
            _ => return Err(argument.unexpected()),
        }
    }
    if questions.is_empty() {
        questions = QUESTIONS.map(String::from).to_vec();
    }
    Ok((questions, quick))
}

/// Runs the entries in turn, and prints the median of each with its range.
fn report(question: &str, entries: &[Entry], rounds: usize) {
    let mut figures = vec![Vec::new(); entries.len()];
    for _ in 0..rounds {
        for (entry, figures) in entries.iter().zip(&mut figures) {
            figures.push((entry.run)());
        }
    }
    println!("\n{question}");
    for (entry, figures) in entries.iter().zip(&mut figures) {
        figures.sort_by(f64::total_cmp);
        let (least, median, most) = (figures[0], figures[figures.len() / 2], figures[figures.len() - 1]);
        println!("  {:<24} {:<20} {median:>10.2}   ({least:.2} … {most:.2})", entry.peer, entry.metric);
    }
}
