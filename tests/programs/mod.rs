//! The examples as programs, for tests that run them; taken in by `#[path]`.

use std::path::PathBuf;
use std::process::Command;

/// Builds an example as this test was built (cargo builds none for a single test, and may have left an old one), and says
/// where it is. What cargo tells this test of its package is not handed on: build scripts that look at it would run again.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this program has a path");
    let folder = test.ancestors().nth(2).expect("it is in TARGET/PROFILE/deps");
    let profile = match folder.file_name().and_then(|name| name.to_str()).expect("profiles are named in ASCII") {
        "debug" => "dev",
        other => other,
    };
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|of_package| name.to_string_lossy().starts_with(of_package)) {
            build.env_remove(name);
        }
    }
    build.args(["build", "--quiet", "--example", name, "--profile", profile]).arg("--target-dir");
    let built = build.arg(folder.parent().expect("see above")).current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(built.expect("cargo starts").success(), "the example {name} does not build");
    folder.join("examples").join(name)
}
