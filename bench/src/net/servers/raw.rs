//! A loop over epoll by hand, with one thread and one buffer: the floor.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;

const LISTENER: u64 = u64::MAX;
const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\nHello, world!";

/// What a connection does with what it has read; `None`: it ends.
type Answer<'a> = dyn FnMut(&mut Connection, &[u8]) -> Option<()> + 'a;

struct Connection {
    stream: TcpStream,
    /// Of which a part could not be sent.
    unsent: Vec<u8>,
}

impl Connection {
    fn send(&mut self, bytes: &[u8]) -> Option<()> {
        if !self.unsent.is_empty() {
            self.unsent.extend(bytes);
            return Some(());
        }
        match self.stream.write(bytes) {
            Ok(count) => self.unsent.extend(&bytes[count..]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.unsent.extend(bytes),
            Err(_) => return None,
        }
        Some(())
    }

    fn send_rest(&mut self) -> Option<()> {
        let rest = std::mem::take(&mut self.unsent);
        self.send(&rest)
    }
}

pub fn echo(listener: &TcpListener, buffer: usize, edges: bool) {
    serve(listener, buffer, edges, &mut |connection, bytes| connection.send(bytes));
}

pub fn http(listener: &TcpListener) {
    serve(listener, 4096, false, &mut |connection, bytes| {
        assert!(is_whole(bytes), "a request that comes in parts");
        connection.send(HELLO)
    });
}

fn serve(listener: &TcpListener, buffer: usize, edges: bool, answer: &mut Answer<'_>) {
    let epoll = epoll::create(CreateFlags::CLOEXEC).expect("an epoll");
    listener.set_nonblocking(true).expect("a socket");
    epoll::add(&epoll, listener, EventData::new_u64(LISTENER), EventFlags::IN).expect("a descriptor");
    let mut connections = HashMap::new();
    let mut buffer = vec![0; buffer];
    let mut events: Vec<Event> = Vec::with_capacity(1024);
    loop {
        events.clear();
        epoll::wait(&epoll, spare_capacity(&mut events), None).expect("an epoll");
        for event in &events {
            if event.data.u64() == LISTENER {
                accept(listener, &epoll, edges, &mut connections);
                continue;
            }
            let connection = connections.get_mut(&event.data.u64()).expect("it is here");
            let waited = !connection.unsent.is_empty();
            if go_on(connection, edges, &mut buffer, answer).is_none() {
                connections.remove(&event.data.u64());
            } else if !edges && waited == connection.unsent.is_empty() {
                let flags = if waited { EventFlags::IN } else { EventFlags::OUT };
                epoll::modify(&epoll, &connection.stream, event.data, flags).expect("a descriptor");
            }
        }
    }
}

fn accept(listener: &TcpListener, epoll: &OwnedFd, edges: bool, connections: &mut HashMap<u64, Connection>) {
    while let Ok((stream, _peer)) = listener.accept() {
        stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).expect("a socket");
        let both = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
        let flags = if edges { both } else { EventFlags::IN };
        let number = stream.as_raw_fd() as u64;
        epoll::add(epoll, &stream, EventData::new_u64(number), flags).expect("a descriptor");
        connections.insert(number, Connection { stream, unsent: Vec::new() });
    }
}

fn go_on(connection: &mut Connection, edges: bool, buffer: &mut [u8], answer: &mut Answer<'_>) -> Option<()> {
    if !connection.unsent.is_empty() {
        connection.send_rest()?;
    }
    while connection.unsent.is_empty() {
        match connection.stream.read(buffer) {
            Ok(0) => return None,
            Ok(count) => {
                answer(connection, &buffer[..count])?;
                // A short read has emptied the socket.
                if !edges || count < buffer.len() {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(_) => return None,
        }
    }
    Some(())
}

/// Whether these bytes are a request without a body.
fn is_whole(bytes: &[u8]) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    httparse::Request::new(&mut headers).parse(bytes).is_ok_and(|status| status.is_complete())
}
