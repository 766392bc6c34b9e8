//! Channels for one message, for all receivers, for the latest value.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use corro::channel::{self, Receiver, Sender, broadcast, oneshot, watch};
use corro::yield_now;
use fastrand::Rng;

use super::{Case, Role, stress};
use crate::support::ms;

/// One makes a channel for an answer, and hands its sending end on; another answers. An answer that was given is seen
/// by who asked, unless that is cancelled.
struct Questions {
    ends: Mutex<Option<Ends>>,
    asked: AtomicUsize,
    answered: AtomicUsize,
}

type Ends = (Sender<oneshot::Sender<usize>>, Receiver<oneshot::Sender<usize>>);

impl Case for Questions {
    fn act(&self, role: Role, random: &mut Rng) {
        let Some((sender, receiver)) = self.ends.lock().unwrap().clone() else { return };
        if role == Role::Give {
            drop(receiver);
            let (answer, question) = oneshot();
            if sender.send(answer).is_ok() {
                self.asked.fetch_add(1, SeqCst);
                let answer =
                    if random.u8(..4) == 0 { question.recv_timeout(ms(1) / 20).ok() } else { question.recv().ok() };
                self.answered.fetch_add(usize::from(answer == Some(42)), SeqCst);
            }
        } else {
            drop(sender);
            if let Ok(answer) = receiver.recv() {
                if random.u8(..4) == 0 {
                    yield_now();
                }
                // Whoever asked may be gone; then the answer comes back.
                assert!(matches!(answer.send(42), Ok(()) | Err(42)));
            }
        }
    }

    fn finish(&self) {
        let (sender, receiver) = self.ends.lock().unwrap().take().expect("finished once");
        drop(sender);
        receiver.iter().for_each(drop);
    }

    fn check(&self) {
        let (asked, answered) = (self.asked.load(SeqCst), self.answered.load(SeqCst));
        assert!(0 < answered && answered <= asked, "{answered} of {asked}");
    }
}

#[test]
fn c2_cancelled_questions_and_answers() {
    stress(|| Questions {
        ends: Mutex::new(Some(channel::bounded(1))),
        asked: AtomicUsize::new(0),
        answered: AtomicUsize::new(0),
    });
}

/// Receivers see each message, in order, or are told how many they missed.
struct Broadcast {
    sender: Mutex<Option<broadcast::Sender<u64>>>,
    sending: Mutex<u64>,
    seen: AtomicUsize,
}

impl Case for Broadcast {
    fn act(&self, role: Role, random: &mut Rng) {
        let Some(sender) = self.sender.lock().unwrap().clone() else { return };
        if role == Role::Give {
            let mut number = self.sending.lock().unwrap();
            // Without receivers it comes back, and is not sent.
            *number += u64::from(sender.send(*number).is_ok());
            drop(number);
            return yield_now();
        }
        let receiver = sender.subscribe();
        drop(sender);
        let mut next = None;
        for _ in 0..random.u8(1..6) {
            match receiver.recv() {
                Ok(number) => {
                    assert!(next.is_none_or(|next| next == number), "{next:?} is missing, here is {number}");
                    next = Some(number + 1);
                    self.seen.fetch_add(1, SeqCst);
                }
                Err(broadcast::RecvError::Lagged(missed)) => next = next.map(|next| next + missed),
                Err(broadcast::RecvError::Closed) => return,
            }
        }
    }

    fn finish(&self) {
        drop(self.sender.lock().unwrap().take());
    }

    fn check(&self) {
        assert!(self.seen.load(SeqCst) > 0);
    }
}

#[test]
fn c3_cancelled_receivers_of_a_broadcast() {
    stress(|| Broadcast {
        sender: Mutex::new(Some(channel::broadcast(2).0)),
        sending: Mutex::new(0),
        seen: AtomicUsize::new(0),
    });
}

/// Values grow, and so does what each receiver sees.
struct Watch {
    sender: watch::Sender<u64>,
    last: Mutex<u64>,
    over: AtomicBool,
}

impl Case for Watch {
    fn act(&self, role: Role, random: &mut Rng) {
        if self.over.load(SeqCst) {
            return;
        }
        if role == Role::Give {
            let mut value = self.last.lock().unwrap();
            *value += 1;
            self.sender.replace(*value);
            drop(value);
            return yield_now();
        }
        let receiver = self.sender.subscribe();
        let mut last = *receiver.borrow();
        for _ in 0..random.u8(1..6) {
            if self.over.load(SeqCst) || receiver.changed().is_err() {
                return;
            }
            let value = *receiver.borrow_and_update();
            assert!(last <= value, "{last} and then {value}");
            last = value;
        }
    }

    fn finish(&self) {
        self.over.store(true, SeqCst);
        self.sender.replace(u64::MAX);
    }

    fn check(&self) {
        assert!(*self.sender.borrow() > 0);
        assert!(self.sender.is_closed(), "receivers are left");
    }
}

#[test]
fn c2_cancelled_waits_for_a_change() {
    stress(|| Watch { sender: watch(0).0, last: Mutex::new(0), over: AtomicBool::new(false) });
}
