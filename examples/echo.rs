//! A server that gives back what it gets.
//!
//! `cargo run --release --example echo`, and in another terminal `nc 127.0.0.1 7000`.
//!
//! `--workers N` or `--loop` says where it runs, `--addr` where it listens; `--help` tells the rest. Each connection is a
//! task: a loop that reads and writes, as with a thread for each. Ctrl-C ends the input of all; what had come by then is
//! still given back.

#[path = "server/mod.rs"]
mod server;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use corro::net::TcpStream;
use corro::spawn;
use server::Settings;

fn echo(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count])?,
        }
    }
}

/// The test: several clients, each of which sends while it receives.
fn check(server: SocketAddr) {
    const BYTES: usize = 300_000;
    let clients: Vec<_> = (0..20_u8)
        .map(|number| {
            spawn(move || {
                let stream = Arc::new(TcpStream::connect(server)?);
                let sending = stream.clone();
                let sender = spawn(move || {
                    (&*sending).write_all(&vec![number; BYTES])?;
                    sending.shutdown(Shutdown::Write)
                });
                let mut back = Vec::new();
                (&*stream).read_to_end(&mut back)?;
                sender.join().expect("it does not fail")?;
                io::Result::Ok(back == vec![number; BYTES])
            })
        })
        .collect();
    let right = clients.into_iter().map(|client| client.join().expect("it does not fail").expect("the server answers"));
    assert!(right.into_iter().all(|right| right), "other bytes came back");
    println!("20 clients got their {BYTES} bytes back");
}

fn main() -> io::Result<()> {
    let settings = Settings::parse("echo: gives back what it gets.", "127.0.0.1:7000", &mut []);
    settings.serve(echo, check)
}
