//! Models of corro's protocols between threads, checked by `loom` over all interleavings and all values that a load may
//! return.
//!
//! **Problem.** What threads say to one another in corro is a few atomics and their orderings. A test that runs meets few
//! of the interleavings, and on one kind of processor only some of the reorderings.
//!
//! **Solution.** Each protocol is written once more, without stacks and epoll: the same operations in the same order with
//! the same orderings. Each function names the one of the source that it mirrors; who changes one changes the other. Every
//! model takes a [`Fault`]: with `Fault::None` it must pass, and with each other fault loom must find what goes wrong,
//! which shows that the model could have. A test whose name begins with `faults_of_old_` has a fault that the source had
//! once, found in this way.
//!
//! ```text
//!  inbox.rs       Home, wakes             task/home.rs, task/waker.rs, task/park.rs
//!  state.rs       the bits of a task      task/header.rs, task/fiber.rs, task/join.rs
//!  fork.rs        the latch of `join`     task/fork.rs
//!  idle.rs        sleepers, searchers     runtime/idle, runtime/seat.rs, task/new_work.rs
//!  ending.rs      the end of a runtime    runtime/ending.rs, runtime/seat.rs
//!  lock.rs        the short lock          task/lock.rs
//!  monitor.rs     places on stacks        task/monitor.rs, task/place.rs
//!  select.rs      tickets, hand-over      task/select.rs, channel/state.rs
//!  permits.rs     permits                 sync/permits.rs
//!  woken.rs       block_on                block_on.rs
//!  gate.rs        the way to a worker     task/gate.rs
//!  group.rs       the children of a scope task/group.rs
//!  cancel.rs      scopes, tokens, marks   task/cancel.rs, task/token.rs, task/own.rs
//! ```
//!
//! **Limits.** loom takes a `SeqCst` access for `AcqRel`; where the source relies on more, a fence stands beside it in the
//! model, and says so. It leaves plain stores of two threads to one atomic unordered for ever, which allows more than can
//! be; so where two threads store, the model swaps, with the same ordering. `membarrier` is modelled by what it replaces, a fence on both sides. An eventfd, an unpark and a
//! wake on the same thread are a [`Bell`]. A thread that is woken too rarely is a deadlock, which loom reports.
//!
//! Run: `cargo test --release --manifest-path loom/Cargo.toml`.
#![cfg(test)]

mod cancel;
mod ending;
mod fork;
mod gate;
mod group;
mod idle;
mod inbox;
mod lock;
mod monitor;
mod permits;
mod select;
mod state;
mod woken;

use std::sync::Arc;

use loom::sync::Notify;

/// What ends a thread's wait: the eventfd of a driver, the unpark of a thread, the ready ring of a parked task. A ring that
/// comes first makes the next wait return; a wait may end for nothing.
#[derive(Clone)]
struct Bell(Arc<Notify>);

impl Bell {
    fn new() -> Bell {
        Bell(Arc::new(Notify::new()))
    }

    fn ring(&self) {
        self.0.notify();
    }

    fn wait(&self) {
        self.0.wait();
    }
}

/// Checks a model. `preemptions` bounds how often a thread is interrupted where it could go on; `None` is all.
fn check(preemptions: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(model);
}

/// Checks that loom finds a failure in a model whose message contains `message`.
fn check_fails(message: &str, preemptions: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(preemptions, model)));
    let payload = checked.expect_err("loom found nothing wrong with a faulty model");
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
    assert!(text.contains(message), "loom found another failure than `{message}`: {text}");
}

/// What loom says when threads wait for wakes that do not come.
const LOST: &str = "deadlock";
/// What loom says of an access to a cell that nothing orders with another.
const RACE: &str = "Causality violation";
