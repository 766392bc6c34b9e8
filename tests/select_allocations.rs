//! A `select` over many idle channels allocates nothing, and neither do the other waits: counted by the allocator of this
//! binary, which has the one test.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use corro::channel::{self, Receiver};
use corro::select::Select;
use corro::sync::{Event, Mutex, Semaphore};
use corro::{select, spawn_local, yield_now};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations this thread makes while `f` runs. All tasks run on it; the thread that waits for them makes some of
/// its own, at any time.
fn allocations(f: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    f();
    ALLOCATIONS.get() - before
}

/// Both tasks warm up once: a task's first wait may make room in the lists of its worker.
const ROUNDS: u32 = 50;

fn messages_by_macro() {
    let (tx, rx) = channel::bounded::<u32>(0);
    let (_held, idle): (Vec<_>, Vec<Receiver<u32>>) = (0..7).map(|_| channel::bounded(0)).unzip();
    let [a, b, c, d, e, f, g] = &idle[..] else { unreachable!("there are seven") };
    let receive = || {
        select! {
            recv(a) -> message => message,
            recv(b) -> message => message,
            recv(c) -> message => message,
            recv(d) -> message => message,
            recv(e) -> message => message,
            recv(f) -> message => message,
            recv(g) -> message => message,
            recv(rx) -> message => message,
        }
    };
    let sender = spawn_local(move || (0..2 * ROUNDS).for_each(|number| tx.send(number).unwrap()));
    (0..ROUNDS).for_each(|number| assert_eq!(receive(), Ok(number)));
    let count = allocations(|| (ROUNDS..2 * ROUNDS).for_each(|number| assert_eq!(receive(), Ok(number))));
    assert_eq!(count, 0, "`select!`");
    sender.join().unwrap();
}

fn messages_by_list(channels: usize) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..channels).map(|_| channel::bounded::<u32>(0)).unzip();
    let mut select = Select::new();
    receivers.iter().for_each(|receiver| select.recv(receiver, Result::ok));
    let last = senders.last().expect("there are some").clone();
    let sender = spawn_local(move || (0..2 * ROUNDS).for_each(|number| last.send(number).unwrap()));
    (0..ROUNDS).for_each(|number| assert_eq!(select.wait(), Some(number)));
    let count = allocations(|| (ROUNDS..2 * ROUNDS).for_each(|number| assert_eq!(select.wait(), Some(number))));
    assert_eq!(count, 0, "`Select` over {channels} channels");
    sender.join().unwrap();
}

fn other_waits() {
    let (mutex, semaphore, event) = (Mutex::new(()), Semaphore::new(1), Event::new());
    let (tx, rx) = channel::bounded(0);
    corro::scope(|s| {
        s.spawn_local(|| {
            for _ in 0..2 * ROUNDS {
                let held = (mutex.lock(), semaphore.acquire());
                yield_now();
                drop(held);
                tx.send(()).unwrap();
            }
            event.set();
        });
        let wait = || {
            drop(mutex.lock());
            drop(semaphore.acquire());
            rx.recv().unwrap();
        };
        (0..ROUNDS).for_each(|_| wait());
        assert_eq!(allocations(|| (0..ROUNDS).for_each(|_| wait())), 0, "locks, permits, messages");
        assert_eq!(allocations(|| event.wait()), 0, "an event");
    });
}

#[test]
fn waits_allocate_nothing() {
    let all = || {
        // A worker of a runtime looks once in a while for its oldest new task; the first time its deque sets itself up.
        (0..1_000).for_each(|_| yield_now());
        messages_by_macro();
        messages_by_list(2);
        messages_by_list(64);
        other_waits();
    };
    corro::run(all);
    corro::Runtime::builder().workers(1).build().unwrap().run(all);
}
