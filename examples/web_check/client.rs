//! A client for tests. What it does not expect, it panics about.

use std::io::Read;

use crate::web::chunks::{Chunks, Step};
use crate::web::connection::Stream;

pub(crate) struct Client {
    stream: Box<dyn Stream + Send>,
    /// What has come and is not used yet.
    input: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &value[..])
    }

    /// Whether the server says that this was the last answer.
    pub(crate) fn closes(&self) -> bool {
        self.field("connection") == Some("close")
    }
}

impl Client {
    pub(crate) fn new(stream: Box<dyn Stream + Send>) -> Client {
        Client { stream, input: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).and_then(|()| self.stream.flush()).expect("the server reads");
    }

    pub(crate) fn end_output(&mut self) {
        self.stream.end_output().expect("the server is there");
    }

    /// Asks for a page, with further lines in the head.
    pub(crate) fn get(&mut self, path: &str, lines: &str) -> Reply {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: check\r\n{lines}\r\n"));
        self.reply()
    }

    pub(crate) fn reply(&mut self) -> Reply {
        let mut reply = self.reply_to_head();
        if let Some(length) = reply.field("content-length") {
            reply.body = self.take(length.parse().expect("a length is a number"));
        } else if reply.field("transfer-encoding") == Some("chunked") {
            reply.body = self.chunked();
        }
        reply
    }

    /// A reply that has no body, whatever its head says.
    pub(crate) fn reply_to_head(&mut self) -> Reply {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; 32];
            let mut response = httparse::Response::new(&mut fields);
            let parsed = response.parse(&self.input).expect("the server answers in HTTP");
            if let httparse::Status::Complete(length) = parsed {
                let text = |field: &httparse::Header<'_>| String::from_utf8_lossy(field.value).into_owned();
                let fields = response.headers.iter().map(|field| (field.name.to_owned(), text(field))).collect();
                let status = response.code.expect("it is complete");
                self.input.drain(..length);
                return Reply { status, fields, body: Vec::new() };
            }
            assert!(self.read() > 0, "the answer ends early, with {:?}", String::from_utf8_lossy(&self.input));
        }
    }

    /// Whether the server has ended the connection, and said nothing more.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.input.is_empty() && self.read() == 0
    }

    /// All that still comes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.read() > 0 {}
        std::mem::take(&mut self.input)
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        while self.input.len() < length {
            assert!(self.read() > 0, "the answer ends after {} bytes of {length}", self.input.len());
        }
        let rest = self.input.split_off(length);
        std::mem::replace(&mut self.input, rest)
    }

    fn chunked(&mut self) -> Vec<u8> {
        let mut chunks = Chunks::new(u64::MAX);
        let mut body = Vec::new();
        loop {
            match chunks.step(&self.input).expect("the chunks are right") {
                Step::Data(count) => body.extend(self.input.drain(..count)),
                Step::Skip(count) => drop(self.input.drain(..count)),
                Step::More => assert!(self.read() > 0, "the answer ends within its chunks"),
                Step::Done => return body,
            }
        }
    }

    fn read(&mut self) -> usize {
        let mut piece = vec![0; 64 * 1024];
        let count = self.stream.read(&mut piece).expect("the server ends connections properly");
        self.input.extend_from_slice(&piece[..count]);
        count
    }
}
