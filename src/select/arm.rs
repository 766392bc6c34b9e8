//! The arms of a `select`, one type for each kind.
//!
//! An arm is made with what it needs, lent to the wait as [`Armed`], and asked for its output then: that of the one that
//! was done is there.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::{Duration, Instant};

use crate::channel::{self, RecvError, SendError};
use crate::driver::{self, Deadline, Direction, FdWatch};
use crate::task::{self, Arm, Arms, JoinArm, JoinError, JoinHandle, QueueArm, ScopedJoinHandle, Undone};

/// An arm as the wait sees it.
pub struct Armed<'a> {
    arm: &'a dyn Arm,
    /// When it is done, if it is a time.
    deadline: Option<Instant>,
}

impl<'a> Armed<'a> {
    fn new(arm: &'a dyn Arm) -> Armed<'a> {
        Armed { arm, deadline: None }
    }

    pub(super) fn into_arm(self) -> &'a dyn Arm {
        self.arm
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl Arms for [Armed<'_>] {
    fn len(&self) -> usize {
        self.len()
    }

    fn arm(&self, index: usize) -> &dyn Arm {
        self[index].arm
    }
}

/// Does one of the arms, waiting if need be.
///
/// # Panics
/// Where it would have to wait and cannot: in a callback of the event loop, and while the task unwinds.
pub fn wait(arms: &[Armed<'_>]) {
    task::begin_operation();
    let deadline = arms.iter().filter_map(|armed| armed.deadline).min();
    wait_within(arms, deadline);
}

/// The same for any list of arms, the first of whose times is `deadline`. Returns which one was done.
pub(super) fn wait_within(arms: &(impl Arms + ?Sized), deadline: Option<Instant>) -> usize {
    loop {
        match task::select(arms, &mut Deadline::at(deadline)) {
            Ok(done) => return done,
            // An arm is that time, so the next attempt finds it.
            Err(Undone::Late) => {}
            Err(_unwinding) => panic!(
                "`select!` would have to wait, and a task that unwinds cannot: give it a `default` arm there, or do it \
                 before"
            ),
        }
    }
}

/// Does one of the arms, if one can be done now.
pub fn try_wait(arms: &[Armed<'_>]) {
    task::attempt(arms);
}

/// What `recv(…)` takes: a receiver of a channel or of a oneshot, or a reference to one.
pub trait RecvOperand {
    #[doc(hidden)]
    type Message;

    #[doc(hidden)]
    fn recv_arm(&self) -> RecvArm<'_, Self::Message>;
}

impl<T> RecvOperand for channel::Receiver<T> {
    type Message = T;

    fn recv_arm(&self) -> RecvArm<'_, T> {
        RecvArm(QueueArm::new(self.core(), channel::Recv::new()))
    }
}

impl<T> RecvOperand for channel::oneshot::Receiver<T> {
    type Message = T;

    fn recv_arm(&self) -> RecvArm<'_, T> {
        RecvArm(QueueArm::new(self.core(), channel::Recv::new()))
    }
}

impl<R: RecvOperand + ?Sized> RecvOperand for &R {
    type Message = R::Message;

    fn recv_arm(&self) -> RecvArm<'_, R::Message> {
        (**self).recv_arm()
    }
}

impl<R: RecvOperand + ?Sized> RecvOperand for &mut R {
    type Message = R::Message;

    fn recv_arm(&self) -> RecvArm<'_, R::Message> {
        (**self).recv_arm()
    }
}

/// What `send(…)` takes: a sender of a channel, or a reference to one.
pub trait SendOperand<T> {
    #[doc(hidden)]
    fn send_arm(&self, message: T) -> SendArm<'_, T>;
}

impl<T> SendOperand<T> for channel::Sender<T> {
    fn send_arm(&self, message: T) -> SendArm<'_, T> {
        SendArm(QueueArm::new(self.core(), channel::Send::new(message)))
    }
}

impl<T, S: SendOperand<T> + ?Sized> SendOperand<T> for &S {
    fn send_arm(&self, message: T) -> SendArm<'_, T> {
        (**self).send_arm(message)
    }
}

impl<T, S: SendOperand<T> + ?Sized> SendOperand<T> for &mut S {
    fn send_arm(&self, message: T) -> SendArm<'_, T> {
        (**self).send_arm(message)
    }
}

/// What `join(…)` takes: a reference to the handle of a task.
pub trait JoinOperand {
    #[doc(hidden)]
    type Output;

    #[doc(hidden)]
    fn handle(&mut self) -> &mut JoinHandle<Self::Output>;
}

impl<T> JoinOperand for JoinHandle<T> {
    type Output = T;

    fn handle(&mut self) -> &mut JoinHandle<T> {
        self
    }
}

impl<T> JoinOperand for ScopedJoinHandle<'_, T> {
    type Output = T;

    fn handle(&mut self) -> &mut JoinHandle<T> {
        self.inner()
    }
}

/// `recv(…)`
pub fn recv<R: RecvOperand + ?Sized>(operand: &R) -> RecvArm<'_, R::Message> {
    operand.recv_arm()
}

/// `send(…)`
pub fn send<'a, T>(operand: &'a (impl SendOperand<T> + ?Sized), message: T) -> SendArm<'a, T> {
    operand.send_arm(message)
}

/// `join(…)`
pub fn join<J: JoinOperand>(operand: &mut J) -> EndArm<'_, J::Output> {
    EndArm(JoinArm::new(operand.handle()))
}

/// `readable(…)`
pub fn readable(operand: &impl AsFd) -> ReadyArm {
    ReadyArm::new(operand, Direction::Read)
}

/// `writable(…)`
pub fn writable(operand: &impl AsFd) -> ReadyArm {
    ReadyArm::new(operand, Direction::Write)
}

/// `after(…)`
pub fn after(duration: Duration) -> TimeArm {
    TimeArm::new(driver::now().checked_add(duration))
}

/// `at(…)`
pub fn at(deadline: Instant) -> TimeArm {
    TimeArm::new(Some(deadline))
}

/// A message to receive.
pub struct RecvArm<'a, T>(RecvQueueArm<'a, T>);

type RecvQueueArm<'a, T> = QueueArm<'a, channel::State<T>, Option<T>, channel::Recv<T>, 2>;
type SendQueueArm<'a, T> = QueueArm<'a, channel::State<T>, Option<T>, channel::Send<T>, 2>;

impl<T> RecvArm<'_, T> {
    pub fn armed(&self) -> Armed<'_> {
        Armed::new(&self.0)
    }

    pub fn finish(&mut self) -> Option<Result<T, RecvError>> {
        self.0.take_done().and_then(channel::Recv::take_result)
    }
}

/// A message to send.
pub struct SendArm<'a, T>(SendQueueArm<'a, T>);

impl<T> SendArm<'_, T> {
    pub fn armed(&self) -> Armed<'_> {
        Armed::new(&self.0)
    }

    pub fn finish(&mut self) -> Option<Result<(), SendError<T>>> {
        let send = self.0.take_done()?;
        Some(send.take_message().map_or(Ok(()), |message| Err(SendError(message))))
    }
}

/// A task whose end is awaited.
pub struct EndArm<'a, T>(JoinArm<'a, T>);

impl<T> EndArm<'_, T> {
    pub fn armed(&self) -> Armed<'_> {
        Armed::new(&self.0)
    }

    pub fn finish(&mut self) -> Option<Result<T, JoinError>> {
        self.0.take_result()
    }
}

/// A time that is awaited.
pub struct TimeArm {
    /// `None` never comes.
    at: Option<Instant>,
    done: Cell<bool>,
}

impl TimeArm {
    fn new(at: Option<Instant>) -> TimeArm {
        TimeArm { at, done: Cell::new(false) }
    }

    pub fn armed(&self) -> Armed<'_> {
        Armed { arm: self, deadline: self.at }
    }

    pub fn finish(&mut self) -> Option<()> {
        self.done.take().then_some(())
    }
}

impl Arm for TimeArm {
    fn attempt(&self) -> bool {
        self.done.set(self.is_ready());
        self.done.get()
    }

    fn is_ready(&self) -> bool {
        self.at.is_some_and(|at| driver::now() >= at)
    }

    fn leave(&self, chosen: bool) {
        self.done.set(chosen);
    }

    fn pass_on(&self) -> bool {
        true
    }
}

/// A descriptor that is to be ready. It stays open while it is waited for: its owner is borrowed by the `select`.
pub struct ReadyArm {
    fd: RawFd,
    direction: Direction,
    watch: RefCell<Option<FdWatch>>,
    result: RefCell<Option<io::Result<()>>>,
}

impl ReadyArm {
    fn new(operand: &impl AsFd, direction: Direction) -> ReadyArm {
        let fd = operand.as_fd().as_raw_fd();
        ReadyArm { fd, direction, watch: RefCell::default(), result: RefCell::default() }
    }

    pub fn armed(&self) -> Armed<'_> {
        Armed::new(self)
    }

    pub fn finish(&mut self) -> Option<io::Result<()>> {
        self.result.take()
    }
}

impl Arm for ReadyArm {
    fn attempt(&self) -> bool {
        let ready = match driver::poll_now(self.fd, self.direction) {
            Ok(ready) => ready.then_some(Ok(())),
            Err(error) => Some(Err(error)),
        };
        *self.result.borrow_mut() = ready;
        self.result.borrow().is_some()
    }

    fn watch(&self) -> bool {
        match FdWatch::new(self.fd, self.direction) {
            Ok(watch) => *self.watch.borrow_mut() = Some(watch),
            Err(error) => *self.result.borrow_mut() = Some(Err(error)),
        }
        true
    }

    fn is_ready(&self) -> bool {
        let mut result = self.result.borrow_mut();
        if result.is_none() {
            *result = self.watch.borrow().as_ref().and_then(FdWatch::result);
        }
        result.is_some()
    }

    fn leave(&self, chosen: bool) {
        drop(self.watch.take());
        if !chosen {
            *self.result.borrow_mut() = None;
        }
    }

    fn pass_on(&self) -> bool {
        true
    }
}
