//! Cut off at every moment: before what it waits for comes, in the same turn, and after.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::net;
use std::rc::Rc;

use corro::io::{copy, wait_readable};
use corro::net::{TcpListener, UdpSocket, UnixDatagram};
use corro::process::Command;
use corro::signal::Signals;
use corro::{cancel_scope, spawn_local, time, yield_now};

use super::is_cut_off;
use crate::faults::{ANY, cleanly, pair};
use crate::schedulers::virtually;
use crate::support::{HOUR, yields};

/// More than a call takes turns.
const TURNS: usize = 6;

/// Repeats `call` until it is cut off after `cancels` turns; `comes` happens after `arrives` turns.
fn cut_off(cancels: usize, arrives: usize, comes: impl FnOnce() + 'static, mut call: impl FnMut()) {
    let coming = spawn_local(move || {
        yields(arrives);
        comes();
    });
    let outcome: Result<(), _> = cancel_scope(|token| {
        let token = token.clone();
        let _canceller = spawn_local(move || {
            yields(cancels);
            token.cancel();
        });
        loop {
            call();
        }
    });
    assert!(outcome.is_err());
    coming.join().unwrap();
}

fn at_every_moment(test: impl Fn(usize, usize)) {
    (0..TURNS * TURNS).for_each(|moment| test(moment / TURNS, moment % TURNS));
}

#[test]
fn t2_a_read_loses_no_byte() {
    cleanly(|| {
        at_every_moment(|cancels, arrives| {
            let (mut a, mut b) = pair();
            let mut got = Vec::new();
            let comes = move || a.write_all(b"12345").unwrap();
            cut_off(cancels, arrives, comes, || {
                let mut byte = [0];
                let count = b.read(&mut byte).unwrap();
                got.extend_from_slice(&byte[..count]);
                // At the end of the input nothing waits any more.
                yield_now();
            });
            b.read_to_end(&mut got).unwrap();
            assert_eq!(got, b"12345", "cut off after {cancels} turns, bytes after {arrives}");
        });
    });
}

#[test]
fn t2_a_copy_loses_no_byte() {
    cleanly(|| {
        at_every_moment(|cancels, arrives| {
            let (a, mut b) = pair();
            let a = Rc::new(a);
            let (open, mut got) = (a.clone(), Vec::new());
            let comes = move || (&*a).write_all(b"12345").unwrap();
            cut_off(cancels, arrives, comes, || drop(copy(&mut b, &mut got)));
            drop(open);
            b.read_to_end(&mut got).unwrap();
            assert_eq!(got, b"12345", "cut off after {cancels} turns, bytes after {arrives}");
        });
    });
}

#[test]
fn t2_no_datagram_is_lost() {
    cleanly(|| {
        at_every_moment(|cancels, arrives| {
            let (a, b) = UnixDatagram::pair().unwrap();
            let got = RefCell::new(Vec::new());
            let comes = move || (0..5).for_each(|number| assert_eq!(a.send(&[number]).unwrap(), 1));
            let receive = || {
                let mut byte = [0];
                let count = b.recv(&mut byte).unwrap();
                got.borrow_mut().extend_from_slice(&byte[..count]);
            };
            cut_off(cancels, arrives, comes, receive);
            while got.borrow().len() < 5 {
                receive();
            }
            assert_eq!(*got.borrow(), [0, 1, 2, 3, 4], "cut off after {cancels} turns, datagrams after {arrives}");
        });
    });
}

#[test]
fn t2_no_connection_is_lost() {
    cleanly(|| {
        at_every_moment(|cancels, arrives| {
            let listener = TcpListener::bind(ANY).unwrap();
            let at = listener.local_addr().unwrap();
            let (accepted, client) = (RefCell::new(Vec::new()), Rc::new(Cell::new(None)));
            let theirs = client.clone();
            let comes = move || theirs.set(Some(net::TcpStream::connect(at).unwrap()));
            let accept = || accepted.borrow_mut().push(listener.accept().unwrap());
            cut_off(cancels, arrives, comes, accept);
            if accepted.borrow().is_empty() {
                accept();
            }
            let client = client.take().unwrap();
            assert_eq!(accepted.borrow()[0].1, client.local_addr().unwrap());
        });
    });
}

/// A virtual clock stands as long as anybody waits for the world outside.
#[test]
fn s6_who_was_cut_off_does_not_hold_the_clock() {
    virtually(|| {
        let (_silent, end) = pair();
        let (pipe, _writer) = std::io::pipe().unwrap();
        let socket = UdpSocket::bind(ANY).unwrap();
        let mut child = Command::new("sleep").arg("1000").kill_on_drop(true).spawn().unwrap();
        let mut signals = Signals::new(&[libc::SIGURG]).unwrap();
        is_cut_off("read", || { &end }.read(&mut [0]));
        is_cut_off("wait_readable", || wait_readable(&pipe));
        is_cut_off("recv", || socket.recv(&mut [0]));
        is_cut_off("Child::wait", || child.wait());
        is_cut_off("Signals::wait", || signals.wait());
        let start = time::now();
        corro::sleep(HOUR);
        assert_eq!(time::now() - start, HOUR);
    });
}
