//! The stream.

use std::io;
use std::net::{self, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use super::connect::connect;
use super::macros::{descriptor, duplex, ends};
use super::resolve::first_of;
use crate::io::polled::{Polled, reader, writer, zero_timeout};
use crate::task;

/// A TCP connection, as [`std::net::TcpStream`].
///
/// It reads and writes through `&TcpStream` as well, so two tasks may share it: one that reads, one that writes.
///
/// # Examples
/// ```
/// use corro::net::{TcpListener, TcpStream};
/// use std::io::{Read, Write};
/// use std::net::Ipv4Addr;
///
/// corro::run(|| {
///     let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
///     let mut client = TcpStream::connect(listener.local_addr()?)?;
///     let (mut server, _peer) = listener.accept()?;
///     client.write_all(b"ping")?;
///     let mut word = [0; 4];
///     server.read_exact(&mut word)?;
///     assert_eq!(&word, b"ping");
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TcpStream {
    socket: Polled<net::TcpStream>,
}

impl TcpStream {
    /// Connects to the first of the addresses that answers.
    ///
    /// A cancellation cuts it off at once, unless a name is being looked up: see [`net`](super).
    ///
    /// # Errors
    /// What resolving or connecting reports, of the last address.
    pub fn connect<A: ToSocketAddrs + Send>(address: A) -> io::Result<TcpStream> {
        task::begin_operation();
        Ok(TcpStream { socket: first_of(address, |address| connect(address, None))? })
    }

    /// Connects to one address, and waits at most for `timeout`.
    ///
    /// # Errors
    /// `InvalidInput` for a timeout of zero, `TimedOut` when it has passed, and what connecting reports.
    ///
    /// # Examples
    /// ```
    /// # use corro::net::{TcpListener, TcpStream};
    /// # use std::{net::Ipv4Addr, time::Duration};
    /// corro::run(|| {
    ///     let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    ///     TcpStream::connect_timeout(&listener.local_addr()?, Duration::from_secs(5))
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect_timeout(address: &SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        task::begin_operation();
        if timeout.is_zero() {
            return Err(zero_timeout());
        }
        Ok(TcpStream { socket: connect(address, Some(timeout))? })
    }

    pub(super) fn from_socket(socket: Polled<net::TcpStream>) -> TcpStream {
        TcpStream { socket }
    }

    /// Reads without taking: the next read gives the same bytes again.
    ///
    /// # Errors
    /// What the system reports, and `TimedOut` after the read timeout.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.read_with(|stream| stream.peek(buf))
    }

    /// Sets whether small writes go out at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// What the system reports.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.get().set_nodelay(nodelay)
    }

    /// Whether small writes go out at once.
    ///
    /// # Errors
    /// What the system reports.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.get().nodelay()
    }

    /// Sets the `IP_TTL` of what it sends.
    ///
    /// # Errors
    /// What the system reports.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.get().set_ttl(ttl)
    }

    /// The `IP_TTL` of what it sends.
    ///
    /// # Errors
    /// What the system reports.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.get().ttl()
    }
}

reader!(TcpStream, socket, recv);
writer!(TcpStream, socket, send);
duplex!(TcpStream, net::TcpStream);
ends!(TcpStream, SocketAddr);
#[cfg(feature = "futures-io")]
super::macros::polls!(TcpStream, net::TcpStream);
