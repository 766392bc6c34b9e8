//! The test: several members, each limit, one that is too slow, and the goodbye when the server stops.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use corro::net::TcpListener;
use corro::scope;
use tungstenite::Message;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::client::{Client, ask};
use crate::door;
use crate::limits::Limits;
use crate::room::Room;

/// Nobody is to be held back here.
pub(crate) const RATE: u32 = 1_000_000;

/// A member that waits for the goodbye; a thread, since it stays longer than the server's tasks.
pub(crate) type Leaving = thread::JoinHandle<CloseCode>;

/// A room with limits of its own, for as long as the test of it takes.
fn in_room<T>(limits: Limits, test: impl FnOnce(SocketAddr) -> T) -> T {
    let (listener, room) = (TcpListener::bind("127.0.0.1:0").expect("a free port"), &Room::new(limits));
    let address = listener.local_addr().expect("it listens");
    scope(|s| {
        s.spawn(move || {
            for stream in listener.incoming() {
                // What becomes of it is seen at the other end.
                s.spawn(move || drop(door::open(&stream.expect("a connection"), room)));
            }
        });
        let outcome = test(address);
        s.cancel();
        outcome
    })
}

pub(crate) fn limits() {
    in_room(Limits { head: Duration::from_millis(500), ..Limits::default() }, requests);
    in_room(Limits { origins: vec!["https://chat.example".into()], ..Limits::default() }, origins);
    in_room(Limits { text: 10, name: 5, members: 2, ..Limits::default() }, too_much);
    in_room(Limits { rate: RATE, text: 4000, queue: 16, farewell: Duration::from_secs(20), ..Limits::default() }, slow);
    in_room(Limits { ping: Duration::from_millis(500), ..Limits::default() }, silent);
    println!("requests, origins, limits, a slow and a silent member: all as it should be");
}

fn requests(server: SocketAddr) {
    let page = ask(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(page.starts_with("HTTP/1.1 200 "), "the page is not given: {page}");
    assert!(page.contains("Content-Security-Policy: default-src 'none';"), "the page has no policy: {page}");
    let long = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 9000]].concat();
    let cases: [(&[u8], u16); 6] = [
        (b"GET /page.js HTTP/1.1\r\n\r\n", 200),
        (b"GET /nothing HTTP/1.1\r\n\r\n", 404),
        (b"POST / HTTP/1.1\r\n\r\n", 405),
        (b"GET /socket HTTP/1.1\r\n\r\n", 426),
        (b"\x16\x03\x01 no HTTP\r\n\r\n", 400),
        (&long, 431),
    ];
    for (request, status) in cases {
        let answer = ask(server, request);
        let expected = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&expected), "{expected}is expected, not {answer:?}");
    }
    let late = ask(server, b"GET / HTTP/1.1\r\nX: still com");
    assert!(late.starts_with("HTTP/1.1 408 "), "a head that does not end is waited for: {late:?}");
    let (_, code) = Client::connect(server, None).expect("programs may enter").hear_out();
    assert_eq!(code, CloseCode::Policy, "who does not say a name has to go");
}

fn origins(server: SocketAddr) {
    for (origin, expected) in [
        (format!("http://{server}"), None),
        ("https://chat.example".into(), None),
        ("http://evil.example".into(), Some(403)),
        (format!("http://{server}.evil.example"), Some(403)),
        ("null".into(), Some(403)),
    ] {
        let refused = Client::connect(server, Some(&origin)).err();
        assert_eq!(refused, expected, "the answer to a page of {origin}");
    }
}

fn too_much(server: SocketAddr) {
    let refused = |first: Message, second: Option<Message>, expected: CloseCode| {
        let mut client = Client::connect(server, None).expect("programs may enter");
        client.send(first);
        second.into_iter().for_each(|second| client.send(second));
        assert_eq!(client.hear_out().1, expected);
    };
    refused(Message::text("abcdef"), None, CloseCode::Policy);
    refused(Message::text(" \n "), None, CloseCode::Policy);
    refused(Message::text("a".repeat(100)), None, CloseCode::Size);
    refused(Message::text("ann"), Some(Message::text("12345678901")), CloseCode::Size);
    refused(Message::text("ann"), Some(Message::binary("line")), CloseCode::Unsupported);

    let (mut ann, _) = Client::enter(server, "ann");
    let (_bob, _) = Client::enter(server, "bob");
    refused(Message::text("carol"), None, CloseCode::Again);
    ann.say_and_hear("ann", "ten: ééééé");
}

/// One takes nothing, the others talk: they are not held up, and it is told why it has to go when it looks again.
fn slow(server: SocketAddr) {
    let (mut ann, _) = Client::enter(server, "ann");
    let (slow, _) = Client::enter(server, "slow");
    ann.hear_until("joined\t2\tslow");
    let text = "x".repeat(4000);
    let mut told = 0;
    loop {
        ann.say(&text);
        told += 1;
        match ann.hear() {
            line if line == "left\t1\tslow" => break,
            line => assert!(line.starts_with("said\tann\t"), "{line}"),
        }
        assert!(told < 100_000, "a member that takes nothing is not dismissed");
    }
    let (taken, code) = slow.hear_out();
    assert_eq!(code, CloseCode::Policy, "a slow member is told why it has to go");
    assert!(taken <= told, "{taken} lines of {told}");
}

/// One answers no ping. The other says nothing either, but answers.
fn silent(server: SocketAddr) {
    let (mut ann, _) = Client::enter(server, "ann");
    let (silent, _) = Client::enter(server, "silent");
    ann.hear_until("joined\t2\tsilent");
    ann.hear_until("left\t1\tsilent");
    assert_eq!(silent.hear_out(), (0, CloseCode::Policy), "a silent member is told why it has to go");
}

/// Members talk; one stays until the server stops.
pub(crate) fn talk(server: SocketAddr) -> Leaving {
    let (mut ann, _) = Client::enter(server, "ann");
    let (mut other, welcome) = Client::enter(server, "Ann");
    assert!(welcome.ends_with("\tAnn 2"), "names are one's own: {welcome}");
    ann.hear_until("joined\t2\tAnn 2");
    ann.say_and_hear("ann", "hello");
    other.hear_until("said\tann\thello");
    other.say_and_hear("Ann 2", "<b>hello</b>");
    ann.hear_until("said\tAnn 2\t<b>hello</b>");
    for number in 0..60 {
        ann.say_and_hear("ann", &format!("line {number}"));
    }
    let (_, code) = {
        other.send(Message::Close(None));
        other.hear_out()
    };
    assert_eq!(code, CloseCode::Normal, "a goodbye is answered");
    ann.hear_until("left\t1\tAnn 2");

    let (mut newcomer, welcome) = Client::enter(server, "eve");
    let history: Vec<_> = welcome.lines().skip(1).collect();
    assert_eq!(history.len(), Limits::default().history, "a newcomer is shown the last lines");
    assert_eq!(history.last(), Some(&"said\tann\tline 59"));
    ann.hear_until("joined\t2\teve");
    ann.say("last");
    newcomer.hear_until("said\tann\tlast");
    println!("three members talked");
    thread::spawn(|| newcomer.hear_out().1)
}

pub(crate) fn was_told_goodbye(leaving: Leaving) {
    assert_eq!(leaving.join().expect("it waits for the goodbye"), CloseCode::Away, "who is there is told goodbye");
    println!("the last was told goodbye");
}
