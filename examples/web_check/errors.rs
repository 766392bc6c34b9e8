//! Clients that ask for what they may not have.

use super::{Connect, client};
use crate::web::limits::Limits;

pub(super) fn requests_are_refused(connect: &Connect<'_>, limits: &Limits) {
    let long = "x".repeat(limits.head);
    let many = "a: b\r\n".repeat(limits.fields + 1);
    let one_too_much = limits.body.saturating_add(1);
    let wrong = [
        ("GET /hello HTTP/1.1\r\n\r\n".to_owned(), 400, "without a host"),
        ("GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(), 400, "with two hosts"),
        ("GET /hello HTTP/1.1\r\nHost: \u{e4}\r\n\r\n".to_owned(), 400, "with a host that is not ASCII"),
        ("GET hello HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400, "with half a path"),
        ("GET /hello HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n".to_owned(), 400, "with a folded line"),
        ("\0\r\n\r\n".to_owned(), 400, "that is none"),
        ("GET /hello HTTP/2.0\r\n\r\n".to_owned(), 505, "of another version"),
        ("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 501, "with an unknown method"),
        ("DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 405, "with a method that does not fit"),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 405, "about all of the server"),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n".to_owned(), 501, "for a tunnel"),
        ("GET /hello HTTP/1.1\nHost: a\n\n".to_owned(), 400, "whose lines end with half an end"),
        ("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 405, "to echo nothing"),
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414, "with a long path"),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nLong: {long}\r\n\r\n"), 431, "with a long field"),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"), 431, "with many fields"),
        (post(""), 411, "without a length"),
        (post("Content-Length: -1\r\n"), 400, "with a length below zero"),
        (post("Content-Length: 1\r\nContent-Length: 1\r\n"), 400, "with two lengths"),
        (post("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400, "with a length and chunks"),
        (post("Transfer-Encoding: gzip, chunked\r\n"), 501, "with another coding"),
        (post(&format!("Content-Length: {one_too_much}\r\n")), 413, "with a long body"),
        (post("Expect: wonders\r\n"), 417, "that expects too much"),
        (post("Transfer-Encoding: chunked\r\n") + "five\r\nhello", 400, "with a wrong chunk"),
        (post("Transfer-Encoding: chunked\r\n") + &format!("{one_too_much:x}\r\n"), 413, "with a long chunk"),
    ];
    for (request, status, what) in wrong {
        let mut client = client(connect);
        client.send(request);
        let reply = client.reply();
        assert_eq!(reply.status, status, "the answer to a request {what}");
        // The others are about the page, not about how the request was made.
        if !matches!(status, 405 | 411 | 501) {
            assert!(reply.closes() && client.is_at_end(), "the end after a request {what}");
        }
    }
}

/// It would lose the answer if the server closed the connection before it has read what comes.
pub(super) fn a_client_that_goes_on_sending_is_refused(connect: &Connect<'_>) {
    let mut client = client(connect);
    client.send("nonsense\r\n\r\n");
    client.send(vec![b'x'; 500_000]);
    assert_eq!(client.reply().status, 400, "the answer to nonsense and much after it");
    client.end_output();
    assert!(client.is_at_end(), "and the end");
}

fn post(lines: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: check\r\n{lines}\r\n")
}

pub(super) fn a_slow_head_is_refused(connect: &Connect<'_>) {
    let mut client = client(connect);
    client.send("GET /hello HTTP/1.1\r\nHost: check\r\nThe-Rest: comes");
    let reply = client.reply();
    assert!(reply.status == 408 && reply.closes(), "the server does not wait for ever: {reply:?}");
    assert!(client.is_at_end(), "and closes the connection");
}
