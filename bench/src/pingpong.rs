//! A message to another task and its answer, over two channels.

use std::thread;
use std::time::Instant;

use corro::channel::{self, Receiver, Sender};
use corro::task::{Builder, Placement};

use crate::peers::{self, CORRO, MAY, SMOL, TOKIO};
use crate::{Entry, entry};

pub fn entries(quick: bool) -> Vec<Entry> {
    let trips = if quick { 20_000 } else { 500_000 };
    let mut entries = Vec::new();
    for (capacity, metric) in [(Some(0), "ns_cap_0"), (Some(1), "ns_cap_1"), (None, "ns_unbounded")] {
        for peer in CORRO {
            entries.push(entry(peer, metric, move || peers::corro(peer, move || corro(capacity, trips))));
        }
        entries.push(entry("corro_2w_apart", metric, move || peers::corro("corro_2w", || apart(capacity, trips / 4))));
        entries.push(entry("corro_thread", metric, move || corro_thread(capacity, trips / 8)));
        entries.push(entry("crossbeam_threads", metric, move || crossbeam(capacity, trips / 16)));
        entries.push(entry("flume_threads", metric, move || flume(capacity, trips / 16)));
    }
    for peer in TOKIO {
        entries.push(entry(peer, "ns_cap_1", move || peers::tokio(peer, tokio(trips / 4))));
        entries.push(entry(peer, "ns_unbounded", move || peers::tokio(peer, tokio_unbounded(trips / 4))));
    }
    for peer in SMOL {
        entries.push(entry(peer, "ns_cap_1", move || peers::smol(peer, move |executor| smol(executor, trips / 8))));
    }
    for peer in MAY {
        entries.push(peers::may(peer, &["ns_unbounded"], move || vec![may(trips / 8)]));
    }
    entries.extend(peers::go("pingpong_0", trips / 2, &["ns_cap_0"]));
    entries.extend(peers::go("pingpong_1", trips / 2, &["ns_cap_1"]));
    entries.extend(peers::foreign("boost_fiber", "pingpong_0", trips / 2, &["ns_cap_0"]));
    entries
}

fn corro_channel(capacity: Option<usize>) -> (Sender<usize>, Receiver<usize>) {
    capacity.map_or_else(channel::unbounded, channel::bounded)
}

/// The two tasks where `spawn` puts them.
fn corro(capacity: Option<usize>, trips: usize) -> f64 {
    let ((ping, pings), (pong, pongs)) = (corro_channel(capacity), corro_channel(capacity));
    let echo = corro::spawn(move || echo(&pings, &pong));
    let ns = corro::spawn(move || corro_trips(&ping, &pongs, trips)).join().expect("it ends");
    echo.join().expect("it ends");
    ns
}

/// The two tasks on two workers.
fn apart(capacity: Option<usize>, trips: usize) -> f64 {
    let ((ping, pings), (pong, pongs)) = (corro_channel(capacity), corro_channel(capacity));
    let spread = || Builder::new().placement(Placement::Spread);
    let echo = spread().spawn(move || {
        echo(&pings, &pong);
        thread::current().id()
    });
    let trips = spread().spawn(move || (corro_trips(&ping, &pongs, trips), thread::current().id()));
    let (ns, here) = trips.expect("a stack").join().expect("it ends");
    assert_ne!(echo.expect("a stack").join().expect("it ends"), here, "the two tasks are on one worker");
    ns
}

/// A task of a loop and a plain thread.
fn corro_thread(capacity: Option<usize>, trips: usize) -> f64 {
    let ((ping, pings), (pong, pongs)) = (corro_channel(capacity), corro_channel(capacity));
    let thread = thread::spawn(move || echo(&pings, &pong));
    let ns = corro::run(move || corro_trips(&ping, &pongs, trips));
    thread.join().expect("it ends");
    ns
}

fn echo(pings: &Receiver<usize>, pong: &Sender<usize>) {
    pings.iter().try_for_each(|ping| pong.send(ping)).expect("the other side is there");
}

fn corro_trips(ping: &Sender<usize>, pongs: &Receiver<usize>, trips: usize) -> f64 {
    let start = Instant::now();
    for trip in 0..trips {
        ping.send(trip).expect("the other side is there");
        assert_eq!(pongs.recv(), Ok(trip));
    }
    start.elapsed().as_nanos() as f64 / trips as f64
}

fn crossbeam(capacity: Option<usize>, trips: usize) -> f64 {
    let channel = || capacity.map_or_else(crossbeam_channel::unbounded, crossbeam_channel::bounded);
    let ((ping, pings), (pong, pongs)) = (channel(), channel());
    let echo = thread::spawn(move || pings.iter().try_for_each(|ping| pong.send(ping)));
    let start = Instant::now();
    for trip in 0..trips {
        ping.send(trip).expect("the other side is there");
        assert_eq!(pongs.recv(), Ok(trip));
    }
    let ns = start.elapsed().as_nanos() as f64 / trips as f64;
    drop(ping);
    echo.join().expect("it ends").expect("this side is there");
    ns
}

fn flume(capacity: Option<usize>, trips: usize) -> f64 {
    let channel = || capacity.map_or_else(flume::unbounded, flume::bounded);
    let ((ping, pings), (pong, pongs)) = (channel(), channel());
    let echo = thread::spawn(move || pings.iter().try_for_each(|ping| pong.send(ping)));
    let start = Instant::now();
    for trip in 0..trips {
        ping.send(trip).expect("the other side is there");
        assert_eq!(pongs.recv(), Ok(trip));
    }
    let ns = start.elapsed().as_nanos() as f64 / trips as f64;
    drop(ping);
    echo.join().expect("it ends").expect("this side is there");
    ns
}

async fn tokio(trips: usize) -> f64 {
    let (ping, mut pings) = tokio::sync::mpsc::channel(1);
    let (pong, mut pongs) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(ping) = pings.recv().await {
            pong.send(ping).await.expect("the other side is there");
        }
    });
    let start = Instant::now();
    for trip in 0..trips {
        ping.send(trip).await.expect("the other side is there");
        assert_eq!(pongs.recv().await, Some(trip));
    }
    start.elapsed().as_nanos() as f64 / trips as f64
}

async fn tokio_unbounded(trips: usize) -> f64 {
    let (ping, mut pings) = tokio::sync::mpsc::unbounded_channel();
    let (pong, mut pongs) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(ping) = pings.recv().await {
            pong.send(ping).expect("the other side is there");
        }
    });
    let start = Instant::now();
    for trip in 0..trips {
        ping.send(trip).expect("the other side is there");
        assert_eq!(pongs.recv().await, Some(trip));
    }
    start.elapsed().as_nanos() as f64 / trips as f64
}

async fn smol(executor: peers::Smol, trips: usize) -> f64 {
    let (ping, pings) = smol::channel::bounded(1);
    let (pong, pongs) = smol::channel::bounded(1);
    let echo = executor.spawn(async move {
        while let Ok(ping) = pings.recv().await {
            pong.send(ping).await.expect("the other side is there");
        }
    });
    let start = Instant::now();
    for trip in 0..trips {
        ping.send(trip).await.expect("the other side is there");
        assert_eq!(pongs.recv().await, Ok(trip));
    }
    let ns = start.elapsed().as_nanos() as f64 / trips as f64;
    drop(ping);
    echo.await;
    ns
}

fn may(trips: usize) -> f64 {
    let (ping, pings) = may::sync::mpsc::channel();
    let (pong, pongs) = may::sync::mpsc::channel();
    let echo = peers::may_spawn(move || pings.into_iter().try_for_each(|ping| pong.send(ping)));
    let main = peers::may_spawn(move || {
        let start = Instant::now();
        for trip in 0..trips {
            ping.send(trip).expect("the other side is there");
            assert_eq!(pongs.recv(), Ok(trip));
        }
        start.elapsed().as_nanos() as f64 / trips as f64
    });
    let ns = main.join().expect("it ends");
    echo.join().expect("it ends").expect("this side was there");
    ns
}
