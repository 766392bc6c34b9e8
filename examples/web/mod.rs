//! A web server, HTTP/1.1 and 1.0, over anything that is read and written.
//!
//! ```text
//!          Connection            Request          Answer            Connection
//!  stream ------------> request ---------> site ----------> reply ------------> stream
//!          input         ^                  |                 ^       output
//!                        limits             files             body
//! ```
//!
//! Each connection is a task, and [`serve`] is all that it does: take a request from the input, decide on the answer,
//! append that to the output, again. The output is written when the input has no further request, so requests that came
//! together are answered together. What a client may cost is bounded by [`Limits`](limits::Limits).
//!
//! The order in which the files are best read: [`connection`], [`request`], [`site`], [`reply`], [`body`].

pub(crate) mod body;
pub(crate) mod check;
pub(crate) mod chunks;
pub(crate) mod connection;
pub(crate) mod date;
pub(crate) mod files;
pub(crate) mod input;
pub(crate) mod limits;
pub(crate) mod options;
pub(crate) mod path;
pub(crate) mod range;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod site;

use std::io;
use std::time::Instant;

use self::connection::{Connection, Failure, Stream};
use self::reply::Ending;
use self::response::REQUEST_TIMEOUT;
use self::site::Site;

/// Serves one client until it or its request ends the connection.
///
/// `stopping` tells whether the server takes no more requests than it has; the input ends by itself then.
pub(crate) fn serve(stream: impl Stream, site: &Site, stopping: &dyn Fn() -> bool) -> io::Result<()> {
    let mut connection = Connection::new(stream, site.limits.head);
    match serve_requests(&mut connection, site, stopping) {
        Ok(()) | Err(Failure::Over) => {}
        Err(Failure::Refused(status)) => response::refuse(&mut connection.output, status),
        Err(Failure::Io(error)) => return Err(error),
    }
    connection.finish()
}

fn serve_requests(
    connection: &mut Connection<impl Stream>,
    site: &Site,
    stopping: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    let mut due = None;
    loop {
        match request::parse(connection.input.bytes(), &site.limits)? {
            Some((request, length)) => {
                due = None;
                let answer = site.answer(&request);
                let terms = request.terms;
                connection.input.consume(length);
                if reply::send(connection, answer, terms, &site.limits, stopping)? == Ending::Closes {
                    return Ok(());
                }
            }
            None if connection.input.is_empty() => {
                if !connection.next()? {
                    return Ok(());
                }
            }
            None => wait_for_rest(connection, *due.get_or_insert_with(|| corro::time::now() + site.limits.head_time))?,
        }
    }
}

/// Waits within a head. All of it has to come in time, however often a little comes.
fn wait_for_rest(connection: &mut Connection<impl Stream>, due: Instant) -> Result<(), Failure> {
    connection.flush()?;
    let left = due.saturating_duration_since(corro::time::now());
    corro::timeout(left, || connection.more()).unwrap_or(Err(Failure::Refused(REQUEST_TIMEOUT)))
}
