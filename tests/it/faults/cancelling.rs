//! Rules T2 and I3 for every call that waits for the world outside: it is cut off before it begins and while it waits. What
//! it waited with is as good as before then: nothing is lost, and nothing is left over.

mod moments;
mod others;
mod sockets;

use std::fmt::Debug;
use std::path::PathBuf;

use corro::{cancel_scope, checkpoint, spawn_local};

use crate::support::{is_a_cancellation_point, yields};

/// Cuts `call` off while it waits.
#[track_caller]
fn is_cut_off<T: Debug>(what: &str, call: impl FnOnce() -> T) {
    assert!(cancelled_meanwhile(what, || (), call).is_none(), "{what} went on to its end");
}

/// Cancels `call` while it waits, and does `then` a little later. Gives what `call` returned, if it did.
#[track_caller]
fn cancelled_meanwhile<T: Debug>(what: &str, then: impl FnOnce() + 'static, call: impl FnOnce() -> T) -> Option<T> {
    let mut value = None;
    let outcome = cancel_scope(|token| {
        let token = token.clone();
        let _canceller = spawn_local(move || {
            yields(5);
            token.cancel();
            yields(5);
            then();
        });
        value = Some(call());
        checkpoint();
    });
    assert!(outcome.is_err(), "{what} did not wait: {value:?}");
    value
}

/// `call` is cut off twice, and loses nothing by it: after `ready` it gives what it should.
#[track_caller]
fn survives<T: PartialEq + Debug>(what: &str, call: impl Fn() -> T, ready: impl FnOnce(), expected: T) {
    is_a_cancellation_point(what, &call);
    is_cut_off(what, &call);
    ready();
    // There is something for it now, and it takes nothing of that.
    is_a_cancellation_point(what, &call);
    assert_eq!(call(), expected, "{what}");
}

/// A file name of its own, in the temporary folder.
struct Path(PathBuf);

impl Path {
    fn new(name: &str) -> Path {
        Path(std::env::temp_dir().join(format!("corro-cancelling-{name}-{}", std::process::id())))
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
