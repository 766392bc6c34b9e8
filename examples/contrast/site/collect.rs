//! The files that become the pages of the site.

use std::{
    ffi::OsString,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use crate::style::STYLES;

/// The repository, if it is still where the program was built.
const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");
const REPOSITORY_KINDS: [&str; 3] = ["md", "rs", "toml"];
/// A program that has left its repository serves its own source.
const OWN_SOURCE: &[(&str, &str)] = &[
    ("http.rs", include_str!("../http.rs")),
    ("words.rs", include_str!("../words.rs")),
    ("index.rs", include_str!("../index.rs")),
    ("log.rs", include_str!("../log.rs")),
    ("trail.rs", include_str!("../trail.rs")),
    ("page.rs", include_str!("../page.rs")),
    ("site/collect.rs", include_str!("collect.rs")),
    ("site/server.rs", include_str!("server.rs")),
];

const FILE_LIMIT: u64 = 1024 * 1024;
const PAGES: usize = 100;
const QUICK_PAGES: usize = 16;

/// What the site is made of.
pub struct Source {
    /// None: the repository's own text files.
    pub dir: Option<PathBuf>,
    /// Fewer pages.
    pub quick: bool,
}

impl Source {
    pub fn to_args(&self) -> Vec<OsString> {
        let quick = if self.quick { "quick" } else { "full" };
        [quick.into()].into_iter().chain(self.dir.iter().map(|dir| dir.into())).collect()
    }

    pub fn from_args(mut args: impl Iterator<Item = OsString>) -> Source {
        let quick = args.next().is_some_and(|word| word == "quick");
        Source { quick, dir: args.next().map(PathBuf::from) }
    }
}

/// What the server does when it is asked for a page.
pub enum Answer {
    Text { content_type: &'static str, text: String },
    NotFound,
    Reset,
    Hang,
}

/// The pages of the site, in the order in which they are listed.
pub struct Collection {
    /// Path and answer.
    pub pages: Vec<(String, Answer)>,
    pub files_found: usize,
}

impl Collection {
    pub fn of(source: &Source) -> io::Result<Collection> {
        let mut files = match &source.dir {
            Some(dir) => folder(dir, &|_| true)?,
            None => own_files()?,
        };
        let files_found = files.len();
        thin_out(&mut files, if source.quick { QUICK_PAGES } else { PAGES });
        let mut pages = vec![("/".to_owned(), table_of_contents(&files))];
        pages.extend(files.into_iter().map(|(path, text)| {
            let content_type = content_type(&path);
            (path, Answer::Text { content_type, text })
        }));
        if source.dir.is_none() {
            add_trouble(&mut pages);
        }
        Ok(Collection { pages, files_found })
    }
}

fn own_files() -> io::Result<Vec<(String, String)>> {
    let repository = Path::new(REPOSITORY);
    if repository.join("Cargo.toml").is_file() {
        return folder(repository, &|path| {
            path.extension().is_some_and(|kind| REPOSITORY_KINDS.iter().any(|wanted| kind == *wanted))
        });
    }
    let styles = STYLES.iter().map(|style| (format!("/style/{}", style.name), style.source.to_owned()));
    let others = OWN_SOURCE.iter().map(|(path, text)| (format!("/{path}"), (*text).to_owned()));
    Ok(styles.chain(others).collect())
}

/// The text files below `root` that are `wanted`, sorted by path. Hidden ones and build folders are left out.
fn folder(root: &Path, wanted: &dyn Fn(&Path) -> bool) -> io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if folder == root => return Err(error),
            Err(_) => continue,
            Ok(entries) => entries,
        };
        for entry in entries.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if name.as_encoded_bytes().starts_with(b".") || name == "target" {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(kind) if kind.is_file() && wanted(&path) => files.extend(read_text(root, &path)),
                _ => {}
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Path on the site and text; none if the file is large or no text.
fn read_text(root: &Path, file: &Path) -> Option<(String, String)> {
    if fs::metadata(file).ok()?.len() > FILE_LIMIT {
        return None;
    }
    let path = file.strip_prefix(root).ok()?.as_os_str().as_encoded_bytes();
    Some((format!("/{}", encode(path)), fs::read_to_string(file).ok()?))
}

/// Percent-encoding of all that could mean something in a URL or a line of text.
fn encode(path: &[u8]) -> String {
    let mut encoded = String::new();
    for &byte in path {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Keeps `most` files, evenly chosen.
fn thin_out<T>(files: &mut Vec<T>, most: usize) {
    let all = files.len();
    let mut at = 0..all;
    if all > most {
        files.retain(|_| at.next().is_some_and(|i| i * most / all != (i + 1) * most / all));
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html" | "htm") => "text/html; charset=utf-8",
        Some("md") => "text/markdown; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    }
}

fn table_of_contents(files: &[(String, String)]) -> Answer {
    let mut text = String::from("<!DOCTYPE html>\n<title>Contents</title>\n<ul>\n");
    for (path, content) in files {
        let _ = writeln!(text, "<li><a href=\"{path}\">{path}</a>, {} lines</li>", content.lines().count());
    }
    text.push_str("</ul>\n");
    Answer::Text { content_type: "text/html; charset=utf-8", text }
}

/// Pages that fail, spread over the list.
fn add_trouble(pages: &mut Vec<(String, Answer)>) {
    let quarter = pages.len() / 4;
    pages.insert(quarter * 3, ("/trouble/missing".to_owned(), Answer::NotFound));
    pages.insert(quarter * 2, ("/trouble/hangs".to_owned(), Answer::Hang));
    pages.insert(quarter, ("/trouble/resets".to_owned(), Answer::Reset));
}
