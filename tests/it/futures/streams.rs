//! Our streams for those who poll: `io::Async`.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::task::Wake;
use std::time::Duration;

use corro::io::Async;
use corro::net::{TcpListener, TcpStream, UnixStream};
use corro::{EventLoop, channel};
use futures_io::{AsyncRead, AsyncWrite};

use super::*;

async fn read<S: AsyncRead + Unpin>(stream: &mut S, buf: &mut [u8]) -> io::Result<usize> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, buf)).await
}

async fn write_all<S: AsyncWrite + Unpin>(stream: &mut S, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, bytes)).await?;
        bytes = &bytes[count..];
    }
    Ok(())
}

async fn read_to_end<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Vec<u8>> {
    let (mut all, mut buf) = (Vec::new(), [0; 1000]);
    loop {
        match read(stream, &mut buf).await? {
            0 => return Ok(all),
            count => all.extend_from_slice(&buf[..count]),
        }
    }
}

/// Polls both, whichever is woken.
async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    let (mut first, mut second) = (None, None);
    poll_fn(|cx| {
        if first.is_none()
            && let Poll::Ready(value) = a.as_mut().poll(cx)
        {
            first = Some(value);
        }
        if second.is_none()
            && let Poll::Ready(value) = b.as_mut().poll(cx)
        {
            second = Some(value);
        }
        if first.is_some() && second.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (first.expect("it is ready"), second.expect("it is ready"))
}

#[test]
fn t11_a_future_reads_and_writes_both_ways_at_once() {
    const BYTES: usize = 3 << 20;
    everywhere(|| {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let echo = corro::spawn(move || {
            let (mut input, mut output) = (&server, &server);
            corro::io::copy(&mut input, &mut output).unwrap();
            server.shutdown(std::net::Shutdown::Write).unwrap();
        });
        let (mut reading, mut writing) = (Async::new(client.try_clone().unwrap()), Async::new(client));
        let back = corro::block_on(async {
            let write = async {
                write_all(&mut writing, &vec![7; BYTES]).await.unwrap();
                poll_fn(|cx| Pin::new(&mut writing).poll_close(cx)).await.unwrap();
            };
            both(write, read_to_end(&mut reading)).await.1.unwrap()
        });
        assert!(back == vec![7; BYTES]);
        echo.join().unwrap();
    });
}

#[test]
fn t11_a_poll_on_a_plain_thread_waits() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let thread = std::thread::spawn(move || theirs.write_all(b"late").unwrap());
    assert_eq!(corro::block_on(read_to_end(&mut Async::new(ours))).unwrap(), b"late");
    thread.join().unwrap();
}

/// Counts its wakes.
#[derive(Default)]
struct Count(std::sync::atomic::AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

#[test]
fn t11_the_waker_of_the_last_poll_is_woken() {
    everywhere(|| {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut stream = Async::new(ours);
        let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
        for count in &counts {
            let waker = count.clone().into();
            let polled = Pin::new(&mut stream).poll_read(&mut Context::from_waker(&waker), &mut [0; 8]);
            assert!(polled.is_pending());
        }
        theirs.write_all(b"!").unwrap();
        until(|| counts[1].get() > 0);
        assert_eq!((counts[0].get(), counts[1].get()), (0, 1));
        assert_eq!(corro::block_on(read(&mut stream, &mut [0; 8])).unwrap(), 1);
    });
}

#[test]
fn i3_a_dropped_stream_is_closed_though_somebody_polled_it() {
    everywhere(|| {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut stream = Async::new(ours);
        let pending = Pin::new(&mut stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut [0; 8]);
        assert!(pending.is_pending());
        drop(stream);
        assert_eq!(theirs.read(&mut [0; 8]).unwrap(), 0);
    });
}

#[test]
fn t1_a_cancelled_future_loses_no_byte() {
    everywhere(|| {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let stream = Arc::new(Mutex::new(Async::new(ours)));
        let (waits, waiting) = channel::unbounded();
        let reader = stream.clone();
        let task = corro::spawn_local(move || {
            let mut stream = reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let mut buf = [0; 8];
            corro::block_on(poll_fn(|cx| {
                let polled = Pin::new(&mut *stream).poll_read(cx, &mut buf);
                waits.send(polled.is_pending()).unwrap();
                polled
            }))
        });
        assert_eq!(waiting.recv(), Ok(true), "there is nothing to read");
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        theirs.write_all(b"kept").unwrap();
        drop(theirs);
        let mut stream = stream.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        assert_eq!(corro::block_on(read_to_end(&mut *stream)).unwrap(), b"kept");
    });
}

#[test]
fn t11_a_stream_goes_on_in_another_scheduler() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut stream = Async::new(ours);
    corro::run(|| {
        let pending = Pin::new(&mut stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut [0; 8]);
        assert!(pending.is_pending());
        yield_now();
    });
    corro::run(move || {
        let task = corro::spawn_local(move || corro::block_on(read_to_end(&mut stream)).unwrap());
        yield_now();
        theirs.write_all(b"there").unwrap();
        drop(theirs);
        assert_eq!(task.join().unwrap(), b"there");
    });
}

/// A stream that was polled in a loop which does not run any more but is there, read in this one.
fn reads_while_another_stands_still(event_loop: &EventLoop) {
    let still = EventLoop::new().unwrap();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut stream = Async::new(ours);
    still.run(|| {
        let pending = Pin::new(&mut stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut [0; 8]);
        assert!(pending.is_pending());
        yield_now();
    });
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        theirs.write_all(b"here").unwrap();
        theirs
    });
    let mut here = || corro::timeout(Duration::from_secs(10), || corro::block_on(read(&mut stream, &mut [0; 8])));
    assert_eq!(event_loop.run(&mut here).expect("it was not woken").unwrap(), 4);
    drop(thread.join().unwrap());
}

#[test]
fn t11_a_stream_does_not_trust_in_a_scheduler_that_stands_still() {
    reads_while_another_stands_still(&EventLoop::new().unwrap());
}

#[test]
fn s6_a_stream_that_was_polled_elsewhere_is_awaited_here() {
    reads_while_another_stands_still(&EventLoop::builder().virtual_time(true).build().unwrap());
}

#[test]
fn s5_a_shielded_task_that_polls_does_not_spin_as_its_loop_ends() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let polls = std::rc::Rc::new(std::cell::Cell::new(0));
    let counts = polls.clone();
    let event_loop = EventLoop::new().unwrap();
    let task = event_loop.spawn(move || {
        let mut stream = Async::new(ours);
        let mut byte = [0];
        corro::shield(|| {
            corro::block_on(poll_fn(|cx| {
                counts.set(counts.get() + 1);
                Pin::new(&mut stream).poll_read(cx, &mut byte)
            }))
        })
    });
    event_loop.run(yield_now);
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        theirs.write_all(b"!").unwrap();
        theirs
    });
    drop(event_loop);
    assert_eq!(task.join().unwrap().unwrap(), 1);
    assert!(polls.get() < 200, "{} polls", polls.get());
    drop(thread.join().unwrap());
}
