//! Rules I1 to I4 and what other rules say of sockets, on the loop and on plain threads.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use corro::net::{TcpListener, TcpStream};

use crate::generator::child::isolated;

const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Two connected streams.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(ANY).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Lets the other tasks run until they wait.
fn let_others_run() {
    for _ in 0..10 {
        corro::yield_now();
    }
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn is_would_suspend(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Other && error.get_ref().is_some_and(|inner| inner.is::<corro::WouldSuspend>())
}

#[test]
fn i1_reads_are_partial_and_end() {
    corro::run(|| {
        let (mut a, mut b) = pair();
        let reader = corro::spawn(move || {
            let mut buf = [0; 100];
            let first = b.read(&mut buf).unwrap();
            let mut rest = Vec::new();
            b.read_to_end(&mut rest).unwrap();
            [&buf[..first], &rest].concat()
        });
        let_others_run();
        a.write_all(b"hello").unwrap();
        let_others_run();
        a.write_all(b" world").unwrap();
        drop(a);
        assert_eq!(reader.join().unwrap(), b"hello world");
    });
}

#[test]
fn i1_ten_megabytes_both_ways() {
    corro::run(|| {
        let (a, b) = pair();
        let data: Vec<u8> = (0..10_000_000_u32).map(|n| (n % 251) as u8).collect();
        let echo = corro::spawn(move || io::copy(&mut &b, &mut &b).unwrap());
        let a = Arc::new(a);
        let (sender, sent) = (a.clone(), data.clone());
        let sending = corro::spawn(move || {
            (&*sender).write_all(&sent).unwrap();
            sender.shutdown(Shutdown::Write).unwrap();
        });
        let mut back = Vec::new();
        (&*a).read_to_end(&mut back).unwrap();
        sending.join().unwrap();
        assert!(back == data, "{} bytes came back changed", back.len());
        assert_eq!(echo.join().unwrap(), data.len() as u64);
    });
}

#[test]
fn i1_errors_keep_their_kind() {
    corro::run(|| {
        let gone = TcpListener::bind(ANY).unwrap().local_addr().unwrap();
        assert_eq!(TcpStream::connect(gone).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let again = TcpStream::connect_timeout(&gone, Duration::from_secs(60));
        assert_eq!(again.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(TcpStream::connect(&[][..] as &[SocketAddr]).unwrap_err().kind(), ErrorKind::InvalidInput);
        let taken = TcpListener::bind(ANY).unwrap();
        let second = TcpListener::bind(taken.local_addr().unwrap());
        assert_eq!(second.unwrap_err().kind(), ErrorKind::AddrInUse);
    });
}

#[test]
fn i1_connect_tries_every_address() {
    corro::run(|| {
        let gone = TcpListener::bind(ANY).unwrap().local_addr().unwrap();
        let listener = TcpListener::bind(ANY).unwrap();
        let there = listener.local_addr().unwrap();
        let stream = TcpStream::connect(&[gone, there][..]).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), there);
    });
}

#[test]
fn i1_a_timeout_is_timed_out_and_loses_nothing() {
    corro::run(|| {
        let (mut a, mut b) = pair();
        b.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        assert_eq!(b.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(b.peek(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        a.write_all(b"x").unwrap();
        b.set_read_timeout(None).unwrap();
        let mut byte = [0];
        b.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");

        a.set_write_timeout(Some(Duration::from_millis(2))).unwrap();
        let full = loop {
            if let Err(error) = a.write(&[0; 65536]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::TimedOut);
        assert_eq!(a.set_read_timeout(Some(Duration::ZERO)).unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn i1_the_rest_of_the_stream_is_as_in_std() {
    corro::run(|| {
        let (mut a, mut b) = pair();
        a.set_nodelay(true).unwrap();
        assert!(a.nodelay().unwrap());
        a.set_ttl(40).unwrap();
        assert_eq!((a.ttl().unwrap(), a.take_error().unwrap().is_none()), (40, true));
        assert_eq!(a.local_addr().unwrap(), b.peer_addr().unwrap());

        assert_eq!(a.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cd")]).unwrap(), 4);
        let mut peeked = [0; 4];
        assert_eq!((b.peek(&mut peeked).unwrap(), &peeked), (4, b"abcd"));
        let (mut one, mut two) = ([0; 1], [0; 3]);
        let read = b.read_vectored(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)]).unwrap();
        assert_eq!((read, &one, &two), (4, b"a", b"bcd"));

        let clone = a.try_clone().unwrap();
        assert_ne!(clone.as_raw_fd(), a.as_raw_fd());
        drop(a);
        (&clone).write_all(b"z").unwrap();
        assert_eq!(b.read(&mut [0; 9]).unwrap(), 1);
    });
}

#[test]
fn i1_std_streams_come_and_go() {
    corro::run(|| {
        let listener = TcpListener::from_std(std::net::TcpListener::bind(ANY).unwrap()).unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        let client = TcpStream::from_std(client).unwrap();
        assert_eq!((&client).read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        let (mut server, _) = listener.accept().unwrap();
        client.set_read_timeout(None).unwrap();
        let mut client = client.into_std().unwrap();
        let reader = thread::spawn(move || {
            let mut byte = [0];
            client.read_exact(&mut byte).map(|()| byte)
        });
        server.write_all(b"!").unwrap();
        assert_eq!(&reader.join().unwrap().unwrap(), b"!");
    });
}

#[test]
fn i1_a_regular_file_is_ready() {
    corro::run(|| {
        let file = File::open("/proc/self/exe").unwrap();
        corro::io::wait_readable(&file).unwrap();
        corro::io::wait_writable(&file).unwrap();
    });
}

#[test]
fn i2_one_task_reads_while_another_writes() {
    corro::run(|| {
        let (a, b) = pair();
        let a = Arc::new(a);
        let reading = a.clone();
        let reader = corro::spawn(move || {
            let mut byte = [0];
            (&*reading).read_exact(&mut byte).unwrap();
            byte
        });
        let_others_run();
        let writer = corro::spawn(move || (&*a).write_all(&[7; 4_000_000]).unwrap());
        let_others_run();
        (&b).write_all(b"!").unwrap();
        assert_eq!(reader.join().unwrap(), *b"!", "the reader goes on while the writer waits for room");
        assert!(!writer.is_finished());
        io::copy(&mut (&b).take(4_000_000), &mut io::sink()).unwrap();
        writer.join().unwrap();
    });
}

#[test]
fn i2_of_two_readers_each_byte_reaches_one() {
    corro::run(|| {
        let (mut a, b) = pair();
        let b = Arc::new(b);
        let readers = [b.clone(), b].map(|stream| {
            corro::spawn(move || {
                let (mut bytes, mut byte) = (Vec::new(), [0]);
                while (&*stream).read(&mut byte).unwrap() == 1 {
                    bytes.push(byte[0]);
                    corro::yield_now();
                }
                bytes
            })
        });
        let_others_run();
        for half in [0..100, 100..200] {
            a.write_all(&half.collect::<Vec<u8>>()).unwrap();
            let_others_run();
        }
        drop(a);
        let shares = readers.map(|reader| reader.join().unwrap());
        assert!(shares.iter().all(|share| !share.is_empty()));
        let mut all = shares.concat();
        all.sort();
        assert_eq!(all, (0..200).collect::<Vec<u8>>());
    });
}

#[test]
fn i2_several_tasks_accept() {
    corro::run(|| {
        let listener = Arc::new(TcpListener::bind(ANY).unwrap());
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let listener = listener.clone();
                corro::spawn(move || listener.accept().unwrap().1)
            })
            .collect();
        let_others_run();
        let address = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..4).map(|_| TcpStream::connect(address).unwrap()).collect();
        let mut ports: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap().port()).collect();
        let mut accepted: Vec<_> = tasks.into_iter().map(|task| task.join().unwrap().port()).collect();
        ports.sort();
        accepted.sort();
        assert_eq!(ports, accepted);
    });
}

#[test]
fn i2_both_directions_of_one_number_can_be_awaited() {
    corro::run(|| {
        let (mut a, b) = pair();
        let b = Arc::new(b);
        b.set_write_timeout(Some(Duration::from_millis(2))).unwrap();
        while (&*b).write(&[0; 65536]).is_ok() {}
        let (reading, writing, _open) = (b.clone(), b.clone(), b);
        let reader = corro::spawn(move || corro::io::wait_readable(&*reading).unwrap());
        let writer = corro::spawn(move || corro::io::wait_writable(&*writing).unwrap());
        let_others_run();
        assert!(!reader.is_finished() && !writer.is_finished());
        a.write_all(b"!").unwrap();
        reader.join().unwrap();
        assert!(!writer.is_finished());
        let draining = corro::spawn(move || io::copy(&mut a, &mut io::sink()));
        writer.join().unwrap();
        draining.cancel();
    });
}

#[test]
fn i3_a_cancelled_read_loses_nothing() {
    corro::run(|| {
        let (mut a, b) = pair();
        let b = Arc::new(b);
        let [first, second] = [b.clone(), b].map(|stream| {
            corro::spawn(move || {
                let mut byte = [0];
                (&*stream).read_exact(&mut byte).unwrap();
                byte
            })
        });
        let_others_run();
        a.write_all(b"!").unwrap();
        first.cancel();
        assert_eq!(second.join().unwrap(), *b"!");
        assert!(first.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn i3_a_cancelled_wait_for_a_descriptor_leaves_the_other() {
    corro::run(|| {
        let (reader, mut writer) = io::pipe().unwrap();
        let reader = Arc::new(reader);
        let [first, second] =
            [reader.clone(), reader].map(|fd| corro::spawn(move || corro::io::wait_readable(&*fd).unwrap()));
        let_others_run();
        first.cancel();
        let_others_run();
        assert!(first.join().unwrap_err().is_cancelled());
        writer.write_all(b"!").unwrap();
        second.join().unwrap();
    });
}

#[test]
fn i3_no_descriptor_is_left() {
    isolated(|| {
        let before = descriptors();
        for _ in 0..3 {
            corro::run(|| {
                let listener = Arc::new(TcpListener::bind(ANY).unwrap());
                let (mut a, b) = pair();
                let (pipe, _writer) = io::pipe().unwrap();
                let waiting = [
                    corro::spawn({
                        let listener = listener.clone();
                        move || drop(listener.accept())
                    }),
                    corro::spawn(move || drop(a.read(&mut [0]))),
                    corro::spawn(move || drop(corro::io::wait_readable(&pipe))),
                ];
                let_others_run();
                for task in waiting {
                    task.cancel();
                    assert!(task.join().unwrap_err().is_cancelled());
                }
                drop((b, listener));
            });
        }
        assert_eq!(descriptors(), before);
    });
}

#[test]
fn i3_a_reused_number_gets_only_its_own_events() {
    corro::run(|| {
        let mut numbers = Vec::new();
        for round in 0..100_u8 {
            let (mut a, b) = pair();
            numbers.push(b.as_raw_fd());
            // Data comes for a stream that is dropped before the loop has seen it.
            let waiting = corro::spawn(move || (&b).read(&mut [0]).unwrap());
            corro::yield_now();
            a.write_all(&[round]).unwrap();
            waiting.cancel();
            assert!(waiting.join().unwrap_err().is_cancelled());
            let (mut c, d) = pair();
            let fresh = corro::spawn(move || {
                let mut byte = [0];
                (&d).read_exact(&mut byte).unwrap();
                byte[0]
            });
            let_others_run();
            assert!(!fresh.is_finished());
            c.write_all(&[round]).unwrap();
            assert_eq!(fresh.join().unwrap(), round);
        }
        numbers.sort();
        numbers.dedup();
        assert!(numbers.len() < 50, "numbers were reused: {numbers:?}");
    });
}

#[test]
fn i3_a_clone_under_a_reused_number_is_a_stream_of_its_own() {
    corro::run(|| {
        let (mut a, b) = pair();
        let mut reused = 0;
        for _ in 0..50 {
            let clone = b.try_clone().unwrap();
            let number = clone.as_raw_fd();
            let reading = corro::spawn(move || (&clone).read(&mut [0]).unwrap());
            let_others_run();
            assert!(!reading.is_finished());
            reading.cancel();
            assert!(reading.join().unwrap_err().is_cancelled());
            let clone = b.try_clone().unwrap();
            reused += usize::from(clone.as_raw_fd() == number);
            let reading = corro::spawn(move || (&clone).read(&mut [0]).unwrap());
            let_others_run();
            a.write_all(b"!").unwrap();
            assert_eq!(reading.join().unwrap(), 1);
        }
        assert!(reused > 0);
    });
}

#[test]
fn i3_closing_the_other_end_wakes_the_reader() {
    corro::run(|| {
        let (a, mut b) = pair();
        let reader = corro::spawn(move || b.read(&mut [0]).unwrap());
        let_others_run();
        drop(a);
        assert_eq!(reader.join().unwrap(), 0);
        let (a, b) = pair();
        let b = Arc::new(b);
        let reading = b.clone();
        let reader = corro::spawn(move || (&*reading).read(&mut [0]).unwrap());
        let_others_run();
        b.shutdown(Shutdown::Read).unwrap();
        assert_eq!(reader.join().unwrap(), 0);
        drop(a);
    });
}

#[test]
fn i3_a_stream_outlives_the_loop_it_was_made_in() {
    let (mut a, b) = corro::run(|| {
        let (a, b) = pair();
        b.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        (&b).read(&mut [0]).unwrap_err();
        b.set_read_timeout(None).unwrap();
        (a, b)
    });
    corro::run(|| {
        let reader = corro::spawn(move || {
            let mut byte = [0];
            (&b).read_exact(&mut byte).unwrap();
            byte
        });
        let_others_run();
        a.write_all(b"!").unwrap();
        assert_eq!(reader.join().unwrap(), *b"!");
    });
}

#[test]
fn i3_two_loops_share_a_stream() {
    const BYTES: usize = 100_000;
    let (a, b) = corro::run(pair);
    let b = Arc::new(b);
    let count = |stream: Arc<TcpStream>| {
        thread::spawn(move || {
            corro::run(|| {
                let (mut bytes, mut buf) = (0, [0; 7]);
                loop {
                    match (&*stream).read(&mut buf).unwrap() {
                        0 => return bytes,
                        read => bytes += read,
                    }
                }
            })
        })
    };
    let readers = [count(b.clone()), count(b)];
    corro::run(|| {
        for _ in 0..BYTES / 10 {
            (&a).write_all(&[1; 10]).unwrap();
        }
    });
    drop(a);
    assert_eq!(readers.map(|reader| reader.join().unwrap()).iter().sum::<usize>(), BYTES);
}

#[test]
fn i4_accept_waits_until_there_are_descriptors() {
    isolated(|| {
        corro::run(|| {
            let listener = TcpListener::bind(ANY).unwrap();
            let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let all = use_up_descriptors();
            let accepting = corro::spawn(move || listener.accept().map(|_| ()));
            for _ in 0..1000 {
                corro::yield_now();
            }
            assert!(!accepting.is_finished(), "the shortage is not the caller's");
            drop(all);
            accepting.join().unwrap().unwrap();
        });
    });
}

fn use_up_descriptors() -> Vec<File> {
    let mut files = Vec::new();
    loop {
        match File::open("/dev/null") {
            Ok(file) => files.push(file),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
                return files;
            }
        }
    }
}

/// An address whose resolution tells which thread it ran on.
struct Name(Mutex<Option<ThreadId>>, SocketAddr);

impl ToSocketAddrs for &Name {
    type Iter = std::option::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        *self.0.lock().unwrap() = Some(thread::current().id());
        Ok(Some(self.1).into_iter())
    }
}

#[test]
fn i4_names_are_resolved_on_another_thread() {
    corro::run(|| {
        let name = Name(Mutex::default(), SocketAddr::from(ANY));
        TcpListener::bind(&name).unwrap();
        assert!(name.0.lock().unwrap().is_some_and(|resolver| resolver != thread::current().id()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        TcpStream::connect(("localhost", listener.local_addr().unwrap().port())).unwrap();
    });
}

#[test]
fn i4_a_panic_of_the_resolver_is_the_callers() {
    struct Broken;
    impl ToSocketAddrs for Broken {
        type Iter = std::option::IntoIter<SocketAddr>;
        fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
            std::panic::resume_unwind(Box::new("broken"))
        }
    }
    corro::run(|| {
        let payload = catch_unwind(AssertUnwindSafe(|| TcpListener::bind(Broken))).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"broken"));
    });
}

#[test]
fn s9_reads_that_are_always_ready_give_way() {
    corro::run(|| {
        let (mut a, mut b) = pair();
        a.write_all(&[0; 4096]).unwrap();
        let reader = corro::spawn(move || {
            for _ in 0..2560 {
                b.read_exact(&mut [0]).unwrap();
            }
        });
        let mut turns = 0;
        while !reader.is_finished() {
            turns += 1;
            corro::yield_now();
        }
        assert!(turns >= 10, "{turns} turns during 2560 reads");
    });
}

#[test]
fn t2_a_ready_read_is_a_cancellation_point() {
    corro::run(|| {
        let (mut a, b) = pair();
        a.write_all(b"!").unwrap();
        let b = Arc::new(b);
        let reading = b.clone();
        let reader = corro::spawn(move || {
            // Swallows the cancellation, so that the read is what meets it.
            let _ = catch_unwind(AssertUnwindSafe(corro::yield_now));
            let _ = (&*reading).read(&mut [0]);
        });
        corro::yield_now();
        reader.cancel();
        assert!(reader.join().unwrap_err().is_cancelled());
        assert_eq!((&*b).read(&mut [0]).unwrap(), 1, "the cancelled read took nothing");
    });
}

#[test]
fn t2_a_callback_cannot_wait() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let event_loop = corro::EventLoop::new().unwrap();
    let (mut a, mut b) = event_loop.run(pair);
    a.write_all(b"!").unwrap();
    let saying = said.clone();
    event_loop.call_soon(move || {
        assert_eq!(b.read(&mut [0]).unwrap(), 1, "what is ready is done");
        let payload = catch_unwind(AssertUnwindSafe(|| b.read(&mut [0]))).unwrap_err();
        saying.lock().unwrap().push(*payload.downcast_ref::<&str>().unwrap());
    });
    event_loop.run_until_idle();
    assert_eq!(*said.lock().unwrap(), ["a callback of the event loop cannot wait: spawn a task for that"]);
}

/// Reads and writes while it is dropped.
struct InDrop(TcpStream, Arc<Mutex<Vec<io::Result<usize>>>>);

impl Drop for InDrop {
    fn drop(&mut self) {
        let results = [self.0.write(b"!"), self.0.read(&mut [0])];
        self.1.lock().unwrap().extend(results);
    }
}

#[test]
fn t7_io_that_would_wait_while_unwinding_is_an_error() {
    corro::run(|| {
        let results = Arc::new(Mutex::default());
        let (a, mut b) = pair();
        let last = InDrop(a, results.clone());
        let task = corro::spawn(move || {
            let _last = last;
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(task.join().is_err());
        assert_eq!(b.read(&mut [0; 9]).unwrap(), 1, "what is ready is done");
        let results = std::mem::take(&mut *results.lock().unwrap());
        assert_eq!(results[0].as_ref().unwrap(), &1);
        assert!(is_would_suspend(results[1].as_ref().unwrap_err()), "{results:?}");
    });
}

#[test]
fn t8_sockets_block_plain_threads() {
    let listener = TcpListener::bind(ANY).unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut word = String::new();
        stream.read_to_string(&mut word).unwrap();
        stream.write_all(word.to_uppercase().as_bytes()).unwrap();
    });
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    client.set_read_timeout(None).unwrap();
    client.write_all(b"word").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    corro::io::wait_readable(client.as_fd()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "WORD");
    server.join().unwrap();
}
