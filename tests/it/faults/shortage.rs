//! Rule I4: descriptors run out.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use corro::net::{TcpListener, TcpStream, UnixStream};
use corro::process::{Command, Stdio};
use corro::{EventLoop, Runtime, sleep, spawn, time, timeout};
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::TimeValLike;

use super::{ANY, cleanly, pair};
use crate::generator::child::isolated;
use crate::schedulers::virtually;
use crate::support::{cancelled, ms, waiter};
use crate::virtual_time::OsThread;

/// Takes all descriptors that the process may have, as long as it lives.
struct Shortage(#[allow(dead_code, reason = "held")] Vec<File>);

impl Shortage {
    /// There are few of them, so that it does not take long.
    fn begin() -> Shortage {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, hard.min(100), hard).unwrap();
        let mut files = Vec::new();
        let error = loop {
            match File::open("/dev/null") {
                Ok(file) => files.push(file),
                Err(error) => break error,
            }
        };
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        Shortage(files)
    }
}

/// A listener with a client that is not accepted yet.
fn with_client() -> (TcpListener, TcpStream) {
    let listener = TcpListener::bind(ANY).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener, client)
}

fn ping_pong(a: &mut impl Write, b: &mut impl Read) {
    for number in 0..200_u8 {
        a.write_all(&[number]).unwrap();
        let mut byte = [0];
        b.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [number]);
    }
}

#[test]
fn i4_the_others_go_on_and_who_waits_is_served_at_last() {
    cleanly(|| {
        let (mut a, mut b) = pair();
        let (listener, mut client) = with_client();
        let shortage = Shortage::begin();
        let server = waiter(move || {
            let (mut stream, _peer) = listener.accept().unwrap();
            stream.write_all(b"welcome").unwrap();
        });
        spawn(move || ping_pong(&mut a, &mut b)).join().unwrap();
        assert!(!server.is_finished(), "the shortage is not the caller's");
        drop(shortage);
        let mut word = String::new();
        client.read_to_string(&mut word).unwrap();
        assert_eq!(word, "welcome");
        server.join().unwrap();
    });
}

/// The pauses are 10, 20, 40 … and then 1000 milliseconds, so it accepts at the end of the one that is under way.
#[test]
fn i4_the_pauses_grow_and_are_bounded() {
    isolated(|| {
        for (back_after, accepted_after) in
            [(1, 10), (25, 30), (100, 150), (1_000, 1_270), (1_300, 2_270), (9_999, 10_270)]
        {
            virtually(|| {
                let (listener, _client) = with_client();
                let shortage = Shortage::begin();
                let start = time::now();
                let accepting = waiter(move || {
                    listener.accept().unwrap();
                    time::now() - start
                });
                sleep(ms(back_after));
                drop(shortage);
                assert_eq!(accepting.join().unwrap(), ms(accepted_after));
            });
        }
    });
}

#[test]
fn i4_a_shortage_takes_no_time_of_the_processor() {
    fn spent() -> Duration {
        let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
        let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Duration::from_micros(micros.try_into().unwrap())
    }
    cleanly(|| {
        let (listener, _client) = with_client();
        let shortage = Shortage::begin();
        let accepting = waiter(move || drop(listener.accept().unwrap()));
        let before = spent();
        sleep(ms(300));
        let spent = spent() - before;
        assert!(spent < ms(150), "{spent:?} of the processor's time in 300 ms of waiting");
        drop(shortage);
        accepting.join().unwrap();
    });
}

#[test]
fn t2_who_backs_off_can_be_cancelled() {
    cleanly(|| {
        let (listener, client) = with_client();
        let shortage = Shortage::begin();
        assert!(timeout(ms(5), || listener.accept()).is_err());
        let listener = std::sync::Arc::new(listener);
        let theirs = listener.clone();
        let accepting = waiter(move || drop(theirs.accept()));
        accepting.cancel();
        cancelled(accepting);
        drop(shortage);
        let (_stream, peer) = listener.accept().unwrap();
        assert_eq!(peer, client.local_addr().unwrap(), "the client still waits");
    });
}

#[test]
fn t8_a_plain_thread_backs_off() {
    isolated(|| {
        let (listener, mut client) = with_client();
        let (tell, told) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let server = thread::spawn(move || {
            tell.send(OsThread::current()).unwrap();
            while let Err(mpsc::TryRecvError::Empty) = gone.try_recv() {
                thread::yield_now();
            }
            let (mut stream, _peer) = listener.accept().unwrap();
            stream.write_all(b"welcome").unwrap();
        });
        let thread = told.recv().unwrap();
        let shortage = Shortage::begin();
        go.send(()).unwrap();
        // There is a client, so it is the shortage that it sleeps for; until now it did not sleep.
        thread.wait_for_sleep(|| server.is_finished());
        drop(shortage);
        let mut word = String::new();
        client.read_to_string(&mut word).unwrap();
        server.join().unwrap();
        assert_eq!(word, "welcome");
    });
}

/// All but `accept` tell their callers.
#[test]
fn i1_who_makes_something_new_is_told_of_the_shortage() {
    fn is_refused<T>(what: &str, result: io::Result<T>) {
        let error = result.err().unwrap_or_else(|| panic!("{what} succeeded"));
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{what}: {error}");
    }
    cleanly(|| {
        let (listener, stream) = with_client();
        let at = listener.local_addr().unwrap();
        // So that the pool has a thread.
        corro::unblock(|| ());
        let shortage = Shortage::begin();
        is_refused("connect", TcpStream::connect(at));
        is_refused("bind", TcpListener::bind(ANY));
        is_refused("try_clone", stream.try_clone());
        is_refused("pair", UnixStream::pair());
        is_refused("File::open", corro::fs::File::open("/dev/null"));
        is_refused("fs::read", corro::fs::read("/dev/null"));
        is_refused("spawn", Command::new("true").stdout(Stdio::piped()).spawn());
        is_refused("output", Command::new("true").output());
        is_refused("Signals::new", corro::signal::Signals::new(&[libc::SIGUSR1]));
        is_refused("ctrl_c", corro::signal::ctrl_c());
        thread::spawn(|| is_refused("EventLoop::new", EventLoop::new())).join().unwrap();
        is_refused("Runtime::build", Runtime::builder().workers(2).build());
        // The table of waits for foreign descriptors has an epoll of its own, made at the first wait.
        is_refused("wait_readable", corro::io::wait_readable(&stream));
        assert!(Command::new("true").status().unwrap().success(), "without pipes it needs no descriptor");
        drop(shortage);
        drop(TcpStream::connect(at).unwrap());
        corro::io::wait_writable(&stream).unwrap();
        assert!(Command::new("true").status().unwrap().success());
    });
}
