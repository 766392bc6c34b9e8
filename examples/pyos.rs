//! A tiny operating system: its programs are generators, its kernel resumes them in turn, a system call is a yield.
//! (After David Beazley's "A Curious Course on Coroutines and Concurrency", 2009.)
//!
//! `cargo run --release --example pyos` starts an echo server, a program that fails, one that never ends, and a client
//! in a thread. It prints (the order of some lines varies):
//!
//! ```text
//! init is task 1
//! task 3: stopped by an exception: disk on fire
//! echo: a connection is task 5
//! echo: a connection is task 6
//! the client got all its lines back
//! the counter is stopped in the middle of a call
//! all tasks have ended
//! ```
//!
//! It waits only if nothing is ready, a killed program is unwound with all that it called, a plain yield gets no stale
//! answer, and a program that fails takes nobody with it.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead as _, BufReader, ErrorKind::WouldBlock, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use corro::generator::{GeneratorError, Status, raise};
use corro::{Co, CoroutineState, Generator};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

type Tid = usize;
/// A system call is answered with a number: a task, or whether it was done.
type Program = Generator<Call, usize>;
type Files = Rc<dyn std::os::fd::AsFd>;

enum Call {
    Next,
    GetTid,
    NewTask(Program),
    KillTask(Tid),
    WaitTask(Tid),
    ReadWait(Files),
    WriteWait(Files),
}

#[derive(Default)]
struct Kernel {
    last: Tid,
    tasks: BTreeMap<Tid, Program>,
    /// With the answer to the call that each has made.
    ready: VecDeque<(Tid, usize)>,
    waiting: Vec<(Tid, Tid)>,
    polled: Vec<(Tid, Files, PollFlags)>,
}

impl Kernel {
    fn add(&mut self, program: Program) -> Tid {
        self.last += 1;
        self.tasks.insert(self.last, program);
        self.ready.push_back((self.last, 0));
        self.last
    }

    fn run(&mut self) -> io::Result<()> {
        while !self.tasks.is_empty() {
            self.poll()?;
            for _ in 0..self.ready.len() {
                let Some((tid, answer)) = self.ready.pop_front() else { break };
                self.step(tid, answer);
            }
        }
        Ok(())
    }

    fn step(&mut self, tid: Tid, answer: usize) {
        let Some(program) = self.tasks.get_mut(&tid) else { return };
        let resume = || if program.status() == Status::Created { program.start() } else { program.send(answer) };
        match catch_unwind(AssertUnwindSafe(resume)) {
            Ok(Ok(CoroutineState::Yielded(call))) => return self.call(tid, call),
            Ok(Ok(CoroutineState::Complete(()))) => {}
            Ok(Err(GeneratorError::Raised(exception))) => println!("task {tid}: stopped by an exception: {exception}"),
            _ => println!("task {tid}: stopped by a panic"),
        }
        self.end(tid);
    }

    fn call(&mut self, tid: Tid, call: Call) {
        let answer = match call {
            Call::Next => 0,
            Call::GetTid => tid,
            Call::NewTask(program) => self.add(program),
            Call::KillTask(victim) => usize::from(self.end(victim)),
            Call::WaitTask(other) if self.tasks.contains_key(&other) => return self.waiting.push((tid, other)),
            Call::WaitTask(_) => 0,
            Call::ReadWait(file) => return self.polled.push((tid, file, PollFlags::IN)),
            Call::WriteWait(file) => return self.polled.push((tid, file, PollFlags::OUT)),
        };
        self.ready.push_back((tid, answer));
    }

    /// Unwinds what is left of a task and wakes those who wait for its end.
    fn end(&mut self, tid: Tid) -> bool {
        let program = self.tasks.remove(&tid);
        self.ready.retain(|entry| entry.0 != tid);
        ...
    }
}
