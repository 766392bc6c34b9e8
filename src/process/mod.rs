//! Processes whose pipes and ends a task waits for.
//!
//! The types are those of [`std::process`]. A program is started on the blocking pool, since the system copies page tables
//! for that; its end is awaited by a descriptor of the process (`pidfd`, Linux 5.3), without a handler for SIGCHLD and
//! without a thread. Where there is no such descriptor the task looks again and again, with growing pauses.
//!
//! A [`Child`] that is dropped runs on, unless [`Command::kill_on_drop`] says otherwise. When it ends it is reaped, so that
//! no zombie is left.
//!
//! # Examples
//! ```
//! use corro::process::{Command, Stdio};
//!
//! let output = corro::run(|| {
//!     let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
//!     child.communicate(b"meow")
//! })?;
//! assert!(output.status.success());
//! assert_eq!(output.stdout, b"meow");
//! # Ok::<(), std::io::Error>(())
//! ```

#![forbid(unsafe_code)]

mod child;
mod command;
mod pipe;
mod reaper;

pub use std::process::{CommandArgs, CommandEnvs, ExitCode, ExitStatus, Output, Stdio, abort, exit, id};

pub use self::child::Child;
pub use self::command::Command;
pub use self::pipe::{ChildStderr, ChildStdin, ChildStdout};
