//! Executes programs on `corro`'s generators and writes the trace that Python writes.
//!
//! Each program runs in three styles, because a body can meet an interrupt in three ways.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use corro::generator::{CloseError, Exception, Generator, GeneratorError, Status, raise};
use corro::{Co, CoroutineState};

use super::program::{Class, Op, Program, Sent, Value};
use super::rust_body::Frame;

/// How the Rust body meets exceptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `try_yield`; an exception is an `Err` that is handed up by hand and raised at the end of the body.
    Results,
    /// `yield_`, `raise` and `catch`.
    Catch,
    /// `yield_`, `raise` and std's `catch_unwind`; a `finally` that only logs is a destructor.
    Unwind,
}

pub(crate) const STYLES: [Style; 3] = [Style::Results, Style::Catch, Style::Unwind];

thread_local! {
    static TRACE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn log(line: String) {
    TRACE.with_borrow_mut(|trace| trace.push(line));
}

/// For the unraisable hook: a line in the trace of this thread.
pub(crate) fn log_unraisable(exception: Option<&Exception>) {
    log(format!("unraisable {}", exception.map_or("a panic".to_owned(), describe)));
}

/// Executes a program and gives its trace.
pub(crate) fn run(program: Program, style: Style, close_returns_value: bool) -> Vec<String> {
    TRACE.take();
    match program.sent {
        Sent::Values => Env::<Value>::new(program, style, close_returns_value).run(),
        Sent::Nothing => Env::<()>::new(program, style, close_returns_value).run(),
    }
    TRACE.take()
}

/// What the programs' generators may receive.
pub(crate) trait Receive: Sized + 'static {
    fn receive(value: Value) -> Self;
    fn value(self) -> Value;
    /// Python's `next` on a started generator.
    fn step(generator: &mut Generator<Value, Self, Value>) -> Option<Value>;
}

impl Receive for Value {
    fn receive(value: Value) -> Self {
        value
    }

    fn value(self) -> Value {
        self
    }

    fn step(generator: &mut Generator<Value, Self, Value>) -> Option<Value> {
        match resume_next(generator) {
            Ok(CoroutineState::Yielded(value)) => Some(value),
            Ok(CoroutineState::Complete(_)) | Err(GeneratorError::Finished) => None,
            Err(GeneratorError::Raised(exception)) => raise(exception),
            Err(other) => panic!("{other}"),
        }
    }
}

impl Receive for () {
    fn receive(value: Value) {
        assert_eq!(value, None, "nothing can be sent in this program");
    }

    fn value(self) -> Value {
        None
    }

    fn step(generator: &mut Generator<Value, Self, Value>) -> Option<Value> {
        generator.next()
    }
}

/// Python's exception objects.
#[derive(Debug)]
pub(crate) struct Error {
    pub(crate) class: Class,
    pub(crate) number: i64,
}

pub(crate) fn describe(exception: &Exception) -> String {
    match exception.downcast_ref::<Error>() {
        Some(error) => format!("{:?}({})", error.class, error.number),
        None => format!("a strange exception: {exception:?}"),
    }
}

pub(crate) fn show(value: Value) -> String {
    value.map_or("None".to_owned(), |value| value.to_string())
}

fn state<S>(generator: &Generator<Value, S, Value>) -> &'static str {
    match generator.status() {
        Status::Created => "created",
        Status::Suspended => "suspended",
        Status::Closed => "closed",
    }
}

type Resumed = Result<CoroutineState<Value, Value>, GeneratorError>;

/// Python's `next(g)`: primes a new generator, sends `None` to a started one.
fn resume_next<S: Receive>(generator: &mut Generator<Value, S, Value>) -> Resumed {
    match generator.status() {
        Status::Created => generator.start(),
        Status::Suspended | Status::Closed => generator.send(S::receive(None)),
    }
}

type ByName<S> = HashMap<&'static str, Option<Generator<Value, S, Value>>>;

/// The generators of a running program and the last exception that came out of an operation.
pub(crate) struct Env<S: Receive> {
    program: Program,
    pub(crate) style: Style,
    close_returns_value: bool,
    /// `None` while the generator runs or is delegated to.
    generators: RefCell<ByName<S>>,
    last: RefCell<Option<Exception>>,
}

/// A generator that is out of the table for as long as it is used.
pub(crate) struct Borrowed<'env, S: Receive> {
    env: &'env Env<S>,
    name: &'static str,
    generator: Option<Generator<Value, S, Value>>,
}

impl<S: Receive> Drop for Borrowed<'_, S> {
    fn drop(&mut self) {
        self.env.generators.borrow_mut().insert(self.name, self.generator.take());
    }
}

impl<S: Receive> Borrowed<'_, S> {
    pub(crate) fn get(&mut self) -> &mut Generator<Value, S, Value> {
        self.generator.as_mut().expect("there until it is put back")
    }
}

impl<S: Receive> Env<S> {
    fn new(program: Program, style: Style, close_returns_value: bool) -> Rc<Self> {
        let env = Rc::new(Self {
            program,
            style,
            close_returns_value,
            generators: RefCell::default(),
            last: RefCell::default(),
        });
        for (name, _) in program.functions {
            env.renew(name);
        }
        env
    }

    fn run(self: &Rc<Self>) {
        for op in self.program.script {
            self.op(op);
        }
        for (name, _) in self.program.functions {
            let left = self.generators.borrow().get(name).is_some_and(Option::is_some);
            if left {
                self.op(&Op::Drop(name));
            }
        }
    }

    pub(crate) fn create(self: &Rc<Self>, name: &'static str, arg: Value) -> Generator<Value, S, Value> {
        let env = Rc::clone(self);
        let body = self.program.body(name);
        Generator::new(move |co: &Co<Value, S>| Frame::new(&env, co, name, arg).call(body))
    }

    fn renew(self: &Rc<Self>, name: &'static str) {
        let new = self.create(name, None);
        let old = self.generators.borrow_mut().insert(name, Some(new));
        // Not before the borrow is over: its finalisers may drive others.
        drop(old);
    }

    pub(crate) fn borrow(&self, name: &'static str) -> Borrowed<'_, S> {
        let generator = self.generators.borrow_mut().get_mut(name).and_then(Option::take);
        assert!(generator.is_some(), "program {:?}: {name:?} is in use or gone", self.program.name);
        Borrowed { env: self, name, generator }
    }

    pub(crate) fn op(self: &Rc<Self>, op: &Op) {
        match *op {
            Op::Next(name) => self.operate(name, "next".to_owned(), resume_next),
            Op::Send(name, value) => {
                self.operate(name, format!("send {value}"), |generator| generator.send(S::receive(Some(value))));
            }
            Op::Throw(name, class, number) => {
                // A plain value, which `throw` wraps.
                let what = format!("throw {class:?}({number})");
                self.operate(name, what, |generator| generator.throw(Error { class, number }));
            }
            Op::ThrowLast(name) => {
                let exception = self.last.take().expect("something came out before");
                let what = format!("throw {}", describe(&exception));
                self.operate(name, what, |generator| generator.throw(exception));
            }
            Op::Close(name) => self.close(name),
            Op::Drop(name) => {
                log(format!("> drop {name}"));
                let generator = self.generators.borrow_mut().remove(name);
                drop(generator);
                log("dropped".to_owned());
            }
            Op::Renew(name) => {
                log(format!("> renew {name}"));
                self.renew(name);
            }
            Op::List(name) => {
                log(format!("> list {name}"));
                let mut it = self.borrow(name);
                let mut values = Vec::new();
                while let Some(value) = S::step(it.get()) {
                    values.push(show(value));
                }
                log(format!("[{}] [{}]", values.join(", "), state(it.get())));
            }
            Op::Say(text) => log(text.to_owned()),
        }
    }

    fn operate(&self, name: &'static str, what: String, call: impl FnOnce(&mut Generator<Value, S, Value>) -> Resumed) {
        log(format!("> {what} {name}"));
        let mut it = self.borrow(name);
        let outcome = match call(it.get()) {
            Ok(CoroutineState::Yielded(value)) => format!("yielded {}", show(value)),
            Ok(CoroutineState::Complete(value)) => format!("returned {}", show(value)),
            Err(GeneratorError::NotStarted) => "not started".to_owned(),
            Err(GeneratorError::AlreadyStarted) => "already started".to_owned(),
            Err(GeneratorError::Finished) => "finished".to_owned(),
            Err(GeneratorError::Raised(exception)) => self.raised(exception),
        };
        log(format!("{outcome} [{}]", state(it.get())));
    }

    fn close(&self, name: &'static str) {
        log(format!("> close {name}"));
        let mut it = self.borrow(name);
        let outcome = match it.get().close() {
            Ok(Some(Some(value))) if self.close_returns_value => format!("closed with {value}"),
            // Python's `close` cannot tell a returned `None` from none returned.
            Ok(_) => "closed".to_owned(),
            // Python loses the value that was yielded.
            Err(CloseError::Ignored(_)) => "ignored".to_owned(),
            Err(CloseError::Raised(exception)) => self.raised(exception),
        };
        log(format!("{outcome} [{}]", state(it.get())));
    }

    fn raised(&self, exception: Exception) -> String {
        let outcome = format!("raised {}", describe(&exception));
        self.last.replace(Some(exception));
        outcome
    }
}
