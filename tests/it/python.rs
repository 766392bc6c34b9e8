//! `corro`'s generators against Python's: the same programs on both, the same traces.

mod difference;
mod program;
mod python_side;
mod random;
mod rust_body;
mod rust_side;
mod table;

use std::io::Write as _;

use difference::difference;
use program::{Op, Program, Stmt};
use python_side::PythonRun;
use rust_side::{STYLES, Style};

use crate::generator::child::{isolated_as, test_path};
use crate::generator::hook;

/// Every program of the table, in each style, gives Python's trace.
#[test]
fn g_python_table_agrees() {
    with_python(|| {
        let programs = table::all();
        assert!(programs.len() >= 60, "{} programs", programs.len());
        let failures = disagreements(&programs, &python_side::run(&programs));
        assert!(failures.is_empty(), "{} of {} programs:\n{}", failures.len(), programs.len(), failures.join("\n"));
    });
}

/// Every program of many that a seeded generator makes gives Python's trace.
#[test]
fn g_python_random_programs_agree() {
    with_python(|| {
        let programs: Vec<_> = (0..1500).map(random::program).collect();
        let python = python_side::run(&programs);
        // Where a program runs into one of the declared differences, the traces may differ.
        let (programs, traces): (Vec<_>, Vec<_>) =
            programs.into_iter().zip(python.traces).filter(|(_, trace)| random::comparable(trace)).unzip();
        assert!(programs.len() >= 900, "only {} programs are left to compare", programs.len());
        let failures = disagreements(&programs, &PythonRun { traces, ..python });
        let shown = failures.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
        assert!(failures.is_empty(), "{} of {} programs:\n{shown}", failures.len(), programs.len());
    });
}

/// Where the contract of this crate differs from Python on purpose: both traces are as written here.
#[test]
fn g_python_declared_differences() {
    with_python(|| {
        let declared = table::differences::all();
        let programs: Vec<_> = declared.iter().map(|declared| declared.program).collect();
        let python = python_side::run(&programs);
        let mut failures = Vec::new();
        for (declared, trace) in declared.iter().zip(&python.traces) {
            let name = declared.program.name;
            let expected = lines(declared.python);
            failures.extend(difference(&expected, trace).map(|text| format!("python, {name}:\n{text}")));
            for style in STYLES {
                let trace = rust_side::run(declared.program, style, python.close_returns_value);
                let text = difference(&lines(declared.corro), &trace);
                failures.extend(text.map(|text| format!("corro, {name}, {style:?}:\n{text}")));
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    });
}

/// The comparison fails where it has to: a wrong trace, a line too few or too many, another program.
#[test]
fn g_python_a_wrong_trace_is_detected() {
    with_python(|| {
        let right = table::all()[0];
        let mut python = python_side::run(&[right]);
        assert!(disagreements(&[right], &python).is_empty());

        let last = python.traces[0].len() - 1;
        let good = std::mem::replace(&mut python.traces[0][last], "something else".to_owned());
        assert_eq!(disagreements(&[right], &python).len(), STYLES.len(), "a changed line");
        python.traces[0].pop();
        assert_eq!(disagreements(&[right], &python).len(), STYLES.len(), "a missing line");
        python.traces[0].extend([good, "one more".to_owned()]);
        assert_eq!(disagreements(&[right], &python).len(), STYLES.len(), "a line too many");

        let body: program::Body = &[Stmt::Log("begins"), Stmt::Yield(program::Expr::Int(1))];
        let other: program::Body = &[Stmt::Yield(program::Expr::Int(2)), Stmt::Log("begins")];
        let program = |body| Program {
            name: "two",
            sent: program::Sent::Values,
            functions: Box::leak(Box::new([("a", body)])),
            script: &[Op::Next("a")],
        };
        let python = python_side::run(&[program(body)]);
        assert!(disagreements(&[program(body)], &python).is_empty());
        assert_eq!(disagreements(&[program(other)], &python).len(), STYLES.len(), "another program");
    });
}

/// The differences, one text for each program and style that has any.
fn disagreements(programs: &[Program], python: &PythonRun) -> Vec<String> {
    let mut failures = Vec::new();
    for (program, expected) in programs.iter().zip(&python.traces) {
        for style in STYLES {
            let trace = rust_side::run(*program, style, python.close_returns_value);
            failures.extend(difference(expected, &trace).map(|text| report(program, style, &text)));
        }
    }
    failures
}

fn report(program: &Program, style: Style, difference: &str) -> String {
    let source = python_side::render(program);
    format!("--- {}, style {style:?} (- python, + corro)\n{difference}\n{source}", program.name)
}

fn lines(trace: &[&str]) -> Vec<String> {
    trace.iter().map(|&line| line.to_owned()).collect()
}

/// Runs a test in a process of its own, for the unraisable hook, unless there is no Python.
fn with_python<F: FnOnce()>(body: F) {
    if !python_side::available() {
        // Not by `eprintln!`, which the test harness hides.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {}: there is no python3 (3.8 or later) here",
            std::any::type_name::<F>()
        );
        return;
    }
    isolated_as(&test_path::<F>(), || {
        hook::install(rust_side::log_unraisable);
        body();
    });
}
