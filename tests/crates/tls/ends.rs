//! `rustls` on both sides, in tasks.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use corro::net::{Shutdown, TcpListener, TcpStream};
use corro::{channel, spawn};
use rustls::{ClientConfig, ServerConfig};

use super::{client, client_config, close, read_all, say, server};
use crate::everywhere;
use crate::identity::Identity;
use crate::listening::Listening;

fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let identity = Identity::made_up().unwrap();
    (identity.config(&[]).unwrap(), client_config(&identity))
}

/// Answers with what it gets, backwards, when the client has closed.
fn backwards(config: &Arc<ServerConfig>) -> Listening {
    let config = config.clone();
    Listening::new(move |stream| {
        let mut stream = server(stream, &config);
        let mut all = read_all(&mut stream).unwrap();
        all.reverse();
        stream.write_all(&all).unwrap();
        close!(stream);
    })
}

fn ask(address: std::net::SocketAddr, config: &Arc<ClientConfig>, text: &[u8]) -> Vec<u8> {
    let mut stream = client(TcpStream::connect(address).unwrap(), config);
    stream.write_all(text).unwrap();
    close!(stream);
    read_all(&mut stream).unwrap()
}

#[test]
fn several_clients_send_and_get_back() {
    let (server, client) = configs();
    everywhere(|| {
        let listening = backwards(&server);
        let clients: Vec<_> = (0..8_u8)
            .map(|number| {
                let (address, client) = (listening.address, client.clone());
                spawn(move || {
                    let text: Vec<u8> = (0..200_000_u32).map(|byte| byte as u8 ^ number).collect();
                    let back = ask(address, &client, &text);
                    assert!(back.iter().rev().eq(&text), "{} bytes came back changed", back.len());
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
}

#[test]
fn they_talk_in_turn() {
    let (server_config, client_config) = configs();
    everywhere(|| {
        let config = server_config.clone();
        let listening = Listening::new(move |stream| {
            let mut stream = server(stream, &config);
            let mut byte = [0];
            while stream.read(&mut byte).unwrap() == 1 {
                say(&mut stream, &[byte[0] + 1]);
            }
            close!(stream);
        });
        let mut stream = client(TcpStream::connect(listening.address).unwrap(), &client_config);
        let mut byte = [0];
        for _ in 0..100 {
            say(&mut stream, &byte);
            stream.read_exact(&mut byte).unwrap();
        }
        assert_eq!(byte, [100]);
        close!(stream);
        assert_eq!(stream.read(&mut byte).unwrap(), 0, "the server has closed too");
    });
}

#[test]
fn a_stream_that_is_cut_off_is_an_error() {
    let (server_config, client_config) = configs();
    everywhere(|| {
        let config = server_config.clone();
        let listening = Listening::new(move |stream| {
            let mut stream = server(stream, &config);
            stream.read_exact(&mut [0]).unwrap();
            say(&mut stream, b"the first half");
            stream.sock.shutdown(Shutdown::Both).unwrap();
        });
        let mut stream = client(TcpStream::connect(listening.address).unwrap(), &client_config);
        say(&mut stream, b"?");
        let mut all = Vec::new();
        let error = stream.read_to_end(&mut all).unwrap_err();
        assert_eq!((error.kind(), &all[..]), (ErrorKind::UnexpectedEof, &b"the first half"[..]));
    });
}

#[test]
fn an_unknown_certificate_is_refused() {
    let ((server_config, _), (_, stranger)) = (configs(), configs());
    everywhere(|| {
        let (sender, receiver) = channel::unbounded();
        let config = server_config.clone();
        let listening = Listening::new(move |stream| {
            sender.send(read_all(&mut server(stream, &config)).unwrap_err().kind()).unwrap();
        });
        let mut stream = client(TcpStream::connect(listening.address).unwrap(), &stranger);
        assert_eq!(stream.write_all(b"secret").unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(receiver.recv().unwrap(), ErrorKind::InvalidData, "the server is told");
    });
}

/// A cancelled handshake closes its own connection, and no other.
#[test]
fn a_cancelled_handshake_leaves_nothing_behind() {
    let (server_config, client_config) = configs();
    everywhere(|| {
        let listening = backwards(&server_config);
        let mut other = client(TcpStream::connect(listening.address).unwrap(), &client_config);
        say(&mut other, b"before, ");

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut silent = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, config) = (listener.accept().unwrap().0, server_config.clone());
        let handshake = spawn(move || read_all(&mut server(stream, &config)));
        // The first bytes of a hello, so that the server is in the middle of it.
        say(&mut silent, &[22, 3, 1, 2, 0]);
        handshake.cancel();
        assert!(handshake.join().unwrap_err().is_cancelled());
        assert!(matches!(silent.read(&mut [0]), Ok(0) | Err(_)), "the connection is closed");

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let config = client_config.clone();
        let handshake = spawn(move || read_all(&mut client(TcpStream::connect(address).unwrap(), &config)));
        let (mut silent, _peer) = listener.accept().unwrap();
        silent.read_exact(&mut [0; 5]).unwrap();
        handshake.cancel();
        assert!(handshake.join().unwrap_err().is_cancelled());
        assert!(read_all(&mut silent).is_ok_and(|hello| !hello.is_empty()), "the connection is closed");

        say(&mut other, b"after");
        close!(other);
        assert_eq!(read_all(&mut other).unwrap(), b"retfa ,erofeb");
        assert_eq!(ask(listening.address, &client_config, b"new"), b"wen");
    });
}
