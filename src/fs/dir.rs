//! What is in a folder.

use std::ffi::OsString;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::iter::FusedIterator;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::vec;

use super::elsewhere;

/// Entries that are read at once.
const ENTRIES: usize = 256;

/// What is in a folder, as [`std::fs::read_dir`], in no order.
///
/// # Errors
/// As [`std::fs::read_dir`].
///
/// # Examples
/// ```
/// let names = corro::run(|| {
///     let entries = corro::fs::read_dir(".")?;
///     entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>()
/// })?;
/// assert!(names.iter().any(|name| name == "Cargo.toml"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = path.as_ref();
    elsewhere(|| {
        let mut dir = ReadDir { rest: Some(fs::read_dir(path)?), some: Vec::new().into_iter() };
        dir.read_some();
        Ok(dir)
    })
}

/// An iterator over the entries of a folder; see [`read_dir`].
///
/// It reads some hundreds at once, off the worker: a cancellation point, at which none is lost. When that cannot be done, the
/// error is the last that it gives.
#[derive(Debug)]
pub struct ReadDir {
    /// `None`: there are no others than `some`.
    rest: Option<fs::ReadDir>,
    some: vec::IntoIter<io::Result<DirEntry>>,
}

impl ReadDir {
    /// On the pool.
    fn read_some(&mut self) {
        let rest = self.rest.iter_mut().flatten();
        let some: Vec<_> = rest.take(ENTRIES).map(|entry| entry.map(DirEntry::of)).collect();
        if some.len() < ENTRIES {
            self.rest = None;
        }
        self.some = some.into_iter();
    }
}

impl Iterator for ReadDir {
    type Item = io::Result<DirEntry>;

    fn next(&mut self) -> Option<io::Result<DirEntry>> {
        if self.some.len() == 0 && self.rest.is_some() {
            let read = elsewhere(|| {
                self.read_some();
                Ok(())
            });
            if let Err(error) = read {
                self.rest = None;
                return Some(Err(error));
            }
        }
        self.some.next()
    }
}

impl FusedIterator for ReadDir {}

/// An entry of a folder, as [`std::fs::DirEntry`].
#[derive(Debug)]
pub struct DirEntry {
    entry: fs::DirEntry,
    /// Most file systems tell it with the name.
    file_type: Option<FileType>,
}

impl DirEntry {
    /// On the pool.
    fn of(entry: fs::DirEntry) -> DirEntry {
        DirEntry { file_type: entry.file_type().ok(), entry }
    }

    /// The path: that of the folder as it was asked for, and the name.
    pub fn path(&self) -> PathBuf {
        self.entry.path()
    }

    /// The name in the folder.
    pub fn file_name(&self) -> OsString {
        self.entry.file_name()
    }

    /// Whether it is a file, a folder, a symbolic link, …
    ///
    /// # Errors
    /// As [`std::fs::DirEntry::file_type`].
    pub fn file_type(&self) -> io::Result<FileType> {
        self.file_type.map_or_else(|| elsewhere(|| self.entry.file_type()), Ok)
    }

    /// What the system knows of it; of a symbolic link itself.
    ///
    /// # Errors
    /// As [`std::fs::DirEntry::metadata`].
    pub fn metadata(&self) -> io::Result<Metadata> {
        elsewhere(|| self.entry.metadata())
    }
}

impl DirEntryExt for DirEntry {
    fn ino(&self) -> u64 {
        self.entry.ino()
    }
}
