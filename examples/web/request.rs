//! The head of a request: from bytes to what matters of it, or to the status that refuses it.
//!
//! Two servers in a row that understand one request differently can be led to take part of it for another one. So what is
//! ambiguous is refused: two lengths, a length and chunks, folded lines, a second host, a line that ends with LF alone. And a
//! host that is not ASCII: names of hosts are.

use std::mem::MaybeUninit;
use std::str;

use httparse::{Error, Header};

use super::limits::{Limits, MOST_FIELDS};
use super::response::{
    BAD_REQUEST, EXPECTATION_FAILED, FIELDS_TOO_LARGE, NOT_IMPLEMENTED, Status, URI_TOO_LONG, VERSION_NOT_SUPPORTED,
};

#[derive(Debug)]
pub(crate) struct Request<'b> {
    pub(crate) method: &'b str,
    /// Begins with a slash, and has no query. But `OPTIONS` may have a `*`, and `CONNECT` has `host:port`.
    pub(crate) path: &'b str,
    pub(crate) conditions: Conditions<'b>,
    pub(crate) terms: Terms,
}

/// Which part of a file the client wants, and in which case.
#[derive(Debug, Default)]
pub(crate) struct Conditions<'b> {
    pub(crate) modified_since: Option<&'b str>,
    pub(crate) range: Option<&'b str>,
    pub(crate) if_range: Option<&'b str>,
}

/// What holds for the request, whatever it asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) version: Version,
    pub(crate) keep_alive: bool,
    /// The answer must have no body.
    pub(crate) is_head: bool,
    /// The client sends its body when it has been told to.
    pub(crate) expects_continue: bool,
    pub(crate) framing: Framing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Http10,
    Http11,
}

/// How the end of the body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no body.
    None,
    Length(u64),
    Chunked,
}

/// The request that `bytes` begin with, and the length of its head; none if more bytes are needed.
pub(crate) fn parse<'b>(bytes: &'b [u8], limits: &Limits) -> Result<Option<(Request<'b>, usize)>, Status> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(bytes, &mut fields[..limits.fields]) {
        Ok(httparse::Status::Complete(length)) if has_bare_line_end(&bytes[..length]) => Err(BAD_REQUEST),
        Ok(httparse::Status::Complete(length)) if length <= limits.head => Ok(Some((Request::new(&parsed)?, length))),
        Ok(httparse::Status::Partial) if bytes.len() < limits.head => Ok(None),
        Ok(_) if parsed.version.is_none() => Err(URI_TOO_LONG),
        Ok(_) | Err(Error::TooManyHeaders) => Err(FIELDS_TOO_LARGE),
        Err(Error::Version) => Err(VERSION_NOT_SUPPORTED),
        Err(_) => Err(BAD_REQUEST),
    }
}

impl<'b> Request<'b> {
    fn new(parsed: &httparse::Request<'_, 'b>) -> Result<Request<'b>, Status> {
        let version = if parsed.version == Some(1) { Version::Http11 } else { Version::Http10 };
        let method = parsed.method.unwrap_or_default();
        let fields = Fields::read(parsed.headers)?;
        if !fields.has_host && version == Version::Http11 {
            return Err(BAD_REQUEST);
        }
        let terms = Terms {
            version,
            keep_alive: !fields.close && (fields.keep_alive || version == Version::Http11),
            is_head: method == "HEAD",
            expects_continue: fields.expects_continue && version == Version::Http11,
            framing: fields.framing(version)?,
        };
        let path = path_of(method, parsed.path.unwrap_or_default()).ok_or(BAD_REQUEST)?;
        Ok(Request { method, path, conditions: fields.conditions, terms })
    }
}

/// For httparse a line may end with LF alone. CR alone is wrong for it too, so counting will do.
fn has_bare_line_end(head: &[u8]) -> bool {
    /// What an `i8` can count to: the processor counts many bytes at once then.
    const PIECE: usize = 127;
    let surplus = |byte: &u8| i8::from(*byte == b'\n') - i8::from(*byte == b'\r');
    let in_piece = |piece: &[u8]| isize::from(piece.iter().map(surplus).sum::<i8>());
    head.chunks(PIECE).map(in_piece).sum::<isize>() > 0
}

/// The path of a target; what else it may be, as it is.
fn path_of<'b>(method: &str, target: &'b str) -> Option<&'b str> {
    match method {
        "CONNECT" => is_place(target).then_some(target),
        "OPTIONS" if target == "*" => Some(target),
        _ if target.starts_with('/') => Some(without_query(target)),
        _ => path_of_address(target),
    }
}

/// `http://host/path` is for proxies, but a server has to understand it.
fn path_of_address(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let rest = without_query(rest);
    Some(rest.find('/').map_or("/", |slash| &rest[slash..]))
}

fn without_query(target: &str) -> &str {
    target.bytes().position(|byte| byte == b'?').map_or(target, |at| &target[..at])
}

/// Whether it is `host:port`.
fn is_place(target: &str) -> bool {
    let is_port = |port: &str| length(port).is_ok_and(|port| port <= u64::from(u16::MAX));
    target.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && !host.contains(['/', '?']) && is_port(port))
}

/// The fields that matter.
#[derive(Default)]
struct Fields<'b> {
    has_host: bool,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
    conditions: Conditions<'b>,
    /// A condition on something that our files do not have; it does away with that on their time.
    none_match: bool,
}

impl<'b> Fields<'b> {
    fn read(headers: &[Header<'b>]) -> Result<Fields<'b>, Status> {
        let mut fields = Fields::default();
        for header in headers {
            fields.take(header)?;
        }
        if fields.none_match {
            fields.conditions.modified_since = None;
        }
        Ok(fields)
    }

    fn take(&mut self, header: &Header<'b>) -> Result<(), Status> {
        match lower_case(header.name, &mut [0; LONGEST_NAME]) {
            b"host" if self.has_host || !header.value.is_ascii() => return Err(BAD_REQUEST),
            b"host" => self.has_host = true,
            b"connection" => self.take_connection(text(header)?),
            b"content-length" => once(&mut self.length, length(text(header)?)?)?,
            b"transfer-encoding" => self.take_coding(text(header)?)?,
            b"expect" if text(header)?.eq_ignore_ascii_case("100-continue") => self.expects_continue = true,
            b"expect" => return Err(EXPECTATION_FAILED),
            b"if-modified-since" => once(&mut self.conditions.modified_since, text(header)?)?,
            b"range" => once(&mut self.conditions.range, text(header)?)?,
            b"if-range" => once(&mut self.conditions.if_range, text(header)?)?,
            b"if-none-match" => self.none_match = true,
            _ => {}
        }
        Ok(())
    }

    fn take_connection(&mut self, list: &str) {
        for word in list.split(',').map(str::trim) {
            self.close |= word.eq_ignore_ascii_case("close");
            self.keep_alive |= word.eq_ignore_ascii_case("keep-alive");
        }
    }

    fn take_coding(&mut self, coding: &str) -> Result<(), Status> {
        if self.chunked {
            return Err(BAD_REQUEST);
        }
        self.chunked = coding.eq_ignore_ascii_case("chunked");
        if self.chunked { Ok(()) } else { Err(NOT_IMPLEMENTED) }
    }

    fn framing(&self, version: Version) -> Result<Framing, Status> {
        match (self.chunked, self.length) {
            (false, None) => Ok(Framing::None),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (true, None) if version == Version::Http11 => Ok(Framing::Chunked),
            (true, _) => Err(BAD_REQUEST),
        }
    }
}

/// The length of `transfer-encoding` and `if-modified-since`.
const LONGEST_NAME: usize = 17;

/// The name in small letters, or nothing if it is too long to matter.
fn lower_case<'p>(name: &str, place: &'p mut [u8; LONGEST_NAME]) -> &'p [u8] {
    let Some(place) = place.get_mut(..name.len()) else { return b"" };
    place.copy_from_slice(name.as_bytes());
    place.make_ascii_lowercase();
    place
}

fn text<'b>(header: &Header<'b>) -> Result<&'b str, Status> {
    str::from_utf8(header.value).map(str::trim).map_err(|_| BAD_REQUEST)
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Status> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(BAD_REQUEST),
    }
}

/// Digits only: `parse` alone would take a sign too.
fn length(text: &str) -> Result<u64, Status> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_err(|_| BAD_REQUEST)
    } else {
        Err(BAD_REQUEST)
    }
}
