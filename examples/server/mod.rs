//! What the servers among the examples share: their options, where they run, and how they stop.
//!
//! A server takes connections until Ctrl-C or SIGTERM, or until its test is over. Then it takes no more, and ends the
//! input of those that there are: what a client has sent is answered, and a client that says nothing is let go. Who is not
//! through after a while is cut off.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr};
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use corro::net::{TcpListener, TcpStream};
use corro::signal::Signals;
use corro::sync::Semaphore;
use corro::{EventLoop, Runtime, Scope, cancel_scope, scope, timeout};
use lexopt::prelude::*;

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

/// What all servers can be told.
pub(crate) struct Settings {
    pub(crate) addr: String,
    /// None is the event loop.
    workers: Option<usize>,
    connections: usize,
    grace: Duration,
    idle: Duration,
    quick: bool,
    stopping: AtomicBool,
}

const HELP: &str = "
  --addr A         listens at this address; at 127.0.0.1 if nothing is said
  --loop           one thread, an event loop
  --workers N      so many threads; one a core if nothing is said
  --connections N  so many at once; 10000 if nothing is said
  --idle S         cuts a client off that says or takes nothing for so many seconds; 60 if nothing is said
  --grace S        seconds that are left to connections after Ctrl-C; 5 if nothing is said
  --quick          serves itself for a moment, checks the answers, and ends
  --help           this text";

impl Settings {
    /// The usual ones.
    pub(crate) fn new(addr: &str) -> Settings {
        Settings {
            addr: addr.to_owned(),
            workers: Some(std::thread::available_parallelism().map_or(1, usize::from)),
            connections: 10_000,
            grace: Duration::from_secs(5),
            idle: Duration::from_secs(60),
            quick: false,
            stopping: AtomicBool::new(false),
        }
    }

    /// Those of the command line. `more` are options of the program itself, by name, with a place for each.
    pub(crate) fn parse(about: &str, addr: &str, more: &mut [(&str, &mut String)]) -> Settings {
        let mut settings = Settings::new(addr);
        if let Err(error) = settings.read(about, more) {
            eprintln!("{error}; --help tells which options there are");
            exit(2);
        }
        settings
    }

    fn read(&mut self, about: &str, more: &mut [(&str, &mut String)]) -> Result<(), lexopt::Error> {
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("addr") => self.addr = parser.value()?.string()?,
                Long("loop") => self.workers = None,
                Long("workers") => self.workers = Some(parser.value()?.parse_with(at_least_one)?),
                Long("connections") => self.connections = parser.value()?.parse_with(at_least_one)?,
                Long("idle") => self.idle = parser.value()?.parse_with(seconds)?,
                Long("grace") => self.grace = parser.value()?.parse_with(seconds)?,
                Long("quick") => self.quick = true,
                Short('h') | Long("help") => {
                    println!("{about}{HELP}");
                    exit(0);
                }
                Long(name) => match more.iter().position(|(known, _)| *known == name) {
                    Some(known) => *more[known].1 = parser.value()?.string()?,
                    None => return Err(argument.unexpected()),
                },
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(())
    }

    /// Whether the program is to test itself.
    #[allow(dead_code, reason = "not all of the programs ask")]
    pub(crate) fn is_quick(&self) -> bool {
        self.quick
    }

    /// Whether the inputs of all connections have ended, or are about to.
    #[allow(dead_code, reason = "not all of the programs ask")]
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Serves: `connection` is called for each, in a task of its own; `client` is the test of the quick mode.
    pub(crate) fn serve(
        &self,
        connection: impl Fn(&TcpStream) -> io::Result<()> + Sync,
        client: impl FnOnce(SocketAddr) + Send,
    ) -> io::Result<()> {
        let main = || self.serve_here(&connection, client);
        match self.workers {
            None => EventLoop::new()?.run(main),
            Some(workers) => Runtime::builder().workers(workers).build()?.run(main),
        }
    }

    fn serve_here(
        &self,
        connection: &(impl Fn(&TcpStream) -> io::Result<()> + Sync),
        client: impl FnOnce(SocketAddr),
    ) -> io::Result<()> {
        let addr = if self.quick { "127.0.0.1:0" } else { &self.addr };
        let listener = TcpListener::bind(addr).map_err(|error| named(error, addr))?;
        let mut signals = Signals::new(&[SIGINT, SIGTERM])?;
        let at = listener.local_addr()?;
        println!("listens at {at}");
        Server::new(self).serve(listener, connection, || {
            if self.quick {
                client(at);
            } else {
                signals.wait();
                println!("stops: no new connections, and {:?} for those that there are", self.grace);
            }
        })
    }
}

fn named(error: io::Error, addr: &str) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen at {addr}: {error}; --addr takes another address"))
}

fn at_least_one(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|&number| number > 0).ok_or("a number from 1 on is expected")
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().filter(|&seconds| seconds > 0.0);
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).ok_or("a number of seconds is expected")
}

pub(crate) struct Server<'a> {
    settings: &'a Settings,
    /// One for each connection.
    places: Semaphore,
    open: Mutex<Connections>,
}

#[derive(Default)]
struct Connections {
    streams: HashMap<u64, Arc<TcpStream>>,
    next: u64,
    stopped: bool,
}

impl<'a> Server<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Server<'a> {
        Server { settings, places: Semaphore::new(settings.connections), open: Mutex::default() }
    }

    /// A lock of `std` will do: it is held for a moment, and nobody waits meanwhile.
    fn open(&self) -> MutexGuard<'_, Connections> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes connections until `until` returns, or until it cannot any more, and sees them to their end.
    pub(crate) fn serve(
        &self,
        listener: TcpListener,
        connection: &(impl Fn(&TcpStream) -> io::Result<()> + Sync),
        until: impl FnOnce(),
    ) -> io::Result<()> {
        scope(|s| {
            let outcome = self.receive(s, listener, connection, until);
            self.end_inputs();
            // All places are free when all connections are through.
            let all = || drop(self.places.acquire_many(self.settings.connections));
            if timeout(self.settings.grace, all).is_err() {
                eprintln!("{} connections are cut off", self.open().streams.len());
            }
            s.cancel();
            outcome
        })
    }

    fn receive<'s>(
        &'s self,
        s: &'s Scope<'s, '_>,
        listener: TcpListener,
        connection: &'s (impl Fn(&TcpStream) -> io::Result<()> + Sync),
        until: impl FnOnce(),
    ) -> io::Result<()> {
        let mut acceptor = None;
        // There is nothing to wait for any more when nobody is received.
        let _ = cancel_scope(|waiting| {
            let waiting = waiting.clone();
            acceptor = Some(s.spawn(move || {
                let error = self.accept(s, &listener, connection);
                waiting.cancel();
                error
            }));
            until();
        });
        let acceptor = acceptor.expect("it was started");
        acceptor.cancel();
        // It ends as it was cancelled, and closes the listener: who comes now is refused at once.
        acceptor.join().map_or(Ok(()), Err)
    }

    /// Receives one after the other, each in a task, until there is an error. What passes by itself is none.
    fn accept<'s>(
        &'s self,
        s: &'s Scope<'s, '_>,
        listener: &TcpListener,
        connection: &'s (impl Fn(&TcpStream) -> io::Result<()> + Sync),
    ) -> io::Error {
        loop {
            let place = self.places.acquire();
            match listener.accept() {
                Ok((stream, peer)) => drop(s.spawn(move || {
                    let _place = place;
                    self.attend(stream, peer, connection);
                })),
                Err(error) => return io::Error::new(error.kind(), format!("cannot accept connections: {error}")),
            }
        }
    }

    fn attend(&self, stream: TcpStream, peer: SocketAddr, connection: impl Fn(&TcpStream) -> io::Result<()>) {
        let stream = Arc::new(stream);
        let _open = Open::new(self, stream.clone());
        let idle = Some(self.settings.idle);
        let outcome = stream.set_read_timeout(idle).and_then(|()| stream.set_write_timeout(idle));
        match outcome.and_then(|()| connection(&stream)) {
            // Clients come and go.
            Err(error) if !is_departure(&error) => eprintln!("{peer}: {error}"),
            _ => {}
        }
    }

    fn end_inputs(&self) {
        self.settings.stopping.store(true, Ordering::Relaxed);
        let mut open = self.open();
        open.stopped = true;
        for stream in open.streams.values() {
            // It may be gone already.
            let _ = stream.shutdown(Shutdown::Read);
        }
    }
}

fn is_departure(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::TimedOut
    )
}

/// A connection that is in the list of all.
struct Open<'a> {
    server: &'a Server<'a>,
    number: u64,
}

impl<'a> Open<'a> {
    fn new(server: &'a Server<'a>, stream: Arc<TcpStream>) -> Open<'a> {
        let mut open = server.open();
        if open.stopped {
            let _ = stream.shutdown(Shutdown::Read);
        }
        let number = open.next;
        open.next += 1;
        open.streams.insert(number, stream);
        Open { server, number }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.server.open().streams.remove(&self.number);
    }
}
