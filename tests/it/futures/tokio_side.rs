//! T11: tasks and tokio's runtime on another thread, by way of `block_on`.

use std::sync::Arc;
use std::thread;

use corro::{EventLoop, JoinHandle, block_on, cancel_scope, sleep, spawn, spawn_local, yield_now};
use tokio::sync::{Notify, mpsc, oneshot};

use super::{HOUR, until};
use crate::schedulers::everywhere;

/// Runs a future on a runtime of tokio in a thread of its own.
fn on_tokio<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> thread::JoinHandle<T> {
    thread::spawn(|| tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future))
}

#[test]
fn t1_tokio_awaits_the_handles_of_tasks() {
    everywhere(|| {
        let tasks: Vec<_> = (0..50)
            .map(|number| {
                spawn(move || {
                    (0..number % 7).for_each(|_| yield_now());
                    number
                })
            })
            .collect();
        let failing: JoinHandle<()> = spawn(|| {
            yield_now();
            std::panic::resume_unwind(Box::new("payload"))
        });
        let sum = on_tokio(async move {
            let mut set = tokio::task::JoinSet::new();
            tasks.into_iter().for_each(|task| drop(set.spawn(task)));
            let mut sum = 0;
            while let Some(value) = set.join_next().await {
                sum += value.unwrap().unwrap();
            }
            assert!(failing.await.unwrap_err().is_panic());
            sum
        });
        until(|| sum.is_finished());
        assert_eq!(sum.join().unwrap(), 49 * 50 / 2);
    });
}

#[test]
fn t1_a_task_awaits_the_handle_of_tokio() {
    everywhere(|| {
        let (sender, handles) = oneshot::channel();
        let (over, is_over) = oneshot::channel::<()>();
        let tokio = on_tokio(async move {
            let quick = tokio::spawn(async {
                tokio::task::yield_now().await;
                7
            });
            let slow = tokio::spawn(std::future::pending::<()>());
            slow.abort();
            sender.send((quick, slow)).unwrap();
            is_over.await.unwrap();
        });
        let (quick, slow) = block_on(handles).unwrap();
        assert_eq!(block_on(quick).unwrap(), 7);
        assert!(block_on(slow).unwrap_err().is_cancelled());
        over.send(()).unwrap();
        tokio.join().unwrap();
    });
}

#[test]
fn t11_oneshots_go_both_ways() {
    everywhere(|| {
        for _ in 0..100 {
            let (question, asked) = oneshot::channel();
            let (answer, answered) = oneshot::channel();
            let tokio = on_tokio(async move { answer.send(asked.await.unwrap() + 1).unwrap() });
            question.send(6).unwrap();
            assert_eq!(block_on(answered), Ok(7));
            tokio.join().unwrap();
        }
        let (sender, receiver) = oneshot::channel::<()>();
        drop(sender);
        assert!(block_on(receiver).is_err());
    });
}

#[test]
fn t11_a_channel_of_tokio_carries_all_messages_in_order() {
    const MESSAGES: usize = 5000;
    everywhere(|| {
        for capacity in [1, 64] {
            let (there, mut arrives_there) = mpsc::channel(capacity);
            let (here, mut arrives_here) = mpsc::channel(capacity);
            let tokio = on_tokio(async move {
                while let Some(value) = arrives_there.recv().await {
                    here.send(value).await.unwrap();
                }
            });
            let sends = spawn(move || (0..MESSAGES).for_each(|value| block_on(there.send(value)).unwrap()));
            for expected in 0..MESSAGES {
                assert_eq!(block_on(arrives_here.recv()), Some(expected));
            }
            assert_eq!(block_on(arrives_here.recv()), None);
            sends.join().unwrap();
            tokio.join().unwrap();
        }
    });
}

#[test]
fn t11_a_channel_of_tokio_between_tasks() {
    everywhere(|| {
        let (sender, mut receiver) = mpsc::channel(2);
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let sender = sender.clone();
                spawn(move || (0..100).for_each(|value| block_on(sender.send(value)).unwrap()))
            })
            .collect();
        drop(sender);
        let mut sum = 0;
        while let Some(value) = block_on(receiver.recv()) {
            sum += value;
        }
        assert_eq!(sum, 4 * 99 * 100 / 2);
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn t11_notify_goes_to_and_fro() {
    everywhere(|| {
        let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (heard, answers) = (ping.clone(), pong.clone());
        let tokio = on_tokio(async move {
            for _ in 0..1000 {
                heard.notified().await;
                answers.notify_one();
            }
        });
        for _ in 0..1000 {
            ping.notify_one();
            block_on(pong.notified());
        }
        tokio.join().unwrap();
    });
}

/// A waiter that is cancelled after it was chosen passes the permit on: its future is dropped.
#[test]
fn t2_a_notify_that_was_granted_to_a_cancelled_task_is_passed_on() {
    everywhere(|| {
        let notify = Arc::new(Notify::new());
        let waits = |notify: &Arc<Notify>| {
            let notify = notify.clone();
            spawn_local(move || block_on(notify.notified()))
        };
        let (first, second) = (waits(&notify), waits(&notify));
        // Both wait now, and neither runs before the first is cancelled, since they share this thread.
        (0..5).for_each(|_| yield_now());
        notify.notify_one();
        first.cancel();
        assert!(first.join().unwrap_err().is_cancelled());
        second.join().unwrap();
    });
}

#[test]
fn t11_a_cancelled_task_lets_go_of_what_tokio_lent() {
    everywhere(|| {
        let lock = Arc::new(tokio::sync::Mutex::new(0));
        let held = block_on(lock.clone().lock_owned());
        let gone = cancel_scope(|token| {
            let token = token.clone();
            drop(spawn(move || token.cancel()));
            block_on(async { *lock.lock().await += 1 });
        });
        assert!(gone.is_err());
        drop(held);
        assert_eq!(*block_on(lock.lock()), 0);
        let theirs = lock.clone();
        let holds = spawn(move || {
            let _guard = block_on(theirs.lock());
            sleep(HOUR);
        });
        until(|| lock.try_lock().is_err());
        holds.cancel();
        assert_eq!(*block_on(lock.lock()), 0);
    });
}

#[test]
fn t11_time_passes_on_the_side_of_tokio() {
    everywhere(|| {
        let (sender, receiver) = oneshot::channel();
        let tokio = on_tokio(async move {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            sender.send("rested").unwrap();
        });
        assert_eq!(block_on(receiver), Ok("rested"));
        tokio.join().unwrap();
    });
}

#[test]
fn t11_block_on_is_used_in_a_thread_of_tokio() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let tokio = on_tokio(async move {
        // On tokio's own thread: it blocks, as any call does there.
        let task = handle.spawn(|| 7);
        let blocking = tokio::task::spawn_blocking(move || block_on(task).unwrap());
        let other = handle.spawn(|| 8);
        blocking.await.unwrap() + other.await.unwrap()
    });
    event_loop.run(|| until(|| tokio.is_finished()));
    assert_eq!(tokio.join().unwrap(), 15);
}

#[test]
fn t11_a_whole_loop_runs_inside_of_tokio() {
    let sum = on_tokio(async {
        let before = tokio::spawn(async { 1 }).await.unwrap();
        let inside = corro::run(|| spawn(|| 2).join().unwrap());
        before + inside + tokio::spawn(async { 4 }).await.unwrap()
    });
    assert_eq!(sum.join().unwrap(), 7);
}
