//! `rustls`, whose streams read and write ours.

mod ends;
mod openssl;

use std::io::{self, Read, Write};
use std::sync::Arc;

use corro::net::TcpStream;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::identity::Identity;

type ServerStream = StreamOwned<ServerConnection, TcpStream>;
type ClientStream = StreamOwned<ClientConnection, TcpStream>;

fn server(stream: TcpStream, config: &Arc<ServerConfig>) -> ServerStream {
    StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream)
}

fn client(stream: TcpStream, config: &Arc<ClientConfig>) -> ClientStream {
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(config.clone(), name).unwrap(), stream)
}

/// A client that trusts this certificate alone.
fn client_config(identity: &Identity) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(identity.certificate().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let versions = builder.with_safe_default_protocol_versions().unwrap();
    Arc::new(versions.with_root_certificates(roots).with_no_client_auth())
}

/// Ends our direction as TLS wants it.
macro_rules! close {
    ($stream:expr) => {{
        $stream.conn.send_close_notify();
        $stream.flush().unwrap();
    }};
}

use close;

/// Reads until the other side has closed as TLS wants it.
fn read_all(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all)?;
    Ok(all)
}

/// Writes what must go out at once.
fn say(stream: &mut impl Write, text: &[u8]) {
    stream.write_all(text).unwrap();
    stream.flush().unwrap();
}
