//! After a read that got less than it asked for, the next one in a task waits before it tries. What lies behind a short
//! read and has had its event already must not be waited for.

use super::*;
use crate::support::waiter;

/// A stream that waited before, so that its events are counted, and its peer. Whatever is sent now is told of by an event
/// that comes while nobody reads. It waited with the driver of this worker, and that alone tells of its events.
fn waited_pair() -> (TcpStream, TcpStream) {
    let (reader, writer) = pair();
    let (reader, mut other) = (Arc::new(reader), writer);
    let waiting = reader.clone();
    let first = waiter(move || (&*waiting).read(&mut [0; 8]).unwrap());
    other.write_all(b"a").unwrap();
    assert_eq!(first.join().unwrap(), 1);
    (Arc::into_inner(reader).expect("the task has ended"), other)
}

/// Until what was sent has had its event, from the driver of this worker.
fn let_events_come() {
    let (mut reader, mut writer) = waited_pair();
    writer.write_all(b"b").unwrap();
    assert_eq!(reader.read(&mut [0; 8]).unwrap(), 1);
    let_others_run();
}

#[test]
fn i1_the_end_behind_a_short_read_is_seen() {
    everywhere(|| {
        let (mut reader, mut writer) = waited_pair();
        writer.write_all(b"last").unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
        let_events_come();
        assert_eq!(reader.read(&mut [0; 100]).unwrap(), 4);
        assert_eq!(reader.read(&mut [0; 100]).unwrap(), 0);
        assert_eq!(reader.read(&mut [0; 100]).unwrap(), 0, "it stays so");
    });
}

#[test]
fn i1_the_own_shutdown_behind_a_short_read_is_seen() {
    everywhere(|| {
        let (mut reader, mut writer) = waited_pair();
        writer.write_all(b"last").unwrap();
        let_events_come();
        reader.shutdown(Shutdown::Read).unwrap();
        let_events_come();
        assert_eq!(reader.read(&mut [0; 100]).unwrap(), 4);
        assert_eq!(reader.read(&mut [0; 100]).unwrap(), 0);
    });
}

#[test]
fn i1_a_reset_behind_a_short_read_is_seen() {
    everywhere(|| {
        let (mut reader, mut writer) = waited_pair();
        writer.write_all(b"last").unwrap();
        let_events_come();
        assert_eq!(reader.read(&mut [0; 100]).unwrap(), 4);
        // Unread bytes make the close a reset.
        reader.write_all(b"unread").unwrap();
        let_events_come();
        drop(writer);
        let_events_come();
        assert_eq!(reader.read(&mut [0; 100]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn i1_what_lies_behind_urgent_data_is_read() {
    everywhere(|| {
        let (mut reader, mut writer) = waited_pair();
        writer.write_all(b"before").unwrap();
        rustix::net::send(&writer, b"!", rustix::net::SendFlags::OOB).unwrap();
        writer.write_all(b"behind").unwrap();
        let_events_come();
        let mut bytes = Vec::new();
        while bytes.len() < b"beforebehind".len() {
            let mut buf = [0; 100];
            let count = reader.read(&mut buf).unwrap();
            bytes.extend_from_slice(&buf[..count]);
        }
        assert_eq!(bytes, b"beforebehind");
    });
}

#[test]
fn i1_a_drained_stream_is_read_in_another_scheduler_and_on_a_thread() {
    let (mut reader, mut writer) = corro::run(waited_pair);
    let mut read = |expected: &[u8]| {
        let mut buf = [0; 100];
        let count = reader.read(&mut buf).unwrap();
        assert_eq!(&buf[..count], expected);
    };
    writer.write_all(b"to a thread").unwrap();
    read(b"to a thread");
    writer.write_all(b"to a loop").unwrap();
    corro::run(|| read(b"to a loop"));
    corro::run(|| {
        corro::scope(|s| {
            s.spawn_local(|| read(b"later"));
            let_others_run();
            writer.write_all(b"later").unwrap();
        });
    });
}

#[test]
fn t7_a_read_of_a_drained_stream_tries_while_the_task_unwinds() {
    everywhere(|| {
        struct Reads(TcpStream, corro::channel::Sender<usize>);
        impl Drop for Reads {
            fn drop(&mut self) {
                let count = self.0.read(&mut [0; 100]).unwrap();
                self.1.send(count).unwrap();
            }
        }
        let (mut reader, mut writer) = waited_pair();
        writer.write_all(b"x").unwrap();
        assert_eq!(reader.read(&mut [0; 100]).unwrap(), 1);
        let (counts, count) = corro::channel::bounded(1);
        let (begins, begun) = corro::channel::bounded(1);
        let task = corro::spawn(move || {
            let _reads = Reads(reader, counts);
            begins.send(()).unwrap();
            corro::sleep(Duration::MAX);
        });
        begun.recv().unwrap();
        writer.write_all(b"twelve bytes").unwrap();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(count.recv(), Ok(12));
    });
}

#[test]
fn i1_what_is_no_tcp_stream_is_not_taken_for_drained() {
    everywhere(|| {
        let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
        let stream = std::net::TcpStream::from(std::os::fd::OwnedFd::from(ours));
        let mut stream = TcpStream::from_std(stream).unwrap();
        for _ in 0..3 {
            theirs.send(b"one").unwrap();
            theirs.send(b"two").unwrap();
            for word in [b"one", b"two"] {
                let mut buf = [0; 100];
                assert_eq!((stream.read(&mut buf).unwrap(), &buf[..3]), (3, &word[..]));
            }
        }
    });
}
