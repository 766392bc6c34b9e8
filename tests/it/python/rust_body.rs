//! Executes the body of one generator function, statement by statement.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use corro::Co;
use corro::generator::{Exception, Interrupt, catch, raise};

use super::program::{Body, Catch, Expr, Stmt, Value};
use super::rust_side::{Env, Error, Receive, Style, describe, log, show};

fn describe_interrupt(interrupt: &Interrupt) -> String {
    match interrupt {
        Interrupt::Close => "GeneratorExit".to_owned(),
        Interrupt::Throw(exception) => describe(exception),
    }
}

fn catches(catch: Catch, interrupt: &Interrupt) -> bool {
    match (catch, interrupt) {
        (Catch::Bare, _) => true,
        (Catch::Exit, interrupt) => matches!(interrupt, Interrupt::Close),
        (_, Interrupt::Close) => false,
        (Catch::Exception, _) => true,
        (Catch::Only(class), Interrupt::Throw(exception)) => {
            exception.downcast_ref::<Error>().is_some_and(|error| error.class == class)
        }
    }
}

/// How a block ended that raised nothing.
enum Flow {
    Next,
    Break,
    Return(Value),
}

/// `Err` only in the style of results; the others unwind.
type Step = Result<Flow, Interrupt>;

/// A running body.
pub(crate) struct Frame<'a, S: Receive> {
    env: &'a Rc<Env<S>>,
    co: &'a Co<Value, S>,
    me: &'static str,
    arg: Value,
    x: Cell<Value>,
    /// What the handlers that are running have caught, innermost last; `None` once raised again.
    handling: RefCell<Vec<Option<Interrupt>>>,
}

/// A `finally` of log lines only, as a destructor.
struct LogOnDrop<'a> {
    me: &'static str,
    lines: &'a [Stmt],
}

impl Drop for LogOnDrop<'_> {
    fn drop(&mut self) {
        for line in self.lines {
            let Stmt::Log(text) = line else { unreachable!("log lines only") };
            log(format!("{}: {text}", self.me));
        }
    }
}

impl<'a, S: Receive> Frame<'a, S> {
    pub(crate) fn new(env: &'a Rc<Env<S>>, co: &'a Co<Value, S>, me: &'static str, arg: Value) -> Self {
        Self { env, co, me, arg, x: Cell::new(None), handling: RefCell::default() }
    }

    pub(crate) fn call(&self, body: Body) -> Value {
        match self.block(body) {
            Ok(Flow::Return(value)) => value,
            Ok(Flow::Next) => None,
            Ok(Flow::Break) => panic!("a break outside a loop"),
            Err(interrupt) => interrupt.raise(),
        }
    }

    fn say(&self, text: &str) {
        log(format!("{}{text}", self.me));
    }

    fn block(&self, body: Body) -> Step {
        for stmt in body {
            match self.stmt(stmt)? {
                Flow::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    fn stmt(&self, stmt: &'static Stmt) -> Step {
        match *stmt {
            Stmt::Log(text) => self.say(&format!(": {text}")),
            Stmt::Yield(value) => self.yield_(self.eval(value))?,
            Stmt::YieldAll(values) => {
                self.guarded(|| self.co.yield_all(values.iter().copied().map(Some)))?;
                self.say(": all yielded");
            }
            Stmt::From(name) => {
                let mut inner = self.env.borrow(name);
                let value = self.guarded(|| self.co.yield_from(inner.get()))?;
                self.gave(name, value);
            }
            Stmt::FromNew(name, arg) => {
                let mut inner = self.env.create(name, self.eval(arg));
                let value = self.guarded(|| self.co.yield_from(&mut inner))?;
                self.gave(name, value);
            }
            Stmt::Return(value) => {
                let value = self.eval(value);
                self.say(&format!(" returns {}", show(value)));
                return Ok(Flow::Return(value));
            }
            Stmt::Raise(class, number) => return self.raise(Interrupt::Throw(Exception::new(Error { class, number }))),
            Stmt::Again => {
                let interrupt = self.handling.borrow_mut().last_mut().and_then(Option::take);
                return self.raise(interrupt.expect("raised again once, in a handler"));
            }
            Stmt::Try(body, handlers, last) => return self.try_finally(body, handlers, last),
            Stmt::Loop(times, body) => return self.repeat(times, body),
            Stmt::Break => return Ok(Flow::Break),
            Stmt::If(condition, yes, no) => {
                let holds = self.eval(condition).is_some_and(|value| value != 0);
                return self.block(if holds { yes } else { no });
            }
            Stmt::For(name, body) => return self.for_each(name, body),
            Stmt::Do(ref op) => self.env.op(op),
        }
        Ok(Flow::Next)
    }

    fn eval(&self, expr: Expr) -> Value {
        match expr {
            Expr::Int(value) => Some(value),
            Expr::Nothing => None,
            Expr::X => self.x.get(),
            Expr::XPlus(more) => Some(self.x.get().expect("a number") + more),
            Expr::Arg => self.arg,
            Expr::ArgPlus(more) => Some(self.arg.expect("a number") + more),
        }
    }

    fn yield_(&self, value: Value) -> Result<(), Interrupt> {
        let sent = match self.env.style {
            Style::Results => self.co.try_yield(value)?,
            Style::Catch | Style::Unwind => self.co.yield_(value),
        };
        self.x.set(sent.value());
        self.say(&format!(" got {}", show(self.x.get())));
        Ok(())
    }

    fn gave(&self, inner: &str, value: Value) {
        self.x.set(value);
        self.say(&format!(": {inner} gave {}", show(value)));
    }

    /// In the style of results an interrupt that unwinds becomes a value at once.
    fn guarded<T>(&self, f: impl FnOnce() -> T) -> Result<T, Interrupt> {
        match self.env.style {
            Style::Results => catch(f),
            Style::Catch | Style::Unwind => Ok(f()),
        }
    }

    fn raise(&self, interrupt: Interrupt) -> Step {
        match (self.env.style, interrupt) {
            (Style::Results, interrupt) => Err(interrupt),
            // `raise` of an exception must not wrap it again.
            (Style::Unwind, Interrupt::Throw(exception)) => raise(exception),
            (_, interrupt) => interrupt.raise(),
        }
    }

    /// Runs a block of which the caller looks at the interrupt.
    fn attempt(&self, body: Body) -> Step {
        match self.env.style {
            Style::Results => self.block(body),
            Style::Catch => catch(|| self.block(body)).unwrap_or_else(Err),
            Style::Unwind => match catch_unwind(AssertUnwindSafe(|| self.block(body))) {
                Ok(step) => step,
                // What is in the payload is the crate's own affair: raised on, it is what it was.
                Err(payload) => catch(|| -> Step { resume_unwind(payload) }).unwrap_or_else(Err),
            },
        }
    }

    fn try_finally(&self, body: Body, handlers: &'static [(Catch, Body)], last: Body) -> Step {
        let only_logs = last.iter().all(|stmt| matches!(stmt, Stmt::Log(_)));
        if self.env.style == Style::Unwind && only_logs {
            let _last = LogOnDrop { me: self.me, lines: last };
            return match self.try_except(body, handlers) {
                Err(interrupt) => self.raise(interrupt),
                ended => ended,
            };
        }
        let ended = self.try_except(body, handlers);
        match self.block(last)? {
            Flow::Next => ended.or_else(|interrupt| self.raise(interrupt)),
            // Leaving the `finally` forgets the exception, as in Python.
            left => Ok(left),
        }
    }

    fn try_except(&self, body: Body, handlers: &'static [(Catch, Body)]) -> Step {
        let interrupt = match self.attempt(body) {
            Err(interrupt) => interrupt,
            ended => return ended,
        };
        let Some((_, handler)) = handlers.iter().find(|(catch, _)| catches(*catch, &interrupt)) else {
            return Err(interrupt);
        };
        self.say(&format!(" caught {}", describe_interrupt(&interrupt)));
        self.handling.borrow_mut().push(Some(interrupt));
        let ended = self.attempt(handler);
        self.handling.borrow_mut().pop();
        ended
    }

    fn repeat(&self, times: u32, body: Body) -> Step {
        for _ in 0..times {
            match self.block(body)? {
                Flow::Next => {}
                Flow::Break => break,
                returned => return Ok(returned),
            }
        }
        Ok(Flow::Next)
    }

    fn for_each(&self, name: &'static str, body: Body) -> Step {
        let mut it = self.env.borrow(name);
        while let Some(value) = self.guarded(|| S::step(it.get()))? {
            self.x.set(value);
            match self.block(body)? {
                Flow::Next => {}
                Flow::Break => break,
                returned => return Ok(returned),
            }
        }
        Ok(Flow::Next)
    }
}
