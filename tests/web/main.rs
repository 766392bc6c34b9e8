//! The tests of the web server among the examples: its parts, and all of it over a stream without a network; with `curl`
//! and `wrk` against the programs as they are.

#[path = "../../examples/web/mod.rs"]
#[allow(dead_code, reason = "the examples use the rest")]
mod web;

#[path = "../programs/mod.rs"]
mod built;

mod chunks;
mod dates;
mod paths;
mod programs;
mod requests;
mod script;
mod serving;
