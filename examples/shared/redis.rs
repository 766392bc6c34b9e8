//! A connection to Redis on a stream of ours: the crate `redis` writes the commands and reads the answers.

use std::io::{self, Read, Write};
use std::time::Duration;

use corro::net::TcpStream;
use corro::timeout;
use redis::{ConnectionLike, Parser, RedisResult, Value};

pub(crate) struct Connection<S> {
    stream: S,
    parser: Parser,
    /// Not while a command is under way: one that failed, or was cut off, leaves an answer that is not for the next.
    open: bool,
}

impl Connection<TcpStream> {
    /// Connects. `patience` is how long that may take, and the answer to a command.
    pub(crate) fn connect(address: &str, patience: Duration) -> io::Result<Connection<TcpStream>> {
        let connected = timeout(patience, || TcpStream::connect(address));
        let stream = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(Connection::new(stream))
    }
}

impl<S: Read + Write> Connection<S> {
    pub(crate) fn new(stream: S) -> Connection<S> {
        Connection { stream, parser: Parser::new(), open: true }
    }

    /// The next answer, or what a subscription tells.
    pub(crate) fn receive(&mut self) -> RedisResult<Value> {
        self.parser.parse_value(&mut self.stream)
    }
}

impl<S: Read + Write> ConnectionLike for Connection<S> {
    fn req_packed_command(&mut self, command: &[u8]) -> RedisResult<Value> {
        let mut answers = self.req_packed_commands(command, 0, 1)?;
        Ok(answers.pop().unwrap_or(Value::Nil))
    }

    fn req_packed_commands(&mut self, commands: &[u8], offset: usize, count: usize) -> RedisResult<Vec<Value>> {
        if !self.open {
            return Err(io::Error::from(io::ErrorKind::NotConnected).into());
        }
        self.open = false;
        self.stream.write_all(commands)?;
        let answers: Vec<_> = (0..offset + count).map(|_| self.receive()).collect::<RedisResult<_>>()?;
        self.open = true;
        Ok(answers.into_iter().skip(offset).collect())
    }

    fn get_db(&self) -> i64 {
        0
    }

    fn check_connection(&mut self) -> bool {
        redis::cmd("PING").exec(self).is_ok()
    }

    fn is_open(&self) -> bool {
        self.open
    }
}
