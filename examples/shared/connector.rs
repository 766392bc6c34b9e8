//! The client `ureq` on our sockets: where it waits, the task waits.
//!
//! ```text
//!  Agent ──► LookUp ──► TcpConnector ──► ureq's RustlsConnector, for https
//!            names       sockets
//! ```
//!
//! `ureq` is not changed: it lets others provide what resolves names, and what carries bytes.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use corro::net::{Shutdown, TcpStream};
use corro::{select, spawn, unblock};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustls::crypto::ring;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, RustlsConnector, ShutdownHandle, Transport,
};
use ureq::{Agent, Error, Timeout};

/// As many addresses as the list of `ureq` has room for.
const MOST_ADDRESSES: usize = 16;

/// A client whose requests are to be made in tasks.
pub(crate) fn agent(config: Config) -> Agent {
    Agent::with_parts(config, Connector::<()>::chain(TcpConnector, RustlsConnector::default()), LookUp)
}

/// TLS that trusts these certificates.
pub(crate) fn trusting(certificates: Vec<Certificate<'static>>) -> TlsConfig {
    TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(certificates)))
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build()
}

/// What is left until a timeout of `ureq`; none if there is none.
fn left(timeout: NextTimeout) -> Result<Option<Duration>, Error> {
    match timeout.after {
        after if after.is_not_happening() => Ok(None),
        after if after.is_zero() => Err(Error::Timeout(timeout.reason)),
        after => Ok(Some(*after)),
    }
}

/// An error of a socket as `ureq` has it.
fn late(error: io::Error, reason: Timeout) -> Error {
    if error.kind() == ErrorKind::TimedOut { Error::Timeout(reason) } else { error.into() }
}

/// Resolves names on the blocking pool.
#[derive(Debug)]
struct LookUp;

impl Resolver for LookUp {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(Error::BadUri(format!("{uri} has no host")));
        };
        let name = DefaultResolver::host_and_port(scheme, authority)
            .ok_or_else(|| Error::BadUri(format!("{uri} needs a port")))?;
        let mut addresses = self.empty();
        let found = look_up(name, timeout)?.into_iter();
        config.ip_family().keep_wanted(found).take(MOST_ADDRESSES).for_each(|address| addresses.push(address));
        if addresses.is_empty() { Err(Error::HostNotFound) } else { Ok(addresses) }
    }
}

/// The system cannot be stopped looking a name up: it is left to a task that nobody waits for any more.
fn look_up(name: String, timeout: NextTimeout) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = name.parse() {
        return Ok(vec![address]);
    }
    let mut looking = spawn(move || unblock(move || name.to_socket_addrs().map(Vec::from_iter)));
    let Some(left) = left(timeout)? else {
        return Ok(looking.join().map_err(io::Error::other)??);
    };
    select! {
        join(&mut looking) -> found => Ok(found.map_err(io::Error::other)??),
        after(left) => Err(Error::Timeout(timeout.reason)),
    }
}

/// Makes connections.
#[derive(Debug)]
struct TcpConnector;

impl Connector for TcpConnector {
    type Out = TcpTransport;

    fn connect(&self, details: &ConnectionDetails, _none: Option<()>) -> Result<Option<TcpTransport>, Error> {
        let stream = connect(&details.addrs, details.timeout)?;
        stream.set_nodelay(details.config.no_delay())?;
        let socket = Arc::new(Socket(stream));
        let handle: Weak<Socket> = Arc::downgrade(&socket);
        (details.register_shutdown)(handle)?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(TcpTransport { socket, buffers }))
    }
}

/// To the first that answers. Each but the last may take half of the time that is left.
fn connect(addresses: &[SocketAddr], timeout: NextTimeout) -> Result<TcpStream, Error> {
    let deadline = left(timeout)?.and_then(|left| Instant::now().checked_add(left));
    let mut outcome = Err(Error::HostNotFound);
    for (index, address) in addresses.iter().enumerate() {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let share = if index + 1 < addresses.len() { 2 } else { 1 };
        let connected = match left.map(|left| left / share) {
            None => TcpStream::connect(address),
            Some(Duration::ZERO) => return Err(Error::Timeout(timeout.reason)),
            Some(left) => TcpStream::connect_timeout(address, left),
        };
        outcome = connected.map_err(|error| late(error, timeout.reason));
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

struct Socket(TcpStream);

impl ShutdownHandle for Socket {
    fn shutdown(&self) {
        // Fails only if it is closed already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// A connection.
struct TcpTransport {
    /// Shared with the agent, which can end it.
    socket: Arc<Socket>,
    buffers: LazyBuffers,
}

impl Transport for TcpTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = timeout.for_write();
        let mut stream = &self.socket.0;
        stream.set_write_timeout(left(timeout)?)?;
        stream.write_all(&self.buffers.output()[..amount]).map_err(|error| late(error, timeout.reason))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        let mut stream = &self.socket.0;
        stream.set_read_timeout(left(timeout)?)?;
        let count = stream.read(self.buffers.input_append_buf()).map_err(|error| late(error, timeout.reason))?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    /// Must not give way to other tasks: `ureq` asks while it holds the lock of its pool.
    fn is_open(&mut self) -> bool {
        let come = rustix::net::recv(&self.socket.0, &mut [0], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        // Nothing should have come, and no end either.
        matches!(come, Err(Errno::WOULDBLOCK))
    }
}

impl fmt::Debug for TcpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.0.fmt(f)
    }
}
