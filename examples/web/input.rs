//! What has come from the client and is not used yet.

use std::io::{self, ErrorKind, Read};

/// A buffer that begins small, and doubles as long as the client fills it.
///
/// ```text
///  0       start         end      buffer.len()   most
///  | used  | bytes()     | room   |              |
/// ```
pub(crate) struct Input {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// So many bytes may wait here.
    most: usize,
    ended: bool,
}

const FIRST: usize = 4 * 1024;

impl Input {
    pub(crate) fn new(most: usize) -> Input {
        Input { buffer: Vec::new(), start: 0, end: 0, most, ended: false }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether nothing more will come.
    pub(crate) fn is_at_end(&self) -> bool {
        self.ended
    }

    /// The first `count` bytes have been used.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.end);
    }

    /// Gives memory back beyond so many bytes. Nothing may be waiting here.
    pub(crate) fn shrink_to(&mut self, most: usize) {
        debug_assert!(self.is_empty());
        (self.start, self.end) = (0, 0);
        self.buffer.truncate(most);
        self.buffer.shrink_to(most);
    }

    /// Reads once; 0 is the end. The bytes that wait must be fewer than `most`.
    ///
    /// TLS takes an end without a goodbye for an error. Here it is an end: every request tells where it ends itself.
    pub(crate) fn read_from(&mut self, stream: &mut impl Read) -> io::Result<usize> {
        self.make_room();
        let count = match stream.read(&mut self.buffer[self.end..]) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => 0,
            read => read?,
        };
        self.end += count;
        self.ended = count == 0;
        Ok(count)
    }

    fn make_room(&mut self) {
        debug_assert!(self.bytes().len() < self.most);
        let was_filled = self.end == self.buffer.len();
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if was_filled {
            let length = (2 * self.buffer.len()).max(FIRST).min(self.most);
            self.buffer.resize(length, 0);
        }
    }
}
