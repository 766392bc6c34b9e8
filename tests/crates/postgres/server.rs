//! The server, for the tests that run at the same time; it ends with the last of them.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use corro::net::TcpStream;
use nix::unistd::{User, geteuid};

use super::client::Client;
use crate::counterpart::{Folder, Server, program, words};

pub(super) const USER: &str = "corro";
pub(super) const PASSWORD: &str = "not so secret";

/// The server refuses to run as root: it runs as the user that its package has made.
const OWNER: &str = "postgres";

pub(super) struct Postgres {
    port: u16,
    // In this order: the server ends before its folder.
    _server: Server,
    folder: Folder,
}

impl Postgres {
    pub(super) fn shared() -> Arc<Postgres> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let postgres = Arc::new(Postgres::start());
            *shared = Arc::downgrade(&postgres);
            postgres
        })
    }

    fn start() -> Postgres {
        let (folder, programs) = (Folder::new(), programs());
        let password = folder.file("password", PASSWORD.as_bytes());
        own(folder.path());
        own(&password);
        let data = folder.path().join("data");
        init(&programs.join("initdb"), &data, &password);
        let (server, port) = Server::start_at_port(|port| {
            let (postgres, port, sockets) = (programs.join("postgres"), port.to_string(), folder.path());
            let place = words![postgres, "-D", data, "-p", port, "-k", sockets];
            // It looks often whether its clients are still there, and writes nothing that must last.
            let settings =
                words!["-c", "listen_addresses=127.0.0.1", "-c", "client_connection_check_interval=20", "-F"];
            let owned = as_owner();
            let command = [owned.iter().map(AsRef::as_ref).collect(), place, settings].concat();
            Server::start(&command, "ready to accept connections", "QUIT")
        });
        Postgres { port, _server: server, folder }
    }

    pub(super) fn address(&self) -> (&'static str, u16) {
        ("127.0.0.1", self.port)
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join(format!(".s.PGSQL.{}", self.port))
    }

    pub(super) fn connect(&self) -> Client<TcpStream> {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_nodelay(true).unwrap();
        Client::new(stream, USER, PASSWORD).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Where the newest version has its programs: Debian has them in no folder of `PATH`.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    found.retain(|folder| folder.join("postgres").is_file());
    found.into_iter().max().expect("the server of PostgreSQL is missing: install Debian's package postgresql")
}

/// The words before a command that is to run as the owner of the server.
fn as_owner() -> Vec<PathBuf> {
    if !geteuid().is_root() {
        return Vec::new();
    }
    let mut words = vec![program("setpriv", "util-linux")];
    words.extend(["--reuid", OWNER, "--regid", OWNER, "--clear-groups"].map(PathBuf::from));
    words
}

fn own(path: &Path) {
    if geteuid().is_root() {
        let owner = User::from_name(OWNER).expect("the users can be read");
        let owner = owner.expect("there is no user postgres: install Debian's package postgresql");
        chown(path, Some(owner.uid.as_raw()), Some(owner.gid.as_raw())).expect("root may do so");
    }
}

fn init(initdb: &Path, data: &Path, password: &Path) {
    let owned = as_owner();
    let settings = ["--auth", "scram-sha-256", "--no-locale", "--encoding", "UTF8", "--no-sync", "--username", USER];
    let place = words!["--pgdata", data, "--pwfile", password];
    let mut words: Vec<_> = owned.iter().map(AsRef::as_ref).collect();
    words.extend(words![initdb]);
    let output = Command::new(words[0]).args(&words[1..]).args(place).args(settings).output().expect("it is there");
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
}
