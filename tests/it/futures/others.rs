//! Futures of crates that know of no runtime, in tasks: async-channel, futures-timer, hyper.

use std::time::Duration;

use super::*;

#[test]
fn t11_async_channel_between_tasks_and_threads() {
    in_tasks_and_on_a_thread(|| {
        let (there, theirs) = async_channel::bounded(3);
        let (back, ours) = async_channel::bounded(3);
        let thread = std::thread::spawn(move || {
            corro::run(move || {
                while let Ok(number) = corro::block_on(theirs.recv()) {
                    corro::block_on(back.send(2 * number)).unwrap();
                }
            });
        });
        for number in 0..500 {
            corro::block_on(there.send(number)).unwrap();
            assert_eq!(corro::block_on(ours.recv()), Ok(2 * number));
        }
        drop(there);
        thread.join().unwrap();
    });
}

#[test]
fn t11_futures_timer_ends_and_is_dropped_by_a_timeout() {
    in_tasks_and_on_a_thread(|| corro::block_on(futures_timer::Delay::new(Duration::from_millis(1))));
    everywhere(|| {
        let never = || corro::block_on(futures_timer::Delay::new(HOUR));
        assert!(corro::timeout(Duration::from_millis(1), never).is_err());
    });
}

#[cfg(feature = "futures-io")]
mod with_hyper {
    use std::convert::Infallible;
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use bytes::Bytes;
    use corro::io::Async;
    use corro::net::{TcpListener, TcpStream};
    use futures_io::{AsyncRead, AsyncWrite};
    use http_body_util::{BodyExt, Full};
    use hyper::body::Incoming;
    use hyper::rt::ReadBufCursor;
    use hyper::service::service_fn;
    use hyper::{Request, Response};

    use super::*;

    /// hyper has traits of its own.
    struct Io(Async<TcpStream>);

    impl hyper::rt::Read for Io {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            mut buf: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            let mut bytes = [0; 4096];
            let room = buf.remaining().min(bytes.len());
            let read = Pin::new(&mut self.0).poll_read(cx, &mut bytes[..room])?;
            read.map(|count| {
                buf.put_slice(&bytes[..count]);
                Ok(())
            })
        }
    }

    impl hyper::rt::Write for Io {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(cx, buf)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_close(cx)
        }
    }

    /// Gives back what was posted, twice.
    async fn twice(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let body = request.into_body().collect().await.expect("a whole body").to_bytes();
        Ok(Response::new(Full::from([&body[..], &body].concat())))
    }

    fn serve(listener: &TcpListener) {
        for stream in listener.incoming() {
            let io = Io(Async::new(stream.unwrap()));
            // A client that went away is no failure of the server.
            corro::spawn(move || {
                corro::block_on(hyper::server::conn::http1::Builder::new().serve_connection(io, service_fn(twice))).ok()
            });
        }
    }

    /// Sends several requests on one connection.
    fn ask(address: std::net::SocketAddr, count: usize) {
        let io = Io(Async::new(TcpStream::connect(address).unwrap()));
        let (mut sender, connection) = corro::block_on(hyper::client::conn::http1::handshake(io)).unwrap();
        let connection = corro::spawn(move || corro::block_on(connection));
        for number in 0..count {
            let body = vec![number as u8; 50_000 * number];
            let request = Request::post("/").header("host", "here").body(Full::<Bytes>::from(body.clone())).unwrap();
            corro::block_on(sender.ready()).unwrap();
            let response = corro::block_on(sender.send_request(request)).unwrap();
            let answer = corro::block_on(response.into_body().collect()).unwrap().to_bytes();
            assert!(answer == [&body[..], &body].concat());
        }
        drop(sender);
        connection.join().unwrap().unwrap();
    }

    #[test]
    fn t11_hyper_serves_and_asks() {
        everywhere(|| {
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let address = listener.local_addr().unwrap();
            let server = corro::spawn(move || serve(&listener));
            corro::scope(|s| (0..5).for_each(|_| drop(s.spawn(|| ask(address, 5)))));
            server.cancel();
            assert!(server.join().unwrap_err().is_cancelled());
        });
    }
}
