//! corro: a task a connection.

use std::io::{self, Read, Write};
use std::net::TcpListener as StdListener;

use corro::net::{TcpListener, TcpStream};

use super::super::{LARGE, SMALL};
use crate::peers;

pub fn echo(peer: &str, listener: StdListener, buffer: usize) {
    match buffer {
        SMALL => serve(peer, listener, give_back::<SMALL>),
        _ => serve(peer, listener, give_back::<LARGE>),
    }
}

/// The buffer lies on the task's stack, whose first page is there anyway.
fn give_back<const SIZE: usize>(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; SIZE];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count])?,
        }
    }
}

fn serve(
    peer: &str,
    listener: StdListener,
    connection: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + Copy + 'static,
) {
    peers::corro(peer, || {
        let listener = TcpListener::from_std(listener).expect("a socket");
        loop {
            let (stream, _peer) = listener.accept().expect("a connection");
            stream.set_nodelay(true).expect("a socket");
            drop(corro::spawn(move || connection(stream)));
        }
    });
}

/// What all HTTP servers here answer with.
pub const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\nhello\n";

/// Whether these bytes are a request without a body, by `httparse`.
pub fn is_whole(bytes: &[u8]) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    httparse::Request::new(&mut headers).parse(bytes).is_ok_and(|status| status.is_complete())
}

pub fn http(peer: &str, listener: StdListener) {
    serve(peer, listener, |mut stream| {
        let mut buffer = vec![0; 4096];
        loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                count => {
                    assert!(is_whole(&buffer[..count]), "a request that comes in parts");
                    stream.write_all(HELLO)?;
                }
            }
        }
    });
}
