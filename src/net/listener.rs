//! The socket that accepts.

use std::io;
use std::iter::FusedIterator;
use std::net::{self, SocketAddr, ToSocketAddrs};

use rustix::net::{SocketFlags, acceptfrom_with};

use super::TcpStream;
use super::accept::accept_with;
use super::macros::{descriptor, listener};
use super::resolve::first_of;
use crate::io::polled::Polled;
use crate::task;

/// A TCP socket that listens, as [`std::net::TcpListener`].
///
/// Several tasks may accept from it at once; each connection goes to one of them.
///
/// # Examples
/// ```
/// use corro::net::{TcpListener, TcpStream};
/// use std::net::Ipv4Addr;
///
/// corro::run(|| {
///     let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
///     let client = TcpStream::connect(listener.local_addr()?)?;
///     let (_stream, peer) = listener.accept()?;
///     assert_eq!(peer, client.local_addr()?);
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TcpListener {
    socket: Polled<net::TcpListener>,
}

impl TcpListener {
    /// Binds to the first of the addresses that can be bound, and listens.
    ///
    /// # Errors
    /// What resolving or binding reports, of the last address.
    ///
    /// # Examples
    /// ```
    /// # use corro::net::TcpListener;
    /// let listener = corro::run(|| TcpListener::bind("127.0.0.1:0"))?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind<A: ToSocketAddrs + Send>(address: A) -> io::Result<TcpListener> {
        task::begin_operation();
        TcpListener::from_std(first_of(address, |address| net::TcpListener::bind(address))?)
    }

    /// Waits for a connection and takes it.
    ///
    /// When the process is out of descriptors or the system out of memory, it pauses (longer each time, up to a second)
    /// and goes on. A connection that was given up before it was accepted is passed over.
    ///
    /// # Errors
    /// What the system reports, save for those cases.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        accept_with(&self.socket, accept)
    }

    /// An iterator over the connections that come; it does not end.
    ///
    /// # Examples
    /// ```
    /// # use corro::net::{TcpListener, TcpStream};
    /// # use std::net::Ipv4Addr;
    /// corro::run(|| {
    ///     let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    ///     let _client = TcpStream::connect(listener.local_addr()?)?;
    ///     for stream in listener.incoming().take(1) {
    ///         stream?.set_nodelay(true)?;
    ///     }
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// The address that it listens at.
    ///
    /// # Errors
    /// What the system reports.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
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

/// One attempt to accept.
fn accept(listener: &net::TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (fd, peer) = acceptfrom_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    let stream = TcpStream::from_socket(Polled::tcp(net::TcpStream::from(fd)));
    let peer = peer.map_or_else(|| stream.peer_addr(), |peer| Ok(SocketAddr::try_from(peer)?))?;
    Ok((stream, peer))
}

/// The connections of a [`TcpListener`]; see [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.listener.accept().map(|(stream, _peer)| stream))
    }
}

impl FusedIterator for Incoming<'_> {}

listener!(TcpListener, net::TcpListener);
