//! Datagrams.

use std::io;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use super::macros::{descriptor, duplex};
use super::resolve::{first_of, resolve};
use crate::io::polled::Polled;
use crate::task;

/// A UDP socket, as [`std::net::UdpSocket`].
///
/// Several tasks may use it at once; each datagram goes to one of those that receive.
///
/// # Examples
/// ```
/// use corro::net::UdpSocket;
///
/// corro::run(|| {
///     let here = UdpSocket::bind("127.0.0.1:0")?;
///     let there = UdpSocket::bind("127.0.0.1:0")?;
///     here.send_to(b"ping", there.local_addr()?)?;
///     let mut word = [0; 16];
///     let (length, from) = there.recv_from(&mut word)?;
///     assert_eq!((&word[..length], from), (&b"ping"[..], here.local_addr()?));
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UdpSocket {
    socket: Polled<net::UdpSocket>,
}

impl UdpSocket {
    /// Binds to the first of the addresses that can be bound.
    ///
    /// # Errors
    /// What resolving or binding reports, of the last address.
    pub fn bind<A: ToSocketAddrs + Send>(address: A) -> io::Result<UdpSocket> {
        task::begin_operation();
        UdpSocket::from_std(first_of(address, |address| net::UdpSocket::bind(address))?)
    }

    /// Sends to and receives from this address only, from now on.
    ///
    /// # Errors
    /// What resolving or the system reports, of the last address.
    pub fn connect<A: ToSocketAddrs + Send>(&self, address: A) -> io::Result<()> {
        task::begin_operation();
        first_of(address, |address| self.socket.get().connect(address))
    }

    /// Sends a datagram to the first of the addresses.
    ///
    /// # Errors
    /// `InvalidInput` if there is no address, `TimedOut` after the write timeout, and what the system reports.
    pub fn send_to<A: ToSocketAddrs + Send>(&self, buf: &[u8], address: A) -> io::Result<usize> {
        let addresses = resolve(address)?;
        let no_address = || io::Error::new(io::ErrorKind::InvalidInput, "no addresses to send data to");
        let address = addresses.first().ok_or_else(no_address)?;
        self.socket.write_with(|socket| socket.send_to(buf, address))
    }

    /// Receives a datagram; what does not fit into `buf` is lost.
    ///
    /// # Errors
    /// `TimedOut` after the read timeout, and what the system reports.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.read_with(|socket| socket.recv_from(buf))
    }

    /// As [`recv_from`](Self::recv_from), without taking the datagram.
    ///
    /// # Errors
    /// As [`recv_from`](Self::recv_from).
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.read_with(|socket| socket.peek_from(buf))
    }

    /// Sends a datagram to the connected address.
    ///
    /// # Errors
    /// `TimedOut` after the write timeout, and what the system reports; so the answer to an earlier datagram, that nobody
    /// was there.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.socket.write_with(|socket| socket.send(buf))
    }

    /// Receives a datagram from the connected address; what does not fit into `buf` is lost.
    ///
    /// # Errors
    /// As [`recv_from`](Self::recv_from).
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.read_with(|socket| socket.recv(buf))
    }

    /// As [`recv`](Self::recv), without taking the datagram.
    ///
    /// # Errors
    /// As [`recv_from`](Self::recv_from).
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.read_with(|socket| socket.peek(buf))
    }
}

/// Methods that only hand on to those of `std`.
macro_rules! options {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        impl UdpSocket {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// What the system reports.
                pub fn $name(&self, $($argument: $type),*) -> io::Result<$result> {
                    self.socket.get().$name($($argument),*)
                }
            )*
        }
    };
}

options! {
    /// The address of this end.
    local_addr() -> SocketAddr;
    /// The address that it is connected to.
    peer_addr() -> SocketAddr;
    /// Whether it may send to a broadcast address (`SO_BROADCAST`).
    broadcast() -> bool;
    /// Lets it send to a broadcast address (`SO_BROADCAST`).
    set_broadcast(broadcast: bool) -> ();
    /// The `IP_TTL` of what it sends.
    ttl() -> u32;
    /// Sets the `IP_TTL` of what it sends.
    set_ttl(ttl: u32) -> ();
    /// Whether it gets its own multicasts (`IP_MULTICAST_LOOP`).
    multicast_loop_v4() -> bool;
    /// Sets whether it gets its own multicasts (`IP_MULTICAST_LOOP`).
    set_multicast_loop_v4(own: bool) -> ();
    /// The `IP_MULTICAST_TTL` of what it sends.
    multicast_ttl_v4() -> u32;
    /// Sets the `IP_MULTICAST_TTL` of what it sends.
    set_multicast_ttl_v4(ttl: u32) -> ();
    /// Whether it gets its own multicasts (`IPV6_MULTICAST_LOOP`).
    multicast_loop_v6() -> bool;
    /// Sets whether it gets its own multicasts (`IPV6_MULTICAST_LOOP`).
    set_multicast_loop_v6(own: bool) -> ();
    /// Joins a multicast group (`IP_ADD_MEMBERSHIP`).
    join_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> ();
    /// Leaves a multicast group (`IP_DROP_MEMBERSHIP`).
    leave_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> ();
    /// Joins a multicast group (`IPV6_ADD_MEMBERSHIP`).
    join_multicast_v6(group: &Ipv6Addr, interface: u32) -> ();
    /// Leaves a multicast group (`IPV6_DROP_MEMBERSHIP`).
    leave_multicast_v6(group: &Ipv6Addr, interface: u32) -> ();
}

duplex!(UdpSocket, net::UdpSocket, new);
