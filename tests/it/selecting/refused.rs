//! Where a `select!` cannot wait.

use corro::select::Select;
use corro::{EventLoop, select, spawn};

use super::arms::idle;
use crate::generator::{panic_text, while_unwinding};
use crate::schedulers::everywhere;

#[test]
fn t7_while_unwinding_a_select_that_would_wait_panics_with_a_sentence() {
    everywhere(|| {
        spawn(|| {
            while_unwinding(|| {
                let (tx, rx) = corro::channel::bounded(1);
                let (_held, never) = idle();
                let waits = || select! { recv(never) -> _ => {} };
                assert!(panic_text(waits).contains("unwinds"));
                assert_eq!(select! { recv(never) -> _ => 1, default => 2 }, 2);
                select! { send(tx, 7) -> result => result.unwrap() }
                assert_eq!(select! { recv(rx) -> message => message }, Ok(7), "what need not wait is done");
                let listed = || {
                    let mut select = Select::new();
                    select.recv(&never, drop);
                    select.wait();
                };
                assert!(panic_text(listed).contains("unwinds"));
            });
        })
        .join()
        .unwrap();
    });
}

#[test]
fn s9_in_a_callback_a_select_that_would_wait_panics_with_a_sentence() {
    let event_loop = EventLoop::new().unwrap();
    let (text, seen) = std::sync::mpsc::channel();
    event_loop.call_soon(move || {
        let (_held, never) = idle();
        assert_eq!(select! { recv(never) -> _ => 1, default => 2 }, 2);
        text.send(panic_text(|| select! { recv(never) -> _ => {} })).unwrap();
    });
    event_loop.run(corro::yield_now);
    let text = seen.recv().unwrap();
    assert!(text.contains("callback"), "{text}");
}

/// What the macro is made of is not for others to use; but even so it is safe.
#[test]
fn c3_an_arm_that_waits_already_is_refused() {
    use corro::select::__private as private;

    everywhere(|| {
        let (_held, never) = idle();
        let arm = private::recv(&never);
        assert!(panic_text(|| private::wait(&[arm.armed(), arm.armed()])).contains("already"));
        let mut sleeper = spawn(|| corro::sleep(crate::support::HOUR));
        {
            let arm = private::join(&mut sleeper);
            assert!(panic_text(|| private::wait(&[arm.armed(), arm.armed()])).contains("already"));
        }
        sleeper.cancel();
        assert!(sleeper.join().is_err());
    });
}
