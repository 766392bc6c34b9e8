//! Peers that dawdle: one that does not read, one that sends byte by byte.

use std::fs;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use corro::io::read_line_limited;
use corro::net::{TcpListener, TcpStream};
use corro::{scope, sleep, spawn, timeout};

use super::{ANY, STUCK, cleanly, pair};
use crate::support::{ms, yields};

/// More than any buffers of the system take.
const MUCH: usize = 64 << 20;
const CHUNK: usize = 64 << 10;

/// What the system keeps for one direction of a connection at most.
fn buffers() -> usize {
    let most = |name: &str| -> usize {
        let text = fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).unwrap();
        text.split_whitespace().nth(2).unwrap().parse().unwrap()
    };
    most("tcp_wmem") + most("tcp_rmem")
}

/// The bytes of memory that the process has.
fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    4096 * text.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap()
}

/// Writes much, and counts what was taken.
fn write_much(stream: &TcpStream, written: &AtomicUsize) -> std::io::Result<()> {
    let chunk = vec![7; CHUNK];
    while written.load(SeqCst) < MUCH {
        written.fetch_add({ stream }.write(&chunk)?, SeqCst);
    }
    Ok(())
}

/// Each byte comes back before the next one goes.
fn ping_pong(count: usize) {
    let (mut a, mut b) = pair();
    let back = spawn(move || while b.read(&mut [0]).unwrap() == 1 && b.write(&[1]).is_ok() {});
    for _ in 0..count {
        a.write_all(&[1]).unwrap();
        a.read_exact(&mut [0]).unwrap();
    }
    drop(a);
    back.join().unwrap();
}

#[test]
fn i1_who_never_reads_is_cut_off_by_the_write_deadline() {
    cleanly(|| {
        let (server, client) = pair();
        server.set_write_timeout(Some(ms(100))).unwrap();
        let (before, written) = (resident(), Arc::new(AtomicUsize::new(0)));
        let theirs = written.clone();
        let serving = spawn(move || write_much(&server, &theirs));
        ping_pong(200);
        assert_eq!(serving.join().unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
        let (written, grown) = (written.load(SeqCst), resident().saturating_sub(before));
        assert!(written <= buffers(), "{written} bytes were taken; the system keeps {}", buffers());
        assert!(grown < MUCH / 4, "{grown} bytes of memory for {written} that nobody read");
        drop(client);
    });
}

#[test]
fn i1_who_reads_slowly_gets_all_and_holds_nobody_up() {
    cleanly(|| {
        let (server, mut client) = pair();
        let (before, written) = (resident(), Arc::new(AtomicUsize::new(0)));
        let theirs = written.clone();
        let serving = spawn(move || write_much(&server, &theirs));
        let (mut read, mut chunk) = (0, vec![0; CHUNK]);
        while read < MUCH {
            client.read_exact(&mut chunk).unwrap();
            read += CHUNK;
            yields(1);
            // Those that are under way were not counted, or not read, yet.
            let ahead = written.load(SeqCst).saturating_sub(read);
            assert!(ahead <= buffers() + 2 * CHUNK, "{ahead} bytes wait somewhere");
            if read % (8 << 20) == 0 {
                ping_pong(20);
            }
        }
        serving.join().unwrap().unwrap();
        let grown = resident().saturating_sub(before);
        assert!(grown < MUCH / 4, "{grown} bytes of memory");
    });
}

/// How long a client has for its line.
const LINE_TIME: Duration = Duration::from_millis(500);
const LORISES: usize = 200;

/// Reads a line within the time and answers with its length. What became of the client.
fn attend(stream: TcpStream) -> Option<usize> {
    stream.set_read_timeout(Some(STUCK)).unwrap();
    let mut line = String::new();
    let read = timeout(LINE_TIME, || read_line_limited(&mut BufReader::new(&stream), &mut line, 8192));
    let length = read.ok()?.unwrap();
    writeln!(&stream, "{length}").unwrap();
    Some(length)
}

fn ask(server: std::net::SocketAddr) -> String {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.write_all(b"hello\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Sends a byte to each of the connections, again and again, until all are closed.
fn dawdle(mut streams: Vec<TcpStream>) {
    while !streams.is_empty() {
        streams.retain_mut(|stream| stream.write_all(b"x").is_ok());
        sleep(ms(5));
    }
}

#[test]
fn i7_clients_that_send_byte_by_byte_are_cut_off_and_keep_nobody_out() {
    cleanly(|| {
        let listener = TcpListener::bind(ANY).unwrap();
        let at = listener.local_addr().unwrap();
        scope(|s| {
            let server = s.spawn(|| {
                let tasks: Vec<_> = (0..LORISES + 10)
                    .map(|_| {
                        let stream = listener.accept().unwrap().0;
                        spawn(move || attend(stream))
                    })
                    .collect();
                tasks.into_iter().map(|task| task.join().unwrap()).collect::<Vec<_>>()
            });
            let slow: Vec<_> = (0..LORISES).map(|_| TcpStream::connect(at).unwrap()).collect();
            let dawdlers = spawn(move || dawdle(slow));
            for _ in 0..10 {
                assert_eq!(ask(at), "6\n");
            }
            let ends = server.join().unwrap();
            assert_eq!(ends.iter().filter(|end| end.is_none()).count(), LORISES);
            dawdlers.join().unwrap();
        });
    });
}
