//! tokio, and hyper on it.

use std::convert::Infallible;
use std::net::TcpListener as StdListener;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::peers;

pub fn echo(peer: &str, listener: StdListener, buffer: usize) {
    serve(peer, listener, move |mut stream| async move {
        let mut buffer = vec![0; buffer];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            if stream.write_all(&buffer[..count]).await.is_err() {
                break;
            }
        }
    });
}

pub fn http(peer: &str, listener: StdListener) {
    serve(peer, listener, |stream| async move {
        // A client that goes away is no error here.
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(hello)).await;
    });
}

async fn hello(_request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"Hello, world!")));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}

fn serve<F: Future<Output = ()> + Send + 'static>(
    peer: &str,
    listener: StdListener,
    connection: impl Fn(TcpStream) -> F + Send + 'static,
) {
    listener.set_nonblocking(true).expect("a socket");
    peers::tokio(peer, async move {
        let listener = TcpListener::from_std(listener).expect("a socket");
        loop {
            let (stream, _peer) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a socket");
            tokio::spawn(connection(stream));
        }
    })
}
