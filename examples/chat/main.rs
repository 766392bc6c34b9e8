//! A chat room in the browser: WebSockets, a task that reads and a task that writes for each member.
//!
//! `cargo run --release --example chat`, and then open <http://127.0.0.1:7010> in two windows.
//!
//! `--workers N` or `--loop` says where it runs, `--addr` where it listens; `--help` tells the rest, also what a member may
//! do at most. Ctrl-C ends the input of all: each is told goodbye, with the close code 1001.
//!
//! ```text
//!             ┌ reads ─► room ─┬─► queue ─► writes ┐
//!   browser ──┤                ├─► queue of another│──► browser
//!             └ answers a ping ┴─► …               ┘
//! ```
//!
//! The room never waits for a member: who does not take what is said has a full queue at last, and has to go.

mod check;
mod client;
mod door;
mod head;
mod limits;
mod member;
mod room;
#[path = "../server/mod.rs"]
mod server;

use std::io;

use room::Room;

fn main() -> io::Result<()> {
    let (settings, mut limits) = limits::parse();
    if settings.is_quick() {
        limits.rate = check::RATE;
    }
    let is_stopping = || settings.is_stopping();
    let room = Room::new(limits, &is_stopping);
    let mut leaving = None;
    settings.serve(
        |stream| door::open(stream, &room),
        |address| {
            check::limits();
            leaving = Some(check::talk(address));
        },
    )?;
    leaving.into_iter().for_each(check::was_told_goodbye);
    Ok(())
}
