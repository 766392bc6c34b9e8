//! A Redis for the test: at a free port, without a file.

use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::TcpListener;

use corro::process::{Child, Command, Stdio};
use corro::spawn;

use crate::Outcome;

/// Somebody else may take the port before Redis does.
const TRIES: usize = 5;

pub(crate) struct OwnRedis {
    child: Child,
    pub(crate) address: String,
}

impl OwnRedis {
    pub(crate) fn start() -> Outcome<OwnRedis> {
        for _ in 0..TRIES {
            if let Some(redis) = OwnRedis::try_start().map_err(|error| why(&error))? {
                return Ok(redis);
            }
        }
        Err("redis-server ends at once".into())
    }

    /// None if it has ended.
    fn try_start() -> io::Result<Option<OwnRedis>> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            // Ctrl-C is for us: we stop it when we need it no more.
            .process_group(0)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
        if !lines.any(|line| line.contains("Ready to accept connections")) {
            child.wait()?;
            return Ok(None);
        }
        // It must not wait for somebody to listen.
        spawn(move || lines.for_each(drop));
        Ok(Some(OwnRedis { child, address: address.to_string() }))
    }

    pub(crate) fn stop(mut self) -> Outcome<()> {
        self.child.kill().and_then(|()| self.child.wait()).map_err(|error| format!("redis-server: {error}"))?;
        Ok(())
    }
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => {
            "redis-server is missing: apt-get install -y --no-install-recommends redis-server".into()
        }
        _ => format!("redis-server does not start: {error}"),
    }
}
