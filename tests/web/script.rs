//! A client without a network: what it sends is fixed, and how it is divided.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use corro::EventLoop;

use crate::web::connection::Stream;
use crate::web::limits::Limits;
use crate::web::site::Site;

/// Each read gives a piece, or what of it there is room for.
struct Script {
    pieces: VecDeque<Vec<u8>>,
    end: End,
    /// Before each read.
    pause: Duration,
    taking: Taking,
    writes: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// How much a client takes at once, and the time before that.
#[derive(Clone, Copy)]
pub(crate) struct Taking {
    pub(crate) most: usize,
    pub(crate) pause: Duration,
}

impl Taking {
    const ALL: Taking = Taking { most: usize::MAX, pause: Duration::ZERO };
}

/// What a client does when it has sent all.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Leaves,
    SaysNothing,
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(!buffer.is_empty(), "there is always room to read into");
        corro::sleep(self.pause);
        let Some(mut piece) = self.pieces.pop_front() else { return self.end.read() };
        let count = piece.len().min(buffer.len());
        buffer[..count].copy_from_slice(&piece[..count]);
        piece.drain(..count);
        if !piece.is_empty() {
            self.pieces.push_front(piece);
        }
        Ok(count)
    }
}

impl End {
    fn read(self) -> io::Result<usize> {
        match self {
            End::Leaves => Ok(0),
            End::SaysNothing => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        corro::sleep(self.taking.pause);
        let count = bytes.len().min(self.taking.most);
        self.writes.lock().unwrap().push(bytes[..count].to_vec());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Script {
    fn end_output(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the server writes to a client that sends this; each write is one entry.
pub(crate) fn writes(pieces: Vec<Vec<u8>>, end: End, limits: Limits, stopping: bool) -> Vec<Vec<u8>> {
    serve(pieces, end, Duration::ZERO, Taking::ALL, limits, stopping).0
}

/// The numbers at the heads of the answers to a client that sends a piece now and then, and leaves.
pub(crate) fn statuses_of_slow(pieces: Vec<Vec<u8>>, pause: Duration, limits: Limits) -> Vec<u16> {
    numbers(&serve(pieces, End::Leaves, pause, Taking::ALL, limits, false).0.concat())
}

/// How many bytes a client has taken of the answers when the server is through with it, and how that was.
pub(crate) fn taken(requests: &[u8], taking: Taking, limits: Limits) -> (usize, io::Result<()>) {
    let (writes, outcome) = serve(vec![requests.to_vec()], End::Leaves, Duration::ZERO, taking, limits, false);
    (writes.concat().len(), outcome)
}

fn serve(
    pieces: Vec<Vec<u8>>,
    end: End,
    pause: Duration,
    taking: Taking,
    limits: Limits,
    stopping: bool,
) -> (Vec<Vec<u8>>, io::Result<()>) {
    let writes = Arc::new(Mutex::default());
    let pieces = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
    let client = Script { pieces, end, pause, taking, writes: Arc::clone(&writes) };
    let site = Site::new("", limits).expect("no folder is named");
    let event_loop = EventLoop::builder().virtual_time(true).build().expect("a loop");
    let outcome = event_loop.run(|| crate::web::serve(client, &site, &|| stopping));
    (Arc::into_inner(writes).expect("the client is gone").into_inner().unwrap(), outcome)
}

/// All that it writes, without the dates.
pub(crate) fn answers(pieces: Vec<Vec<u8>>, limits: Limits) -> String {
    without_dates(&writes(pieces, End::Leaves, limits, false).concat())
}

fn without_dates(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.split_inclusive("\r\n").filter(|line| !line.starts_with("Date: ")).collect()
}

/// The numbers at the heads of the answers to a client that leaves when it has sent this.
pub(crate) fn statuses(requests: &[u8]) -> Vec<u16> {
    statuses_at(requests, End::Leaves)
}

pub(crate) fn statuses_at(requests: &[u8], end: End) -> Vec<u16> {
    numbers(&writes(vec![requests.to_vec()], end, Limits::default(), false).concat())
}

fn numbers(answers: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answers);
    text.match_indices("HTTP/1.1 ").map(|(at, start)| text[at + start.len()..][..3].parse().unwrap()).collect()
}
