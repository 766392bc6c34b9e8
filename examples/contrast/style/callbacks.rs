//! Callbacks on the loop: each page leaves a callback with the loop and returns.
//!
//! The code of a page is cut at every wait, and what must outlive the cut is moved into the next callback by hand. The
//! `while` of the other styles has become `receive` and `received` calling each other; `?` has become `end`.

use std::{
    cell::RefCell,
    io::{self, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    rc::Rc,
    sync::Arc,
};

use corro::{EventLoop, event_loop::TimerHandle};

use crate::{
    failure::Failure,
    http::{Body, Response},
    job::{CHUNK, Clock, Job, Outcome},
    log::{Line, LogFile, Step},
    page::Page,
    socket,
    trail::Trail,
};

pub fn run(job: &Job) -> io::Result<Outcome> {
    let crawl = Rc::new(Crawl {
        event_loop: EventLoop::new()?,
        clock: job.clock,
        outcome: RefCell::default(),
        lines: RefCell::default(),
        file: RefCell::new(Some(job.log_file()?)),
    });
    for page in job.pages.iter().cloned() {
        let visited = crawl.clone();
        crawl.event_loop.call_soon(move || visit(visited, page));
    }
    crawl.event_loop.run_until_idle();
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
    /// Not here while a batch is being written.
    file: RefCell<Option<LogFile>>,
}

fn visit(crawl: Rc<Crawl>, page: Arc<Page>) {
    let log = crawl.clone();
    let trail = Trail::new(crawl.clock, &page, move |line| log.log(line));
    match socket::connect(page.addr) {
        Ok(stream) => Visit::begin(crawl, page, trail, Rc::new(stream)),
        Err(error) => crawl.outcome.borrow_mut().enter(&trail, Err(error.into())),
    }
}

/// What one page takes along from callback to callback.
struct Visit {
    crawl: Rc<Crawl>,
    page: Arc<Page>,
    trail: Trail,
    stream: Rc<TcpStream>,
    /// Shuts the connection down when the time is over; the callback that waits for it then sees its end.
    alarm: TimerHandle,
    response: Response,
}

impl Visit {
    fn begin(crawl: Rc<Crawl>, page: Arc<Page>, trail: Trail, stream: Rc<TcpStream>) {
        let late = stream.clone();
        let alarm = crawl.event_loop.call_later(crawl.clock.timeout, move || drop(late.shutdown(Shutdown::Both)));
        let visit =
            Visit { crawl: crawl.clone(), page, trail, stream: stream.clone(), alarm, response: Response::default() };
        crawl.event_loop.call_writable(&stream, move |ready| visit.connected(ready));
    }

    fn connected(self, ready: io::Result<()>) {
        match ready.and_then(|()| self.send_request()) {
            Ok(()) => self.receive(),
            Err(error) => self.end(Err(error.into())),
        }
    }

    fn send_request(&self) -> io::Result<()> {
        socket::connected(&self.stream)?;
        (&*self.stream).write_all(&self.page.request())?; // it fits into the empty send buffer
        self.trail.step(Step::Connect);
        Ok(())
    }

    fn receive(self) {
        let (crawl, stream) = (self.crawl.clone(), self.stream.clone());
        crawl.event_loop.call_readable(&stream, move |ready| self.received(ready));
    }

    fn received(mut self, ready: io::Result<()>) {
        match ready.map_err(Failure::from).and_then(|()| self.read()) {
            Ok(()) if self.response.is_complete() => {
                let body = std::mem::take(&mut self.response).finish();
                self.end(body);
            }
            Ok(()) => self.receive(),
            Err(failure) => self.end(Err(failure)),
        }
    }

    fn read(&mut self) -> Result<(), Failure> {
        self.trail.time_left()?;
        let mut chunk = [0; CHUNK];
        match (&*self.stream).read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
            Ok(bytes) => {
                self.trail.received(bytes);
                self.response.feed(&chunk[..bytes])
            }
        }
    }

    fn end(self, body: Result<Body, Failure>) {
        self.alarm.cancel();
        let words = match body {
            Ok(body) => Ok(self.trail.parse(&body)),
            Err(failure) => Err(self.trail.blame(failure)),
        };
        self.crawl.outcome.borrow_mut().enter(&self.trail, words);
    }
}

impl Crawl {
    /// A line that finds no batch being written has one written.
    fn log(self: &Rc<Crawl>, line: Line) {
        self.lines.borrow_mut().push(line);
        if let Some(file) = self.file.take() {
            let crawl = self.clone();
            self.event_loop.call_soon(move || crawl.write(file));
        }
    }

    /// Has the lines written by another thread, and is called back with the file.
    fn write(self: Rc<Crawl>, file: LogFile) {
        let lines = self.lines.take();
        let crawl = self.clone();
        let task = self.event_loop.spawn(move || {
            let file = corro::unblock(move || file.append(lines));
            crawl.written(file);
        });
        drop(task); // it runs by itself
    }

    fn written(self: Rc<Crawl>, file: LogFile) {
        if self.lines.borrow().is_empty() {
            self.file.replace(Some(file));
        } else {
            self.write(file);
        }
    }
}
