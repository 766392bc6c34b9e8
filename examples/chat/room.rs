//! The room: who is there, what was said, and telling it to all.
//!
//! What the page is told are lines of fields with tabs between them; a message has one or more:
//!
//! ```text
//! welcome  how many are here  characters of a line  your name
//! joined   how many are here  name
//! left     how many are here  name
//! said     name               text
//! ```

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use corro::CancelToken;
use corro::channel::Sender;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, Utf8Bytes};

use crate::limits::Limits;

pub(crate) struct Room<'a> {
    limits: Limits,
    is_stopping: &'a (dyn Fn() -> bool + Sync),
    /// A lock of `std` will do: nobody waits while it is held, since `try_send` does not.
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    members: BTreeMap<u64, Member>,
    next: u64,
    history: VecDeque<String>,
}

struct Member {
    name: String,
    queue: Sender<Message>,
    /// Ends its reading, when it is too slow.
    dismissal: CancelToken,
}

/// A goodbye: why a member has to go.
pub(crate) fn goodbye(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: Utf8Bytes::from_static(reason) }
}

pub(crate) fn too_slow() -> CloseFrame {
    goodbye(CloseCode::Policy, "what you were sent was not taken")
}

impl<'a> Room<'a> {
    pub(crate) fn new(limits: Limits, is_stopping: &'a (dyn Fn() -> bool + Sync)) -> Room<'a> {
        Room { limits, is_stopping, inside: Mutex::default() }
    }

    /// Whether all have to go.
    pub(crate) fn is_stopping(&self) -> bool {
        (self.is_stopping)()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets somebody in. The welcome and the history come first in its queue, and nothing is lost or told twice between
    /// them and what is said next: all happens under the lock.
    pub(crate) fn enter(
        &self,
        wish: &str,
        queue: &Sender<Message>,
        dismissal: &CancelToken,
    ) -> Result<Seat<'_>, CloseFrame> {
        let wish = to_be_seen(wish);
        if !(1..=self.limits.name).contains(&wish.chars().count()) {
            return Err(goodbye(CloseCode::Policy, "the name is empty or too long"));
        }
        let mut inside = self.inside();
        if inside.members.len() >= self.limits.members {
            return Err(goodbye(CloseCode::Again, "the room is full"));
        }
        let name = inside.free_name(&wish);
        let here = inside.members.len() + 1;
        let welcome = format!("welcome\t{here}\t{}\t{name}", self.limits.text);
        queue.try_send(inside.with_history(welcome)).map_err(|_| too_slow())?;
        inside.tell(&format!("joined\t{here}\t{name}"));
        let number = inside.next;
        inside.next += 1;
        let member = Member { name: name.clone(), queue: queue.clone(), dismissal: dismissal.clone() };
        inside.members.insert(number, member);
        Ok(Seat { room: self, number, name })
    }
}

impl Inside {
    /// The name, with a number if another has it. Names that differ in case alone are one.
    fn free_name(&self, wish: &str) -> String {
        let taken: HashSet<_> = self.members.values().map(|member| member.name.to_lowercase()).collect();
        let numbered = (2..).map(|number| format!("{wish} {number}"));
        let mut names = std::iter::once(wish.to_owned()).chain(numbered);
        names.find(|name| !taken.contains(&name.to_lowercase())).expect("there are more numbers than members")
    }

    fn with_history(&self, mut welcome: String) -> Message {
        for line in &self.history {
            welcome.push('\n');
            welcome.push_str(line);
        }
        Message::text(welcome)
    }

    /// Tells all. Who has no room in the queue is dismissed, and told no more.
    fn tell(&self, line: &str) {
        let message = Utf8Bytes::from(line);
        for member in self.members.values().filter(|member| !member.dismissal.is_cancelled()) {
            if member.queue.try_send(Message::Text(message.clone())).is_err() {
                member.dismissal.cancel();
            }
        }
    }
}

/// A place in the room. Dropping it is leaving.
pub(crate) struct Seat<'a> {
    room: &'a Room<'a>,
    number: u64,
    name: String,
}

impl Seat<'_> {
    pub(crate) fn say(&self, text: &str) -> Result<(), CloseFrame> {
        let (text, limits) = (one_line(text), &self.room.limits);
        if text.chars().count() > limits.text {
            return Err(goodbye(CloseCode::Size, "the line is too long"));
        }
        if text.is_empty() {
            return Ok(());
        }
        let line = format!("said\t{}\t{text}", self.name);
        let mut inside = self.room.inside();
        inside.tell(&line);
        inside.history.push_back(line);
        if inside.history.len() > limits.history {
            inside.history.pop_front();
        }
        Ok(())
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut inside = self.room.inside();
        inside.members.remove(&self.number);
        inside.tell(&format!("left\t{}\t{}", inside.members.len(), self.name));
    }
}

/// A name without what cannot be seen, or changes the order of what can: by that one name could pass for another.
fn to_be_seen(name: &str) -> String {
    let seen = name.replace(is_invisible, "").replace(char::is_control, " ");
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What Unicode says is to be ignored where it is not known (`Default_Ignorable_Code_Point`), and three marks of notes. The
/// joiners among them are needed in some scripts, and so stay in what is said.
fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The text without what would end a line or a field.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ").trim().to_owned()
}
