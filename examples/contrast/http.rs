//! HTTP/1.1 without any reading or writing: the request as bytes, and a response that is fed with bytes.
//!
//! Every style moves the bytes in its own way and shares what they mean:
//!
//! ```text
//! let mut response = Response::default();
//! while !response.is_complete() {
//!     response.feed(piece)?;          // an empty piece is the end of the connection
//! }
//! let body = response.finish()?;
//! ```

use crate::failure::Failure;

const HEAD_LIMIT: usize = 64 * 1024;
const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// The text of a page.
pub struct Body {
    pub text: String,
    pub is_html: bool,
}

/// The bytes that ask `host` for `path` and for nothing after it.
pub fn request(host: &str, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: contrast\r\nAccept: text/*\r\n\
         Accept-Encoding: identity\r\nConnection: close\r\n\r\n"
    )
    .into_bytes()
}

/// A response as far as it has arrived.
#[derive(Default)]
pub struct Response {
    /// Bytes that have not been understood yet.
    raw: Vec<u8>,
    head: Option<Head>,
    body: Vec<u8>,
    /// The last chunk of a chunked body has come.
    last_chunk: bool,
    /// The peer has closed the connection.
    closed: bool,
}

impl Response {
    /// Takes the next piece; an empty one says that the connection is closed.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.closed |= piece.is_empty();
        self.raw.extend_from_slice(piece);
        if self.head.is_none() {
            self.take_head()?;
        }
        match self.head.as_ref().map(|head| head.framing) {
            None => Ok(()),
            Some(Framing::Chunked) => self.take_chunks(),
            Some(Framing::Length(_) | Framing::ToTheEnd) => {
                self.body.append(&mut self.raw);
                within(self.body.len(), BODY_LIMIT)
            }
        }
    }

    /// Nothing that could still come matters.
    pub fn is_complete(&self) -> bool {
        self.closed || self.head.as_ref().is_some_and(|head| head.is_error() || self.has_body(head))
    }

    /// The page, or why it is none.
    pub fn finish(self) -> Result<Body, Failure> {
        let Some(head) = &self.head else {
            return Err(Failure::Malformed("the connection was closed before the end of the head"));
        };
        if head.is_error() {
            return Err(Failure::Status(head.status_line()));
        }
        if !self.has_body(head) {
            return Err(Failure::Malformed("the connection was closed before the end of the body"));
        }
        if !head.is_text() {
            return Err(Failure::NotText(head.content_type.clone()));
        }
        let is_html = head.content_type.contains("html");
        let mut body = self.body;
        if let Framing::Length(length) = head.framing {
            body.truncate(length);
        }
        Ok(Body { text: String::from_utf8_lossy(&body).into_owned(), is_html })
    }

    fn has_body(&self, head: &Head) -> bool {
        match head.framing {
            Framing::Length(length) => self.body.len() >= length,
            Framing::Chunked => self.last_chunk,
            Framing::ToTheEnd => self.closed,
        }
    }

    fn take_head(&mut self) -> Result<(), Failure> {
        let Some(end) = find(&self.raw, b"\r\n\r\n") else {
            return within(self.raw.len(), HEAD_LIMIT);
        };
        let head = String::from_utf8_lossy(&self.raw[..end]).into_owned();
        self.raw.drain(..end + 4);
        self.head = Some(Head::parse(&head)?);
        Ok(())
    }

    fn take_chunks(&mut self) -> Result<(), Failure> {
        let mut at = 0;
        while let Some(line) = find(&self.raw[at..], b"\r\n") {
            let size = chunk_size(&self.raw[at..at + line])?;
            let data = at + line + 2;
            if size == 0 {
                self.last_chunk = true;
                break;
            }
            within(self.body.len().saturating_add(size), BODY_LIMIT)?;
            if self.raw.len() < data + size + 2 {
                break;
            }
            self.body.extend_from_slice(&self.raw[data..data + size]);
            at = data + size + 2;
        }
        self.raw.drain(..at);
        within(self.raw.len(), BODY_LIMIT)
    }
}

/// How the end of the body is known.
#[derive(Clone, Copy)]
enum Framing {
    Length(usize),
    Chunked,
    ToTheEnd,
}

struct Head {
    status: u16,
    reason: String,
    location: Option<String>,
    content_type: String,
    framing: Framing,
}

impl Head {
    fn parse(text: &str) -> Result<Head, Failure> {
        let mut lines = text.split("\r\n").map(|line| line.replace(char::is_control, " "));
        let (status, reason) = lines
            .next()
            .and_then(|line| status_line(&line))
            .ok_or(Failure::Malformed("the answer does not begin with an HTTP status line"))?;
        let mut head = Head { status, reason, location: None, content_type: String::new(), framing: Framing::ToTheEnd };
        for line in lines {
            let (name, value) = line.split_once(':').ok_or(Failure::Malformed("a header has no colon"))?;
            head.take_header(&name.trim().to_ascii_lowercase(), value.trim())?;
        }
        Ok(head)
    }

    fn take_header(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        match name {
            "location" => self.location = Some(value.to_owned()),
            "content-type" => self.content_type = value.to_ascii_lowercase(),
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => self.framing = Framing::Chunked,
            "transfer-encoding" => return Err(Failure::Malformed("a transfer encoding that nobody asked for")),
            "content-encoding" if !value.eq_ignore_ascii_case("identity") => {
                return Err(Failure::Malformed("a content encoding that nobody asked for"));
            }
            "content-length" => self.take_length(value)?,
            _ => {}
        }
        Ok(())
    }

    fn take_length(&mut self, value: &str) -> Result<(), Failure> {
        let length = decimal(value).ok_or(Failure::Malformed("the content length is no number"))?;
        match self.framing {
            Framing::Chunked => Ok(()),
            Framing::Length(other) if other != length => Err(Failure::Malformed("two content lengths")),
            _ => {
                self.framing = Framing::Length(length);
                within(length, BODY_LIMIT)
            }
        }
    }

    fn is_error(&self) -> bool {
        !(200..300).contains(&self.status)
    }

    /// An unnamed type is taken for text, as browsers do.
    fn is_text(&self) -> bool {
        let kind = self.content_type.as_str();
        kind.is_empty() || kind.starts_with("text/") || kind.contains("xhtml")
    }

    fn status_line(&self) -> String {
        let line = format!("{} {}", self.status, self.reason);
        match &self.location {
            Some(place) => format!("{}, it is at {place}", line.trim_end()),
            None => line.trim_end().to_owned(),
        }
    }
}

fn status_line(line: &str) -> Option<(u16, String)> {
    let mut parts = line.splitn(3, ' ');
    let version = parts.next()?;
    let status = parts.next()?;
    if !version.starts_with("HTTP/1.") || status.len() != 3 {
        return None;
    }
    Some((status.parse().ok()?, parts.next().unwrap_or("").to_owned()))
}

fn chunk_size(line: &[u8]) -> Result<usize, Failure> {
    let digits = line.split(|&byte| byte == b';').next().unwrap_or(line).trim_ascii();
    str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|digits| usize::from_str_radix(digits, 16).ok())
        .ok_or(Failure::Malformed("the size of a chunk is no number"))
}

fn decimal(digits: &str) -> Option<usize> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn within(length: usize, limit: usize) -> Result<(), Failure> {
    if length <= limit { Ok(()) } else { Err(Failure::TooLarge(limit)) }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
