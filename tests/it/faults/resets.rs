//! Rule I1: peers that break the connection, in every phase of it. The errors are those that `std` gives.

use std::io::{ErrorKind, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use corro::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use corro::{cancel_scope, spawn_local, timeout};
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{AddressFamily, SocketType, bind, listen, socket};

use super::{ANY, cleanly, pair};
use crate::support::{ms, waiter, yields};

/// Breaks the connection: what was sent and not read is lost, and the other end gets an error.
fn reset(stream: impl AsFd) {
    set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
}

/// What a call came to, without what only the system's messages say.
type Outcome = Result<usize, ErrorKind>;

fn outcome(result: std::io::Result<usize>) -> Outcome {
    result.map_err(|error| error.kind())
}

/// What happens to an end and its peer, and what the end sees then.
type Scene = fn(&mut dyn ReadWrite, net::TcpStream) -> Vec<Outcome>;

trait ReadWrite: Read + Write {
    fn end_output(&self);
}

impl ReadWrite for TcpStream {
    fn end_output(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

impl ReadWrite for net::TcpStream {
    fn end_output(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

fn read(end: &mut dyn ReadWrite) -> Outcome {
    outcome(end.read(&mut [0; 16]))
}

fn write(end: &mut dyn ReadWrite) -> Outcome {
    outcome(end.write(b"word"))
}

const SCENES: [(&str, Scene); 6] = [
    ("before the first read", |end, peer| {
        reset(peer);
        vec![read(end), read(end), write(end)]
    }),
    ("before the first write", |end, peer| {
        reset(peer);
        vec![write(end), write(end), read(end)]
    }),
    ("after some bytes", |end, mut peer| {
        peer.write_all(b"word").unwrap();
        reset(peer);
        vec![read(end), read(end), read(end)]
    }),
    ("with bytes unread", |end, mut peer| {
        peer.write_all(b"word").unwrap();
        let first = write(end);
        drop(peer);
        vec![first, read(end), read(end), write(end), write(end)]
    }),
    ("after our half close", |end, peer| {
        end.end_output();
        reset(peer);
        vec![read(end), read(end), write(end)]
    }),
    ("after its half close", |end, peer| {
        peer.shutdown(Shutdown::Write).unwrap();
        let ended = read(end);
        reset(peer);
        vec![ended, write(end), write(end), read(end)]
    }),
];

#[test]
fn i1_a_reset_is_seen_as_in_std() {
    cleanly(|| {
        for (phase, scene) in SCENES {
            let listener = net::TcpListener::bind(ANY).unwrap();
            let at = listener.local_addr().unwrap();
            let connected = || (net::TcpStream::connect(at).unwrap(), listener.accept().unwrap().0);
            let (end, peer) = connected();
            let ours = scene(&mut TcpStream::from_std(end).unwrap(), peer);
            let (mut end, peer) = connected();
            assert_eq!(ours, scene(&mut end, peer), "{phase}");
            assert!(ours.iter().any(Result::is_err), "{phase}: nobody noticed");
        }
    });
}

#[test]
fn i1_a_client_that_is_gone_before_it_is_accepted_stops_nobody() {
    cleanly(|| {
        let listener = TcpListener::bind(ANY).unwrap();
        let at = listener.local_addr().unwrap();
        reset(net::TcpStream::connect(at).unwrap());
        drop(net::TcpStream::connect(at).unwrap());
        let mut good = TcpStream::connect(at).unwrap();
        good.write_all(b"word").unwrap();
        let mut words = Vec::new();
        while words.is_empty() {
            let (mut stream, peer) = listener.accept().unwrap();
            assert_eq!(peer.ip(), at.ip());
            let mut word = [0; 4];
            match stream.read(&mut word) {
                Ok(0) => {}
                Ok(count) => words.extend_from_slice(&word[..count]),
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
            }
        }
        assert_eq!(words, b"word");
    });
}

#[test]
fn i1_a_unix_client_that_is_gone_before_it_is_accepted_stops_nobody() {
    cleanly(|| {
        let folder = std::env::temp_dir().join(format!("corro-gone-{}", std::process::id()));
        let listener = UnixListener::bind(&folder).unwrap();
        let mut gone = UnixStream::connect(&folder).unwrap();
        gone.write_all(b"last").unwrap();
        drop(gone);
        let mut good = UnixStream::connect(&folder).unwrap();
        std::fs::remove_file(&folder).unwrap();
        good.write_all(b"word").unwrap();
        drop(good);
        for expected in ["last", "word"] {
            let mut text = String::new();
            listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
            assert_eq!(text, expected);
        }
    });
}

#[test]
fn i1_a_reset_ends_a_read_that_waits() {
    cleanly(|| {
        let (end, peer) = pair();
        let reader = waiter(move || {
            let mut all = Vec::new();
            ((&end).read_to_end(&mut all).map_err(|error| error.kind()), all)
        });
        (&peer).write_all(b"the beginning").unwrap();
        yields(10);
        assert!(!reader.is_finished());
        reset(peer);
        let (outcome, all) = reader.join().unwrap();
        assert_eq!((outcome, &all[..]), (Err(ErrorKind::ConnectionReset), &b"the beginning"[..]));
    });
}

#[test]
fn i1_a_reset_ends_a_write_that_waits() {
    cleanly(|| {
        let (mut end, peer) = pair();
        let writer = waiter(move || {
            let first = end.write_all(&vec![7; 32_000_000]).map_err(|error| error.kind());
            (first, end.write_all(b"more").map_err(|error| error.kind()))
        });
        // It is in the middle: the first bytes have come, and there is no room for the others.
        (&peer).read_exact(&mut [0; 100]).unwrap();
        yields(10);
        assert!(!writer.is_finished());
        reset(peer);
        assert_eq!(writer.join().unwrap(), (Err(ErrorKind::ConnectionReset), Err(ErrorKind::BrokenPipe)));
    });
}

#[test]
fn i2_a_reset_ends_both_directions() {
    cleanly(|| {
        let (end, peer) = pair();
        let reading = Arc::new(end);
        let writing = reading.clone();
        let reader = waiter(move || outcome((&*reading).read(&mut [0])));
        let writer = waiter(move || (&*writing).write_all(&vec![7; 32_000_000]).map_err(|error| error.kind()));
        (&peer).read_exact(&mut [0; 100]).unwrap();
        yields(10);
        assert!(!reader.is_finished() && !writer.is_finished());
        reset(peer);
        // The system hands the error to the first who asks.
        let (read, wrote) = (reader.join().unwrap(), writer.join().unwrap());
        assert!(read == Err(ErrorKind::ConnectionReset) || wrote == Err(ErrorKind::ConnectionReset));
        assert!(matches!(read, Err(ErrorKind::ConnectionReset) | Ok(0)), "{read:?}");
        assert!(matches!(wrote, Err(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)), "{wrote:?}");
    });
}

#[test]
fn i1_what_cannot_be_reached_is_an_error_as_in_std() {
    cleanly(|| {
        // To everybody: refused before anything is sent.
        let everybody = SocketAddr::from(([255, 255, 255, 255], 9));
        let ours = TcpStream::connect(everybody).unwrap_err();
        assert_eq!(ours.kind(), net::TcpStream::connect(everybody).unwrap_err().kind());
        assert_eq!(ours.kind(), ErrorKind::NetworkUnreachable);
    });
}

/// A socket that listens, and takes no more clients, until one is accepted.
fn full() -> (net::TcpListener, Vec<net::TcpStream>) {
    let fd = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&fd, &SocketAddr::from(ANY)).unwrap();
    listen(&fd, 0).unwrap();
    let listener = net::TcpListener::from(fd);
    let at = listener.local_addr().unwrap();
    let mut clients = Vec::new();
    while let Ok(client) = net::TcpStream::connect_timeout(&at, ms(50)) {
        clients.push(client);
        assert!(clients.len() < 100, "the system has no bound");
    }
    (listener, clients)
}

#[test]
fn i1_a_connection_that_nobody_takes_is_given_up_in_time() {
    cleanly(|| {
        let (listener, _clients) = full();
        let at = listener.local_addr().unwrap();
        assert_eq!(TcpStream::connect_timeout(&at, ms(20)).unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(timeout(ms(20), || TcpStream::connect(at)).is_err());
        let outcome = cancel_scope(|token| {
            let token = token.clone();
            let _canceller = spawn_local(move || token.cancel());
            TcpStream::connect(at)
        });
        assert!(outcome.is_err());
    });
}
