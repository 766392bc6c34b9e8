//! A member that is a program, for the test.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use corro::net::TcpStream;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::header::{HOST, ORIGIN};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, WebSocket, client};

pub(crate) struct Client(WebSocket<TcpStream>);

impl Client {
    /// Connects, as a page of this origin would if there is one. An error is the status of the answer.
    pub(crate) fn connect(room: SocketAddr, origin: Option<&str>) -> Result<Client, u16> {
        Client::connect_by_name(room, &room.to_string(), origin)
    }

    /// Connects with a name for the server that it may not have.
    pub(crate) fn connect_by_name(room: SocketAddr, name: &str, origin: Option<&str>) -> Result<Client, u16> {
        let mut request = format!("ws://{room}/socket").into_client_request().expect("a request");
        request.headers_mut().insert(HOST, name.parse().expect("a name"));
        if let Some(origin) = origin {
            request.headers_mut().insert(ORIGIN, origin.parse().expect("an origin"));
        }
        let stream = TcpStream::connect(room).expect("the server listens");
        stream.set_nodelay(true).expect("an option of the socket");
        match client(request, stream) {
            Ok((socket, _)) => Ok(Client(socket)),
            Err(tungstenite::HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
            Err(error) => panic!("the server gives no answer: {error}"),
        }
    }

    /// Connects and says its name.
    pub(crate) fn named(room: SocketAddr, name: &str) -> Client {
        let mut client = Client::connect(room, None).expect("programs may enter");
        client.say(name);
        client
    }

    /// Goes in, and has seen it. The lines of the history come back.
    pub(crate) fn enter(room: SocketAddr, name: &str) -> (Client, String) {
        let mut client = Client::named(room, name);
        let welcome = client.hear();
        assert!(welcome.starts_with("welcome\t"), "no welcome but {welcome:?}");
        (client, welcome)
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.send(Message::text(text));
    }

    pub(crate) fn send(&mut self, message: Message) {
        self.0.send(message).expect("the server takes what is sent");
    }

    /// The next text; pings are answered meanwhile.
    pub(crate) fn hear(&mut self) -> String {
        loop {
            match self.0.read().expect("the connection is open") {
                Message::Text(text) => return text.to_string(),
                Message::Close(frame) => panic!("a goodbye instead of a text: {frame:?}"),
                _ => {}
            }
        }
    }

    /// Hears texts up to this one.
    pub(crate) fn hear_until(&mut self, text: &str) {
        while self.hear() != text {}
    }

    /// Says something, and hears it.
    pub(crate) fn say_and_hear(&mut self, name: &str, text: &str) {
        self.say(text);
        self.hear_until(&format!("said\t{name}\t{text}"));
    }

    /// Sends the begin of a line that does not end, byte after byte, until the goodbye. Its code, unless there is none.
    pub(crate) fn trickle(mut self, pause: Duration, bytes: usize) -> Option<CloseCode> {
        let stream = self.0.get_mut();
        stream.set_read_timeout(Some(pause)).expect("an option of the socket");
        // The last fragment of a text, masked, of 3000 bytes.
        stream.write_all(&[0x81, 0xfe, 0x0b, 0xb8, 0, 0, 0, 0]).expect("the server takes what is sent");
        for _ in 0..bytes {
            // It may have cut us off: there is a goodbye then.
            let _ = self.0.get_mut().write_all(b"x");
            match self.0.read() {
                Ok(Message::Close(frame)) => return frame.map(|frame| frame.code),
                Err(Error::Io(error)) if error.kind() != ErrorKind::TimedOut => panic!("no goodbye, but: {error}"),
                _ => {}
            }
        }
        None
    }

    /// The texts until the goodbye, and its code.
    pub(crate) fn hear_out(mut self) -> (usize, CloseCode) {
        let mut texts = 0;
        loop {
            match self.0.read() {
                Ok(Message::Text(_)) => texts += 1,
                Ok(Message::Close(frame)) => return (texts, frame.expect("a goodbye has a code").code),
                Ok(_) => {}
                Err(error) => panic!("no goodbye, but: {error}"),
            }
        }
    }
}

/// Sends these bytes, and gives back all that is answered.
pub(crate) fn ask(server: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server).expect("the server listens");
    stream.write_all(bytes).expect("the server takes a request");
    let mut answer = String::new();
    // A reset after the answer, when the server has not read all that was sent, takes nothing from it.
    let _ = stream.read_to_string(&mut answer);
    answer
}
