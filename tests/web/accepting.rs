//! Errors of a listener.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use corro::net::{TcpListener, TcpStream};
use corro::{EventLoop, Runtime};
use rustix::net::{Shutdown, shutdown};

use crate::server::{Server, Settings};

/// Only a failure takes as long.
const STUCK: Duration = Duration::from_secs(60);

fn a_listener_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let same = listener.as_fd().try_clone_to_owned().unwrap();
    let settings = Settings::new("");
    let mut client = None;
    let served = corro::timeout(STUCK, || {
        let give_back = |mut stream: &TcpStream| corro::io::copy(&mut { stream }, &mut stream).map(drop);
        Server::new(&settings).serve(listener, &give_back, || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"a").unwrap();
            stream.read_exact(&mut [0]).unwrap();
            client = Some(stream);
            shutdown(&same, Shutdown::Both).unwrap();
            corro::sleep(Duration::MAX);
        })
    });
    let error = served.expect("the server ends").expect_err("it could not go on");
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "as accept says");
    assert!(error.to_string().starts_with("cannot accept connections: "), "{error}");
    assert_eq!(client.unwrap().read(&mut [0]).unwrap(), 0, "it was seen to its end");
}

#[test]
fn a_listener_that_fails_ends_the_server() {
    EventLoop::new().unwrap().run(a_listener_fails);
    for workers in [1, 4] {
        Runtime::builder().workers(workers).build().unwrap().run(a_listener_fails);
    }
}
