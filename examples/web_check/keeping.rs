//! Connections that serve several requests, and bodies.

use super::{Connect, client};

pub(super) fn connections_are_kept(connect: &Connect<'_>) {
    let mut client = client(connect);
    for _ in 0..3 {
        let reply = client.get("/hello", "");
        assert_eq!((reply.status, &reply.body[..]), (200, &b"Hello, world!"[..]), "/hello says hello");
        assert!(!reply.closes(), "a connection of HTTP/1.1 is kept if nobody says otherwise");
        assert_eq!(reply.field("date").map(str::len), Some(29), "an answer has its date");
    }
    client.send("HEAD /hello HTTP/1.1\r\nHost: check\r\n\r\n");
    let reply = client.reply_to_head();
    assert_eq!(reply.field("content-length"), Some("13"), "HEAD tells the length");
    client.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(client.reply().field("connection"), Some("keep-alive"), "HTTP/1.0 is told that its wish is met");
    client.send("POST /hello HTTP/1.1\r\nHost: check\r\nContent-Length: 5\r\n\r\n12345");
    assert_eq!(client.reply().status, 405, "a body that nobody wants does not harm");
    assert!(client.get("/hello", "Connection: close\r\n").closes(), "the wish for an end is met");
    assert!(client.is_at_end(), "and the connection is closed");

    let mut old = super::client(connect);
    old.send("GET /hello HTTP/1.0\r\n\r\n");
    assert!(old.reply().closes() && old.is_at_end(), "a connection of HTTP/1.0 is not kept");
}

pub(super) fn requests_may_come_together(connect: &Connect<'_>) {
    let mut client = client(connect);
    let requests: String = (0..16).map(|n| format!("GET /none{n} HTTP/1.1\r\nHost: check\r\n\r\n")).collect();
    client.send(requests.replace("/none15", "/hello"));
    let statuses: Vec<_> = (0..16).map(|_| client.reply().status).collect();
    assert!(statuses[..15].iter().all(|&status| status == 404), "each request has its answer: {statuses:?}");
    assert_eq!(statuses[15], 200, "the answers come in the order of the requests");
    client.end_output();
    assert!(client.is_at_end(), "when the client ends, so does the server");
}

pub(super) fn bodies_come_back(connect: &Connect<'_>) {
    let mut client = client(connect);
    let post = "POST /echo HTTP/1.1\r\nHost: check\r\n";
    client.send(format!("{post}Content-Length: 5\r\n\r\nhello"));
    let reply = client.reply();
    assert_eq!((&reply.body[..], reply.field("content-length")), (&b"hello"[..], Some("5")), "it comes back");

    client.send(format!("{post}Transfer-Encoding: chunked\r\n\r\n5;why=not\r\nhello\r\n7\r\n, world\r\n"));
    client.send("0\r\nTrailer: is ignored\r\n\r\n");
    let reply = client.reply();
    assert_eq!(reply.field("transfer-encoding"), Some("chunked"), "chunks come back as chunks");
    assert_eq!(reply.body, b"hello, world", "and with what was in them");

    client.send(format!("{post}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"));
    assert_eq!(client.reply_to_head().status, 100, "a client that waits for it is told to go on");
    client.send("body");
    assert_eq!(client.reply().body, b"body", "and has its answer then");

    let large: Vec<u8> = (0..300_000_u32).map(|n| (n % 253) as u8).collect();
    client.send(format!("{post}Content-Length: {}\r\n\r\n", large.len()));
    client.send(&large);
    assert!(client.reply().body == large, "a long body comes back");
}
