//! The kernel: tasks, system calls, and who waits for what.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use corro::CoroutineState::{Complete, Yielded};
use corro::Generator;
use corro::generator::{GeneratorError, Status};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub(crate) type Tid = usize;
/// A system call is answered with a number: a task, or whether it was done.
pub(crate) type Program = Generator<Call, usize>;

pub(crate) enum Call {
    Next,
    GetTid,
    NewTask(Program),
    KillTask(Tid),
    WaitTask(Tid),
    ReadWait(Rc<dyn AsFd>),
    WriteWait(Rc<dyn AsFd>),
}

#[derive(Default)]
pub(crate) struct Kernel {
    last: Tid,
    tasks: BTreeMap<Tid, Program>,
    /// With the answer to the call that each has made.
    ready: VecDeque<(Tid, usize)>,
    waiting: Vec<(Tid, Tid)>,
    polling: Vec<(Tid, Rc<dyn AsFd>, PollFlags)>,
}

impl Kernel {
    /// Starts a task: it is ready.
    pub(crate) fn add(&mut self, program: Program) -> Tid {
        self.last += 1;
        self.tasks.insert(self.last, program);
        self.ready.push_back((self.last, 0));
        self.last
    }

    /// Runs each ready task once, in turn, until all have ended.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        while !self.tasks.is_empty() {
            for (tid, answer) in std::mem::take(&mut self.ready) {
                self.step(tid, answer);
            }
            self.poll()?;
        }
        Ok(())
    }

    fn step(&mut self, tid: Tid, answer: usize) {
        let Some(program) = self.tasks.get_mut(&tid) else { return };
        let resume = || if program.status() == Status::Created { program.start() } else { program.send(answer) };
        match catch_unwind(AssertUnwindSafe(resume)) {
            Ok(Ok(Yielded(call))) => return self.call(tid, call),
            Ok(Ok(Complete(()))) => {}
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
            Call::ReadWait(file) => return self.polling.push((tid, file, PollFlags::IN)),
            Call::WriteWait(file) => return self.polling.push((tid, file, PollFlags::OUT)),
        };
        self.ready.push_back((tid, answer));
    }

    /// Unwinds what is left of a task and wakes those who wait for its end.
    fn end(&mut self, tid: Tid) -> bool {
        self.polling.retain(|entry| entry.0 != tid);
        self.ready.extend(self.waiting.extract_if(.., |entry| entry.1 == tid).map(|(waiter, _)| (waiter, 1)));
        self.tasks.remove(&tid).is_some()
    }

    /// Looks which files are ready; waits for them only if no task is.
    fn poll(&mut self) -> io::Result<()> {
        let mut files: Vec<_> = self.polling.iter().map(|(_, file, flags)| PollFd::new(file, *flags)).collect();
        if !self.tasks.is_empty() {
            poll(&mut files, (!self.ready.is_empty()).then_some(&Timespec::default()))?;
        }
        let mut came = files.iter().map(|file| !file.revents().is_empty()).collect::<Vec<_>>().into_iter();
        let came = self.polling.extract_if(.., |_| came.next() == Some(true));
        self.ready.extend(came.map(|(tid, ..)| (tid, 1)));
        Ok(())
    }
}
