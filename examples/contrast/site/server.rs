//! The server of the embedded site: HTTP/1.1, one request a connection, one thread a connection.

use std::{
    collections::HashMap,
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process,
    sync::Arc,
    thread,
    time::Duration,
};

use super::{
    collect::{Answer, Collection},
    delay,
};

const REQUEST_LIMIT: usize = 8 * 1024;
/// How long a connection may be silent.
const PATIENCE: Duration = Duration::from_secs(30);
/// A body comes in so many pieces, with a pause before each but the first.
const PIECES: usize = 3;

type Pages = HashMap<String, Answer>;

/// Says on standard output where it listens and what it serves, then serves until standard input is closed.
pub fn serve(collection: Collection) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut words = format!("{}\n{}\n", listener.local_addr()?, collection.files_found);
    for (path, _) in &collection.pages {
        words.push_str(path);
        words.push('\n');
    }
    let pages: Arc<Pages> = Arc::new(collection.pages.into_iter().collect());
    thread::spawn(move || accept_all(&listener, &pages));
    io::stdout().write_all((words + "\n").as_bytes())?;
    io::stdin().read_to_end(&mut Vec::new())?;
    process::exit(0)
}

fn accept_all(listener: &TcpListener, pages: &Arc<Pages>) {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                let pages = pages.clone();
                // Clients that go away, and a thread that cannot be had, are no trouble of the others'.
                let _ = thread::Builder::new().spawn(move || drop(answer(stream, &pages)));
            }
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn answer(mut stream: TcpStream, pages: &Pages) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    if resets(&stream, pages)? {
        return Ok(()); // closed with the request unread: that is a reset
    }
    let request = read_request(&mut stream)?;
    let path = path_of(&request).unwrap_or("");
    let pace = delay(path) / 2;
    thread::sleep(pace);
    match pages.get(path) {
        Some(Answer::Text { content_type, text }) => send(&mut stream, content_type, text.as_bytes(), pace),
        Some(Answer::Hang) => stream.read_to_end(&mut Vec::new()).map(drop),
        _ => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    }
}

/// Looks at the request without taking it, and takes its time if the page is one that resets.
fn resets(stream: &TcpStream, pages: &Pages) -> io::Result<bool> {
    let mut request = [0; 1024];
    let length = stream.peek(&mut request)?;
    let path = path_of(&request[..length]).unwrap_or("");
    let resets = matches!(pages.get(path), Some(Answer::Reset));
    if resets {
        thread::sleep(delay(path));
    }
    Ok(resets)
}

/// Sends the body in pieces that take `pace` together.
fn send(stream: &mut TcpStream, content_type: &str, body: &[u8], pace: Duration) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let (first, rest) = body.split_at(length / PIECES);
    stream.write_all(&[head.as_bytes(), first].concat())?;
    for piece in rest.chunks(rest.len().div_ceil(PIECES - 1).max(1)) {
        thread::sleep(pace / (PIECES as u32 - 1));
        stream.write_all(piece)?;
    }
    Ok(())
}

fn read_request(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        let bytes = stream.read(&mut piece)?;
        if bytes == 0 || request.len() > REQUEST_LIMIT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        request.extend_from_slice(&piece[..bytes]);
    }
    Ok(request)
}

/// The path in `GET path HTTP/1.1`.
fn path_of(request: &[u8]) -> Option<&str> {
    let line = request.split(|&byte| byte == b'\r').next()?;
    str::from_utf8(line).ok()?.strip_prefix("GET ")?.split(' ').next()
}
