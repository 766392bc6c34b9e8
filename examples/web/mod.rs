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
pub(crate) mod chunks;
pub(crate) mod coming;
pub(crate) mod connection;
pub(crate) mod date;
pub(crate) mod files;
pub(crate) mod input;
pub(crate) mod limits;
pub(crate) mod options;
pub(crate) mod pace;
pub(crate) mod path;
pub(crate) mod range;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod site;

use std::io;

use self::coming::Coming;
use self::connection::{Connection, Failure, Stream};
use self::reply::Ending;
use self::site::Site;

/// Serves one client until it or its request ends the connection.
///
/// `stopping` tells whether the server takes no more requests than it has; the input ends by itself then.
pub(crate) fn serve(stream: impl Stream, site: &Site, stopping: &dyn Fn() -> bool) -> io::Result<()> {
    let mut connection = Connection::new(stream, &site.limits);
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
    let limits = &site.limits;
    let mut coming = Coming::default();
    loop {
        let bytes = connection.input.bytes();
        let parsed = if coming.may_be_whole(bytes, limits.head) { request::parse(bytes, limits)? } else { None };
        match parsed {
            Some((request, length)) => {
                coming = Coming::default();
                let answer = site.answer(&request);
                let terms = request.terms;
                connection.input.consume(length);
                if reply::send(connection, answer, terms, limits, stopping)? == Ending::Closes {
                    return Ok(());
                }
            }
            None if bytes.is_empty() => {
                if !connection.next()? {
                    return Ok(());
                }
            }
            None => connection.more_of_head(coming.due(limits.head_time))?,
        }
    }
}
