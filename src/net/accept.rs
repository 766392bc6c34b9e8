//! Accepting, also when descriptors run out.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::io::Errno;

use crate::driver;
use crate::io::polled::Polled;
use crate::task::{self, Mode};

/// The first pause after an `accept` for which descriptors or memory ran out; each further one doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Waits for a connection, which `accept` takes. Passes over those that were given up before, and goes on, after a pause,
/// when there was a shortage.
pub(super) fn accept_with<S: AsFd, T>(socket: &Polled<S>, accept: impl Fn(&S) -> io::Result<T>) -> io::Result<T> {
    let mut pause = FIRST_PAUSE;
    loop {
        match socket.read_with(&accept) {
            Err(error) if is_shortage(&error) && task::mode() == Mode::Unwinding => return Err(driver::would_suspend()),
            Err(error) if is_shortage(&error) => driver::pause(pause),
            Err(error) if is_given_up(&error) => continue,
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

/// Whether it is the error of one connection, not of the listener: `accept(2)` on Linux hands on what the network had to
/// say of the one that it took. (`EOPNOTSUPP`, which it lists as well, is also that of a socket that cannot accept at all.)
fn is_given_up(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    let of_one = [
        Errno::CONNABORTED,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        Errno::NETDOWN,
        Errno::NETUNREACH,
        Errno::NONET,
        Errno::NOPROTOOPT,
        Errno::PROTO,
    ];
    errno.is_some_and(|errno| of_one.contains(&errno))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::net::TcpListener;

    use super::*;

    /// What comes of an `accept` that fails with each of these in turn, and the number of attempts.
    fn fails_with(errors: &[Errno]) -> (io::Result<&'static str>, usize) {
        let socket = Polled::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let attempts = Cell::new(0);
        let outcome = accept_with(&socket, |_| {
            let attempt = attempts.replace(attempts.get() + 1);
            errors.get(attempt).map_or(Ok("a connection"), |&error| Err(error.into()))
        });
        (outcome, attempts.get())
    }

    #[test]
    fn shortages_of_all_kinds_are_waited_out() {
        let (outcome, attempts) = fails_with(&[Errno::NOBUFS, Errno::NOMEM, Errno::NFILE, Errno::MFILE]);
        assert_eq!((outcome.unwrap(), attempts), ("a connection", 5));
    }

    #[test]
    fn a_connection_that_was_given_up_is_passed_over() {
        let (outcome, attempts) = fails_with(&[[Errno::CONNABORTED; 50], [Errno::HOSTUNREACH; 50]].concat());
        assert_eq!((outcome.unwrap(), attempts), ("a connection", 101));
    }

    #[test]
    fn what_does_not_pass_is_the_callers() {
        let (outcome, attempts) = fails_with(&[Errno::INTR, Errno::INVAL]);
        assert_eq!((Errno::from_io_error(&outcome.unwrap_err()), attempts), (Some(Errno::INVAL), 2));
    }
}
