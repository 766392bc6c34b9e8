//! A connection that is begun and not waited for: what the styles need that are called back, or yield, when it stands.

use std::{
    io,
    net::{SocketAddr, TcpStream},
};

use rustix::net::{self, AddressFamily, SocketFlags, SocketType};

/// Begins to connect. When the stream is writable, `take_error` tells how it went.
pub fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let family = if addr.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = net::socket_with(family, SocketType::STREAM, flags, None)?;
    match net::connect(&socket, &addr) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(socket.into()),
        Err(error) => Err(error.into()),
    }
}

/// How the connection that was begun has ended.
pub fn connected(stream: &TcpStream) -> io::Result<()> {
    stream.take_error()?.map_or(Ok(()), Err)
}
