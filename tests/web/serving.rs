//! Whole connections, over a stream without a network.

use std::io::ErrorKind;
use std::time::Duration;

use proptest::prelude::*;

use crate::script::{End, Taking, answers, statuses, statuses_at, statuses_of_slow, taken, writes};
use crate::web::input::Input;
use crate::web::limits::{Limits, SIZES_OF_HEAD};

const LEAST_HEAD: usize = *SIZES_OF_HEAD.start();
const GET: &[u8] = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn requests_that_came_together_are_answered_with_one_write() {
    assert_eq!(writes(vec![GET.repeat(16)], End::Leaves, Limits::default(), false).len(), 1);
    assert_eq!(writes(vec![GET.to_vec(), GET.repeat(2)], End::Leaves, Limits::default(), false).len(), 2);
    let half = [&GET.repeat(2), &GET[..10]].concat();
    assert_eq!(
        writes(vec![half, GET[10..].to_vec()], End::Leaves, Limits::default(), false).len(),
        2,
        "nobody waits for the half"
    );
}

#[test]
fn the_last_answer_says_so_when_the_server_stops() {
    let text = String::from_utf8(writes(vec![GET.repeat(3)], End::Leaves, Limits::default(), true).concat()).unwrap();
    assert_eq!((text.matches("200 OK").count(), text.matches("Connection: close").count()), (3, 1));
    assert!(text.rfind("Connection: close") > text.rfind("200 OK"));
    let later = vec![GET.to_vec(), GET.to_vec()];
    let text = String::from_utf8(writes(later, End::Leaves, Limits::default(), true).concat()).unwrap();
    assert_eq!((text.matches("200 OK").count(), text.matches("Connection: close").count()), (2, 1));
}

#[test]
fn a_refusal_ends_the_connection() {
    assert_eq!(statuses(&[GET, b"nonsense\r\n\r\n", GET].concat()), [200, 400]);
    let smuggled =
        b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(statuses(&[smuggled, GET].concat()), [400]);
    let wrong = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nx";
    let text = answers(vec![[&wrong[..], GET].concat()], Limits::default());
    assert!(text.ends_with("1\r\nx\r\n"), "half an answer is not followed by another one: {text}");
}

#[test]
fn bodies_that_nobody_wants_are_skipped_or_end_the_connection() {
    let short = b"GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nGET";
    assert_eq!(statuses(&[&short[..], GET].concat()), [200, 200]);
    for field in ["Content-Length: 1000000", "Transfer-Encoding: chunked", "Content-Length: 3\r\nExpect: 100-continue"]
    {
        let long = format!("GET /hello HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n");
        let text = answers(vec![[long.as_bytes(), GET].concat()], Limits::default());
        assert_eq!((text.matches("200 OK").count(), text.matches("Connection: close").count()), (1, 1), "{field}");
    }
}

#[test]
fn an_end_within_a_request_is_no_answer() {
    assert_eq!(statuses(&[GET, &GET[..9]].concat()), [200]);
    assert_eq!(statuses(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"), [0; 0]);
}

#[test]
fn a_client_that_says_nothing_is_told_if_it_has_begun() {
    let body = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(statuses_at(GET, End::SaysNothing), [200], "between requests it is let go");
    assert_eq!(statuses_at(&[GET, &GET[..9]].concat(), End::SaysNothing), [200, 408]);
    assert_eq!(statuses_at(body, End::SaysNothing), [408]);
    assert_eq!(statuses_at(&[&body[..], b"hel"].concat(), End::SaysNothing), [200], "half of the answer is out");
}

#[test]
fn a_head_has_to_come_in_time_however_often_a_little_comes() {
    let second = Duration::from_secs(1);
    let by_bytes = |requests: &[u8]| requests.iter().map(|&byte| vec![byte]).collect::<Vec<_>>();
    let limits = |heads| Limits { head_time: second * (GET.len() as u32 * heads), ..Limits::default() };
    let statuses = statuses_of_slow(by_bytes(&GET.repeat(3)), second, limits(1));
    assert_eq!(statuses, [200, 200, 200], "each head has its own time");
    let unfinished = [&GET[..GET.len() - 2], b"A: ", &b"a".repeat(GET.len())].concat();
    assert_eq!(statuses_of_slow(by_bytes(&[&unfinished[..], b"\r\n\r\n"].concat()), second, limits(1)), [408]);
    assert_eq!(statuses_of_slow(by_bytes(&[&unfinished[..], b"\r\n\r\n"].concat()), second, limits(3)), [200]);
}

#[test]
fn a_body_has_to_come_at_a_pace() {
    let second = Duration::from_secs(1);
    let limits = Limits { rate: 2, patience: 10 * second, ..Limits::default() };
    // The answer comes after the body, of so many bytes in pieces of this size.
    let post = |length: usize, size: usize| {
        let head = format!("POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        [head].into_iter().chain(vec![b'x'; length].chunks(size).map(<[u8]>::to_vec)).collect::<Vec<_>>()
    };
    let statuses = |pieces, pause| statuses_of_slow(pieces, pause, limits.clone());
    assert_eq!(statuses(post(100, 10), 5 * second), [405], "it may take as long as it does at this rate");
    assert_eq!(statuses(post(100, 20), 9 * second), [405], "or be behind at times");
    assert_eq!(statuses(post(100, 1), second), [408], "a byte now and then is too little");
    assert_eq!(statuses(vec![GET.to_vec(); 5], 90 * second), [200; 5], "between requests it may rest");
    let posts = [post(1, 1), post(1, 1), post(1, 1)].concat();
    let fast = Limits { rate: 10_000, ..limits.clone() };
    assert_eq!(statuses_of_slow(posts, 9 * second, fast), [405; 3], "each request begins anew");
}

#[test]
fn an_answer_has_to_be_taken_at_a_pace() {
    let second = Duration::from_secs(1);
    let limits = Limits { rate: 2, patience: 10 * second, ..Limits::default() };
    let all = taken(GET, Taking { most: usize::MAX, pause: Duration::ZERO }, limits.clone()).0;
    let take = |most, pause| taken(GET, Taking { most, pause }, limits.clone());
    let (count, outcome) = take(2, second);
    assert!(outcome.is_ok() && count == all, "{count} of {all}: {outcome:?}");
    let (count, outcome) = take(1, second);
    assert!(outcome.is_err_and(|error| error.kind() == ErrorKind::TimedOut), "it is let go");
    assert!((all / 2..all).contains(&count), "{count} of {all}");
}

#[test]
fn a_large_buffer_is_not_kept_for_a_client_that_says_nothing() {
    let mut input = Input::new(1024 * 1024);
    let much = vec![b'x'; 100_000];
    let mut stream = &much[..];
    while input.read_from(&mut stream).unwrap() > 0 {}
    assert_eq!(input.bytes().len(), much.len());
    input.consume(much.len());
    input.shrink_to(1000);
    let mut stream = &much[..];
    assert_eq!(input.read_from(&mut stream).unwrap(), 1000, "there is room for so much");
    assert!(input.read_from(&mut stream).unwrap() > 0, "and then for more");
    assert!(input.bytes() == &much[..input.bytes().len()]);
}

#[test]
fn a_client_that_has_sent_its_body_is_not_told_to_go_on() {
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(statuses(format!("{head}ab").as_bytes()), [200]);
    let apart = answers(vec![head.into(), b"ab".to_vec()], Limits::default());
    assert!(apart.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n") && apart.ends_with("ab"));
}

/// Requests of all kinds, one of which ends the connection now and then.
fn requests() -> impl Strategy<Value = Vec<u8>> {
    let body = prop::collection::vec(any::<u8>(), 0..3000);
    let one = prop_oneof![
        Just(GET.to_vec()),
        Just(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        Just(b"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".to_vec()),
        Just(b"\r\nGET /none HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        "[a-z]{0,900}".prop_map(|path| format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n").into()),
        body.clone().prop_map(|body| {
            let head = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
            [head.as_bytes(), &body].concat()
        }),
        body.prop_map(|body| {
            let head = format!("POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
            [head.as_bytes(), &body].concat()
        }),
        Just(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec()),
        Just(b"GET / HTTP/1.1\r\n\r\n".to_vec()),
    ];
    prop::collection::vec(one, 0..8).prop_map(|requests| requests.concat())
}

fn divided(bytes: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*size).min(rest.len()));
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces
}

proptest! {
    #[test]
    fn any_division_into_reads_has_the_same_answers(
        bytes in requests(),
        sizes in prop::collection::vec(1..500_usize, 1..10),
    ) {
        let limits = Limits { head: LEAST_HEAD, ..Limits::default() };
        let whole = answers(vec![bytes.clone()], limits.clone());
        prop_assert_eq!(answers(divided(&bytes, &sizes), limits), whole);
    }

    #[test]
    fn no_bytes_are_too_much_for_it(
        start in requests(),
        noise in prop::collection::vec(any::<u8>(), 0..3000),
        sizes in prop::collection::vec(1..500_usize, 1..10),
    ) {
        let limits = Limits { head: LEAST_HEAD, ..Limits::default() };
        answers(divided(&[start, noise].concat(), &sizes), limits);
    }
}
