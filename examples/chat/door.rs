//! The door: what a request is answered with. The page has three parts, and `/socket` leads into the room.

use std::io::{self, Write};
use std::net::IpAddr;

use corro::net::TcpStream;
use corro::timeout;
use tungstenite::handshake::server::{Request, create_response, write_response};
use tungstenite::http::header::{HOST, ORIGIN};
use tungstenite::http::uri::Authority;

use crate::head::{self, Head, NoHead};
use crate::member;
use crate::room::Room;

/// The page loads nothing from elsewhere, talks to nobody else, and is in nobody's frame.
const HEADERS: &str = "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\
    X-Content-Type-Options: nosniff\r\n\
    Referrer-Policy: no-referrer\r\n\
    Cache-Control: no-cache\r\n\
    Connection: close\r\n";

struct Answer {
    status: &'static str,
    kind: &'static str,
    body: &'static str,
}

const fn part(kind: &'static str, body: &'static str) -> Answer {
    Answer { status: "200 OK", kind, body }
}

const fn refusal(status: &'static str, body: &'static str) -> Answer {
    Answer { status, kind: "text/plain", body }
}

/// Answers the request of a connection, and stays with it if it enters the room.
pub(crate) fn open(stream: &TcpStream, room: &Room) -> io::Result<()> {
    let answer = match head::read(stream, room.limits().head) {
        Ok(head) if !is_for_us(&head.request, &room.limits().hosts) => {
            refusal("421 Misdirected Request", "This server has another name; --hosts gives it more.\n")
        }
        Ok(head) if head.request.uri().path() == "/socket" => match may_enter(&head.request, &room.limits().origins) {
            Ok(response) => return enter(stream, &response, head, room),
            Err(answer) => answer,
        },
        Ok(head) => part_of_page(head.request.uri().path()),
        Err(NoHead::Gone(error)) => return Err(error),
        Err(NoHead::TooLate) => refusal("408 Request Timeout", "The request has taken too long.\n"),
        Err(NoHead::TooLong) => refusal("431 Request Header Fields Too Large", "The head has 8 KiB at most.\n"),
        Err(NoHead::NotGet) => refusal("405 Method Not Allowed\r\nAllow: GET", "There is only GET here.\n"),
        Err(NoHead::Wrong) => refusal("400 Bad Request", "This is no request of HTTP/1.1.\n"),
    };
    give(stream, &answer)?;
    // Who sends on is not listened to for ever.
    let _ = timeout(room.limits().farewell, || member::linger(stream));
    Ok(())
}

fn part_of_page(path: &str) -> Answer {
    match path {
        "/" => part("text/html", include_str!("page.html")),
        "/page.css" => part("text/css", include_str!("page.css")),
        "/page.js" => part("text/javascript", include_str!("page.js")),
        _ => refusal("404 Not Found", "Nothing is here; the room is at /.\n"),
    }
}

fn give(mut stream: &TcpStream, Answer { status, kind, body }: &Answer) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {length}\r\n{HEADERS}\r\n"
    );
    stream.write_all((head + body).as_bytes())
}

/// The answer that makes a WebSocket of the connection.
fn may_enter(request: &Request, origins: &[String]) -> Result<Vec<u8>, Answer> {
    if !is_ours(request, origins) {
        return Err(refusal("403 Forbidden", "Pages of other origins may not enter; --origins allows more.\n"));
    }
    let wrong = refusal("426 Upgrade Required\r\nUpgrade: websocket", "A WebSocket, version 13, is expected here.\n");
    let mut bytes = Vec::new();
    match create_response(request).and_then(|response| write_response(&mut bytes, &response)) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(wrong),
    }
}

/// Whether it is us that the request is for: `localhost`, an address, or a name of ours. Anybody can have a name of his own
/// stand for our address, and to a browser his page is then of the same origin as we are. But it says by which name it has
/// found us.
fn is_for_us(request: &Request, names: &[String]) -> bool {
    let Some(Ok(asked)) = request.headers().get(HOST).map(|host| Authority::try_from(host.as_bytes())) else {
        return false;
    };
    let name = asked.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let is_ours = |ours: &str| name.eq_ignore_ascii_case(ours);
    address.parse::<IpAddr>().is_ok() || is_ours("localhost") || names.iter().any(|ours| is_ours(ours))
}

/// Whether the page that asks is our own, where the request is for us. A browser lets every page connect to every WebSocket,
/// in its user's name; it says which page it was, and not to look would let any page of the web take part here. Programs say
/// nothing.
fn is_ours(request: &Request, origins: &[String]) -> bool {
    let Some(origin) = request.headers().get(ORIGIN) else { return true };
    let (Ok(origin), Some(Ok(host))) = (origin.to_str(), request.headers().get(HOST).map(|host| host.to_str())) else {
        return false;
    };
    let own = ["http://", "https://"].iter().any(|scheme| origin.strip_prefix(scheme) == Some(host));
    own || origins.iter().any(|allowed| allowed == origin)
}

fn enter(mut stream: &TcpStream, response: &[u8], head: Head, room: &Room) -> io::Result<()> {
    stream.write_all(response)?;
    member::attend(stream, head.rest, room)
}
