//! `tungstenite`, with itself and with the `websockets` of Python.

use std::net::SocketAddr;

use corro::net::TcpStream;
use corro::process::{Command, Stdio};
use corro::{channel, spawn};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use crate::counterpart::python;
use crate::everywhere;
use crate::listening::Listening;

const MEGABYTE: usize = 1 << 20;

fn bye(code: CloseCode) -> CloseFrame {
    CloseFrame { code, reason: "bye".into() }
}

/// Gives messages back until the client closes; then tells how it did.
fn give_back(stream: TcpStream) -> Option<CloseFrame> {
    let mut socket = tungstenite::accept(stream).unwrap();
    let mut close = None;
    loop {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message).unwrap(),
            Ok(Message::Close(frame)) => close = frame,
            Ok(_answered_by_the_crate) => {}
            Err(Error::ConnectionClosed) => return close,
            Err(error) => panic!("{error}"),
        }
    }
}

fn connect(to: SocketAddr) -> WebSocket<TcpStream> {
    tungstenite::client(format!("ws://{to}/"), TcpStream::connect(to).unwrap()).unwrap().0
}

/// A server that gives back, and what tells how its clients closed.
fn serving() -> (Listening, channel::Receiver<Option<CloseFrame>>) {
    let (sender, receiver) = channel::unbounded();
    let listening = Listening::new(move |stream| sender.send(give_back(stream)).unwrap());
    (listening, receiver)
}

#[test]
fn messages_come_back() {
    everywhere(|| {
        let (listening, closes) = serving();
        let clients = ["one", "two", "three", "four"].map(|word| {
            let address = listening.address;
            spawn(move || {
                let mut socket = connect(address);
                let messages =
                    [Message::text(word), Message::binary(vec![7; MEGABYTE]), Message::text(word.repeat(MEGABYTE / 4))];
                for message in messages {
                    socket.send(message.clone()).unwrap();
                    assert!(socket.read().unwrap() == message, "another message came back");
                }
                socket.send(Message::Ping(word.into())).unwrap();
                assert_eq!(socket.read().unwrap(), Message::Pong(word.into()));
                socket.close(Some(bye(CloseCode::Library(4001)))).unwrap();
                assert_eq!(socket.read().unwrap(), Message::Close(Some(bye(CloseCode::Library(4001)))));
                assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
            })
        });
        for client in clients {
            client.join().unwrap();
            assert_eq!(closes.recv().unwrap(), Some(bye(CloseCode::Library(4001))));
        }
    });
}

#[test]
fn a_message_that_is_too_long_is_refused() {
    everywhere(|| {
        let listening = Listening::new(|stream| {
            let config = WebSocketConfig::default().max_message_size(Some(1000));
            let mut socket = tungstenite::accept_with_config(stream, Some(config)).unwrap();
            assert!(matches!(socket.read(), Err(Error::Capacity(_))));
            let frame = bye(CloseCode::Size);
            socket.close(Some(frame)).unwrap();
            while socket.read().is_ok() {}
        });
        let mut socket = connect(listening.address);
        socket.send(Message::binary(vec![1; 1001])).unwrap();
        assert_eq!(socket.read().unwrap(), Message::Close(Some(bye(CloseCode::Size))));
    });
}

#[test]
fn a_client_that_vanishes_is_an_error() {
    everywhere(|| {
        let (sender, receiver) = channel::unbounded();
        let listening = Listening::new(move |stream| {
            let mut socket = tungstenite::accept(stream).unwrap();
            let first = socket.read().unwrap();
            sender.send((first, socket.read().unwrap_err())).unwrap();
        });
        let mut socket = connect(listening.address);
        socket.send(Message::text("here")).unwrap();
        drop(socket);
        let (first, error) = receiver.recv().unwrap();
        assert_eq!(first, Message::text("here"));
        assert!(matches!(error, Error::Protocol(_) | Error::Io(_)), "{error}");
    });
}

/// One task reads while another writes, each with an end of its own: the crate itself wants both in one hand.
#[test]
fn both_directions_at_once() {
    everywhere(|| {
        let (listening, _closes) = serving();
        let stream = connect(listening.address).into_inner();
        let mut writing = WebSocket::from_raw_socket(stream.try_clone().unwrap(), Role::Client, None);
        let mut reading = WebSocket::from_raw_socket(stream, Role::Client, None);
        let writer = spawn(move || {
            (0..2000).for_each(|number: u32| writing.send(Message::text(number.to_string().repeat(500))).unwrap());
        });
        for number in 0..2000_u32 {
            assert_eq!(reading.read().unwrap(), Message::text(number.to_string().repeat(500)));
        }
        writer.join().unwrap();
    });
}

const PYTHON: &str = r#"
import asyncio, sys, websockets

async def main():
    async with websockets.connect(sys.argv[1], max_size=None) as socket:
        for message in ["text", "Grüße", b"\0\1\2", "x" * 2**20, bytes(2**20)]:
            await socket.send(message)
            assert await socket.recv() == message, "another message came back"
        await asyncio.wait_for(await socket.ping(b"are you there"), 60)
        await socket.send(["in ", "three ", "frames"])
        assert await socket.recv() == "in three frames"
        await socket.close(4002, "bye")
        assert socket.close_code == 4002, socket.close_code
    print("fine")

asyncio.run(main())
"#;

#[test]
#[ignore = "needs python3-websockets"]
fn clients_in_python_get_their_messages_back() {
    let python = python("websockets", "python3-websockets");
    everywhere(|| {
        let (listening, closes) = serving();
        let clients = [(); 3].map(|()| {
            let mut command = Command::new(python);
            command.args(["-c", PYTHON, &format!("ws://{}/", listening.address)]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
            spawn(move || command.output().unwrap())
        });
        for client in clients {
            let output = client.join().unwrap();
            assert_eq!(output.stdout, b"fine\n", "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(closes.recv().unwrap(), Some(bye(CloseCode::Library(4002))));
        }
    });
}
