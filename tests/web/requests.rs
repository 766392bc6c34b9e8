//! Heads: what is understood, and what is refused.

use std::time::Duration;

use proptest::prelude::*;

use crate::web::coming::Coming;
use crate::web::limits::{Limits, SIZES_OF_HEAD};
use crate::web::request::{Framing, Version, parse};
use crate::web::response::{
    BAD_REQUEST, EXPECTATION_FAILED, FIELDS_TOO_LARGE, NOT_IMPLEMENTED, Status, URI_TOO_LONG, VERSION_NOT_SUPPORTED,
};

const LEAST_HEAD: usize = *SIZES_OF_HEAD.start();

fn refusal(head: &str) -> Option<Status> {
    parse(head.as_bytes(), &Limits::default()).err()
}

/// Of a POST with these lines.
fn framing(lines: &str) -> Result<Framing, Status> {
    let head = format!("POST /echo HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    parse(head.as_bytes(), &Limits::default()).map(|parsed| parsed.expect("it is complete").0.terms.framing)
}

#[test]
fn a_head_is_understood() {
    let head = "GET /a?b HTTP/1.1\r\nhOsT: a\r\nRange: bytes=0-1\r\nConnection: x, CLOSE\r\n\r\n";
    let bytes = [head, "rest"].concat();
    let (request, length) = parse(bytes.as_bytes(), &Limits::default()).unwrap().unwrap();
    assert_eq!((request.method, request.path, length), ("GET", "/a", head.len()));
    assert_eq!((request.conditions.range, request.terms.framing), (Some("bytes=0-1"), Framing::None));
    assert!(!request.terms.keep_alive);
}

#[test]
fn a_connection_is_kept_as_the_version_says() {
    for (version, line, kept) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: keep-alive, close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
    ] {
        let head = format!("GET / HTTP/{version}\r\nHost: a\r\n{line}\r\n");
        let (request, _) = parse(head.as_bytes(), &Limits::default()).unwrap().unwrap();
        assert_eq!(request.terms.keep_alive, kept, "{head}");
        assert_eq!(request.terms.version == Version::Http11, version == "1.1");
    }
}

#[test]
fn a_whole_address_is_a_path_too() {
    let path_of = |method: &str, target: &str| {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let parsed = parse(head.as_bytes(), &Limits::default());
        parsed.map(|parsed| parsed.expect("it is complete").0.path.to_owned())
    };
    for (target, path) in [
        ("http://a/b?c", "/b"),
        ("HTTPS://a", "/"),
        ("http://a?x=/b", "/"),
        ("http://a?x", "/"),
        ("//a/b?c?d", "//a/b"),
    ] {
        assert_eq!(path_of("GET", target).as_deref(), Ok(path), "{target}");
    }
    for target in ["*", "a", "a:80", "ftp://a/b", "://a/b", "?http://a/b"] {
        assert_eq!(path_of("GET", target), Err(BAD_REQUEST), "{target}");
    }
    assert_eq!(path_of("OPTIONS", "*").as_deref(), Ok("*"));
    for target in ["a:80", "[::1]:443"] {
        assert_eq!(path_of("CONNECT", target).as_deref(), Ok(target));
    }
    for target in ["*", "a", "/", "/a:80", ":80", "a:", "a:65536", "a:+1", "http://a:80"] {
        assert_eq!(path_of("CONNECT", target), Err(BAD_REQUEST), "{target}");
    }
}

#[test]
fn a_line_ends_with_both_bytes() {
    for head in [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
    ] {
        assert_eq!(refusal(head), Some(BAD_REQUEST), "{head:?}");
    }
    // However many there are, and wherever one stands.
    for count in [1, 126, 127, 128, 254, 256, 512] {
        let lines = "\r\n".repeat(count);
        let head = format!("{lines}GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(matches!(parse(head.as_bytes(), &Limits::default()), Ok(Some(_))), "{count}");
        assert_eq!(refusal(&format!("{lines}\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")), Some(BAD_REQUEST), "{count}");
        let ends = "\n".repeat(count);
        assert_eq!(refusal(&format!("{ends}GET / HTTP/1.1\r\nHost: a\r\n\r\n")), Some(BAD_REQUEST), "{count}");
    }
}

/// Parsing begins at the first byte each time.
#[test]
fn a_head_that_comes_by_bytes_is_parsed_twice() {
    for head in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\n\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "a\n\n"] {
        let mut coming = Coming::default();
        let mut times = Vec::new();
        for length in 1..=head.len() {
            if coming.may_be_whole(&head.as_bytes()[..length], LEAST_HEAD) {
                times.push(length);
            }
            coming.due(Duration::ZERO);
        }
        assert_eq!(times, [1, head.len()], "{head:?}");
    }
    let mut coming = Coming::default();
    coming.due(Duration::ZERO);
    assert!(!coming.may_be_whole(&[b'x'; LEAST_HEAD - 1], LEAST_HEAD));
    assert!(coming.may_be_whole(&[b'x'; LEAST_HEAD], LEAST_HEAD), "it will not be told otherwise that it is too long");
}

#[test]
fn what_is_ambiguous_is_refused() {
    assert_eq!(framing("Content-Length: 5\r\n"), Ok(Framing::Length(5)));
    assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
    for lines in [
        "Content-Length: +5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: \r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "X: a\r\n Transfer-Encoding: chunked\r\n",
        "Host: b\r\n",
    ] {
        assert_eq!(framing(lines), Err(BAD_REQUEST), "{lines}");
    }
    for coding in ["identity", "chunked, chunked", "chunked;a", "xchunked", ""] {
        assert_eq!(framing(&format!("Transfer-Encoding: {coding}\r\n")), Err(NOT_IMPLEMENTED), "{coding}");
    }
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(refusal(old), Some(BAD_REQUEST), "HTTP/1.0 has no chunks");
    assert_eq!(framing("Expect: more\r\n"), Err(EXPECTATION_FAILED));
    assert_eq!(refusal("GET / HTTP/1.1\r\n\r\n"), Some(BAD_REQUEST), "a host is needed");
    assert_eq!(refusal("GET / HTTP/1.1\r\nHost: \u{e4}\r\n\r\n"), Some(BAD_REQUEST), "and is ASCII");
    assert_eq!(refusal("GET / HTTP/3.0\r\n\r\n"), Some(VERSION_NOT_SUPPORTED));
}

#[test]
fn a_condition_on_a_tag_does_away_with_that_on_the_time() {
    let head = "GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"x\"\r\nIf-Modified-Since: now\r\n\r\n";
    let (request, _) = parse(head.as_bytes(), &Limits::default()).unwrap().unwrap();
    assert_eq!(request.conditions.modified_since, None);
}

#[test]
fn limits_hold() {
    let limits = Limits { head: LEAST_HEAD, fields: 3, ..Limits::default() };
    let exact = |length: usize| {
        let start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
        format!("{start}{}\r\n\r\n", "x".repeat(length - start.len() - 4))
    };
    assert!(parse(exact(LEAST_HEAD).as_bytes(), &limits).is_ok());
    assert_eq!(parse(exact(LEAST_HEAD + 1).as_bytes(), &limits).err(), Some(FIELDS_TOO_LARGE));
    let unfinished = &exact(LEAST_HEAD + 4)[..LEAST_HEAD];
    assert_eq!(parse(unfinished.as_bytes(), &limits).err(), Some(FIELDS_TOO_LARGE));
    assert!(matches!(parse(&unfinished.as_bytes()[1..], &limits), Ok(None)), "one more byte may come");
    let long = format!("GET /{}", "x".repeat(LEAST_HEAD));
    assert_eq!(parse(long.as_bytes(), &limits).err(), Some(URI_TOO_LONG));
    let many = "GET / HTTP/1.1\r\nHost: a\r\na: b\r\na: b\r\na: b\r\n\r\n";
    assert_eq!(parse(many.as_bytes(), &limits).err(), Some(FIELDS_TOO_LARGE));
}

proptest! {
    #[test]
    fn no_bytes_are_too_much_for_it(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes, &Limits::default());
    }

    /// Closer to what is right, so that more of the parser is reached.
    #[test]
    fn no_fields_are_too_much_for_it(
        target in "[ -~]{0,30}",
        lines in prop::collection::vec(
            ("(Host|Connection|Content-Length|Transfer-Encoding|Expect|Range|[a-z]{1,5})", "[ -~\u{80}-\u{ff}]{0,20}"),
            0..6,
        ),
    ) {
        let fields: String = lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        if let Ok(Some((request, length))) = parse(head.as_bytes(), &Limits::default()) {
            prop_assert!(request.path.starts_with('/'));
            prop_assert_eq!(length, head.len());
        }
    }
}
