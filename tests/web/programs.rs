//! The programs as they are, against `curl` and `wrk`.

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use crate::built;
use crate::folder::Folder;

/// A server that is told to stop, and waited for, when it is dropped.
struct Server {
    child: Child,
    address: String,
    /// It goes on to print.
    _lines: Lines<BufReader<ChildStdout>>,
}

impl Server {
    /// Starts an example, at some port, that gives the files of the folder.
    fn start(example: &str, folder: &Folder, options: &[&str]) -> Server {
        let mut command = Command::new(built::example(example));
        command.args(["--addr", "127.0.0.1:0", "--dir", &folder.public()]).args(options);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the example runs");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let address = lines.find_map(|line| Some(line.ok()?.strip_prefix("listens at ")?.to_owned()));
        let address = address.expect("the server says where it listens");
        Server { child, address, _lines: lines }
    }

    fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://{}{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let told = Command::new("kill").arg(self.child.id().to_string()).status();
        let ended = self.child.wait();
        if !std::thread::panicking() {
            assert!(told.is_ok_and(|told| told.success()), "kill, of procps, runs");
            assert!(ended.is_ok_and(|ended| ended.success()), "the server ends well");
        }
    }
}

/// Runs a program to its end.
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = command.spawn();
    let mut child = started.unwrap_or_else(|error| panic!("{program}: {error}; `apt-get install {program}` brings it"));
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    // It may end before it has read all.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("it runs");
    writer.join().expect("it does not fail");
    output
}

/// What `curl` prints, which has to succeed within a minute.
fn curl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let output = run("curl", &[&["--silent", "--show-error", "--max-time", "60"], arguments].concat(), input);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "curl {arguments:?}: {} {told}", output.status);
    output.stdout
}

fn curl_text(arguments: &[&str]) -> String {
    String::from_utf8_lossy(&curl(arguments, b"")).into_owned()
}

#[test]
#[ignore = "needs curl"]
fn curl_gets_what_it_asks_for() {
    let folder = Folder::new().unwrap();
    let server = Server::start("http", &folder, &["--workers", "2"]);
    let hello = &server.url("http", "/hello")[..];
    let connects = curl_text(&["--write-out", " %{num_connects}\n", hello, hello, hello]);
    assert_eq!(connects.replace("Hello, world!", ""), " 1\n 0\n 0\n", "one connection for all");
    let head = curl_text(&["--head", hello]);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("\r\nContent-Length: 13\r\n"), "{head}");
    assert_eq!(curl_text(&["--http1.0", hello]), "Hello, world!");

    let big = fs::read(Path::new(&folder.public()).join("big.bin")).unwrap();
    let url = &server.url("http", "/big.bin")[..];
    assert!(curl(&[url], b"") == big);
    assert!(curl(&["--range", "1000-150000", url], b"") == big[1000..=150_000]);
    assert!(curl(&["--range", "-5", url], b"") == big[big.len() - 5..]);
    let url = &server.url("http", "/../secret.txt")[..];
    assert_eq!(curl_text(&["--path-as-is", url]), "404 Not Found");
    assert_eq!(curl_text(&["--location", &server.url("http", "/sub")]), "<p>below</p>");
}

#[test]
#[ignore = "needs curl"]
fn curl_has_a_megabyte_back() {
    let folder = Folder::new().unwrap();
    let server = Server::start("http", &folder, &["--loop"]);
    let data: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let url = &server.url("http", "/echo")[..];
    assert!(curl(&["--request", "POST", "--upload-file", "-", url], &data) == data, "in chunks");
    assert!(curl(&["--data-binary", "@-", url], &data) == data, "with a length");
    let expects = ["--header", "Expect: 100-continue", "--data-binary", "@-", url];
    assert!(curl(&expects, &data) == data, "when it has been told to go on");
}

#[test]
#[ignore = "needs curl"]
fn curl_trusts_the_certificate() {
    let folder = Folder::new().unwrap();
    let file = Path::new(&folder.public()).with_file_name("cert.pem");
    let file = file.to_str().expect("it is UTF-8");
    let server = Server::start("https", &folder, &["--write-cert", file]);
    let hello = &server.url("https", "/hello")[..];
    let data: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    assert_eq!(curl_text(&["--cacert", file, hello, hello]), "Hello, world!".repeat(2));
    let echo = &server.url("https", "/echo")[..];
    assert!(curl(&["--cacert", file, "--request", "POST", "--upload-file", "-", echo], &data) == data);
    let output = run("curl", &["--silent", hello], b"");
    assert_eq!(output.status.code(), Some(60), "who does not know the certificate does not trust it");
    assert_eq!(curl_text(&["--cacert", file, hello]), "Hello, world!", "and the others go on");
}

#[test]
#[ignore = "needs wrk"]
fn wrk_sees_no_errors() {
    let folder = Folder::new().unwrap();
    let server = Server::start("http", &folder, &["--workers", "2"]);
    for path in ["/hello", "/big.bin"] {
        // It goes by the clock on the wall: without the long timeout, an adjustment of that would look like one.
        let arguments = ["-t1", "-c64", "-d1s", "--timeout", "600s", &server.url("http", path)];
        let output = run("wrk", &arguments, b"");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("Requests/sec:"), "{text}");
        assert!(!text.contains("Socket errors") && !text.contains("Non-2xx"), "{text}");
    }
}
