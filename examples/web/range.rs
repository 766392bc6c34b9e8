//! Which part of a file is wanted: `Range: bytes=0-99`.

use std::ops::Range;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it: also if several parts are wanted, or the field is not understood.
    All,
    Part(Range<u64>),
    /// A part that is not there.
    Nothing,
}

/// What `text` means for a file of `length` bytes.
pub(crate) fn wanted(text: &str, length: u64) -> Wanted {
    let bounds = text.strip_prefix("bytes=").and_then(|text| text.split_once('-'));
    let Some((first, last)) = bounds.and_then(|(first, last)| Some((number(first)?, number(last)?))) else {
        return Wanted::All;
    };
    let range = match (first, last) {
        (None, None) => return Wanted::All,
        (Some(first), Some(last)) if last < first => return Wanted::All,
        (Some(first), last) => first..last.map_or(length, |last| length.min(last.saturating_add(1))),
        (None, Some(count)) => length.saturating_sub(count)..length,
    };
    if range.is_empty() { Wanted::Nothing } else { Wanted::Part(range) }
}

/// Some(None) is that there is no number; None, that there is something else.
fn number(text: &str) -> Option<Option<u64>> {
    match text {
        "" => Some(None),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(Some(digits.parse().unwrap_or(u64::MAX))),
        _ => None,
    }
}
