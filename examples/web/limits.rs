//! What a client may ask for.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The most fields a head can be allowed to have: their places are on the task's stack.
pub(crate) const MOST_FIELDS: usize = 256;
/// What a head can be limited to. The lines of a chunked body have to fit into the same buffer, and every client can fill
/// its own.
pub(crate) const SIZES_OF_HEAD: RangeInclusive<usize> = 1024..=1024 * 1024;

#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Bytes of a request line and its fields.
    pub(crate) head: usize,
    /// Bytes of a body.
    pub(crate) body: u64,
    /// Fields of a head.
    pub(crate) fields: usize,
    /// From the first byte of a head to its last.
    pub(crate) head_time: Duration,
    /// Bytes a second, at which the client has to send a body and to take an answer; not zero.
    pub(crate) rate: u32,
    /// How far it may be behind.
    pub(crate) patience: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head: 16 * 1024,
            body: 64 * 1024 * 1024,
            fields: 100,
            head_time: Duration::from_secs(10),
            rate: 500,
            patience: Duration::from_secs(60),
        }
    }
}
