//! The body of a request, read as it is needed.

use super::chunks::{Chunks, Step};
use super::connection::{Connection, Failure, Stream};
use super::limits::Limits;
use super::request::Framing;
use super::response::{CONTENT_TOO_LARGE, Status};

/// What is left of a body.
pub(crate) enum Body {
    Length(u64),
    Chunked(Chunks),
}

/// A body that nobody wants is read up to this length, so that the connection can be kept.
const SHORT: u64 = 64 * 1024;

impl Body {
    /// # Errors
    /// A body that says it is too long.
    pub(crate) fn new(framing: Framing, limits: &Limits) -> Result<Body, Status> {
        match framing {
            Framing::None => Ok(Body::Length(0)),
            Framing::Length(length) if length > limits.body => Err(CONTENT_TOO_LARGE),
            Framing::Length(length) => Ok(Body::Length(length)),
            Framing::Chunked => Ok(Body::Chunked(Chunks::new(limits.body))),
        }
    }

    /// Whether it is known to be short.
    pub(crate) fn is_short(&self) -> bool {
        matches!(self, Body::Length(0..=SHORT))
    }

    /// Waits for a piece: the input begins with so many bytes of it, which the caller has to use. None is the end.
    pub(crate) fn next(&mut self, connection: &mut Connection<impl Stream>) -> Result<Option<usize>, Failure> {
        loop {
            match self.step(connection.input.bytes())? {
                Step::Data(count) => return Ok(Some(count)),
                Step::Skip(count) => connection.input.consume(count),
                Step::More => connection.more_of_body()?,
                Step::Done => return Ok(None),
            }
        }
    }

    /// Reads what is left, and forgets it.
    #[inline]
    pub(crate) fn discard(&mut self, connection: &mut Connection<impl Stream>) -> Result<(), Failure> {
        // Most requests have no body, and are spared the call.
        while !matches!(self, Body::Length(0))
            && let Some(count) = self.next(connection)?
        {
            connection.input.consume(count);
        }
        Ok(())
    }

    fn step(&mut self, bytes: &[u8]) -> Result<Step, Status> {
        match self {
            Body::Chunked(chunks) => chunks.step(bytes),
            Body::Length(0) => Ok(Step::Done),
            Body::Length(_) if bytes.is_empty() => Ok(Step::More),
            Body::Length(left) => {
                let count = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= count as u64;
                Ok(Step::Data(count))
            }
        }
    }
}
