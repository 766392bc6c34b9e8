//! Rules I1 to I4 and what other rules say of sockets, in tasks and on plain threads.

mod drained;
mod ends;
mod unix;
mod waits;

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use corro::net::{TcpListener, TcpStream};
use corro::sync::Barrier;

use crate::generator::child::isolated;
use crate::schedulers::everywhere;

const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Two connected streams.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(ANY).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Lets the other tasks run until they wait.
fn let_others_run() {
    for _ in 0..10 {
        corro::yield_now();
    }
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn i1_reads_are_partial_and_end() {
    everywhere(|| {
        let (mut a, mut b) = pair();
        let reader = corro::spawn(move || {
            let mut buf = [0; 100];
            let first = b.read(&mut buf).unwrap();
            let mut rest = Vec::new();
            b.read_to_end(&mut rest).unwrap();
            [&buf[..first], &rest].concat()
        });
        let_others_run();
        a.write_all(b"hello").unwrap();
        let_others_run();
        a.write_all(b" world").unwrap();
        drop(a);
        assert_eq!(reader.join().unwrap(), b"hello world");
    });
}

#[test]
fn i1_ten_megabytes_both_ways() {
    everywhere(|| {
        let (a, b) = pair();
        let data: Vec<u8> = (0..10_000_000_u32).map(|n| (n % 251) as u8).collect();
        let echo = corro::spawn(move || io::copy(&mut &b, &mut &b).unwrap());
        let a = Arc::new(a);
        let (sender, sent) = (a.clone(), data.clone());
        let sending = corro::spawn(move || {
            (&*sender).write_all(&sent).unwrap();
            sender.shutdown(Shutdown::Write).unwrap();
        });
        let mut back = Vec::new();
        (&*a).read_to_end(&mut back).unwrap();
        sending.join().unwrap();
        assert!(back == data, "{} bytes came back changed", back.len());
        assert_eq!(echo.join().unwrap(), data.len() as u64);
    });
}

#[test]
fn i1_errors_keep_their_kind() {
    everywhere(|| {
        let gone = TcpListener::bind(ANY).unwrap().local_addr().unwrap();
        assert_eq!(TcpStream::connect(gone).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let again = TcpStream::connect_timeout(&gone, Duration::from_secs(60));
        assert_eq!(again.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(TcpStream::connect(&[][..] as &[SocketAddr]).unwrap_err().kind(), ErrorKind::InvalidInput);
        let taken = TcpListener::bind(ANY).unwrap();
        let second = TcpListener::bind(taken.local_addr().unwrap());
        assert_eq!(second.unwrap_err().kind(), ErrorKind::AddrInUse);
    });
}

#[test]
fn i1_connect_tries_every_address() {
    everywhere(|| {
        let gone = TcpListener::bind(ANY).unwrap().local_addr().unwrap();
        let listener = TcpListener::bind(ANY).unwrap();
        let there = listener.local_addr().unwrap();
        let stream = TcpStream::connect(&[gone, there][..]).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), there);
    });
}

#[test]
fn i1_a_timeout_is_timed_out_and_loses_nothing() {
    everywhere(|| {
        let (mut a, mut b) = pair();
        b.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        assert_eq!(b.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(b.peek(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        a.write_all(b"x").unwrap();
        b.set_read_timeout(None).unwrap();
        let mut byte = [0];
        b.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");

        a.set_write_timeout(Some(Duration::from_millis(2))).unwrap();
        let full = loop {
            if let Err(error) = a.write(&[0; 65536]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::TimedOut);
        assert_eq!(a.set_read_timeout(Some(Duration::ZERO)).unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn i1_the_rest_of_the_stream_is_as_in_std() {
    everywhere(|| {
        let (mut a, mut b) = pair();
        a.set_nodelay(true).unwrap();
        assert!(a.nodelay().unwrap());
        a.set_ttl(40).unwrap();
        assert_eq!((a.ttl().unwrap(), a.take_error().unwrap().is_none()), (40, true));
        assert_eq!(a.local_addr().unwrap(), b.peer_addr().unwrap());

        assert_eq!(a.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cd")]).unwrap(), 4);
        let mut peeked = [0; 4];
        assert_eq!((b.peek(&mut peeked).unwrap(), &peeked), (4, b"abcd"));
        let (mut one, mut two) = ([0; 1], [0; 3]);
        let read = b.read_vectored(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)]).unwrap();
        assert_eq!((read, &one, &two), (4, b"a", b"bcd"));

        let clone = a.try_clone().unwrap();
        assert_ne!(clone.as_raw_fd(), a.as_raw_fd());
        drop(a);
        (&clone).write_all(b"z").unwrap();
        assert_eq!(b.read(&mut [0; 9]).unwrap(), 1);
    });
}

#[test]
fn i1_std_streams_come_and_go() {
    everywhere(|| {
        let listener = TcpListener::from_std(std::net::TcpListener::bind(ANY).unwrap()).unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        let client = TcpStream::from_std(client).unwrap();
        assert_eq!((&client).read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        let (mut server, _) = listener.accept().unwrap();
        client.set_read_timeout(None).unwrap();
        let mut client = client.into_std().unwrap();
        let reader = thread::spawn(move || {
            let mut byte = [0];
            client.read_exact(&mut byte).map(|()| byte)
        });
        server.write_all(b"!").unwrap();
        assert_eq!(&reader.join().unwrap().unwrap(), b"!");
    });
}

#[test]
fn i1_a_regular_file_is_ready() {
    everywhere(|| {
        let file = File::open("/proc/self/exe").unwrap();
        corro::io::wait_readable(&file).unwrap();
        corro::io::wait_writable(&file).unwrap();
    });
}

#[test]
fn i2_one_task_reads_while_another_writes() {
    everywhere(|| {
        let (a, b) = pair();
        let a = Arc::new(a);
        let reading = a.clone();
        let reader = corro::spawn(move || {
            let mut byte = [0];
            (&*reading).read_exact(&mut byte).unwrap();
            byte
        });
        let_others_run();
        let writer = corro::spawn(move || (&*a).write_all(&[7; 4_000_000]).unwrap());
        let_others_run();
        (&b).write_all(b"!").unwrap();
        assert_eq!(reader.join().unwrap(), *b"!", "the reader goes on while the writer waits for room");
        assert!(!writer.is_finished());
        io::copy(&mut (&b).take(4_000_000), &mut io::sink()).unwrap();
        writer.join().unwrap();
    });
}

#[test]
fn i2_of_two_readers_each_byte_reaches_one() {
    everywhere(|| {
        let (mut a, b) = pair();
        let b = Arc::new(b);
        let in_step = Arc::new(Barrier::new(2));
        let readers = [b.clone(), b].map(|stream| {
            let in_step = in_step.clone();
            corro::spawn(move || {
                let (mut bytes, mut byte) = (Vec::new(), [0]);
                while (&*stream).read(&mut byte).unwrap() == 1 {
                    bytes.push(byte[0]);
                    if bytes.len() % 25 == 0 {
                        in_step.wait();
                    }
                }
                bytes
            })
        });
        let_others_run();
        for half in [0..100, 100..200] {
            a.write_all(&half.collect::<Vec<u8>>()).unwrap();
            let_others_run();
        }
        drop(a);
        let shares = readers.map(|reader| reader.join().unwrap());
        assert!(shares.iter().all(|share| share.len() == 100));
        let mut all = shares.concat();
        all.sort();
        assert_eq!(all, (0..200).collect::<Vec<u8>>());
    });
}

#[test]
fn i2_several_tasks_accept() {
    everywhere(|| {
        let listener = Arc::new(TcpListener::bind(ANY).unwrap());
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let listener = listener.clone();
                corro::spawn(move || listener.accept().unwrap().1)
            })
            .collect();
        let_others_run();
        let address = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..4).map(|_| TcpStream::connect(address).unwrap()).collect();
        let mut ports: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap().port()).collect();
        let mut accepted: Vec<_> = tasks.into_iter().map(|task| task.join().unwrap().port()).collect();
        ports.sort();
        accepted.sort();
        assert_eq!(ports, accepted);
    });
}

#[test]
fn i2_both_directions_of_one_number_can_be_awaited() {
    everywhere(|| {
        let (mut a, b) = pair();
        let b = Arc::new(b);
        b.set_write_timeout(Some(Duration::from_millis(2))).unwrap();
        while (&*b).write(&[0; 65536]).is_ok() {}
        let (reading, writing, _open) = (b.clone(), b.clone(), b);
        let reader = corro::spawn(move || corro::io::wait_readable(&*reading).unwrap());
        let writer = corro::spawn(move || corro::io::wait_writable(&*writing).unwrap());
        let_others_run();
        assert!(!reader.is_finished() && !writer.is_finished());
        a.write_all(b"!").unwrap();
        reader.join().unwrap();
        assert!(!writer.is_finished());
        let draining = corro::spawn(move || io::copy(&mut a, &mut io::sink()));
        writer.join().unwrap();
        draining.cancel();
    });
}
