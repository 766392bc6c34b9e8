//! Lines whose length is bounded.

use std::io::{self, BufRead, ErrorKind};

/// Appends to `line` what comes up to a line feed, and with it, as [`BufRead::read_line`]; but a line of more than `limit`
/// bytes, the line feed not counted, is refused before more than that was taken from `reader`.
///
/// Returns how many bytes were read: 0 at the end. So a client that sends no line feed can be told off after `limit` bytes.
/// If an error or a cancellation ends it in the middle of a line, what was read is in `line`, but for the beginning of a
/// character whose end had not come: it cannot be in a `String`, nor go back to `reader`.
///
/// # Errors
/// `InvalidData` for a line that is too long, or is not UTF-8. What was read of one that is too long is in `line` then, as
/// far as it is UTF-8, and the rest is unread, with a character that the limit divides. Of one that is not UTF-8 nothing is
/// in `line`.
///
/// # Examples
/// ```
/// use corro::io::read_line_limited;
///
/// let mut text = &b"GET /\r\nA header that goes on and on"[..];
/// let mut line = String::new();
/// assert_eq!(read_line_limited(&mut text, &mut line, 10)?, 7);
/// assert_eq!(line, "GET /\r\n");
/// let error = read_line_limited(&mut text, &mut line, 10).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn read_line_limited<R: BufRead + ?Sized>(reader: &mut R, line: &mut String, limit: usize) -> io::Result<usize> {
    let mut kept = Kept { line, bytes: Vec::new() };
    let outcome = read_limited(reader, &mut kept.bytes, limit);
    if outcome.is_ok() && str::from_utf8(&kept.bytes).is_err() {
        kept.bytes.clear();
        return Err(io::Error::new(ErrorKind::InvalidData, "the line is not valid UTF-8"));
    }
    outcome.map(|()| kept.bytes.len())
}

/// What was read goes to the line however the reading ends, also by a cancellation.
struct Kept<'a> {
    line: &'a mut String,
    bytes: Vec<u8>,
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        let text = self.bytes.utf8_chunks().next().map_or("", |first| first.valid());
        self.line.push_str(text);
    }
}

/// How many bytes they are without the beginning of a character at their end.
fn whole(bytes: &[u8]) -> usize {
    match str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

/// Reads up to and with a line feed, or to the end.
fn read_limited<R: BufRead + ?Sized>(reader: &mut R, bytes: &mut Vec<u8>, limit: usize) -> io::Result<()> {
    loop {
        let available = match reader.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            return Ok(());
        }
        let room = limit - bytes.len();
        let end = available.iter().take(room.saturating_add(1)).position(|&byte| byte == b'\n');
        let count = end.map_or(room.min(available.len()), |end| end + 1);
        let is_too_long = end.is_none() && available.len() > room;
        let before = bytes.len();
        bytes.extend_from_slice(&available[..count]);
        if is_too_long {
            // Not into a character that the limit divides.
            bytes.truncate(before.max(whole(bytes)));
        }
        reader.consume(bytes.len() - before);
        if is_too_long {
            return Err(io::Error::new(ErrorKind::InvalidData, format!("the line is longer than {limit} bytes")));
        }
        if end.is_some() {
            return Ok(());
        }
    }
}
