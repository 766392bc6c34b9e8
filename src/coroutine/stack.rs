//! The stacks that coroutines run on, and their pool.
//!
//! - [`Stack::acquire`] takes one from this thread's cache; dropping it puts it back there, still warm.
//! - [`stacks`] counts them.
//!
//! ```text
//!  this thread's cache (last in, first out; at most HOT)  ⇄  the shared pool, in batches  ⇄  slab::Class
//! ```
//!
//! A stack that goes to the shared pool keeps its top [`KEPT`] bytes and gives the pages below back to the system;
//! above [`WARM`] idle ones it gives all of them back.
//!
//! Tops are *coloured*: page-aligned tops of many stacks would fall into the same few cache sets, so each stack
//! starts a different number of cache lines lower.
//!
//! Invariant: a slot is in exactly one place (a `Stack`, a cache, the shared pool). A `Stack` that is leaked is
//! lost for ever, which is what keeps the frames on it valid.

use std::cell::RefCell;
use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use corosensei::stack::StackPointer;

use super::slab::{self, COLOUR_SPAN, Class, PAGE};

/// The stack size of generators and tasks that ask for none, in bytes.
pub(crate) const DEFAULT_STACK_SIZE: usize = 256 * 1024;
/// The smallest stack size, in bytes.
pub(crate) const MIN_STACK_SIZE: usize = 16 * 1024;

/// Idle stacks that a thread keeps to itself, per size.
const HOT: usize = 128;
/// Stacks that move between a thread and the shared pool at once.
const BATCH: usize = 32;
/// Idle stacks of the shared pool that keep their pages, per size.
const WARM: usize = 1024;
/// Bytes at the top of a stack that is idle in the shared pool, whose pages stay.
const KEPT: usize = 16 * 1024;
const CACHE_LINE: usize = 64;

/// More than the address space has: asking for so much is an error of its own, not an overflow.
const MAX_STACK_SIZE: usize = 1 << 50;

/// Rounds a requested size up to pages, and up to [`MIN_STACK_SIZE`].
pub(crate) fn round_size(bytes: usize) -> usize {
    bytes.clamp(MIN_STACK_SIZE, MAX_STACK_SIZE).next_multiple_of(PAGE)
}

/// A guarded stack, owned.
pub(crate) struct Stack {
    /// Where the coroutine begins: the top of the slot, moved down by the stack's colour. Asked for at each switch.
    base: NonZeroUsize,
    top: usize,
    bytes: usize,
}

impl Stack {
    /// Takes a stack of `bytes` (as [`round_size`] gives them) from the pool.
    ///
    /// # Errors
    /// `OutOfMemory` when address space or map entries run out.
    pub(crate) fn acquire(bytes: usize) -> io::Result<Stack> {
        let cached = CACHE.try_with(|cache| cache.borrow_mut().take(bytes));
        let top = cached.unwrap_or_else(|_| with_shared(bytes, SharedClass::take_one))?;
        let base = top - colour(top, bytes);
        Ok(Stack { base: NonZeroUsize::new(base).expect("a slot has an address"), top, bytes })
    }

    /// Bytes that the stack may use.
    pub(crate) fn size(&self) -> usize {
        self.bytes
    }

    /// The lowest address, that of the guard page.
    pub(crate) fn guard(&self) -> usize {
        self.top - Class::stride(self.bytes)
    }
}

/// How much lower than its top a stack begins, in bytes.
fn colour(top: usize, bytes: usize) -> usize {
    let number = top / Class::stride(bytes);
    number * CACHE_LINE % COLOUR_SPAN
}

/// Whether a stack of `bytes` is to be had now: takes one and gives it back.
///
/// # Errors
/// As [`Stack::acquire`].
pub(crate) fn probe(bytes: usize) -> io::Result<()> {
    Stack::acquire(bytes).map(drop)
}

impl Drop for Stack {
    fn drop(&mut self) {
        let (top, bytes) = (self.top, self.bytes);
        if CACHE.try_with(|cache| cache.borrow_mut().put(bytes, top)).is_err() {
            put_shared(bytes, vec![top]);
        }
    }
}

// SAFETY: a slot has a guard page below it (slab.rs makes none without), at least MIN_STACK_SIZE usable bytes
// above that, and is owned by this value alone. The top is page-aligned and the colour a multiple of 64, so the
// base has the alignment that corosensei asks for.
unsafe impl corosensei::stack::Stack for Stack {
    #[inline]
    fn base(&self) -> StackPointer {
        self.base
    }

    #[inline]
    fn limit(&self) -> StackPointer {
        NonZeroUsize::new(self.guard()).expect("a slot has an address")
    }
}

/// What a thread keeps to itself.
struct Cache {
    /// By size; there are few sizes, and the one in use is found first.
    classes: Vec<(usize, Vec<usize>)>,
    /// How many slots are in `classes`; written by this thread only, read by [`stacks`].
    idle: Arc<AtomicUsize>,
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::new(Cache::new());
}

impl Cache {
    fn new() -> Cache {
        let idle = Arc::new(AtomicUsize::new(0));
        lock().caches.push(idle.clone());
        Cache { classes: Vec::new(), idle }
    }

    fn slots(&mut self, bytes: usize) -> &mut Vec<usize> {
        let found = self.classes.iter().position(|class| class.0 == bytes);
        let index = found.unwrap_or_else(|| {
            self.classes.push((bytes, Vec::with_capacity(HOT + 1)));
            self.classes.len() - 1
        });
        &mut self.classes[index].1
    }

    fn take(&mut self, bytes: usize) -> io::Result<usize> {
        if let Some(top) = self.slots(bytes).pop() {
            self.count_by(-1);
            return Ok(top);
        }
        self.refill(bytes)
    }

    #[cold]
    fn refill(&mut self, bytes: usize) -> io::Result<usize> {
        let slots = self.slots(bytes);
        with_shared(bytes, |class| class.take(slots))?;
        let top = slots.pop().expect("a refill gives one stack or an error");
        let added = slots.len() as isize;
        self.count_by(added);
        Ok(top)
    }

    fn put(&mut self, bytes: usize, top: usize) {
        let slots = self.slots(bytes);
        slots.push(top);
        let mut change = 1;
        if slots.len() > HOT {
            // The oldest are the coldest.
            let batch = slots.drain(..BATCH).collect();
            put_shared(bytes, batch);
            change -= BATCH as isize;
        }
        self.count_by(change);
    }

    fn count_by(&self, change: isize) {
        self.idle.store(self.idle.load(Relaxed).wrapping_add_signed(change), Relaxed);
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        for (bytes, slots) in self.classes.drain(..) {
            put_shared(bytes, slots);
        }
        lock().caches.retain(|idle| !Arc::ptr_eq(idle, &self.idle));
    }
}

/// The pool that all threads share.
struct Shared {
    classes: Vec<SharedClass>,
    caches: Vec<Arc<AtomicUsize>>,
}

struct SharedClass {
    slab: Class,
    carved: usize,
    warm: Vec<usize>,
    cold: Vec<usize>,
}

static SHARED: Mutex<Shared> = Mutex::new(Shared { classes: Vec::new(), caches: Vec::new() });

fn lock() -> MutexGuard<'static, Shared> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn with_shared<T>(bytes: usize, f: impl FnOnce(&mut SharedClass) -> T) -> T {
    let mut shared = lock();
    let found = shared.classes.iter().position(|class| class.slab.bytes == bytes);
    let index = found.unwrap_or_else(|| {
        let new = SharedClass { slab: Class::new(bytes), carved: 0, warm: Vec::new(), cold: Vec::new() };
        shared.classes.push(new);
        shared.classes.len() - 1
    });
    f(&mut shared.classes[index])
}

impl SharedClass {
    fn take_one(&mut self) -> io::Result<usize> {
        if let Some(top) = self.warm.pop().or_else(|| self.cold.pop()) {
            return Ok(top);
        }
        let top = self.slab.carve()?;
        self.carved += 1;
        Ok(top)
    }

    /// Moves up to [`BATCH`] slots into `slots`; at least one, or the error that stands in the way.
    fn take(&mut self, slots: &mut Vec<usize>) -> io::Result<()> {
        for taken in 0..BATCH {
            match self.take_one() {
                Ok(top) => slots.push(top),
                Err(error) if taken == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(())
    }
}

/// Gives slots to the shared pool. The system calls are made without its lock.
fn put_shared(bytes: usize, mut warm: Vec<usize>) {
    let room = with_shared(bytes, |class| WARM.saturating_sub(class.warm.len()));
    let cold = warm.split_off(room.min(warm.len()));
    warm.iter().for_each(|&top| slab::discard_below(top, KEPT, bytes));
    cold.iter().for_each(|&top| slab::discard(top, bytes));
    with_shared(bytes, |class| {
        class.warm.extend(warm);
        class.cold.extend(cold);
    });
}

/// How many stacks there are, in the whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StackStats {
    /// Stacks that a generator or a task (also an idle one that waits for the next task) holds.
    pub in_use: usize,
    /// Stacks made so far; those not in use wait in a pool.
    pub made: usize,
    /// Bytes of address space taken for stacks. Only touched pages cost memory.
    pub mapped: usize,
}

/// Counts the stacks of the process.
///
/// Exact when no other thread takes or returns one meanwhile.
///
/// # Examples
/// ```
/// let before = corro::stacks().in_use;
/// let mut numbers = corro::Generator::new(|co: &corro::Co<i32>| co.yield_(1));
/// assert_eq!(corro::stacks().in_use, before, "no stack until the first resume");
/// numbers.next();
/// assert_eq!(corro::stacks().in_use, before + 1);
/// ```
pub fn stacks() -> StackStats {
    let shared = lock();
    let made = shared.classes.iter().map(|class| class.carved).sum::<usize>();
    let pooled = shared.classes.iter().map(|class| class.warm.len() + class.cold.len()).sum::<usize>();
    let cached = shared.caches.iter().map(|idle| idle.load(Relaxed)).sum::<usize>();
    StackStats { in_use: made.saturating_sub(pooled + cached), made, mapped: slab::mapped_bytes() }
}
