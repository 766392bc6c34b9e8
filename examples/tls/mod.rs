//! TLS by rustls, unchanged, over streams of tasks: it reads and writes as if each had a thread.

mod identity;

use std::io::{self, Read, Write};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use corro::net::TcpStream;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig, ServerConnection};
use rustls::{SideData, StreamOwned};

pub(crate) use self::identity::Identity;
use crate::web::connection::Stream;

/// One side of a connection, `C`, over a stream.
pub(crate) struct Tls<C, T: Read + Write>(StreamOwned<C, T>);

/// Receives a client. The handshake has to be through in time.
///
/// # Errors
/// What is wrong with the client, after it has been told.
pub(crate) fn receive<'a>(
    config: &Arc<ServerConfig>,
    mut client: &'a TcpStream,
    limit: Duration,
) -> io::Result<Tls<ServerConnection, &'a TcpStream>> {
    let mut connection = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
    let handshake = || connection.complete_io(&mut client);
    corro::timeout(limit, handshake).unwrap_or_else(|_late| Err(io::ErrorKind::TimedOut.into()))?;
    Ok(Tls(StreamOwned::new(connection, client)))
}

/// What a client is told that trusts this one certificate.
pub(crate) fn trusting(certificate: &CertificateDer<'static>) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// A client's side.
pub(crate) fn greet(
    config: &Arc<ClientConfig>,
    name: ServerName<'static>,
    server: TcpStream,
) -> io::Result<Tls<ClientConnection, TcpStream>> {
    let connection = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
    Ok(Tls(StreamOwned::new(connection, server)))
}

impl<C, T, S> Read for Tls<C, T>
where
    C: DerefMut + Deref<Target = ConnectionCommon<S>>,
    T: Read + Write,
    S: SideData,
{
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<C, T, S> Write for Tls<C, T>
where
    C: DerefMut + Deref<Target = ConnectionCommon<S>>,
    T: Read + Write,
    S: SideData,
{
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<C, T, S> Stream for Tls<C, T>
where
    C: DerefMut + Deref<Target = ConnectionCommon<S>>,
    T: Stream,
    S: SideData,
{
    /// With a goodbye, so that the other side knows that nobody has cut the connection.
    fn end_output(&mut self) -> io::Result<()> {
        self.0.conn.send_close_notify();
        self.0.flush()?;
        self.0.sock.end_output()
    }
}
