//! From the text of a page to its words.

use std::collections::HashMap;

use crate::http::Body;

/// How often each word stands on a page.
#[derive(Default)]
pub struct Words(pub HashMap<String, u32>);

impl Words {
    pub fn of(body: &Body) -> Words {
        let mut words = Words::default();
        if body.is_html {
            words.add_all(&visible_text(&body.text));
        } else {
            words.add_all(&body.text);
        }
        words
    }

    fn add_all(&mut self, text: &str) {
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| is_word(word)).for_each(|word| self.add(word));
    }

    fn add(&mut self, word: &str) {
        *self.0.entry(word.to_lowercase()).or_default() += 1;
    }
}

/// At least two characters, and no number.
fn is_word(word: &str) -> bool {
    word.chars().nth(1).is_some() && word.starts_with(char::is_alphabetic)
}

/// Elements whose content nobody reads.
const HIDDEN: [&str; 2] = ["script", "style"];

/// What a reader of the HTML page would see: no tags, no comments, the common entities as characters.
fn visible_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        text.push_str(&rest[..open]);
        text.push(' ');
        rest = after_markup(&rest[open..]);
    }
    text.push_str(rest);
    [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
        .iter()
        .fold(text, |text, (entity, character)| text.replace(entity, character))
}

/// What follows the tag, comment or hidden element that `html` begins with.
fn after_markup(html: &str) -> &str {
    if html.starts_with("<!--") {
        return after(html, "-->");
    }
    let name = html[1..].split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("");
    if name.is_empty() && !html.starts_with("</") && !html.starts_with("<!") && !html.starts_with("<?") {
        return &html[1..];
    }
    let rest = after(html, ">");
    match HIDDEN.iter().find(|hidden| name.eq_ignore_ascii_case(hidden)) {
        Some(hidden) => from_closing_tag(rest, hidden),
        None => rest,
    }
}

fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    text.find(mark).map_or("", |at| &text[at + mark.len()..])
}

fn from_closing_tag<'a>(text: &'a str, name: &str) -> &'a str {
    let closing = format!("</{name}");
    text.to_ascii_lowercase().find(&closing).map_or("", |at| &text[at..])
}
