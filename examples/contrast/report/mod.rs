//! The reports: a table for the terminal, JSON for programs, and a page for the browser.

mod html;
mod json;
mod panel;
mod table;

pub use html::html;
pub use json::json;
pub use table::table;

use std::time::Duration;

/// A time with as many digits as one can use.
fn time(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    match millis {
        1000.0.. => format!("{:.2} s", millis / 1e3),
        10.0.. => format!("{millis:.0} ms"),
        _ => format!("{millis:.2} ms"),
    }
}

/// A number with its thousands apart.
fn number(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
