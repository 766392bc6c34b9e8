//! The programs that are the other side.
//!
//! A server runs under a shell that ends it when its own input ends: when the [`Server`] is dropped, and also when this
//! process is killed.
//!
//! ```text
//!  test ──pipe──► sh ──► server
//!       ◄──────── output ──┘
//! ```

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};

use crate::folder;
use crate::identity::Identity;

/// Arguments of several kinds, as one list.
macro_rules! words {
    ($($word:expr),* $(,)?) => {
        vec![$(std::ffi::OsStr::new(&$word)),*]
    };
}

pub(crate) use words;

/// The path of a program of this package. Fails if it is missing.
pub(crate) fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: install Debian's package {package}"))
}

/// Debian's own Python, which sees Debian's modules. Fails if it or this module is missing.
pub(crate) fn python(module: &str, package: &str) -> &'static str {
    let python = "/usr/bin/python3";
    let found = Command::new(python).args(["-c", &format!("import {module}")]).stderr(Stdio::null()).status();
    assert!(found.is_ok_and(|status| status.success()), "{python} has no {module}: install Debian's package {package}");
    python
}

const SHELL: &str = r#"
    exec 3<&0 2>&1
    "$@" </dev/null 3<&- & server=$!
    { read _ <&3; kill -s "$CORRO_END" $server; } >/dev/null & watcher=$!
    wait $server; status=$?
    kill $watcher
    exit $status
"#;

/// A program that runs until this is dropped.
pub(crate) struct Server {
    shell: Child,
    /// Takes what it writes, so that it never waits for that.
    output: Option<JoinHandle<()>>,
    /// The line that told that it is ready.
    ready: String,
}

impl Server {
    /// Starts it, and waits until it writes a line with `ready` in it. `end` is the signal that ends it.
    ///
    /// # Errors
    /// What it wrote, if it ended before.
    pub(crate) fn start(command: &[&OsStr], ready: &str, end: &str) -> Result<Server, String> {
        let mut shell = Command::new("sh")
            .args(["-c", SHELL, "sh"])
            .args(command)
            .env("CORRO_END", end)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("every system has a shell");
        let mut output = BufReader::new(shell.stdout.take().expect("piped"));
        match find_line(&mut output, ready) {
            Ok(ready) => {
                let output = thread::spawn(move || output.lines().for_each(drop));
                Ok(Server { shell, output: Some(output), ready })
            }
            Err(all) => {
                let status = shell.wait().expect("it was started");
                Err(format!("{command:?} ended with {status} and wrote:\n{all}"))
            }
        }
    }

    /// As [`start`](Self::start), for a server that must be told its port: again with another one, if somebody else was
    /// faster to take it.
    pub(crate) fn start_at_port(command: impl Fn(u16) -> Result<Server, String>) -> (Server, u16) {
        let mut outcome = Err(String::new());
        for _ in 0..5 {
            let port = free_port();
            outcome = command(port).map(|server| (server, port));
            if outcome.is_ok() {
                break;
            }
        }
        outcome.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Where it listens: the last number above 1023 in the line that told that it is ready is its port.
    pub(crate) fn address(&self) -> SocketAddr {
        let mut numbers = self.ready.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
        let port = numbers.rfind(|&number| number > 1023);
        SocketAddr::from(([127, 0, 0, 1], port.unwrap_or_else(|| panic!("no port in {:?}", self.ready))))
    }

    /// The server of OpenSSL in one of its modes, with this certificate.
    pub(crate) fn openssl(identity: &Identity, mode: &[&str]) -> Server {
        let (folder, pem) = (Folder::new(), identity.pem().expect("it was made up"));
        let certificate = folder.file("certificate.pem", pem.certificate.as_bytes());
        let key = folder.file("key.pem", pem.key.as_bytes());
        let openssl = program("openssl", "openssl");
        let mut command = words![openssl, "s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key];
        command.extend(mode.iter().map(OsStr::new));
        // It has read the files by then.
        Server::start(&command, "ACCEPT", "KILL").unwrap_or_else(|error| panic!("{error}"))
    }

    /// The web server of Python, with the files of this folder.
    pub(crate) fn python(files: &Folder) -> Server {
        let python = python("http.server", "python3");
        let files = files.path();
        let command = words![python, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", files];
        Server::start(&command, "Serving HTTP", "KILL").unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // It fails only if it was waited for.
        let _ = self.shell.wait();
        let _ = self.output.take().map(JoinHandle::join);
    }
}

fn find_line(output: &mut BufReader<ChildStdout>, wanted: &str) -> Result<String, String> {
    let mut all = String::new();
    loop {
        let mut line = String::new();
        if !matches!(output.read_line(&mut line), Ok(1..)) {
            return Err(all);
        }
        if line.contains(wanted) {
            return Ok(line);
        }
        all += &line;
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

/// A folder for files, without which there is no test; it goes with all that is in it.
pub(crate) struct Folder(folder::Folder);

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(folder::Folder::new("crates").expect("a new folder among the temporary ones"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The path of a file in it with this content.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        self.0.file(name, content).expect("the folder is ours")
    }
}
