//! The test: servers of our own, some of whose pages are slow, too long, or lead elsewhere.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use corro::net::{TcpListener, TcpStream};
use corro::{fs, scope, sleep};
use rustls::{ServerConnection, StreamOwned};

use crate::all::{Outcomes, fetch_all};
use crate::folder::Folder;
use crate::http::{Request, Response, serve};
use crate::identity::Identity;
use crate::options::{Options, url};
use crate::report;

const SLOW: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(4);
const LIMIT: usize = 100_000;
const GOOD: usize = 20;

fn answer(request: &Request, elsewhere: &str) -> Response {
    match request.path.as_str() {
        "/silent" => {
            sleep(Duration::MAX);
            Response::new(500, "")
        }
        "/slow" => {
            sleep(SLOW);
            Response::new(200, "slow")
        }
        "/elsewhere" => Response::redirect(elsewhere),
        "/round" => Response::redirect("/round"),
        "/fails" => Response::new(500, "it fails"),
        "/just" => Response::new(200, vec![b'x'; LIMIT]),
        "/long" => Response::new(200, vec![b'x'; LIMIT + 1]),
        path => Response::new(200, format!("this is {path}")),
    }
}

pub(crate) fn check() -> Result<i32, String> {
    try_check().map_err(|error| format!("the test cannot be run: {error}"))?
}

fn try_check() -> io::Result<Result<i32, String>> {
    let (plain, secret) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    let gone = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let bases = [
        format!("http://{}", plain.local_addr()?),
        format!("https://localhost:{}", secret.local_addr()?.port()),
        format!("http://{gone}"),
    ];
    let (folder, identity) = (Folder::new("pages")?, Identity::made_up().map_err(io::Error::other)?);
    let certificate = identity.pem().map_or("", |pem| &pem.certificate);
    let authority = folder.file("authority.pem", certificate.as_bytes())?;
    let (config, elsewhere) = (identity.config(&[]).map_err(io::Error::other)?, format!("{}/other", bases[1]));
    let encrypt = |stream: TcpStream| {
        let connection = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
        io::Result::Ok(StreamOwned::new(connection, stream))
    };
    let answer = |request: &Request| answer(request, &elsewhere);
    Ok(scope(|s| {
        s.spawn(|| attend(&plain, |stream| serve(stream, answer)));
        s.spawn(|| attend(&secret, |stream| serve(encrypt(stream)?, answer)));
        let outcome = fetch_and_check(&bases, folder.path(), authority);
        s.cancel();
        outcome
    }))
}

/// Serves until it is cancelled. Clients that go in the middle are part of the test.
fn attend(listener: &TcpListener, connection: impl Fn(TcpStream) -> io::Result<()> + Sync) {
    let connection = &connection;
    scope(|s| {
        for stream in listener.incoming().flatten() {
            s.spawn(move || connection(stream));
        }
    });
}

fn fetch_and_check([plain, secret, gone]: &[String; 3], folder: &Path, authority: PathBuf) -> Result<i32, String> {
    let failing = [
        (format!("{plain}/silent"), "too long"),
        (format!("{plain}/round"), "elsewhere too often"),
        (format!("{plain}/fails"), "answers 500"),
        (format!("{secret}/long"), "longer than"),
        (format!("{gone}/"), "refused"),
    ];
    let good = (0..GOOD).map(|number| format!("{}/../../{number}?a=b", if number % 2 == 0 { plain } else { secret }));
    let others = ["/elsewhere", "/slow", "/just"].map(|path| format!("{plain}{path}"));
    let texts = failing.iter().map(|(url, _)| url.clone()).chain(good).chain(others);
    let out = folder.join("pages");
    let options = Options {
        urls: texts.map(|text| url(&text)).collect::<Result<_, _>>()?,
        timeout: PATIENCE,
        limit: LIMIT,
        out: Some(out.clone()),
        authorities: vec![authority],
        ..Options::default()
    };
    let outcomes = fetch_all(&options)?;
    report(&outcomes);
    if outcomes.interrupted {
        return Ok(crate::INTERRUPTED);
    }
    check_outcomes(&outcomes, &failing)?;
    check_ports()?;
    let files = fs::read_dir(&out)
        .and_then(|files| files.collect::<Result<Vec<_>, _>>())
        .map_err(|error| format!("the pages are not there: {error}"))?;
    let wanted = GOOD + 3;
    if files.len() != wanted || outcomes.fetched != wanted {
        return Err(format!("{} pages in {} files, not {wanted}", outcomes.fetched, files.len()));
    }
    crate::say("all as it should be");
    Ok(0)
}

fn check_outcomes(outcomes: &Outcomes, failing: &[(String, &str)]) -> Result<(), String> {
    for (url, wanted) in failing {
        let failed = outcomes.failed.iter().find(|(failed, _)| failed == url.as_str());
        let why = failed.map_or("it did not fail", |(_, why)| why);
        if !why.contains(wanted) {
            return Err(format!("{url} should fail with {wanted:?}: {why}"));
        }
    }
    Ok(())
}

/// Ports of which parts are like the host or the user.
fn check_ports() -> Result<(), String> {
    let right = ["http://9", "http://9:", "http://9:9/", "http://[::1]:9", "http://a:b@9:99/", "http://9:99@9"];
    let wrong = ["http://9:99999/", "http://[::1]:99999", "http://9:9@9:99999", "http://a:99999", "http://:9@9:99999/"];
    for text in right {
        url(text)?;
    }
    match wrong.into_iter().find(|text| url(text).is_ok()) {
        Some(text) => Err(format!("{text} is taken for a URL")),
        None => Ok(()),
    }
}
