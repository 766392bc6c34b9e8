//! The socket that accepts.

use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::net::{self, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{SocketFlags, acceptfrom_with};

use super::TcpStream;
use super::resolve::first_of;
use super::socket::Socket;
use crate::driver;
use crate::task;

/// The first pause after an `accept` for which descriptors or memory ran out; each further one doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

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
    socket: Socket<net::TcpListener>,
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
        let mut pause = FIRST_PAUSE;
        loop {
            match self.socket.read_with(accept) {
                Err(error) if is_shortage(&error) => driver::pause(pause),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                done => return done,
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
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

    /// A second handle on the same socket.
    ///
    /// # Errors
    /// When the process or the system is out of descriptors.
    pub fn try_clone(&self) -> io::Result<TcpListener> {
        Ok(TcpListener { socket: Socket::new(self.socket.get().try_clone()?) })
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

    /// Takes the pending error of the socket (`SO_ERROR`).
    ///
    /// # Errors
    /// What the system reports when asked.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.get().take_error()
    }

    /// Takes a listener of the standard library over. It becomes non-blocking, as do its clones.
    ///
    /// # Errors
    /// What the system reports.
    ///
    /// # Examples
    /// ```
    /// # use corro::net::TcpListener;
    /// let listener = TcpListener::from_std(std::net::TcpListener::bind("127.0.0.1:0")?)?;
    /// let _std: std::net::TcpListener = listener.into_std()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_std(listener: net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        Ok(TcpListener { socket: Socket::new(listener) })
    }

    /// Gives the listener to the standard library. It becomes blocking again, as do its clones.
    ///
    /// # Errors
    /// What the system reports; the socket is closed then.
    pub fn into_std(self) -> io::Result<net::TcpListener> {
        let listener = self.socket.into_inner();
        listener.set_nonblocking(false)?;
        Ok(listener)
    }
}

/// One attempt to accept.
fn accept(listener: &net::TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (fd, peer) = acceptfrom_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    let stream = TcpStream::from_socket(Socket::new(net::TcpStream::from(fd)));
    let peer = peer.map_or_else(|| stream.peer_addr(), |peer| Ok(SocketAddr::try_from(peer)?))?;
    Ok((stream, peer))
}

/// Whether this will pass when others give something back.
fn is_shortage(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
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

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.get().as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.get().as_raw_fd()
    }
}

impl From<TcpListener> for OwnedFd {
    fn from(listener: TcpListener) -> OwnedFd {
        listener.socket.into_inner().into()
    }
}

impl TryFrom<net::TcpListener> for TcpListener {
    type Error = io::Error;

    fn try_from(listener: net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }
}

impl TryFrom<TcpListener> for net::TcpListener {
    type Error = io::Error;

    fn try_from(listener: TcpListener) -> io::Result<net::TcpListener> {
        listener.into_std()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.get().fmt(f)
    }
}
