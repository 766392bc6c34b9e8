//! A web server over TLS.
//!
//! `cargo run --release --example https -- --write-cert cert.pem`, and then
//! `curl -i --cacert cert.pem https://localhost:8443/`.
//!
//! It is [`http`](../http.rs) behind rustls, which does not know of tasks: it reads and writes what it takes for a blocking
//! socket. `--cert` and `--key` name the server's own certificate; otherwise one is made up for the run. A client whose
//! handshake fails is told so, and the others go on.

#[path = "server/mod.rs"]
mod server;
mod tls;
mod web;
mod web_check;

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::process::exit;
use std::sync::Arc;
use std::time::Duration;

use corro::net::TcpStream;
use rustls::{ClientConfig, ServerConfig};
use server::Settings;
use tls::Identity;
use web::options::{HELP, Options};
use web_check::Check;

/// A handshake has to be through in this time.
const HANDSHAKE: Duration = Duration::from_secs(10);

const OWN_HELP: &str = "
  --cert FILE      the server's certificate, and those that vouch for it; made up if nothing is said
  --key FILE       the key that belongs to it
  --write-cert F   writes the certificate that was made up into this file";

#[derive(Default)]
struct Files {
    certificate: String,
    key: String,
    write: String,
}

impl Files {
    fn places(&mut self) -> [(&str, &mut String); 3] {
        [("cert", &mut self.certificate), ("key", &mut self.key), ("write-cert", &mut self.write)]
    }

    /// What the server is told, and what a client that is to trust it.
    fn configs(&self) -> Result<(Arc<ServerConfig>, Arc<ClientConfig>), String> {
        let identity = Identity::new(&self.certificate, &self.key)?;
        identity.publish(&self.write)?;
        let trusting = tls::trusting(identity.certificate()).map_err(|error| error.to_string())?;
        Ok((identity.config(&["http/1.1"])?, trusting))
    }
}

/// Clients whose handshake fails: one that speaks HTTP without TLS, one that trusts another certificate, one that leaves at once.
fn check_handshakes(server: SocketAddr) {
    let mut plain = TcpStream::connect(server).expect("the server takes connections");
    plain.write_all(b"GET / HTTP/1.1\r\nHost: check\r\n\r\n").expect("the server reads");
    let mut answer = Vec::new();
    // It may come with a reset after it, as the server did not read all.
    let _ = plain.read_to_end(&mut answer);
    assert_eq!(answer.first(), Some(&21), "the answer to nonsense is an alert");

    let stranger =
        Identity::new("", "").and_then(|other| tls::trusting(other.certificate()).map_err(|e| e.to_string()));
    let mut stranger = connect(&stranger.expect("a certificate"), server).expect("the server takes connections");
    assert!(stranger.write_all(b"GET").and_then(|()| stranger.flush()).is_err(), "it finds the wrong certificate");

    drop(TcpStream::connect(server).expect("the server takes connections"));
    println!("handshakes may fail");
}

fn connect(config: &Arc<ClientConfig>, server: SocketAddr) -> io::Result<impl web::connection::Stream + Send + use<>> {
    tls::greet(config, server.ip().into(), TcpStream::connect(server)?)
}

fn main() -> io::Result<()> {
    let (mut options, mut files) = (Options::default(), Files::default());
    let about = format!("https: a web server over TLS.{OWN_HELP}{HELP}");
    let mut places = options.places();
    places.extend(files.places());
    let settings = Settings::parse(&about, "127.0.0.1:8443", &mut places);
    let (config, trusting) = files.configs().unwrap_or_else(|error| {
        eprintln!("{error}");
        exit(2);
    });
    let _folder = settings.is_quick().then(|| web_check::prepare(&mut options)).transpose()?;
    let site = options.site();
    let serve = |client: &TcpStream| {
        client.set_nodelay(true)?;
        let client = tls::receive(&config, client, HANDSHAKE)?;
        web::serve(client, &site, &|| settings.is_stopping())
    };
    let check = Check::new(&site.limits);
    settings.serve(serve, |at| {
        check_handshakes(at);
        check.run(&move || Ok(Box::new(connect(&trusting, at)?)));
    })?;
    check.finish();
    Ok(())
}
