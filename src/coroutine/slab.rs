//! Where stacks come from: big mappings, cut into equal slots, each with a guard page below it.
//!
//! ```text
//!  a chunk: one mapping, MAP_NORESERVE and without huge pages
//!  ┌───────┬──────────────┬───────┬──────────────┬───────┬───────────
//!  │ guard │ slot         │ guard │ slot         │ guard │ …
//!  └───────┴──────────────┴───────┴──────────────┴───────┴───────────
//!          ▲ limit + page  ▲ top: stacks grow down from here
//! ```
//!
//! - [`Class::carve`] hands out a slot that was never used, and maps a new chunk when the last one is used up.
//! - [`discard`] gives the pages of a slot back to the system; its guard stays.
//!
//! Guards are `MADV_GUARD_INSTALL` (Linux 6.13), which costs no map entry. An older kernel gets `mprotect`
//! guards, two map entries each, until the budget of `vm.max_map_count` is nearly spent: then there is a clear
//! error, and never a stack without a guard. `CORRO_STACK_GUARD=mprotect` in the environment takes that path
//! on any kernel, for tests.
//!
//! Chunks are never unmapped: a slot goes back to a pool, its pages to the system.

use std::ffi::c_void;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};

pub(super) const PAGE: usize = 4096;
/// The colour of a stack moves its top down by less than this many bytes.
pub(super) const COLOUR_SPAN: usize = 2048;
const GUARD: usize = PAGE;
/// The first chunk of a class holds this many slots; each further one twice as many, up to `MAX_CHUNK` bytes.
const FIRST_CHUNK_SLOTS: usize = 16;
const MAX_CHUNK: usize = 1 << 30;
/// `MADV_GUARD_INSTALL` of `linux/mman.h`, which no crate names yet.
const MADV_GUARD_INSTALL: i32 = 102;
/// Map entries left to the rest of the process when guards are made by `mprotect`.
const MAP_ENTRIES_RESERVED: usize = 2048;

/// The slots of one stack size.
pub(super) struct Class {
    /// Bytes that a stack of this class may use.
    pub(super) bytes: usize,
    /// The part of the newest chunk that is not carved yet.
    next: usize,
    end: usize,
    chunk_slots: usize,
}

impl Class {
    pub(super) fn new(bytes: usize) -> Class {
        debug_assert!(bytes.is_multiple_of(PAGE));
        Class { bytes, next: 0, end: 0, chunk_slots: FIRST_CHUNK_SLOTS }
    }

    /// Bytes from one slot to the next: the guard, the page that colouring takes from, the stack; and, above the guard, one
    /// more page of stack if that makes the number of pages odd. Else many stacks would share few sets of the processor's
    /// cache of page translations.
    pub(super) fn stride(bytes: usize) -> usize {
        (GUARD + PAGE + bytes) | PAGE
    }

    /// Carves a slot that was never used, and returns its top.
    pub(super) fn carve(&mut self) -> io::Result<usize> {
        if self.next == self.end {
            self.map_chunk()?;
        }
        let low = self.next;
        install_guard(low)?;
        self.next += Self::stride(self.bytes);
        Ok(self.next)
    }

    /// Maps the next chunk; when the address space is short, a smaller one.
    fn map_chunk(&mut self) -> io::Result<()> {
        let stride = Self::stride(self.bytes);
        let mut slots = self.chunk_slots.min((MAX_CHUNK / stride).max(1));
        loop {
            match map(slots * stride) {
                Ok(low) => {
                    self.next = low;
                    self.end = low + slots * stride;
                    if slots * stride * 2 <= MAX_CHUNK {
                        self.chunk_slots = slots * 2;
                    }
                    return Ok(());
                }
                Err(_) if slots > 1 => slots /= 2,
                Err(error) => return Err(no_address_space(self.bytes, error)),
            }
        }
    }
}

/// Bytes of address space that hold stacks.
pub(super) fn mapped_bytes() -> usize {
    MAPPED.load(Relaxed)
}

static MAPPED: AtomicUsize = AtomicUsize::new(0);

fn map(bytes: usize) -> io::Result<usize> {
    // SAFETY: an anonymous mapping at an address that the kernel chooses touches nothing that exists.
    let low = unsafe {
        rustix::mm::mmap_anonymous(
            ptr::null_mut(),
            bytes,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::STACK,
        )?
    };
    // A huge page would make every stack of it resident at the first touch. Kernels built without huge pages
    // refuse the advice, which is as good.
    // SAFETY: the range is the mapping just made; the advice changes no contents.
    let _ = unsafe { rustix::mm::madvise(low, bytes, Advice::LinuxNoHugepage) };
    MAPPED.fetch_add(bytes, Relaxed);
    Ok(low as usize)
}

/// Gives the pages of the slot that ends at `top` back to the system. The next touch finds zeroes.
pub(super) fn discard(top: usize, bytes: usize) {
    discard_below(top, 0, bytes);
}

/// As [`discard`], but keeps the pages of the top `kept` bytes.
pub(super) fn discard_below(top: usize, kept: usize, bytes: usize) {
    let low = top - Class::stride(bytes) + GUARD;
    let length = (top - low).saturating_sub(kept);
    // SAFETY: the caller owns the slot and no frame is live in it, so nobody reads what is given back; a
    // failure leaves the pages as they are.
    let _ = unsafe { rustix::mm::madvise(low as *mut c_void, length, Advice::LinuxDontNeed) };
}

const UNKNOWN: u8 = 0;
const BY_ADVICE: u8 = 1;
const BY_MPROTECT: u8 = 2;

/// How guards are made; found out at the first one.
static MEANS: AtomicU8 = AtomicU8::new(UNKNOWN);

fn install_guard(low: usize) -> io::Result<()> {
    match MEANS.load(Relaxed) {
        BY_ADVICE => guard_by_advice(low),
        BY_MPROTECT => guard_by_mprotect(low),
        _ => first_guard(low),
    }
}

#[cold]
fn first_guard(low: usize) -> io::Result<()> {
    let told = std::env::var_os("CORRO_STACK_GUARD");
    if told.is_none_or(|means| means != "mprotect") && guard_by_advice(low).is_ok() {
        MEANS.store(BY_ADVICE, Relaxed);
        return Ok(());
    }
    BUDGET.store(guard_budget(), Relaxed);
    MEANS.store(BY_MPROTECT, Relaxed);
    guard_by_mprotect(low)
}

fn guard_by_advice(low: usize) -> io::Result<()> {
    // SAFETY: the page is the lowest of a slot that nobody uses yet.
    let done = unsafe { libc::madvise(low as *mut c_void, GUARD, MADV_GUARD_INSTALL) };
    if done == 0 { Ok(()) } else { Err(no_guard(io::Error::last_os_error())) }
}

/// `mprotect` guards that may still be made. Counted under the lock of the pool, so plain loads and stores do.
static BUDGET: AtomicUsize = AtomicUsize::new(0);

fn guard_by_mprotect(low: usize) -> io::Result<()> {
    let left = BUDGET.load(Relaxed);
    if left == 0 {
        return Err(no_guard(io::Error::from_raw_os_error(libc::ENOMEM)));
    }
    // SAFETY: the page is the lowest of a slot that nobody uses yet.
    unsafe { rustix::mm::mprotect(low as *mut c_void, GUARD, MprotectFlags::empty()) }
        .map_err(|error| no_guard(error.into()))?;
    BUDGET.store(left - 1, Relaxed);
    Ok(())
}

/// How many `mprotect` guards fit below `vm.max_map_count`, at two entries each.
fn guard_budget() -> usize {
    let limit = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok();
    let limit: usize = limit.and_then(|text| text.trim().parse().ok()).unwrap_or(65_530);
    let used = std::fs::read("/proc/self/maps").map_or(0, |maps| maps.iter().filter(|&&byte| byte == b'\n').count());
    limit.saturating_sub(used + MAP_ENTRIES_RESERVED) / 2
}

fn no_guard(error: io::Error) -> io::Error {
    io::Error::new(
        io::ErrorKind::OutOfMemory,
        format!(
            "no map entry is left for the guard page of another stack ({error}): this kernel has no guard advice \
             (Linux 6.13), so each stack takes two entries; raise the sysctl vm.max_map_count or keep fewer \
             coroutines alive"
        ),
    )
}

fn no_address_space(bytes: usize, error: io::Error) -> io::Error {
    io::Error::new(
        io::ErrorKind::OutOfMemory,
        format!(
            "no address space is left for another stack of {bytes} bytes ({error}): raise the limit on address space \
             (ulimit -v, or vm.overcommit_memory when it is 2), choose a smaller stack_size, or keep fewer \
             coroutines alive"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_slot_is_given_back_down_to_its_guard() {
        for pages in 4..8 {
            let mut class = Class::new(pages * PAGE);
            let top = class.carve().unwrap();
            let stride = Class::stride(class.bytes);
            assert_eq!(stride / PAGE % 2, 1, "{pages} pages of stack");
            for at in [top - stride + GUARD, top - 1] {
                let byte = at as *mut u8;
                // SAFETY: the slot is this test's alone, and the byte is above the guard.
                unsafe { byte.write_volatile(1) };
                discard(top, class.bytes);
                // SAFETY: as above.
                assert_eq!(unsafe { byte.read_volatile() }, 0);
            }
        }
    }
}
