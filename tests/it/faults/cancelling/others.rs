//! All but sockets: other descriptors, streams, children, signals, time, and what the blocking pool does.

use std::cell::RefCell;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Mutex, mpsc};

use corro::io::{copy, copy_bidirectional, read_line_limited, wait_readable, wait_writable};
use corro::net::{TcpListener, TcpStream};
use corro::process::{Child, Command, Stdio};
use corro::signal::{Signals, ctrl_c};
use corro::{fs, spawn_local, time, unblock};
use signal_hook::low_level::raise;

use super::{Path, cancelled_meanwhile, is_cut_off, survives};
use crate::faults::{ANY, cleanly, pair};
use crate::support::{HOUR, is_a_cancellation_point, yields};

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
