//! Sockets that block the task, not the thread.
//!
//! The types and their methods are those of [`std::net`]: a program moves over by changing its `use` line.
//!
//! - In a task an operation that is not ready parks the task. On a plain thread it blocks the thread.
//! - Every operation is a cancellation point, also when it could complete at once. A cancelled operation has moved
//!   no byte.
//! - Two tasks may use a stream at once, one to read and one to write; of several readers each byte reaches one.
//! - A timeout set by `set_read_timeout` or `set_write_timeout` gives an error of the kind
//!   [`TimedOut`](std::io::ErrorKind::TimedOut). (On Linux `std` gives `WouldBlock` there, which never leaves this
//!   module.) It belongs to the value it was set on.
//! - While its task unwinds, an operation that would have to wait gives an error of the kind `Other` around
//!   [`WouldSuspend`](crate::WouldSuspend).
//! - Names are resolved on another thread, and so is all that is given as text, also a number. A lookup cannot be called
//!   back: a cancellation, such as that of a [`timeout`](crate::timeout()) around a `connect` or `bind`, waits until the
//!   system's resolver has answered or given up.
//!
//! # Examples
//! ```
//! use corro::net::{TcpListener, TcpStream};
//! use std::io::{Read, Write};
//! use std::net::Ipv4Addr;
//!
//! let answer = corro::run(|| {
//!     let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
//!     let address = listener.local_addr()?;
//!     corro::spawn(move || {
//!         let (mut stream, _peer) = listener.accept()?;
//!         stream.write_all(b"hello")
//!     });
//!     let mut answer = String::new();
//!     TcpStream::connect(address)?.read_to_string(&mut answer)?;
//!     std::io::Result::Ok(answer)
//! })?;
//! assert_eq!(answer, "hello");
//! # Ok::<(), std::io::Error>(())
//! ```

#![forbid(unsafe_code)]

mod accept;
mod connect;
mod listener;
mod macros;
mod resolve;
mod tcp;
mod udp;
mod unix;

pub use std::net::{
    AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs,
};

pub use self::listener::{Incoming, TcpListener};
pub use self::tcp::TcpStream;
pub use self::udp::UdpSocket;
pub use self::unix::{UnixDatagram, UnixIncoming, UnixListener, UnixStream};
