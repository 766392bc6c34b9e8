//! Why a page could not be had. A failure is a row of the report; the run goes on.

use std::{fmt, io, time::Duration};

pub enum Failure {
    /// An answer other than 2xx: its status line.
    Status(String),
    TimedOut(Duration),
    Malformed(&'static str),
    TooLarge(usize),
    NotText(String),
    Io(io::Error),
}

impl Failure {
    /// Also the errors by which sockets say that their own time limit has passed.
    pub fn is_timeout(&self) -> bool {
        match self {
            Failure::TimedOut(_) => true,
            Failure::Io(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
            _ => false,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Status(line) => f.write_str(line),
            Failure::TimedOut(limit) => write!(f, "timed out after {} ms", limit.as_millis()),
            Failure::Malformed(what) => write!(f, "malformed: {what}"),
            Failure::TooLarge(limit) => write!(f, "larger than {} KiB", limit / 1024),
            Failure::NotText(kind) => write!(f, "not text but {kind}"),
            Failure::Io(error) => write!(f, "{}", plain(error)),
        }
    }
}

/// The error in words that do not depend on which call reported it.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "connection reset".to_owned(),
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        _ => error.to_string(),
    }
}
