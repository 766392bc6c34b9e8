//! Waiting for the first of several things: [`select!`](crate::select!) for arms that are written down, [`Select`] for a
//! list of them.
//!
//! Exactly one arm is done. Of several that can be done one is taken at random; on a loop with a seed the choice is the
//! same in each run. No arm has a task of its own, and a wait allocates nothing for arms on channels, ends and times.

#![forbid(unsafe_code)]

mod arm;
mod list;
mod macros;

pub use self::list::Select;

/// What the macro is made of.
#[doc(hidden)]
pub mod __private {
    pub use super::arm::{
        Armed, JoinOperand, RecvOperand, SendOperand, after, at, join, readable, recv, send, try_wait, wait, writable,
    };
}
