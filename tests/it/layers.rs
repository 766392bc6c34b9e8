//! The layers of `src/`: imports go down only, and `unsafe` stands only where it may.
//!
//! The checker reads the sources as tokens, so comments and strings do not count. It is tried on planted violations.

use std::fs;
use std::path::Path;

/// From the bottom to the top. A module may use those above its own line in this list, and itself.
const LAYERS: [&[&str]; 7] = [
    &["coroutine"],
    &["generator"],
    &["task"],
    &["driver"],
    &["worker"],
    &["event_loop", "runtime"],
    &[
        "net",
        "io",
        "time",
        "fs",
        "process",
        "signal",
        "channel",
        "sync",
        "select",
        "scope",
        "combinators",
        "blocking",
        "block_on",
        "cancellation",
    ],
];
/// The blocking world: it uses these alone and its own kind, so that it runs on every scheduler.
const WAIST: [&str; 2] = ["task", "driver"];
/// Where `unsafe` may stand; `runtime` for `Runtime::run`, whose task borrows, and for calls of the system.
const UNSAFE: [&str; 6] = ["coroutine", "generator", "task", "driver", "worker", "runtime"];
/// Single files where it may stand too: the values behind locks.
const UNSAFE_FILES: [&str; 2] = ["sync/mutex.rs", "sync/rwlock.rs"];
/// An explanation stands at most so many lines of code above its `unsafe`.
const NEAR: usize = 5;

#[test]
fn l_sources_keep_the_layers() {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut files);
    assert!(files.len() > 20, "only {} files were found", files.len());
    let violations: Vec<_> = files.iter().flat_map(|(path, text)| check(path, text)).collect();
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

#[test]
fn l_every_module_has_a_layer() {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut files);
    for (path, _) in &files {
        let top = &module_of(path)[..];
        assert!(top.first().is_none_or(|top| rank(top).is_some()), "{path} is in no layer: add it to LAYERS");
    }
}

#[test]
fn l_an_import_upwards_is_found() {
    for planted in [
        "use crate::event_loop::EventLoop;",
        "use crate::{coroutine, worker::Worker};",
        "fn f() { crate::net::connect() }",
        "use super::super::worker;",
        "mod tests { use super::super::super::worker; }",
        "use crate::EventLoop;",
        "use crate::*;",
        "use crate as corro;",
    ] {
        assert_eq!(check("task/park.rs", planted).len(), 1, "{planted}");
    }
    assert_eq!(check("io.rs", "use super::worker;").len(), 1);
    assert_eq!(check("net/tcp.rs", "use crate::generator::Generator;").len(), 1);
    assert_eq!(check("net/tcp.rs", "use crate::event_loop::run;").len(), 1);
}

#[test]
fn l_what_is_allowed_passes() {
    for (path, allowed) in [
        ("task/park.rs", "use crate::coroutine::{self, Stack}; use super::header; use self::x; use crate::task::Id;"),
        ("task/park.rs", "// use crate::worker;\n/* crate::worker /* nested */ */ const S: &str = \"crate::worker\";"),
        ("task/park.rs", "const S: &str = r#\"use \"crate::worker\"#; const C: char = '\"'; fn f<'a>(x: &'a u8) {}"),
        ("io.rs", "mod tests { use super::*; use crate::time::sleep; }"),
        ("net/tcp.rs", "use crate::{driver::{self, Source}, task::park}; use crate::io;"),
        ("event_loop.rs", "use crate::generator::Generator; use crate::worker::Worker; pub(crate) fn f() {}"),
        ("task/local.rs", "macro_rules! m { () => { $crate::EventLoop::new() } }"),
        ("lib.rs", "mod net; pub use net::TcpStream; pub use event_loop::EventLoop;"),
    ] {
        assert_eq!(check(path, allowed), [""; 0], "{allowed}");
    }
}

#[test]
fn l_unsafe_out_of_place_or_unexplained_is_found() {
    let block = "fn f() { unsafe { g() } }";
    let explained = "// SAFETY: it is.\nfn f() { unsafe { g() } }";
    let far = format!("// SAFETY: it is.\n{}{block}", "let x = 1;\n".repeat(NEAR + 1));
    for (path, text, violations) in [
        ("net/tcp.rs", explained, 1),
        ("sync/event.rs", explained, 1),
        ("sync/mutex.rs", explained, 0),
        ("sync/mutex.rs", block, 1),
        ("task/park.rs", explained, 0),
        ("task/park.rs", block, 1),
        ("task/park.rs", far.as_str(), 1),
        ("net/tcp.rs", "// unsafe\nconst S: &str = \"unsafe {\"; #![forbid(unsafe_code)]", 0),
        ("task/mod.rs", "/// # Safety\n/// Be careful.\npub(crate) unsafe fn f() {}", 0),
        ("task/mod.rs", "pub(crate) unsafe fn f() {}", 1),
        ("task/mod.rs", "const A: u8 = 1; unsafe fn f() {}", 0),
        ("task/mod.rs", "let s = \"SAFETY:\"; unsafe { g() }", 1),
    ] {
        assert_eq!(check(path, text).len(), violations, "{path}: {text}");
    }
}

/// All Rust files below `dir`, by their path from `src`.
fn collect(dir: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(dir).expect("the sources can be listed") {
        let entry = entry.expect("the sources can be listed");
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else if name.ends_with(".rs") {
            files.push((name, fs::read_to_string(entry.path()).expect("a source can be read")));
        }
    }
}

/// The violations of one file.
fn check(path: &str, text: &str) -> Vec<String> {
    let source = Source::read(text);
    let module = module_of(path);
    let mut violations = Vec::new();
    for (line, used) in source.uses(module.len()) {
        if let Some(reason) = module.first().and_then(|top| forbidden(top, used)) {
            violations.push(format!("src/{path}:{line}: {reason}"));
        }
    }
    for (line, is_private_fn) in source.unsafes() {
        if !module.first().is_some_and(|top| UNSAFE.contains(top)) && !UNSAFE_FILES.contains(&path) {
            violations.push(format!("src/{path}:{line}: `unsafe` has no place here"));
        } else if !is_private_fn && !source.is_explained(line) {
            violations.push(format!("src/{path}:{line}: `unsafe` has no SAFETY comment above it"));
        }
    }
    violations
}

/// `lib.rs` is the root, `task/mod.rs` is `task`, `task/park.rs` is `task::park`.
fn module_of(path: &str) -> Vec<&str> {
    let stem = path.trim_end_matches(".rs").trim_end_matches("/mod");
    stem.split('/').filter(|&name| name != "lib").collect()
}

fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Why the module `user` must not use `crate::{used}`.
fn forbidden(user: &str, used: &str) -> Option<String> {
    let Some(below) = rank(used) else {
        return Some(format!("`crate::{used}` names no layer: import it from the module where it is"));
    };
    let own = rank(user)?;
    let blocking = own == LAYERS.len() - 1;
    if user == used || (blocking && (below == own || WAIST.contains(&used))) || (!blocking && below < own) {
        return None;
    }
    Some(format!("`{user}` must not use `{used}`"))
}

/// A file as tokens (identifiers, and single characters of punctuation) without comments and literals.
#[derive(Default)]
struct Source<'a> {
    tokens: Vec<(usize, &'a str)>,
    /// The lines whose comments explain an `unsafe`.
    explaining: Vec<usize>,
}

impl<'a> Source<'a> {
    fn read(text: &'a str) -> Source<'a> {
        let mut source = Source::default();
        let (mut at, mut line) = (0, 1);
        while let Some(first) = text[at..].chars().next() {
            let rest = &text[at..];
            let length = literal(rest).or_else(|| comment(rest)).unwrap_or(0);
            if length > 0 && first == '/' {
                source.explain(line, &rest[..length]);
            }
            let length = if length > 0 { length } else { source.token(line, rest, first) };
            line += rest[..length].matches('\n').count();
            at += length;
        }
        source
    }

    fn explain(&mut self, line: usize, comment: &str) {
        for (offset, text) in comment.lines().enumerate() {
            if text.contains("SAFETY:") || text.contains("# Safety") {
                self.explaining.push(line + offset);
            }
        }
    }

    /// Takes an identifier or a character; returns its length.
    fn token(&mut self, line: usize, rest: &'a str, first: char) -> usize {
        let length = if is_word(first) { word(rest) } else { first.len_utf8() };
        if !first.is_whitespace() {
            self.tokens.push((line, &rest[..length]));
        }
        length
    }

    fn at(&self, index: usize) -> &'a str {
        self.tokens.get(index).map_or("", |token| token.1)
    }

    /// The lines with an `unsafe`, and whether it is a function of one module or a pointer to one: the calls of it are
    /// explained, not the function.
    fn unsafes(&self) -> Vec<(usize, bool)> {
        let is_private_fn = |index| self.at(index + 1) == "fn" && !matches!(self.at(index - 1), "pub" | ")");
        let found = (0..self.tokens.len()).filter(|&index| self.at(index) == "unsafe");
        found.map(|index| (self.tokens[index].0, index > 0 && is_private_fn(index))).collect()
    }

    /// Whether an explanation stands above this line, or in it, with at most `NEAR` lines of code between.
    fn is_explained(&self, line: usize) -> bool {
        let code_after = |explanation: usize| {
            let mut lines: Vec<_> = self.tokens.iter().map(|token| token.0).collect();
            lines.dedup();
            lines.iter().filter(|&&code| code > explanation && code < line).count()
        };
        self.explaining.iter().any(|&explanation| explanation <= line && code_after(explanation) <= NEAR)
    }

    /// The names directly below the crate that a file, at `depth` modules from it, uses; with their lines.
    fn uses(&self, depth: usize) -> Vec<(usize, &'a str)> {
        let mut found = Vec::new();
        let mut braces = Vec::new(); // for each open one: whether it is that of a `mod`
        for index in 0..self.tokens.len() {
            match self.at(index) {
                "{" => braces.push(index >= 2 && self.at(index - 2) == "mod"),
                "}" => drop(braces.pop()),
                // What a macro writes is the code of its user.
                "crate" if index > 0 && self.at(index - 1) == "$" => {}
                "crate" if self.at(index + 1) == "as" => found.push((self.tokens[index].0, "as")),
                "crate" => self.names_after(index, &mut found),
                "super" if index < 3 || self.at(index - 3) != "super" => {
                    let own_depth = depth + braces.iter().filter(|&&is_mod| is_mod).count();
                    let last = (index..).step_by(3).take_while(|&next| self.at(next) == "super").last();
                    let last = last.expect("this is one");
                    if (last - index) / 3 + 1 >= own_depth {
                        self.names_after(last, &mut found);
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// The names in `::name` or `::{name, name::more}` after a token.
    fn names_after(&self, index: usize, found: &mut Vec<(usize, &'a str)>) {
        if self.at(index + 1) != ":" || self.at(index + 2) != ":" {
            return;
        }
        if self.at(index + 3) != "{" {
            return found.push((self.tokens[index].0, self.at(index + 3)));
        }
        let mut open = 1;
        let mut next = index + 4;
        while open > 0 && next < self.tokens.len() {
            if open == 1 && matches!(self.at(next - 1), "{" | ",") && self.at(next) != "}" {
                found.push((self.tokens[next].0, self.at(next)));
            }
            match self.at(next) {
                "{" => open += 1,
                "}" => open -= 1,
                _ => {}
            }
            next += 1;
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn word(text: &str) -> usize {
    text.find(|character| !is_word(character)).unwrap_or(text.len())
}

/// The length of the comment that `text` begins with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    let (mut at, mut open) = (2, text.starts_with("/*") as usize);
    while open > 0 && at < text.len() {
        let step = match text.as_bytes()[at..] {
            [b'/', b'*', ..] => (2, open + 1),
            [b'*', b'/', ..] => (2, open - 1),
            _ => (1, open),
        };
        (at, open) = (at + step.0, step.1);
    }
    text.starts_with("/*").then_some(at)
}

/// The length of the string, character or lifetime that `text` begins with.
fn literal(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""]
        .iter()
        .find(|prefix| text.strip_prefix(**prefix).is_some_and(|rest| rest.trim_start_matches('#').starts_with('"')));
    if let Some(prefix) = prefix {
        let hashes = text[prefix.len()..].find('"').expect("a quote is there");
        let open = prefix.len() + hashes + 1;
        if prefix.ends_with('r') {
            let close = format!("\"{}", "#".repeat(hashes));
            return Some(open + text[open..].find(&close).map_or(text.len() - open, |at| at + close.len()));
        }
        if hashes == 0 {
            return Some(open + quoted(&text[open..], '"'));
        }
    }
    let after = text.strip_prefix('\'')?;
    let first = after.chars().next()?;
    match after[first.len_utf8()..].starts_with('\'') || first == '\\' {
        true => Some(1 + quoted(after, '\'')),
        false => Some(1 + word(after)),
    }
}

/// The length up to the closing quote and with it.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if character == quote && !escaped {
            return at + 1;
        }
        escaped = character == '\\' && !escaped;
    }
    text.len()
}
