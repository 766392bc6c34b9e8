//! `redis`: its commands, its parser and its pipelines on a connection of ours, to a real server.

use std::path::PathBuf;
use std::time::Duration;

use corro::net::{TcpStream, UnixStream};
use corro::{channel, spawn};
use redis::{Cmd, Commands, ConnectionLike, Msg, RedisError, cmd, pipe};

use crate::counterpart::{Folder, Server, program, words};
use crate::redis_connection::Connection;
use crate::{PATIENCE, everywhere};

/// A server of its own, with nothing in it; it ends when this is dropped.
struct Redis {
    port: u16,
    socket: PathBuf,
    // In this order: the server ends before its folder.
    _server: Server,
    _folder: Folder,
}

impl Redis {
    fn start() -> Redis {
        let redis = program("redis-server", "redis-server");
        let folder = Folder::new();
        let files = folder.path().to_owned();
        let socket = files.join("socket");
        let (server, port) = Server::start_at_port(|port| {
            let port = port.to_string();
            let place = words![redis, "--bind", "127.0.0.1", "--port", port, "--unixsocket", socket];
            let files = words!["--dir", files, "--save", "", "--appendonly", "no"];
            Server::start(&[place, files].concat(), "Ready to accept connections", "KILL")
        });
        Redis { port, socket, _server: server, _folder: folder }
    }

    fn connect(&self) -> Connection<TcpStream> {
        Connection::connect(&format!("127.0.0.1:{}", self.port), PATIENCE).unwrap()
    }

    /// Runs a test everywhere, each time with nothing in the server.
    fn everywhere(body: impl Fn(&Redis) + Send + Sync) {
        let redis = Redis::start();
        everywhere(|| {
            cmd("FLUSHALL").exec(&mut redis.connect()).unwrap();
            body(&redis);
        });
    }
}

/// Waits until the server has so many clients that wait for a list.
fn blocked(connection: &mut impl ConnectionLike, count: usize) {
    let wanted = format!("blocked_clients:{count}\r\n");
    while !cmd("INFO").arg("clients").query::<String>(connection).unwrap().contains(&wanted) {
        corro::yield_now();
    }
}

/// Waits for the next entry, for ever.
fn pop(list: &str) -> Cmd {
    let mut pop = cmd("BLPOP");
    pop.arg(list).arg(0);
    pop
}

fn set_and_get(connection: &mut impl ConnectionLike) {
    let _: () = connection.set("number", 42).unwrap();
    assert_eq!(connection.get::<_, i64>("number").unwrap(), 42);
    assert_eq!(connection.get::<_, Option<String>>("nothing").unwrap(), None);
    let long = vec![b'x'; 1 << 20];
    let _: () = connection.set("long", &long).unwrap();
    assert!(connection.get::<_, Vec<u8>>("long").unwrap() == long);
    let error: RedisError = connection.lpush::<_, _, ()>("number", 1).unwrap_err();
    assert_eq!(error.code(), Some("WRONGTYPE"), "{error}");
    assert!(connection.check_connection(), "an error of the server leaves the connection as it was");
}

#[test]
#[ignore = "needs redis-server"]
fn values_are_set_and_read() {
    Redis::everywhere(|redis| {
        set_and_get(&mut redis.connect());
        set_and_get(&mut Connection::new(UnixStream::connect(&redis.socket).unwrap()));
    });
}

#[test]
#[ignore = "needs redis-server"]
fn pipelines_of_several_tasks() {
    Redis::everywhere(|redis| {
        let tasks = [1, 2, 3, 4].map(|step: u64| {
            let mut connection = redis.connect();
            spawn(move || {
                let mut many = pipe();
                for _ in 0..1000 {
                    many.incr("count", step).ignore();
                }
                many.cmd("ECHO").arg(step);
                let (echo,): (u64,) = many.query(&mut connection).unwrap();
                assert_eq!(echo, step);
            })
        });
        tasks.into_iter().for_each(|task| task.join().unwrap());
        let (count, gone): (u64, u64) = pipe().atomic().get("count").del("count").query(&mut redis.connect()).unwrap();
        assert_eq!((count, gone), (10_000, 1));
    });
}

#[test]
#[ignore = "needs redis-server"]
fn one_task_waits_for_what_another_pushes() {
    Redis::everywhere(|redis| {
        let mut connection = redis.connect();
        let takers = [(); 5].map(|()| {
            let mut connection = redis.connect();
            spawn(move || pop("jobs").query::<(String, u64)>(&mut connection).unwrap())
        });
        blocked(&mut connection, 5);
        (0..5_u64).for_each(|job| connection.rpush("jobs", job).unwrap());
        let mut jobs = takers.map(|taker| taker.join().unwrap().1);
        jobs.sort();
        assert_eq!(jobs, [0, 1, 2, 3, 4]);
    });
}

/// The connection goes with the task, and the server takes no entry from the list for it.
#[test]
#[ignore = "needs redis-server"]
fn a_cancelled_task_takes_nothing() {
    Redis::everywhere(|redis| {
        let mut connection = redis.connect();
        let mut waiting = redis.connect();
        let taker = spawn(move || pop("jobs").query::<(String, u64)>(&mut waiting));
        blocked(&mut connection, 1);
        taker.cancel();
        assert!(taker.join().unwrap_err().is_cancelled());
        blocked(&mut connection, 0);
        let _: () = connection.rpush("jobs", 7).unwrap();
        assert_eq!(pop("jobs").query::<(String, u64)>(&mut connection).unwrap().1, 7);
    });
}

#[test]
#[ignore = "needs redis-server"]
fn what_is_published_reaches_all_who_listen() {
    Redis::everywhere(|redis| {
        let (sender, receiver) = channel::unbounded();
        let listeners = [(); 3].map(|()| {
            let (mut connection, sender) = (redis.connect(), sender.clone());
            spawn(move || {
                cmd("SUBSCRIBE").arg("news").exec(&mut connection).unwrap();
                sender.send(()).unwrap();
                let texts = (0..100).map(|_| Msg::from_value(&connection.receive().unwrap()).unwrap().get_payload());
                texts.collect::<Result<Vec<u32>, _>>().unwrap()
            })
        });
        listeners.iter().for_each(|_| receiver.recv().unwrap());
        let mut connection = redis.connect();
        for number in 0..100 {
            let heard: usize = connection.publish("news", number).unwrap();
            assert_eq!(heard, 3);
        }
        for listener in listeners {
            assert!(listener.join().unwrap().into_iter().eq(0..100));
        }
    });
}

#[test]
#[ignore = "needs redis-server"]
fn a_server_that_cuts_off_is_an_error() {
    Redis::everywhere(|redis| {
        let mut waiting = redis.connect();
        let id: u64 = cmd("CLIENT").arg("ID").query(&mut waiting).unwrap();
        let taker = spawn(move || {
            let error = pop("jobs").query::<(String, u64)>(&mut waiting).unwrap_err();
            assert!(!waiting.is_open());
            error
        });
        let mut connection = redis.connect();
        blocked(&mut connection, 1);
        let killed: usize = cmd("CLIENT").arg("KILL").arg("ID").arg(id).query(&mut connection).unwrap();
        assert_eq!(killed, 1);
        let error = taker.join().unwrap();
        assert!(error.is_connection_dropped(), "{error}");

        let stream = TcpStream::connect(("127.0.0.1", redis.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let mut waiting = Connection::new(stream);
        let late = pop("jobs").exec(&mut waiting).unwrap_err();
        assert!(late.is_timeout(), "{late}");
        // The answer that comes now is not for another command.
        let _: () = connection.rpush("jobs", 7).unwrap();
        assert!(!waiting.is_open() && !waiting.check_connection());
    });
}
