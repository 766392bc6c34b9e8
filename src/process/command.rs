//! What is to be started.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, ExitStatus, Output, Stdio};

use super::Child;
use crate::driver::blocking::run_elsewhere;
use crate::task;

/// A program to start, as [`std::process::Command`].
///
/// # Examples
/// ```
/// use corro::process::Command;
///
/// let output = corro::run(|| Command::new("echo").arg("hello").output())?;
/// assert_eq!(output.stdout, b"hello\n");
/// let missing = corro::run(|| Command::new("no-such-program").status());
/// assert_eq!(missing.unwrap_err().kind(), std::io::ErrorKind::NotFound);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Command {
    inner: process::Command,
    kill_on_drop: bool,
}

impl Command {
    /// A program by its path, or by its name in a folder of `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        Command { inner: process::Command::new(program), kill_on_drop: false }
    }

    /// Adds an argument.
    pub fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Command {
        self.inner.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> &mut Command {
        self.inner.args(arguments);
        self
    }

    /// Sets a variable of its environment.
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Command {
        self.inner.env(name, value);
        self
    }

    /// Sets variables of its environment.
    pub fn envs(
        &mut self,
        variables: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> &mut Command {
        self.inner.envs(variables);
        self
    }

    /// Does not hand this variable on.
    pub fn env_remove(&mut self, name: impl AsRef<OsStr>) -> &mut Command {
        self.inner.env_remove(name);
        self
    }

    /// Hands no variable on.
    pub fn env_clear(&mut self) -> &mut Command {
        self.inner.env_clear();
        self
    }

    /// Starts it in this folder.
    pub fn current_dir(&mut self, folder: impl AsRef<Path>) -> &mut Command {
        self.inner.current_dir(folder);
        self
    }

    /// What its standard input is; ours, if nothing else is said.
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Command {
        self.inner.stdin(stdin);
        self
    }

    /// What its standard output is; ours, if nothing else is said.
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Command {
        self.inner.stdout(stdout);
        self
    }

    /// What its standard error is; ours, if nothing else is said.
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Command {
        self.inner.stderr(stderr);
        self
    }

    /// The group that it belongs to; 0 is a new one, whose number is its own. See [`Child::kill_group`].
    pub fn process_group(&mut self, group: i32) -> &mut Command {
        self.inner.process_group(group);
        self
    }

    /// Whether the child is killed when its [`Child`] is dropped before its end was seen. It is not, if nothing is said.
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Command {
        self.kill_on_drop = kill;
        self
    }

    /// The command of the standard library, for what is missing here.
    pub fn as_std_mut(&mut self) -> &mut process::Command {
        &mut self.inner
    }

    /// Starts it. A cancellation point before it begins.
    ///
    /// # Errors
    /// `NotFound` if there is no such program, and what the system reports.
    pub fn spawn(&mut self) -> io::Result<Child> {
        task::begin_operation();
        let inner = &mut self.inner;
        let child = run_elsewhere(|| inner.spawn())??;
        Child::new(child, self.kill_on_drop)
    }

    /// Starts it, and waits for its end.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub fn status(&mut self) -> io::Result<ExitStatus> {
        self.spawn()?.wait()
    }

    /// Starts it without an input, waits for its end, and returns all that it wrote.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub fn output(&mut self) -> io::Result<Output> {
        self.inner.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.spawn()?.wait_with_output()
    }
}

impl From<process::Command> for Command {
    fn from(inner: process::Command) -> Command {
        Command { inner, kill_on_drop: false }
    }
}
