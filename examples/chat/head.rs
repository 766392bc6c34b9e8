//! The head of a request: read up to its blank line and no further than a limit, in limited time.

use std::io::{self, Read};
use std::time::Duration;

use corro::net::TcpStream;
use corro::timeout;
use tungstenite::error::ProtocolError;
use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::Request;

/// Bytes that a head has at most.
const MOST: usize = 8 * 1024;
const END: &[u8] = b"\r\n\r\n";

/// What a request says, and what of the connection was read with it.
pub(crate) struct Head {
    pub(crate) request: Request,
    pub(crate) rest: Vec<u8>,
}

/// Why there is none.
pub(crate) enum NoHead {
    /// The connection has failed, or has ended before its first byte, as those do that browsers open in advance.
    Gone(io::Error),
    TooLate,
    TooLong,
    NotGet,
    Wrong,
}

/// Reads it. The limit is for all of it, so that a byte now and then does not hold a connection open.
pub(crate) fn read(stream: &TcpStream, within: Duration) -> Result<Head, NoHead> {
    let (bytes, length) = timeout(within, || read_bytes(stream)).unwrap_or(Err(NoHead::TooLate))?;
    match Request::try_parse(&bytes[..length]) {
        Ok(Some((_, request))) => Ok(Head { request, rest: bytes[length..].to_vec() }),
        Err(tungstenite::Error::Protocol(ProtocolError::WrongHttpMethod)) => Err(NoHead::NotGet),
        _ => Err(NoHead::Wrong),
    }
}

/// What was read, and how much of it is the head.
fn read_bytes(mut stream: &TcpStream) -> Result<(Vec<u8>, usize), NoHead> {
    let (mut bytes, mut read) = (vec![0; MOST], 0);
    while read < MOST {
        let count = stream.read(&mut bytes[read..]).map_err(NoHead::Gone)?;
        if count == 0 {
            return Err(NoHead::Gone(io::ErrorKind::UnexpectedEof.into()));
        }
        // The end may have begun in what was there before.
        let from = read.saturating_sub(END.len() - 1);
        read += count;
        if let Some(at) = bytes[from..read].windows(END.len()).position(|window| window == END) {
            bytes.truncate(read);
            return Ok((bytes, from + at + END.len()));
        }
    }
    Err(NoHead::TooLong)
}
