//! Several programs at once: a shell pipeline whose output is streamed, children whose outputs come as they come, one that
//! takes too long.
//!
//! `cargo run --release --example subprocess` prints (the order of the lines of the second part varies):
//!
//! ```text
//! a pipeline: the longest words of a text, by length
//!    11 coroutines,
//!    10 generators
//!    10 processes;
//! three children at once
//!   fast:   1
//!   slow:   1
//!   failed: starts
//!   failed: ends with exit status: 3
//!   …
//! one that takes too long
//!   cut off after 100ms, killed: signal: 9 (SIGKILL)
//! ten megabytes through `cat`, both ways at once
//!   10485760 bytes came back
//! ```
//!
//! `--quick` is the same. Each child's output is read by a task in a plain loop over lines. A task that waits for a child,
//! or for its output, is cut off as any other, and the child is left to whoever has it.

mod arguments;

use std::io::{self, BufRead, BufReader};
use std::time::Duration;

use corro::process::{Command, ExitStatus, Stdio};
use corro::{scope, timeout};

const TEXT: &str =
    "first came generators used as coroutines, then an event loop that runs processes; here they are stackful.";

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).kill_on_drop(true);
    command
}

/// `tr … | awk … | sort … | head`, started one by one: the output of each is the input of the next.
fn pipeline() -> io::Result<Vec<String>> {
    let mut words = Command::new("tr").args([" ", "\n"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut lengths = Command::new("awk")
        .arg("{ printf \"%3d %s\\n\", length($0), $0 }")
        .stdin(words.stdout.take().expect("piped"))
        .stdout(Stdio::piped())
        .spawn()?;
    let mut sorted = Command::new("sort")
        .args(["-r", "-k1n"])
        .args(["-k2"])
        .stdin(lengths.stdout.take().expect("piped"))
        .stdout(Stdio::piped())
        .spawn()?;
    let output = BufReader::new(sorted.stdout.take().expect("piped"));
    words.communicate(TEXT.as_bytes())?;
    let mut lines = output.lines().collect::<io::Result<Vec<_>>>()?;
    for child in [&mut words, &mut lengths, &mut sorted] {
        assert!(child.wait()?.success());
    }
    lines.reverse();
    lines.truncate(3);
    Ok(lines)
}

/// Prints each line as it comes, with the child's name before it.
fn stream(name: &str, script: &str) -> io::Result<(usize, ExitStatus)> {
    let mut child = sh(script).stdout(Stdio::piped()).spawn()?;
    let mut count = 0;
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        println!("  {name:<7} {}", line?);
        count += 1;
    }
    let status = child.wait()?;
    println!("  {name:<7} ends with {status}");
    Ok((count, status))
}

fn three_at_once() -> io::Result<()> {
    const CHILDREN: [(&str, &str, usize, i32); 3] = [
        ("slow:", "for i in 1 2 3; do echo $i; sleep 0.05; done", 3, 0),
        ("fast:", "for i in 1 2 3 4 5; do echo $i; sleep 0.01; done", 5, 0),
        ("failed:", "echo starts; exit 3", 1, 3),
    ];
    scope(|s| {
        let tasks = CHILDREN
            .map(|(name, script, lines, code)| s.spawn(move || io::Result::Ok((stream(name, script)?, lines, code))));
        for task in tasks {
            let ((count, status), lines, code) = task.join().expect("it does not fail")?;
            assert_eq!((count, status.code()), (lines, Some(code)));
        }
        Ok(())
    })
}

fn too_long() -> io::Result<ExitStatus> {
    let limit = Duration::from_millis(100);
    let mut child = sh("exec sleep 1000").spawn()?;
    assert!(timeout(limit, || child.wait()).is_err(), "it should have slept");
    child.kill()?;
    let status = child.wait()?;
    println!("  cut off after {limit:?}, killed: {status}");
    Ok(status)
}

fn main() -> io::Result<()> {
    arguments::is_quick("subprocess: several programs at once, whose outputs are streamed.");
    corro::run(|| {
        println!("a pipeline: the longest words of a text, by length");
        let longest = pipeline()?;
        longest.iter().for_each(|line| println!("  {line}"));
        assert!(longest[0].ends_with("coroutines,"), "{longest:?}");

        println!("three children at once");
        three_at_once()?;

        println!("one that takes too long");
        assert!(!too_long()?.success());

        println!("ten megabytes through `cat`, both ways at once");
        let input = vec![b'x'; 10 << 20];
        let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = cat.communicate(&input)?;
        assert!(output.stdout == input);
        println!("  {} bytes came back", output.stdout.len());
        Ok(())
    })
}
