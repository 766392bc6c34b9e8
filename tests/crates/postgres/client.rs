//! A small client: what a driver would be, by the messages of `postgres-protocol`.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::IsNull;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, DataRowBody, ErrorResponseBody, Message};
use postgres_protocol::message::frontend::{self, BindError};

type Row = Vec<Option<String>>;

/// Why a query was not answered.
#[derive(Debug)]
pub(super) enum Failure {
    Io(io::Error),
    Server { code: String, message: String },
}

impl Failure {
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Failure::Server { code, .. } => Some(code),
            Failure::Io(_) => None,
        }
    }

    fn new(body: &ErrorResponseBody) -> Failure {
        let (mut code, mut message) = (String::new(), String::new());
        let fields = body.fields().for_each(|field| {
            match field.type_() {
                b'C' => code = text(field.value_bytes()),
                b'M' => message = text(field.value_bytes()),
                _ => {}
            }
            Ok(())
        });
        fields.map_or_else(Failure::Io, |()| Failure::Server { code, message })
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
            Failure::Io(error) => error.fmt(f),
            Failure::Server { code, message } => write!(f, "{code}: {message}"),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn unexpected(what: &str) -> Failure {
    Failure::Io(io::Error::new(ErrorKind::InvalidData, format!("the server sent {what}, which was not expected")))
}

/// A connection.
pub(super) struct Client<S> {
    stream: S,
    read: BytesMut,
    write: BytesMut,
    process: i32,
    key: i32,
}

impl<S: Read + Write> Client<S> {
    /// Logs in, with SCRAM: a server that wants less is refused.
    pub(super) fn new(stream: S, user: &str, password: &str) -> Result<Client<S>, Failure> {
        let mut client = Client { stream, read: BytesMut::new(), write: BytesMut::new(), process: 0, key: 0 };
        frontend::startup_message([("user", user), ("database", "postgres")], &mut client.write)?;
        client.send()?;
        match client.receive()? {
            Message::AuthenticationSasl(body) => client.authenticate(&body, password)?,
            _ => return Err(unexpected("something else than a wish for SCRAM")),
        }
        loop {
            match client.receive()? {
                Message::BackendKeyData(body) => (client.process, client.key) = (body.process_id(), body.secret_key()),
                Message::ReadyForQuery(_) => return Ok(client),
                Message::AuthenticationOk | Message::ParameterStatus(_) | Message::NoticeResponse(_) => {}
                _ => return Err(unexpected("a message")),
            }
        }
    }

    fn authenticate(&mut self, body: &AuthenticationSaslBody, password: &str) -> Result<(), Failure> {
        if !body.mechanisms().any(|mechanism| Ok(mechanism == SCRAM_SHA_256))? {
            return Err(unexpected("mechanisms without SCRAM"));
        }
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut self.write)?;
        self.send()?;
        let Message::AuthenticationSaslContinue(body) = self.receive()? else {
            return Err(unexpected("no first answer of SCRAM"));
        };
        scram.update(body.data())?;
        frontend::sasl_response(scram.message(), &mut self.write)?;
        self.send()?;
        let Message::AuthenticationSaslFinal(body) = self.receive()? else {
            return Err(unexpected("no last answer of SCRAM"));
        };
        Ok(scram.finish(body.data())?)
    }

    /// The number of the server's process for this connection.
    pub(super) fn process(&self) -> i32 {
        self.process
    }

    /// What allows to cancel its queries.
    pub(super) fn key(&self) -> i32 {
        self.key
    }

    /// The rows of one or more queries, as one text.
    pub(super) fn query(&mut self, query: &str) -> Result<Vec<Row>, Failure> {
        frontend::query(query, &mut self.write)?;
        self.send()?;
        self.rows()
    }

    /// The rows of one query with parameters.
    pub(super) fn execute(&mut self, query: &str, parameters: &[Option<&str>]) -> Result<Vec<Row>, Failure> {
        let buffer = &mut self.write;
        frontend::parse("", query, [], buffer)?;
        let put = |parameter: &Option<&str>, buffer: &mut BytesMut| match parameter {
            Some(text) => {
                buffer.extend_from_slice(text.as_bytes());
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        };
        frontend::bind("", "", [], parameters, put, [], buffer).map_err(|error| match error {
            BindError::Serialization(error) => error,
            BindError::Conversion(error) => io::Error::other(error),
        })?;
        frontend::execute("", 0, buffer)?;
        frontend::sync(buffer);
        self.send()?;
        self.rows()
    }

    /// Waits for what another connection notifies.
    pub(super) fn notification(&mut self) -> Result<String, Failure> {
        match self.receive()? {
            Message::NotificationResponse(body) => Ok(body.message()?.to_owned()),
            _ => Err(unexpected("something else than a notification")),
        }
    }

    /// Rows until the server is ready for the next query.
    fn rows(&mut self) -> Result<Vec<Row>, Failure> {
        let (mut rows, mut failure) = (Vec::new(), None);
        loop {
            match self.next_message()? {
                Message::DataRow(body) => rows.push(row(&body)?),
                Message::ErrorResponse(body) => failure = Some(Failure::new(&body)),
                Message::ReadyForQuery(_) => return failure.map_or(Ok(rows), Err),
                _ => {}
            }
        }
    }

    fn send(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.write.split())
    }

    /// The next message, if it is no error.
    fn receive(&mut self) -> Result<Message, Failure> {
        match self.next_message()? {
            Message::ErrorResponse(body) => Err(Failure::new(&body)),
            message => Ok(message),
        }
    }

    fn next_message(&mut self) -> io::Result<Message> {
        let mut piece = [0; 8192];
        loop {
            if let Some(message) = Message::parse(&mut self.read)? {
                return Ok(message);
            }
            match self.stream.read(&mut piece)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => self.read.extend_from_slice(&piece[..count]),
            }
        }
    }
}

fn row(body: &DataRowBody) -> io::Result<Row> {
    body.ranges().map(|range| Ok(range.map(|range| text(&body.buffer()[range])))).collect()
}

/// Cancels what the connection of that process is asking, by another connection; the server answers by closing it.
pub(super) fn cancel(mut stream: impl Read + Write, process: i32, key: i32) -> io::Result<()> {
    let mut request = BytesMut::new();
    frontend::cancel_request(process, key, &mut request);
    stream.write_all(&request)?;
    stream.read_to_end(&mut Vec::new()).map(drop)
}
