//! Stackful coroutines: generators, and tasks that block in plain functions.

#[cfg(panic = "abort")]
compile_error!("corro unwinds coroutines to run their destructors: build with panic = \"unwind\"");

mod coroutine;
pub mod generator;

pub use coroutine::{StackStats, stacks};
pub use generator::{Co, CoroutineState, Generator};
