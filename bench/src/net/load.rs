//! The load: one thread, one epoll, each connection with one request at a time.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;

use super::Service;
use super::child::{Server, beside};
use crate::steady::median;

/// What comes before the measured span: all connections are served by then.
const WARM_UP: Duration = Duration::from_millis(400);

/// How long one of two servers has the load.
const TURN: Duration = Duration::from_millis(30);

/// After this a server that does not answer is given up.
const LONG: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// What was measured.
pub struct Run {
    took: Duration,
    cpu: Duration,
    /// Of each request, in ns; sorted.
    latencies: Vec<u32>,
}

impl Run {
    pub fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    /// In µs.
    pub fn percentile(&self, of: f64) -> f64 {
        f64::from(self.latencies[((self.latencies.len() - 1) as f64 * of) as usize]) / 1e3
    }

    /// CPU seconds of the server for a million requests.
    pub fn cpu_per_million(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.latencies.len() as f64
    }
}

/// Sends `bytes` on each of so many connections, and again as soon as they are back.
pub fn requests(server: &Server, connections: usize, bytes: usize, span: Duration) -> Run {
    beside(server, || Load::echo(server, connections, bytes, false).run(span))
}

/// CPU time of a server for a request, in proportion to that of another, which has the same load in turns with it: so what
/// else slows the machine slows both. The median of many turns.
pub fn ratio(servers: [&Server; 2], service: Service, connections: usize, span: Duration) -> f64 {
    beside(servers[0], || {
        let mut loads = servers.map(|server| match service {
            Service::Echo(_) => Load::echo(server, connections, 64, false),
            Service::Http => Load::http(server, connections),
        });
        let mut ratio = || {
            let [one, other] = loads.each_mut().map(|load| load.turn(TURN));
            one / other
        };
        // The first turns warm up.
        ratio();
        let (end, mut ratios) = (Instant::now() + span, vec![ratio()]);
        while Instant::now() < end {
            ratios.push(ratio());
        }
        median(ratios)
    })
}

/// Requests a second and CPU time for each, of a server in proportion to another, under `wrk` in turns of a second.
pub fn wrk_ratios(servers: [&Server; 2], turns: usize) -> Vec<f64> {
    let turn = |_| {
        let [one, other] = servers.map(|server| wrk(Duration::from_secs(1), server));
        [0, 3].map(|figure| one[figure] / other[figure])
    };
    // The first turn warms up.
    let ratios: Vec<[f64; 2]> = (0..=turns).map(turn).skip(1).collect();
    [0, 1].map(|figure| median(ratios.iter().map(|ratios| ratios[figure]).collect())).to_vec()
}

/// So many connections at a time, each for one request of a byte.
pub fn connections(server: &Server, at_once: usize, span: Duration) -> Run {
    beside(server, || Load::echo(server, at_once, 1, true).run(span))
}

/// Connections that say nothing: resident bytes of each, and CPU time in ms per s.
pub fn silence(connections: usize, span: Duration, server: &Server) -> Vec<f64> {
    let before = server.resident_bytes();
    let clients: Vec<Client> = (0..connections).map(|_| Client::connect(server)).collect();
    // All have been accepted when the last one, which comes after them, has its answer.
    let mut last = Client::connect(server).stream;
    last.set_nonblocking(false).expect("a socket");
    last.write_all(b"?").and_then(|()| last.read_exact(&mut [0])).expect("the server answers");
    std::thread::sleep(span / 10);
    let bytes = (server.resident_bytes() as f64 - before as f64) / connections as f64;
    let cpu = server.cpu_time();
    std::thread::sleep(span);
    let cpu = server.cpu_time() - cpu;
    drop(clients);
    vec![bytes, cpu.as_secs_f64() * 1e3 / span.as_secs_f64()]
}

struct Client {
    stream: TcpStream,
    /// What is still to be sent and to come back.
    unsent: usize,
    missing: usize,
    since: Instant,
}

impl Client {
    fn connect(server: &Server) -> Client {
        let stream = TcpStream::connect(server.address()).expect("the server listens");
        stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true)).expect("a socket");
        Client { stream, unsent: 0, missing: 0, since: Instant::now() }
    }

    fn begin(&mut self, data: &[u8], answer: usize) {
        (self.unsent, self.missing, self.since) = (data.len(), answer, Instant::now());
        self.send(data);
    }

    fn send(&mut self, data: &[u8]) {
        while self.unsent > 0 {
            match self.stream.write(&data[data.len() - self.unsent..]) {
                Ok(count) => self.unsent -= count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => panic!("sending: {error}"),
            }
        }
    }

    /// Whether all is back.
    fn receive(&mut self, buffer: &mut [u8]) -> bool {
        while self.missing > 0 {
            match self.stream.read(buffer) {
                Ok(0) => panic!("the server has hung up"),
                Ok(count) => self.missing -= count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => panic!("receiving: {error}"),
            }
        }
        true
    }
}

struct Load<'a> {
    server: &'a Server,
    epoll: OwnedFd,
    clients: Vec<Client>,
    data: Vec<u8>,
    /// Bytes that come back.
    answer: usize,
    buffer: Vec<u8>,
    /// Each request on a connection of its own.
    reconnects: bool,
}

impl<'a> Load<'a> {
    fn echo(server: &'a Server, connections: usize, bytes: usize, reconnects: bool) -> Load<'a> {
        Load::new(server, connections, vec![b'x'; bytes], bytes, reconnects)
    }

    /// How long the answer is, is seen by a first request.
    fn http(server: &'a Server, connections: usize) -> Load<'a> {
        const REQUEST: &[u8] = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let mut first = TcpStream::connect(server.address()).expect("the server listens");
        first.write_all(REQUEST).expect("the server reads");
        let answer = first.read(&mut [0; 4096]).expect("the server answers");
        Load::new(server, connections, REQUEST.to_vec(), answer, false)
    }

    fn new(server: &'a Server, connections: usize, data: Vec<u8>, answer: usize, reconnects: bool) -> Load<'a> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).expect("an epoll");
        let clients: Vec<_> = (0..connections).map(|_| Client::connect(server)).collect();
        let buffer = vec![0; answer.max(4096)];
        let load = Load { server, epoll, clients, data, answer, buffer, reconnects };
        (0..connections).for_each(|index| load.watch(index));
        load
    }

    fn watch(&self, index: usize) {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
        epoll::add(&self.epoll, &self.clients[index].stream, EventData::new_u64(index as u64), flags)
            .expect("a descriptor");
    }

    fn run(mut self, span: Duration) -> Run {
        self.clients.iter_mut().for_each(|client| client.begin(&self.data, self.answer));
        self.until(Instant::now() + WARM_UP);
        let (start, cpu) = (Instant::now(), self.server.cpu_time());
        let mut latencies = self.until(start + span);
        let (took, cpu) = (start.elapsed(), self.server.cpu_time() - cpu);
        latencies.sort_unstable();
        Run { took, cpu, latencies }
    }

    fn until(&mut self, end: Instant) -> Vec<u32> {
        let mut latencies = Vec::with_capacity(1 << 20);
        let mut events = Vec::with_capacity(1024);
        while Instant::now() < end {
            self.take_answers(&mut events, |load, index| {
                let latency = load.clients[index].since.elapsed().as_nanos();
                latencies.push(u32::try_from(latency).unwrap_or(u32::MAX));
                load.go_on(index);
            });
        }
        latencies
    }

    /// A request on each connection, again until the end, and all of the answers. CPU time of the server for a request.
    fn turn(&mut self, span: Duration) -> f64 {
        let (end, cpu) = (Instant::now() + span, self.server.cpu_time());
        self.clients.iter_mut().for_each(|client| client.begin(&self.data, self.answer));
        let (mut answers, mut open) = (0, self.clients.len());
        let mut events = Vec::with_capacity(1024);
        while open > 0 {
            self.take_answers(&mut events, |load, index| {
                answers += 1;
                if Instant::now() < end { load.go_on(index) } else { open -= 1 }
            });
        }
        (self.server.cpu_time() - cpu).as_secs_f64() / f64::from(answers)
    }

    /// Waits, and hands over which connections have their answer.
    fn take_answers(&mut self, events: &mut Vec<Event>, mut f: impl FnMut(&mut Self, usize)) {
        events.clear();
        epoll::wait(&self.epoll, spare_capacity(events), Some(&LONG)).expect("an epoll");
        assert!(!events.is_empty(), "the server does not answer");
        for event in events {
            let index = event.data.u64() as usize;
            let client = &mut self.clients[index];
            client.send(&self.data);
            if client.missing > 0 && client.receive(&mut self.buffer) {
                f(self, index);
            }
        }
    }

    fn go_on(&mut self, index: usize) {
        if self.reconnects {
            // A reset, which leaves no port behind that waits.
            let reset = Some(Duration::ZERO);
            rustix::net::sockopt::set_socket_linger(&self.clients[index].stream, reset).expect("a socket");
            self.clients[index] = Client::connect(self.server);
            self.watch(index);
        }
        self.clients[index].begin(&self.data, self.answer);
    }
}

/// What `wrk` says of 64 connections: requests per s, p50 and p99 in µs; and CPU seconds of the server for a million.
pub fn wrk(span: Duration, server: &Server) -> Vec<f64> {
    let seconds = span.as_secs().max(1).to_string();
    let output = beside(server, || {
        let mut command = Command::new("wrk");
        command.args(["-t1", "-c64", "--latency", "-d", &seconds, &format!("http://{}/hello", server.address())]);
        let cpu = server.cpu_time();
        let output = command.output().expect("wrk is installed");
        (String::from_utf8_lossy(&output.stdout).into_owned(), server.cpu_time() - cpu)
    });
    let (text, cpu) = output;
    assert!(!text.contains("errors"), "{text}");
    let (_, tail) = text.split_once("Latency Distribution").expect("wrk was asked for it");
    let word = |before: &str| {
        let rest = tail.split(before).nth(1).unwrap_or_else(|| panic!("no {before:?} in {text}"));
        rest.split_whitespace().next().expect("a word").to_owned()
    };
    let requests: f64 = text
        .split(" requests in")
        .next()
        .and_then(|s| s.rsplit('\n').next())
        .and_then(|count| count.trim().parse().ok())
        .expect("a number of requests");
    let per_second = word("Requests/sec:").parse().expect("a number");
    vec![per_second, microseconds(&word("50%")), microseconds(&word("99%")), cpu.as_secs_f64() * 1e6 / requests]
}

/// Of a time as wrk writes it.
fn microseconds(text: &str) -> f64 {
    let units = [("us", 1.0), ("ms", 1e3), ("s", 1e6)];
    let (number, factor) =
        units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor))).expect("a unit");
    number.parse::<f64>().expect("a number") * factor
}
