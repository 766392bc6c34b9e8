//! A server in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use super::Service;
use crate::peers::{program, workers};
use crate::process::{self, on_core};

pub struct Server {
    child: Child,
    /// Its end ends the server.
    stdin: Option<ChildStdin>,
    pub port: u16,
    pub shares_cores: bool,
}

/// Whether a peer in another language was installed, and `wrk` if it is needed; those in Rust are in this program.
pub fn is_installed(peer: &str, service: Service) -> bool {
    let has_load = matches!(service, Service::Echo(_)) || Command::new("wrk").arg("-v").output().is_ok();
    has_load && language(peer).is_none_or(|name| program(name).is_some())
}

/// The program of a peer that is not in this one.
fn language(peer: &str) -> Option<&str> {
    ["go", "uvloop"].into_iter().find(|name| peer.starts_with(name))
}

impl Server {
    pub fn start(peer: &str, service: Service) -> Server {
        let question = match service {
            Service::Echo(_) => "echo_server",
            Service::Http => "http_server",
        };
        let mut command = match language(peer) {
            Some(name) => Command::new(program(name).expect("it is installed")),
            None => Command::new(std::env::current_exe().expect("this program has a path")),
        };
        let buffer = if let Service::Echo(buffer) = service { buffer } else { 0 };
        match language(peer) {
            Some(_) => command.args([question, &workers(peer).to_string(), &buffer.to_string()]),
            None => command.env(process::SERVER, format!("{question} {peer} {buffer}")),
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let shares_cores = workers(peer) > 1;
        let core = (!shares_cores).then_some(0);
        let mut child = on_core(core, || command.spawn()).expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("the server says its port");
        let port = line.trim().parse().unwrap_or_else(|_| panic!("{peer}: no port, but {line:?}"));
        Server { stdin: child.stdin.take(), child, port, shares_cores }
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// What its threads have run.
    pub fn cpu_time(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("the server runs");
        let ran = |thread: std::fs::DirEntry| {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        };
        Duration::from_nanos(threads.flatten().filter_map(ran).sum())
    }

    pub fn resident_bytes(&self) -> usize {
        process::resident_bytes_of(&self.child.id().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        self.child.wait().expect("the server ends");
    }
}

/// Runs `f` on the core that the server has not, or on any.
pub fn beside<T: Send>(server: &Server, f: impl FnOnce() -> T + Send) -> T {
    on_core((!server.shares_cores).then_some(1), f)
}
