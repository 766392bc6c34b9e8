//! The test of the web servers' quick mode: a client that is polite, one that is not, one that is slow, and one that stays to the end.

mod client;
mod errors;
mod files;
mod folder;
mod keeping;
mod stop;

use std::io;
use std::sync::{Mutex, PoisonError};

use self::client::Client;
pub(crate) use self::folder::Folder;
use crate::web::connection::Stream;
use crate::web::limits::Limits;
use crate::web::options::Options;

/// Connects to the server.
pub(crate) type Connect<'a> = dyn Fn() -> io::Result<Box<dyn Stream + Send>> + Sync + 'a;

pub(crate) struct Check<'a> {
    limits: &'a Limits,
    /// The client that waits for the end of the server.
    late: Mutex<Option<stop::Late>>,
}

/// Makes a folder that is to be served, and sets the options for it.
pub(crate) fn prepare(options: &mut Options) -> io::Result<Folder> {
    let folder = Folder::new()?;
    options.dir = folder.public();
    if options.head_time.is_empty() {
        // One of the checks waits for it to pass.
        options.head_time = "1".to_owned();
    }
    Ok(folder)
}

impl<'a> Check<'a> {
    pub(crate) fn new(limits: &'a Limits) -> Check<'a> {
        Check { limits, late: Mutex::default() }
    }

    /// Checks all but the end, and prepares that.
    pub(crate) fn run(&self, connect: &Connect<'_>) {
        keeping::connections_are_kept(connect);
        keeping::requests_may_come_together(connect);
        println!("connections are kept, and 16 requests at once get 16 answers");
        keeping::bodies_come_back(connect);
        println!("bodies come back as they were framed");
        errors::requests_are_refused(connect, self.limits);
        errors::a_client_that_goes_on_sending_is_refused(connect);
        errors::a_slow_head_is_refused(connect);
        println!("what is wrong, too large or too slow is refused");
        files::files_are_given(connect);
        files::nothing_else_is_given(connect);
        println!("files are given, whole, in part or not at all; nothing outside of their folder is");
        *self.late.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop::Late::new(connect));
    }

    /// Checks the end, when the server has come to it. In a server that does not test itself there is nothing to do.
    pub(crate) fn finish(self) {
        if let Some(late) = self.late.into_inner().unwrap_or_else(PoisonError::into_inner) {
            late.finish();
            println!("what had come before the end was answered");
        }
    }
}

/// A connection to the server.
fn client(connect: &Connect<'_>) -> Client {
    Client::new(connect().expect("the server takes connections"))
}
