//! What there is to see: the decision on a request's answer.

use std::io;

use super::files::{Files, Found, Opened, Share};
use super::limits::Limits;
use super::request::{Framing, Request};
use super::response::{
    LENGTH_REQUIRED, METHOD_NOT_ALLOWED, MOVED_PERMANENTLY, NOT_FOUND, NOT_IMPLEMENTED, NOT_MODIFIED, PLAIN,
    RANGE_NOT_SATISFIABLE, Status,
};

pub(crate) struct Site {
    pub(crate) limits: Limits,
    files: Option<Files>,
}

#[derive(Debug)]
pub(crate) enum Answer {
    Page {
        kind: &'static str,
        text: &'static str,
    },
    File(Opened, Share),
    /// The request's body.
    Echo,
    /// A status that explains itself, and a field that goes with it.
    Status(Status, Option<(&'static str, String)>),
}

const FRONT: &str = "<!doctype html>
<meta charset=utf-8>
<title>corro</title>
<h1>It works</h1>
<p>This page comes from a task that blocks. There are <a href=/hello>/hello</a> and, to POST to, /echo;
<code>--dir</code> gives the files of a folder.</p>
";
const HELLO: &str = "Hello, world!";
/// The methods that are known here, without those that some page understands.
const OTHER_METHODS: [&str; 5] = ["DELETE", "OPTIONS", "PATCH", "PUT", "TRACE"];

impl Site {
    /// # Errors
    /// If there is no such folder; none is named by an empty `dir`.
    pub(crate) fn new(dir: &str, limits: Limits) -> io::Result<Site> {
        let files = if dir.is_empty() { None } else { Some(Files::new(dir)?) };
        Ok(Site { limits, files })
    }

    pub(crate) fn answer(&self, request: &Request<'_>) -> Answer {
        match (request.method, request.path) {
            ("POST", "/echo") if request.terms.framing == Framing::None => Answer::Status(LENGTH_REQUIRED, None),
            ("POST", "/echo") => Answer::Echo,
            ("GET" | "HEAD", "/echo") => not_allowed("POST"),
            ("GET" | "HEAD", "/hello") => Answer::Page { kind: PLAIN, text: HELLO },
            ("GET" | "HEAD", path) => self.page(path, request),
            ("POST", _) => not_allowed("GET, HEAD"),
            ("OPTIONS", "*") => not_allowed("GET, HEAD, POST"),
            (method, path) if OTHER_METHODS.contains(&method) => {
                not_allowed(if path == "/echo" { "POST" } else { "GET, HEAD" })
            }
            _ => Answer::Status(NOT_IMPLEMENTED, None),
        }
    }

    fn page(&self, path: &str, request: &Request<'_>) -> Answer {
        match &self.files {
            Some(files) => match files.find(path) {
                Ok(Found::File(opened)) => file(opened, request),
                Ok(Found::Folder(location)) => Answer::Status(MOVED_PERMANENTLY, Some(("Location", location))),
                Err(status) => Answer::Status(status, None),
            },
            None if path == "/" => Answer::Page { kind: "text/html; charset=utf-8", text: FRONT },
            None => Answer::Status(NOT_FOUND, None),
        }
    }
}

fn not_allowed(allowed: &str) -> Answer {
    Answer::Status(METHOD_NOT_ALLOWED, Some(("Allow", allowed.to_owned())))
}

fn file(opened: Opened, request: &Request<'_>) -> Answer {
    match opened.share(&request.conditions) {
        Share::Unchanged => Answer::Status(NOT_MODIFIED, None),
        Share::Part(_) | Share::Nothing if request.terms.is_head => Answer::File(opened, Share::All),
        Share::Nothing => {
            Answer::Status(RANGE_NOT_SATISFIABLE, Some(("Content-Range", format!("bytes */{}", opened.length))))
        }
        share => Answer::File(opened, share),
    }
}
