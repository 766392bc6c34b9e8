//! The embedded site: a real HTTP server on loopback, in a process of its own, that serves text files.
//!
//! It is a process of its own so that its threads and its CPU time are in no style's figures. The folder's files are its
//! pages, and it answers each after a delay that depends on nothing but the page's path. The embedded site also has
//! three pages that fail, each in another way.

mod collect;
mod server;

pub use collect::Source;
use server::serve;

use std::{
    env,
    ffi::OsString,
    io::{self, BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdin, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use crate::page::Page;

/// The subcommand by which the program starts itself as the server.
pub const SERVE: &str = "serve-site";

/// How long a page takes; half a fetch more or less is the network's.
fn delay(path: &str) -> Duration {
    let seed = path.bytes().fold(0, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    Duration::from_micros(fastrand::Rng::with_seed(seed).u64(4_000..60_000))
}

/// A server that runs until this is dropped, or this process ends.
pub struct Site {
    child: Child,
    /// The server ends when this is closed.
    stdin: Option<ChildStdin>,
    pub pages: Vec<Arc<Page>>,
    /// How many files there were before the list was cut to a size that fits a demonstration.
    pub files_found: usize,
}

impl Site {
    pub fn start(source: &Source) -> io::Result<Site> {
        let mut child = Command::new(env::current_exe()?)
            .arg(SERVE)
            .args(source.to_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let mut site = Site { child, stdin, pages: Vec::new(), files_found: 0 };
        site.read_pages()?;
        Ok(site)
    }

    /// The server says its address, the number of files, and the path of each page.
    fn read_pages(&mut self) -> io::Result<()> {
        let stdout = self.child.stdout.take().ok_or_else(|| io::Error::other("the server has no output"))?;
        let mut lines = BufReader::new(stdout).lines();
        let mut next = || lines.next().unwrap_or_else(|| Err(io::Error::other("the site's server did not start")));
        let addr: SocketAddr = next()?.parse().map_err(io::Error::other)?;
        self.files_found = next()?.parse().map_err(io::Error::other)?;
        loop {
            let path = next()?;
            if path.is_empty() {
                return Ok(());
            }
            let id = self.pages.len();
            self.pages.push(Arc::new(Page { id, name: path.clone(), addr, host: addr.to_string(), path }));
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// The server's `main`, in its own process.
pub fn main(args: impl Iterator<Item = OsString>) -> io::Result<()> {
    serve(collect::Collection::of(&Source::from_args(args))?)
}
