//! A proxy: it hands each connection on to another server, in both directions.
//!
//! `cargo run --release --example proxy -- --to 127.0.0.1:7000`, and then use 127.0.0.1:7001.
//!
//! `--to` is the other server; `--addr`, `--workers N`, `--loop` and others are those of [`echo`](../echo.rs). When one side
//! ends its direction, so does the proxy on the other side; the way back stays open.

#[path = "server/mod.rs"]
mod server;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use corro::io::copy_bidirectional;
use corro::net::{TcpListener, TcpStream};
use corro::spawn;
use server::Settings;

/// How long the other server has to answer.
const CONNECT: Duration = Duration::from_secs(10);

fn hand_on(client: &TcpStream, to: &str) -> io::Result<()> {
    let connected =
        corro::timeout(CONNECT, || TcpStream::connect(to)).unwrap_or_else(|late| Err(io::Error::other(late)));
    let server = connected.map_err(|error| io::Error::new(error.kind(), format!("cannot reach {to}: {error}")))?;
    for stream in [client, &server] {
        stream.set_nodelay(true)?;
    }
    server.set_read_timeout(client.read_timeout()?)?;
    server.set_write_timeout(client.write_timeout()?)?;
    copy_bidirectional(client, &server)?;
    Ok(())
}

/// The test's other server: it answers with what it got, backwards, when its input has ended.
fn backwards(listener: &TcpListener) {
    for stream in listener.incoming() {
        spawn(move || {
            let mut stream = stream?;
            let mut all = Vec::new();
            stream.read_to_end(&mut all)?;
            all.reverse();
            stream.write_all(&all)
        });
    }
}

fn check(proxy: SocketAddr) {
    let clients = ["one", "two", "three"].map(|word| {
        spawn(move || {
            let mut stream = TcpStream::connect(proxy)?;
            stream.write_all(word.as_bytes())?;
            stream.shutdown(Shutdown::Write)?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            io::Result::Ok(answer)
        })
    });
    let answers = clients.map(|client| client.join().expect("it does not fail").expect("the proxy answers"));
    assert_eq!(answers, ["eno", "owt", "eerht"]);
    println!("through the proxy came: {answers:?}");
}

fn main() -> io::Result<()> {
    let mut to = String::new();
    let about = "proxy: hands connections on to another server.\n  --to A           the other server";
    let settings = Settings::parse(about, "127.0.0.1:7001", &mut [("to", &mut to)]);
    if settings.is_quick() {
        let other = std::net::TcpListener::bind("127.0.0.1:0")?;
        to = other.local_addr()?.to_string();
        let other = TcpListener::from_std(other)?;
        return settings.serve(
            |client| hand_on(client, &to),
            move |proxy| {
                let other = spawn(move || backwards(&other));
                check(proxy);
                other.cancel();
            },
        );
    }
    if to.is_empty() {
        eprintln!("--to is missing: the address of the server to hand on to");
        std::process::exit(2);
    }
    settings.serve(|client| hand_on(client, &to), |_| ())
}
