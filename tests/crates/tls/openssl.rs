//! `rustls` on one side, the programs of OpenSSL on the other.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::SocketAddr;
use std::path::Path;

use corro::channel::Receiver;
use corro::net::TcpStream;
use corro::process::{Command, Stdio};
use corro::{channel, spawn};

use super::{client, client_config, close, read_all, say, server};
use crate::counterpart::{Folder, Server, program};
use crate::everywhere;
use crate::identity::Identity;
use crate::listening::Listening;

const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

/// `openssl s_client`, which fails if it does not trust the server. It closes at the end of its input.
fn s_client(to: SocketAddr, trusted: &Path, version: &str) -> Command {
    let mut command = Command::new(program("openssl", "openssl"));
    command.args(["s_client", "-quiet", "-no_ign_eof", "-verify_return_error", "-verify_hostname", "localhost"]);
    command.args([version, "-connect", &to.to_string()]).arg("-CAfile").arg(trusted);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs a test everywhere with a server of ours that says hello, the certificate by which it is trusted, and what becomes of
/// reading what each client sends.
fn with_greeter(test: impl Fn(&Listening, &Path, &Receiver<io::Result<Vec<u8>>>) + Send + Sync) {
    let identity = Identity::made_up().unwrap();
    let config = identity.config(&[]).unwrap();
    let folder = Folder::new();
    let trusted = folder.file("certificate.pem", identity.pem().unwrap().certificate.as_bytes());
    everywhere(|| {
        let (config, (sender, received)) = (config.clone(), channel::unbounded());
        let listening = Listening::new(move |stream| {
            let mut stream = server(stream, &config);
            say(&mut stream, b"hello\n");
            sender.send(read_all(&mut stream)).unwrap();
        });
        test(&listening, &trusted, &received);
    });
}

#[test]
#[ignore = "needs openssl"]
fn our_server_answers_clients_of_openssl() {
    with_greeter(|listening, trusted, received| {
        let text = b"a line\n".repeat(20_000);
        let clients: Vec<_> = VERSIONS
            .repeat(2)
            .into_iter()
            .map(|version| {
                let (mut command, text) = (s_client(listening.address, trusted, version), text.clone());
                spawn(move || {
                    let mut child = command.spawn().unwrap();
                    let mut stdout = BufReader::new(child.stdout.take().unwrap());
                    let mut line = String::new();
                    stdout.read_line(&mut line).unwrap();
                    let output = child.communicate(&text).unwrap();
                    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                    assert_eq!(line, "hello\n");
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
            assert!(received.recv().unwrap().unwrap() == text, "the server got it all, and the close");
        }
    });
}

#[test]
#[ignore = "needs openssl"]
fn our_server_sees_that_a_client_of_openssl_was_killed() {
    with_greeter(|listening, trusted, received| {
        let mut child = s_client(listening.address, trusted, "-tls1_3").spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut String::new()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let kind = received.recv().unwrap().unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{kind:?}");
    });
}

/// The server of OpenSSL takes its clients one after the other; ours wait in their handshakes meanwhile.
#[test]
#[ignore = "needs openssl"]
fn our_clients_ask_a_server_of_openssl() {
    let identity = Identity::made_up().unwrap();
    let config = client_config(&identity);
    for version in VERSIONS {
        let server = Server::openssl(&identity, &["-rev", version]);
        let address = server.address();
        everywhere(|| {
            let clients = ["one", "two", "three"].map(|word| {
                let config = config.clone();
                spawn(move || {
                    let mut stream = BufReader::new(client(TcpStream::connect(address).unwrap(), &config));
                    let mut line = String::new();
                    for _ in 0..3 {
                        say(stream.get_mut(), format!("{word}\n").as_bytes());
                        stream.read_line(&mut line).unwrap();
                    }
                    close!(stream.get_mut());
                    line
                })
            });
            let lines = clients.map(|client| client.join().unwrap());
            assert_eq!(lines, ["eno\n".repeat(3), "owt\n".repeat(3), "eerht\n".repeat(3)]);

            let mut stream = client(TcpStream::connect(address).unwrap(), &config);
            say(&mut stream, b"CLOSE\n");
            assert_eq!(read_all(&mut stream).unwrap(), b"", "it has closed as TLS wants it");
        });
    }
}
