//! A list of arms that is made while the program runs.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::arm::{
    self, Armed, EndArm, JoinOperand, ReadyArm, RecvArm, RecvOperand, SendArm, SendOperand, TimeArm, wait_within,
};
use crate::channel::{RecvError, SendError};
use crate::task::{self, Arms, JoinError};

/// A list of operations, of which [`wait`](Select::wait) does one: [`select!`](crate::select!) for arms whose number is not
/// known beforehand.
///
/// Each arm has a closure that makes the result of its output. Arms for messages to receive, descriptors and times stay in
/// the list and can be done again; arms for messages to send and ends of tasks are taken out as they are done. A wait
/// allocates nothing. Times count from when the arm was added.
///
/// # Examples
/// ```
/// use corro::channel;
/// use corro::select::Select;
///
/// corro::run(|| {
///     let (senders, receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| channel::bounded(1)).unzip();
///     let mut select = Select::new();
///     for (number, receiver) in receivers.iter().enumerate() {
///         select.recv(receiver, move |message| (number, message.unwrap()));
///     }
///     senders[2].send("c").unwrap();
///     assert_eq!(select.wait(), (2, "c"));
///     senders[0].send("a").unwrap();
///     assert_eq!(select.wait(), (0, "a"));
/// });
/// ```
pub struct Select<'a, R> {
    entries: Vec<Box<dyn Entry<R> + 'a>>,
}

/// An arm with its closure.
trait Entry<R> {
    fn armed(&self) -> Armed<'_>;

    /// The result, if the arm is done.
    fn finish(&mut self) -> Option<R>;

    /// Whether it can be done again.
    fn is_reusable(&self) -> bool;
}

/// An arm, and what makes a result of its output.
struct Arm<A, F> {
    arm: A,
    then: F,
}

macro_rules! entry {
    ($arm:ty, $output:ty, $reusable:literal $(, $lifetime:lifetime, $generic:ident)?) => {
        impl<$($lifetime, $generic,)? R, F: FnMut($output) -> R> Entry<R> for Arm<$arm, F> {
            fn armed(&self) -> Armed<'_> {
                self.arm.armed()
            }

            fn finish(&mut self) -> Option<R> {
                self.arm.finish().map(&mut self.then)
            }

            fn is_reusable(&self) -> bool {
                $reusable
            }
        }
    };
}

entry!(RecvArm<'a, T>, Result<T, RecvError>, true, 'a, T);
entry!(SendArm<'a, T>, Result<(), SendError<T>>, false, 'a, T);
entry!(EndArm<'a, T>, Result<T, JoinError>, false, 'a, T);
entry!(ReadyArm, io::Result<()>, true);
entry!(TimeArm, (), true);

struct List<'s, 'a, R>(&'s [Box<dyn Entry<R> + 'a>]);

impl<R> Arms for List<'_, '_, R> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn arm(&self, index: usize) -> &dyn task::Arm {
        self.0[index].armed().into_arm()
    }
}

impl<'a, R> Select<'a, R> {
    /// A list without arms.
    pub fn new() -> Select<'a, R> {
        Select { entries: Vec::new() }
    }

    /// Adds: to receive a message, as [`Receiver::recv`](crate::channel::Receiver::recv).
    pub fn recv<T: 'a>(
        &mut self,
        receiver: &'a (impl RecvOperand<Message = T> + ?Sized),
        then: impl FnMut(Result<T, RecvError>) -> R + 'a,
    ) {
        self.push(Arm { arm: receiver.recv_arm(), then });
    }

    /// Adds: to send a message, as [`Sender::send`](crate::channel::Sender::send).
    pub fn send<T: 'a>(
        &mut self,
        sender: &'a (impl SendOperand<T> + ?Sized),
        message: T,
        then: impl FnMut(Result<(), SendError<T>>) -> R + 'a,
    ) {
        self.push(Arm { arm: sender.send_arm(message), then });
    }

    /// Adds: to join a task, as [`JoinHandle::join`](crate::JoinHandle::join).
    pub fn join<J: JoinOperand>(&mut self, handle: &'a mut J, then: impl FnMut(Result<J::Output, JoinError>) -> R + 'a)
    where
        J::Output: 'a,
    {
        self.push(Arm { arm: arm::join(handle), then });
    }

    /// Adds: to see `fd` readable, as [`wait_readable`](crate::io::wait_readable).
    pub fn readable(&mut self, fd: &'a impl AsFd, then: impl FnMut(io::Result<()>) -> R + 'a) {
        self.push(Arm { arm: arm::readable(fd), then });
    }

    /// Adds: to see `fd` writable, as [`wait_writable`](crate::io::wait_writable).
    pub fn writable(&mut self, fd: &'a impl AsFd, then: impl FnMut(io::Result<()>) -> R + 'a) {
        self.push(Arm { arm: arm::writable(fd), then });
    }

    /// Adds: to see `duration` pass from now on.
    pub fn after(&mut self, duration: Duration, mut then: impl FnMut() -> R + 'a) {
        self.push(Arm { arm: arm::after(duration), then: move |()| then() });
    }

    /// Adds: to see a time come.
    pub fn at(&mut self, deadline: Instant, mut then: impl FnMut() -> R + 'a) {
        self.push(Arm { arm: arm::at(deadline), then: move |()| then() });
    }

    fn push(&mut self, entry: impl Entry<R> + 'a) {
        self.entries.push(Box::new(entry));
    }

    /// Does one of the operations, waiting for it, and returns what its closure makes of the output. A cancellation point,
    /// which loses nothing.
    ///
    /// # Panics
    /// When there is no arm, since it would wait for ever. Where it would have to wait and cannot: in a callback of the event
    /// loop, and while the task unwinds.
    pub fn wait(&mut self) -> R {
        assert!(!self.entries.is_empty(), "a `Select` without an arm would wait for ever: add one");
        task::begin_operation();
        let deadline = self.entries.iter().filter_map(|entry| entry.armed().deadline()).min();
        let done = wait_within(&List(&self.entries), deadline);
        self.finish(done)
    }

    /// Does one of the operations if one can be done now.
    pub fn try_wait(&mut self) -> Option<R> {
        let done = task::attempt(&List(&self.entries))?;
        Some(self.finish(done))
    }

    fn finish(&mut self, done: usize) -> R {
        let output = if self.entries[done].is_reusable() {
            self.entries[done].finish()
        } else {
            self.entries.remove(done).finish()
        };
        output.expect("the arm is done")
    }

    /// How many operations are in the list.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no operation in the list.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<R> Default for Select<'_, R> {
    fn default() -> Self {
        Select::new()
    }
}

impl<R> fmt::Debug for Select<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select").field("len", &self.len()).finish_non_exhaustive()
    }
}
