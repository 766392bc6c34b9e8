//! A thread per page: each page is fetched by plain blocking code, and the system runs another thread meanwhile.
//!
//! The code of a page is that of `one_after_another`. New are the lock around the index, for two threads may want it at
//! the same moment, and the price: a thread for every page that waits.

use std::{
    io::{self, Read as _, Write as _},
    iter,
    net::TcpStream,
    sync::{
        Mutex,
        mpsc::{self, Receiver},
    },
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
    let outcome = Mutex::new(Outcome::default());
    let (log, lines) = mpsc::channel();
    let file = thread::scope(|scope| {
        let writer = scope.spawn(|| write_log(file, lines));
        for page in &job.pages {
            let (log, outcome) = (log.clone(), &outcome);
            scope.spawn(move || {
                let trail = Trail::new(job.clock, page, move |line| drop(log.send(line)));
                visit(page, &trail, outcome);
            });
        }
        drop(log);
        writer.join().expect("the log writer never panics")
    });
    Ok(outcome.into_inner().expect("no page panics").with_log(file))
}

fn visit(page: &Page, trail: &Trail, outcome: &Mutex<Outcome>) {
    let words = match fetch(page, trail) {
        Ok(body) => Ok(trail.parse(&body)),
        Err(failure) => Err(trail.blame(failure)),
    };
    outcome.lock().expect("no page panics").enter(trail, words);
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
