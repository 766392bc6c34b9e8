//! A future whose stream is always ready gives way, and can be cut off.

use std::future::poll_fn;
use std::io::Write;
use std::time::Duration;

use corro::io::Async;
use corro::net::UnixStream;
use futures_io::AsyncRead;

use super::*;

/// Reads what never ends.
async fn read_for_ever(stream: &mut Async<UnixStream>) {
    while poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut [0])).await.unwrap() > 0 {}
}

#[test]
fn s9_a_future_on_a_stream_that_is_always_ready_gives_way() {
    corro::run(|| {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(&[0; 20_000]).unwrap();
        let mut stream = Async::new(ours);
        let reader = corro::spawn_local(move || corro::block_on(read_for_ever(&mut stream)));
        let mut turns = 0;
        while turns < 70 {
            assert!(!reader.is_finished());
            yield_now();
            turns += 1;
        }
        drop(theirs);
        reader.join().unwrap();
    });
}

#[test]
fn t4_a_timeout_ends_a_future_on_a_stream_that_is_always_ready() {
    everywhere(|| {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut stream = Async::new(ours);
        corro::scope(|s| {
            let flood = s.spawn(move || while theirs.write_all(&[0; 4096]).is_ok() {});
            let read = || corro::block_on(read_for_ever(&mut stream));
            assert!(corro::timeout(Duration::from_millis(50), read).is_err());
            flood.cancel();
        });
    });
}
