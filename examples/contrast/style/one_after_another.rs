//! One after another: the program waits with each page and does nothing else meanwhile.
//!
//! The plainest code, and the slowest run: the waits add up. Only the log has a thread of its own, for else each page
//! would wait for the disk as well.

use std::{
    io::{self, Read as _, Write as _},
    iter,
    net::TcpStream,
    sync::mpsc::{self, Receiver, Sender},
    thread,
};

use crate::{
    failure::Failure,
    http::{Body, Response},
    job::{CHUNK, Job, Outcome},
    log::{Line, LogFile, Step},
    page::Page,
    trail::Trail,
};

pub fn run(job: &Job) -> io::Result<Outcome> {
    let file = job.log_file()?;
    let (log, lines) = mpsc::channel();
    thread::scope(|scope| {
        let writer = scope.spawn(|| write_log(file, lines));
        let outcome = visit_all(job, log);
        Ok(outcome.with_log(writer.join().expect("the log writer never panics")))
    })
}

fn visit_all(job: &Job, log: Sender<Line>) -> Outcome {
    let mut outcome = Outcome::default();
    for page in &job.pages {
        let log = log.clone();
        let trail = Trail::new(job.clock, page, move |line| drop(log.send(line)));
        visit(page, &trail, &mut outcome);
    }
    outcome
}

fn visit(page: &Page, trail: &Trail, outcome: &mut Outcome) {
    let words = match fetch(page, trail) {
        Ok(body) => Ok(trail.parse(&body)),
        Err(failure) => Err(trail.blame(failure)),
    };
    outcome.enter(trail, words);
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

fn write_log(mut file: LogFile, lines: Receiver<Line>) -> LogFile {
    while let Ok(line) = lines.recv() {
        file = file.append(iter::once(line).chain(lines.try_iter()).collect());
    }
    file
}
