//! Our ends of a child's pipes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::process::{self, Stdio};

use crate::io::polled::{Polled, reader, writer};

/// Our end is a description of its own, so the child does not notice that it does not block.
fn polled(end: impl Into<OwnedFd>) -> io::Result<Polled<File>> {
    let end = end.into();
    rustix::io::ioctl_fionbio(&end, true)?;
    Ok(Polled::new(File::from(end)))
}

macro_rules! pipe {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $type {
            pipe: Polled<File>,
        }

        impl $type {
            /// Takes an end of the standard library over.
            ///
            /// # Errors
            /// What the system reports.
            pub fn from_std(end: process::$type) -> io::Result<$type> {
                Ok($type { pipe: polled(end)? })
            }
        }

        impl AsFd for $type {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.pipe.get().as_fd()
            }
        }

        impl AsRawFd for $type {
            fn as_raw_fd(&self) -> RawFd {
                self.pipe.get().as_raw_fd()
            }
        }

        /// It blocks again then, as programs expect.
        impl From<$type> for OwnedFd {
            fn from(end: $type) -> OwnedFd {
                let end = OwnedFd::from(end.pipe.into_inner());
                // Of a descriptor that is open and was made non-blocking it cannot fail.
                let _ = rustix::io::ioctl_fionbio(&end, false);
                end
            }
        }

        /// For a further child.
        impl From<$type> for Stdio {
            fn from(end: $type) -> Stdio {
                OwnedFd::from(end).into()
            }
        }
    };
}

pipe! {
    /// What a child reads as its standard input, as [`std::process::ChildStdin`]. Dropping it is the end of the input.
    ChildStdin
}
pipe! {
    /// What a child writes to its standard output, as [`std::process::ChildStdout`].
    ChildStdout
}
pipe! {
    /// What a child writes to its standard error, as [`std::process::ChildStderr`].
    ChildStderr
}

writer!(ChildStdin, pipe);
reader!(ChildStdout, pipe);
reader!(ChildStderr, pipe);

impl ChildStdin {
    /// One attempt to write.
    pub(super) fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.pipe.get().write(buf)
    }
}

impl ChildStdout {
    /// One attempt to read.
    pub(super) fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.pipe.get().read(buf)
    }
}

impl ChildStderr {
    /// One attempt to read.
    pub(super) fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.pipe.get().read(buf)
    }
}
