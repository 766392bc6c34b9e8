//! What must not type-check; the programs are in `tests/compile_fail`.
//!
//! The expected messages beside them are those of one compiler, [`COMPILER`]; another words them differently. For a new
//! one set `TRYBUILD=overwrite` and look at the difference: what counts is that each fails, and for the reason that its
//! name gives.

use std::process::Command;

const COMPILER: &str = "rustc 1.95.";

#[test]
fn s8_what_must_not_compile_does_not() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    if !version.starts_with(COMPILER.as_bytes()) {
        println!("skipped: the expected messages are those of {COMPILER}x");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
