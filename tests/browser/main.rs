//! The page of the example `chat` in a real browser.
//!
//! `cargo test --test browser -- --include-ignored`; Debian's package is `chromium`.

mod devtools;
#[path = "../programs/mod.rs"]
mod programs;

use std::io::{BufRead, BufReader};
use std::path::Path;

use corro::process::{Child, Command, Stdio};
use devtools::Browser;
use rustix::process::{Pid, Signal, kill_process};

/// A room, and its address.
fn open_room(chat: &Path, at: &str) -> (Child, String) {
    let mut room = Command::new(chat)
        .args(["--addr", at])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the example starts");
    let mut line = String::new();
    BufReader::new(room.stdout.as_mut().expect("piped")).read_line(&mut line).expect("it says something");
    let address = line.trim().strip_prefix("listens at ").expect("it says where it listens").to_owned();
    (room, address)
}

fn stop(mut room: Child) {
    let number = Pid::from_raw(room.id().try_into().expect("a small number")).expect("not zero");
    kill_process(number, Signal::INT).expect("it is our child");
    assert!(room.wait().expect("it is our child").success(), "the room ends as it should");
}

#[test]
#[ignore = "needs chromium"]
fn two_pages_talk_and_come_back() {
    let chat = programs::example("chat");
    corro::run(|| {
        let (room, address) = open_room(&chat, "127.0.0.1:0");
        let mut browser = Browser::start();
        let (ann, bob) =
            (browser.open(&format!("http://{address}/"), 360), browser.open(&format!("http://{address}/"), 1200));
        for (page, name) in [(&ann, "Ann"), (&bob, "Bob")] {
            browser.until(page, "document.activeElement.id === 'field'");
            browser.type_line(page, name);
            browser.until(page, &format!("state.textContent.startsWith('{name}, ')"));
        }
        browser.until(&ann, "state.textContent === 'Ann, 2 here'");
        browser.until(&ann, "lines.lastElementChild.innerText === 'Bob has come'");
        browser.until(&ann, "lines.querySelector('.news bdi').textContent === 'Bob'");

        browser.type_line(&ann, "hello, Bob");
        let last = "lines.lastElementChild";
        browser.until(&bob, &format!("{last}.innerText === 'Ann\\nhello, Bob' && {last}.className === 'said'"));
        browser.until(&ann, &format!("{last}.className === 'said own'"));

        let markup = "<script>document.title = 1</script><b id='bold'>&amp;</b>";
        browser.type_line(&bob, markup);
        browser.until(&ann, &format!("{last}.lastElementChild.textContent === \"{markup}\""));
        browser.until(&ann, "!document.getElementById('bold') && document.title === 'corro chat'");
        for page in [&ann, &bob] {
            browser.until(page, "document.documentElement.scrollWidth <= innerWidth");
        }

        stop(room);
        for page in [&ann, &bob] {
            browser.until(page, "state.textContent.startsWith('disconnected: the server stops')");
        }
        let (room, _) = open_room(&chat, &address);
        for (page, name) in [(&ann, "Ann"), (&bob, "Bob")] {
            browser.until(page, &format!("state.textContent === '{name}, 2 here'"));
        }
        stop(room);
        browser.close();
    });
}
