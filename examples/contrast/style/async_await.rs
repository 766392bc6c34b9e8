//! Async and await, on tokio's executor with one thread: each page is a future.
//!
//! The code of a page reads like blocking code again, but every function that may wait is `async`, every call of one is
//! awaited, and the sockets, timeouts and channels are the executor's own.

use std::{cell::RefCell, io, rc::Rc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime,
    sync::mpsc::{self, UnboundedReceiver},
    task::{self, JoinSet, LocalSet},
    time,
};

use crate::{
    failure::Failure,
    http::{Body, Response},
    job::{CHUNK, Job, Outcome},
    log::{Line, LogFile, Step},
    page::Page,
    trail::Trail,
};

/// How many lines are written at once.
const BATCH: usize = 1024;

pub fn run(job: &Job) -> io::Result<Outcome> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, visit_all(job))
}

async fn visit_all(job: &Job) -> io::Result<Outcome> {
    let outcome = Rc::new(RefCell::new(Outcome::default()));
    let (log, lines) = mpsc::unbounded_channel();
    let writer = task::spawn_local(write_log(job.log_file()?, lines));
    let mut visits = JoinSet::new();
    for page in &job.pages {
        let (clock, page, log, outcome) = (job.clock, page.clone(), log.clone(), outcome.clone());
        visits.spawn_local(async move {
            let trail = Trail::new(clock, &page, move |line| drop(log.send(line)));
            visit(&page, &trail, &outcome).await;
        });
    }
    drop(log);
    while let Some(visit) = visits.join_next().await {
        visit?;
    }
    let file = writer.await??;
    Ok(outcome.take().with_log(file))
}

async fn visit(page: &Page, trail: &Trail, outcome: &RefCell<Outcome>) {
    let words = match fetch(page, trail).await {
        Ok(body) => Ok(trail.parse(&body)),
        Err(failure) => Err(trail.blame(failure)),
    };
    outcome.borrow_mut().enter(trail, words);
}

async fn fetch(page: &Page, trail: &Trail) -> Result<Body, Failure> {
    let mut stream =
        time::timeout(trail.time_left()?, TcpStream::connect(page.addr)).await.map_err(io::Error::from)??;
    stream.write_all(&page.request()).await?;
    trail.step(Step::Connect);
    let mut response = Response::default();
    let mut chunk = [0; CHUNK];
    while !response.is_complete() {
        let reading = time::timeout(trail.time_left()?, stream.read(&mut chunk));
        let bytes = reading.await.map_err(io::Error::from)??;
        trail.received(bytes);
        response.feed(&chunk[..bytes])?;
    }
    response.finish()
}

async fn write_log(mut file: LogFile, mut lines: UnboundedReceiver<Line>) -> io::Result<LogFile> {
    let mut batch = Vec::new();
    while lines.recv_many(&mut batch, BATCH).await > 0 {
        let lines = std::mem::take(&mut batch);
        file = task::spawn_blocking(move || file.append(lines)).await?;
    }
    Ok(file)
}
