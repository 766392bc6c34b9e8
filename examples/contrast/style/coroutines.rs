//! Implicit coroutines on the loop: each page just waits, and the loop runs another one meanwhile.
//!
//! `fetch` is word for word that of `thread_per_page`: only `TcpStream` comes from `corro::net`. One thread runs all
//! pages, and gives way only where one waits, so the index needs no lock.

use std::{
    cell::RefCell,
    io::{self, Read as _, Write as _},
    rc::Rc,
    sync::Arc,
};

use corro::{JoinHandle, net::TcpStream};

use crate::{
    failure::Failure,
    http::{Body, Response},
    job::{CHUNK, Job, Outcome},
    log::{Line, LogFile, Step},
    page::Page,
    trail::Trail,
};

pub fn run(job: &Job) -> io::Result<Outcome> {
    let log = Log::new(job.log_file()?);
    corro::run(|| {
        let outcome = Rc::new(RefCell::new(Outcome::default()));
        let visits: Vec<_> = job.pages.iter().map(|page| spawn_visit(job, page, &log, &outcome)).collect();
        for visit in visits {
            visit.join().expect("no page panics");
        }
        Ok(outcome.take().with_log(log.finish()))
    })
}

fn spawn_visit(job: &Job, page: &Arc<Page>, log: &Rc<Log>, outcome: &Rc<RefCell<Outcome>>) -> JoinHandle<()> {
    let (clock, page, log, outcome) = (job.clock, page.clone(), log.clone(), outcome.clone());
    corro::spawn_local(move || {
        let trail = Trail::new(clock, &page, move |line| log.feed(line));
        visit(&page, &trail, &outcome);
    })
}

fn visit(page: &Page, trail: &Trail, outcome: &RefCell<Outcome>) {
    let words = match fetch(page, trail) {
        Ok(body) => Ok(trail.parse(&body)),
        Err(failure) => Err(trail.blame(failure)),
    };
    outcome.borrow_mut().enter(trail, words);
}

fn fetch(page: &Page, trail: &Trail) -> Result<Body, Failure> {
    let mut stream = TcpStream::connect_timeout(&page.addr, trail.time_left()?)?;
    stream.write_all(&page.request())?;
    trail.step(Step::Connect);
    let mut response = Response::default();
    let mut chunk = [0; CHUNK];
    while !response.is_complete() {
        stream.set_read_timeout(Some(trail.time_left()?))?;
        let bytes = stream.read(&mut chunk)?;
        trail.received(bytes);
        response.feed(&chunk[..bytes])?;
    }
    response.finish()
}

/// The log: a line that finds no writer at work starts one, which writes until no line is left.
struct Log {
    lines: RefCell<Vec<Line>>,
    /// Not here while a writer is at work.
    file: RefCell<Option<LogFile>>,
    writer: RefCell<Option<JoinHandle<()>>>,
}

impl Log {
    fn new(file: LogFile) -> Rc<Log> {
        Rc::new(Log { lines: RefCell::default(), file: RefCell::new(Some(file)), writer: RefCell::default() })
    }

    fn feed(self: &Rc<Log>, line: Line) {
        self.lines.borrow_mut().push(line);
        if let Some(file) = self.file.take() {
            let log = self.clone();
            self.writer.replace(Some(corro::spawn_local(move || log.write(file))));
        }
    }

    fn write(&self, mut file: LogFile) {
        while !self.lines.borrow().is_empty() {
            let lines = self.lines.take();
            file = corro::unblock(move || file.append(lines));
        }
        self.file.replace(Some(file));
    }

    /// Waits for the writer, if one is at work.
    fn finish(&self) -> LogFile {
        if let Some(writer) = self.writer.take() {
            writer.join().expect("the log writer never panics");
        }
        self.file.take().expect("the writer has put the file back")
    }
}
