//! `close` and drop.

use crate::python::program::Catch::*;
use crate::python::program::Class::*;
use crate::python::program::Expr::*;
use crate::python::program::Op::*;
use crate::python::program::Stmt::*;
use crate::python::program::{Program, Sent};

pub(crate) const PROGRAMS: &[Program] = &[
    Program {
        name: "close at created: nothing runs, closed, repeatable",
        sent: Sent::Values,
        functions: &[("a", &[Log("runs"), Try(&[Yield(Int(1))], &[(Bare, &[Log("handler")])], &[Log("finally")])])],
        script: &[Close("a"), Close("a"), Next("a"), Send("a", 1), Close("a")],
    },
    Program {
        name: "close at suspended: GeneratorExit at the yield",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1)), Log("never")], &[], &[Log("finally")])])],
        script: &[Next("a"), Close("a"), Close("a"), Next("a")],
    },
    Program {
        name: "close after the return",
        sent: Sent::Values,
        functions: &[("a", &[Yield(Int(1)), Return(Int(2))])],
        script: &[Next("a"), Next("a"), Close("a"), Close("a")],
    },
    Program {
        name: "close after an exception",
        sent: Sent::Values,
        functions: &[("a", &[Yield(Int(1)), Raise(A, 2)])],
        script: &[Next("a"), Next("a"), Close("a")],
    },
    Program {
        name: "close runs the finally blocks innermost first",
        sent: Sent::Values,
        functions: &[(
            "a",
            &[Try(&[Try(&[Try(&[Yield(Int(1))], &[], &[Log("1")])], &[], &[Log("2")])], &[], &[Log("3")])],
        )],
        script: &[Next("a"), Close("a")],
    },
    Program {
        name: "close caught, a value returned",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Exit, &[Return(Int(2))])], &[Log("finally")])])],
        script: &[Next("a"), Close("a"), Close("a"), Next("a")],
    },
    Program {
        name: "close caught, the body ends",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Exit, &[])], &[]), Log("end")])],
        script: &[Next("a"), Close("a"), Next("a")],
    },
    Program {
        name: "close caught by a bare except",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Bare, &[Return(Int(3))])], &[])])],
        script: &[Next("a"), Close("a")],
    },
    Program {
        name: "close passes the handlers of ordinary exceptions",
        sent: Sent::Values,
        functions: &[(
            "a",
            &[Try(&[Yield(Int(1))], &[(Only(A), &[Log("never")]), (Exception, &[Log("never")])], &[Log("finally")])],
        )],
        script: &[Next("a"), Close("a")],
    },
    Program {
        name: "close caught and raised again",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Exit, &[Log("handler"), Again])], &[Log("finally")])])],
        script: &[Next("a"), Close("a"), Next("a")],
    },
    Program {
        name: "close caught, something else raised",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Exit, &[Raise(A, 2)])], &[Log("finally")])])],
        script: &[Next("a"), Close("a"), Close("a"), Next("a")],
    },
    Program {
        name: "a finally that raises under close",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[], &[Raise(B, 2)])])],
        script: &[Next("a"), Close("a"), Close("a")],
    },
    Program {
        name: "a finally that returns under close",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[], &[Return(Int(2))])])],
        script: &[Next("a"), Close("a"), Close("a")],
    },
    Program {
        name: "close ignored: alive, a later send works",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Exit, &[Yield(Int(2))])], &[]), Yield(Int(3))])],
        script: &[Next("a"), Close("a"), Send("a", 4), Next("a"), Close("a")],
    },
    Program {
        name: "close ignored: a later close works",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Exit, &[Yield(Int(2))])], &[Log("finally")])])],
        script: &[Next("a"), Close("a"), Close("a"), Close("a")],
    },
    Program {
        name: "close ignored: a later throw works",
        sent: Sent::Values,
        functions: &[(
            "a",
            &[Try(
                &[Try(&[Yield(Int(1))], &[(Exit, &[Yield(Int(2))])], &[Log("inner")])],
                &[(Only(A), &[Return(Int(3))])],
                &[Log("outer")],
            )],
        )],
        script: &[Next("a"), Close("a"), Throw("a", A, 1)],
    },
    Program {
        name: "close ignored four times, then obeyed",
        sent: Sent::Values,
        functions: &[("a", &[Loop(5, &[Try(&[Yield(Int(1))], &[(Exit, &[])], &[])]), Log("end")])],
        script: &[Next("a"), Close("a"), Close("a"), Close("a"), Close("a"), Close("a"), Close("a")],
    },
    Program {
        name: "a finally that yields ignores the close; closed again",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Try(&[Yield(Int(1))], &[], &[Yield(Int(2))])], &[], &[Log("outer")])])],
        script: &[Next("a"), Close("a"), Close("a")],
    },
    Program {
        name: "close of a generator that waits in a handler",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Only(A), &[Yield(Int(2))])], &[Log("finally")])])],
        script: &[Next("a"), Throw("a", A, 1), Close("a")],
    },
    Program {
        name: "close of a generator that waits in a finally on its way to return",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Return(Int(1))], &[], &[Yield(Int(2)), Log("never")])])],
        script: &[Next("a"), Close("a"), Next("a")],
    },
    Program {
        name: "close of a generator that waits in a finally under an exception",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[], &[Yield(Int(2)), Log("never")])])],
        script: &[Next("a"), Throw("a", A, 1), Close("a"), Next("a")],
    },
    Program {
        name: "close by another generator",
        sent: Sent::Values,
        functions: &[
            ("a", &[Do(Next("b")), Yield(Int(1)), Do(Close("b")), Do(Close("b")), Yield(Int(2))]),
            ("b", &[Try(&[Yield(Int(10))], &[(Exit, &[Return(Int(11))])], &[Log("finally")])]),
        ],
        script: &[Next("a"), Next("a"), Next("b")],
    },
    Program {
        name: "a finaliser drives another generator",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[Yield(Int(1))], &[], &[Do(Next("b")), Do(Next("b")), Do(Close("b"))])]),
            ("b", &[Try(&[Yield(Int(10)), Yield(Int(11))], &[], &[Log("finally")])]),
        ],
        script: &[Next("a"), Close("a")],
    },
    Program {
        name: "drop of a suspended generator runs its finally blocks, innermost first",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Try(&[Yield(Int(1))], &[], &[Log("inner")])], &[], &[Log("outer")])])],
        script: &[Next("a"), Drop("a"), Say("after")],
    },
    Program {
        name: "drop of a finished generator runs nothing",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[], &[Log("finally")])])],
        script: &[Next("a"), Next("a"), Drop("a")],
    },
    Program {
        name: "drop caught: the handler runs, its value is lost",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Exit, &[Return(Int(2))])], &[Log("finally")])])],
        script: &[Next("a"), Drop("a")],
    },
    Program {
        name: "an exception out of a drop goes to the hook",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Exit, &[Raise(A, 2)])], &[Log("finally")])])],
        script: &[Next("a"), Drop("a"), Say("after")],
    },
    Program {
        name: "an exception out of a finally under a drop goes to the hook",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Try(&[Yield(Int(1))], &[], &[Raise(B, 2)])], &[], &[Log("outer")])])],
        script: &[Next("a"), Drop("a"), Say("after")],
    },
    Program {
        name: "drop inside a body, with an exception for the hook; the body goes on",
        sent: Sent::Values,
        functions: &[
            ("a", &[Do(Next("b")), Yield(Int(1)), Do(Drop("b")), Yield(Int(2))]),
            ("b", &[Try(&[Yield(Int(10))], &[], &[Raise(A, 3)])]),
        ],
        script: &[Next("a"), Next("a"), Next("a")],
    },
    Program {
        name: "drop in a finaliser under a drop",
        sent: Sent::Values,
        functions: &[
            ("a", &[Do(Next("b")), Try(&[Yield(Int(1))], &[], &[Do(Drop("b")), Log("finally")])]),
            ("b", &[Try(&[Yield(Int(10))], &[], &[Log("finally"), Raise(A, 3)])]),
        ],
        script: &[Next("a"), Drop("a")],
    },
];
