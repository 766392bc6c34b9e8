//! Accepting, also when descriptors run out.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::io::Errno;

use crate::driver;
use crate::io::polled::Polled;

/// The first pause after an `accept` for which descriptors or memory ran out; each further one doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Waits for a connection, which `accept` takes. Passes over those that were given up before, and goes on, after a pause,
/// when there was a shortage.
pub(super) fn accept_with<S: AsFd, T>(socket: &Polled<S>, accept: impl Fn(&S) -> io::Result<T>) -> io::Result<T> {
    let mut pause = FIRST_PAUSE;
    loop {
        match socket.read_with(&accept) {
            Err(error) if is_shortage(&error) => driver::pause(pause),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            done => return done,
        }
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Whether this will pass when others give something back.
fn is_shortage(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}
