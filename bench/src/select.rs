//! A select over channels of which a random one has something: one task sends to it and waits for an answer, the other
//! selects.

use std::thread;
use std::time::Instant;

use corro::channel::{self, Receiver, Sender};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::peers::{self, CORRO};
use crate::{Entry, entry};

pub fn entries(quick: bool) -> Vec<Entry> {
    let rounds = if quick { 10_000 } else { 300_000 };
    let mut entries = Vec::new();
    for peer in CORRO.into_iter().filter(|peer| !peer.ends_with("2w")) {
        entries.push(entry(peer, "ns_2", move || peers::corro(peer, || corro_macro(rounds))));
        entries.push(entry(peer, "ns_64", move || peers::corro(peer, || corro_list(64, rounds))));
        entries.push(entry(peer, "ns_2_list", move || peers::corro(peer, || corro_list(2, rounds))));
    }
    for (metric, channels) in [("ns_2", 2), ("ns_64", 64)] {
        entries.push(entry("crossbeam_threads", metric, move || crossbeam(channels, rounds / 16)));
        entries.push(entry("flume_threads", metric, move || flume(channels, rounds / 16)));
    }
    entries.push(entry("tokio_ct", "ns_2", move || peers::tokio("tokio_ct", tokio_2(rounds / 4))));
    entries.push(entry("tokio_ct", "ns_64", move || peers::tokio("tokio_ct", tokio_64(rounds / 4))));
    entries.extend(peers::foreign("go_1w", "select_2", rounds, &["ns_2"]));
    entries.extend(peers::foreign("go_1w", "select_64", rounds / 8, &["ns_64"]));
    entries
}

fn numbers(below: usize) -> impl FnMut() -> usize {
    let mut random = fastrand::Rng::with_seed(1);
    move || random.usize(..below)
}

type Ends = (Vec<Sender<usize>>, Vec<Receiver<usize>>);

/// Sends to a random channel and waits for the answer, so many times.
fn drive(senders: &[Sender<usize>], answers: &Receiver<usize>, rounds: usize) -> f64 {
    let mut number = numbers(senders.len());
    let start = Instant::now();
    for round in 0..rounds {
        senders[number()].send(round).expect("the other side is there");
        assert_eq!(answers.recv(), Ok(round));
    }
    start.elapsed().as_nanos() as f64 / rounds as f64
}

fn corro_macro(rounds: usize) -> f64 {
    let ((a, from_a), (b, from_b)) = (channel::bounded(1), channel::bounded(1));
    let (answer, answers) = channel::bounded(1);
    let selector = corro::spawn(move || {
        loop {
            let message = corro::select! { recv(from_a) -> message => message, recv(from_b) -> message => message };
            match message {
                Ok(round) => answer.send(round).expect("the other side is there"),
                Err(_closed) => return,
            }
        }
    });
    let ns = drive(&[a, b], &answers, rounds);
    selector.join().expect("it ends");
    ns
}

fn corro_list(channels: usize, rounds: usize) -> f64 {
    let (senders, receivers): Ends = (0..channels).map(|_| channel::bounded(1)).unzip();
    let (answer, answers) = channel::bounded(1);
    let selector = corro::spawn(move || {
        let mut select = corro::select::Select::new();
        receivers.iter().for_each(|receiver| select.recv(receiver, |message| message));
        while let Ok(round) = select.wait() {
            answer.send(round).expect("the other side is there");
        }
    });
    let ns = drive(&senders, &answers, rounds);
    drop(senders);
    selector.join().expect("it ends");
    ns
}

fn crossbeam(channels: usize, rounds: usize) -> f64 {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..channels).map(|_| crossbeam_channel::bounded(1)).unzip();
    let (answer, answers) = crossbeam_channel::bounded(1);
    let selector = thread::spawn(move || {
        let mut select = crossbeam_channel::Select::new();
        for receiver in &receivers {
            select.recv(receiver);
        }
        loop {
            let operation = select.select();
            let index = operation.index();
            match operation.recv(&receivers[index]) {
                Ok(round) => answer.send(round).expect("the other side is there"),
                Err(_closed) => return,
            }
        }
    });
    let mut number = numbers(channels);
    let start = Instant::now();
    for round in 0..rounds {
        senders[number()].send(round).expect("the other side is there");
        assert_eq!(answers.recv(), Ok(round));
    }
    let ns = start.elapsed().as_nanos() as f64 / rounds as f64;
    drop(senders);
    selector.join().expect("it ends");
    ns
}

fn flume(channels: usize, rounds: usize) -> f64 {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..channels).map(|_| flume::bounded(1)).unzip();
    let (answer, answers) = flume::bounded(1);
    let selector = thread::spawn(move || {
        loop {
            let selector =
                receivers.iter().fold(flume::Selector::new(), |selector, receiver| selector.recv(receiver, |got| got));
            match selector.wait() {
                Ok(round) => answer.send(round).expect("the other side is there"),
                Err(_closed) => return,
            }
        }
    });
    let mut number = numbers(channels);
    let start = Instant::now();
    for round in 0..rounds {
        senders[number()].send(round).expect("the other side is there");
        assert_eq!(answers.recv(), Ok(round));
    }
    let ns = start.elapsed().as_nanos() as f64 / rounds as f64;
    drop(senders);
    selector.join().expect("it ends");
    ns
}

type TokioEnds = (Vec<tokio::sync::mpsc::Sender<usize>>, Vec<tokio::sync::mpsc::Receiver<usize>>);

async fn tokio_drive(
    senders: Vec<tokio::sync::mpsc::Sender<usize>>,
    mut answers: tokio::sync::mpsc::Receiver<usize>,
    rounds: usize,
) -> f64 {
    let mut number = numbers(senders.len());
    let start = Instant::now();
    for round in 0..rounds {
        senders[number()].send(round).await.expect("the other side is there");
        assert_eq!(answers.recv().await, Some(round));
    }
    start.elapsed().as_nanos() as f64 / rounds as f64
}

async fn tokio_2(rounds: usize) -> f64 {
    let (a, mut from_a) = tokio::sync::mpsc::channel(1);
    let (b, mut from_b) = tokio::sync::mpsc::channel(1);
    let (answer, answers) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let message = tokio::select! { message = from_a.recv() => message, message = from_b.recv() => message };
            match message {
                Some(round) if answer.send(round).await.is_ok() => {}
                _ => return,
            }
        }
    });
    tokio_drive(vec![a, b], answers, rounds).await
}

async fn tokio_64(rounds: usize) -> f64 {
    let (senders, receivers): TokioEnds = (0..64).map(|_| tokio::sync::mpsc::channel(1)).unzip();
    let (answer, answers) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        let next = |mut receiver: tokio::sync::mpsc::Receiver<usize>| async move { (receiver.recv().await, receiver) };
        let mut pending: FuturesUnordered<_> = receivers.into_iter().map(next).collect();
        while let Some((Some(round), receiver)) = pending.next().await {
            pending.push(next(receiver));
            if answer.send(round).await.is_err() {
                return;
            }
        }
    });
    tokio_drive(senders, answers, rounds).await
}
