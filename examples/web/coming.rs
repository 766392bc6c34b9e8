//! A head of which a part has come.

use std::time::{Duration, Instant};

/// Parsing begins at the first byte each time. So it is tried with what comes first, where most heads are whole and most
/// nonsense shows; and then when there is a blank line, which is looked for in each byte once.
#[derive(Default)]
pub(crate) struct Coming {
    /// None before it has been parsed for the first time.
    due: Option<Instant>,
    searched: usize,
    /// Blank lines before a head do not end it.
    begun: bool,
    in_line: bool,
}

impl Coming {
    /// Whether it is worth while to parse these bytes, of which there are `most` if no more may come.
    pub(crate) fn may_be_whole(&mut self, bytes: &[u8], most: usize) -> bool {
        self.due.is_none() || bytes.len() >= most || self.has_blank_line(bytes)
    }

    /// When the rest has to be there, which did not come with the first bytes.
    pub(crate) fn due(&mut self, time: Duration) -> Instant {
        *self.due.get_or_insert_with(|| corro::time::now() + time)
    }

    fn has_blank_line(&mut self, bytes: &[u8]) -> bool {
        let new = &bytes[self.searched..];
        self.searched = bytes.len();
        new.iter().any(|&byte| self.ends_head(byte))
    }

    fn ends_head(&mut self, byte: u8) -> bool {
        match byte {
            b'\r' => false,
            b'\n' => self.begun && !std::mem::take(&mut self.in_line),
            _ => {
                (self.begun, self.in_line) = (true, true);
                false
            }
        }
    }
}
