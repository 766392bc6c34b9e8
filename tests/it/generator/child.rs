//! Tests that need a process of their own: those that abort, those that set process-wide hooks, those that count
//! what the whole process holds.
//!
//! The test binary runs itself again with only the one test, which finds its name in the environment.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output};

/// Tells a process that it is the child for the test of that path.
const CHILD: &str = "CORRO_TEST_CHILD";

/// A variable for the environment of the child.
type Variable = Option<(&'static str, &'static str)>;

/// Runs the body of a test in a process of its own, and fails when that fails.
pub(crate) fn isolated<F: FnOnce()>(body: F) {
    isolated_as(&test_path::<F>(), body);
}

/// As [`isolated`], for a body that is not the test function's own closure.
pub(crate) fn isolated_as(path: &str, body: impl FnOnce()) {
    succeeds(path, None, body);
}

/// As [`isolated`], with a variable in the environment of the child.
pub(crate) fn isolated_with<F: FnOnce()>(name: &'static str, value: &'static str, body: F) {
    succeeds(&test_path::<F>(), Some((name, value)), body);
}

fn succeeds(path: &str, variable: Variable, body: impl FnOnce()) {
    if let Some(output) = run(path, variable, body) {
        assert!(passed(&output), "{path}, in a child: {}", report(&output));
        for line in text(&output.stderr).lines().filter(|line| line.starts_with("SKIPPED")) {
            // Not by `eprintln!`, which the test harness hides.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}

/// Runs the body of a test in a process of its own, which must succeed; gives what it wrote to stderr.
/// `None` in the child.
pub(crate) fn stderr_of<F: FnOnce()>(body: F) -> Option<String> {
    let path = test_path::<F>();
    let output = run(&path, None, body)?;
    assert!(passed(&output), "{path}, in a child: {}", report(&output));
    Some(text(&output.stderr))
}

/// Runs the body of a test in a process of its own, which must abort; gives what it wrote to stderr.
///
/// In the child this does not return.
pub(crate) fn aborts<F: FnOnce()>(body: F) -> String {
    let path = test_path::<F>();
    let output = run(&path, None, body).unwrap_or_else(|| {
        println!("the body came to its end");
        std::process::exit(0)
    });
    let sigabrt = 6;
    assert_eq!(output.status.signal(), Some(sigabrt), "{path} should abort: {}", report(&output));
    text(&output.stderr)
}

/// In the child the body, else the child's output.
fn run(path: &str, variable: Variable, body: impl FnOnce()) -> Option<Output> {
    if std::env::var_os(CHILD).is_some_and(|name| name == path) {
        body();
        return None;
    }
    let this = std::env::current_exe().expect("the test binary");
    let mut child = Command::new(this);
    child.args(["--exact", path, "--nocapture"]).env(CHILD, path).envs(variable);
    Some(child.output().expect("the test binary runs"))
}

/// The test's path as the harness knows it, from the type of a closure in the test function.
pub(crate) fn test_path<F>() -> String {
    let name = std::any::type_name::<F>();
    let function = name.split("::{{closure}}").next().unwrap_or(name);
    function.split_once("::").expect("a path with a crate").1.to_owned()
}

fn passed(output: &Output) -> bool {
    output.status.success() && text(&output.stdout).contains("1 passed")
}

fn report(output: &Output) -> String {
    format!("{}\n{}\n{}", output.status, text(&output.stdout), text(&output.stderr))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
