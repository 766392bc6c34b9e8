//! Servers of ours for a test.

use std::net::{Ipv4Addr, SocketAddr};

use corro::net::{TcpListener, TcpStream};
use corro::{JoinHandle, spawn};

/// A server that runs in tasks; dropped, it takes no more connections.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    acceptor: JoinHandle<()>,
}

impl Listening {
    /// Calls `connection` for each connection, in a task of its own.
    pub(crate) fn new<T: Send + 'static>(connection: impl Fn(TcpStream) -> T + Clone + Send + 'static) -> Listening {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = spawn(move || {
            for stream in listener.incoming() {
                let (stream, connection) = (stream.unwrap(), connection.clone());
                spawn(move || connection(stream));
            }
        });
        Listening { address, acceptor }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.acceptor.cancel();
    }
}
