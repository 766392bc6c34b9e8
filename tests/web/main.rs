//! The tests of the web server among the examples: its parts, and all of it over a stream without a network; with `curl`
//! and `wrk` against the programs as they are. And of what all of the servers have in common.

#[path = "../../examples/web/mod.rs"]
#[allow(dead_code, reason = "the examples use the rest")]
mod web;

#[path = "../../examples/server/mod.rs"]
#[allow(dead_code, reason = "the examples use the rest")]
mod server;

#[path = "../programs/mod.rs"]
mod built;

#[path = "../../examples/web_check/folder.rs"]
#[allow(dead_code, reason = "the examples use the rest")]
mod folder;

mod accepting;
mod chunks;
mod dates;
mod paths;
mod programs;
mod requests;
mod script;
mod serving;
