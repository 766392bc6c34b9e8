//! Files, parts of them, and what is none of the client's business.

use super::folder::{BIG, INDEX, big_byte};
use super::{Connect, client};
use crate::web::date;

pub(super) fn files_are_given(connect: &Connect<'_>) {
    let mut client = client(connect);
    let front = client.get("/", "");
    assert_eq!((front.status, &front.body[..]), (200, INDEX.as_bytes()), "/ is index.html");
    assert_eq!(front.field("content-type"), Some("text/html; charset=utf-8"), "its type is told");
    let modified = format!("If-Modified-Since: {}\r\n", front.field("last-modified").expect("files have a time"));
    assert_eq!(client.get("/?query", &modified).status, 304, "what has not changed is not given again");
    let older = "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
    assert_eq!(client.get("/in.html", older).body, INDEX.as_bytes(), "a link within the folder is followed");
    let of_tomorrow = client.get("/a%20b.txt", "");
    assert_eq!(of_tomorrow.body, b"a space", "a path is decoded");
    let [modified, told] = ["last-modified", "date"].map(|name| of_tomorrow.field(name).and_then(date::parse));
    assert!(modified.is_some() && modified <= told, "a file is not newer than the answer");

    let below = client.get("/sub", "");
    assert_eq!((below.status, below.field("location")), (301, Some("/sub/")), "a folder ends with a slash");
    assert_eq!(client.get("/sub/", "").body, b"<p>below</p>", "and gives its page");

    let big: Vec<u8> = (0..BIG).map(big_byte).collect();
    assert!(client.get("/big.bin", "").body == big, "a large file comes whole");
    client.send("HEAD /big.bin HTTP/1.1\r\nHost: check\r\n\r\n");
    assert_eq!(client.reply_to_head().field("content-length"), Some("200000"), "HEAD tells the length only");
    for (range, part) in [("100-199", 100..200), ("199990-", BIG - 10..BIG), ("-70000", BIG - 70_000..BIG)] {
        let reply = client.get("/big.bin", &format!("Range: bytes={range}\r\n"));
        assert!(reply.status == 206 && reply.body == big[part.clone()], "the part {range} comes");
        let told = format!("bytes {}-{}/{BIG}", part.start, part.end - 1);
        assert_eq!(reply.field("content-range"), Some(&told[..]), "the part is told");
    }
    let beyond = client.get("/big.bin", "Range: bytes=200000-\r\n");
    assert_eq!((beyond.status, beyond.field("content-range")), (416, Some("bytes */200000")), "there is no such part");
    assert_eq!(client.get("/big.bin", "Range: bytes=0-1,5-6\r\n").body.len(), BIG, "several parts are all");
}

pub(super) fn nothing_else_is_given(connect: &Connect<'_>) {
    let mut client = client(connect);
    for path in [
        "/../secret.txt",
        "/sub/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "//secret.txt",
        "/out.txt",
        "/up/secret.txt",
        "/.hidden",
        "/show.txt",
        "/sub/%2E/index.html",
        "/empty/",
        "/index.html/",
        "/nothing",
    ] {
        let reply = client.get(path, "");
        assert_eq!(reply.status, 404, "{path} is not there: {:?}", String::from_utf8_lossy(&reply.body));
    }
    for path in ["/index.html%00", "/%zz", "/%2"] {
        assert_eq!(client.get(path, "").status, 400, "{path} is no path");
    }
}
