//! Generator coroutines: each page yields to the loop what it waits for, as Python's coroutines did before `await`.
//!
//! Every place where a page may give way is seen in the code: a `yield_` of a [`Trap`], or a `yield_from` of another
//! generator that has some. What has no yield in it cannot be interrupted.

use std::{
    cell::RefCell,
    io::{self, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    os::fd::AsRawFd as _,
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

use corro::{EventLoop, Generator, JoinHandle, event_loop::Trap};

use crate::{
    failure::Failure,
    http::{Body, Response},
    job::{CHUNK, Clock, Job, Outcome},
    log::{Line, LogFile, Step},
    page::Page,
    socket,
    trail::Trail,
};

/// A generator that the loop runs, or that another one delegates to.
type Coroutine<T> = Generator<Trap, (), T>;

pub fn run(job: &Job) -> io::Result<Outcome> {
    let crawl = Rc::new(Crawl {
        event_loop: EventLoop::new()?,
        clock: job.clock,
        outcome: RefCell::default(),
        lines: RefCell::default(),
        file: RefCell::new(Some(job.log_file()?)),
        writer: RefCell::default(),
    });
    let visits = job.pages.iter().map(|page| crawl.event_loop.spawn_generator(visit(crawl.clone(), page.clone())));
    let all = crawl.event_loop.spawn_generator(join_all(crawl.clone(), visits.collect()));
    crawl.event_loop.run(|| all.join()).expect("no page panics");
    let file = crawl.file.take().expect("the writer has put the file back");
    Ok(crawl.outcome.take().with_log(file))
}

/// What all pages share; one thread runs them, so it needs no lock.
struct Crawl {
    event_loop: EventLoop,
    clock: Clock,
    outcome: RefCell<Outcome>,
    /// The lines that are still to be written.
    lines: RefCell<Vec<Line>>,
    /// Not here while a writer is at work.
    file: RefCell<Option<LogFile>>,
    writer: RefCell<Option<JoinHandle<()>>>,
}

/// Ends after all pages and the log writer.
fn join_all(crawl: Rc<Crawl>, visits: Vec<JoinHandle<()>>) -> Coroutine<()> {
    Generator::new(move |co| {
        for visit in visits {
            co.yield_(Trap::Join(visit.id()));
            visit.join().expect("no page panics");
        }
        if let Some(writer) = crawl.writer.take() {
            co.yield_(Trap::Join(writer.id()));
        }
    })
}

fn visit(crawl: Rc<Crawl>, page: Arc<Page>) -> Coroutine<()> {
    Generator::new(move |co| {
        let feed = crawl.clone();
        let trail = Rc::new(Trail::new(crawl.clock, &page, move |line| feed.log(line)));
        let words = match co.yield_from(&mut fetch(crawl.clone(), page, trail.clone())) {
            Ok(body) => Ok(trail.parse(&body)),
            Err(failure) => Err(trail.blame(failure)),
        };
        crawl.outcome.borrow_mut().enter(&trail, words);
    })
}

fn fetch(crawl: Rc<Crawl>, page: Arc<Page>, trail: Rc<Trail>) -> Coroutine<Result<Body, Failure>> {
    Generator::new(move |co| {
        let stream = Rc::new(socket::connect(page.addr)?);
        drop(crawl.event_loop.spawn_generator(watchdog(trail.time_left()?, Rc::downgrade(&stream)))); // runs by itself
        co.yield_(Trap::Writable(stream.as_raw_fd()));
        socket::connected(&stream)?;
        (&*stream).write_all(&page.request())?; // it fits into the empty send buffer
        trail.step(Step::Connect);
        let mut response = Response::default();
        while !response.is_complete() {
            let piece = co.yield_from(&mut read(stream.clone()))?;
            trail.time_left()?;
            trail.received(piece.len());
            response.feed(&piece)?;
        }
        response.finish()
    })
}

/// The next bytes, none at the end of the connection.
fn read(stream: Rc<TcpStream>) -> Coroutine<io::Result<Vec<u8>>> {
    Generator::new(move |co| {
        let mut chunk = vec![0; CHUNK];
        loop {
            match (&*stream).read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    co.yield_(Trap::Readable(stream.as_raw_fd()));
                }
                bytes => return bytes.map(|bytes| chunk[..bytes].to_vec()),
            }
        }
    })
}

/// Shuts the connection down when its time is over; whoever waits for it then sees its end.
fn watchdog(after: Duration, stream: Weak<TcpStream>) -> Coroutine<()> {
    Generator::new(move |co| {
        co.yield_(Trap::Sleep(after));
        if let Some(stream) = stream.upgrade() {
            let _ = stream.shutdown(Shutdown::Both); // an error: it has ended by itself
        }
    })
}

impl Crawl {
    /// A line that finds no writer at work starts one.
    fn log(self: &Rc<Crawl>, line: Line) {
        self.lines.borrow_mut().push(line);
        if let Some(file) = self.file.take() {
            let writer = self.event_loop.spawn_generator(write_log(self.clone(), file));
            self.writer.replace(Some(writer));
        }
    }
}

/// Writes until no line is left.
fn write_log(crawl: Rc<Crawl>, mut file: LogFile) -> Coroutine<()> {
    Generator::new(move |co| {
        while !crawl.lines.borrow().is_empty() {
            let lines = crawl.lines.take();
            file = co.yield_from(&mut in_pool(&crawl.event_loop, move || file.append(lines)));
        }
        crawl.file.replace(Some(file));
    })
}

/// Runs `work` on another thread, as Python's `run_in_executor`.
fn in_pool<T: Send + 'static>(event_loop: &EventLoop, work: impl FnOnce() -> T + Send + 'static) -> Coroutine<T> {
    let task = event_loop.spawn(|| corro::unblock(work));
    Generator::new(move |co| {
        co.yield_(Trap::Join(task.id()));
        task.join().expect("the log writer never panics")
    })
}
