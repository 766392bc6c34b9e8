//! Two greetings, one after the other, then as two tasks: the first program of every coroutine library.
//!
//! `cargo run --release --example say_after` prints, with the seconds since each part began:
//!
//! ```text
//! generator coroutines, one after the other
//!   1.0 s  hello
//!   3.0 s  world
//! generator coroutines, as two tasks
//!   1.0 s  hello
//!   2.0 s  world
//! ```
//!
//! and the same for implicit coroutines (`--quick`: ten times as fast). In Python 3.4 it was:
//!
//! ```python
//! @asyncio.coroutine                               # generators below: a function that makes a `Coroutine`
//! def say_after(delay, what):
//!     yield from asyncio.sleep(delay)              # co.yield_(Trap::Sleep(delay))
//!     print(what)
//!
//! @asyncio.coroutine
//! def main():
//!     yield from say_after(1, 'hello')             # co.yield_from(&mut say_after(..))
//!     yield from say_after(2, 'world')
//!
//!     first = loop.create_task(say_after(1, 'hello'))   # event_loop.spawn_generator(say_after(..))
//!     second = loop.create_task(say_after(2, 'world'))
//!     yield from first                             # co.yield_(Trap::Join(first.id()))
//!     yield from second
//!
//! loop.run_until_complete(main())
//! ```

mod arguments;

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use corro::{EventLoop, Generator, event_loop::Trap};

type Coroutine = Generator<Trap>;

/// Generator style: every place where another task may run is seen as a yield.
fn say_after(delay: Duration, what: &'static str, since: Instant) -> Coroutine {
    Generator::new(move |co| {
        co.yield_(Trap::Sleep(delay));
        say(what, since);
    })
}

fn one_after_the_other(unit: Duration, since: Instant) -> Coroutine {
    Generator::new(move |co| {
        co.yield_from(&mut say_after(unit, "hello", since));
        co.yield_from(&mut say_after(2 * unit, "world", since));
    })
}

fn two_tasks(event_loop: Rc<EventLoop>, unit: Duration, since: Instant) -> Coroutine {
    Generator::new(move |co| {
        let first = event_loop.spawn_generator(say_after(unit, "hello", since));
        let second = event_loop.spawn_generator(say_after(2 * unit, "world", since));
        co.yield_(Trap::Join(first.id()));
        co.yield_(Trap::Join(second.id()));
    })
}

/// Implicit style: a task just sleeps, and what it calls are ordinary functions.
fn say_after_implicitly(delay: Duration, what: &str, since: Instant) {
    corro::sleep(delay);
    say(what, since);
}

fn two_tasks_implicitly(unit: Duration, since: Instant) {
    let first = corro::spawn(move || say_after_implicitly(unit, "hello", since));
    let second = corro::spawn(move || say_after_implicitly(2 * unit, "world", since));
    first.join().and(second.join()).expect("a greeting does not fail");
}

fn main() {
    let quick = arguments::is_quick("say_after: two greetings, one after the other and as two tasks.");
    let unit = Duration::from_millis(if quick { 100 } else { 1000 });
    let event_loop = Rc::new(EventLoop::new().expect("the system gives an event loop"));
    let drive = |main| event_loop.run(|| event_loop.spawn_generator(main).join().expect("a greeting does not fail"));
    let one_by_one = timed("generator coroutines, one after the other", |s| drive(one_after_the_other(unit, s)));
    let at_once = timed("generator coroutines, as two tasks", |s| drive(two_tasks(event_loop.clone(), unit, s)));
    check(unit, one_by_one, at_once);
    let one_by_one = timed("implicit coroutines, one after the other", |since| {
        corro::run(|| {
            say_after_implicitly(unit, "hello", since);
            say_after_implicitly(2 * unit, "world", since);
        });
    });
    let at_once = timed("implicit coroutines, as two tasks", |s| corro::run(|| two_tasks_implicitly(unit, s)));
    check(unit, one_by_one, at_once);
}

fn timed(title: &str, greet: impl FnOnce(Instant)) -> Duration {
    println!("{title}");
    let since = Instant::now();
    greet(since);
    since.elapsed()
}

fn say(what: &str, since: Instant) {
    println!("  {:.1} s  {what}", since.elapsed().as_secs_f64());
}

fn check(unit: Duration, one_by_one: Duration, at_once: Duration) {
    assert!(one_by_one >= 3 * unit && at_once >= 2 * unit && at_once < one_by_one, "a greeting came at a wrong time");
}
