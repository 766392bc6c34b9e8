//! Programs made by a seeded generator: what no one thought of.

use fastrand::Rng;

use super::program::{Body, Catch, Class, Expr, Op, Program, Sent, Stmt};

const NAMES: [&str; 3] = ["a", "b", "c"];
const TEXTS: [&str; 6] = ["one", "two", "three", "four", "five", "six"];

/// The program of that seed: three functions, of which each delegates only to later ones.
///
/// No statement leaves a `finally` other than by an exception: that would hide what `comparable` looks for.
pub(crate) fn program(seed: u64) -> Program {
    let mut maker = Maker { rng: Rng::with_seed(seed), me: 0, in_handler: false, in_finally: false, in_loop: false };
    let functions: Vec<_> = (0..NAMES.len()).map(|me| (NAMES[me], maker.function(me))).collect();
    Program {
        name: leak(format!("random {seed}").into_boxed_str()),
        sent: Sent::Values,
        functions: leak(functions.into_boxed_slice()),
        script: maker.script(),
    }
}

/// Whether `corro` promises what Python did; see `table::differences` for what it does instead.
pub(crate) fn comparable(trace: &[String]) -> bool {
    // An ignored close may also be one that an outer `finally` hides.
    let own_rules = ["RuntimeError", "raised GeneratorExit", "ignored"];
    !trace.iter().any(|line| own_rules.iter().any(|word| line.contains(word)))
}

fn leak<T: ?Sized>(value: Box<T>) -> &'static T {
    Box::leak(value)
}

struct Maker {
    rng: Rng,
    /// The function that is being made, as an index of `NAMES`.
    me: usize,
    in_handler: bool,
    in_finally: bool,
    in_loop: bool,
}

impl Maker {
    fn function(&mut self, me: usize) -> Body {
        self.me = me;
        self.block(3)
    }

    fn block(&mut self, depth: u32) -> Body {
        let length = self.rng.usize(1..=3);
        let mut statements: Vec<_> = (0..length).map(|_| self.stmt(depth)).collect();
        let leaves = |stmt: &Stmt| matches!(stmt, Stmt::Raise(..) | Stmt::Again | Stmt::Return(_) | Stmt::Break);
        if let Some(at) = statements.iter().position(leaves) {
            // What is behind it would never run.
            statements.truncate(at + 1);
        }
        leak(statements.into_boxed_slice())
    }

    fn stmt(&mut self, depth: u32) -> Stmt {
        let leaf = depth == 0;
        match self.rng.u32(0..if leaf { 12 } else { 20 }) {
            0..=4 => Stmt::Yield(self.expr()),
            5 | 6 => self.delegation(),
            7 => Stmt::Log(TEXTS[self.rng.usize(..TEXTS.len())]),
            8 => Stmt::Raise(self.class(), self.rng.i64(1..100)),
            9 => self.leave(),
            10 if self.in_handler => Stmt::Again,
            10 => Stmt::Yield(Expr::X),
            11 => self.drive(),
            12..=17 => self.try_(depth - 1),
            18 => self.repeat(depth - 1),
            _ => Stmt::If(self.expr(), self.block(depth - 1), self.block(depth - 1)),
        }
    }

    fn expr(&mut self) -> Expr {
        match self.rng.u32(0..8) {
            0 => Expr::Nothing,
            1 | 2 => Expr::X,
            3 => Expr::Arg,
            _ => Expr::Int(self.rng.i64(0..50)),
        }
    }

    fn class(&mut self) -> Class {
        if self.rng.bool() { Class::A } else { Class::B }
    }

    /// The name of a later function, if there is one.
    fn later(&mut self) -> Option<&'static str> {
        let later = NAMES.get(self.me + 1..).unwrap_or_default();
        (!later.is_empty()).then(|| later[self.rng.usize(..later.len())])
    }

    fn delegation(&mut self) -> Stmt {
        match self.later() {
            Some(name) => Stmt::FromNew(name, self.expr()),
            None => Stmt::Yield(self.expr()),
        }
    }

    fn drive(&mut self) -> Stmt {
        match self.later() {
            Some(name) => Stmt::Do(self.op(name)),
            None => Stmt::Yield(self.expr()),
        }
    }

    fn leave(&mut self) -> Stmt {
        match (self.in_finally, self.in_loop && self.rng.bool()) {
            (true, _) => Stmt::Log("no way out"),
            (false, true) => Stmt::Break,
            (false, false) => Stmt::Return(self.expr()),
        }
    }

    fn try_(&mut self, depth: u32) -> Stmt {
        let before = (self.in_handler, self.in_finally, self.in_loop);
        // A bare `raise` in a nested block would find what the outer handler handles.
        self.in_handler = false;
        let body = self.block(depth);
        let handlers: Vec<_> = (0..self.rng.u32(0..3)).map(|_| self.handler(depth)).collect();
        let last = if handlers.is_empty() || self.rng.bool() { self.finally(depth) } else { &[] };
        (self.in_handler, self.in_finally, self.in_loop) = before;
        Stmt::Try(body, leak(handlers.into_boxed_slice()), last)
    }

    fn handler(&mut self, depth: u32) -> (Catch, Body) {
        let catch = match self.rng.u32(0..6) {
            0 => Catch::Exit,
            1 => Catch::Bare,
            2 | 3 => Catch::Exception,
            _ => Catch::Only(self.class()),
        };
        self.in_handler = true;
        let body = self.block(depth);
        self.in_handler = false;
        (catch, body)
    }

    fn finally(&mut self, depth: u32) -> Body {
        let before = (self.in_finally, self.in_handler);
        (self.in_finally, self.in_handler) = (true, false);
        let last = if self.rng.bool() { self.block(depth) } else { &[Stmt::Log("finally")] };
        (self.in_finally, self.in_handler) = before;
        last
    }

    fn repeat(&mut self, depth: u32) -> Stmt {
        let before = (self.in_loop, self.in_finally);
        // A loop inside a `finally` may be left: that does not leave the `finally`.
        (self.in_loop, self.in_finally) = (!self.in_finally, self.in_finally);
        let stmt = Stmt::Loop(self.rng.u32(2..4), self.block(depth));
        (self.in_loop, self.in_finally) = before;
        stmt
    }

    fn op(&mut self, name: &'static str) -> Op {
        match self.rng.u32(0..10) {
            0..=3 => Op::Next(name),
            4 | 5 => Op::Send(name, self.rng.i64(100..200)),
            6 | 7 => Op::Throw(name, self.class(), self.rng.i64(200..300)),
            8 => Op::Close(name),
            _ => Op::Renew(name),
        }
    }

    fn script(&mut self) -> &'static [Op] {
        let mut script = Vec::new();
        for _ in 0..self.rng.u32(4..12) {
            let name = NAMES[[0, 0, 0, 1, 2][self.rng.usize(..5)]];
            let op = self.op(name);
            script.push(op);
        }
        leak(script.into_boxed_slice())
    }
}
