//! `postgres-protocol`: its messages and its SCRAM on a connection of ours, to a real server.

mod client;
mod server;

use std::io::{Read, Write};
use std::sync::Arc;

use corro::net::{TcpStream, UnixStream};
use corro::sync::Barrier;
use corro::{channel, spawn};

use self::client::{Client, Failure};
use self::server::{PASSWORD, Postgres};
use crate::everywhere;

/// The first value of the first row.
fn first(rows: &[Vec<Option<String>>]) -> &str {
    rows[0][0].as_deref().unwrap()
}

fn values<S: Read + Write>(client: &mut Client<S>) {
    let rows = client.query("select n, n * n from generate_series(1, 3) n; select 'and another'").unwrap();
    let rows: Vec<Vec<_>> = rows.iter().map(|row| row.iter().flatten().map(String::as_str).collect()).collect();
    assert_eq!(rows, [vec!["1", "1"], vec!["2", "4"], vec!["3", "9"], vec!["and another"]]);

    let row = client.execute("select $1 || '!', $2::int + 1, $3::text", &[Some("Grüße; '\""), Some("41"), None]);
    assert_eq!(row.unwrap(), [[Some("Grüße; '\"!".to_owned()), Some("42".to_owned()), None]]);

    let error = client.query("select 1 / 0").unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (Some("22012"), "22012: division by zero"));
    let error = client.execute("select $1::int", &[Some("no number")]).unwrap_err();
    assert_eq!(error.code(), Some("22P02"), "{error}");
    assert_eq!(first(&client.query("select 'goes on'").unwrap()), "goes on");

    let long = "x".repeat(3_000_000);
    let back = client.execute("select reverse($1 || 'y')", &[Some(&long)]).unwrap();
    assert!(first(&back).strip_prefix('y') == Some(&long));
    assert_eq!(client.query("select generate_series(1, 50000)").unwrap().len(), 50_000);
}

#[test]
#[ignore = "needs postgresql"]
fn queries_are_answered() {
    let postgres = Postgres::shared();
    everywhere(|| values(&mut postgres.connect()));
}

#[test]
#[ignore = "needs postgresql"]
fn queries_are_answered_through_a_unix_socket() {
    let postgres = Postgres::shared();
    everywhere(|| {
        let stream = UnixStream::connect(postgres.socket()).unwrap();
        values(&mut Client::new(stream, server::USER, PASSWORD).unwrap());
    });
}

#[test]
#[ignore = "needs postgresql"]
fn a_wrong_password_is_refused() {
    let postgres = Postgres::shared();
    everywhere(|| {
        let stream = TcpStream::connect(postgres.address()).unwrap();
        let error = Client::new(stream, server::USER, "guessed").err().expect("it is refused");
        assert_eq!(error.code(), Some("28P01"), "{error}");
    });
}

/// None asks before all are connected.
#[test]
#[ignore = "needs postgresql"]
fn ten_connections_at_once() {
    let postgres = Postgres::shared();
    everywhere(|| {
        let all = Arc::new(Barrier::new(10));
        let tasks: Vec<_> = (0..10)
            .map(|number: u32| {
                let (postgres, all) = (postgres.clone(), all.clone());
                spawn(move || {
                    let mut client = postgres.connect();
                    all.wait();
                    for _ in 0..20 {
                        let text = number.to_string();
                        assert_eq!(first(&client.execute("select $1::int", &[Some(&text)]).unwrap()), text);
                    }
                    client.process()
                })
            })
            .collect();
        let mut processes: Vec<_> = tasks.into_iter().map(|task| task.join().unwrap()).collect();
        processes.sort();
        processes.dedup();
        assert_eq!(processes.len(), 10, "each has a process of its own");
    });
}

/// Waits until the process of a connection sleeps, or does not any more.
fn until<S: Read + Write>(client: &mut Client<S>, process: i32, sleeps: bool) {
    let query = format!("select count(*) from pg_stat_activity where pid = {process} and wait_event = 'PgSleep'");
    while (first(&client.query(&query).unwrap()) == "1") != sleeps {
        corro::yield_now();
    }
}

#[test]
#[ignore = "needs postgresql"]
fn one_that_sleeps_does_not_stop_the_others() {
    let postgres = Postgres::shared();
    everywhere(|| {
        let (mut client, mut sleeping) = (postgres.connect(), postgres.connect());
        let (process, key) = (sleeping.process(), sleeping.key());
        let sleeper = spawn(move || {
            let error = sleeping.query("select pg_sleep(10000)").unwrap_err();
            (error, first(&sleeping.query("select 'awake'").unwrap()).to_owned())
        });
        until(&mut client, process, true);
        let others = [(); 3].map(|()| {
            let postgres = postgres.clone();
            spawn(move || first(&postgres.connect().query("select 'here'").unwrap()).to_owned())
        });
        assert_eq!(others.map(|other| other.join().unwrap()), ["here"; 3]);
        assert!(!sleeper.is_finished());

        client::cancel(TcpStream::connect(postgres.address()).unwrap(), process, key).unwrap();
        let (error, awake) = sleeper.join().unwrap();
        assert_eq!((error.code(), awake.as_str()), (Some("57014"), "awake"));
    });
}

/// The connection goes with the task, and the server's process goes with the connection.
#[test]
#[ignore = "needs postgresql"]
fn a_cancelled_task_leaves_nothing_behind() {
    let postgres = Postgres::shared();
    everywhere(|| {
        let (mut client, mut sleeping) = (postgres.connect(), postgres.connect());
        let process = sleeping.process();
        let sleeper = spawn(move || sleeping.query("select pg_sleep(10000)"));
        until(&mut client, process, true);
        sleeper.cancel();
        assert!(sleeper.join().unwrap_err().is_cancelled());
        until(&mut client, process, false);
    });
}

#[test]
#[ignore = "needs postgresql"]
fn one_task_is_told_what_another_notifies() {
    let postgres = Postgres::shared();
    everywhere(|| {
        let (sender, receiver) = channel::unbounded();
        let mut listening = postgres.connect();
        let channel = format!("channel_{}", listening.process());
        listening.query(&format!("listen {channel}")).unwrap();
        let listener = spawn(move || (0..50).for_each(|_| sender.send(listening.notification().unwrap()).unwrap()));
        let mut client = postgres.connect();
        for number in 0..50 {
            client.query(&format!("notify {channel}, '{number}'")).unwrap();
            assert_eq!(receiver.recv().unwrap(), number.to_string());
        }
        listener.join().unwrap();
    });
}

#[test]
#[ignore = "needs postgresql"]
fn a_server_that_cuts_off_is_an_error() {
    let postgres = Postgres::shared();
    everywhere(|| {
        let (mut client, mut other) = (postgres.connect(), postgres.connect());
        let ended = client.query(&format!("select pg_terminate_backend({}, 60000)", other.process())).unwrap();
        assert_eq!(first(&ended), "t");
        // It may still say why before it goes.
        match other.query("select 1").unwrap_err() {
            Failure::Server { code, .. } => assert_eq!(code, "57P01"),
            Failure::Io(_cut_off) => {}
        }
    });
}
