//! Ends in plain threads, in several runtimes, mixed.

use std::thread;

use corro::channel::{RecvTimeoutError, bounded, oneshot, unbounded};
use corro::{EventLoop, Runtime};

use crate::schedulers::everywhere;
use crate::support::ms;

#[test]
fn t8_threads_talk_to_threads() {
    for capacity in [0, 1, 5] {
        let (tx, rx) = bounded(capacity);
        let (answer, answers) = bounded(capacity);
        let echo = thread::spawn(move || rx.iter().try_for_each(|n: u32| answer.send(n)));
        for n in 0..200 {
            tx.send(n).unwrap();
            assert_eq!(answers.recv(), Ok(n));
        }
        assert_eq!(answers.recv_timeout(ms(1)), Err(RecvTimeoutError::Timeout));
        drop(tx);
        echo.join().unwrap().unwrap();
        assert_eq!(answers.recv_timeout(ms(1000)), Err(RecvTimeoutError::Disconnected));
    }
}

#[test]
fn t8_threads_talk_to_tasks() {
    everywhere(|| {
        for capacity in [0, 1, 5] {
            let (tx, rx) = bounded(capacity);
            let (answer, answers) = bounded(capacity);
            let thread = thread::spawn(move || rx.iter().try_for_each(|n: u32| answer.send(n)));
            for n in 0..200 {
                tx.send(n).unwrap();
                assert_eq!(answers.recv(), Ok(n));
            }
            drop(tx);
            corro::unblock(|| thread.join().unwrap().unwrap());
        }
    });
}

#[test]
fn t8_a_pipeline_through_a_thread_a_loop_and_two_runtimes() {
    let (source, a) = bounded(1);
    let (b_in, b) = bounded(0);
    let (c_in, c) = unbounded();
    let (d_in, d) = bounded(3);
    let on_loop = thread::spawn(move || {
        let event_loop = EventLoop::new().unwrap();
        event_loop.run(|| a.iter().try_for_each(|n: u64| b_in.send(n + 1))).unwrap();
    });
    let runtimes = [1, 2].map(|workers| Runtime::builder().workers(workers).build().unwrap());
    let first = runtimes[0].spawn(move || b.iter().try_for_each(|n: u64| c_in.send(2 * n)));
    let second = runtimes[1].spawn(move || c.iter().try_for_each(|n: u64| d_in.send(n + 3)));
    let sender = thread::spawn(move || (0..500).try_for_each(|n| source.send(n)));
    assert!(d.iter().eq((0..500).map(|n| 2 * (n + 1) + 3)));
    sender.join().unwrap().unwrap();
    on_loop.join().unwrap();
    assert!(first.join().unwrap().is_ok() && second.join().unwrap().is_ok());
}

#[test]
fn t8_an_answer_from_a_thread() {
    everywhere(|| {
        for n in 0..50 {
            let (tx, rx) = oneshot();
            let thread = thread::spawn(move || tx.send(n));
            assert_eq!(rx.recv(), Ok(n));
            corro::unblock(|| thread.join().unwrap().unwrap());
        }
    });
}
