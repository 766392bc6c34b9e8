//! Stackful coroutines: generators, and tasks that block in plain functions. No `async`, no coloured functions.
//!
//! # A tour
//! - [`Generator`] is Python's generator with a real stack: `send`, `throw`, `close`, `yield_from`, and yields from
//!   any depth of ordinary calls. See [`generator`].
//! - [`run`] and [`EventLoop`] run *tasks* on one thread, round-robin. A task is a plain closure; where it waits
//!   ([`sleep`], [`net`], [`io`], [`JoinHandle::join`](task::JoinHandle::join)) the others have their turn.
//! - [`Runtime`] runs the same tasks on all cores, by work stealing. [`join()`] forks and joins.
//! - [`scope`] has tasks that borrow; [`timeout`], [`cancel_scope`] and [`shield`] cut code off, or keep it from that.
//! - [`channel`] and [`sync`] let tasks and threads talk and share; [`select!`] waits for the first of several things.
//! - [`task`] has what waits for many tasks, [`JoinSet`](task::JoinSet) and others, and [`task_local!`].
//! - [`net`], [`io`], [`process`], [`signal`] and [`fs`] are the world outside, with the names of `std`.
//! - [`block_on`] waits for any future, [`unblock`] takes what would block the thread elsewhere.
//!
//! ```
//! use std::time::Duration;
//!
//! fn say_after(delay: u64, what: &'static str) -> &'static str {
//!     corro::sleep(Duration::from_millis(delay));
//!     what
//! }
//!
//! corro::run(|| {
//!     let hello = corro::spawn(|| say_after(2, "hello"));
//!     let world = corro::spawn(|| say_after(1, "world"));
//!     assert_eq!(hello.join().unwrap(), "hello");
//!     assert_eq!(world.join().unwrap(), "world");
//! });
//! ```
//!
//! # What is promised
//! Safe code that uses this crate alone cannot cause undefined behaviour. A task that has started stays on its
//! thread, so an `Rc`, a guard or a borrow of a thread-local may live across a wait.
//!
//! # Known limit
//! A crate that keeps *stack-disciplined* state in thread-locals (`scoped-tls` and the like: set, run a closure,
//! restore) misbehaves when two coroutines of one thread interleave inside it. This is so with every stackful
//! library. The same holds for a borrow of a thread-local (`LocalKey::with`) around a yield or a wait: do not keep a
//! generator or a loop that holds one in another thread-local, which may be destroyed later. (Tasks of a [`Runtime`] have
//! unwound before their thread's thread-locals go.) A `std::sync::MutexGuard` held across a wait blocks whoever else wants the lock, also on this thread.

#[cfg(panic = "abort")]
compile_error!("corro unwinds coroutines to run their destructors: build with panic = \"unwind\"");

mod block_on;
mod blocking;
mod cancellation;
pub mod channel;
mod coroutine;
mod driver;
pub mod event_loop;
pub mod fs;
pub mod generator;
pub mod io;
pub mod net;
pub mod process;
pub mod runtime;
pub mod select;
pub mod signal;
pub mod sync;
pub mod task;
pub mod time;
mod worker;

pub use block_on::block_on;
pub use blocking::unblock;
pub use cancellation::{Cancelled, Elapsed, cancel_scope, shield, timeout};
pub use coroutine::{StackStats, stacks};
pub use event_loop::{EventLoop, run};
pub use generator::{Co, CoroutineState, Generator};
pub use io::WouldSuspend;
pub use runtime::Runtime;
pub use task::{CancelToken, JoinHandle, Scope, ScopedJoinHandle, join, scope, spawn, spawn_local};
pub use time::{checkpoint, sleep, sleep_until, yield_now};
