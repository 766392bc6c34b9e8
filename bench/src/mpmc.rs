//! Four senders and four receivers at one channel of 1024 places.

use std::thread;
use std::time::Instant;

use crate::peers::{self, CORRO, MAY, SMOL};
use crate::{Entry, entry};

const ENDS: usize = 4;
const CAPACITY: usize = 1024;
const METRIC: &str = "ns_per_message";

pub fn entries(quick: bool) -> Vec<Entry> {
    let messages = if quick { 40_000 } else { 4_000_000 };
    let mut entries = Vec::new();
    for peer in CORRO {
        entries.push(entry(peer, METRIC, move || peers::corro(peer, || corro(messages))));
    }
    entries.push(entry("corro_threads", METRIC, move || corro_threads(messages / 4)));
    entries.push(entry("tokio_2w", METRIC, move || peers::tokio("tokio_2w", tokio(messages / 8))));
    entries.push(entry(SMOL[1], METRIC, move || peers::smol(SMOL[1], |executor| smol(executor, messages / 8))));
    entries.push(peers::may(MAY[1], &[METRIC], move || vec![may(messages / 8)]));
    entries.push(entry("crossbeam_threads", METRIC, move || crossbeam(messages)));
    entries.push(entry("flume_threads", METRIC, move || flume(messages / 4)));
    entries.extend(peers::go("mpmc", messages, &[METRIC]));
    entries
}

fn each(start: Instant, messages: usize, received: usize) -> f64 {
    assert_eq!(received, messages, "messages were lost or doubled");
    start.elapsed().as_nanos() as f64 / messages as f64
}

fn corro(messages: usize) -> f64 {
    let (tx, rx) = corro::channel::bounded::<u64>(CAPACITY);
    let start = Instant::now();
    let receivers: Vec<_> = (0..ENDS).map(|_| rx.clone()).map(|rx| corro::spawn(move || rx.iter().count())).collect();
    for tx in vec![tx; ENDS] {
        corro::spawn(move || (0..messages / ENDS).try_for_each(|message| tx.send(message as u64)));
    }
    let received = receivers.into_iter().map(|receiver| receiver.join().expect("it ends")).sum();
    each(start, messages, received)
}

fn corro_threads(messages: usize) -> f64 {
    let (tx, rx) = corro::channel::bounded::<u64>(CAPACITY);
    let start = Instant::now();
    let receivers: Vec<_> = (0..ENDS).map(|_| rx.clone()).map(|rx| thread::spawn(move || rx.iter().count())).collect();
    for tx in vec![tx; ENDS] {
        thread::spawn(move || (0..messages / ENDS).try_for_each(|message| tx.send(message as u64)));
    }
    let received = receivers.into_iter().map(|receiver| receiver.join().expect("it ends")).sum();
    each(start, messages, received)
}

fn crossbeam(messages: usize) -> f64 {
    let (tx, rx) = crossbeam_channel::bounded::<u64>(CAPACITY);
    let start = Instant::now();
    let receivers: Vec<_> = (0..ENDS).map(|_| rx.clone()).map(|rx| thread::spawn(move || rx.iter().count())).collect();
    for tx in vec![tx; ENDS] {
        thread::spawn(move || (0..messages / ENDS).try_for_each(|message| tx.send(message as u64)));
    }
    let received = receivers.into_iter().map(|receiver| receiver.join().expect("it ends")).sum();
    each(start, messages, received)
}

fn flume(messages: usize) -> f64 {
    let (tx, rx) = flume::bounded::<u64>(CAPACITY);
    let start = Instant::now();
    let receivers: Vec<_> = (0..ENDS).map(|_| rx.clone()).map(|rx| thread::spawn(move || rx.iter().count())).collect();
    for tx in vec![tx; ENDS] {
        thread::spawn(move || (0..messages / ENDS).try_for_each(|message| tx.send(message as u64)));
    }
    let received = receivers.into_iter().map(|receiver| receiver.join().expect("it ends")).sum();
    each(start, messages, received)
}

/// tokio has no channel of this kind; those who need one take `async-channel`.
async fn tokio(messages: usize) -> f64 {
    let (tx, rx) = smol::channel::bounded::<u64>(CAPACITY);
    let start = Instant::now();
    let receivers: Vec<_> = (0..ENDS).map(|_| tokio::spawn(count(rx.clone()))).collect();
    for tx in vec![tx; ENDS] {
        tokio::spawn(send(tx, messages / ENDS));
    }
    let mut received = 0;
    for receiver in receivers {
        received += receiver.await.expect("it ends");
    }
    each(start, messages, received)
}

async fn smol(executor: peers::Smol, messages: usize) -> f64 {
    let (tx, rx) = smol::channel::bounded::<u64>(CAPACITY);
    let start = Instant::now();
    let receivers: Vec<_> = (0..ENDS).map(|_| executor.spawn(count(rx.clone()))).collect();
    for tx in vec![tx; ENDS] {
        executor.spawn(send(tx, messages / ENDS)).detach();
    }
    let mut received = 0;
    for receiver in receivers {
        received += receiver.await;
    }
    each(start, messages, received)
}

async fn count(rx: smol::channel::Receiver<u64>) -> usize {
    let mut count = 0;
    while rx.recv().await.is_ok() {
        count += 1;
    }
    count
}

async fn send(tx: smol::channel::Sender<u64>, messages: usize) {
    for message in 0..messages {
        tx.send(message as u64).await.expect("the receivers are there");
    }
}

/// Its channel has no bound.
fn may(messages: usize) -> f64 {
    let (tx, rx) = may::sync::mpmc::channel::<u64>();
    let start = Instant::now();
    let receivers: Vec<_> =
        (0..ENDS).map(|_| rx.clone()).map(|rx| peers::may_spawn(move || rx.iter().count())).collect();
    drop(rx);
    for tx in vec![tx; ENDS] {
        peers::may_spawn(move || (0..messages / ENDS).try_for_each(|message| tx.send(message as u64)));
    }
    let received = receivers.into_iter().map(|receiver| receiver.join().expect("it ends")).sum();
    each(start, messages, received)
}
