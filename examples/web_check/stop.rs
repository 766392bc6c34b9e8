//! The end of the server.

use std::thread::{self, JoinHandle};

use super::{Connect, client};

/// A client that has sent its requests before the end, and reads the answers after it.
///
/// It is on a thread: tasks end with the server.
pub(super) struct Late(JoinHandle<()>);

const REQUESTS: usize = 16;

impl Late {
    pub(super) fn new(connect: &Connect<'_>) -> Late {
        let mut client = client(connect);
        assert_eq!(client.get("/hello", "").status, 200, "the server knows of this connection");
        client.send("GET /hello HTTP/1.1\r\nHost: check\r\n\r\n".repeat(REQUESTS));
        Late(thread::spawn(move || {
            for number in 1..=REQUESTS {
                assert_eq!(
                    client.reply().status,
                    200,
                    "request {number} of {REQUESTS}, sent before the end, is answered"
                );
            }
            assert_eq!(client.rest(), b"", "nothing follows");
        }))
    }

    pub(super) fn finish(self) {
        if let Err(panic) = self.0.join() {
            std::panic::resume_unwind(panic);
        }
    }
}
