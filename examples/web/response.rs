//! The head of a response, and the statuses.

use super::date;
use super::request::Version;

/// The number and its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) &'static str);

pub(crate) const OK: Status = Status("200 OK");
pub(crate) const PARTIAL_CONTENT: Status = Status("206 Partial Content");
pub(crate) const MOVED_PERMANENTLY: Status = Status("301 Moved Permanently");
pub(crate) const NOT_MODIFIED: Status = Status("304 Not Modified");
pub(crate) const BAD_REQUEST: Status = Status("400 Bad Request");
pub(crate) const FORBIDDEN: Status = Status("403 Forbidden");
pub(crate) const NOT_FOUND: Status = Status("404 Not Found");
pub(crate) const METHOD_NOT_ALLOWED: Status = Status("405 Method Not Allowed");
pub(crate) const REQUEST_TIMEOUT: Status = Status("408 Request Timeout");
pub(crate) const LENGTH_REQUIRED: Status = Status("411 Length Required");
pub(crate) const CONTENT_TOO_LARGE: Status = Status("413 Content Too Large");
pub(crate) const URI_TOO_LONG: Status = Status("414 URI Too Long");
pub(crate) const RANGE_NOT_SATISFIABLE: Status = Status("416 Range Not Satisfiable");
pub(crate) const EXPECTATION_FAILED: Status = Status("417 Expectation Failed");
pub(crate) const FIELDS_TOO_LARGE: Status = Status("431 Request Header Fields Too Large");
pub(crate) const INTERNAL_SERVER_ERROR: Status = Status("500 Internal Server Error");
pub(crate) const NOT_IMPLEMENTED: Status = Status("501 Not Implemented");
pub(crate) const VERSION_NOT_SUPPORTED: Status = Status("505 HTTP Version Not Supported");

pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// For text that is ASCII, so no charset is said.
pub(crate) const PLAIN: &str = "text/plain";

/// A head that is being appended to the output.
pub(crate) struct Head<'o>(&'o mut Vec<u8>);

impl<'o> Head<'o> {
    pub(crate) fn new(output: &'o mut Vec<u8>, status: Status) -> Head<'o> {
        output.extend_from_slice(b"HTTP/1.1 ");
        output.extend_from_slice(status.0.as_bytes());
        output.extend_from_slice(b"\r\nDate: ");
        output.extend_from_slice(&date::now());
        Head(output)
    }

    #[inline]
    pub(crate) fn field(mut self, name: &str, value: &str) -> Head<'o> {
        self.name(name);
        self.0.extend_from_slice(value.as_bytes());
        self
    }

    #[inline]
    pub(crate) fn length(mut self, length: u64) -> Head<'o> {
        self.name("Content-Length");
        push_number::<10>(self.0, length);
        self
    }

    /// Ends the head. What the version means by itself need not be said.
    pub(crate) fn end(self, version: Version, closes: bool) {
        let tail: &[u8] = match (closes, version) {
            (true, _) => b"\r\nConnection: close\r\n\r\n",
            (false, Version::Http10) => b"\r\nConnection: keep-alive\r\n\r\n",
            (false, Version::Http11) => b"\r\n\r\n",
        };
        self.0.extend_from_slice(tail);
    }

    #[inline]
    fn name(&mut self, name: &str) {
        self.0.extend_from_slice(b"\r\n");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
    }
}

/// Appends the whole answer to a request that is not served, after which the connection ends.
pub(crate) fn refuse(output: &mut Vec<u8>, status: Status) {
    let body = status.0.as_bytes();
    Head::new(output, status).field("Content-Type", PLAIN).length(body.len() as u64).end(Version::Http11, true);
    output.extend_from_slice(body);
}

/// Appends a piece of a chunked body.
pub(crate) fn push_chunk(output: &mut Vec<u8>, data: &[u8]) {
    push_number::<16>(output, data.len() as u64);
    output.extend_from_slice(b"\r\n");
    output.extend_from_slice(data);
    output.extend_from_slice(b"\r\n");
}

pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// `write!` would do as well, at several times the cost. The base is a constant, since dividing by one is cheap.
fn push_number<const BASE: u64>(output: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b"0123456789abcdef"[(number % BASE) as usize];
        number /= BASE;
        if number == 0 {
            break;
        }
    }
    output.extend_from_slice(&digits[first..]);
}
