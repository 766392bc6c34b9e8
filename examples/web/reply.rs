//! An answer on its way to the client.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use corro::fs::File;

use super::body::Body;
use super::connection::{Connection, Failure, Stream};
use super::date;
use super::files::{Opened, Share};
use super::limits::Limits;
use super::request::{Framing, Terms, Version};
use super::response::{CONTINUE, Head, LAST_CHUNK, NOT_MODIFIED, OK, PARTIAL_CONTENT, PLAIN, Status, push_chunk};
use super::site::Answer;

/// A file is read and written in pieces of this size.
const PIECE: u64 = 64 * 1024;

/// Whether the connection can be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Stays,
    Closes,
}

/// Appends the answer to the output, some of which is written meanwhile if it is long.
pub(crate) fn send(
    connection: &mut Connection<impl Stream>,
    answer: Answer,
    terms: Terms,
    limits: &Limits,
    stopping: &dyn Fn() -> bool,
) -> Result<Ending, Failure> {
    let mut body = Body::new(terms.framing, limits)?;
    if let Answer::Echo = answer {
        return echo(connection, body, terms);
    }
    // A body that nobody wants is read before the answer: if there is something wrong with it, that is the answer.
    let keeps = terms.keep_alive && !terms.expects_continue && body.is_short();
    if keeps {
        body.discard(connection)?;
    }
    let closes = !keeps || is_last(connection, stopping)?;
    let reply = Reply { version: terms.version, is_head: terms.is_head, closes };
    match answer {
        Answer::Page { kind, text } => reply.page(&mut connection.output, kind, text),
        Answer::Status(status, field) => reply.status(&mut connection.output, status, field),
        Answer::File(opened, share) => reply.file(connection, opened, share)?,
        Answer::Echo => unreachable!("it was taken above"),
    }
    connection.flush_much()?;
    Ok(ending(closes))
}

fn ending(closes: bool) -> Ending {
    if closes { Ending::Closes } else { Ending::Stays }
}

/// Whether no further request will come, as far as that can be known: the server is stopping, which ends the input.
fn is_last(connection: &mut Connection<impl Stream>, stopping: &dyn Fn() -> bool) -> io::Result<bool> {
    Ok(stopping() && connection.input.is_empty() && connection.fill()? == 0)
}

/// Gives a body back as it comes, framed as it came. There is never more of it in memory than the buffers hold.
fn echo(connection: &mut Connection<impl Stream>, mut body: Body, terms: Terms) -> Result<Ending, Failure> {
    if terms.expects_continue && connection.input.is_empty() {
        connection.output.extend_from_slice(CONTINUE);
    }
    // Before the head, so that what is wrong with the body can still be told.
    let mut piece = body.next(connection)?;
    let head = Head::new(&mut connection.output, OK).field("Content-Type", "application/octet-stream");
    match terms.framing {
        Framing::Chunked => head.field("Transfer-Encoding", "chunked"),
        Framing::Length(length) => head.length(length),
        Framing::None => head.length(0),
    }
    .end(terms.version, !terms.keep_alive);
    while let Some(count) = piece {
        let data = &connection.input.bytes()[..count];
        match terms.framing {
            Framing::Chunked => push_chunk(&mut connection.output, data),
            _ => connection.output.extend_from_slice(data),
        }
        connection.input.consume(count);
        connection.flush_much()?;
        piece = body.next(connection).map_err(half_out)?;
    }
    if terms.framing == Framing::Chunked {
        connection.output.extend_from_slice(LAST_CHUNK);
    }
    Ok(ending(!terms.keep_alive))
}

/// The client sees that its answer is cut off; a status would be taken for more of it.
fn half_out(failure: Failure) -> Failure {
    match failure {
        Failure::Refused(_) => Failure::Over,
        other => other,
    }
}

/// What all other answers have in common.
struct Reply {
    version: Version,
    is_head: bool,
    closes: bool,
}

impl Reply {
    fn page(&self, output: &mut Vec<u8>, kind: &str, text: &str) {
        let head = Head::new(output, OK).field("Content-Type", kind).length(text.len() as u64);
        head.end(self.version, self.closes);
        self.text(output, text);
    }

    fn status(&self, output: &mut Vec<u8>, status: Status, field: Option<(&str, String)>) {
        let mut head = Head::new(output, status);
        if let Some((name, value)) = &field {
            head = head.field(name, value);
        }
        if status == NOT_MODIFIED {
            return head.end(self.version, self.closes);
        }
        head.field("Content-Type", PLAIN).length(status.0.len() as u64).end(self.version, self.closes);
        self.text(output, status.0);
    }

    fn text(&self, output: &mut Vec<u8>, text: &str) {
        if !self.is_head {
            output.extend_from_slice(text.as_bytes());
        }
    }

    fn file(&self, connection: &mut Connection<impl Stream>, opened: Opened, share: Share) -> io::Result<()> {
        let (status, range) = match share {
            Share::Part(range) => (PARTIAL_CONTENT, range),
            _ => (OK, 0..opened.length),
        };
        // Not later than the date of the answer, which the head begins with.
        let modified = date::format(opened.modified.min(date::this_second()));
        let mut head = Head::new(&mut connection.output, status).field("Content-Type", opened.kind);
        head = head.field("Last-Modified", str::from_utf8(&modified).expect("it is ASCII"));
        head = match status {
            PARTIAL_CONTENT => {
                let Range { start, end } = range;
                head.field("Content-Range", &format!("bytes {start}-{}/{}", end - 1, opened.length))
            }
            _ => head.field("Accept-Ranges", "bytes"),
        };
        head.length(range.end - range.start).end(self.version, self.closes);
        if self.is_head { Ok(()) } else { pass_on(connection, opened.file, range) }
    }
}

/// Reads a file and writes it, piece by piece; the first one goes out with the head.
fn pass_on(connection: &mut Connection<impl Stream>, file: std::fs::File, range: Range<u64>) -> io::Result<()> {
    let mut file = File::from_std(file);
    if range.start > 0 {
        file.seek(SeekFrom::Start(range.start))?;
    }
    let mut left = range.end - range.start;
    while left > 0 {
        let there = connection.output.len();
        connection.output.resize(there + left.min(PIECE) as usize, 0);
        let count = file.read(&mut connection.output[there..])?;
        if count == 0 {
            return Err(io::Error::other("a file became shorter while it was sent"));
        }
        connection.output.truncate(there + count);
        connection.flush()?;
        left -= count as u64;
    }
    Ok(())
}
