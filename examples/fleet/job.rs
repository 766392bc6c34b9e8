//! A job: a number to square, which takes a while, or fails.

use std::time::Duration;

use corro::sleep;

#[derive(Clone)]
pub(crate) struct Job {
    /// Its place in the stream; empty before it is there.
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) millis: u64,
    pub(crate) fails: bool,
}

/// Jobs that take so many milliseconds each.
pub(crate) fn some(count: u64, millis: u64) -> impl Iterator<Item = Job> {
    (0..count).map(move |number| Job { id: String::new(), number, millis, fails: false })
}

impl Job {
    /// Stands for what waits for others: a page to fetch, a letter to send.
    pub(crate) fn work(&self) -> Result<u128, String> {
        sleep(Duration::from_millis(self.millis));
        if self.fails {
            return Err(format!("job {} is one that fails", self.number));
        }
        Ok(u128::from(self.number).pow(2))
    }
}
