//! The programs: small generator functions and a script that drives them, as data.
//!
//! `python_side` renders a program to Python source, `rust_side` executes it on `corro`'s generators.
//! Both write the same trace.
//!
//! A generator function has two variables: `x`, the value that the last `yield`, `yield from` or `for`
//! gave, and `arg`, its argument. A yield logs what it received, a handler logs what it caught, a return
//! logs its value; so most programs need no `Log`.

/// What generators yield, receive and return: Python's `None` or an integer.
pub(crate) type Value = Option<i64>;

/// A block of statements.
pub(crate) type Body = &'static [Stmt];

/// One program: the generator functions by name, and what the driver does with them.
///
/// Before the script begins there is one new generator of each function, known by the function's name.
/// After it, what is left is dropped in the order of the functions: outer ones come first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// What the generators receive.
    pub(crate) sent: Sent,
    pub(crate) functions: &'static [(&'static str, Body)],
    pub(crate) script: &'static [Op],
}

/// The second type parameter of the program's generators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// `Generator<Value, Value, Value>`.
    Values,
    /// `Generator<Value, (), Value>`: nothing can be sent, a started generator can be delegated to.
    Nothing,
}

/// Python's integers and `None`, and the two variables.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expr {
    Int(i64),
    Nothing,
    X,
    XPlus(i64),
    Arg,
    ArgPlus(i64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Stmt {
    Log(&'static str),
    /// `x = yield value`.
    Yield(Expr),
    /// `yield from [..]`: an iterator that is no generator.
    YieldAll(&'static [i64]),
    /// `x = yield from` the generator of that name.
    From(&'static str),
    /// `x = yield from` a new generator of that function, with that argument.
    FromNew(&'static str, Expr),
    Return(Expr),
    /// Raise an exception of that class with that number.
    Raise(Class, i64),
    /// Python's bare `raise`: what the handler is handling goes on.
    Again,
    /// `try: .. except ..: .. finally: ..`, the latter two may be empty.
    Try(Body, &'static [(Catch, Body)], Body),
    Loop(u32, Body),
    Break,
    /// `if condition: .. else: ..`; zero and `None` are false.
    If(Expr, Body, Body),
    /// `for x in` the generator of that name.
    For(&'static str, Body),
    /// Drive another generator from inside this one.
    Do(Op),
}

/// The exception classes; all derive from `Exception`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    A,
    B,
}

/// What an `except` clause catches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Catch {
    /// `except A`.
    Only(Class),
    /// `except Exception`: all classes, not `GeneratorExit`.
    Exception,
    /// `except GeneratorExit`.
    Exit,
    /// A bare `except`.
    Bare,
}

/// An operation on the generator of that name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Next(&'static str),
    Send(&'static str, i64),
    Throw(&'static str, Class, i64),
    /// Throw what last came out of an operation: the same object.
    ThrowLast(&'static str),
    Close(&'static str),
    /// `del`: the only reference goes.
    Drop(&'static str),
    /// Replace the generator of that name by a new one.
    Renew(&'static str),
    /// `list(g)`: only for generators that raise nothing.
    List(&'static str),
    /// A line in the trace.
    Say(&'static str),
}

impl Program {
    /// The body of the function called `name`.
    pub(crate) fn body(&self, name: &str) -> Body {
        let found = self.functions.iter().find(|(function, _)| *function == name);
        found.unwrap_or_else(|| panic!("program {:?} has no function {name:?}", self.name)).1
    }
}
