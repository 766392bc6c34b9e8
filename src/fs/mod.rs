//! Files, off the worker: each call runs on the blocking pool while the task waits.
//!
//! The functions and types are those of [`std::fs`]. The system has no way to wait for a file as for a socket; what a disk
//! takes, a thread of the pool waits for. On a plain thread all runs in place.
//!
//! Each call is a cancellation point before it begins. One that has begun is waited for, since it cannot be called back.
//! While its task unwinds a call gives an error of the kind `Other` around [`WouldSuspend`](crate::WouldSuspend).
//!
//! # Examples
//! ```
//! use corro::fs;
//!
//! # let path = std::env::temp_dir().join(format!("corro-fs-doc-{}", std::process::id()));
//! let text = corro::run(|| {
//!     fs::write(&path, "a line")?;
//!     fs::read_to_string(&path)
//! })?;
//! assert_eq!(text, "a line");
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), std::io::Error>(())
//! ```

#![forbid(unsafe_code)]

mod dir;
mod file;

use std::io;
use std::path::{Path, PathBuf};

pub use std::fs::{FileType, Metadata, Permissions};

pub use self::dir::{DirEntry, ReadDir, read_dir};
pub use self::file::{File, OpenOptions};
use crate::driver::blocking::run_elsewhere;
use crate::task;

/// Runs `f` on the pool, before which the task may be cancelled.
fn elsewhere<T: Send>(f: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    task::begin_operation();
    run_elsewhere(f)?
}

/// Functions of `std::fs`, with the types of their parameters and of their results.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident($($parameter:ident),+) -> $result:ty;)+) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            /// As the function of the same name in [`std::fs`].
            pub fn $name($($parameter: impl AsRef<Path>),+) -> io::Result<$result> {
                $(let $parameter = $parameter.as_ref();)+
                elsewhere(|| std::fs::$name($($parameter),+))
            }
        )+
    };
}

functions! {
    /// All bytes of a file.
    read(path) -> Vec<u8>;
    /// All text of a file, which is UTF-8.
    read_to_string(path) -> String;
    /// Makes a folder.
    create_dir(path) -> ();
    /// Makes a folder, and those that it lies in.
    create_dir_all(path) -> ();
    /// Removes an empty folder.
    remove_dir(path) -> ();
    /// Removes a folder and all that is in it.
    remove_dir_all(path) -> ();
    /// Removes a file.
    remove_file(path) -> ();
    /// Gives a file or a folder another name, in place of what has that name.
    rename(from, to) -> ();
    /// Copies a file and its permissions; returns how many bytes it has.
    copy(from, to) -> u64;
    /// Gives a file a second name.
    hard_link(original, link) -> ();
    /// What a symbolic link points to.
    read_link(path) -> PathBuf;
    /// The path without links, `.` and `..`.
    canonicalize(path) -> PathBuf;
    /// What the system knows of a file.
    metadata(path) -> Metadata;
    /// The same; of a symbolic link itself.
    symlink_metadata(path) -> Metadata;
    /// Whether there is such a file.
    exists(path) -> bool;
}

/// Writes a file anew.
///
/// # Errors
/// As [`std::fs::write`]: `StorageFull` when the disk is full; what was written until then is in the file.
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let (path, contents) = (path.as_ref(), contents.as_ref());
    elsewhere(|| std::fs::write(path, contents))
}

/// Changes the permissions of a file.
///
/// # Errors
/// As [`std::fs::set_permissions`].
pub fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    let path = path.as_ref();
    elsewhere(|| std::fs::set_permissions(path, permissions))
}
