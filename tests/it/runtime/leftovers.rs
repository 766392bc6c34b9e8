//! Rule S5: nothing of a runtime is left: no thread, no descriptor, no stack. Each in a process of its own.

use std::fs::read_dir;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use corro::net::{TcpListener, TcpStream};
use corro::task::Builder;
use corro::{Co, Generator, scope, sleep, spawn, spawn_local, unblock, yield_now};

use super::{HOUR, each, ms, panicked, raise, runtime, settles};
use crate::generator::child::isolated;

fn descriptors() -> usize {
    read_dir("/proc/self/fd").unwrap().count()
}

fn threads() -> usize {
    read_dir("/proc/self/task").unwrap().count()
}

/// A bit of everything, much of it left behind.
fn use_much(workers: usize) {
    let runtime = runtime(workers);
    let handles: Vec<_> = (0..10).map(|_| runtime.spawn(|| sleep(HOUR))).collect();
    runtime.run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serves = spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            stream.write_all(b"hello").unwrap();
            // Waits for what never comes.
            drop(spawn(move || stream.read(&mut [0]).unwrap()));
            listener.accept().unwrap();
        });
        let mut stream = TcpStream::connect(address).unwrap();
        stream.read_exact(&mut [0; 5]).unwrap();
        drop(spawn(move || stream.read(&mut [0]).unwrap()));
        drop(Builder::new().stack_size(32 << 10).spawn(|| sleep(HOUR)).unwrap());
        let pool: Vec<_> = (0..10).map(|i| spawn(move || unblock(move || i))).collect();
        pool.into_iter().for_each(|task| assert!(task.join().unwrap() < 10));
        let many: Vec<_> = (0..300).map(|_| spawn(|| (0..3).for_each(|_| yield_now()))).collect();
        many.into_iter().for_each(|task| task.join().unwrap());
        panicked("fails", spawn(|| raise("fails")));
        corro::join(|| sleep(ms(1)), || sleep(ms(1)));
        drop(spawn(|| scope(|s| (0..5).for_each(|_| drop(s.spawn(|| sleep(HOUR)))))));
        let mut generator = Generator::new(|co: &Co<()>| co.yield_(()));
        generator.next();
        drop(spawn_local(move || {
            let _generator = generator;
            sleep(HOUR);
        }));
        yield_now();
        (0..20).for_each(|_| drop(spawn(|| sleep(HOUR))));
        drop(serves);
    });
    drop(runtime);
    drop(handles);
}

#[test]
fn s5_nothing_is_left_after_a_runtime() {
    isolated(|| {
        // What is made once for the process is made now.
        use_much(16);
        settles(|| threads() <= 2);
        let before = descriptors();
        for workers in [1, 2, 4, 16, 4, 2, 1] {
            use_much(workers);
            settles(|| threads() <= 2);
            assert_eq!((descriptors(), corro::stacks().in_use), (before, 0), "after {workers} workers");
        }
    });
}

#[test]
fn s5_nothing_is_left_after_a_runtime_that_ends_in_its_own_task() {
    isolated(|| {
        let begin = |workers| {
            let runtime = Arc::new(runtime(workers));
            let mine = runtime.clone();
            drop(runtime.spawn(move || {
                (0..20).for_each(|_| drop(spawn(|| sleep(HOUR))));
                super::until(|| Arc::strong_count(&mine) == 1);
                drop(mine);
            }));
        };
        begin(4);
        settles(|| threads() <= 2);
        let before = descriptors();
        for workers in [1, 2, 4, 16] {
            begin(workers);
            settles(|| threads() <= 2 && descriptors() == before && corro::stacks().in_use == 0);
        }
    });
}

/// After a shutdown in vain all of the runtime stays; once the task gives in, it goes by itself.
#[test]
fn s5_nothing_is_left_after_a_shutdown_once_the_last_task_has_ended() {
    isolated(|| {
        runtime(2).run(|| ());
        settles(|| threads() <= 2);
        let before = descriptors();
        each(|runtime, workers| {
            let stop = Arc::new(AtomicBool::new(false));
            let stops = stop.clone();
            drop(runtime.spawn(move || {
                while !stops.load(SeqCst) {
                    let _ = std::panic::catch_unwind(|| sleep(ms(1)));
                }
            }));
            settles(|| runtime.metrics().live == 1);
            runtime.shutdown(ms(20)).unwrap_err();
            assert!(threads() > workers && corro::stacks().in_use == 1);
            stop.store(true, SeqCst);
            settles(|| threads() <= 2 && descriptors() == before && corro::stacks().in_use == 0);
        });
    });
}

/// Of a runtime that could not be built nothing is left either.
#[test]
fn s5_nothing_is_left_of_a_runtime_that_could_not_be_built() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    isolated(|| {
        runtime(2).run(|| ());
        settles(|| threads() <= 2);
        let before = descriptors();
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, before as u64 + 10, hard).unwrap();
        let failed = corro::Runtime::builder().workers(64).build();
        assert!(failed.is_err());
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
        settles(|| threads() <= 2 && descriptors() == before);
        runtime(2).run(|| ());
    });
}

/// Pool threads go with the runtime as well, and do not hold the process.
#[test]
fn s5_the_pools_threads_go_with_the_runtime() {
    isolated(|| {
        let runtime = corro::Runtime::builder().workers(2).blocking_threads(3).build().unwrap();
        let handles: Vec<_> = (0..20).map(|_| runtime.spawn(|| unblock(|| thread::sleep(ms(2))))).collect();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        assert!(threads() <= 2 + 2 + 3, "no more than was asked for: {}", threads());
        drop(runtime);
        settles(|| threads() <= 2);
    });
}

/// When threads run out, those that were started end, and what was made for the others goes too.
#[test]
fn s5_a_build_that_fails_for_want_of_threads_leaves_nothing() {
    use nix::sys::resource::{Resource, setrlimit};
    use nix::unistd::{Uid, setuid};
    isolated(|| {
        drop(runtime(1));
        settles(|| threads() <= 2);
        let alone = threads();
        // The limit does not hold for root. A user of another number may not list the descriptors of this process, but
        // new ones get the lowest numbers that are free.
        setrlimit(Resource::RLIMIT_NPROC, 40, 40).unwrap();
        if Uid::current().is_root() {
            setuid(Uid::from_raw(64_321)).unwrap();
        }
        let last_of_many = || {
            let many: Vec<_> = (0..200).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
            many.iter().map(AsRawFd::as_raw_fd).max()
        };
        let before = last_of_many();
        for _ in 0..5 {
            assert!(corro::Runtime::builder().workers(300).build().is_err());
            settles(|| threads() == alone);
            assert_eq!(last_of_many(), before);
        }
    });
}
