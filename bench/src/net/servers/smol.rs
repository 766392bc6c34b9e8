//! smol.

use std::net::TcpListener as StdListener;

use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::TcpListener;

use crate::peers;

pub fn echo(peer: &str, listener: StdListener, buffer: usize) {
    peers::smol(peer, move |executor| async move {
        let listener = TcpListener::try_from(listener).expect("a socket");
        loop {
            let (mut stream, _peer) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a socket");
            let connection = async move {
                let mut buffer = vec![0; buffer];
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    if stream.write_all(&buffer[..count]).await.is_err() {
                        break;
                    }
                }
            };
            executor.spawn(connection).detach();
        }
    })
}
