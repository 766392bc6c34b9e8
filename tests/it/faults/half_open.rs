//! Rules I1 and I2: peers that have said all they have to say, and peers that say nothing any more.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use corro::io::{copy_bidirectional, wait_readable};
use corro::net::TcpStream;
use corro::spawn;

use super::{cleanly, pair};
use crate::support::{ms, waiter, yields};

#[test]
fn i1_after_the_end_of_the_input_the_output_goes_on() {
    cleanly(|| {
        let (mut end, mut peer) = pair();
        peer.write_all(b"last").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        let listens = spawn(move || {
            let mut all = String::new();
            peer.read_to_string(&mut all).unwrap();
            all
        });
        let mut word = [0; 4];
        end.read_exact(&mut word).unwrap();
        for round in 0..100 {
            assert_eq!(end.read(&mut [0; 9]).unwrap(), 0);
            assert_eq!(end.peek(&mut [0; 9]).unwrap(), 0);
            wait_readable(&end).unwrap();
            end.write_all(&[b'a' + round % 26]).unwrap();
            yields(1);
        }
        drop(end);
        assert_eq!(listens.join().unwrap().len(), 100);
    });
}

#[test]
fn i2_the_end_of_the_input_wakes_the_reader_and_not_the_writer() {
    cleanly(|| {
        let (end, peer) = pair();
        let end = Arc::new(end);
        let (reading, writing) = (end.clone(), end);
        let reader = waiter(move || (&*reading).read(&mut [0]).unwrap());
        let writer = waiter(move || (&*writing).write_all(&vec![7; 16_000_000]));
        peer.shutdown(Shutdown::Write).unwrap();
        assert_eq!(reader.join().unwrap(), 0);
        yields(10);
        assert!(!writer.is_finished(), "nobody has read");
        assert_eq!(io::copy(&mut (&peer).take(16_000_000), &mut io::sink()).unwrap(), 16_000_000);
        writer.join().unwrap().unwrap();
    });
}

/// Each side in turn is the first to end, with more under way than the buffers take.
#[test]
fn i2_a_proxy_hands_each_half_close_on() {
    const LONG: usize = 8_000_000;
    cleanly(|| {
        for client_ends_first in [true, false] {
            let ((client, a), (b, server)) = (pair(), pair());
            let proxy = spawn(move || copy_bidirectional(&a, &b));
            let (mut first, mut second) = if client_ends_first { (client, server) } else { (server, client) };
            let ends = spawn(move || {
                first.write_all(&vec![1; LONG]).unwrap();
                first.shutdown(Shutdown::Write).unwrap();
                count(&mut first)
            });
            assert_eq!(count(&mut second), LONG, "all came, and then the end");
            assert!(!proxy.is_finished() && !ends.is_finished(), "the other way is open");
            second.write_all(&vec![2; LONG / 2]).unwrap();
            drop(second);
            assert_eq!(ends.join().unwrap(), LONG / 2);
            let (there, back) = proxy.join().unwrap().unwrap();
            assert_eq!((there.max(back), there.min(back)), (LONG as u64, LONG as u64 / 2));
        }
    });
}

fn count(stream: &mut TcpStream) -> usize {
    usize::try_from(io::copy(stream, &mut io::sink()).unwrap()).unwrap()
}

#[test]
fn i1_a_peer_that_falls_silent_is_found_by_the_deadline() {
    cleanly(|| {
        let (mut end, mut silent) = pair();
        end.set_read_timeout(Some(ms(20))).unwrap();
        silent.write_all(b"half a mess").unwrap();
        let mut message = String::new();
        assert_eq!(end.read_to_string(&mut message).unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(end.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut, "each read has a deadline of its own");
        // It was not gone after all.
        silent.write_all(b"age").unwrap();
        drop(silent);
        let mut rest = Vec::new();
        end.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"age");
    });
}

/// The client says nothing, and takes nothing either: the server's way to it is stuck, and has no deadline of its own.
#[test]
fn i1_a_proxy_ends_both_ways_when_one_is_late() {
    cleanly(|| {
        let ((client, a), (b, server)) = (pair(), pair());
        let floods = spawn(move || (&server).write_all(&vec![7; 64_000_000]).map_err(|error| error.kind()));
        a.set_read_timeout(Some(ms(50))).unwrap();
        let proxy = spawn(move || copy_bidirectional(&a, &b));
        assert_eq!(proxy.join().unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(matches!(floods.join().unwrap(), Err(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)));
        drop(client);
    });
}
