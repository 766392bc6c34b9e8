//! The queues with `task_done` and `shutdown`.

use std::collections::{BTreeMap, VecDeque};
use std::mem;

use corro::sync::{LifoQueue, PriorityQueue, Queue, TryGetError, TryPutError};
use proptest::prelude::*;

use super::{Model, Primitive, Results, check, limit};

#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Put(u8),
    TryPut(u8),
    PutFor(u8, u64),
    Get,
    TryGet,
    GetFor(u64),
    TaskDone,
    Join,
    Shutdown(bool),
}

fn op() -> impl Strategy<Value = Op> + Clone {
    prop_oneof![
        4 => any::<u8>().prop_map(Op::Put),
        1 => any::<u8>().prop_map(Op::TryPut),
        1 => (any::<u8>(), 1..5_u64).prop_map(|(item, steps)| Op::PutFor(item, steps)),
        4 => Just(Op::Get),
        1 => Just(Op::TryGet),
        1 => (1..5_u64).prop_map(Op::GetFor),
        2 => Just(Op::TaskDone),
        1 => Just(Op::Join),
        1 => prop_oneof![9 => Just(Op::TaskDone), 1 => any::<bool>().prop_map(Op::Shutdown)],
    ]
}

macro_rules! primitive {
    ($queue:ident) => {
        impl Primitive for $queue<u8> {
            type Op = Op;
            type Output<'a> = String;

            fn perform(&self, op: Op) -> String {
                let put = |result: Result<(), TryPutError<u8>>| match result {
                    Ok(()) => "put".to_owned(),
                    Err(TryPutError::Full(item)) => format!("full {item}"),
                    Err(TryPutError::ShutDown(item)) => format!("shut {item}"),
                };
                let got = |result: Result<u8, TryGetError>| match result {
                    Ok(item) => format!("got {item}"),
                    Err(TryGetError::Empty) => "empty".to_owned(),
                    Err(TryGetError::ShutDown) => "shut".to_owned(),
                };
                match op {
                    Op::Put(item) => put(self.put(item).map_err(|error| TryPutError::ShutDown(error.0))),
                    Op::TryPut(item) => put(self.try_put(item)),
                    Op::PutFor(item, steps) => put(self.put_timeout(item, limit(steps))),
                    Op::Get => got(self.get().map_err(|_shut| TryGetError::ShutDown)),
                    Op::TryGet => got(self.try_get()),
                    Op::GetFor(steps) => got(self.get_timeout(limit(steps))),
                    Op::TaskDone => if self.task_done().is_ok() { "done" } else { "too many" }.to_owned(),
                    Op::Join => {
                        self.join();
                        "joined".to_owned()
                    }
                    Op::Shutdown(immediate) => {
                        self.shutdown(immediate);
                        "shut".to_owned()
                    }
                }
            }

            fn show(output: &String) -> String {
                output.clone()
            }

            fn observe(&self) -> String {
                format!("{} {} {}", self.len(), self.is_empty(), self.is_full())
            }
        }
    };
}

primitive!(Queue);
primitive!(PriorityQueue);
primitive!(LifoQueue);

#[derive(Clone, Copy)]
enum Order {
    Fifo,
    Smallest,
    Lifo,
}

#[derive(Clone)]
struct Spec {
    order: Order,
    maxsize: usize,
    items: VecDeque<u8>,
    putters: VecDeque<(usize, u8)>,
    getters: VecDeque<usize>,
    joiners: Vec<usize>,
    unfinished: usize,
    shut: bool,
    /// What was put, or got, by whom.
    put: BTreeMap<usize, u8>,
    got: BTreeMap<usize, u8>,
    results: Results,
}

impl Spec {
    fn new(order: Order, maxsize: usize) -> Spec {
        Spec {
            order,
            maxsize,
            items: VecDeque::new(),
            putters: VecDeque::new(),
            getters: VecDeque::new(),
            joiners: Vec::new(),
            unfinished: 0,
            shut: false,
            put: BTreeMap::new(),
            got: BTreeMap::new(),
            results: Results::new(),
        }
    }

    fn end(&mut self, id: usize, result: impl Into<String>) {
        self.results.insert(id, result.into());
    }

    fn has_room(&self) -> bool {
        self.maxsize == 0 || self.items.len() < self.maxsize
    }

    fn pop(&mut self) -> Option<u8> {
        match self.order {
            Order::Fifo => self.items.pop_front(),
            Order::Lifo => self.items.pop_back(),
            Order::Smallest => {
                let smallest = *self.items.iter().min()?;
                let at = self.items.iter().position(|&item| item == smallest)?;
                self.items.remove(at)
            }
        }
    }

    fn put(&mut self, id: usize, item: u8, waits: bool) {
        if self.shut {
            self.end(id, format!("shut {item}"));
        } else if self.has_room() && self.putters.is_empty() {
            self.store(id, item);
            self.serve();
        } else if waits {
            self.putters.push_back((id, item));
        } else {
            self.end(id, format!("full {item}"));
        }
    }

    fn store(&mut self, id: usize, item: u8) {
        self.items.push_back(item);
        self.unfinished += 1;
        self.put.insert(id, item);
        self.end(id, "put");
    }

    /// Whoever waits has its turn.
    fn serve(&mut self) {
        while self.has_room()
            && let Some((id, item)) = self.putters.pop_front()
        {
            self.store(id, item);
        }
        while !self.items.is_empty()
            && let Some(id) = self.getters.pop_front()
        {
            self.take(id);
        }
    }

    fn take(&mut self, id: usize) {
        let item = self.pop().expect("there is one");
        self.got.insert(id, item);
        self.end(id, format!("got {item}"));
    }

    fn get(&mut self, id: usize, waits: bool) {
        if !self.items.is_empty() && self.getters.is_empty() {
            self.take(id);
            self.serve();
        } else if self.shut {
            self.end(id, "shut");
        } else if waits {
            self.getters.push_back(id);
        } else {
            self.end(id, "empty");
        }
    }

    fn done(&mut self, count: usize) {
        self.unfinished = self.unfinished.saturating_sub(count);
        if self.unfinished == 0 {
            for joiner in mem::take(&mut self.joiners) {
                self.end(joiner, "joined");
            }
        }
    }

    fn shut(&mut self, immediate: bool) {
        self.shut = true;
        for (id, item) in mem::take(&mut self.putters) {
            self.end(id, format!("shut {item}"));
        }
        for id in mem::take(&mut self.getters) {
            self.end(id, "shut");
        }
        if immediate {
            let dropped = mem::take(&mut self.items).len();
            self.done(dropped);
        }
    }
}

impl Model for Spec {
    type Op = Op;

    fn start(&mut self, id: usize, op: Op) {
        match op {
            Op::Put(item) | Op::PutFor(item, _) => self.put(id, item, true),
            Op::TryPut(item) => self.put(id, item, false),
            Op::Get | Op::GetFor(_) => self.get(id, true),
            Op::TryGet => self.get(id, false),
            Op::TaskDone if self.unfinished == 0 => self.end(id, "too many"),
            Op::TaskDone => {
                self.done(1);
                self.end(id, "done");
            }
            Op::Join if self.unfinished == 0 => self.end(id, "joined"),
            Op::Join => self.joiners.push(id),
            Op::Shutdown(immediate) => {
                self.shut(immediate);
                self.end(id, "shut");
            }
        }
    }

    fn leave(&mut self, id: usize) {
        self.putters.retain(|putter| putter.0 != id);
        self.getters.retain(|&getter| getter != id);
        self.joiners.retain(|&joiner| joiner != id);
    }

    /// Who was given room and has not run has put nothing; who was given an item has not taken it.
    fn revoke(&mut self, id: usize) -> bool {
        self.results.remove(&id);
        if let Some(item) = self.put.remove(&id) {
            let at = self.items.iter().rposition(|&other| other == item).expect("it is there still");
            self.items.remove(at);
            self.done(1);
        }
        if let Some(item) = self.got.remove(&id) {
            match self.order {
                Order::Fifo => self.items.push_front(item),
                _ => self.items.push_back(item),
            }
        }
        self.serve();
        true
    }

    fn limit(op: Op) -> Option<(u64, String)> {
        match op {
            Op::PutFor(item, steps) => Some((steps, format!("full {item}"))),
            Op::GetFor(steps) => Some((steps, "empty".to_owned())),
            _ => None,
        }
    }

    fn results(&mut self) -> &mut Results {
        &mut self.results
    }

    fn observe(&self) -> String {
        let full = self.maxsize > 0 && self.items.len() >= self.maxsize;
        format!("{} {} {full}", self.items.len(), self.items.is_empty())
    }
}

#[test]
fn queues_are_as_their_model() {
    for maxsize in [0, 1, 3] {
        check(op(), || Queue::new(maxsize), || Spec::new(Order::Fifo, maxsize));
    }
}

#[test]
fn priority_queues_are_as_their_model() {
    for maxsize in [0, 3] {
        check(op(), || PriorityQueue::new(maxsize), || Spec::new(Order::Smallest, maxsize));
    }
}

#[test]
fn lifo_queues_are_as_their_model() {
    for maxsize in [0, 3] {
        check(op(), || LifoQueue::new(maxsize), || Spec::new(Order::Lifo, maxsize));
    }
}
