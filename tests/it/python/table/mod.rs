//! The programs, by what they are about.

mod closing;
mod delegating;
mod delegating_ends;
pub(crate) mod differences;
mod lifecycle;
mod throwing;

use super::program::Program;

pub(crate) fn all() -> Vec<Program> {
    let groups =
        [lifecycle::PROGRAMS, throwing::PROGRAMS, closing::PROGRAMS, delegating::PROGRAMS, delegating_ends::PROGRAMS];
    groups.concat()
}
