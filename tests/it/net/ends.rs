//! Rule I3: cancelling, dropping and closing at any moment.

use super::*;

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

/// For a child or another library, which expect a descriptor that blocks.
#[test]
fn i1_a_descriptor_that_is_given_away_blocks_again() {
    use std::os::fd::{AsFd, FromRawFd, IntoRawFd, OwnedFd};

    fn blocks(fd: impl AsFd) -> bool {
        !rustix::fs::fcntl_getfl(fd).unwrap().contains(rustix::fs::OFlags::NONBLOCK)
    }
    everywhere(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut child = corro::process::Command::new("true").stdout(corro::process::Stdio::piped()).spawn().unwrap();
        let pipe = child.stdout.take().unwrap();
        assert!(!blocks(&listener) && !blocks(&stream) && !blocks(&pipe));
        let (listener, stream, pipe) = (OwnedFd::from(listener), stream.into_raw_fd(), OwnedFd::from(pipe));
        // SAFETY: it was given away just now.
        let stream = unsafe { OwnedFd::from_raw_fd(stream) };
        assert!(blocks(&listener) && blocks(&stream) && blocks(&pipe));
        let listener = TcpListener::try_from(listener).unwrap();
        assert!(!blocks(&listener));
        listener.accept().unwrap();
        child.wait().unwrap();
    });
}
