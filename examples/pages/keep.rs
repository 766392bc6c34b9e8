//! The file of a page.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use corro::fs;
use ureq::http::Uri;

const LONGEST_NAME: usize = 100;

/// The name for a page: it begins with the number of the page, so that no two have the same, and all that could lead out
/// of the folder is replaced.
fn name(number: usize, url: &Uri) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '-' };
    let port = url.port_u16().map_or(String::new(), |port| format!("-{port}"));
    let (host, path) = (url.host().unwrap_or_default(), url.path().trim_matches('/'));
    let place = if path.is_empty() { String::new() } else { format!("-{path}") };
    let name = format!("{number}-{host}{port}{place}");
    name.chars().map(plain).take(LONGEST_NAME).collect()
}

/// Writes a page into the folder, whole or not at all: it has another name until it is complete. A link of its name that
/// was there is replaced, not followed.
pub(crate) fn keep(folder: &Path, number: usize, url: &Uri, page: &[u8]) -> io::Result<PathBuf> {
    let name = name(number, url);
    let path = folder.join(&name);
    let part = Part(folder.join(format!("{name}.part")));
    match fs::remove_file(&part.0) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::File::create_new(&part.0)?;
    file.write_all(page)?;
    file.flush()?;
    fs::rename(&part.0, &path)?;
    Ok(path)
}

/// What is not complete; it is removed when this is dropped, also when its task is cancelled.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // It is not there any more if all went well.
        let _ = std::fs::remove_file(&self.0);
    }
}
