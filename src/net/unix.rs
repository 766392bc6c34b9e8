//! Sockets of the file system.

use std::io;
use std::iter::FusedIterator;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, acceptfrom_with, socket_with};

use super::accept::accept_with;
use super::macros::{descriptor, duplex, ends, listener};
use crate::driver;
use crate::io::polled::{Polled, reader, writer};
use crate::task;

/// The first pause before another attempt where the system tells of no event; each further one doubles.
const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// A stream between processes of one machine, as [`std::os::unix::net::UnixStream`].
///
/// It reads and writes through `&UnixStream` as well, so two tasks may share it: one that reads, one that writes.
///
/// # Examples
/// ```
/// use corro::net::UnixStream;
/// use std::io::{Read, Write};
///
/// corro::run(|| {
///     let (mut here, mut there) = UnixStream::pair()?;
///     here.write_all(b"ping")?;
///     let mut word = [0; 4];
///     there.read_exact(&mut word)?;
///     assert_eq!(&word, b"ping");
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UnixStream {
    socket: Polled<net::UnixStream>,
}

impl UnixStream {
    /// Connects to the socket at this path. It waits while too many connections wait there to be accepted.
    ///
    /// # Errors
    /// What the system reports: `NotFound` if there is no such socket, `ConnectionRefused` if nobody listens; `InvalidInput`
    /// for a path that cannot be that of a socket, since it is too long or empty.
    pub fn connect(path: impl AsRef<Path>) -> io::Result<UnixStream> {
        UnixStream::connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Connects to this address, as [`connect`](Self::connect).
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_addr(address: &SocketAddr) -> io::Result<UnixStream> {
        let address = address_of(address)?;
        task::begin_operation();
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        again_and_again(None, || Ok(rustix::net::connect(&fd, &address)?))?;
        Ok(UnixStream { socket: Polled::new(net::UnixStream::from(fd)) })
    }

    /// Two streams that are connected to each other.
    ///
    /// # Errors
    /// When the process or the system is out of descriptors.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (here, there) = net::UnixStream::pair()?;
        Ok((UnixStream::from_std(here)?, UnixStream::from_std(there)?))
    }
}

/// The address as the system call takes it.
fn address_of(address: &SocketAddr) -> io::Result<SocketAddrUnix> {
    Ok(match (address.as_pathname(), address.as_abstract_name()) {
        (Some(path), _) => SocketAddrUnix::new(path)?,
        (None, Some(name)) => SocketAddrUnix::new_abstract_name(name)?,
        (None, None) => SocketAddrUnix::new_unnamed(),
    })
}

reader!(UnixStream, socket);
writer!(UnixStream, socket);
duplex!(UnixStream, net::UnixStream, new);
ends!(UnixStream, SocketAddr);
#[cfg(feature = "futures-io")]
super::macros::polls!(UnixStream, net::UnixStream);

/// Attempts again after a pause as long as the system says that it would have to wait: for calls whose readiness no event
/// tells of.
fn again_and_again<T>(deadline: Option<Instant>, attempt: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let mut pause = FIRST_PAUSE;
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
        if task::mode() == task::Mode::Unwinding {
            return Err(driver::would_suspend());
        }
        if deadline.is_some_and(|deadline| driver::now() >= deadline) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "timed out"));
        }
        driver::pause(pause);
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// A socket of the file system that listens, as [`std::os::unix::net::UnixListener`].
///
/// Its file stays when it is dropped; who binds removes it before or after.
///
/// # Examples
/// ```
/// use corro::net::{UnixListener, UnixStream};
/// use std::io::{Read, Write};
///
/// # let folder = std::env::temp_dir().join(format!("corro-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let path = folder.join("socket");
/// corro::run(|| {
///     let listener = UnixListener::bind(&path)?;
///     let mut client = UnixStream::connect(&path)?;
///     let (mut server, _address) = listener.accept()?;
///     server.write_all(b"hello")?;
///     drop(server);
///     let mut text = String::new();
///     client.read_to_string(&mut text)?;
///     assert_eq!(text, "hello");
///     std::io::Result::Ok(())
/// })?;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UnixListener {
    socket: Polled<net::UnixListener>,
}

impl UnixListener {
    /// Makes a socket at this path, and listens.
    ///
    /// # Errors
    /// What the system reports: `AddrInUse` if there is a file already.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        UnixListener::from_std(net::UnixListener::bind(path)?)
    }

    /// Makes a socket at this address, and listens.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixListener> {
        UnixListener::from_std(net::UnixListener::bind_addr(address)?)
    }

    /// Waits for a connection and takes it; as [`TcpListener::accept`](super::TcpListener::accept).
    ///
    /// # Errors
    /// What the system reports, save for a shortage, which it waits out.
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        accept_with(&self.socket, accept)
    }

    /// An iterator over the connections that come; it does not end.
    pub fn incoming(&self) -> UnixIncoming<'_> {
        UnixIncoming { listener: self }
    }

    /// The address that it listens at.
    ///
    /// # Errors
    /// What the system reports.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }
}

/// One attempt to accept.
fn accept(listener: &net::UnixListener) -> io::Result<(UnixStream, SocketAddr)> {
    let (fd, _address): (OwnedFd, _) = acceptfrom_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    let stream = net::UnixStream::from(fd);
    let peer = stream.peer_addr()?;
    Ok((UnixStream { socket: Polled::new(stream) }, peer))
}

listener!(UnixListener, net::UnixListener);

/// The connections of a [`UnixListener`]; see [`UnixListener::incoming`].
#[derive(Debug)]
pub struct UnixIncoming<'a> {
    listener: &'a UnixListener,
}

impl Iterator for UnixIncoming<'_> {
    type Item = io::Result<UnixStream>;

    fn next(&mut self) -> Option<io::Result<UnixStream>> {
        Some(self.listener.accept().map(|(stream, _peer)| stream))
    }
}

impl FusedIterator for UnixIncoming<'_> {}

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = UnixIncoming<'a>;

    fn into_iter(self) -> UnixIncoming<'a> {
        self.incoming()
    }
}

/// A socket for datagrams within one machine, as [`std::os::unix::net::UnixDatagram`]. None is lost on the way: who sends
/// waits while the receiver has too many.
///
/// # Examples
/// ```
/// use corro::net::UnixDatagram;
///
/// corro::run(|| {
///     let (here, there) = UnixDatagram::pair()?;
///     here.send(b"ping")?;
///     let mut word = [0; 16];
///     assert_eq!(there.recv(&mut word)?, 4);
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UnixDatagram {
    socket: Polled<net::UnixDatagram>,
}

impl UnixDatagram {
    /// Makes a socket at this path.
    ///
    /// # Errors
    /// What the system reports: `AddrInUse` if there is a file already.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(net::UnixDatagram::bind(path)?)
    }

    /// Makes a socket at this address.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(net::UnixDatagram::bind_addr(address)?)
    }

    /// A socket without an address, which can send.
    ///
    /// # Errors
    /// When the process or the system is out of descriptors.
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(net::UnixDatagram::unbound()?)
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    /// When the process or the system is out of descriptors.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (here, there) = net::UnixDatagram::pair()?;
        Ok((UnixDatagram::from_std(here)?, UnixDatagram::from_std(there)?))
    }

    /// Sends to the socket at this path from now on, and receives from that only.
    ///
    /// # Errors
    /// What the system reports.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.socket.get().connect(path)
    }

    /// As [`connect`](Self::connect), to the socket at this address.
    ///
    /// # Errors
    /// What the system reports.
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        self.socket.get().connect_addr(address)
    }

    /// Sends a datagram to the connected socket.
    ///
    /// # Errors
    /// `TimedOut` after the write timeout, and what the system reports.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.socket.write_with(|socket| socket.send(buf))
    }

    /// Receives a datagram; what does not fit into `buf` is lost.
    ///
    /// # Errors
    /// `TimedOut` after the read timeout, and what the system reports.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.read_with(|socket| socket.recv(buf))
    }

    /// Sends a datagram to the socket at this path.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.send_unconnected(|socket| socket.send_to(buf, &path))
    }

    /// Sends a datagram to the socket at this address.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_to_addr(&self, buf: &[u8], address: &SocketAddr) -> io::Result<usize> {
        self.send_unconnected(|socket| socket.send_to_addr(buf, address))
    }

    /// The system tells of no event when there is room at a socket that this one is not connected to.
    fn send_unconnected(&self, attempt: impl Fn(&net::UnixDatagram) -> io::Result<usize>) -> io::Result<usize> {
        task::begin_operation();
        let deadline = self.socket.write_timeout.get().and_then(|timeout| driver::now().checked_add(timeout));
        again_and_again(deadline, || attempt(self.socket.get()))
    }

    /// Receives a datagram, and from where it came.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.read_with(|socket| socket.recv_from(buf))
    }
}

duplex!(UnixDatagram, net::UnixDatagram, new);
ends!(UnixDatagram, SocketAddr);
