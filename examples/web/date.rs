//! Times as HTTP writes them: `Sun, 06 Nov 1994 08:49:37 GMT`.
//!
//! Times are seconds since the beginning of 1970.

use std::cell::Cell;
use std::time::SystemTime;

use rustix::time::{ClockId, clock_gettime};

pub(crate) type Text = [u8; 29];

const DAY: u64 = 24 * 60 * 60;
/// The end of the year 9999, which the form cannot go beyond.
const LAST: u64 = 253_402_300_799;
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The second that it is. The coarse clock may be some ms behind, and costs nearly nothing.
pub(crate) fn this_second() -> u64 {
    clock_gettime(ClockId::RealtimeCoarse).tv_sec.try_into().unwrap_or(0)
}

/// The time, written anew when the second has changed.
pub(crate) fn now() -> Text {
    thread_local! {
        static WRITTEN: Cell<(u64, Text)> = const { Cell::new((u64::MAX, [0; 29])) };
    }
    let seconds = this_second();
    let (written, text) = WRITTEN.get();
    if written == seconds {
        return text;
    }
    let text = format(seconds);
    WRITTEN.set((seconds, text));
    text
}

/// Times before 1970 are taken for its beginning.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(crate) fn format(seconds: u64) -> Text {
    let seconds = seconds.min(LAST);
    let (days, second) = (seconds / DAY, seconds % DAY);
    let (year, month, day) = date_of(days);
    let text = format!(
        "{}, {:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        WEEKDAYS[(days % 7) as usize],
        day + 1,
        MONTHS[month],
        second / 3600,
        second / 60 % 60,
        second % 60
    );
    text.into_bytes().try_into().expect("it has 29 bytes up to the year 9999")
}

/// None for anything else, the older forms included: such a condition is as good as none.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let fields: Vec<_> = text.get(5..)?.split([' ', ':']).collect();
    let [day, month, year, hour, minute, second, "GMT"] = fields[..] else { return None };
    let month = MONTHS.iter().position(|known| *known == month)?;
    let year = year.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let below = |text: &str, limit: u64| text.parse::<u64>().ok().filter(|&number| number < limit);
    let day = below(day, days_of(year, month) + 1)?.checked_sub(1)?;
    let second = below(hour, 24)? * 3600 + below(minute, 60)? * 60 + below(second, 60)?;
    let days_before = (1970..year).map(days_of_year).sum::<u64>() + (0..month).map(|m| days_of(year, m)).sum::<u64>();
    let seconds = (days_before + day) * DAY + second;
    // The day of the week and all the zeros must be right as well.
    (format(seconds) == text.as_bytes()).then_some(seconds)
}

/// Year, month and day, both from zero on.
fn date_of(mut days: u64) -> (u64, usize, u64) {
    let mut year = 1970;
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    let mut month = 0;
    while days >= days_of(year, month) {
        days -= days_of(year, month);
        month += 1;
    }
    (year, month, days)
}

fn days_of_year(year: u64) -> u64 {
    (0..MONTHS.len()).map(|month| days_of(year, month)).sum()
}

fn days_of(year: u64, month: usize) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 if is_leap => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}
