//! A connection to Redis that is made anew when it is lost.

use std::time::Duration;

use corro::net::TcpStream;
use corro::sleep;
use redis::{ConnectionLike, RedisError, RedisResult};

use crate::Outcome;
use crate::options::Options;
use crate::redis_connection::Connection;
use crate::store::Keys;

/// How long Redis may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

pub(crate) struct Link<'a> {
    pub(crate) options: &'a Options,
    pub(crate) keys: Keys,
    connection: Option<Connection<TcpStream>>,
}

impl Link<'_> {
    pub(crate) fn new(options: &Options) -> Link<'_> {
        Link { options, keys: Keys::new(&options.key), connection: None }
    }

    /// Does something with the connection; again with a new one, after a pause, if it was lost. So what is done must bear to
    /// be done twice: the answer may be lost after the deed.
    ///
    /// What is put into the stream, set aside or finished has a name or a number, by which it is done once. Jobs that were
    /// fetched or claimed with a lost answer lie in our name, and we do not know of them: they are taken over after `--idle`,
    /// as those of a killed worker are. That was an attempt, though nobody has tried; so `--attempts` should be 2 at least.
    pub(crate) fn call<T>(&mut self, f: impl Fn(&mut Connection<TcpStream>, &Keys) -> RedisResult<T>) -> Outcome<T> {
        let mut pause = FIRST_PAUSE;
        let mut retries = 0;
        loop {
            let error = match self.try_call(&f) {
                Ok(value) => return Ok(value),
                Err(error) if self.connection.is_some() => return Err(format!("Redis refuses: {error}")),
                Err(error) => error,
            };
            if retries == self.options.retries {
                return Err(self.unreachable(&error));
            }
            retries += 1;
            // Not all at once after Redis has come back.
            sleep(pause.mul_f64(0.5 + fastrand::f64()));
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Does it once. The connection is there afterwards unless it was lost.
    fn try_call<T>(&mut self, f: impl Fn(&mut Connection<TcpStream>, &Keys) -> RedisResult<T>) -> RedisResult<T> {
        let kept = self.connection.take();
        let is_new = kept.is_none();
        let mut connection = kept.map_or_else(|| Connection::connect(&self.options.redis, PATIENCE), Ok)?;
        // A Redis that was started anew has forgotten the group.
        let ready = if is_new { self.keys.create_group(&mut connection) } else { Ok(()) };
        let outcome = ready.and_then(|()| f(&mut connection, &self.keys));
        self.connection = Some(connection).filter(Connection::is_open);
        outcome
    }

    fn unreachable(&self, error: &RedisError) -> String {
        let address = &self.options.redis;
        format!("Redis at {address} is not to be reached: {error}; start redis-server, or say with --redis where it is")
    }
}
