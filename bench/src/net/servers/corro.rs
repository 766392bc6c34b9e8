//! corro: a task a connection.

use std::io::{self, Read, Write};
use std::net::TcpListener as StdListener;
use std::time::Duration;

use corro::net::{TcpListener, TcpStream};

use super::super::{LARGE, SMALL};
use crate::peers;
use web::options::Options;

#[path = "../../../../examples/web/mod.rs"]
#[allow(dead_code, reason = "the examples use the rest")]
mod web;

/// As the example has it.
const IDLE: Duration = Duration::from_secs(60);

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

fn serve(peer: &str, listener: StdListener, connection: impl Fn(TcpStream) -> io::Result<()> + Sync) {
    peers::corro(peer, || {
        let listener = TcpListener::from_std(listener).expect("a socket");
        corro::scope(|s| {
            loop {
                let (stream, _peer) = listener.accept().expect("a connection");
                stream.set_nodelay(true).expect("a socket");
                let connection = &connection;
                drop(s.spawn(move || connection(stream)));
            }
        });
    });
}

/// The server of the example `http`, with all of its limits and time limits.
pub fn http(peer: &str, listener: StdListener) {
    let site = Options::default().site();
    serve(peer, listener, |stream| {
        stream.set_read_timeout(Some(IDLE)).and_then(|()| stream.set_write_timeout(Some(IDLE)))?;
        web::serve(&stream, &site, &|| false)
    });
}
