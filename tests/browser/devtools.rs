//! A Chromium without a window, driven by its DevTools protocol: JSON over a WebSocket over one of our streams.

use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

use corro::net::TcpStream;
use corro::process::{Child, Command, Stdio};
use corro::{sleep, spawn, timeout};
use tungstenite::{Message, WebSocket, client};

/// How long a browser may take for something. Only a failure takes as long.
const PATIENCE: Duration = Duration::from_secs(60);
const GREETING: &str = "DevTools listening on ws://";

pub(crate) struct Browser {
    child: Child,
    socket: WebSocket<TcpStream>,
    calls: u64,
    profile: PathBuf,
}

/// A page of the browser, by the number of the session with it.
pub(crate) struct Page(String);

impl Browser {
    pub(crate) fn start() -> Browser {
        let profile = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("browser-{}", std::process::id()));
        let mut child = Command::new("chromium")
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}", why_no_browser(&error)));
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let greeting = timeout(PATIENCE, || {
            lines.by_ref().map_while(Result::ok).find_map(|line| Some(line.strip_prefix(GREETING)?.to_owned()))
        });
        let address = greeting.expect("Chromium starts in time").expect("Chromium says where it listens");
        // It goes on complaining, and must not wait for somebody to listen.
        spawn(move || lines.map_while(Result::ok).for_each(drop));
        let stream = TcpStream::connect(address.split('/').next().expect("a host")).expect("Chromium listens");
        let (socket, _) = client(format!("ws://{address}"), stream).expect("Chromium speaks WebSocket");
        Browser { child, socket, calls: 0, profile }
    }

    /// Calls a method, and gives back the answer as it came.
    fn call(&mut self, page: Option<&Page>, method: &str, parameters: &str) -> String {
        self.calls += 1;
        let session = page.map_or(String::new(), |page| format!(r#""sessionId":"{}","#, page.0));
        let call = format!(r#"{{"id":{},{session}"method":"{method}","params":{{{parameters}}}}}"#, self.calls);
        self.socket.send(Message::text(call)).expect("Chromium takes a call");
        let beginning = format!(r#"{{"id":{},"#, self.calls);
        let answer = timeout(PATIENCE, || {
            loop {
                // Events come in between.
                match self.socket.read().expect("Chromium answers") {
                    Message::Text(text) if text.starts_with(&beginning) => return text.to_string(),
                    _ => {}
                }
            }
        });
        let answer = answer.expect("Chromium answers in time");
        assert!(!answer.contains(r#""error":{"#), "{method}: {answer}");
        answer
    }

    /// Opens a page, as wide as it is said. Each believes that it has the focus.
    pub(crate) fn open(&mut self, url: &str, width: u32) -> Page {
        let target = self.call(None, "Target.createTarget", r#""url":"about:blank""#);
        let attach = format!(r#""flatten":true,"targetId":"{}""#, field(&target, "targetId"));
        let page = Page(field(&self.call(None, "Target.attachToTarget", &attach), "sessionId"));
        let metrics = format!(r#""width":{width},"height":640,"deviceScaleFactor":1,"mobile":false"#);
        self.call(Some(&page), "Emulation.setDeviceMetricsOverride", &metrics);
        self.call(Some(&page), "Emulation.setFocusEmulationEnabled", r#""enabled":true"#);
        self.call(Some(&page), "Page.navigate", &format!(r#""url":{}"#, json(url)));
        page
    }

    /// Types a line where the page has its focus, and presses Enter.
    pub(crate) fn type_line(&mut self, page: &Page, text: &str) {
        self.call(Some(page), "Input.insertText", &format!(r#""text":{}"#, json(text)));
        for kind in ["keyDown", "keyUp"] {
            let enter = r#""key":"Enter","code":"Enter","windowsVirtualKeyCode":13,"text":"\r""#;
            self.call(Some(page), "Input.dispatchKeyEvent", &format!(r#""type":"{kind}",{enter}"#));
        }
    }

    /// Waits until a condition of JavaScript holds in the page.
    pub(crate) fn until(&mut self, page: &Page, condition: &str) {
        let expression = format!(r#""expression":{}"#, json(condition));
        let held = timeout(PATIENCE, || {
            while !self.call(Some(page), "Runtime.evaluate", &expression).contains(r#""value":true"#) {
                sleep(Duration::from_millis(20));
            }
        });
        if held.is_err() {
            let shown = self.call(Some(page), "Runtime.evaluate", r#""expression":"document.body.innerText""#);
            panic!("in vain is waited for {condition}; the page shows {shown}");
        }
    }

    pub(crate) fn close(mut self) {
        self.call(None, "Browser.close", "");
        timeout(PATIENCE, || self.child.wait()).expect("Chromium ends in time").expect("it is our child");
        fs::remove_dir_all(&self.profile).expect("the profile can be removed");
    }
}

fn why_no_browser(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "chromium is missing: apt-get install -y --no-install-recommends chromium".into(),
        _ => format!("chromium does not start: {error}"),
    }
}

/// A string of JSON.
fn json(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// The value of a field that is a string without escapes.
fn field(answer: &str, name: &str) -> String {
    let value = answer.split_once(&format!(r#""{name}":""#)).and_then(|(_, rest)| rest.split_once('"'));
    value.unwrap_or_else(|| panic!("{answer} has no {name}")).0.to_owned()
}
