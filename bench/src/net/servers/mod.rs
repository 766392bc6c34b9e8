//! The servers, a file for each peer.

mod corro;
mod may;
mod raw;
mod smol;
mod tokio;

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Runs the server that a process was told to be, "QUESTION PEER BUFFER", until the standard input ends.
pub fn serve(which: &str) {
    let words: Vec<&str> = which.split(' ').collect();
    let &[question, peer, buffer] = &words[..] else { panic!("no server: {which}") };
    let buffer = buffer.parse().expect("a number of bytes");
    std::thread::spawn(|| {
        // Whatever ends it ends the server.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let listener = listen();
    if (question, peer.starts_with("may")) != ("http_server", true) {
        println!("{}", listener.local_addr().expect("a socket").port());
    }
    match (question, peer.split('_').next().expect("a name")) {
        ("echo_server", "raw") => raw::echo(&listener, buffer, peer.ends_with("_et")),
        ("echo_server", "corro") => corro::echo(peer, listener, buffer),
        ("echo_server", "tokio") => tokio::echo(peer, listener, buffer),
        ("echo_server", "smol") => smol::echo(peer, listener, buffer),
        ("echo_server", "may") => may::echo(peer, listener, buffer),
        ("http_server", "raw") => raw::http(&listener),
        ("http_server", "corro") => corro::http(peer, listener),
        ("http_server", "hyper") => tokio::http(peer, listener),
        ("http_server", "may") => may::http(peer, listener),
        _ => panic!("no server: {which}"),
    }
}

fn listen() -> TcpListener {
    use rustix::net::{AddressFamily, SocketType, bind, listen, socket};
    // As std's, but with room for all that connect at once.
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port");
    listen(&socket, 4096).expect("a listener");
    socket.into()
}
