//! The test: several members, each limit, one that is too slow, and the goodbye when the server stops.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use corro::net::TcpListener;
use corro::{scope, timeout};
use tungstenite::Message;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::client::{Client, ask};
use crate::door;
use crate::limits::Limits;
use crate::room::Room;

/// Only a failure takes as long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Nobody is to be held back here.
pub(crate) const RATE: u32 = 1_000_000;

/// A member that waits for the goodbye; a thread, since it stays longer than the server's tasks.
pub(crate) type Leaving = thread::JoinHandle<CloseCode>;

/// A room with limits of its own, for as long as the test of it takes.
fn in_room<T>(limits: Limits, test: impl FnOnce(SocketAddr) -> T) -> T {
    in_room_that_stops(limits, &AtomicBool::new(false), test)
}

fn in_room_that_stops<T>(limits: Limits, stopping: &AtomicBool, test: impl FnOnce(SocketAddr) -> T) -> T {
    let is_stopping = || stopping.load(Ordering::Relaxed);
    let room = &Room::new(limits, &is_stopping);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
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
    let hosts = vec!["chat.example".into()];
    in_room(Limits { hosts, origins: vec!["https://pages.example".into()], ..Limits::default() }, origins);
    in_room(Limits { text: 10, name: 5, members: 2, ..Limits::default() }, too_much);
    in_room(Limits { rate: RATE, text: 4000, queue: 16, farewell: Duration::from_secs(20), ..Limits::default() }, slow);
    in_room(Limits { ping: Duration::from_millis(500), ..Limits::default() }, silent);
    in_room(Limits { ping: Duration::from_millis(500), ..Limits::default() }, trickling);
    in_room(Limits::default(), names);
    let stopping = AtomicBool::new(false);
    in_room_that_stops(Limits { rate: 1, ..Limits::default() }, &stopping, |server| flooding(server, &stopping));
    println!("requests, origins, limits, names; slow, silent and flooding members: all as it should be");
}

fn requests(server: SocketAddr) {
    let page = ask(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(page.starts_with("HTTP/1.1 200 "), "the page is not given: {page}");
    assert!(page.contains("Content-Security-Policy: default-src 'none';"), "the page has no policy: {page}");
    let long = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 9000]].concat();
    let cases: [(&[u8], u16); 8] = [
        (b"GET /page.js HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 200),
        (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"POST / HTTP/1.1\r\n\r\n", 405),
        (b"GET /socket HTTP/1.1\r\nHost: localhost\r\n\r\n", 426),
        (b"GET / HTTP/1.1\r\nHost: evil.example:7010\r\n\r\n", 421),
        (b"GET / HTTP/1.1\r\n\r\n", 421),
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
        ("https://pages.example".into(), None),
        ("http://evil.example".into(), Some(403)),
        (format!("http://{server}.evil.example"), Some(403)),
        ("null".into(), Some(403)),
    ] {
        let refused = Client::connect(server, Some(&origin)).err();
        assert_eq!(refused, expected, "the answer to a page of {origin}");
    }
    // A page by whose name the browser has found us is as our own: so it must be a name of ours.
    for (name, expected) in [
        ("localhost:7010", None),
        ("[::1]:7010", None),
        ("Chat.Example", None),
        ("evil.example:7010", Some(421)),
        ("127.0.0.1.evil.example", Some(421)),
        ("localhost.evil.example", Some(421)),
    ] {
        let origin = format!("http://{name}");
        for origin in [None, Some(origin.as_str())] {
            let refused = Client::connect_by_name(server, name, origin).err();
            assert_eq!(refused, expected, "the answer to who knows us as {name}");
        }
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

/// One sends a byte of a line now and then, which does not end.
fn trickling(server: SocketAddr) {
    let (trickling, _) = Client::enter(server, "trickling");
    let code = trickling.trickle(Duration::from_millis(100), 100);
    assert_eq!(code, Some(CloseCode::Policy), "a member that says nothing whole has to go");
}

/// None looks like another, as far as it is for what cannot be seen.
fn names(server: SocketAddr) {
    let mut there = vec![Client::enter(server, "ann")];
    for wish in ["ann\u{200b}", "\u{202e}\u{2066}ann", "a\u{ad}nn\u{fe0f}", "\t ann\u{a0}"] {
        there.push(Client::enter(server, wish));
        let (welcome, number) = (&there[there.len() - 1].1, there.len());
        assert!(welcome.ends_with(&format!("\tann {number}")), "{wish:?} is let in: {welcome:?}");
    }
    let (_, code) = Client::named(server, "\u{200b}\u{2060}").hear_out();
    assert_eq!(code, CloseCode::Policy, "a name is to be seen");
}

/// One has sent more than is read in time.
fn flooding(server: SocketAddr, stopping: &AtomicBool) {
    let (mut flooding, _) = Client::enter(server, "flooding");
    for _ in 0..100 {
        flooding.say("line");
    }
    flooding.hear_until("said\tflooding\tline");
    stopping.store(true, Ordering::Relaxed);
    let heard = timeout(PATIENCE, || flooding.hear_out());
    let (_, code) = heard.expect("who floods is told goodbye before all is read");
    assert_eq!(code, CloseCode::Away, "who floods is told goodbye");
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
