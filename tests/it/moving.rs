//! What moves bytes and lines: `copy`, `copy_bidirectional`, `read_line_limited`; and `interval`.

use std::io::{BufReader, Cursor, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use corro::io::{copy, copy_bidirectional, read_line_limited};
use corro::net::{TcpListener, TcpStream, UnixStream};
use corro::{spawn, spawn_local, time, timeout, yield_now};

use crate::generator::{panic_text, while_unwinding};
use crate::schedulers::{everywhere, virtually};
use crate::support::{cancelled, is_a_cancellation_point, is_would_suspend, ms, waiter};

#[test]
fn i1_copy_moves_all() {
    everywhere(|| {
        let data: Vec<u8> = (0..1_000_000_u32).map(|number| number as u8).collect();
        let mut moved = Vec::new();
        assert_eq!(copy(&mut &data[..], &mut moved).unwrap(), 1_000_000);
        assert!(moved == data);
        let error = copy(&mut &data[..], &mut &mut [0; 10][..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WriteZero);
    });
}

/// A client and a server with a proxy between them.
fn proxied() -> (UnixStream, corro::JoinHandle<std::io::Result<(u64, u64)>>, TcpStream) {
    let (client, a) = UnixStream::pair().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let b = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _peer) = listener.accept().unwrap();
    (client, spawn_local(move || copy_bidirectional(&a, &b)), server)
}

#[test]
fn i1_both_directions_end_one_by_one() {
    everywhere(|| {
        let (mut client, proxy, mut server) = proxied();
        client.write_all(b"question").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut question = String::new();
        server.read_to_string(&mut question).unwrap();
        assert!(!proxy.is_finished(), "the other way is open still");
        server.write_all(b"answer!").unwrap();
        drop(server);
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!((question.as_str(), answer.as_str()), ("question", "answer!"));
        assert_eq!(proxy.join().unwrap().unwrap(), (8, 7));
    });
}

#[test]
fn i1_an_end_that_breaks_ends_both() {
    everywhere(|| {
        let (client, proxy, server) = proxied();
        // Unread data make it a reset.
        (&client).write_all(b"unread").unwrap();
        (0..20).for_each(|_| yield_now());
        drop(server);
        let mut client = client;
        while client.write_all(&[0; 4096]).is_ok() {
            yield_now();
        }
        assert!(proxy.join().unwrap().is_err());
    });
}

#[test]
fn t2_a_cancelled_proxy_ends_both_ways() {
    everywhere(|| {
        let (mut client, proxy, mut server) = proxied();
        (0..20).for_each(|_| yield_now());
        proxy.cancel();
        cancelled(proxy);
        assert_eq!(client.read(&mut [0]).unwrap(), 0, "its streams are closed");
        assert_eq!(server.read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn t7_a_proxy_while_unwinding_does_not_wait() {
    everywhere(|| {
        let ((a, mut client), (b, mut server)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        while_unwinding(|| {
            let error = copy_bidirectional(&a, &b).unwrap_err();
            assert!(is_would_suspend(&error), "{error}");
        });
        assert_eq!((client.read(&mut [0]).unwrap(), server.read(&mut [0]).unwrap()), (0, 0), "both are shut down");
        let ((a, mut client), (b, mut server)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        client.write_all(b"there").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        server.shutdown(Shutdown::Write).unwrap();
        while_unwinding(|| assert_eq!(copy_bidirectional(&a, &b).unwrap(), (5, 0)));
        let mut there = String::new();
        server.read_to_string(&mut there).unwrap();
        assert_eq!(there, "there");
    });
}

#[test]
fn t8_a_proxy_on_plain_threads() {
    let (mut client, a) = UnixStream::pair().unwrap();
    let (b, mut server) = UnixStream::pair().unwrap();
    let proxy = std::thread::spawn(move || copy_bidirectional(&a, &b));
    client.write_all(b"ping").unwrap();
    let mut ping = [0; 4];
    server.read_exact(&mut ping).unwrap();
    drop((client, server));
    assert_eq!(proxy.join().unwrap().unwrap(), (4, 0));
}

#[test]
fn i7_lines_within_the_limit_are_read() {
    let mut reader = &b"one\n\r\nthree\n12345\nend"[..];
    let mut all = Vec::new();
    loop {
        let mut line = String::new();
        match read_line_limited(&mut reader, &mut line, 5).unwrap() {
            0 => break,
            count => assert_eq!(count, line.len()),
        }
        all.push(line);
    }
    assert_eq!(all, ["one\n", "\r\n", "three\n", "12345\n", "end"]);
}

#[test]
fn i7_a_line_that_is_too_long_is_refused_and_the_rest_unread() {
    for capacity in [1, 2, 3, 4, 5, 100] {
        let mut reader = BufReader::with_capacity(capacity, Cursor::new(b"123456\nrest"));
        let mut line = String::from("before ");
        let error = read_line_limited(&mut reader, &mut line, 5).unwrap_err();
        assert_eq!((error.kind(), line.as_str()), (ErrorKind::InvalidData, "before 12345"), "{capacity}");
        assert!(error.to_string().contains("5 bytes"), "{error}");
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "6\nrest");
    }
    let mut line = String::new();
    assert_eq!(read_line_limited(&mut &b"\n"[..], &mut line, 0).unwrap(), 1);
    assert_eq!(read_line_limited(&mut &b"x\n"[..], &mut line, 0).unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(read_line_limited(&mut &b"any\n"[..], &mut line, usize::MAX).unwrap(), 4);
}

#[test]
fn i7_a_letter_that_the_limit_divides_is_unread() {
    let texts: [(&[u8], usize, &str); 4] = [
        ("aéb\nrest".as_bytes(), 2, "a"),
        ("€€\nrest".as_bytes(), 5, "€"),
        ("é\n".as_bytes(), 1, ""),
        ("aé€\n".as_bytes(), 5, "aé"),
    ];
    for (text, limit, whole) in texts {
        let (mut reader, mut line) = (text, String::new());
        let error = read_line_limited(&mut reader, &mut line, limit).unwrap_err();
        assert_eq!((error.kind(), line.as_str()), (ErrorKind::InvalidData, whole));
        assert!(reader == &text[whole.len()..], "{text:?}: {reader:?} is left");
    }
}

/// Whoever reads on after the error comes to the end.
#[test]
fn i7_what_is_no_text_is_not_refused_for_ever() {
    let mut reader = &[0xff; 100][..];
    let refused = (0..9).map(|_| read_line_limited(&mut reader, &mut String::new(), 10).unwrap_err().to_string());
    assert!(refused.collect::<Vec<_>>().iter().all(|error| error.contains("longer than 10 bytes")));
    assert_eq!(reader.len(), 10);
}

#[test]
fn i7_what_is_no_text_is_refused() {
    let mut line = String::from("before");
    let error = read_line_limited(&mut &b"\xff\xfe\n"[..], &mut line, 10).unwrap_err();
    assert_eq!((error.kind(), line.as_str()), (ErrorKind::InvalidData, "before"));
    // Cut off in the middle of a letter.
    let error = read_line_limited(&mut "aä".as_bytes(), &mut line, 2).unwrap_err();
    assert_eq!((error.kind(), line.as_str()), (ErrorKind::InvalidData, "beforea"));
}

#[test]
fn i7_an_endless_line_is_refused_while_it_comes() {
    everywhere(|| {
        let (here, there) = UnixStream::pair().unwrap();
        let flood = spawn(move || while (&there).write_all(&[b'x'; 1000]).is_ok() {});
        let mut line = String::new();
        let error = read_line_limited(&mut BufReader::new(&here), &mut line, 8192).unwrap_err();
        assert_eq!((error.kind(), line.len()), (ErrorKind::InvalidData, 8192));
        drop(here);
        flood.join().unwrap();
    });
}

#[test]
fn an_interval_ticks_at_once_and_after_each_period() {
    virtually(|| {
        let start = time::now();
        let mut interval = time::interval(ms(10));
        let ticks: Vec<_> = (0..4).map(|_| (interval.tick() - start, time::now() - start)).collect();
        assert_eq!(ticks, [0, 10, 20, 30].map(|at| (ms(at), ms(at))));
        assert_eq!(interval.period(), ms(10));
    });
}

#[test]
fn who_comes_late_gets_the_ticks_that_it_missed() {
    virtually(|| {
        let start = time::now();
        let mut interval = time::interval(ms(10));
        interval.tick();
        corro::sleep(ms(35));
        let late: Vec<_> = (0..4).map(|_| (interval.tick() - start, time::now() - start)).collect();
        assert_eq!(late, [(10, 35), (20, 35), (30, 35), (40, 40)].map(|(due, at)| (ms(due), ms(at))));
        corro::sleep(ms(100));
        interval.reset();
        assert_eq!(interval.tick() - start, ms(150));
    });
}

#[test]
fn t2_a_tick_is_a_cancellation_point_that_loses_none() {
    virtually(|| {
        let start = time::now();
        let mut interval = time::interval(ms(10));
        is_a_cancellation_point("tick", || interval.tick());
        assert_eq!(interval.tick(), start);
        assert!(timeout(ms(5), || interval.tick()).is_err());
        assert_eq!(interval.tick() - start, ms(10));
        let waits = waiter(move || interval.tick());
        waits.cancel();
        cancelled(waits);
    });
}

#[test]
fn an_interval_of_no_time_is_refused() {
    assert!(panic_text(|| time::interval(Duration::ZERO)).contains("period"));
    let start = std::time::Instant::now();
    let mut interval = time::interval(ms(1));
    for _ in 0..3 {
        interval.tick();
    }
    assert!(start.elapsed() >= ms(2), "on a plain thread");
}

#[test]
fn i7_what_was_read_stays_when_a_timeout_ends_it() {
    everywhere(|| {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (mut reader, mut line) = (BufReader::new(ours), String::new());
        theirs.write_all("half a l\u{ed}".as_bytes()).unwrap();
        let brief = Duration::from_millis(20);
        assert!(timeout(brief, || read_line_limited(&mut reader, &mut line, 100)).is_err());
        assert_eq!(line, "half a l\u{ed}");
        theirs.write_all("ne\nnext".as_bytes()).unwrap();
        assert_eq!(read_line_limited(&mut reader, &mut line, 100).unwrap(), 3);
        assert_eq!(line, "half a l\u{ed}ne\n");
    });
}
