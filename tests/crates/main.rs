//! Crates that know nothing of coroutines, on our streams: each against a counterpart that is not ours.
//!
//! Tests that need a program are ignored, so that `cargo test` does without; `cargo test --test crates --
//! --include-ignored` runs them, and fails with the name of the package where the program is missing.

mod counterpart;
mod http_client;
mod http_server;
mod listening;
mod postgres;
mod redis_server;
#[path = "../it/schedulers.rs"]
#[allow(dead_code, reason = "virtual time is nothing for other processes")]
mod schedulers;
mod tls;
mod websockets;

#[path = "../../examples/shared/connector.rs"]
mod connector;
#[path = "../../examples/shared/folder.rs"]
mod folder;
#[path = "../../examples/shared/http.rs"]
mod http;
#[path = "../../examples/tls/identity.rs"]
#[allow(dead_code, reason = "tests make theirs up")]
mod identity;
#[path = "../../examples/shared/redis.rs"]
mod redis_connection;

use std::time::Duration;

/// So long a test may hang on a machine that is very busy, before it is said to hang.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a test as the main task of every scheduler; one that hangs fails.
fn everywhere(body: impl Fn() + Send + Sync) {
    schedulers::everywhere(|| corro::timeout(PATIENCE, &body).expect("the test hangs"));
}
