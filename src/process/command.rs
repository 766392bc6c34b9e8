//! What is to be started.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, CommandArgs, CommandEnvs, ExitStatus, Output, Stdio};

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
    /// Whether something was said of its standard input, output and error.
    said: [bool; 3],
}

impl Command {
    /// A program by its path, or by its name in a folder of `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        Command::from(process::Command::new(program))
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
        self.said[0] = true;
        self
    }

    /// What its standard output is; ours, if nothing else is said.
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Command {
        self.inner.stdout(stdout);
        self.said[1] = true;
        self
    }

    /// What its standard error is; ours, if nothing else is said.
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Command {
        self.inner.stderr(stderr);
        self.said[2] = true;
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

    /// The program.
    pub fn get_program(&self) -> &OsStr {
        self.inner.get_program()
    }

    /// Its arguments, without the program.
    pub fn get_args(&self) -> CommandArgs<'_> {
        self.inner.get_args()
    }

    /// The variables of its environment that were set, or, with `None`, removed.
    pub fn get_envs(&self) -> CommandEnvs<'_> {
        self.inner.get_envs()
    }

    /// The folder that it is started in, if not ours.
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.inner.get_current_dir()
    }

    /// The command of the standard library, for what is missing here. What is said there of the standard input, output and
    /// error, [`output`](Self::output) takes for unsaid.
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

    /// Starts it, waits for its end, and returns all that it wrote. Where nothing else was said it has no input, and its
    /// output and error are taken.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub fn output(&mut self) -> io::Result<Output> {
        Taken::new(self).0.spawn()?.wait_with_output()
    }

    /// Sets what nothing was said of.
    fn set_unsaid(&mut self, [stdin, stdout, stderr]: [Stdio; 3]) {
        if !self.said[0] {
            self.inner.stdin(stdin);
        }
        if !self.said[1] {
            self.inner.stdout(stdout);
        }
        if !self.said[2] {
            self.inner.stderr(stderr);
        }
    }
}

/// A command whose output is taken, for one start.
struct Taken<'a>(&'a mut Command);

impl Taken<'_> {
    fn new(command: &mut Command) -> Taken<'_> {
        command.set_unsaid([Stdio::null(), Stdio::piped(), Stdio::piped()]);
        Taken(command)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.set_unsaid([Stdio::inherit(), Stdio::inherit(), Stdio::inherit()]);
    }
}

/// What was said of its standard input, output and error, [`output`](Command::output) takes for unsaid.
impl From<process::Command> for Command {
    fn from(inner: process::Command) -> Command {
        Command { inner, kill_on_drop: false, said: [false; 3] }
    }
}
