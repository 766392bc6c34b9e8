//! `ureq` 3 on the connector of the examples: its own code for HTTP, pools, redirects, timeouts and TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use corro::net::{TcpListener, TcpStream};
use corro::sync::Barrier;
use corro::{channel, spawn};
use rustls::{ServerConnection, StreamOwned};
use ureq::config::{Config, ConfigBuilder};
use ureq::tls::Certificate;
use ureq::typestate::AgentScope;
use ureq::{Agent, Error, Timeout};

use crate::connector::{agent, trusting};
use crate::counterpart::{Folder, Server};
use crate::everywhere;
use crate::http::{Request, Response, serve};
use crate::identity::Identity;
use crate::listening::Listening;

/// Short, and nothing depends on how short.
const SHORT: Duration = Duration::from_millis(50);

fn plain() -> Agent {
    agent(Agent::config_builder().proxy(None).build())
}

fn tls(identity: &Identity) -> Agent {
    let certificate = Certificate::from_der(identity.certificate()).to_owned();
    agent(Agent::config_builder().proxy(None).tls_config(trusting(vec![certificate])).build())
}

fn get(agent: &Agent, url: &str) -> Result<String, Error> {
    agent.get(url).call()?.body_mut().read_to_string()
}

fn answer(request: &Request) -> Response {
    match request.path.as_str() {
        "/echo" => Response::new(200, request.body.clone()),
        "/moved" => Response::redirect("/hello"),
        "/round" => Response::redirect("/round"),
        "/long" => Response::new(200, vec![b'x'; 5_000_000]),
        "/hello" => Response::new(200, "hello"),
        _ => Response::new(404, "there is no such page"),
    }
}

/// Our server, and the number of connections it was asked for.
fn serving() -> (Listening, Arc<AtomicUsize>) {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    let listening = Listening::new(move |stream| {
        count.fetch_add(1, SeqCst);
        serve(stream, answer)
    });
    (listening, connections)
}

#[test]
fn a_connection_is_used_again() {
    everywhere(|| {
        let (listening, connections) = serving();
        let (agent, url) = (plain(), format!("http://{}", listening.address));
        for _ in 0..10 {
            assert_eq!(get(&agent, &format!("{url}/hello")).unwrap(), "hello");
            assert_eq!(get(&agent, &format!("{url}/moved")).unwrap(), "hello");
        }
        let text = "t".repeat(1_000_000);
        let mut echo = agent.post(format!("{url}/echo")).send(&text).unwrap();
        assert!(echo.body_mut().read_to_string().unwrap() == text);
        assert_eq!(get(&agent, &format!("{url}/long")).unwrap().len(), 5_000_000);
        assert_eq!(connections.load(SeqCst), 1);

        assert!(matches!(get(&agent, &format!("{url}/nothing")), Err(Error::StatusCode(404))));
        assert!(matches!(get(&agent, &format!("{url}/round")), Err(Error::TooManyRedirects)));
        let mut long = agent.get(format!("{url}/long")).call().unwrap();
        let cut = long.body_mut().with_config().limit(1000).read_to_vec();
        assert!(matches!(cut, Err(Error::BodyExceedsLimit(1000))));
    });
}

/// The server forgets the connection; `ureq` sees that and makes another.
#[test]
fn a_connection_that_was_closed_is_not_used_again() {
    everywhere(|| {
        let (sender, receiver) = channel::unbounded();
        let listening = Listening::new(move |stream| {
            let copy = stream.try_clone().unwrap();
            let mut once = false;
            let outcome = serve(copy, |request| {
                assert!(!once, "this one is to be closed");
                once = true;
                stream.shutdown(corro::net::Shutdown::Read).unwrap();
                answer(request)
            });
            outcome.unwrap();
            drop(stream);
            sender.send(()).unwrap();
        });
        let (agent, url) = (plain(), format!("http://{}/hello", listening.address));
        for _ in 0..3 {
            assert_eq!(get(&agent, &url).unwrap(), "hello");
            receiver.recv().unwrap();
        }
    });
}

/// None is answered before all have come: they are there at once, also on one thread.
#[test]
fn twenty_requests_at_once() {
    const COUNT: usize = 20;
    everywhere(|| {
        let all = Arc::new(Barrier::new(COUNT));
        let listening = Listening::new(move |stream| {
            let all = all.clone();
            serve(stream, move |request| {
                all.wait();
                Response::new(200, request.path.clone())
            })
        });
        let agent = plain();
        let requests: Vec<_> = (0..COUNT)
            .map(|number| {
                let (agent, url) = (agent.clone(), format!("http://{}/{number}", listening.address));
                spawn(move || get(&agent, &url).unwrap())
            })
            .collect();
        for (number, request) in requests.into_iter().enumerate() {
            assert_eq!(request.join().unwrap(), format!("/{number}"));
        }
    });
}

/// What a request with this timeout says of a server that takes it and never answers.
fn timed_out(url: &str, timeout: impl Fn(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>) -> Timeout {
    let config: Config = timeout(Agent::config_builder().proxy(None)).build();
    match get(&agent(config), url).unwrap_err() {
        Error::Timeout(which) => which,
        error => panic!("another error: {error}"),
    }
}

#[test]
fn timeouts_reach_our_streams() {
    everywhere(|| {
        let silent = Listening::new(|_stream| corro::sleep(Duration::MAX));
        let url = format!("http://{}/", silent.address);
        assert_eq!(timed_out(&url, |config| config.timeout_global(Some(SHORT))), Timeout::Global);
        assert_eq!(timed_out(&url, |config| config.timeout_per_read(Some(SHORT))), Timeout::PerRead);
        assert_eq!(timed_out(&url, |config| config.timeout_recv_response(Some(SHORT))), Timeout::RecvResponse);

        let secret = format!("https://{}/", silent.address);
        let handshake =
            |config: ConfigBuilder<AgentScope>| config.tls_config(trusting(Vec::new())).timeout_connect(Some(SHORT));
        assert_eq!(timed_out(&secret, handshake), Timeout::Connect);

        let body = "x".repeat(20_000_000);
        let config = Agent::config_builder().proxy(None).timeout_per_write(Some(SHORT)).build();
        let error = agent(config).post(&url).send(&body).unwrap_err();
        assert!(matches!(error, Error::Timeout(Timeout::PerWrite)), "{error}");
    });
}

#[test]
fn where_nobody_listens_is_an_error() {
    everywhere(|| {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = get(&plain(), &format!("http://{gone}/")).unwrap_err();
        assert!(matches!(&error, Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused), "{error}");
        let unknown = get(&plain(), "http://no-such-host.invalid/").unwrap_err();
        assert!(matches!(unknown, Error::Io(_) | Error::HostNotFound), "{unknown}");
    });
}

#[test]
fn a_cancelled_request_closes_its_connection() {
    everywhere(|| {
        let (asked, is_asked) = channel::unbounded();
        let (gone, is_gone) = channel::unbounded();
        let listening = Listening::new(move |mut stream: TcpStream| {
            asked.send(()).unwrap();
            gone.send(std::io::copy(&mut stream, &mut std::io::sink()).is_ok()).unwrap();
        });
        let (agent, url) = (plain(), format!("http://{}/", listening.address));
        let request = spawn(move || get(&agent, &url));
        is_asked.recv().unwrap();
        request.cancel();
        assert!(request.join().unwrap_err().is_cancelled());
        is_gone.recv().unwrap();
    });
}

#[test]
fn https_to_our_own_server() {
    let identity = Identity::made_up().unwrap();
    let config = identity.config(&[]).unwrap();
    everywhere(|| {
        let config = config.clone();
        let listening = Listening::new(move |stream| {
            let connection = ServerConnection::new(config.clone()).unwrap();
            serve(StreamOwned::new(connection, stream), answer)
        });
        let (agent, port) = (tls(&identity), listening.address.port());
        let requests = ["127.0.0.1", "localhost", "127.0.0.1", "localhost"].map(|host| {
            let (agent, url) = (agent.clone(), format!("https://{host}:{port}"));
            spawn(move || {
                assert_eq!(get(&agent, &format!("{url}/moved")).unwrap(), "hello");
                assert_eq!(get(&agent, &format!("{url}/long")).unwrap().len(), 5_000_000);
            })
        });
        requests.into_iter().for_each(|request| request.join().unwrap());
        let stranger =
            get(&tls(&Identity::made_up().unwrap()), &format!("https://127.0.0.1:{port}/hello")).unwrap_err();
        assert!(matches!(stranger, Error::Io(_) | Error::Rustls(_)), "{stranger}");
    });
}

#[test]
#[ignore = "needs openssl"]
fn https_to_a_server_of_openssl() {
    let identity = Identity::made_up().unwrap();
    let server = Server::openssl(&identity, &["-www"]);
    let url = format!("https://localhost:{}/", server.address().port());
    everywhere(|| {
        let agent = tls(&identity);
        let pages = [(); 4].map(|()| {
            let (agent, url) = (agent.clone(), url.clone());
            spawn(move || get(&agent, &url).unwrap())
        });
        for page in pages {
            let page = page.join().unwrap();
            assert!(page.contains("Protocol  : TLSv1.3") && page.contains("</HTML>"), "{page}");
        }
    });
}

#[test]
#[ignore = "needs python3"]
fn http_to_a_server_in_python() {
    let folder = Folder::new();
    folder.file("page", &vec![b'p'; 1_000_000]);
    let server = Server::python(&folder);
    let address = server.address();
    everywhere(|| {
        let agent = plain();
        let pages = [(); 8].map(|()| {
            let agent = agent.clone();
            spawn(move || get(&agent, &format!("http://{address}/page")).unwrap())
        });
        for page in pages {
            assert!(page.join().unwrap() == "p".repeat(1_000_000));
        }
        assert!(matches!(get(&agent, &format!("http://{address}/nothing")), Err(Error::StatusCode(404))));
    });
}
