//! `select`: places in several queues with one ticket, and the channel core: hand-over both ways, and putting back.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU8, AtomicUsize, Ordering::*};
use loom::sync::{Mutex, MutexGuard};
use loom::thread;

use crate::{Bell, LOST, RACE, check, check_fails};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// `choose` does not claim the ticket.
    ChoosesUnclaimed,
    /// `enter` does not look whether the arm has become possible.
    EntersWithoutLook,
    /// A `select` that gives up does not claim its ticket for that.
    GivesUpUnclaimed,
    /// `leave` reads the slot of the arm that was claimed without having its place taken out.
    ReadsEarly,
    /// `is_possible` counts the `select`'s own places.
    MeetsItself,
    /// `pass_on` drops what was received.
    DropsIt,
}

const OUT: u8 = 0;
const PARKED: u8 = 1;

const OPEN: usize = 0;
const ABORTED: usize = 1;
const ARMS: usize = 2;

const SENDERS: usize = 0;
const RECEIVERS: usize = 1;

/// `Ticket`, with its waiter.
struct Ticket {
    claimed: AtomicUsize,
    bell: Bell,
}

impl Ticket {
    fn new() -> Arc<Ticket> {
        Arc::new(Ticket { claimed: AtomicUsize::new(OPEN), bell: Bell::new() })
    }

    /// `Ticket::set`.
    fn set(&self, value: usize) -> bool {
        self.claimed.compare_exchange(OPEN, value, AcqRel, Relaxed).is_ok()
    }

    fn chosen(&self) -> Option<usize> {
        self.claimed.load(Acquire).checked_sub(ARMS)
    }
}

struct Place {
    ticket: Arc<Ticket>,
    arm: usize,
    slot: UnsafeCell<Option<u32>>,
    state: AtomicU8,
}

// SAFETY: the model is what checks this.
unsafe impl Send for Place {}
// SAFETY: as above.
unsafe impl Sync for Place {}

impl Place {
    fn with_slot<R>(&self, f: impl FnOnce(&mut Option<u32>) -> R) -> R {
        // SAFETY: loom sees to it that nobody else is there.
        self.slot.with_mut(|slot| f(unsafe { &mut *slot }))
    }
}

/// A channel without a buffer; only what is put back lies in one.
struct Channel {
    fault: Fault,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queues: [Vec<Arc<Place>>; 2],
    buffer: Option<u32>,
}

type Locked<'a> = MutexGuard<'a, State>;

/// An arm: to send a value, or to receive one.
#[derive(Clone, Copy)]
enum Arm<'a> {
    Send(&'a Channel, u32),
    Recv(&'a Channel),
}

impl Channel {
    fn new(fault: Fault) -> Arc<Channel> {
        Arc::new(Channel { fault, state: Mutex::default() })
    }

    /// `Locked::choose`. Who is chosen is woken under the lock, which changes nothing here.
    fn choose<R>(&self, state: &mut State, queue: usize, f: impl FnOnce(&mut Option<u32>) -> R) -> Option<R> {
        while !state.queues[queue].is_empty() {
            let place = state.queues[queue].remove(0);
            if place.ticket.set(ARMS + place.arm) || self.fault == Fault::ChoosesUnclaimed {
                let result = place.with_slot(f);
                place.state.swap(OUT, Release);
                place.ticket.bell.ring();
                return Some(result);
            }
            place.state.swap(OUT, Release);
        }
        None
    }
}

impl<'a> Arm<'a> {
    fn channel(self) -> &'a Channel {
        let (Arm::Send(channel, _) | Arm::Recv(channel)) = self;
        channel
    }

    /// Its own queue, and that of those it can deal with.
    fn queues(self) -> (usize, usize) {
        match self {
            Arm::Send(..) => (SENDERS, RECEIVERS),
            Arm::Recv(_) => (RECEIVERS, SENDERS),
        }
    }

    fn lock(self) -> Locked<'a> {
        self.channel().state.lock().unwrap()
    }

    /// `attempt` of `Send` and `Recv`: what was dealt with.
    fn attempt(self) -> Option<u32> {
        let (mut state, channel) = (self.lock(), self.channel());
        match self {
            Arm::Send(_, value) => channel.choose(&mut state, RECEIVERS, |slot| *slot = Some(value)).map(|()| value),
            Arm::Recv(_) => state.buffer.take().or_else(|| channel.choose(&mut state, SENDERS, Option::take).flatten()),
        }
    }

    /// `QueueArm::enter`. `None`: it could be done now.
    fn enter(self, ticket: &Arc<Ticket>, arm: usize) -> Option<Arc<Place>> {
        let (mut state, (own, others)) = (self.lock(), self.queues());
        let fault = self.channel().fault;
        let is_other = |place: &Arc<Place>| fault == Fault::MeetsItself || !Arc::ptr_eq(&place.ticket, ticket);
        let has_value = matches!(self, Arm::Recv(_)) && state.buffer.is_some();
        if fault != Fault::EntersWithoutLook && (has_value || state.queues[others].iter().any(is_other)) {
            return None;
        }
        let value = if let Arm::Send(_, value) = self { Some(value) } else { None };
        let place =
            Arc::new(Place { ticket: ticket.clone(), arm, slot: UnsafeCell::new(value), state: AtomicU8::new(PARKED) });
        state.queues[own].push(place.clone());
        Some(place)
    }

    /// `Monitor::take_out`.
    fn take_out(self, place: &Arc<Place>) {
        if place.state.load(Acquire) == OUT {
            return;
        }
        let mut state = self.lock();
        if place.state.load(Relaxed) != OUT {
            state.queues[self.queues().0].retain(|other| !Arc::ptr_eq(other, place));
            place.state.swap(OUT, Release);
        }
    }

    /// `QueueArm::leave`, and what the operation has of it then.
    fn leave(self, place: &Arc<Place>, chosen: bool) -> Option<u32> {
        if chosen && self.channel().fault == Fault::ReadsEarly {
            return place.with_slot(Option::take);
        }
        self.take_out(place);
        let slot = place.with_slot(Option::take);
        match self {
            Arm::Send(_, value) => {
                assert_eq!(slot.is_none(), chosen, "sent and kept, or lost");
                chosen.then_some(value)
            }
            Arm::Recv(_) => {
                assert_eq!(slot.is_some(), chosen, "received and not chosen, or lost");
                slot
            }
        }
    }

    /// `Recv::pass_on`.
    fn pass_on(self, value: u32) {
        let (mut state, channel) = (self.lock(), self.channel());
        if channel.fault == Fault::DropsIt {
            return;
        }
        if channel.choose(&mut state, RECEIVERS, |slot| *slot = Some(value)).is_none() {
            assert_eq!(state.buffer.replace(value), None);
        }
    }
}

/// `select`: the arm that is done, with its value; `None` if it gives up at its first look.
fn select(arms: &[Arm<'_>], gives_up: bool) -> Option<(usize, u32)> {
    loop {
        if let Some(done) = (0..arms.len()).find_map(|arm| Some((arm, arms[arm].attempt()?))) {
            return Some(done);
        }
        let ticket = Ticket::new();
        let mut places = Vec::new();
        for (number, arm) in arms.iter().enumerate() {
            match arm.enter(&ticket, number) {
                Some(place) => places.push(place),
                None => {
                    ticket.set(ABORTED);
                    break;
                }
            }
        }
        let mut gave_up = false;
        while ticket.claimed.load(Acquire) == OPEN {
            if gives_up {
                gave_up = arms[0].channel().fault == Fault::GivesUpUnclaimed || ticket.set(ABORTED);
                break;
            }
            ticket.bell.wait();
        }
        // `Entered` is dropped.
        let chosen = if gave_up { None } else { ticket.chosen() };
        let left = places.iter().zip(arms).enumerate();
        let values: Vec<_> = left.map(|(number, (place, arm))| arm.leave(place, chosen == Some(number))).collect();
        match chosen {
            Some(arm) => return Some((arm, values[arm].expect("the arm is done"))),
            None if gave_up => return None,
            None => {}
        }
    }
}

fn recv(channel: &Channel) -> u32 {
    select(&[Arm::Recv(channel)], false).expect("it does not give up").1
}

/// Two send on a channel each; a `select` receives from one, and the other is received then.
fn two_channels(fault: Fault) {
    let (a, b) = (Channel::new(fault), Channel::new(fault));
    let senders = [(a.clone(), 1), (b.clone(), 2)].map(|(channel, value)| {
        thread::spawn(move || {
            select(&[Arm::Send(&channel, value)], false).unwrap();
        })
    });
    let (arm, value) = select(&[Arm::Recv(&a), Arm::Recv(&b)], false).unwrap();
    assert_eq!(value, arm as u32 + 1);
    let other = recv(if arm == 0 { &b } else { &a });
    assert_eq!(value + other, 3);
    senders.into_iter().for_each(|sender| sender.join().unwrap());
}

/// Two would send to one another and receive from one another: they agree on one.
fn crossed(fault: Fault) {
    let (a, b) = (Channel::new(fault), Channel::new(fault));
    let other = {
        let (a, b) = (a.clone(), b.clone());
        thread::spawn(move || select(&[Arm::Recv(&a), Arm::Send(&b, 2)], false).unwrap())
    };
    let mine = select(&[Arm::Send(&a, 1), Arm::Recv(&b)], false).unwrap();
    assert_eq!(mine, other.join().unwrap());
}

/// One receives from the channel that it sends to, and another sends: it does not meet itself.
fn itself(fault: Fault) {
    let channel = Channel::new(fault);
    let other = {
        let channel = channel.clone();
        thread::spawn(move || {
            select(&[Arm::Send(&channel, 2)], false).unwrap();
        })
    };
    let (arm, value) = select(&[Arm::Send(&channel, 1), Arm::Recv(&channel)], false).unwrap();
    assert_eq!((arm, value), (1, 2));
    other.join().unwrap();
}

/// A `select` gives up, and is cancelled if it was chosen before: what was sent comes to the other receiver.
fn cancelled(fault: Fault) {
    let channel = Channel::new(fault);
    let sender = {
        let channel = channel.clone();
        thread::spawn(move || {
            select(&[Arm::Send(&channel, 7)], false).unwrap();
        })
    };
    let leaver = {
        let channel = channel.clone();
        thread::spawn(move || {
            let arm = Arm::Recv(&channel);
            if let Some((_, value)) = select(&[arm], true) {
                arm.pass_on(value);
            }
        })
    };
    assert_eq!(recv(&channel), 7);
    sender.join().unwrap();
    leaver.join().unwrap();
    let state = channel.state.lock().unwrap();
    assert!(state.buffer.is_none() && state.queues.iter().all(Vec::is_empty));
}

#[test]
fn one_arm_is_done() {
    check(Some(2), || two_channels(Fault::None));
}

#[test]
fn two_selects_agree() {
    check(Some(3), || crossed(Fault::None));
}

#[test]
fn a_select_does_not_meet_itself() {
    check(Some(3), || itself(Fault::None));
}

#[test]
fn what_was_received_is_passed_on() {
    check(Some(2), || cancelled(Fault::None));
}

/// Two arms are chosen, and one of the values is lost.
#[test]
fn chosen_without_a_claim() {
    check_fails("or lost", Some(2), || two_channels(Fault::ChoosesUnclaimed));
}

/// The sender came between the attempt and the entry, and both wait.
#[test]
fn entered_without_a_look() {
    check_fails(LOST, Some(2), || crossed(Fault::EntersWithoutLook));
}

/// It is chosen after it has gone.
#[test]
fn given_up_without_a_claim() {
    check_fails("or lost", Some(2), || cancelled(Fault::GivesUpUnclaimed));
}

/// Claimed, but the value is not there yet.
#[test]
fn the_slot_read_too_early() {
    check_fails(RACE, Some(2), || two_channels(Fault::ReadsEarly));
}

/// It gives up and begins again for ever: another is there only in its own places.
#[test]
fn own_places_that_count() {
    check_fails("takes itself", Some(2), || itself_alone(Fault::MeetsItself));
}

/// Alone, it waits.
fn itself_alone(fault: Fault) {
    let channel = Channel::new(fault);
    let ticket = Ticket::new();
    let entered = [Arm::Send(&channel, 1), Arm::Recv(&channel)].map(|arm| arm.enter(&ticket, 0).is_some());
    assert_eq!(entered, [true, true], "it takes itself for another");
}

#[test]
fn what_was_received_is_dropped() {
    check_fails(LOST, Some(2), || cancelled(Fault::DropsIt));
}
