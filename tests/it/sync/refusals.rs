//! Where nothing can wait.

use std::panic::resume_unwind;

use corro::sync::{Barrier, Condvar, Event, Mutex, OnceCell, Queue, RwLock, Semaphore};
use corro::{EventLoop, spawn};

use crate::generator::child::{aborts, stderr_of};
use crate::generator::{panic_text, while_unwinding};
use crate::schedulers::everywhere;
use crate::support::on_drop;

#[test]
fn t7_while_unwinding_what_would_wait_panics_with_a_sentence() {
    everywhere(|| {
        spawn(|| {
            while_unwinding(|| {
                let (mutex, lock, semaphore, cell) =
                    (Mutex::new(()), RwLock::new(()), Semaphore::new(1), OnceCell::<u32>::new());
                let _held = (mutex.lock(), lock.read(), semaphore.acquire());
                let () = *lock.read(); // What need not wait is done.
                let queue = Queue::new(1);
                queue.put(1).unwrap();
                let other = Mutex::new(());
                let making = || assert_eq!(cell.get_or_init(|| *cell.get_or_init(|| 1)), &1);
                type Call<'a> = (&'static str, Box<dyn Fn() + 'a>);
                let refused: [Call<'_>; 9] = [
                    ("lock", Box::new(|| drop(mutex.lock()))),
                    ("write", Box::new(|| drop(lock.write()))),
                    ("acquire", Box::new(|| drop(semaphore.acquire()))),
                    ("wait", Box::new(|| Event::new().wait())),
                    ("wait", Box::new(|| assert!(Barrier::new(2).wait().is_leader()))),
                    ("wait", Box::new(|| drop(Condvar::new().wait(other.lock())))),
                    ("put", Box::new(|| queue.put(2).unwrap())),
                    ("join", Box::new(|| queue.join())),
                    ("lock", Box::new(making)),
                ];
                for (call, refused) in &refused {
                    let text = panic_text(refused);
                    assert!(text.contains(&format!("`{call}`")) && text.contains("unwinds"), "{call}: {text}");
                }
                assert!(other.try_lock().is_some(), "the wait did not keep the lock");
                assert_eq!(queue.get(), Ok(1));
                assert!(panic_text(|| queue.get().map(drop).unwrap()).contains("`get`"));
            });
        })
        .join()
        .unwrap();
    });
}

#[test]
fn t7_in_a_destructor_it_is_an_abort_with_the_sentence() {
    let text = aborts(|| {
        corro::run(|| {
            let handle = spawn(|| {
                let mutex = Mutex::new(());
                let _held = mutex.lock();
                let _in_drop = on_drop(|| drop(mutex.lock()));
                resume_unwind(Box::new("fails"));
            });
            let _: Result<(), _> = handle.join();
        });
    });
    assert!(text.contains("`lock` would have to wait"), "{text}");
}

#[test]
fn t8_callbacks_do_not_wait_for_locks() {
    let text = stderr_of(|| {
        let event_loop = EventLoop::new().unwrap();
        event_loop.call_soon(|| {
            let mutex = Mutex::new(1);
            let guard = mutex.lock();
            assert_eq!(*guard, 1);
            drop(mutex.lock());
            unreachable!("a callback has waited");
        });
        event_loop.run_until_idle();
    });
    if let Some(text) = text {
        assert!(text.contains("a callback of the event loop cannot wait"), "{text}");
    }
}

#[test]
fn s6_a_deadlock_is_told_with_what_each_waits_for() {
    let text = panic_text(|| {
        let event_loop = EventLoop::builder().virtual_time(true).build().unwrap();
        event_loop.run(|| {
            let (mutex, semaphore, event) = (Mutex::new(()), Semaphore::new(0), Event::new());
            let (_tx, rx) = corro::channel::bounded::<()>(0);
            let (full, _rx) = corro::channel::bounded(0);
            corro::scope(|s| {
                let _held = mutex.lock();
                s.spawn(|| drop(mutex.lock()));
                s.spawn(|| drop(semaphore.acquire()));
                s.spawn(|| event.wait());
                s.spawn(|| rx.recv());
                s.spawn(|| full.send(()));
                s.spawn(|| corro::select! { recv(rx) -> _ => () });
                s.spawn(|| Barrier::new(2).wait().is_leader());
                s.spawn(|| drop(Condvar::new().wait(Mutex::new(()).lock())));
                corro::sleep(crate::support::ms(1));
                event.wait();
            });
        });
    });
    for wait in [
        "a lock",
        "a permit of a semaphore",
        "an event to be set",
        "a message of a channel",
        "room in a channel",
        "one arm of a `select`",
        "the others at a barrier",
        "the notify of a condition variable",
    ] {
        assert!(text.contains(wait), "{wait}: {text}");
    }
}

/// A wait that was refused leaves no trace: who comes next finds what there is.
#[test]
fn t7_after_a_refused_wait_nobody_is_kept_out() {
    everywhere(|| {
        spawn(|| {
            while_unwinding(|| {
                let (semaphore, lock) = (Semaphore::new(2), RwLock::new(()));
                assert!(panic_text(|| drop(semaphore.acquire_many(3))).contains("`acquire`"));
                assert!(semaphore.try_acquire().is_some(), "somebody seems to wait");
                let _reads = lock.read();
                assert!(panic_text(|| drop(lock.write())).contains("`write`"));
                assert!(lock.try_read().is_some(), "somebody seems to wait");
            });
        })
        .join()
        .unwrap();
    });
    let event_loop = EventLoop::new().unwrap();
    let semaphore = std::rc::Rc::new(Semaphore::new(2));
    let in_callback = semaphore.clone();
    event_loop.call_soon(move || assert!(panic_text(|| drop(in_callback.acquire_many(3))).contains("callback")));
    event_loop.run(corro::yield_now);
    assert!(semaphore.try_acquire().is_some(), "somebody seems to wait");
}
