//! A barrier that one side pays for: it makes every running thread of the process pass a full fence.
//!
//! The other side, where it stores something and then looks at something else, needs [`light`] alone: the compiler keeps
//! the order, and the one that calls [`heavy`] makes the processors keep it. (Linux's `membarrier`.)

use std::sync::OnceLock;
use std::sync::atomic::{Ordering::SeqCst, compiler_fence, fence};

use rustix::thread::{MembarrierCommand, membarrier, membarrier_query};

static IS_ASYMMETRIC: OnceLock<bool> = OnceLock::new();

/// Whether the kernel has it; else both sides pass a fence. Registers the process at the first call, which must come
/// before either side.
pub(crate) fn is_asymmetric() -> bool {
    *IS_ASYMMETRIC.get_or_init(|| {
        let has_it = membarrier_query().contains_command(MembarrierCommand::PrivateExpedited);
        has_it && membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok()
    })
}

/// The side that is often taken. `asymmetric` is what [`is_asymmetric`] says.
#[inline(always)]
pub(super) fn light(asymmetric: bool) {
    if asymmetric { compiler_fence(SeqCst) } else { fence(SeqCst) }
}

/// The other side.
pub(crate) fn heavy() {
    fence(SeqCst);
    if is_asymmetric() {
        let passed = membarrier(MembarrierCommand::PrivateExpedited);
        debug_assert!(passed.is_ok(), "the process is registered");
    }
}
