//! Rule I4, and what other rules say of how sockets wait.

use super::*;
use crate::support::is_would_suspend;

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

#[test]
fn t7_accept_does_not_wait_for_descriptors_while_unwinding() {
    struct Accepts(TcpListener, Arc<Mutex<Option<io::Error>>>);
    impl Drop for Accepts {
        fn drop(&mut self) {
            *self.1.lock().unwrap() = self.0.accept().err();
        }
    }
    isolated(|| {
        corro::run(|| {
            let (listener, error) = (TcpListener::bind(ANY).unwrap(), Arc::new(Mutex::default()));
            let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let accepts = Accepts(listener, error.clone());
            let task = corro::spawn(move || {
                let _accepts = accepts;
                std::panic::resume_unwind(Box::new(()));
            });
            let all = use_up_descriptors();
            assert!(task.join().is_err());
            drop(all);
            assert!(is_would_suspend(error.lock().unwrap().as_ref().expect("there was no descriptor")));
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
