//! How each peer is started.

use std::future::Future;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use crate::{Entry, alone};

/// The schedulers of corro, by name. The same code runs on each.
pub const CORRO: [&str; 3] = ["corro_loop", "corro_1w", "corro_2w"];
pub const CORRO_RUNTIMES: [&str; 2] = ["corro_1w", "corro_2w"];

/// The number of workers in a name such as `go_2w`.
pub fn workers(peer: &str) -> usize {
    peer.trim_end_matches('w').rsplit('_').next().and_then(|number| number.parse().ok()).unwrap_or(1)
}

pub fn corro<T: Send>(peer: &str, f: impl FnOnce() -> T + Send) -> T {
    match peer {
        "corro_loop" => corro::run(f),
        _ => corro_runtime(peer).run(f),
    }
}

pub fn corro_runtime(peer: &str) -> corro::Runtime {
    corro::Runtime::builder().workers(workers(peer)).build().expect("a runtime")
}

pub const TOKIO: [&str; 3] = ["tokio_ct", "tokio_1w", "tokio_2w"];

pub fn tokio_runtime(peer: &str) -> tokio::runtime::Runtime {
    let mut builder = match peer {
        "tokio_ct" => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(workers(peer)).enable_all().build().expect("a runtime")
}

/// Runs a future as a task, on a worker.
pub fn tokio<T: Send + 'static>(peer: &str, future: impl Future<Output = T> + Send + 'static) -> T {
    tokio_runtime(peer).block_on(async { tokio::spawn(future).await.expect("it ends") })
}

pub const SMOL: [&str; 2] = ["smol_1w", "smol_2w"];

pub type Smol = Arc<smol::Executor<'static>>;

/// Runs a future as a task of an executor with so many threads.
pub fn smol<T: Send + 'static, F: Future<Output = T> + Send + 'static>(peer: &str, f: impl FnOnce(Smol) -> F) -> T {
    let executor = Smol::default();
    let (stop, stopped) = smol::channel::unbounded::<()>();
    let threads: Vec<_> = (0..workers(peer))
        .map(|_| {
            let (executor, stopped) = (executor.clone(), stopped.clone());
            thread::spawn(move || smol::block_on(executor.run(stopped.recv())))
        })
        .collect();
    let task = executor.spawn(f(executor.clone()));
    let value = smol::block_on(task);
    drop(stop);
    threads.into_iter().for_each(|thread| drop(thread.join()));
    value
}

pub const MAY: [&str; 2] = ["may_1w", "may_2w"];

/// The settings of may hold for a process, so it gets one of its own.
pub fn may(peer: &'static str, metrics: &[&str], f: impl Fn() -> Vec<f64> + 'static) -> Entry {
    alone(peer, metrics, move || {
        may::config().set_workers(workers(peer)).set_pool_capacity(2000);
        f()
    })
}

/// Starts a coroutine of may.
pub fn may_spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> may::coroutine::JoinHandle<T> {
    // SAFETY: the bodies here neither use thread-locals across a suspension nor much stack.
    unsafe { may::coroutine::spawn(f) }
}

/// What `install-peers.sh` has built, if it was run.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/peers").join(name);
    path.exists().then_some(path)
}

/// Entries of a program in another language, which prints its figures: `PROGRAM QUESTION WORKERS SIZE`.
pub fn foreign(peer: &'static str, question: &'static str, size: usize, metrics: &[&str]) -> Option<Entry> {
    let name = peer.trim_end_matches(|c: char| c.is_ascii_digit() || c == 'w' || c == '_');
    let program = program(name)?;
    Some(alone(peer, metrics, move || {
        let mut command = Command::new(&program);
        command.args([question, &workers(peer).to_string(), &size.to_string()]);
        let output = command.output().expect("the program runs");
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.split_whitespace().map(|figure| figure.parse().expect("a figure")).collect()
    }))
}

pub fn go(question: &'static str, size: usize, metrics: &[&str]) -> Vec<Entry> {
    ["go_1w", "go_2w"].into_iter().filter_map(|peer| foreign(peer, question, size, metrics)).collect()
}
