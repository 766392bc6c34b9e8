//! The stream.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use super::connect::connect;
use super::resolve::first_of;
use super::socket::{Socket, zero_timeout};
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
    socket: Socket<net::TcpStream>,
}

impl TcpStream {
    /// Connects to the first of the addresses that answers.
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

    pub(super) fn from_socket(socket: Socket<net::TcpStream>) -> TcpStream {
        TcpStream { socket }
    }

    /// Reads without taking: the next read gives the same bytes again.
    ///
    /// # Errors
    /// What the system reports, and `TimedOut` after the read timeout.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.read_with(|stream| stream.peek(buf))
    }

    /// Ends one direction of the connection, or both. Tasks that wait for it go on.
    ///
    /// # Errors
    /// What the system reports.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.get().shutdown(how)
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// What the system reports.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().peer_addr()
    }

    /// The address of this end.
    ///
    /// # Errors
    /// What the system reports.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
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

    /// Sets how long a read waits at most. A read that waited so long gives `TimedOut`.
    ///
    /// The timeout belongs to this value, not to the socket: a clone made before keeps its own.
    ///
    /// # Errors
    /// `InvalidInput` for a timeout of zero.
    ///
    /// # Examples
    /// ```
    /// # use corro::net::{TcpListener, TcpStream};
    /// # use std::{io::{ErrorKind, Read}, net::Ipv4Addr, time::Duration};
    /// corro::run(|| {
    ///     let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    ///     let mut stream = TcpStream::connect(listener.local_addr()?)?;
    ///     stream.set_read_timeout(Some(Duration::from_millis(1)))?;
    ///     assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.read_timeout.set(timeout)
    }

    /// Sets how long a write waits at most, as [`set_read_timeout`](TcpStream::set_read_timeout).
    ///
    /// # Errors
    /// `InvalidInput` for a timeout of zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.write_timeout.set(timeout)
    }

    /// How long a read waits at most.
    ///
    /// # Errors
    /// None; the result is that of `std`.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.socket.read_timeout.get())
    }

    /// How long a write waits at most.
    ///
    /// # Errors
    /// None; the result is that of `std`.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.socket.write_timeout.get())
    }

    /// Takes the pending error of the socket (`SO_ERROR`).
    ///
    /// # Errors
    /// What the system reports when asked.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.get().take_error()
    }

    /// A second handle on the same connection, with the timeouts of this one.
    ///
    /// # Errors
    /// When the process or the system is out of descriptors.
    pub fn try_clone(&self) -> io::Result<TcpStream> {
        let socket = Socket::new(self.socket.get().try_clone()?);
        socket.read_timeout.copy_from(&self.socket.read_timeout);
        socket.write_timeout.copy_from(&self.socket.write_timeout);
        Ok(TcpStream { socket })
    }

    /// Takes a stream of the standard library over. It becomes non-blocking, as do its clones.
    ///
    /// Timeouts that were set on it are taken over.
    ///
    /// # Errors
    /// What the system reports.
    pub fn from_std(stream: net::TcpStream) -> io::Result<TcpStream> {
        stream.set_nonblocking(true)?;
        let (read, write) = (stream.read_timeout()?, stream.write_timeout()?);
        let socket = Socket::new(stream);
        socket.read_timeout.set(read)?;
        socket.write_timeout.set(write)?;
        Ok(TcpStream { socket })
    }

    /// Gives the stream to the standard library, with its timeouts. It becomes blocking again, as do its clones.
    ///
    /// # Errors
    /// What the system reports; the connection is closed then.
    ///
    /// # Examples
    /// ```
    /// # use corro::net::{TcpListener, TcpStream};
    /// # use std::net::Ipv4Addr;
    /// let stream = corro::run(|| {
    ///     let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    ///     TcpStream::connect(listener.local_addr()?)
    /// })?;
    /// let stream: std::net::TcpStream = stream.into_std()?;
    /// let _stream = TcpStream::from_std(stream)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn into_std(self) -> io::Result<net::TcpStream> {
        let (read, write) = (self.socket.read_timeout.get(), self.socket.write_timeout.get());
        let stream = self.socket.into_inner();
        stream.set_read_timeout(read)?;
        stream.set_write_timeout(write)?;
        stream.set_nonblocking(false)?;
        Ok(stream)
    }
}

impl Read for &TcpStream {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.read_with(|mut stream| stream.read(buf))
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.socket.read_with(|mut stream| stream.read_vectored(bufs))
    }
}

impl Write for &TcpStream {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.socket.write_with(|mut stream| stream.write(buf))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket.write_with(|mut stream| stream.write_vectored(bufs))
    }

    /// Does nothing: a stream has no buffer of its own.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TcpStream {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }
}

impl Write for TcpStream {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.get().as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.get().as_raw_fd()
    }
}

impl From<TcpStream> for OwnedFd {
    fn from(stream: TcpStream) -> OwnedFd {
        stream.socket.into_inner().into()
    }
}

impl TryFrom<net::TcpStream> for TcpStream {
    type Error = io::Error;

    fn try_from(stream: net::TcpStream) -> io::Result<TcpStream> {
        TcpStream::from_std(stream)
    }
}

impl TryFrom<TcpStream> for net::TcpStream {
    type Error = io::Error;

    fn try_from(stream: TcpStream) -> io::Result<net::TcpStream> {
        stream.into_std()
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.get().fmt(f)
    }
}
