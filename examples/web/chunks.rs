//! A chunked body, piece by piece, without reading or writing.
//!
//! ```text
//!   5;extension CRLF  hello CRLF  0 CRLF  Trailer: field CRLF  CRLF
//!   |--- Size ------| |Data||End| |Size | |---- Trailers ---------|   Done
//! ```

use super::response::{BAD_REQUEST, CONTENT_TOO_LARGE, FIELDS_TOO_LARGE, Status};

/// The longest line that says a size, or that is a trailer.
const LONGEST_LINE: usize = 512;
/// So much of a body may be extensions and trailers, which nobody reads.
const MOST_EXTRA: usize = 8 * 1024;

#[derive(Debug)]
pub(crate) struct Chunks {
    state: State,
    /// Bytes of data that may still come.
    left: u64,
    extra: usize,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Size,
    Data(u64),
    End,
    Trailers,
    Done,
}

/// What the bytes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many bytes of data.
    Data(usize),
    /// So many bytes that are not data.
    Skip(usize),
    /// Nothing that can be told yet.
    More,
    Done,
}

impl Chunks {
    /// A body of at most so many bytes.
    pub(crate) fn new(most: u64) -> Chunks {
        Chunks { state: State::Size, left: most, extra: 0 }
    }

    /// What `bytes` begin with. The next call is to have the bytes after that.
    pub(crate) fn step(&mut self, bytes: &[u8]) -> Result<Step, Status> {
        match self.state {
            State::Done => Ok(Step::Done),
            State::Data(left) => Ok(self.data(left, bytes.len())),
            State::End => self.end(bytes),
            State::Size => match line(bytes)? {
                None => Ok(Step::More),
                Some(line) => self.size(line),
            },
            State::Trailers => match line(bytes)? {
                None => Ok(Step::More),
                Some(line) => self.trailer(line),
            },
        }
    }

    fn data(&mut self, left: u64, there: usize) -> Step {
        let count = usize::try_from(left).map_or(there, |left| left.min(there));
        if count == 0 {
            return Step::More;
        }
        let left = left - count as u64;
        self.state = if left > 0 { State::Data(left) } else { State::End };
        Step::Data(count)
    }

    fn end(&mut self, bytes: &[u8]) -> Result<Step, Status> {
        match bytes {
            [b'\r', b'\n', ..] => {
                self.state = State::Size;
                Ok(Step::Skip(2))
            }
            [] | [b'\r'] => Ok(Step::More),
            _ => Err(BAD_REQUEST),
        }
    }

    fn size(&mut self, line: &[u8]) -> Result<Step, Status> {
        let digits = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
        let (digits, extension) = line.split_at(digits);
        let is_extension = matches!(extension.trim_ascii_start(), [] | [b';', ..]);
        if !is_extension || extension.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err(BAD_REQUEST);
        }
        let digits = str::from_utf8(digits).map_err(|_| BAD_REQUEST)?;
        let size = u64::from_str_radix(digits, 16).map_err(|_| BAD_REQUEST)?;
        self.left = self.left.checked_sub(size).ok_or(CONTENT_TOO_LARGE)?;
        self.state = if size > 0 { State::Data(size) } else { State::Trailers };
        self.spend(extension.len())?;
        Ok(Step::Skip(line.len() + 2))
    }

    fn trailer(&mut self, line: &[u8]) -> Result<Step, Status> {
        if line.is_empty() {
            self.state = State::Done;
        } else if !line.contains(&b':') {
            return Err(BAD_REQUEST);
        }
        self.spend(line.len())?;
        Ok(Step::Skip(line.len() + 2))
    }

    fn spend(&mut self, count: usize) -> Result<(), Status> {
        self.extra += count;
        if self.extra <= MOST_EXTRA { Ok(()) } else { Err(FIELDS_TOO_LARGE) }
    }
}

/// The first line without its end, if all of it is there.
fn line(bytes: &[u8]) -> Result<Option<&[u8]>, Status> {
    match bytes.iter().take(LONGEST_LINE + 1).position(|&byte| byte == b'\n') {
        Some(end) => bytes[..end].strip_suffix(b"\r").map(Some).ok_or(BAD_REQUEST),
        None if bytes.len() > LONGEST_LINE => Err(FIELDS_TOO_LARGE),
        None => Ok(None),
    }
}
