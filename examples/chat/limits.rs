//! What a member may do at most, and the options that say so.

use std::fmt::Display;
use std::process::exit;
use std::str::FromStr;
use std::time::Duration;

use crate::server::Settings;

/// See the help for each.
#[derive(Clone)]
pub(crate) struct Limits {
    pub(crate) text: usize,
    pub(crate) name: usize,
    pub(crate) members: usize,
    pub(crate) queue: usize,
    pub(crate) rate: u32,
    pub(crate) history: usize,
    pub(crate) head: Duration,
    pub(crate) ping: Duration,
    pub(crate) farewell: Duration,
    pub(crate) hosts: Vec<String>,
    pub(crate) origins: Vec<String>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            text: 1000,
            name: 24,
            members: 1000,
            queue: 128,
            rate: 10,
            history: 50,
            head: Duration::from_secs(10),
            ping: Duration::from_secs(20),
            farewell: Duration::from_secs(2),
            hosts: Vec::new(),
            origins: Vec::new(),
        }
    }
}

const ABOUT: &str = "chat: a room that one enters with a browser.
  --text N         characters of a line; 1000 if nothing is said
  --name N         characters of a name; 24
  --members N      members at once; 1000
  --queue N        lines that a member may lag behind before it has to go; 128
  --rate N         lines of one member in a second: faster ones are read more slowly; 10
  --history N      lines that a newcomer is shown; 50
  --head S         seconds for the head of a request, and for saying one's name; 10
  --ping S         asks who says nothing for so many seconds, and lets go who is silent for as long again; 20
  --farewell S     seconds to take what was said and the goodbye, before the connection is cut; 2
  --hosts A,B      names that the server has, such as chat.example; else localhost and addresses only
  --origins A,B    pages of these origins may enter too, such as https://chat.example; else only our own may";

const NAMES: [&str; 11] =
    ["text", "name", "members", "queue", "rate", "history", "head", "ping", "farewell", "hosts", "origins"];

/// What the command line says.
pub(crate) fn parse() -> (Settings, Limits) {
    let mut words: [String; NAMES.len()] = Default::default();
    let mut options: Vec<_> = NAMES.into_iter().zip(&mut words).collect();
    let settings = Settings::parse(ABOUT, "127.0.0.1:7010", &mut options);
    let mut limits = Limits::default();
    for (name, word) in NAMES.into_iter().zip(&words).filter(|(_, word)| !word.is_empty()) {
        if let Err(expected) = limits.set(name, word) {
            eprintln!("--{name} {word}: {expected}; --help tells which options there are");
            exit(2);
        }
    }
    (settings, limits)
}

impl Limits {
    fn set(&mut self, name: &str, word: &str) -> Result<(), String> {
        match name {
            "text" => self.text = number(word, 1, 100_000)?,
            "name" => self.name = number(word, 1, 1000)?,
            "members" => self.members = number(word, 1, 1_000_000)?,
            "queue" => self.queue = number(word, 1, 100_000)?,
            "rate" => self.rate = number(word, 1, 1_000_000)?,
            "history" => self.history = number(word, 0, 10_000)?,
            "head" => self.head = seconds(word)?,
            "ping" => self.ping = seconds(word)?,
            "farewell" => self.farewell = seconds(word)?,
            "hosts" => self.hosts = words(word),
            _ => self.origins = words(word),
        }
        Ok(())
    }

    /// Bytes of the longest message that can be right: UTF-8 has four for a character at most.
    pub(crate) fn message_bytes(&self) -> usize {
        4 * self.text.max(self.name)
    }
}

fn words(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}

fn number<N: FromStr + PartialOrd + Display>(word: &str, least: N, most: N) -> Result<N, String> {
    let number = word.parse().ok().filter(|number| (&least..=&most).contains(&number));
    number.ok_or_else(|| format!("a number from {least} to {most} is expected"))
}

fn seconds(word: &str) -> Result<Duration, String> {
    number(word, 0.001, 86_400.0).map(Duration::from_secs_f64)
}
