//! Rule I4: names that are not resolved. A child process asks a server of names that is ours.

use std::io::{self, ErrorKind};
use std::net::{self, SocketAddr, ToSocketAddrs};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use corro::net::{TcpListener, TcpStream, UdpSocket};
use corro::{Runtime, spawn, spawn_local, timeout};

use super::{ANY, cleanly, until};
use crate::generator::child::test_path;
use crate::schedulers::everywhere;
use crate::support::{cancelled, ms, yields};

/// Tells a child where its name server is to be.
const SERVER: &str = "CORRO_TEST_NAME_SERVER";

/// Runs a test in a process whose resolver asks the address that the test gets, and waits a second for an answer.
fn with_own_server<F: FnOnce(SocketAddr)>(number: u8, test: F) {
    let path = test_path::<F>();
    if let Ok(server) = std::env::var(SERVER) {
        return test(server.parse().unwrap());
    }
    // The port of name servers cannot be chosen; the address can be one that no other test has.
    let [.., high, low] = std::process::id().to_be_bytes();
    let server = SocketAddr::from(([127, number, high, low], 53));
    if let Err(error) = net::UdpSocket::bind(server) {
        panic!("no server of names can be at {server}: {error}");
    }
    let conf = std::env::temp_dir().join(format!("corro-resolv-{}-{number}", std::process::id()));
    std::fs::write(&conf, format!("nameserver {}\noptions timeout:1 attempts:1\n", server.ip())).unwrap();
    // Mounted in a world of its own, which ends with the process.
    let script = r#"mount --bind "$1" /etc/resolv.conf && shift && exec "$@""#;
    let mut child = Command::new("unshare");
    child.args(["--mount", "sh", "-c", script, "sh"]).arg(&conf).arg(std::env::current_exe().unwrap());
    child.args(["--exact", &path, "--ignored", "--nocapture"]).env(SERVER, server.to_string());
    let output = child.output();
    std::fs::remove_file(&conf).unwrap();
    let output = output.unwrap_or_else(|error| panic!("cannot run unshare, of Debian's package util-linux: {error}"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("running 1 test"), "cannot mount, which needs root or CAP_SYS_ADMIN: {said}");
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// The name server: it says that there is no such name, or nothing at all.
fn serve(socket: UdpSocket, is_silent: bool) {
    let mut query = [0; 512];
    loop {
        let (length, from) = socket.recv_from(&mut query).unwrap();
        if is_silent {
            continue;
        }
        // The question goes back as an answer (0x80, with recursion 0x01) that there is no such name (3).
        query[2..4].copy_from_slice(&[0x81, 0x83]);
        socket.send_to(&query[..length], from).unwrap();
    }
}

/// Every scheduler, with the server on a loop of its own.
fn everywhere_with(server: SocketAddr, is_silent: bool, test: impl Fn() + Send + Sync) {
    let socket = net::UdpSocket::bind(server).unwrap();
    let (stop, stopped) = mpsc::channel::<()>();
    let serving = std::thread::spawn(move || {
        corro::run(|| {
            let serves = spawn_local(move || serve(UdpSocket::from_std(socket).unwrap(), is_silent));
            corro::unblock(move || stopped.recv().is_ok());
            serves.cancel();
            cancelled(serves);
        });
    });
    everywhere(test);
    drop(stop);
    serving.join().unwrap();
}

#[test]
#[ignore = "needs mounts of its own"]
fn i4_a_name_that_does_not_exist_is_an_error_as_in_std() {
    with_own_server(53, |server| {
        everywhere_with(server, false, || {
            let ours = TcpStream::connect(("nonexistent.invalid", 80)).unwrap_err();
            let theirs = ("nonexistent.invalid", 80).to_socket_addrs().map(drop).unwrap_err();
            assert_eq!((ours.kind(), ours.to_string()), (theirs.kind(), theirs.to_string()));
            TcpListener::bind("nonexistent.invalid:80").unwrap_err();
            UdpSocket::bind(ANY).unwrap().send_to(b"x", "nonexistent.invalid:80").unwrap_err();
            // What needs no server goes on.
            let listener = TcpListener::bind("localhost:0").unwrap();
            TcpStream::connect(("localhost", listener.local_addr().unwrap().port())).unwrap();
        });
    });
}

/// Makes connections while names are looked up. Says whether that was through before the resolver gave the first one up.
fn is_faster_than_the_resolver() -> bool {
    let lookups = [(); 5].map(|()| spawn(|| TcpStream::connect(("silent.invalid", 80)).map(drop)));
    serve_clients(20);
    let is_faster = !lookups.iter().any(corro::JoinHandle::is_finished);
    for lookup in lookups {
        lookup.join().unwrap().unwrap_err();
    }
    is_faster
}

/// Makes and accepts so many connections.
fn serve_clients(count: usize) {
    let listener = TcpListener::bind(ANY).unwrap();
    for _ in 0..count {
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.accept().unwrap();
    }
}

#[test]
#[ignore = "needs mounts of its own"]
fn i4_a_server_of_names_that_is_silent_stops_nobody() {
    with_own_server(54, |server| {
        everywhere_with(server, true, || {
            // The resolver gives up after a second, in which a busy machine may not come to it.
            until("who makes connections waits for those who look names up", is_faster_than_the_resolver);
            assert!(timeout(ms(50), || TcpStream::connect(("silent.invalid", 80))).is_err());
        });
    });
}

/// A name whose resolution hangs until it is let go.
#[derive(Clone)]
struct Hangs(Arc<(Mutex<mpsc::Receiver<()>>, AtomicBool)>);

impl Hangs {
    fn new() -> (Hangs, mpsc::Sender<()>) {
        let (sender, receiver) = mpsc::channel();
        (Hangs(Arc::new((Mutex::new(receiver), AtomicBool::new(false)))), sender)
    }

    fn has_begun(&self) -> bool {
        self.0.1.load(SeqCst)
    }
}

impl ToSocketAddrs for Hangs {
    type Iter = std::option::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        self.0.1.store(true, SeqCst);
        let _ = self.0.0.lock().unwrap().recv();
        Err(ErrorKind::HostUnreachable.into())
    }
}

#[test]
fn i4_a_lookup_that_hangs_holds_back_its_task_alone() {
    cleanly(|| {
        let (name, let_go) = Hangs::new();
        let theirs = name.clone();
        let hangs = spawn(move || TcpStream::connect(theirs).map(drop));
        until("the lookup does not begin", || {
            yields(1);
            name.has_begun()
        });
        hangs.cancel();
        serve_clients(50);
        assert!(!hangs.is_finished(), "a lookup cannot be called back");
        drop(let_go);
        cancelled(hangs);
    });
}

/// `shutdown` does not wait for it longer than it was told; it says which task stayed.
#[test]
fn s5_a_lookup_that_hangs_does_not_hold_the_shutdown_up() {
    let (name, let_go) = Hangs::new();
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let theirs = name.clone();
    let hangs = runtime.spawn(move || TcpStream::connect(theirs).map(drop));
    until("the lookup does not begin", || name.has_begun());
    let error = runtime.shutdown(Duration::from_millis(20)).unwrap_err();
    assert_eq!(error.tasks().iter().map(|task| task.id()).collect::<Vec<_>>(), [hangs.id()]);
    drop(let_go);
    cancelled(hangs);
}
