//! `httparse`: a server of ours for curl, a client of ours for the server of Python.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use corro::net::{Shutdown, TcpStream};
use corro::process::{Command, Output, Stdio};
use corro::spawn;

use crate::counterpart::{Folder, Server, program};
use crate::everywhere;
use crate::http::{Request, Response, serve};
use crate::listening::Listening;

fn answer(request: &Request) -> Response {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET" | "HEAD", "/hello") => Response::new(200, "hello\n"),
        ("POST", "/length") => Response::new(200, format!("{}\n", request.body.len())),
        ("GET", "/moved") => Response::redirect("/hello"),
        _ => Response::new(404, "there is no such page\n"),
    }
}

fn serving() -> Listening {
    Listening::new(|stream| serve(stream, answer).unwrap())
}

/// What curl, with these arguments, writes: bodies, and for each request the number of connections it had to make.
fn curl(arguments: &[&str]) -> String {
    let mut command = Command::new(program("curl", "curl"));
    command.args(["--silent", "--show-error", "--noproxy", "*", "--write-out", "%{http_code} %{num_connects}\n"]);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "curl {arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[test]
#[ignore = "needs curl"]
fn curl_keeps_its_connection() {
    everywhere(|| {
        let listening = serving();
        let url = |path| format!("http://{}{path}", listening.address);
        let (hello, nothing, moved) = (url("/hello"), url("/nothing"), url("/moved"));
        let two = curl(&[&hello, &nothing]);
        assert_eq!(two, "hello\n200 1\nthere is no such page\n404 0\n", "the second needs no connection");
        assert_eq!(curl(&["--location", &moved]), "hello\n200 1\n");
        assert_eq!(curl(&["--http1.0", &hello, &hello]), "hello\n200 1\nhello\n200 1\n");

        let head = curl(&["--head", &hello]);
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("Content-Length: 6\r\n"), "{head}");
        assert!(head.ends_with("\r\n\r\n200 1\n"), "no body: {head}");
    });
}

/// The long one asks first whether it may come (`Expect: 100-continue`).
#[test]
#[ignore = "needs curl"]
fn curl_sends_bodies() {
    let folder = Folder::new();
    let long = format!("@{}", folder.file("long", &vec![b'x'; 3_000_000]).display());
    everywhere(|| {
        let listening = serving();
        let url = format!("http://{}/length", listening.address);
        assert_eq!(curl(&["--data", "a=b", &url]), "3\n200 1\n");
        assert_eq!(curl(&["--data-binary", &long, &url]), "3000000\n200 1\n");
        let chunks = curl(&["--header", "Transfer-Encoding: chunked", "--data", "a=b", &url]);
        assert_eq!(chunks, "a body in chunks is not understood\n400 1\n");
    });
}

#[test]
#[ignore = "needs curl"]
fn several_curls_at_once() {
    everywhere(|| {
        let listening = serving();
        let url = format!("http://{}/hello", listening.address);
        let clients = [(); 5].map(|()| {
            let url = url.clone();
            spawn(move || curl(&[&url, &url, &url]))
        });
        for client in clients {
            assert_eq!(client.join().unwrap(), "hello\n200 1\nhello\n200 0\nhello\n200 0\n");
        }
    });
}

/// Sends this, and no more, and gives all that comes back.
fn exchange(to: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.write_all(request).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn requests_come_in_pieces_and_together() {
    everywhere(|| {
        let listening = serving();
        let request = b"GET /hello HTTP/1.1\r\nHost: here\r\n\r\n";
        let mut stream = TcpStream::connect(listening.address).unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in request {
            stream.write_all(&[*byte]).unwrap();
            corro::yield_now();
        }
        stream.shutdown(Shutdown::Write).unwrap();
        let mut once = String::new();
        stream.read_to_string(&mut once).unwrap();
        assert!(once.starts_with("HTTP/1.1 200") && once.ends_with("\r\n\r\nhello\n"), "{once}");
        assert_eq!(exchange(listening.address, &request.repeat(3)), once.repeat(3));
    });
}

#[test]
fn what_is_no_request_is_refused() {
    everywhere(|| {
        let listening = Listening::new(|stream| serve(stream, answer));
        let address = listening.address;
        let long = format!("GET /hello HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(17_000));
        let many = format!("GET /hello HTTP/1.1\r\n{}\r\n", "X: x\r\n".repeat(100));
        let bodies = ["-1", "+5", "", "x", "5 5", "99999999999999999999", "5\r\nContent-Length: 6"]
            .map(|length| format!("POST /length HTTP/1.1\r\nContent-Length: {length}\r\n\r\nhello"));
        let others = ["\r\n\r\n", "GET\r\n\r\n", "\u{1}\r\n\r\n", "GET / HTTP/9\r\n\r\n"].map(str::to_owned);
        for request in [long, many].into_iter().chain(bodies).chain(others) {
            let answer = exchange(address, request.as_bytes());
            assert!(answer.starts_with("HTTP/1.1 400"), "{request:?}: {answer:?}");
        }
        for field in ["Content-Length", "Transfer-Encoding", "Connection", "Expect"] {
            let request = [b"POST /length HTTP/1.1\r\n", field.as_bytes(), b": 5\xff\r\n\r\nhello"].concat();
            let answer = exchange(address, &request);
            assert!(answer.starts_with("HTTP/1.1 400"), "{field}: {answer:?}");
        }
        for cut_off in ["", "GET /hel", "POST /length HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf"] {
            assert_eq!(exchange(address, cut_off.as_bytes()), "");
        }
    });
}

/// Reads the head of an answer piece by piece, until `httparse` has it all; then the body until the end.
fn get(from: SocketAddr, path: &str) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(from)?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
    let (mut read, mut piece) = (Vec::new(), [0; 7]);
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        if let httparse::Status::Complete(length) = response.parse(&read).map_err(io::Error::other)? {
            let status = response.code.ok_or(ErrorKind::InvalidData)?;
            let mut body = read.split_off(length);
            stream.read_to_end(&mut body)?;
            return Ok((status, body));
        }
        match stream.read(&mut piece)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => read.extend_from_slice(&piece[..count]),
        }
    }
}

#[test]
#[ignore = "needs python3"]
fn a_server_in_python_is_asked() {
    let folder = Folder::new();
    folder.file("page", &vec![b'p'; 300_000]);
    let server = Server::python(&folder);
    let address = server.address();
    everywhere(|| {
        let pages = [(); 5].map(|()| spawn(move || get(address, "/page").unwrap()));
        for page in pages {
            assert!(page.join().unwrap() == (200, vec![b'p'; 300_000]));
        }
        assert_eq!(get(address, "/nothing").unwrap().0, 404);
    });
}
