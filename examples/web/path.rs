//! From the path of a request to one within a folder, without asking the file system.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::response::{BAD_REQUEST, NOT_FOUND, Status};

/// A path that leads down only, and not into anything hidden.
#[derive(Debug)]
pub(crate) struct Relative {
    pub(crate) path: PathBuf,
    /// It ends with a slash, so it means a folder.
    pub(crate) is_folder: bool,
}

/// Understands a path, which has no query.
///
/// # Errors
/// `404` for what begins with a dot, `..` among it; `400` for `%` without two digits, and for NUL.
pub(crate) fn relative(path: &str) -> Result<Relative, Status> {
    // Before it is divided: `%2f` and `%2e` mean what `/` and `.` mean.
    let decoded = decode(path).ok_or(BAD_REQUEST)?;
    if decoded.contains(&0) {
        return Err(BAD_REQUEST);
    }
    let is_folder = decoded.ends_with(b"/");
    let mut path = PathBuf::new();
    for name in decoded.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
        if name.starts_with(b".") {
            return Err(NOT_FOUND);
        }
        path.push(OsString::from_vec(name.to_vec()));
    }
    Ok(Relative { path, is_folder })
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            other => other,
        });
    }
    Some(decoded)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// The path of a folder as it is told to a client. One slash begins it, so it can name no other server.
pub(crate) fn location(relative: &Relative) -> String {
    let mut text = String::from("/");
    for name in &relative.path {
        for &byte in name.as_encoded_bytes() {
            match byte {
                b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
                byte if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
                byte => text.push_str(&format!("%{byte:02X}")),
            }
        }
        text.push('/');
    }
    text
}
