//! A connection that is made without blocking.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::driver::Direction;
use crate::io::polled::Polled;

/// Connects to `address`; a cancellation while it waits closes the socket.
pub(super) fn connect(address: &SocketAddr, timeout: Option<Duration>) -> io::Result<Polled<TcpStream>> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let fd = socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    let under_way = start(&fd, address)?;
    let socket = Polled::tcp(TcpStream::from(fd));
    if under_way {
        socket.repeat(Direction::Write, timeout, outcome)?;
    }
    Ok(socket)
}

/// Whether the connection is still under way.
fn start(fd: &OwnedFd, address: &SocketAddr) -> io::Result<bool> {
    match rustix::net::connect(fd, address) {
        Ok(()) => Ok(false),
        // An interrupted connect goes on by itself.
        Err(Errno::INPROGRESS | Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// What has become of the connection; `WouldBlock` as long as nothing has.
fn outcome(stream: &TcpStream) -> io::Result<()> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_for_nothing_is_no_outcome() {
        let fd = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        assert_eq!(outcome(&TcpStream::from(fd)).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
