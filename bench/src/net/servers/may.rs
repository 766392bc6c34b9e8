//! may, and may_minihttp on it.

use std::io::{self, Read, Write};
use std::net::TcpListener as StdListener;
use std::os::fd::{FromRawFd, IntoRawFd};

use may::net::{TcpListener, TcpStream};
use may_minihttp::{HttpService, HttpServiceFactory, Request, Response};

use super::super::SMALL;
use crate::peers;

pub fn echo(peer: &str, listener: StdListener, buffer: usize) {
    configure(peer);
    // SAFETY: the descriptor is a listener's, and is given away.
    let listener = unsafe { TcpListener::from_raw_fd(listener.into_raw_fd()) };
    let server = peers::may_spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            stream.set_nodelay(true).expect("a socket");
            // On the stack if that has room: may's is small.
            match buffer {
                SMALL => peers::may_spawn(move || give_back(&mut stream, &mut [0; SMALL])),
                _ => peers::may_spawn(move || give_back(&mut stream, &mut vec![0; buffer])),
            };
        }
    });
    server.join().expect("it does not end");
}

fn give_back(stream: &mut TcpStream, buffer: &mut [u8]) {
    while let Ok(count @ 1..) = stream.read(buffer) {
        if stream.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
}

#[derive(Clone)]
struct Hello;

impl HttpService for Hello {
    fn call(&mut self, _request: Request, response: &mut Response) -> io::Result<()> {
        response.header("Content-Type: text/plain").body("Hello, world!");
        Ok(())
    }
}

impl HttpServiceFactory for Hello {
    type Service = Hello;

    fn new_service(&self, _id: usize) -> Hello {
        Hello
    }
}

/// It listens for itself, so the port is taken from the listener that it replaces.
pub fn http(peer: &str, listener: StdListener) {
    configure(peer);
    let address = listener.local_addr().expect("a socket");
    drop(listener);
    let server = Hello.start(address).expect("a listener");
    println!("{}", address.port());
    server.join().expect("it does not end");
}

fn configure(peer: &str) {
    may::config().set_workers(peers::workers(peer)).set_pool_capacity(2000);
}
