//! Rules T2 and I3 for every call that waits for the world outside: it is cut off before it begins and while it waits. What
//! it waited with is as good as before then: nothing is lost, and nothing is left over.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::io::{BufReader, IoSlice, IoSliceMut, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc;

use corro::io::{copy, copy_bidirectional, read_line_limited, wait_readable, wait_writable};
use corro::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use corro::process::{Child, Command, Stdio};
use corro::signal::{Signals, ctrl_c};
use corro::{cancel_scope, checkpoint, fs, spawn_local, time, unblock};
use signal_hook::low_level::raise;

use super::{ANY, cleanly, pair};
use crate::support::{HOUR, is_a_cancellation_point, yields};

/// Cuts `call` off while it waits.
#[track_caller]
fn is_cut_off<T: Debug>(what: &str, call: impl FnOnce() -> T) {
    assert!(cancelled_meanwhile(what, || (), call).is_none(), "{what} went on to its end");
}

/// Cancels `call` while it waits, and does `then` a little later. Gives what `call` returned, if it did.
#[track_caller]
fn cancelled_meanwhile<T: Debug>(what: &str, then: impl FnOnce() + 'static, call: impl FnOnce() -> T) -> Option<T> {
    let mut value = None;
    let outcome = cancel_scope(|token| {
        let token = token.clone();
        let _canceller = spawn_local(move || {
            yields(5);
            token.cancel();
            yields(5);
            then();
        });
        value = Some(call());
        checkpoint();
    });
    assert!(outcome.is_err(), "{what} did not wait: {value:?}");
    value
}

/// `call` is cut off twice, and loses nothing by it: after `ready` it gives what it should.
#[track_caller]
fn survives<T: PartialEq + Debug>(what: &str, call: impl Fn() -> T, ready: impl FnOnce(), expected: T) {
    is_a_cancellation_point(what, &call);
    is_cut_off(what, &call);
    ready();
    // There is something for it now, and it takes nothing of that.
    is_a_cancellation_point(what, &call);
    assert_eq!(call(), expected, "{what}");
}

#[test]
fn t2_to_accept_and_to_connect() {
    cleanly(|| {
        let listener = TcpListener::bind(ANY).unwrap();
        let at = listener.local_addr().unwrap();
        let client = Cell::new(None);
        let port = |stream: &TcpStream| stream.local_addr().unwrap().port();
        is_a_cancellation_point("bind", || TcpListener::bind(ANY));
        is_a_cancellation_point("accept", || listener.accept());
        is_cut_off("accept", || listener.accept());
        is_a_cancellation_point("connect", || TcpStream::connect(at));
        client.set(Some(TcpStream::connect(at).unwrap()));
        is_a_cancellation_point("accept", || listener.accept());
        let (_accepted, peer) = listener.accept().unwrap();
        assert_eq!(peer.port(), port(&client.take().unwrap()));
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

#[test]
fn t2_to_wait_for_a_descriptor() {
    cleanly(|| {
        let (reader, writer) = std::io::pipe().unwrap();
        survives("wait_readable", || wait_readable(&reader).unwrap(), || (&writer).write_all(b"!").unwrap(), ());
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        while (&writer).write(&[0; 4096]).is_ok() {}
        let drain = || (&reader).read_exact(&mut vec![0; 60_000]).unwrap();
        survives("wait_writable", || wait_writable(&writer).unwrap(), drain, ());
    });
}

#[test]
fn t2_to_copy() {
    cleanly(|| {
        let (mut a, b) = pair();
        let mut moved = Vec::new();
        a.write_all(b"the first, ").unwrap();
        is_cut_off("copy", || copy(&mut &b, &mut moved));
        assert_eq!(moved, b"the first, ", "what was read was written");
        a.write_all(b"the rest").unwrap();
        drop(a);
        assert_eq!(copy(&mut &b, &mut moved).unwrap(), 8);
        assert_eq!(moved, b"the first, the rest");

        let ((mut client, a), (b, mut server)) = (pair(), pair());
        client.write_all(b"through").unwrap();
        is_a_cancellation_point("copy_bidirectional", || copy_bidirectional(&a, &b));
        is_cut_off("copy_bidirectional", || copy_bidirectional(&a, &b));
        let mut through = [0; 7];
        server.read_exact(&mut through).unwrap();
        drop((client, a, b));
        assert_eq!((&through, server.read(&mut [0]).unwrap()), (b"through", 0));
    });
}

#[test]
fn t2_to_read_a_line() {
    cleanly(|| {
        let (mut a, b) = pair();
        let reader = RefCell::new(BufReader::new(&b));
        let line = || {
            let mut line = String::new();
            read_line_limited(&mut *reader.borrow_mut(), &mut line, 100).unwrap();
            line
        };
        survives("read_line_limited", line, || a.write_all(b"one\ntwo\n").unwrap(), "one\n".into());
        assert_eq!(line(), "two\n", "it was in the buffer");
        is_a_cancellation_point("stdin", || corro::io::stdin().read_line(&mut String::new()));
    });
}

fn cat() -> Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn t2_to_wait_for_a_child() {
    cleanly(|| {
        let child = RefCell::new(cat());
        let stdin = RefCell::new(child.borrow_mut().stdin.take());
        let wait = || child.borrow_mut().wait().unwrap().code();
        let close = || drop(stdin.borrow_mut().take());
        survives("Child::wait", wait, close, Some(0));

        // Its input is open still, in another hand.
        let mut child = cat();
        let mut stdin = child.stdin.take().unwrap();
        is_a_cancellation_point("communicate", || child.communicate(b""));
        is_cut_off("communicate", || child.communicate(b""));
        stdin.write_all(b"meow").unwrap();
        drop(stdin);
        assert_eq!(child.communicate(b"").unwrap().stdout, b"meow");

        let mut sleeps = Command::new("sleep");
        sleeps.arg("1000").kill_on_drop(true);
        is_a_cancellation_point("output", || sleeps.output());
        is_a_cancellation_point("status", || sleeps.status());
        is_cut_off("output", || sleeps.output());
        is_cut_off("status", || sleeps.status());
        assert!(Command::new("true").output().unwrap().status.success());
    });
}

#[test]
fn t2_to_wait_for_a_signal() {
    cleanly(|| {
        let signals = RefCell::new(Signals::new(&[libc::SIGUSR1]).unwrap());
        let wait = || signals.borrow_mut().wait();
        survives("Signals::wait", wait, || raise(libc::SIGUSR1).unwrap(), libc::SIGUSR1);
        is_a_cancellation_point("ctrl_c", ctrl_c);
        is_cut_off("ctrl_c", ctrl_c);
        let waits = spawn_local(ctrl_c);
        yields(5);
        raise(libc::SIGINT).unwrap();
        waits.join().unwrap().unwrap();
    });
}

#[test]
fn t2_to_wait_for_time() {
    cleanly(|| {
        let interval = RefCell::new(time::interval(HOUR));
        let first = interval.borrow_mut().tick();
        is_cut_off("tick", || interval.borrow_mut().tick());
        assert!(time::now() - first < HOUR);
        interval.borrow_mut().reset();
        is_cut_off("tick", || interval.borrow_mut().tick());
        is_cut_off("sleep", || corro::sleep(HOUR));
        is_cut_off("sleep_until", || corro::time::sleep_until(first + HOUR));
    });
}

/// A file name of its own, in the temporary folder.
struct Path(PathBuf);

impl Path {
    fn new(name: &str) -> Path {
        Path(std::env::temp_dir().join(format!("corro-cancelling-{name}-{}", std::process::id())))
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A name whose resolution waits for a message.
struct Name(Mutex<mpsc::Receiver<()>>, SocketAddr);

impl ToSocketAddrs for &Name {
    type Iter = std::option::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> std::io::Result<Self::Iter> {
        self.0.lock().unwrap().recv().map_err(std::io::Error::other)?;
        Ok(Some(self.1).into_iter())
    }
}

/// What the blocking pool does cannot be called back: its end is waited for.
#[test]
fn t2_what_the_pool_does_is_waited_for() {
    cleanly(|| {
        let (fifo, never) = (Path::new("fifo"), Path::new("never"));
        assert!(std::process::Command::new("mkfifo").arg(&fifo.0).status().unwrap().success());
        is_a_cancellation_point("fs::read", || fs::read(&fifo.0));
        is_a_cancellation_point("fs::write", || fs::write(&never.0, "text"));
        is_a_cancellation_point("File::open", || fs::File::open(&fifo.0));
        is_a_cancellation_point("unblock", || unblock(|| std::process::abort()));
        assert!(!never.0.exists());

        let path = fifo.0.clone();
        let write = move || std::fs::write(path, "through").unwrap();
        let read = cancelled_meanwhile("fs::read", write, || fs::read(&fifo.0).unwrap());
        assert_eq!(read.unwrap(), b"through", "what was read is not lost");
        let path = fifo.0.clone();
        let read = move || assert_eq!(std::fs::read(path).unwrap(), b"text");
        assert_eq!(cancelled_meanwhile("fs::write", read, || fs::write(&fifo.0, "text").unwrap()), Some(()));
        let (sender, receiver) = mpsc::channel();
        let send = move || sender.send(()).unwrap();
        assert_eq!(cancelled_meanwhile("unblock", send, || unblock(move || receiver.recv().unwrap())), None);
    });
}

#[test]
fn t2_who_waits_for_a_name_does_not_connect_any_more() {
    cleanly(|| {
        let listener = TcpListener::bind(ANY).unwrap();
        let (sender, receiver) = mpsc::channel();
        let name = Name(Mutex::new(receiver), listener.local_addr().unwrap());
        is_a_cancellation_point("connect", || TcpStream::connect(&name));
        let answer = sender.clone();
        let connected =
            cancelled_meanwhile("connect", move || answer.send(()).unwrap(), || TcpStream::connect(&name).unwrap());
        assert!(connected.is_none());
        is_cut_off("accept", || listener.accept());
        sender.send(()).unwrap();
        TcpStream::connect(&name).unwrap();
    });
}
