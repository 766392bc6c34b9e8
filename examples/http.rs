//! A web server.
//!
//! `cargo run --release --example http`, and then `curl -i 127.0.0.1:8080/`; with `-- --dir target/doc` it gives the files
//! of a folder.
//!
//! `/hello` is a short text, for measuring; what is POSTed to `/echo` comes back. `--workers N` or `--loop` says where the
//! server runs; `--help` tells the rest, among it what a client may cost. Each connection is a task that reads, thinks and
//! writes; [`web`] is all of the protocol, and [`https`](../https.rs) the same over TLS. Ctrl-C ends the input of all: what
//! had come by then is still answered.

#[path = "server/mod.rs"]
mod server;
mod web;
mod web_check;

use std::io;

use corro::net::TcpStream;
use server::Settings;
use web::options::{HELP, Options};
use web_check::Check;

fn main() -> io::Result<()> {
    let mut options = Options::default();
    let about = format!("http: a web server.{HELP}");
    let settings = Settings::parse(&about, "127.0.0.1:8080", &mut options.places());
    let _folder = settings.is_quick().then(|| web_check::prepare(&mut options)).transpose()?;
    let site = options.site();
    let serve = |client: &TcpStream| {
        client.set_nodelay(true)?;
        web::serve(client, &site, &|| settings.is_stopping())
    };
    let check = Check::new(&site.limits);
    settings.serve(serve, |at| check.run(&move || Ok(Box::new(TcpStream::connect(at)?))))?;
    check.finish();
    Ok(())
}
