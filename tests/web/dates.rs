//! Dates, and ranges of files.

use proptest::prelude::*;

use crate::web::date::{format, parse};
use crate::web::range::{Wanted, wanted};

fn text(seconds: u64) -> String {
    String::from_utf8(format(seconds).to_vec()).unwrap()
}

#[test]
fn dates_are_those_of_the_calendar() {
    // As `date -u -d @N` tells.
    for (seconds, date) in [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ] {
        assert_eq!(text(seconds), date);
        assert_eq!(parse(date), Some(seconds));
    }
    assert_eq!(text(u64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
}

#[test]
fn other_dates_are_none() {
    for date in [
        "",
        "yesterday",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Mon, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Thu, 30 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Thu, 01 Jan 99999999999999 00:00:00 GMT",
        "Thu, 18446744073709551615 Jan 1970 00:00:00 GMT",
        "ÄÖÜ, 01 Jan 1970 00:00:00 GMT",
    ] {
        assert_eq!(parse(date), None, "{date}");
    }
}

#[test]
fn one_part_of_a_file() {
    for (text, part) in [
        ("bytes=0-0", Wanted::Part(0..1)),
        ("bytes=2-", Wanted::Part(2..10)),
        ("bytes=-3", Wanted::Part(7..10)),
        ("bytes=-30", Wanted::Part(0..10)),
        ("bytes=5-99999999999999999999999", Wanted::Part(5..10)),
        ("bytes=0-18446744073709551615", Wanted::Part(0..10)),
        ("bytes=10-", Wanted::Nothing),
        ("bytes=99999999999999999999999-", Wanted::Nothing),
        ("bytes=-0", Wanted::Nothing),
        ("bytes=-", Wanted::All),
        ("bytes=3-2", Wanted::All),
        ("bytes=0-1,3-4", Wanted::All),
        ("bytes=+1-2", Wanted::All),
        ("lines=0-1", Wanted::All),
        ("bytes", Wanted::All),
    ] {
        assert_eq!(wanted(text, 10), part, "{text}");
    }
    assert_eq!(wanted("bytes=0-", 0), Wanted::Nothing);
}

proptest! {
    #[test]
    fn dates_come_back(seconds in 0..253_402_300_800_u64) {
        prop_assert_eq!(parse(&text(seconds)), Some(seconds));
    }

    #[test]
    fn no_text_is_too_much_for_them(date in ".{0,40}", near in "[A-Za-z, 0-9:GMT]{25,32}", range in "bytes=[0-9,-]{0,50}") {
        let _ = (parse(&date), parse(&near));
        if let Wanted::Part(part) = wanted(&range, 10) {
            prop_assert!(part.start < part.end && part.end <= 10);
        }
    }
}
