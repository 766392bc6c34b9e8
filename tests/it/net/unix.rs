//! Sockets of the file system, and datagrams.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use corro::net::{UdpSocket, UnixDatagram, UnixListener, UnixStream};
use corro::{spawn, spawn_local, yield_now};

use super::let_others_run;
use crate::schedulers::everywhere;
use crate::support::{cancelled, is_a_cancellation_point, ms, waiter};

/// A path for a socket, which is removed with this.
struct SocketPath(PathBuf);

impl SocketPath {
    fn new() -> SocketPath {
        use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("corro-socket-{}-{}", std::process::id(), COUNT.fetch_add(1, SeqCst));
        SocketPath(std::env::temp_dir().join(name))
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        // A test that fails may not have come to bind it.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn i1_a_unix_stream_is_as_a_tcp_stream() {
    everywhere(|| {
        let path = SocketPath::new();
        assert_eq!(UnixStream::connect(&path.0).unwrap_err().kind(), ErrorKind::NotFound);
        let listener = UnixListener::bind(&path.0).unwrap();
        assert_eq!(UnixListener::bind(&path.0).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path.0));
        let server = spawn(move || {
            let mut echoed = 0;
            for stream in listener.incoming().take(2) {
                let mut text = Vec::new();
                let mut stream = stream.unwrap();
                stream.read_to_end(&mut text).unwrap();
                stream.write_all(&text).unwrap();
                echoed += text.len();
            }
            echoed
        });
        for text in ["one", "three"] {
            let mut client = UnixStream::connect(&path.0).unwrap();
            assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*path.0));
            client.write_all(text.as_bytes()).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let mut back = String::new();
            client.read_to_string(&mut back).unwrap();
            assert_eq!(back, text);
        }
        assert_eq!(server.join().unwrap(), 8);
        assert_eq!(UnixStream::connect(&path.0).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn i1_what_is_no_path_of_a_socket_is_refused_as_by_std() {
    everywhere(|| {
        for path in ["x".repeat(200).as_str(), "", "a\0b"] {
            let theirs = std::os::unix::net::UnixStream::connect(path).unwrap_err();
            let ours = UnixStream::connect(path).unwrap_err();
            assert_eq!((ours.kind(), ours.to_string()), (theirs.kind(), theirs.to_string()), "{path:?}");
        }
    });
}

#[test]
fn i1_sockets_have_abstract_addresses() {
    everywhere(|| {
        let path = SocketPath::new();
        let named = |kind| SocketAddr::from_abstract_name(format!("{}-{kind}", path.0.display())).unwrap();
        let (of_stream, of_datagram) = (named("stream"), named("datagram"));
        let listener = UnixListener::bind_addr(&of_stream).unwrap();
        let mut client = UnixStream::connect_addr(&of_stream).unwrap();
        assert_eq!(client.peer_addr().unwrap().as_abstract_name(), of_stream.as_abstract_name());
        for stream in (&listener).into_iter().take(1) {
            stream.unwrap().write_all(b"text").unwrap();
        }
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
        let (here, there) = (UnixDatagram::unbound().unwrap(), UnixDatagram::bind_addr(&of_datagram).unwrap());
        here.send_to_addr(b"one", &of_datagram).unwrap();
        here.connect_addr(&of_datagram).unwrap();
        here.send(b"three").unwrap();
        assert_eq!([(); 2].map(|()| there.recv(&mut [0; 8]).unwrap()), [3, 5]);
    });
}

#[test]
fn i1_a_timeout_of_a_unix_stream() {
    everywhere(|| {
        let (here, mut there) = UnixStream::pair().unwrap();
        here.set_read_timeout(Some(ms(2))).unwrap();
        assert_eq!((&here).read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        let clone = here.try_clone().unwrap();
        assert_eq!(clone.read_timeout().unwrap(), Some(ms(2)));
        there.set_write_timeout(Some(ms(2))).unwrap();
        let full = loop {
            if let Err(error) = there.write(&[0; 65536]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::TimedOut);
        // The system counts in steps of some milliseconds.
        here.set_read_timeout(Some(ms(1_000))).unwrap();
        assert_eq!(here.into_std().unwrap().read_timeout().unwrap(), Some(ms(1_000)));
    });
}

/// The system refuses, at once, what would be one connection too many; no event tells when there is room.
#[test]
fn i1_connect_waits_while_too_many_are_not_accepted() {
    everywhere(|| {
        let path = SocketPath::new();
        let listener = UnixListener::bind(&path.0).unwrap();
        // std has it listen with a backlog of 128.
        let mut clients: Vec<_> = Vec::new();
        let late = loop {
            let path = path.0.clone();
            let client = spawn_local(move || UnixStream::connect(path));
            let_others_run();
            if !client.is_finished() {
                break client;
            }
            clients.push(client.join().unwrap().unwrap());
            assert!(clients.len() < 10_000, "the system has no bound");
        };
        listener.accept().unwrap();
        late.join().unwrap().unwrap();
    });
}

#[test]
fn i2_two_tasks_share_a_unix_stream() {
    everywhere(|| {
        let (here, there) = UnixStream::pair().unwrap();
        let here = Arc::new(here);
        let reading = here.clone();
        let reader = spawn(move || {
            let mut all = Vec::new();
            (&*reading).read_to_end(&mut all).map(|_| all.len())
        });
        let echo = spawn(move || {
            let count = corro::io::copy(&mut &there, &mut &there).unwrap();
            there.shutdown(Shutdown::Write).unwrap();
            count
        });
        (&*here).write_all(&[1; 1_000_000]).unwrap();
        here.shutdown(Shutdown::Write).unwrap();
        assert_eq!((echo.join().unwrap(), reader.join().unwrap().unwrap()), (1_000_000, 1_000_000));
    });
}

#[test]
fn i1_datagrams_keep_their_bounds() {
    everywhere(|| {
        let (here, there) = UnixDatagram::pair().unwrap();
        let receiver = spawn(move || {
            let mut buf = [0; 10];
            (0..3).map(|_| there.recv(&mut buf).unwrap()).collect::<Vec<_>>()
        });
        for datagram in [&b"a"[..], b"", b"longer than ten"] {
            here.send(datagram).unwrap();
        }
        assert_eq!(receiver.join().unwrap(), [1, 0, 10]);
    });
}

#[test]
fn i1_who_sends_datagrams_waits_for_room() {
    everywhere(|| {
        let path = SocketPath::new();
        let receiver = UnixDatagram::bind(&path.0).unwrap();
        let connected = UnixDatagram::unbound().unwrap();
        connected.connect(&path.0).unwrap();
        let (to, unconnected) = (path.0.clone(), UnixDatagram::unbound().unwrap());
        const EACH: usize = 200;
        let senders = [
            spawn(move || (0..EACH).for_each(|_| assert_eq!(connected.send(b"connected").unwrap(), 9))),
            spawn(move || (0..EACH).for_each(|_| assert_eq!(unconnected.send_to(b"by path", &to).unwrap(), 7))),
        ];
        let_others_run();
        let mut buf = [0; 16];
        for _ in 0..2 * EACH {
            let (count, from) = receiver.recv_from(&mut buf).unwrap();
            assert!(count > 0 && from.is_unnamed());
        }
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    });
}

#[test]
fn i1_a_send_to_by_path_has_its_timeout() {
    everywhere(|| {
        let path = SocketPath::new();
        let _full = UnixDatagram::bind(&path.0).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.set_write_timeout(Some(ms(2))).unwrap();
        let error = loop {
            if let Err(error) = sender.send_to(b"x", &path.0) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn i1_udp_comes_and_goes() {
    everywhere(|| {
        let here = UdpSocket::bind("127.0.0.1:0").unwrap();
        let there = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (here_at, there_at) = (here.local_addr().unwrap(), there.local_addr().unwrap());
        let echo = spawn(move || {
            let mut buf = [0; 100];
            for _ in 0..3 {
                assert_eq!(there.peek_from(&mut buf).unwrap().1, here_at);
                let (count, from) = there.recv_from(&mut buf).unwrap();
                there.send_to(&buf[..count], from).unwrap();
            }
        });
        let mut buf = [0; 100];
        here.send_to(b"one", there_at).unwrap();
        assert_eq!(here.recv_from(&mut buf).unwrap(), (3, there_at));
        here.connect(there_at).unwrap();
        assert_eq!(here.peer_addr().unwrap(), there_at);
        for text in [&b"two"[..], b"three"] {
            here.send(text).unwrap();
            assert_eq!(here.peek(&mut buf).unwrap(), text.len());
            assert_eq!((here.recv(&mut buf).unwrap(), &buf[..text.len()]), (text.len(), text));
        }
        echo.join().unwrap();
        here.set_read_timeout(Some(ms(2))).unwrap();
        // Nobody is there any more: an error, or nothing.
        assert!(here.recv(&mut buf).is_err());
        here.set_broadcast(true).unwrap();
        assert!(here.broadcast().unwrap());
    });
}

#[test]
fn i1_udp_over_version_six() {
    everywhere(|| {
        let Ok(here) = UdpSocket::bind("[::1]:0") else { return println!("skipped: there is no IPv6") };
        here.send_to(b"six", here.local_addr().unwrap()).unwrap();
        let mut buf = [0; 9];
        assert_eq!(here.recv_from(&mut buf).unwrap(), (3, here.local_addr().unwrap()));
    });
}

#[test]
fn t2_datagrams_and_unix_streams_are_cancellation_points() {
    everywhere(|| {
        let (here, there) = UnixDatagram::pair().unwrap();
        is_a_cancellation_point("UnixDatagram::send", || here.send(b"x"));
        here.send(b"y").unwrap();
        is_a_cancellation_point("UnixDatagram::recv", || there.recv(&mut [0]));
        let mut byte = [0];
        assert_eq!((there.recv(&mut byte).unwrap(), byte), (1, *b"y"), "the cancelled one has taken nothing");
        let waits = waiter(move || there.recv(&mut [0]));
        waits.cancel();
        cancelled(waits);
        let path = SocketPath::new();
        let listener = UnixListener::bind(&path.0).unwrap();
        is_a_cancellation_point("UnixStream::connect", || UnixStream::connect(&path.0));
        is_a_cancellation_point("UnixListener::accept", || listener.accept());
        yield_now();
    });
}

#[test]
fn t8_unix_and_udp_on_plain_threads() {
    let (here, mut there) = UnixStream::pair().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        (&here).read_to_string(&mut text).map(|_| text)
    });
    there.write_all(b"text").unwrap();
    drop(there);
    assert_eq!(reader.join().unwrap().unwrap(), "text");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(ms(2))).unwrap();
    assert_eq!(socket.recv(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
}
