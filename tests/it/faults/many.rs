//! Rule I3 in a long life: many connections that come and go, numbers of descriptors that are used again.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use corro::io::wait_readable;
use corro::net::{TcpListener, TcpStream, UnixStream};
use corro::{cancel_scope, scope, spawn, spawn_local, yield_now};

use super::{ANY, cleanly};
use crate::support::yields;

const CONNECTIONS: u32 = 10_000;
const AT_ONCE: u32 = 100;

/// Sends its number and gets it back.
fn visit(server: SocketAddr, number: u32) {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.write_all(&number.to_le_bytes()).unwrap();
    let mut back = [0; 4];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(u32::from_le_bytes(back), number);
}

fn attend(mut stream: TcpStream) {
    let mut number = [0; 4];
    stream.read_exact(&mut number).unwrap();
    stream.write_all(&number).unwrap();
    assert_eq!(stream.read(&mut number).unwrap(), 0);
}

#[test]
fn i3_ten_thousand_connections_come_and_go() {
    cleanly(|| {
        let listener = TcpListener::bind(ANY).unwrap();
        let at = listener.local_addr().unwrap();
        let served = AtomicUsize::new(0);
        scope(|s| {
            s.spawn(|| {
                for stream in listener.incoming().take(CONNECTIONS as usize) {
                    let (stream, served) = (stream.unwrap(), &served);
                    s.spawn(move || {
                        attend(stream);
                        served.fetch_add(1, SeqCst);
                    });
                }
            });
            for batch in 0..CONNECTIONS / AT_ONCE {
                let clients: Vec<_> =
                    (0..AT_ONCE).map(|number| spawn(move || visit(at, batch * AT_ONCE + number))).collect();
                clients.into_iter().for_each(|client| client.join().unwrap());
                let open = std::fs::read_dir("/proc/self/fd").unwrap().count();
                assert!(open < 3 * AT_ONCE as usize + 50, "{open} descriptors are open");
            }
        });
        assert_eq!(served.into_inner(), CONNECTIONS as usize);
    });
}

/// A reader waits at one end of a pair and is cut off while bytes come; then all is closed, and the numbers are free.
fn churn(round: u32) {
    let (a, b) = UnixStream::pair().unwrap();
    let b = Arc::new(b);
    let (reading, watches) = (b.clone(), round % 2 == 1);
    let cut_off = cancel_scope(|token| {
        let token = token.clone();
        let (sender, sends) = (a, round % 3);
        let _canceller = spawn(move || {
            // Together, one before the other, or nothing at all.
            if sends > 0 {
                (&sender).write_all(b"old").unwrap();
            }
            if sends > 1 {
                yield_now();
            }
            token.cancel();
        });
        loop {
            if watches {
                wait_readable(&*reading).unwrap();
                yield_now();
            } else if (&*reading).read(&mut [0]).unwrap() == 0 {
                return;
            }
        }
    });
    // The end of the input may have come first.
    assert!(cut_off.is_err() || !watches);
}

/// A pair of its own: what its reader gets is what its writer sent, whoever else had the numbers before.
fn own_bytes(tag: u8, rounds: u32) {
    for round in 0..rounds {
        let (mut a, mut b) = UnixStream::pair().unwrap();
        let reader = spawn_local(move || {
            let mut got = [0; 2];
            b.read_exact(&mut got).unwrap();
            (got, b.read(&mut [0]).unwrap())
        });
        yields(round as usize % 4);
        let bytes = [tag, round as u8];
        a.write_all(&bytes[..1]).unwrap();
        yield_now();
        a.write_all(&bytes[1..]).unwrap();
        drop(a);
        assert_eq!(reader.join().unwrap(), (bytes, 0), "another's bytes, or none");
    }
}

#[test]
fn i3_a_number_that_is_used_again_brings_nobody_anothers_events() {
    const ROUNDS: u32 = 300;
    cleanly(|| {
        scope(|s| {
            let churners: Vec<_> =
                (0..8).map(|lane| s.spawn(move || (0..ROUNDS).for_each(|n| churn(n + lane)))).collect();
            let owners: Vec<_> = (0..8).map(|tag| s.spawn(move || own_bytes(tag, ROUNDS))).collect();
            // These wait all the time, and must: nobody sends them anything.
            let patient: Vec<_> = (0..20).map(|_| s.spawn(be_patient)).collect();
            churners.into_iter().chain(owners).for_each(|task| task.join().unwrap());
            s.cancel();
            patient.into_iter().for_each(|task| assert!(task.join().unwrap_err().is_cancelled()));
        });
    });
}

fn be_patient() {
    let (_silent, mut end) = UnixStream::pair().unwrap();
    let got = end.read(&mut [0]);
    panic!("somebody else's {got:?}");
}

#[test]
fn i3_a_stream_that_is_dropped_by_another_worker_wakes_its_peer() {
    cleanly(|| {
        for _ in 0..300 {
            let (a, mut b) = UnixStream::pair().unwrap();
            let a = Arc::new(a);
            let theirs = a.clone();
            // It has waited on its own worker, where the stream is registered then.
            let waits = spawn(move || {
                let outcome = cancel_scope(|token| {
                    let token = token.clone();
                    let _canceller = spawn_local(move || token.cancel());
                    (&*theirs).read(&mut [0]).unwrap()
                });
                assert!(outcome.is_err());
                theirs
            });
            let reader = spawn(move || b.read(&mut [0]).unwrap());
            let last = waits.join().unwrap();
            drop(a);
            spawn(move || drop(last)).join().unwrap();
            assert_eq!(reader.join().unwrap(), 0);
        }
    });
}
