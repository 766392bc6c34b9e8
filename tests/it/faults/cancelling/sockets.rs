//! Sockets.

use std::cell::Cell;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::net::SocketAddr;

use corro::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use corro::{cancel_scope, spawn_local};

use super::{Path, is_cut_off, survives};
use crate::faults::{ANY, cleanly, pair};
use crate::support::{is_a_cancellation_point, yields};

#[test]
fn t2_to_accept_and_to_connect() {
    cleanly(|| {
        let listener = TcpListener::bind(ANY).unwrap();
        let at = listener.local_addr().unwrap();
        is_a_cancellation_point("bind", || TcpListener::bind(ANY));
        is_a_cancellation_point("accept", || listener.accept());
        is_cut_off("accept", || listener.accept());
        is_a_cancellation_point("connect", || TcpStream::connect(at));
        let client = TcpStream::connect(at).unwrap();
        is_a_cancellation_point("accept", || listener.accept());
        let (_accepted, peer) = listener.accept().unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        is_cut_off("incoming", || listener.incoming().next());
    });
}

#[test]
fn t2_to_accept_and_to_connect_by_path() {
    cleanly(|| {
        let path = Path::new("accept");
        let listener = UnixListener::bind(&path.0).unwrap();
        is_cut_off("UnixListener::accept", || listener.accept());
        let mut clients = Vec::new();
        // Until there are too many that were not accepted.
        let mut is_full = || {
            let outcome = cancel_scope(|token| {
                let token = token.clone();
                let _canceller = spawn_local(move || {
                    yields(5);
                    token.cancel();
                });
                UnixStream::connect(&path.0).unwrap()
            });
            outcome.map(|client| clients.push(client)).is_err()
        };
        while !is_full() {}
        is_cut_off("UnixStream::connect", || UnixStream::connect(&path.0));
        for _ in 0..clients.len() {
            listener.accept().unwrap();
        }
        is_cut_off("UnixListener::accept, of those that gave up", || listener.accept());
        let _client = UnixStream::connect(&path.0).unwrap();
        listener.accept().unwrap();
    });
}

#[test]
fn t2_to_read() {
    cleanly(|| {
        let (a, b) = pair();
        let word = || (&a).write_all(b"word").unwrap();
        let peek = || with_buffer(|buffer| b.peek(buffer));
        let read = || with_buffer(|buffer| (&b).read(buffer));
        survives("peek", peek, word, "word".into());
        assert_eq!(read(), "word", "it was only looked at");
        survives("read", read, word, "word".into());
        let (here, there) = UnixStream::pair().unwrap();
        let word = || (&there).write_all(b"unix").unwrap();
        survives("UnixStream::read", || with_buffer(|buffer| (&here).read(buffer)), word, "unix".into());
        let vectored = || {
            let (mut one, mut two) = ([0; 1], [0; 4]);
            let count = (&here).read_vectored(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)]).unwrap();
            (count, one, two)
        };
        survives("read_vectored", vectored, word, (4, *b"u", *b"nix\0"));
    });
}

/// What `read` puts into a buffer.
fn with_buffer(read: impl FnOnce(&mut [u8]) -> std::io::Result<usize>) -> String {
    let mut buffer = [0; 16];
    let count = read(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..count]).into_owned()
}

#[test]
fn t2_to_write() {
    cleanly(|| {
        let (a, b) = pair();
        let (here, there) = UnixStream::pair().unwrap();
        a.set_nodelay(true).unwrap();
        is_full_and_cut_off("write", &mut &a, &mut &b);
        is_full_and_cut_off("UnixStream::write", &mut &here, &mut &there);
        let vectored = || (&here).write_vectored(&[IoSlice::new(b"vec"), IoSlice::new(b"tored")]);
        is_a_cancellation_point("write_vectored", vectored);
        assert_eq!(vectored().unwrap(), 8);
        let mut text = [0; 8];
        (&there).read_exact(&mut text).unwrap();
        assert_eq!(&text, b"vectored");
    });
}

/// Writes until there is no room. Each byte of which the writer was told comes, and no other.
fn is_full_and_cut_off(what: &str, writer: &mut impl Write, reader: &mut impl Read) {
    let chunk: Vec<u8> = (0..65_536).map(|number| number as u8).collect();
    is_a_cancellation_point(what, || writer.write(&chunk));
    let written = Cell::new(0);
    is_cut_off(what, || {
        loop {
            written.set(written.get() + writer.write(&chunk[written.get() % chunk.len()..]).unwrap());
        }
    });
    let mut got = vec![0; written.get()];
    reader.read_exact(&mut got).unwrap();
    assert!(got.iter().enumerate().all(|(at, &byte)| byte == at as u8), "{what}: other bytes came");
    writer.write_all(b"more").unwrap();
    let mut more = [0; 4];
    reader.read_exact(&mut more).unwrap();
    assert_eq!(&more, b"more", "{what}: a byte too much");
}

#[test]
fn t2_datagrams() {
    cleanly(|| {
        let (here, there) = (UdpSocket::bind(ANY).unwrap(), UdpSocket::bind(ANY).unwrap());
        let (here_at, there_at) = (here.local_addr().unwrap(), there.local_addr().unwrap());
        let send = || assert_eq!(there.send_to(b"word", here_at).unwrap(), 4);
        let taken = |result: std::io::Result<(usize, SocketAddr)>| result.unwrap();
        survives("peek_from", || taken(here.peek_from(&mut [0; 9])), send, (4, there_at));
        is_a_cancellation_point("recv_from", || here.recv_from(&mut [0; 9]));
        assert_eq!(here.recv_from(&mut [0; 9]).unwrap(), (4, there_at));
        survives("recv_from", || taken(here.recv_from(&mut [0; 9])), send, (4, there_at));
        is_a_cancellation_point("send_to", || here.send_to(b"never", there_at));
        is_a_cancellation_point("UdpSocket::connect", || here.connect(there_at));
        here.connect(there_at).unwrap();
        is_a_cancellation_point("send", || here.send(b"never"));
        survives("recv", || here.recv(&mut [0; 9]).unwrap(), send, 4);
        survives("peek", || here.peek(&mut [0; 9]).unwrap(), send, 4);
        is_cut_off("a datagram that was never sent", || there.recv(&mut [0; 9]));
    });
}

#[test]
fn t2_unix_datagrams() {
    cleanly(|| {
        let (here, there) = UnixDatagram::pair().unwrap();
        survives("recv", || here.recv(&mut [0; 9]).unwrap(), || assert_eq!(there.send(b"word").unwrap(), 4), 4);
        let recv_from = || here.recv_from(&mut [0; 9]).unwrap().0;
        survives("recv_from", recv_from, || assert_eq!(there.send(b"word").unwrap(), 4), 4);
        let sent = Cell::new(0_usize);
        is_cut_off("send", || {
            loop {
                there.send(&sent.get().to_le_bytes()).unwrap();
                sent.set(sent.get() + 1);
            }
        });
        come_in_order(&here, sent.get());

        let path = Path::new("datagrams");
        let (receiver, sender) = (UnixDatagram::bind(&path.0).unwrap(), UnixDatagram::unbound().unwrap());
        sent.set(0);
        is_cut_off("send_to", || {
            loop {
                sender.send_to(&sent.get().to_le_bytes(), &path.0).unwrap();
                sent.set(sent.get() + 1);
            }
        });
        come_in_order(&receiver, sent.get());
    });
}

/// So many, and no more.
fn come_in_order(receiver: &UnixDatagram, count: usize) {
    let mut number = [0; 8];
    for expected in 0..count {
        assert_eq!(receiver.recv(&mut number).unwrap(), 8);
        assert_eq!(usize::from_le_bytes(number), expected);
    }
    is_cut_off("there are no more datagrams", || receiver.recv(&mut [0; 8]));
}
