//! The files of a folder.
//!
//! Nothing outside of the folder is given, not by `..` and not by a link that leads out of it; and nothing hidden in it.
//! (Who may change the folder is trusted: the check and the opening are two steps.)

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::date;
use super::path::{self, Relative};
use super::range::{Wanted, wanted};
use super::request::Conditions;
use super::response::{FORBIDDEN, INTERNAL_SERVER_ERROR, NOT_FOUND, Status};

pub(crate) struct Files {
    /// Without any links in it.
    root: PathBuf,
}

/// A file that is open, and how it is to be given.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: fs::File,
    pub(crate) length: u64,
    pub(crate) modified: u64,
    pub(crate) kind: &'static str,
}

pub(crate) enum Found {
    File(Opened),
    /// A folder that was asked for without the slash at its end; relative links in its page would lead astray.
    Folder(String),
}

/// What of a file is to be given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Share {
    All,
    Part(Range<u64>),
    /// The client has it already.
    Unchanged,
    /// A part that is not there.
    Nothing,
}

impl Files {
    /// # Errors
    /// If there is no such folder.
    pub(crate) fn new(dir: &str) -> io::Result<Files> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("--dir {dir}: {error}"));
        let root = fs::canonicalize(dir).map_err(named)?;
        if !root.is_dir() {
            return Err(named(ErrorKind::NotADirectory.into()));
        }
        Ok(Files { root })
    }

    /// Opens what a path means. All questions to the file system are asked in one go, off the worker.
    pub(crate) fn find(&self, path: &str) -> Result<Found, Status> {
        let relative = path::relative(path)?;
        let root = self.root.clone();
        corro::unblock(move || open(&root, &relative)).unwrap_or_else(|error| Err(status_of(&error)))
    }
}

impl Opened {
    fn new(path: &Path) -> io::Result<Opened> {
        let file = fs::File::open(path)?;
        let metadata = file.metadata()?;
        let modified = date::seconds(metadata.modified()?);
        Ok(Opened { file, length: metadata.len(), modified, kind: kind_of(path) })
    }

    pub(crate) fn share(&self, conditions: &Conditions<'_>) -> Share {
        let since = conditions.modified_since.and_then(date::parse);
        if since.is_some_and(|since| self.modified <= since) {
            return Share::Unchanged;
        }
        // A part of a file that is not what the client has the rest of is of no use to it.
        let is_same = |time: &str| date::parse(time) == Some(self.modified);
        match conditions.range.filter(|_| conditions.if_range.is_none_or(is_same)) {
            None => Share::All,
            Some(range) => match wanted(range, self.length) {
                Wanted::All => Share::All,
                Wanted::Part(range) => Share::Part(range),
                Wanted::Nothing => Share::Nothing,
            },
        }
    }
}

fn open(root: &Path, relative: &Relative) -> io::Result<Result<Found, Status>> {
    let Some((path, metadata)) = within(root, &root.join(&relative.path))? else { return Ok(Err(NOT_FOUND)) };
    let found = match (metadata.is_dir(), relative.is_folder) {
        (true, false) => return Ok(Ok(Found::Folder(path::location(relative)))),
        (true, true) => within(root, &path.join("index.html"))?,
        (false, true) => None,
        (false, false) => Some((path, metadata)),
    };
    match found {
        Some((path, metadata)) if metadata.is_file() => Ok(Ok(Found::File(Opened::new(&path)?))),
        // What is neither a file nor a folder is not opened: a pipe would wait for its other end.
        _ => Ok(Err(NOT_FOUND)),
    }
}

/// Where a path leads in truth, if that is within the folder and not hidden there.
fn within(root: &Path, path: &Path) -> io::Result<Option<(PathBuf, fs::Metadata)>> {
    let path = fs::canonicalize(path)?;
    let is_hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
    match path.strip_prefix(root) {
        Ok(below) if !below.iter().any(is_hidden) => {
            let metadata = fs::metadata(&path)?;
            Ok(Some((path, metadata)))
        }
        _ => Ok(None),
    }
}

fn status_of(error: &io::Error) -> Status {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => NOT_FOUND,
        ErrorKind::PermissionDenied => FORBIDDEN,
        _ => INTERNAL_SERVER_ERROR,
    }
}

fn kind_of(path: &Path) -> &'static str {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    match ending.as_deref().unwrap_or_default() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "txt" | "md" | "rs" => "text/plain; charset=utf-8",
        "json" => "application/json",
        "xml" => "application/xml",
        "pdf" => "application/pdf",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "mp4" => "video/mp4",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
