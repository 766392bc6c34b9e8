//! Renders programs to Python source and runs them in one `python3` process.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::program::{Body, Catch, Expr, Op, Program, Stmt};

const PRELUDE: &str = include_str!("prelude.py");

/// The traces that Python wrote, in the order of the programs.
pub(crate) struct PythonRun {
    /// Since 3.13 `close` returns the value of a generator that catches `GeneratorExit` and returns.
    pub(crate) close_returns_value: bool,
    pub(crate) traces: Vec<Vec<String>>,
}

/// Whether there is a `python3` that works, of 3.8 or later: the first that has `sys.unraisablehook`.
pub(crate) fn available() -> bool {
    let check = "import sys; sys.exit(sys.version_info < (3, 8))";
    let status = Command::new("python3").args(["-c", check]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Runs all programs in one process.
pub(crate) fn run(programs: &[Program]) -> PythonRun {
    let output = python(&source(programs));
    let mut parts = output.split("== program\n").map(|part| part.lines().map(str::to_owned).collect::<Vec<_>>());
    let head = parts.next().expect("python printed nothing");
    let traces: Vec<_> = parts.collect();
    assert_eq!(traces.len(), programs.len(), "one trace a program:\n{output}");
    PythonRun { close_returns_value: version(&head) >= (3, 13), traces }
}

/// One program's source: shown with a failure.
pub(crate) fn render(program: &Program) -> String {
    let mut out = Source::default();
    out.program(program);
    out.text
}

fn version(head: &[String]) -> (u32, u32) {
    let mut numbers = head[0].split(' ').skip(1).map(|word| word.parse().expect("a version"));
    (numbers.next().expect("major"), numbers.next().expect("minor"))
}

fn python(source: &str) -> String {
    let mut child = Command::new("python3")
        .args(["-I", "-W", "ignore", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    // Python reads its standard input to the end before it runs any of it: no deadlock on full pipes.
    child.stdin.take().expect("piped").write_all(source.as_bytes()).expect("python3 reads the source");
    let output = child.wait_with_output().expect("python3 ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "python3: {}\n{errors}\n{source}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn source(programs: &[Program]) -> String {
    let mut text = PRELUDE.to_owned();
    for program in programs {
        text.push_str("\n\n");
        text.push_str(&render(program));
        text.push_str("\n\nprint(\"== program\")\nprogram()\n");
    }
    // Without finalisers at the exit, which would write to the last trace.
    text.push_str("sys.stdout.flush()\nos._exit(0)\n");
    text
}

/// Source text under construction.
#[derive(Default)]
struct Source {
    text: String,
    depth: usize,
}

impl Source {
    fn line(&mut self, line: impl AsRef<str>) {
        writeln!(self.text, "{:1$}{2}", "", self.depth * 4, line.as_ref()).expect("a String");
    }

    fn indented(&mut self, head: impl AsRef<str>, inner: impl FnOnce(&mut Self)) {
        self.line(head);
        self.depth += 1;
        inner(self);
        self.depth -= 1;
    }

    fn program(&mut self, program: &Program) {
        self.line(format!("# {}", program.name));
        self.indented("def program():", |out| {
            out.line("G = {}");
            for (name, body) in program.functions {
                out.function(name, body);
            }
            let names: Vec<_> = program.functions.iter().map(|(name, _)| *name).collect();
            for name in &names {
                out.line(format!("G['{name}'] = {name}()"));
            }
            for op in program.script {
                out.op(op);
            }
            out.line(format!("end(G, {names:?})"));
        });
    }

    fn function(&mut self, name: &str, body: Body) {
        self.indented(format!("def {name}(arg=None):"), |out| {
            // A generator function even where the body has no yield.
            out.line("if False: yield");
            out.line("x = None");
            out.block(name, body);
        });
    }

    fn block(&mut self, me: &str, body: Body) {
        if body.is_empty() {
            self.line("pass");
        }
        for stmt in body {
            self.stmt(me, stmt);
        }
    }

    fn stmt(&mut self, me: &str, stmt: &Stmt) {
        match stmt {
            Stmt::Log(text) => self.line(format!("log('{me}: {text}')")),
            Stmt::Yield(value) => {
                self.line(format!("x = yield {}", expr(value)));
                self.line(format!("log('{me} got', x)"));
            }
            Stmt::YieldAll(values) => {
                self.line(format!("yield from {values:?}"));
                self.line(format!("log('{me}: all yielded')"));
            }
            Stmt::From(inner) => self.delegate(me, inner, &format!("G['{inner}']")),
            Stmt::FromNew(inner, arg) => self.delegate(me, inner, &format!("{inner}({})", expr(arg))),
            Stmt::Return(value) => {
                self.line(format!("log('{me} returns', {})", expr(value)));
                self.line(format!("return {}", expr(value)));
            }
            Stmt::Raise(class, number) => self.line(format!("raise {class:?}({number})")),
            Stmt::Again => self.line("raise"),
            Stmt::Try(body, handlers, last) => self.try_(me, body, handlers, last),
            Stmt::Loop(times, body) => {
                self.indented(format!("for _ in range({times}):"), |out| out.block(me, body));
            }
            Stmt::Break => self.line("break"),
            Stmt::If(condition, yes, no) => {
                self.indented(format!("if {}:", expr(condition)), |out| out.block(me, yes));
                self.indented("else:", |out| out.block(me, no));
            }
            Stmt::For(inner, body) => {
                self.indented(format!("for x in G['{inner}']:"), |out| out.block(me, body));
            }
            Stmt::Do(op) => self.op(op),
        }
    }

    fn delegate(&mut self, me: &str, inner: &str, generator: &str) {
        self.line(format!("x = yield from {generator}"));
        self.line(format!("log('{me}: {inner} gave', x)"));
    }

    fn try_(&mut self, me: &str, body: Body, handlers: &[(Catch, Body)], last: Body) {
        self.indented("try:", |out| out.block(me, body));
        for (catch, handler) in handlers {
            self.indented(format!("except {} as error:", clause(catch)), |out| {
                out.line(format!("log('{me} caught', describe(error))"));
                out.block(me, handler);
            });
        }
        if !last.is_empty() || handlers.is_empty() {
            self.indented("finally:", |out| out.block(me, last));
        }
    }

    fn op(&mut self, op: &Op) {
        self.line(match op {
            Op::Next(name) => format!("do_next(G, '{name}')"),
            Op::Send(name, value) => format!("do_send(G, '{name}', {value})"),
            Op::Throw(name, class, number) => format!("do_throw(G, '{name}', {class:?}({number}))"),
            Op::ThrowLast(name) => format!("do_throw_last(G, '{name}')"),
            Op::Close(name) => format!("do_close(G, '{name}')"),
            Op::Drop(name) => format!("do_drop(G, '{name}')"),
            Op::Renew(name) => format!("do_renew(G, '{name}', {name})"),
            Op::List(name) => format!("do_list(G, '{name}')"),
            Op::Say(text) => format!("log('{text}')"),
        });
    }
}

fn expr(expr: &Expr) -> String {
    match expr {
        Expr::Int(value) => value.to_string(),
        Expr::Nothing => "None".to_owned(),
        Expr::X => "x".to_owned(),
        Expr::XPlus(more) => format!("x + {more}"),
        Expr::Arg => "arg".to_owned(),
        Expr::ArgPlus(more) => format!("arg + {more}"),
    }
}

fn clause(catch: &Catch) -> String {
    match catch {
        Catch::Only(class) => format!("{class:?}"),
        Catch::Exception => "Exception".to_owned(),
        Catch::Exit => "GeneratorExit".to_owned(),
        Catch::Bare => "BaseException".to_owned(),
    }
}
