//! Chunked bodies.

use proptest::prelude::*;

use crate::web::chunks::{Chunks, Step};
use crate::web::response::{BAD_REQUEST, CONTENT_TOO_LARGE, FIELDS_TOO_LARGE, Status};

/// The body, and how many bytes it took, if the bytes come in pieces that end at these places.
fn decode(bytes: &[u8], ends: &[usize], most: u64) -> Result<Option<(Vec<u8>, usize)>, Status> {
    let (mut chunks, mut body, mut at) = (Chunks::new(most), Vec::new(), 0);
    for end in ends.iter().copied().chain([bytes.len()]) {
        loop {
            match chunks.step(&bytes[at..end.max(at)])? {
                Step::Data(count) => {
                    body.extend_from_slice(&bytes[at..at + count]);
                    at += count;
                }
                Step::Skip(count) => at += count,
                Step::More => break,
                Step::Done => return Ok(Some((body, at))),
            }
        }
    }
    Ok(None)
}

fn whole(text: &str) -> Result<Option<(Vec<u8>, usize)>, Status> {
    decode(text.as_bytes(), &[], 1000)
}

#[test]
fn chunks_make_a_body() {
    let text = "5\r\nhello\r\n00A ; name=\"value\"\r\n0123456789\r\n0\r\nA: trailer\r\n\r\n";
    assert_eq!(whole(&[text, "GET /"].concat()), Ok(Some((b"hello0123456789".to_vec(), text.len()))));
    assert_eq!(whole("0\r\n\r\n"), Ok(Some((Vec::new(), 5))));
    for unfinished in
        ["", "5", "5\r\n", "5\r\nhell", "5\r\nhello", "5\r\nhello\r", "5\r\nhello\r\n", "0\r\n", "0\r\n\r"]
    {
        assert_eq!(whole(unfinished), Ok(None), "{unfinished:?}");
    }
}

#[test]
fn other_chunks_are_refused() {
    for wrong in [
        "\r\n",
        "x\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x5\r\n",
        "5\nhello\r\n",
        " 5\r\nhello\r\n",
        "5 5\r\n",
        "5;a\nb\r\n",
        "5;a\rb\r\n",
        "5\r\nhelloX",
        "5\r\nhello\n",
        "11111111111111111\r\n",
        "0\r\nno colon\r\n",
    ] {
        assert_eq!(whole(wrong), Err(BAD_REQUEST), "{wrong:?}");
    }
}

#[test]
fn limits_hold() {
    assert_eq!(decode(b"5\r\nhello\r\n6\r\n", &[], 10), Err(CONTENT_TOO_LARGE));
    assert_eq!(whole("FFFFFFFFFFFFFFFF\r\n"), Err(CONTENT_TOO_LARGE));
    assert_eq!(whole(&"1".repeat(600)), Err(FIELDS_TOO_LARGE), "a size that does not end");
    let extension = format!("1;{}\r\nx\r\n", "a".repeat(400));
    assert_eq!(whole(&extension.repeat(100)), Err(FIELDS_TOO_LARGE), "extensions without end");
    assert_eq!(whole(&format!("0\r\n{}", "a: b\r\n".repeat(10_000))), Err(FIELDS_TOO_LARGE), "trailers without end");
}

proptest! {
    #[test]
    fn pieces_make_no_difference(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
        mut ends in prop::collection::vec(0..400_usize, 0..20),
    ) {
        let mut bytes = Vec::new();
        for part in &parts {
            bytes.extend_from_slice(format!("{:x};e\r\n", part.len()).as_bytes());
            bytes.extend_from_slice(part);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\nA: b\r\n\r\n");
        ends.iter_mut().for_each(|end| *end = (*end).min(bytes.len()));
        ends.sort();
        prop_assert_eq!(decode(&bytes, &ends, 1000), Ok(Some((parts.concat(), bytes.len()))));
    }

    #[test]
    fn no_bytes_are_too_much_for_it(bytes in "[0-9a-f;\r\nx]{0,40}") {
        let _ = whole(&bytes);
    }
}
