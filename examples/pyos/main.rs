//! A tiny operating system: its programs are generators, its kernel resumes them in turn, a system call is a yield.
//! After David Beazley's pyos; but a plain yield gets no stale answer, a killed program is unwound with all that it
//! called, and one that fails takes nobody with it.
//!
//! `cargo run --release --example pyos` prints:
//!
//! ```text
//! init is task 1
//! task 3: stopped by an exception: disk on fire
//! the server has two connections, tasks 5 and 6
//! task 2 was stopped in the middle of a call
//! the client got all its lines back
//! ```

#[path = "../arguments/mod.rs"]
mod arguments;
mod kernel;

use std::io::{self, ErrorKind::WouldBlock, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;

use corro::{Co, Generator, generator::raise};

use crate::kernel::{Call, Kernel, Program, Tid};

/// The library, of ordinary functions: waits in the kernel until an act does not block.
fn wait<T>(co: &Co<Call, usize>, call: impl Fn() -> Call, mut act: impl FnMut() -> io::Result<T>) -> T {
    loop {
        co.yield_(call());
        match act() {
            Ok(value) => return value,
            Err(error) if error.kind() == WouldBlock => {}
            Err(error) => raise(error),
        }
    }
}

fn init(listener: Rc<TcpListener>) -> Program {
    Generator::new(move |co| {
        println!("init is task {}", co.yield_(Call::GetTid));
        let counter = co.yield_(Call::NewTask(Generator::new(|co| co.yield_from(&mut count()))));
        co.yield_(Call::NewTask(Generator::new(|_| raise("disk on fire"))));
        let server = co.yield_(Call::NewTask(server(listener)));
        co.yield_(Call::WaitTask(server));
        assert_eq!(co.yield_(Call::KillTask(counter)), 1);
    })
}

fn count() -> Program {
    struct Stopped(Tid);
    impl Drop for Stopped {
        fn drop(&mut self) {
            println!("task {} was stopped in the middle of a call", self.0);
        }
    }
    Generator::new(|co| {
        let _stopped = Stopped(co.yield_(Call::GetTid));
        loop {
            assert_eq!(co.yield_(Call::Next), 0, "a stale answer");
        }
    })
}

fn server(listener: Rc<TcpListener>) -> Program {
    Generator::new(move |co| {
        let connect = || {
            let (stream, _) = wait(co, || Call::ReadWait(listener.clone()), || listener.accept());
            stream.set_nonblocking(true).unwrap_or_else(|error| raise(error));
            co.yield_(Call::NewTask(echo(Rc::new(stream))))
        };
        println!("the server has two connections, tasks {} and {}", connect(), connect());
    })
}

fn echo(stream: Rc<TcpStream>) -> Program {
    Generator::new(move |co| {
        let mut buffer = [0; 1024];
        while let count @ 1.. = wait(co, || Call::ReadWait(stream.clone()), || (&*stream).read(&mut buffer)) {
            let mut rest = &buffer[..count];
            while !rest.is_empty() {
                rest = &rest[wait(co, || Call::WriteWait(stream.clone()), || (&*stream).write(rest))..];
            }
        }
    })
}

fn client(server: SocketAddr) -> io::Result<()> {
    let mut streams = [TcpStream::connect(server)?, TcpStream::connect(server)?];
    for turn in 0..100 {
        for stream in &mut streams {
            let (line, mut back) = (format!("line {turn:3}"), [0; 8]);
            stream.write_all(line.as_bytes())?;
            stream.read_exact(&mut back)?;
            if line.as_bytes() != back {
                return Err(io::Error::other("another line came back"));
            }
        }
    }
    Ok(())
}

fn main() -> io::Result<()> {
    arguments::is_quick("pyos: a tiny operating system of generators, with an echo server.");
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let server = listener.local_addr()?;
    let client = std::thread::spawn(move || {
        client(server).unwrap_or_else(|error| {
            eprintln!("the client failed: {error}");
            std::process::exit(1) // the server would wait for ever
        });
    });
    let mut kernel = Kernel::default();
    kernel.add(init(Rc::new(listener)));
    kernel.run()?;
    client.join().expect("the client does not panic");
    println!("the client got all its lines back");
    Ok(())
}
