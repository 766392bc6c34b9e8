//! Rule S9: however many tasks yield for ever, the others have their turn. Turns are counted, not time.

use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use corro::net::{TcpListener, TcpStream, UnixStream};
use corro::task::{Builder, JoinSet, Placement};
use corro::{Runtime, sleep, spawn, spawn_local, yield_now};

use super::{ms, runtime, settles};

/// The turns of all that yield, and when to stop.
#[derive(Clone, Default)]
struct Crowd {
    turns: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Crowd {
    fn turns(&self) -> usize {
        self.turns.load(SeqCst)
    }

    fn turn(&self) {
        self.turns.fetch_add(1, SeqCst);
    }

    /// Starts tasks on this worker that yield until they are told to stop.
    fn start(&self, count: usize) {
        for _ in 0..count {
            let crowd = self.clone();
            drop(spawn_local(move || {
                while !crowd.stop.load(SeqCst) {
                    crowd.turn();
                    yield_now();
                }
            }));
        }
    }

    fn stop(&self) {
        self.stop.store(true, SeqCst);
    }
}

const CROWDS: [usize; 5] = [1, 5, 63, 300, 900];

/// One worker, with so many that yield for ever; the test is its main task.
fn crowded(test: impl Fn(&Crowd) + Sync) {
    for count in CROWDS {
        let crowd = Crowd::default();
        runtime(1).run(|| {
            crowd.start(count);
            test(&crowd);
            crowd.stop();
        });
    }
}

/// At most so many turns passed between two counts. What comes has its turn after that, so all that yield may come once
/// more.
#[track_caller]
fn within(limit: usize, from: usize, to: usize) {
    assert!(to - from <= limit, "{} turns of others", to - from);
}

#[test]
fn s9_a_new_task_has_its_turn() {
    crowded(|crowd| {
        for _ in 0..20 {
            let (from, counts) = (crowd.turns(), crowd.clone());
            let to = spawn(move || counts.turns());
            // Not by a join, which takes the task back.
            while !to.is_finished() {
                yield_now();
            }
            within(1000 + CROWDS[4], from, to.join().unwrap());
        }
    });
}

/// A turn of operations that are all ready at once is long, so others need not wait for as many of them.
#[test]
fn s9_a_task_whose_io_is_always_ready_lets_others_io_and_timers_have_their_turn() {
    const BEFORE_A_TASK_GIVES_WAY: usize = 256;
    let waits: [fn(UnixStream); 2] =
        [|mut told| told.read_exact(&mut [0]).unwrap(), |_told| sleep(Duration::from_nanos(1))];
    for wait in waits {
        let operations = runtime(1).run(|| {
            let ((mut near, mut far), (mut tells, told)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
            let waiter = spawn_local(move || wait(told));
            yield_now();
            tells.write_all(&[0]).unwrap();
            let mut operations = 0;
            while !waiter.is_finished() && operations < 100_000 {
                near.write_all(&[0]).unwrap();
                far.read_exact(&mut [0]).unwrap();
                operations += 2;
            }
            operations
        });
        assert!(operations <= 8 * BEFORE_A_TASK_GIVES_WAY, "{operations} operations of another");
    }
}

/// New work of its own never ends: what came first, and what comes from outside, have their turn.
#[test]
fn s9_a_chain_of_new_tasks_does_not_starve_the_oldest() {
    fn link(crowd: Crowd) {
        crowd.turn();
        if !crowd.stop.load(SeqCst) {
            drop(spawn(move || link(crowd)));
        }
    }
    let crowd = Crowd::default();
    let runtime = runtime(1);
    let to = runtime.run(|| {
        let counts = crowd.clone();
        let oldest = spawn(move || {
            counts.stop();
            counts.turns()
        });
        let chain = crowd.clone();
        drop(spawn(move || link(chain)));
        oldest
    });
    let give_up = Instant::now() + Duration::from_secs(5);
    while !to.is_finished() && Instant::now() < give_up {
        thread::sleep(ms(1));
    }
    // If it starves, it must not do so for ever.
    crowd.stop();
    within(1000, 0, to.join().unwrap());
}

#[test]
fn s9_a_chain_of_new_tasks_does_not_starve_what_comes_from_outside() {
    fn link(crowd: Crowd) {
        crowd.turn();
        if !crowd.stop.load(SeqCst) {
            drop(spawn(move || link(crowd)));
        }
    }
    let crowd = Crowd::default();
    let runtime = runtime(1);
    let chain = crowd.clone();
    drop(runtime.spawn(move || link(chain)));
    settles(|| crowd.turns() > 0);
    let (counts, from) = (crowd.clone(), crowd.turns());
    let to = runtime.spawn(move || counts.turns());
    let give_up = Instant::now() + Duration::from_secs(5);
    while !to.is_finished() && Instant::now() < give_up {
        thread::sleep(ms(1));
    }
    let starved = !to.is_finished();
    crowd.stop();
    let to = to.join().unwrap();
    assert!(!starved, "{} turns of others", to - from);
}

/// A due timer, a descriptor that is ready and a woken task have their turn beside such a chain.
#[test]
fn s9_a_chain_of_new_tasks_does_not_starve_timers() {
    fn link(crowd: Crowd) {
        crowd.turn();
        if !crowd.stop.load(SeqCst) {
            drop(spawn(move || link(crowd)));
        }
    }
    let crowd = Crowd::default();
    runtime(1).run(|| {
        let chain = crowd.clone();
        drop(spawn(move || link(chain)));
        for _ in 0..20 {
            let deadline = Instant::now() + ms(1);
            let sleeps = spawn_local(move || sleep(ms(1)));
            let mut due = None;
            while !sleeps.is_finished() {
                if due.is_none() && Instant::now() >= deadline {
                    due = Some(crowd.turns());
                }
                yield_now();
            }
            due.into_iter().for_each(|due| within(1000, due, crowd.turns()));
        }
        crowd.stop();
    });
}

#[test]
fn s9_new_tasks_of_every_placement_have_their_turn() {
    crowded(|crowd| {
        for placement in [Placement::Here, Placement::Any, Placement::Spread] {
            let (from, counts) = (crowd.turns(), crowd.clone());
            let to = Builder::new().placement(placement).spawn(move || counts.turns()).unwrap();
            while !to.is_finished() {
                yield_now();
            }
            within(1000 + CROWDS[4], from, to.join().unwrap());
        }
    });
}

#[test]
fn s9_work_from_outside_has_its_turn() {
    for count in CROWDS {
        let crowd = Crowd::default();
        let runtime = runtime(1);
        runtime.run(|| crowd.start(count));
        for _ in 0..20 {
            // This thread is stopped at any moment, so turns that pass before it has handed the task in are not counted:
            // the count is taken by a task that comes first.
            let (first, second) = (crowd.clone(), crowd.clone());
            let from = runtime.spawn(move || first.turns());
            let to = runtime.spawn(move || (second.turns(), Instant::now()));
            let from = from.join().unwrap();
            // Whether both were there at once is not known; most of the time they were.
            let to = to.join().unwrap().0;
            if to.saturating_sub(from) > 1000 + count {
                assert!(retry_outside(&runtime, &crowd, count), "{} turns of others", to - from);
            }
        }
        crowd.stop();
    }
}

/// Whether in one of several attempts the task came in time.
fn retry_outside(runtime: &Runtime, crowd: &Crowd, count: usize) -> bool {
    (0..20).any(|_| {
        let (counts, from) = (crowd.clone(), crowd.turns());
        let to = runtime.spawn(move || counts.turns()).join().unwrap();
        to - from <= 1000 + count
    })
}

/// The main task is a member of the crowd that sees the deadline pass: then the timer is due, and its turn comes.
#[test]
fn s9_a_due_timer_has_its_turn() {
    crowded(|crowd| {
        for _ in 0..5 {
            let deadline = Instant::now() + ms(1);
            let counts = crowd.clone();
            let to = spawn_local(move || {
                corro::sleep_until(deadline);
                counts.turns()
            });
            yield_now();
            while Instant::now() < deadline {
                crowd.turn();
                yield_now();
            }
            let from = crowd.turns();
            while !to.is_finished() {
                yield_now();
            }
            within(1000 + 2 * CROWDS[4], from, to.join().unwrap().max(from));
        }
    });
}

#[test]
fn s9_ready_io_has_its_turn() {
    crowded(|crowd| {
        let (reader, mut writer) = std::io::pipe().unwrap();
        for _ in 0..5 {
            let (counts, mut reader) = (crowd.clone(), reader.try_clone().unwrap());
            let to = spawn_local(move || {
                corro::io::wait_readable(&reader).unwrap();
                reader.read_exact(&mut [0]).unwrap();
                counts.turns()
            });
            (0..3).for_each(|_| yield_now());
            writer.write_all(b"x").unwrap();
            let from = crowd.turns();
            while !to.is_finished() {
                yield_now();
            }
            within(1000 + 2 * CROWDS[4], from, to.join().unwrap());
        }
    });
}

/// One look at I/O does not take all that is ready; those that come last have their turn all the same.
#[test]
fn s9_much_ready_io_has_its_turn_among_many() {
    const READERS: usize = 600;
    let test = |crowd: &Crowd| {
        let waits = Arc::new(AtomicUsize::new(0));
        let (writers, readers): (Vec<_>, Vec<_>) = (0..READERS)
            .map(|_| {
                let (mut reader, writer) = UnixStream::pair().unwrap();
                let (counts, waits) = (crowd.clone(), waits.clone());
                let reader = spawn_local(move || {
                    waits.fetch_add(1, SeqCst);
                    reader.read_exact(&mut [0]).unwrap();
                    counts.turns()
                });
                (writer, reader)
            })
            .unzip();
        while waits.load(SeqCst) < READERS {
            yield_now();
        }
        (0..30).for_each(|_| yield_now());
        writers.iter().for_each(|mut writer| writer.write_all(b"x").unwrap());
        // After the writes, which give way. Some have had their turn by now.
        let from = crowd.turns();
        let last = readers.into_iter().map(|reader| reader.join().unwrap()).max().unwrap();
        within(1000 + CROWDS[4], from, last.max(from));
    };
    crowded(test);
    for count in CROWDS {
        let crowd = Crowd::default();
        corro::run(|| {
            crowd.start(count);
            test(&crowd);
            crowd.stop();
        });
    }
}

/// A task whose stream always has something to read, and one that joins what has ended, give way.
#[test]
fn s9_a_task_whose_operations_are_ready_gives_way() {
    runtime(1).run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut theirs = listener.accept().unwrap().0;
        ours.write_all(&[7; 2000]).unwrap();
        sleep(ms(5));
        gives_way(|| theirs.read_exact(&mut [0]).unwrap());
        gives_way(|| ours.write_all(b"x").unwrap());
        let mut ended: Vec<_> = (0..2000).map(|_| spawn_local(|| ())).collect();
        (0..10).for_each(|_| yield_now());
        sleep(ms(1));
        assert!(ended.iter().all(corro::JoinHandle::is_finished));
        gives_way(|| ended.pop().unwrap().join().unwrap());
    });
}

/// So often an operation that is always ready is done; another task looks how many come between two of its turns.
#[track_caller]
fn gives_way(mut operation: impl FnMut()) {
    let (count, most, over) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
    let looks = {
        let (count, most, over) = (count.clone(), most.clone(), over.clone());
        spawn_local(move || {
            while !over.get() {
                let from = count.get();
                yield_now();
                most.set(most.get().max(count.get() - from));
            }
        })
    };
    yield_now();
    for _ in 0..2000 {
        operation();
        count.set(count.get() + 1);
    }
    over.set(true);
    looks.join().unwrap();
    assert!((1..=256).contains(&most.get()), "{} operations in a row", most.get());
}

/// On several workers, each with a crowd of its own.
#[test]
fn s9_nobody_starves_on_many_workers() {
    for workers in [2, 4, 16] {
        let runtime = runtime(workers);
        let crowd = Crowd::default();
        runtime.run(|| {
            for _ in 0..workers * 20 {
                let crowd = crowd.clone();
                let yields = move || {
                    while !crowd.stop.load(SeqCst) {
                        crowd.turn();
                        yield_now();
                    }
                };
                drop(Builder::new().placement(Placement::Spread).spawn(yields).unwrap());
            }
        });
        for _ in 0..20 {
            runtime.spawn(|| ()).join().unwrap();
            runtime.run(|| sleep(ms(1)));
        }
        crowd.stop();
        settles(|| runtime.metrics().live == 0);
    }
}

/// Who starts tasks in a race, takes the first and lets the others go, leaves new work behind, under which lies what others
/// have started. It must not grow without end.
#[test]
fn s9_what_was_started_and_cancelled_goes_in_the_end() {
    const ROUNDS: usize = 20_000;
    let runtime = runtime(1);
    let body = Arc::new(());
    let race = |racer: usize| {
        let mut most = 0;
        for round in 0..ROUNDS {
            let mut set = JoinSet::new();
            for number in 0..1 + (round + racer) % 4 {
                let body = body.clone();
                set.spawn(move || {
                    let _body = body;
                    match number {
                        0 => {}
                        1 => yield_now(),
                        _ => sleep(ms(3_600_000)),
                    }
                });
            }
            set.join_next().unwrap().unwrap();
            drop(set);
            most = most.max(Arc::strong_count(&body));
        }
        most
    };
    let race = &race;
    let all = || {
        corro::scope(|s| {
            [0, 1, 2, 3, 4, 5, 6, 7].map(|racer| s.spawn(move || race(racer))).map(|racer| racer.join().unwrap())
        })
    };
    let most = runtime.run(all);
    assert!(most.iter().all(|&most| most < ROUNDS / 10), "{most:?} bodies of tasks were left behind");
    settles(|| Arc::strong_count(&body) == 1 && runtime.metrics().live == 0);
}

/// As the connections that an acceptor has taken at one go: they must not start one by one, a whole batch of others apart.
#[test]
fn s9_many_new_tasks_start_soon_among_many() {
    const NEW: usize = 200;
    for count in [300, 900] {
        let crowd = Crowd::default();
        let (last, started) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        runtime(1).run(|| {
            crowd.start(count);
            yield_now();
            let from = crowd.turns();
            let mut tasks = JoinSet::new();
            for _ in 0..NEW {
                let (crowd, last, started) = (crowd.clone(), last.clone(), started.clone());
                tasks.spawn(move || {
                    last.fetch_max(crowd.turns(), SeqCst);
                    started.fetch_add(1, SeqCst);
                });
            }
            while tasks.join_next().is_some() {}
            crowd.stop();
            assert_eq!(started.load(SeqCst), NEW);
            within(8 * NEW + 1000 + 2 * count, from, last.load(SeqCst));
        });
    }
}
