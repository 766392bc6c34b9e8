//! Memory of tasks: blocks of a few sizes, which each thread keeps for the next task.
//!
//! The general allocator takes a third of the time of a short task, more when thousands come and go at once. A block that
//! is freed on another thread stays there.

use std::alloc::{self, Layout, handle_alloc_error};
use std::cell::Cell;
use std::ptr::{self, NonNull};

/// Sizes go by these steps.
const STEP: usize = 64;
/// What the allocator puts before each block; a block and this are whole steps.
const PREFIX: usize = 8;
const ALIGN: usize = 16;
/// Blocks up to this many bytes are kept.
const LARGEST: usize = 1024;
/// Blocks of one size that a thread keeps.
const KEPT: usize = 4096;

/// A block that nobody uses.
struct Free {
    next: *mut Free,
}

/// The blocks of one size.
struct Class {
    first: Cell<*mut Free>,
    count: Cell<usize>,
}

struct Cache {
    classes: [Class; LARGEST / STEP + 2],
}

thread_local! {
    static CACHE: Cache = const {
        Cache { classes: [const { Class { first: Cell::new(ptr::null_mut()), count: Cell::new(0) } }; LARGEST / STEP + 2] }
    };
}

/// The layout of the blocks that `layout` is served by.
#[inline]
const fn rounded(layout: Layout) -> Layout {
    let align = if layout.align() < ALIGN { ALIGN } else { layout.align() };
    match Layout::from_size_align((layout.size() + PREFIX).next_multiple_of(STEP) - PREFIX, align) {
        Ok(layout) => layout,
        Err(_) => panic!("a task is larger than the address space"),
    }
}

#[inline]
const fn is_kept(block: Layout) -> bool {
    // A sanitizer wants to see what is freed.
    block.size() <= LARGEST && block.align() == ALIGN && !cfg!(feature = "sanitizer")
}

/// Memory for this layout, not initialised.
#[inline]
pub(super) fn allocate(layout: Layout) -> NonNull<u8> {
    let block = rounded(layout);
    if is_kept(block)
        && let Ok(Some(kept)) = CACHE.try_with(|cache| cache.take(block))
    {
        return kept;
    }
    // SAFETY: a task has a header, so the size is not zero.
    NonNull::new(unsafe { alloc::alloc(block) }).unwrap_or_else(|| handle_alloc_error(block))
}

/// Gives memory back.
///
/// # Safety
/// It comes from `allocate` with the same layout, and is used no more.
#[inline]
pub(super) unsafe fn free(memory: NonNull<u8>, layout: Layout) {
    let block = rounded(layout);
    if is_kept(block) && CACHE.try_with(|cache| cache.put(memory, block)) == Ok(true) {
        return;
    }
    // SAFETY: the caller's promise; `allocate` rounds in the same way.
    unsafe { alloc::dealloc(memory.as_ptr(), block) };
}

impl Cache {
    #[inline]
    fn take(&self, block: Layout) -> Option<NonNull<u8>> {
        let class = &self.classes[(block.size() + PREFIX) / STEP];
        let first = NonNull::new(class.first.get())?;
        // SAFETY: `put` wrote it there, and the block is the cache's.
        class.first.set(unsafe { first.as_ref() }.next);
        class.count.set(class.count.get() - 1);
        Some(first.cast())
    }

    /// `false`: there are enough.
    #[inline]
    fn put(&self, memory: NonNull<u8>, block: Layout) -> bool {
        let class = &self.classes[(block.size() + PREFIX) / STEP];
        if class.count.get() == KEPT {
            return false;
        }
        let free = memory.cast::<Free>();
        // SAFETY: the block is unused, large enough and aligned.
        unsafe { free.write(Free { next: class.first.get() }) };
        class.first.set(free.as_ptr());
        class.count.set(class.count.get() + 1);
        true
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        for steps in 1..self.classes.len() {
            let block = Layout::from_size_align(steps * STEP - PREFIX, ALIGN).expect("a size of the cache");
            while let Some(memory) = self.take(block) {
                // SAFETY: allocated with this layout, and nobody uses it.
                unsafe { alloc::dealloc(memory.as_ptr(), block) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_used_again() {
        let layout = Layout::from_size_align(300, 8).unwrap();
        let first = allocate(layout);
        assert!(first.addr().get().is_multiple_of(ALIGN));
        // SAFETY: allocated above.
        unsafe { free(first, layout) };
        let other = Layout::from_size_align(257, 16).unwrap();
        let second = allocate(other);
        assert_eq!(first, second, "the two sizes share their blocks");
        // SAFETY: allocated above.
        unsafe { free(second, other) };
    }

    #[test]
    fn large_and_strictly_aligned_ones_are_not_kept() {
        for (size, align) in [(5000, 8), (64, 128), (1, 4096)] {
            let layout = Layout::from_size_align(size, align).unwrap();
            let memory = allocate(layout);
            assert!(memory.addr().get().is_multiple_of(align));
            // SAFETY: allocated above.
            unsafe { free(memory, layout) };
        }
    }
}
