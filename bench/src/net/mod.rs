//! Servers, each in a process of its own, and one generator of load for all of them.
//!
//! ```text
//!  this process                                   a child (this program, Go, Python)
//!    load: one thread, one epoll ── loopback ──►    a server, which says its port
//!    asks /proc for the child's CPU time            ends with its standard input
//! ```
//!
//! A server with one worker runs on core 0 and the load on core 1; with two workers they share both.

mod child;
mod load;
mod servers;

use std::time::Duration;

use crate::Entry;
use child::Server;
pub use servers::serve;

/// What a server answers.
#[derive(Clone, Copy)]
pub enum Service {
    /// Gives bytes back, through a buffer of so many.
    Echo(usize),
    /// HTTP: a few bytes of text.
    Http,
}

/// The buffer of a connection: for short messages, and for long ones.
const SMALL: usize = 1024;
const LARGE: usize = 64 << 10;

const ECHO_PEERS: [&str; 15] = [
    "raw_epoll",
    "raw_epoll_et",
    "corro_loop",
    "corro_1w",
    "tokio_ct",
    "tokio_1w",
    "smol_1w",
    "may_1w",
    "go_1w",
    "uvloop",
    "corro_2w",
    "tokio_2w",
    "smol_2w",
    "may_2w",
    "go_2w",
];
const HTTP_PEERS: [&str; 10] =
    ["raw_epoll", "corro_loop", "corro_1w", "hyper_ct", "may_1w", "go_1w", "corro_2w", "hyper_2w", "may_2w", "go_2w"];

pub fn echo(quick: bool) -> Vec<Entry> {
    [64, 1000].into_iter().flat_map(|connections| echo_with(connections, quick)).collect()
}

fn echo_with(connections: usize, quick: bool) -> Vec<Entry> {
    let names = ["requests_per_s", "p50_us", "p99_us", "cpu_s_per_million"];
    entries(&ECHO_PEERS, &names.map(|name| format!("{connections}_{name}")), Service::Echo(SMALL), move |server| {
        let run = load::requests(server, connections, 64, span(quick, 2.0));
        vec![run.per_second(), run.percentile(0.5), run.percentile(0.99), run.cpu_per_million()]
    })
}

/// In turns with epoll by hand. For peers with one worker: the two servers share a core, and the load has the other.
pub fn versus(quick: bool) -> Vec<Entry> {
    let cpu = move |service, connections: &'static [usize]| {
        move |servers: [&Server; 2]| -> Vec<f64> {
            let ratio = |&connections| load::ratio(servers, service, connections, span(quick, 3.0));
            connections.iter().map(ratio).collect()
        }
    };
    let wrk = move |servers: [&Server; 2]| load::wrk_ratios(servers, if quick { 1 } else { 3 });
    let echo = Service::Echo(SMALL);
    [
        against(&ECHO_PEERS, echo, &["64_cpu_ratio", "1000_cpu_ratio"], cpu(echo, &[64, 1000])),
        against(&HTTP_PEERS, Service::Http, &["http_cpu_ratio"], cpu(Service::Http, &[64])),
        against(&HTTP_PEERS, Service::Http, &["wrk_requests_ratio", "wrk_cpu_ratio"], wrk),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Entries whose servers are measured beside one that is epoll by hand.
fn against(
    peers: &[&'static str],
    service: Service,
    metrics: &[&str],
    measure: impl Fn([&Server; 2]) -> Vec<f64> + Copy + 'static,
) -> Vec<Entry> {
    let peers: Vec<_> = peers.iter().copied().filter(|peer| !peer.ends_with("2w")).collect();
    let metrics: Vec<_> = metrics.iter().map(ToString::to_string).collect();
    entries(&peers, &metrics, service, move |server| measure([server, &Server::start("raw_epoll", service)]))
}

pub fn accept(quick: bool) -> Vec<Entry> {
    let names = ["connections_per_s", "p99_us", "cpu_s_per_million"].map(String::from);
    entries(&ECHO_PEERS, &names, Service::Echo(SMALL), move |server| {
        let run = load::connections(server, 64, span(quick, 2.0));
        vec![run.per_second(), run.percentile(0.99), run.cpu_per_million()]
    })
}

pub fn throughput(quick: bool) -> Vec<Entry> {
    let names = ["mib_per_s", "cpu_s_per_gib"].map(String::from);
    entries(&ECHO_PEERS, &names, Service::Echo(LARGE), move |server| {
        let run = load::requests(server, 4, 1 << 20, span(quick, 2.0));
        vec![run.per_second(), run.cpu_per_million() / 1e6 * 1024.0]
    })
}

pub fn idle_connections(quick: bool) -> Vec<Entry> {
    let connections = if quick { 1000 } else { 10_000 };
    let names = ["bytes_each", "cpu_ms_per_s"].map(String::from);
    entries(&ECHO_PEERS, &names, Service::Echo(SMALL), move |server| {
        load::silence(connections, span(quick, 3.0), server)
    })
}

pub fn http(quick: bool) -> Vec<Entry> {
    let names = ["requests_per_s", "p50_us", "p99_us", "cpu_s_per_million"].map(String::from);
    entries(&HTTP_PEERS, &names, Service::Http, move |server| load::wrk(span(quick, 4.0), server))
}

fn span(quick: bool, seconds: f64) -> Duration {
    Duration::from_secs_f64(if quick { 0.2 } else { seconds })
}

/// An entry for each peer that is installed.
fn entries(
    peers: &[&'static str],
    metrics: &[String],
    service: Service,
    measure: impl Fn(&Server) -> Vec<f64> + Copy + 'static,
) -> Vec<Entry> {
    let installed = peers.iter().filter(|peer| child::is_installed(peer, service));
    let entry = |&peer: &&'static str| Entry {
        peer,
        metrics: metrics.to_vec(),
        run: Box::new(move || measure(&Server::start(peer, service))),
        alone: false,
    };
    installed.map(entry).collect()
}
