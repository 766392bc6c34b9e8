//! A member: a task that reads, a task that writes, and the queue between the room and the latter.
//!
//! tungstenite writes while it reads: it answers pings, and a close. Two tasks that share its `WebSocket` would have to lock
//! it, and who waits for a message would hold the lock. So each direction has a `WebSocket` of its own, on the same stream.
//! A server may do that, since what it sends depends in nothing on what it has got. The one that reads can write nowhere: its
//! answers are put into the queue by ourselves, as all else that goes out. So each task is a plain loop, frames never mix,
//! and who sends pings but takes no answers is too slow, as others are.

use std::convert::Infallible;
use std::io::{self, ErrorKind, Read, Write};
use std::iter;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use corro::channel::{Receiver, Sender, bounded};
use corro::net::TcpStream;
use corro::{CancelToken, cancel_scope, scope, sleep_until, time, timeout};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Error, Message, Utf8Bytes, WebSocket};

use crate::limits::Limits;
use crate::room::{Room, goodbye, too_slow};

/// Bytes that the system keeps of what a member does not take, about: who is slow is to be found out soon.
const SEND_BUFFER: usize = 32 * 1024;
const BUFFER: usize = 4 * 1024;

/// Stays with a connection until it ends.
pub(crate) fn attend(stream: &TcpStream, rest: Vec<u8>, room: &Room) -> io::Result<()> {
    let limits = room.limits();
    stream.set_nodelay(true)?;
    // `Incoming` knows how long to wait.
    stream.set_read_timeout(None)?;
    rustix::net::sockopt::set_socket_send_buffer_size(stream, SEND_BUFFER)?;
    let (queue, lines) = bounded(limits.queue);
    let mut reader = Reader::new(stream, rest, queue.clone(), room);
    scope(|s| {
        let writer = s.spawn(move || write(stream, &lines));
        let outcome = cancel_scope(|dismissal| take_part(&mut reader, room, dismissal));
        let Err(reason) = outcome.unwrap_or_else(|_dismissed| Err(too_slow()));
        let parted = timeout(limits.farewell, || {
            // Fails if the writer has: then there is nobody to part from.
            let _ = queue.send(Message::Close(Some(reason)));
            let _ = writer.join();
            linger(stream);
        });
        if parted.is_err() {
            s.cancel();
        }
    });
    Ok(())
}

/// Says what the member says, until it goes or has to.
fn take_part(reader: &mut Reader, room: &Room, dismissal: &CancelToken) -> Result<Infallible, CloseFrame> {
    let late = |_| Err(goodbye(CloseCode::Policy, "the first message, a name, has not come"));
    let name = timeout(room.limits().head, || reader.next()).unwrap_or_else(late)?;
    let seat = room.enter(&name, &reader.queue, dismissal)?;
    loop {
        seat.say(&reader.next()?)?;
    }
}

/// Waits for the other end's end. Closing a connection that has unread bytes would reset it, and then the goodbye might not
/// arrive. To be called within a timeout.
pub(crate) fn linger(mut stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let _ = io::copy(&mut stream, &mut io::sink());
}

fn config(limits: Option<&Limits>) -> WebSocketConfig {
    let most = limits.map(Limits::message_bytes);
    WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(most)
        .max_frame_size(most)
}

/// Writes what comes through the queue, up to the goodbye. What has piled up goes out together.
fn write(stream: &TcpStream, queue: &Receiver<Message>) -> tungstenite::Result<()> {
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, Some(config(None)));
    while let Ok(first) = queue.recv() {
        for message in iter::once(first).chain(queue.try_iter()) {
            let is_last = message.is_close();
            socket.write(message)?;
            if is_last {
                return Ok(());
            }
        }
        socket.flush()?;
    }
    Ok(())
}

/// The direction in; what is written is dropped.
struct Incoming<'a> {
    stream: &'a TcpStream,
    /// When it is waited no longer. It stays while bytes come: only what is whole counts.
    until: Instant,
}

impl Read for Incoming<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(time::now());
        timeout(left, || self.stream.read(buf)).unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
    }
}

impl Write for Incoming<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Reader<'a> {
    socket: WebSocket<Incoming<'a>>,
    queue: Sender<Message>,
    pace: Pace,
    room: &'a Room<'a>,
}

impl Reader<'_> {
    fn new<'a>(stream: &'a TcpStream, rest: Vec<u8>, queue: Sender<Message>, room: &'a Room) -> Reader<'a> {
        let (incoming, limits) = (Incoming { stream, until: time::now() }, room.limits());
        let socket = WebSocket::from_partially_read(incoming, rest, Role::Server, Some(config(Some(limits))));
        Reader { socket, queue, pace: Pace::new(limits.rate), room }
    }

    /// What the member says next, or why it says no more.
    fn next(&mut self) -> Result<Utf8Bytes, CloseFrame> {
        loop {
            match self.next_whole()? {
                Message::Text(text) => {
                    self.pace.wait();
                    return Ok(text);
                }
                Message::Ping(data) => self.answer(Message::Pong(data))?,
                Message::Pong(_) => {}
                Message::Close(_) => return Err(goodbye(CloseCode::Normal, "")),
                Message::Binary(_) | Message::Frame(_) => {
                    return Err(goodbye(CloseCode::Unsupported, "only text is said here"));
                }
            }
            self.pace.wait();
        }
    }

    /// Waits for a message that is whole: twice as long as `--ping` says, with a question in between.
    fn next_whole(&mut self) -> Result<Message, CloseFrame> {
        let mut asked = false;
        loop {
            // What has come before the stop may be more than is read in time.
            if self.room.is_stopping() {
                return Err(stops());
            }
            self.socket.get_mut().until = time::now() + self.room.limits().ping;
            match self.socket.read() {
                Err(Error::Io(error)) if error.kind() == ErrorKind::TimedOut && !asked => {
                    asked = true;
                    self.answer(Message::Ping(Default::default()))?;
                }
                outcome => return outcome.map_err(|error| reason(&error)),
            }
        }
    }

    fn answer(&self, message: Message) -> Result<(), CloseFrame> {
        self.queue.try_send(message).map_err(|_| too_slow())
    }
}

fn reason(error: &Error) -> CloseFrame {
    match error {
        Error::Io(error) if error.kind() == ErrorKind::TimedOut => {
            goodbye(CloseCode::Policy, "you have not answered a ping")
        }
        Error::Capacity(_) => goodbye(CloseCode::Size, "the line is too long"),
        Error::Utf8(_) => goodbye(CloseCode::Invalid, "the text is not UTF-8"),
        Error::Protocol(error) if !matches!(error, tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            goodbye(CloseCode::Protocol, "this is no WebSocket frame")
        }
        // The input has ended: the member is gone and hears nothing, or the server stops.
        _ => stops(),
    }
}

fn stops() -> CloseFrame {
    goodbye(CloseCode::Away, "the server stops")
}

/// How fast a member is read: a second's worth at once, then evenly. Meanwhile the rest waits at the member's own end of the
/// connection, so a flood fills no memory of ours.
struct Pace {
    every: Duration,
    /// When what was read would have been said, had it been said evenly.
    until: Instant,
}

impl Pace {
    fn new(rate: u32) -> Pace {
        Pace { every: Duration::from_secs(1) / rate, until: time::now() }
    }

    fn wait(&mut self) {
        let now = time::now();
        self.until = self.until.max(now) + self.every;
        if let Some(early) = self.until.checked_sub(Duration::from_secs(1)).filter(|early| *early > now) {
            sleep_until(early);
        }
    }
}
