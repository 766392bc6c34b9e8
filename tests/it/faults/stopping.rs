//! Rules I6 and T5 in a whole program: a signal comes while the `echo` example is busy.

#[path = "../../programs/mod.rs"]
mod programs;

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use corro::net::TcpStream;
use corro::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use corro::{spawn, timeout, yield_now};
use rustix::process::{Pid, Signal, kill_process};

use super::STUCK;
use crate::generator::child::{isolated_as, test_path};
use crate::support::{ms, yields};

const CLIENTS: usize = 50;
/// Less than the server reads at once, so that it comes whole or not at all.
const REQUEST: usize = 1000;
const PLACES: [&[&str]; 3] = [&["--loop"], &["--workers", "1"], &["--workers", "4"]];

/// Runs a test with the example's program. Where the clients run matters little.
fn with_program<F: FnOnce(&Path)>(test: F) {
    isolated_as(&test_path::<F>(), || {
        let program = programs::example("echo");
        corro::run(|| test(&program));
    });
}

/// The server, where it listens, and what it prints.
struct Server {
    child: Child,
    at: SocketAddr,
    lines: io::Lines<BufReader<ChildStdout>>,
}

impl Server {
    fn start(program: &Path, arguments: &[&str]) -> Server {
        let mut command = Command::new(program);
        command.args(["--addr", "127.0.0.1:0"]).args(arguments).kill_on_drop(true);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let at = first.strip_prefix("listens at ").unwrap().parse().unwrap();
        Server { child, at, lines }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.child.id().try_into().unwrap()).unwrap(), signal).unwrap();
    }

    /// Waits until it has begun to stop.
    fn stops(&mut self) {
        let line = self.lines.next().unwrap().unwrap();
        assert!(line.starts_with("stops: "), "{line}");
    }

    /// How it ended, and what it said of errors.
    fn ends(mut self) -> (ExitStatus, String) {
        let mut said = String::new();
        let status = timeout(STUCK, || {
            self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            self.child.wait().unwrap()
        });
        (status.unwrap_or_else(|late| panic!("the server goes on: {late}")), said)
    }
}

/// Asks until the server is gone. Gives how many answers came; none of them may be cut off.
fn ask_and_ask(server: SocketAddr, answered: &AtomicUsize) -> usize {
    let mut stream = TcpStream::connect(server).unwrap();
    for count in 0.. {
        let request = [count as u8; REQUEST];
        if let Err(error) = stream.write_all(&request) {
            assert!(is_departure(&error), "{error}");
            return count;
        }
        let (mut answer, mut length) = ([0; REQUEST], 0);
        while length < REQUEST {
            match stream.read(&mut answer[length..]) {
                Ok(more @ 1..) => length += more,
                Err(error) if !is_departure(&error) => panic!("{error}"),
                end => {
                    assert_eq!(length, 0, "an answer was cut off: {end:?}");
                    return count;
                }
            }
        }
        assert_eq!(answer, request);
        answered.fetch_add(1, SeqCst);
    }
    unreachable!("the server stays for ever")
}

fn is_departure(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

#[test]
fn i6_a_signal_in_the_middle_of_load_cuts_no_answer_off() {
    with_program(|program| {
        for (place, signal) in PLACES.into_iter().zip([Signal::INT, Signal::TERM, Signal::INT]) {
            let mut server = Server::start(program, place);
            let (at, answered) = (server.at, Arc::new(AtomicUsize::new(0)));
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    let answered = answered.clone();
                    spawn(move || ask_and_ask(at, &answered))
                })
                .collect();
            while answered.load(SeqCst) < 5 * CLIENTS {
                yield_now();
            }
            server.signal(signal);
            server.stops();
            let (status, said) = server.ends();
            assert!(status.success(), "{place:?}: {status}, {said}");
            assert_eq!(said, "", "{place:?}: all were through in time");
            let counts: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
            assert_eq!(counts.iter().sum::<usize>(), answered.load(SeqCst));
            assert_eq!(TcpStream::connect(at).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        }
    });
}

/// All that came before the signal is answered, also of those who said it in advance.
#[test]
fn i6_what_had_come_is_answered() {
    with_program(|program| {
        for place in PLACES {
            let mut server = Server::start(program, place);
            let stream = TcpStream::connect(server.at).unwrap();
            (&stream).write_all(&[1; REQUEST]).unwrap();
            // The first byte of the answer: all of it was read.
            (&stream).read_exact(&mut [0]).unwrap();
            server.signal(Signal::TERM);
            server.stops();
            let mut rest = Vec::new();
            (&stream).read_to_end(&mut rest).unwrap();
            assert_eq!(rest, [1; REQUEST - 1]);
            let (status, said) = server.ends();
            assert!(status.success() && said.is_empty(), "{place:?}: {status}, {said}");
        }
    });
}

/// Who takes nothing keeps the server for the grace time. More signals meanwhile change nothing: they neither kill the
/// program nor shorten the time.
#[test]
fn i6_a_second_signal_does_not_cut_the_grace_time_short() {
    with_program(|program| {
        for place in PLACES {
            let mut server = Server::start(program, &[place, &["--grace", "0.3"]].concat());
            let stuck = TcpStream::connect(server.at).unwrap();
            // It sends until the server, whose answers nobody takes, takes no more.
            stuck.set_write_timeout(Some(ms(100))).unwrap();
            let error = (&stuck).write_all(&vec![7; 64 << 20]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            let idle = TcpStream::connect(server.at).unwrap();
            (&idle).write_all(b"!").unwrap();
            (&idle).read_exact(&mut [0]).unwrap();
            server.signal(Signal::INT);
            server.stops();
            for signal in [Signal::INT, Signal::TERM] {
                server.signal(signal);
                yields(10);
            }
            let (status, said) = server.ends();
            assert_eq!((status.code(), status.signal()), (Some(0), None), "{place:?}");
            assert_eq!(said, "1 connections are cut off\n", "{place:?}");
            assert_eq!((&idle).read(&mut [0]).unwrap(), 0);
        }
    });
}
