//! A client's stream with a buffer on each side, and how it ends.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use corro::net::TcpStream;

use super::input::Input;
use super::limits::Limits;
use super::pace::Pace;
use super::response::{REQUEST_TIMEOUT, Status};

/// What a connection runs over.
pub(crate) trait Stream: Read + Write {
    /// Tells the other side that nothing more will be written.
    fn end_output(&mut self) -> io::Result<()>;

    /// Writes what goes out at one go, where that can be told.
    fn write_at_once(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Ok(0)
    }
}

impl Stream for &TcpStream {
    fn end_output(&mut self) -> io::Result<()> {
        match self.shutdown(Shutdown::Write) {
            // The other side has closed the connection already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            outcome => outcome,
        }
    }

    fn write_at_once(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write(bytes)
    }
}

impl Stream for TcpStream {
    fn end_output(&mut self) -> io::Result<()> {
        (&mut &*self).end_output()
    }

    fn write_at_once(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write(bytes)
    }
}

/// Why a connection ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The client is told this.
    Refused(Status),
    /// Nothing more can be said: the input ended within a request, or half of an answer is out.
    Over,
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Failure {
        Failure::Refused(status)
    }
}

/// How long a client may go on to send, and how much, after the last answer.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1024 * 1024;
/// Output beyond this is written at once.
const MUCH: usize = 64 * 1024;
/// So large a buffer is kept for a client that says nothing.
const KEPT: usize = 16 * 1024;

pub(crate) struct Connection<S> {
    stream: S,
    pace: Pace,
    pub(crate) input: Input,
    /// What is still to be written; whoever answers appends to it.
    pub(crate) output: Vec<u8>,
}

impl<S: Stream> Connection<S> {
    pub(crate) fn new(stream: S, limits: &Limits) -> Connection<S> {
        Connection { stream, pace: Pace::new(limits), input: Input::new(limits.head), output: Vec::new() }
    }

    /// Writes what there is to write, with one call as a rule. Only what that leaves needs a clock.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            let Connection { stream, pace, output, .. } = self;
            let count = stream.write_at_once(output)?;
            let rest = &output[count..];
            if !rest.is_empty() {
                pace.write(rest.len(), || stream.write_all(rest).and_then(|()| stream.flush()))?;
            }
            output.clear();
        }
        Ok(())
    }

    /// The same if it is much.
    pub(crate) fn flush_much(&mut self) -> io::Result<()> {
        if self.output.len() >= MUCH { self.flush() } else { Ok(()) }
    }

    /// Waits for input; 0 is its end. The output goes out before: the client may be waiting for it.
    pub(crate) fn fill(&mut self) -> io::Result<usize> {
        self.flush()?;
        self.input.read_from(&mut self.stream)
    }

    /// Waits between requests. It is false if there will be none: the client has left, or says nothing.
    pub(crate) fn next(&mut self) -> io::Result<bool> {
        self.flush()?;
        self.pace.restart();
        self.output.shrink_to(KEPT);
        self.input.shrink_to(KEPT);
        match self.fill() {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(false),
            read => Ok(read? > 0),
        }
    }

    /// Waits within a head. All of it has to come in time, however often a little comes.
    pub(crate) fn more_of_head(&mut self, due: Instant) -> Result<(), Failure> {
        // A client that takes nothing for too long is another matter.
        self.flush()?;
        let left = due.saturating_duration_since(corro::time::now());
        more(corro::timeout(left, || self.fill()).unwrap_or_else(|_late| Err(io::ErrorKind::TimedOut.into())))
    }

    /// Waits within a body, which has to come at a pace.
    pub(crate) fn more_of_body(&mut self) -> Result<(), Failure> {
        self.flush()?;
        more(self.pace.read(|| self.input.read_from(&mut self.stream)))
    }

    /// Ends the connection so that the client gets all of the output.
    ///
    /// Closing a socket while input is unread, or comes later, makes the system tell the client of an error, and the
    /// client may lose the answer by that. So the output is ended first, and the input read to its end, within limits.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.pace.restart();
        self.flush()?;
        self.pace.write(0, || self.stream.end_output())?;
        if !self.input.is_at_end() {
            // It is gone in either case.
            let _ = corro::timeout(LINGER, || self.discard());
        }
        Ok(())
    }

    fn discard(&mut self) -> io::Result<()> {
        let mut count = 0;
        while count < LINGER_BYTES && !self.input.is_at_end() {
            self.input.consume(self.input.bytes().len());
            count += self.input.read_from(&mut self.stream)?;
        }
        Ok(())
    }
}

/// What has come of a request. A client that says nothing for too long is refused.
fn more(read: io::Result<usize>) -> Result<(), Failure> {
    match read {
        Ok(0) => Err(Failure::Over),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(Failure::Refused(REQUEST_TIMEOUT)),
        Err(error) => Err(error.into()),
    }
}
