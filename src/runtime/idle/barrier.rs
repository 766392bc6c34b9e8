//! A barrier that one side pays for: it makes every running thread of the process pass a full fence.

use std::sync::atomic::{Ordering::SeqCst, fence};

use rustix::thread::{MembarrierCommand, membarrier, membarrier_query};

pub(super) struct Barrier {
    asymmetric: bool,
}

impl Barrier {
    /// Registers the process with the kernel. Where that cannot be, both sides need a fence.
    pub(super) fn new() -> Barrier {
        let has_it = membarrier_query().contains_command(MembarrierCommand::PrivateExpedited);
        let asymmetric = has_it && membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok();
        Barrier { asymmetric }
    }

    pub(super) fn is_asymmetric(&self) -> bool {
        self.asymmetric
    }

    /// After this, what any thread stored before the barrier is seen, and what it loads from now on is new.
    pub(super) fn pass(&self) {
        fence(SeqCst);
        if self.asymmetric && membarrier(MembarrierCommand::PrivateExpedited).is_err() {
            // Cannot be after the registration; then a sleeper may miss work that is pushed at this moment.
            debug_assert!(false, "membarrier failed");
        }
    }
}
