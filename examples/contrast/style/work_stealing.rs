//! Implicit coroutines on all cores: each page is a task, and a worker that has nothing to do takes one from another.
//!
//! This is `thread_per_page` with `corro` in three places where `std` was: the socket, the scope and the thread of the
//! log writer, which is one of the pool. A task that has begun stays on its worker, but two workers may want the index
//! at the same moment, so the lock is back.

use std::{
    io::{self, Read as _, Write as _},
    iter,
    sync::{
        Mutex,
        mpsc::{self, Receiver},
    },
};

use corro::{Runtime, net::TcpStream};

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
    Ok(Runtime::new()?.run(|| visit_all(job, file)))
}

fn visit_all(job: &Job, file: LogFile) -> Outcome {
    let outcome = Mutex::new(Outcome::default());
    let (log, lines) = mpsc::channel();
    let file = corro::scope(|scope| {
        for page in &job.pages {
            let (log, outcome) = (log.clone(), &outcome);
            scope.spawn(move || {
                let trail = Trail::new(job.clock, page, move |line| drop(log.send(line)));
                visit(page, &trail, outcome);
            });
        }
        drop(log);
        corro::unblock(move || write_log(file, lines))
    });
    outcome.into_inner().expect("no page panics").with_log(file)
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
