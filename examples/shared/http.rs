//! One connection of a small HTTP/1.1 server for tests, which ask it what they know it understands; the server for
//! others is `examples/web`. The heads are parsed by `httparse`. It blocks, and knows nothing of tasks.
//!
//! ```text
//!  ┌──────────────────── kept alive ───────────────────┐
//!  ▼                                                   │
//!  head ──► body, of the length that the head tells ──► answer
//! ```
//!
//! Requests whose body comes in chunks are refused, and those in which a field that matters here is there twice or is
//! no text: who reads them in another way sees another end of the body.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};

const LONGEST_HEAD: usize = 16 * 1024;
const LONGEST_BODY: usize = 16 * 1024 * 1024;
const MOST_HEADERS: usize = 64;

/// What a client asks for.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    keep_alive: bool,
    expects_continue: bool,
    length: usize,
}

/// What it is told.
pub(crate) struct Response {
    status: u16,
    location: Option<String>,
    body: Vec<u8>,
}

impl Response {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Response {
        Response { status, location: None, body: body.into() }
    }

    /// Look elsewhere.
    pub(crate) fn redirect(to: &str) -> Response {
        Response { status: 302, location: Some(to.to_owned()), body: Vec::new() }
    }
}

/// Answers the requests of a client until it goes. A request that is not understood is answered so, and ends it.
pub(crate) fn serve(stream: impl Read + Write, mut answer: impl FnMut(&Request) -> Response) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut request = match read_head(&mut stream) {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::InvalidData => return refuse(&mut stream, &error),
            Err(error) => return Err(error),
        };
        if request.expects_continue {
            stream.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.body = vec![0; request.length];
        stream.read_exact(&mut request.body)?;
        let response = answer(&request);
        write(stream.get_mut(), &response, request.method == "HEAD", request.keep_alive)?;
        if !request.keep_alive {
            return Ok(());
        }
    }
}

/// What the client still sends is read, for it might not hear the answer otherwise.
fn refuse<S: Read + Write>(stream: &mut BufReader<S>, error: &io::Error) -> io::Result<()> {
    write(stream.get_mut(), &Response::new(400, format!("{error}\n")), false, false)?;
    io::copy(&mut stream.take(LONGEST_BODY as u64), &mut io::sink()).map(drop)
}

fn write(stream: &mut impl Write, response: &Response, is_head: bool, keep_alive: bool) -> io::Result<()> {
    let Response { status, location, body } = response;
    let connection = if keep_alive { "keep-alive" } else { "close" };
    let location = location.as_ref().map_or(String::new(), |to| format!("Location: {to}\r\n"));
    let length = body.len();
    let head = format!("HTTP/1.1 {status} \r\nContent-Length: {length}\r\nConnection: {connection}\r\n{location}\r\n");
    stream.write_all(head.as_bytes())?;
    if !is_head {
        stream.write_all(body)?;
    }
    stream.flush()
}

/// Nothing if the client has gone before it began.
fn read_head(stream: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let room = LONGEST_HEAD - head.len();
        match stream.take(room as u64).read_until(b'\n', &mut head)? {
            0 if head.is_empty() => return Ok(None),
            0 if room == 0 => return Err(refused("the head is too long")),
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            _ => {}
        }
    }
    parse(&head).map(Some)
}

fn parse(head: &[u8]) -> io::Result<Request> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let outcome = parsed.parse(head).map_err(|error| refused(&format!("cannot understand the head: {error}")))?;
    let (Some(method), Some(path), true) = (parsed.method, parsed.path, outcome.is_complete()) else {
        return Err(refused("the head is not complete"));
    };
    let header = |name| find(parsed.headers, name);
    if header("transfer-encoding")?.is_some() {
        return Err(refused("a body in chunks is not understood"));
    }
    let length = header("content-length")?.map_or(Ok(0), length)?;
    let connection = header("connection")?.unwrap_or_default();
    Ok(Request {
        method: method.to_owned(),
        path: path.to_owned(),
        body: Vec::new(),
        keep_alive: parsed.version == Some(1) && !connection.eq_ignore_ascii_case("close"),
        expects_continue: header("expect")?.is_some(),
        length,
    })
}

fn find<'a>(headers: &[httparse::Header<'a>], name: &str) -> io::Result<Option<&'a str>> {
    let mut found = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some(header), None) => match std::str::from_utf8(header.value) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(refused(&format!("the field {name} is no text"))),
        },
        (Some(_), Some(_)) => Err(refused(&format!("the field {name} is there twice"))),
    }
}

/// Digits alone: the parser of `std` would take a sign too.
fn length(text: &str) -> io::Result<usize> {
    let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let length = digits.and_then(|digits| digits.parse().ok()).filter(|&length| length <= LONGEST_BODY);
    length.ok_or_else(|| refused("the length of the body is no number, or is too large"))
}

fn refused(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}
