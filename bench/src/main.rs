//! What corro costs, beside its peers: `cargo run --release --manifest-path bench/Cargo.toml -- QUESTION`.
//!
//! Peers take turns, so that a machine that slows down slows all of them; printed are the medians and the spread, of the
//! runs at the machine's usual speed.

mod alive;
mod arguments;
mod cancel;
mod fib;
mod idle;
mod imbalance;
mod mpmc;
mod mutex;
mod net;
mod parked;
mod peers;
mod pingpong;
mod process;
mod results;
mod select;
mod skynet;
mod spawn;
mod steady;
mod switch;
mod timers;
mod trim;
mod yields;

use std::collections::BTreeMap;

use arguments::Arguments;
use results::{Answer, Figure};
use steady::Run;

/// A question: its name, what it asks, how many rounds it is worth, and who answers.
pub struct Question {
    pub name: &'static str,
    pub about: &'static str,
    pub rounds: usize,
    pub entries: fn(quick: bool) -> Vec<Entry>,
}

const QUESTIONS: [Question; 22] = [
    Question {
        name: "switch",
        about: "a resume and a yield of one coroutine; delegation 1 and 100 deep (ns)",
        rounds: 9,
        entries: switch::entries,
    },
    Question {
        name: "yield",
        about: "a task gives way to 1, 10 and 1000 tasks of its thread (ns)",
        rounds: 9,
        entries: yields::entries,
    },
    Question {
        name: "spawn",
        about: "spawn and join of a trivial task: in sequence, in batches of 1000, from outside (ns)",
        rounds: 9,
        entries: spawn::entries,
    },
    Question {
        name: "skynet",
        about: "a tree with 1,000,000 leaves, each a task that is joined (ms)",
        rounds: 5,
        entries: skynet::entries,
    },
    Question { name: "fib", about: "fib(32) by fork and join, against rayon (ms)", rounds: 9, entries: fib::entries },
    Question {
        name: "imbalance",
        about: "10,000 tasks of 20 µs from one task, on two workers (ms; ratio to the ideal)",
        rounds: 5,
        entries: imbalance::entries,
    },
    Question {
        name: "pingpong",
        about: "a message to another task and its answer, by capacity: on one worker, on two, task and thread (ns)",
        rounds: 9,
        entries: pingpong::entries,
    },
    Question {
        name: "mpmc",
        about: "4 senders and 4 receivers at one channel of 1024 places (ns a message, of all together)",
        rounds: 9,
        entries: mpmc::entries,
    },
    Question {
        name: "mutex",
        about: "lock, count, unlock: by one, by 2, by 64 (ns a lock, of all together)",
        rounds: 9,
        entries: mutex::entries,
    },
    Question {
        name: "select",
        about: "a select over 2 and 64 channels, of which a random one has a message, and the answer to it (ns)",
        rounds: 9,
        entries: select::entries,
    },
    Question {
        name: "cancel",
        about: "a timeout or shield around a call that does not wait; a cancellation that unwinds 5 frames (ns)",
        rounds: 9,
        entries: cancel::entries,
    },
    Question {
        name: "timers",
        about: "100,000 sleepers: CPU time of each (µs), how late (µs); adding, cancelling, firing 100,000 and 1,000,000",
        rounds: 5,
        entries: timers::entries,
    },
    Question {
        name: "parked",
        about: "tasks that wait, 100,000 and 1,000,000: bytes, ns to start and to end, map entries in all",
        rounds: 3,
        entries: parked::entries,
    },
    Question { name: "idle", about: "10,000 tasks that wait: CPU time (ms per s)", rounds: 3, entries: idle::entries },
    Question {
        name: "trim",
        about: "2,000 stacks used 128 KiB deep, then free: resident MiB before, at the height, and after",
        rounds: 3,
        entries: trim::entries,
    },
    Question {
        name: "alive",
        about: "100,000 suspended generators (bytes, ns, map entries); CORRO_STACK_GUARD=mprotect for older kernels",
        rounds: 3,
        entries: alive::entries,
    },
    Question {
        name: "echo",
        about: "64 and 1000 connections, 64 bytes to and fro: requests per s, latencies (µs), CPU s of the server for a million",
        rounds: 7,
        entries: net::echo,
    },
    Question {
        name: "versus",
        about: "in proportion to epoll by hand, in turns with it: CPU of a server for a request, echo with 64 and 1000 connections, HTTP with 64; requests per s and CPU with wrk",
        rounds: 5,
        entries: net::versus,
    },
    Question {
        name: "http",
        about: "wrk with 64 connections: requests per s, latencies (µs), CPU s of the server for a million",
        rounds: 5,
        entries: net::http,
    },
    Question {
        name: "accept",
        about: "a connection, a byte to and fro, a reset; 64 at once: connections per s, latency (µs), CPU s for a million",
        rounds: 5,
        entries: net::accept,
    },
    Question {
        name: "throughput",
        about: "4 connections, 1 MiB to and fro through 64 KiB: MiB per s, CPU s for a GiB",
        rounds: 5,
        entries: net::throughput,
    },
    Question {
        name: "idle_conns",
        about: "10,000 connections that say nothing: resident bytes of each, CPU time (ms per s)",
        rounds: 3,
        entries: net::idle_connections,
    },
];

/// One peer's way to answer: a run gives a figure for each metric.
pub struct Entry {
    pub peer: &'static str,
    pub metrics: Vec<String>,
    pub run: Box<dyn Fn() -> Vec<f64>>,
    /// Each run gets a process of its own.
    pub alone: bool,
}

pub fn entry(peer: &'static str, metric: impl Into<String>, run: impl Fn() -> f64 + 'static) -> Entry {
    Entry { peer, metrics: vec![metric.into()], run: Box::new(move || vec![run()]), alone: false }
}

/// An entry whose runs are measured in processes of their own, since memory does not come back to where it was.
pub fn alone(peer: &'static str, metrics: &[&str], run: impl Fn() -> Vec<f64> + 'static) -> Entry {
    Entry { peer, metrics: metrics.iter().map(ToString::to_string).collect(), run: Box::new(run), alone: true }
}

fn main() {
    if let Ok(server) = std::env::var(process::SERVER) {
        return net::serve(&server);
    }
    let arguments = Arguments::read(&QUESTIONS);
    if let Some(child) = process::Child::of_environment() {
        return child.run(&QUESTIONS, arguments.quick);
    }
    let asked = QUESTIONS.iter().filter(|question| arguments.asks(question.name));
    let answers: Vec<Answer> = asked.map(|question| answer(question, &arguments)).collect();
    if let Some(folder) = &arguments.write
        && let Err(error) = results::write(folder, &answers)
    {
        eprintln!("the results cannot be written to {}: {error}", folder.display());
        std::process::exit(1);
    }
}

/// Runs the entries in turn, and prints the median of each figure with its range.
fn answer(question: &Question, arguments: &Arguments) -> Answer {
    let entries = (question.entries)(arguments.quick);
    let entries: Vec<_> = entries.iter().enumerate().filter(|(_, entry)| arguments.wants(entry.peer)).collect();
    let rounds = if arguments.quick { 1 } else { question.rounds };
    let mut runs = Vec::new();
    // Up to twice as many rounds, if the machine has changed its speed too often.
    for round in 0..2 * rounds {
        if round >= rounds && steady::is_enough(&runs, rounds) {
            break;
        }
        for &(number, entry) in &entries {
            runs.push(Run::new(number, || match entry.alone {
                true => process::run_alone(question.name, number, arguments.quick),
                false => (entry.run)(),
            }));
        }
    }
    let mut figures: BTreeMap<(usize, usize), Vec<f64>> = BTreeMap::new();
    for run in steady::usual(runs) {
        for (metric, figure) in run.figures.into_iter().enumerate() {
            figures.entry((run.entry, metric)).or_default().push(figure);
        }
    }
    if !arguments.json {
        println!("\n{}", question.name);
    }
    let mut answer = Answer { question: question.name, about: question.about, figures: Vec::new() };
    for ((number, metric), mut runs) in figures {
        let entry = entries.iter().find(|(at, _)| *at == number).expect("it ran").1;
        runs.sort_by(f64::total_cmp);
        let (least, median, most) = (runs[0], runs[runs.len() / 2], runs[runs.len() - 1]);
        let figure = Figure { peer: entry.peer, metric: entry.metrics[metric].clone(), least, median, most };
        print(question.name, &figure, arguments.json);
        answer.figures.push(figure);
    }
    answer
}

fn print(question: &str, Figure { peer, metric, least, median, most }: &Figure, json: bool) {
    if json {
        println!(r#"{{"question": "{question}", "peer": "{peer}", "metric": "{metric}", "value": {median:.4}}}"#);
    } else {
        println!("  {peer:<16} {metric:<26} {median:>12.2}   ({least:.2} … {most:.2})");
    }
}
