//! `throw`, in every state and under every handler.

use crate::python::program::Catch::*;
use crate::python::program::Class::*;
use crate::python::program::Expr::*;
use crate::python::program::Op::*;
use crate::python::program::Stmt::*;
use crate::python::program::{Program, Sent};

pub(crate) const PROGRAMS: &[Program] = &[
    Program {
        name: "throw at created: nothing runs, closed",
        sent: Sent::Values,
        functions: &[("a", &[Log("runs"), Try(&[Yield(Int(1))], &[(Bare, &[Log("handler")])], &[Log("finally")])])],
        script: &[Throw("a", A, 1), Next("a"), Throw("a", B, 2), Close("a")],
    },
    Program {
        name: "throw after the return: raised, nothing runs, for ever",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Bare, &[Log("handler")])], &[Log("finally")])])],
        script: &[Next("a"), Next("a"), Throw("a", A, 1), Throw("a", B, 2), Next("a")],
    },
    Program {
        name: "throw after an exception: raised, nothing runs",
        sent: Sent::Values,
        functions: &[("a", &[Raise(A, 1), Yield(Int(1))])],
        script: &[Next("a"), Throw("a", B, 2), Next("a")],
    },
    Program {
        name: "throw after close",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[], &[Log("finally")])])],
        script: &[Next("a"), Close("a"), Throw("a", B, 2)],
    },
    Program {
        name: "throw uncaught: the finally runs, it is raised",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1)), Log("never")], &[], &[Log("finally")])])],
        script: &[Next("a"), Throw("a", A, 1), Next("a")],
    },
    Program {
        name: "throw caught, the handler yields",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Only(A), &[Yield(Int(2))])], &[]), Yield(Int(3))])],
        script: &[Next("a"), Throw("a", A, 1), Send("a", 5), Next("a")],
    },
    Program {
        name: "throw caught, the next yield is after the handler",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Only(A), &[])], &[Log("finally")]), Yield(Int(3))])],
        script: &[Next("a"), Throw("a", A, 1), Next("a")],
    },
    Program {
        name: "throw caught, the handler returns",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Only(A), &[Return(Int(7))])], &[Log("finally")])])],
        script: &[Next("a"), Throw("a", A, 1), Next("a")],
    },
    Program {
        name: "throw caught, the body ends",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Only(A), &[])], &[])])],
        script: &[Next("a"), Throw("a", A, 1), Next("a")],
    },
    Program {
        name: "throw caught, another is raised",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Only(A), &[Raise(B, 2)])], &[Log("finally")])])],
        script: &[Next("a"), Throw("a", A, 1), Next("a")],
    },
    Program {
        name: "throw caught and raised again",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Only(A), &[Log("handler"), Again])], &[Log("finally")])])],
        script: &[Next("a"), Throw("a", A, 1), Next("a")],
    },
    Program {
        name: "raised again after a yield in the handler",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Only(A), &[Yield(Int(2)), Again])], &[])])],
        script: &[Next("a"), Throw("a", A, 1), Next("a"), Next("a")],
    },
    Program {
        name: "a handler of another class does not catch",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[(Only(B), &[Log("never")])], &[Log("finally")])])],
        script: &[Next("a"), Throw("a", A, 1)],
    },
    Program {
        name: "the first handler that fits",
        sent: Sent::Values,
        functions: &[(
            "a",
            &[Loop(
                3,
                &[Try(
                    &[Yield(Int(1))],
                    &[(Only(B), &[Yield(Int(2))]), (Exception, &[Yield(Int(3))]), (Bare, &[Yield(Int(4))])],
                    &[],
                )],
            )],
        )],
        script: &[Next("a"), Throw("a", A, 1), Next("a"), Throw("a", B, 2), Next("a"), Throw("a", A, 3)],
    },
    Program {
        name: "an outer handler catches what the inner one does not",
        sent: Sent::Values,
        functions: &[(
            "a",
            &[Try(
                &[Try(&[Yield(Int(1))], &[(Only(B), &[Log("never")])], &[Log("inner")]), Log("never")],
                &[(Only(A), &[Yield(Int(2))])],
                &[Log("outer")],
            )],
        )],
        script: &[Next("a"), Throw("a", A, 1), Next("a")],
    },
    Program {
        name: "an outer handler catches what the inner handler raises",
        sent: Sent::Values,
        functions: &[(
            "a",
            &[Try(
                &[Try(&[Yield(Int(1))], &[(Only(A), &[Raise(B, 2)])], &[Log("inner")])],
                &[(Only(B), &[Return(Int(3))])],
                &[Log("outer")],
            )],
        )],
        script: &[Next("a"), Throw("a", A, 1)],
    },
    Program {
        name: "throw into a generator that waits in a handler",
        sent: Sent::Values,
        functions: &[(
            "a",
            &[Try(
                &[Try(&[Yield(Int(1))], &[(Only(A), &[Yield(Int(2)), Log("never")])], &[Log("inner")])],
                &[(Only(B), &[Yield(Int(3))])],
                &[Log("outer")],
            )],
        )],
        script: &[Next("a"), Throw("a", A, 1), Throw("a", B, 2), Next("a")],
    },
    Program {
        name: "throw into a generator that waits in a finally, the first is forgotten",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[], &[Yield(Int(2)), Log("never")])])],
        script: &[Next("a"), Throw("a", A, 1), Throw("a", B, 2), Next("a")],
    },
    Program {
        name: "a finally yields while an exception is on its way",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[], &[Yield(Int(2)), Log("finally"), Yield(Int(3))])])],
        script: &[Next("a"), Throw("a", A, 1), Send("a", 4), Send("a", 5), Next("a")],
    },
    Program {
        name: "a finally that raises replaces the exception",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[], &[Log("finally"), Raise(B, 2)])])],
        script: &[Next("a"), Throw("a", A, 1), Next("a")],
    },
    Program {
        name: "a finally that returns forgets the exception",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1))], &[], &[Return(Int(2))])])],
        script: &[Next("a"), Throw("a", A, 1), Next("a")],
    },
    Program {
        name: "a body that catches everything goes on",
        sent: Sent::Values,
        functions: &[("a", &[Loop(4, &[Try(&[Yield(Int(1))], &[(Bare, &[])], &[])]), Return(Int(2))])],
        script: &[Next("a"), Throw("a", A, 1), Send("a", 3), Throw("a", B, 2), Throw("a", A, 3), Next("a")],
    },
    Program {
        name: "a break in a handler leaves the loop",
        sent: Sent::Values,
        functions: &[("a", &[Loop(9, &[Try(&[Yield(Int(1))], &[(Only(A), &[Break])], &[])]), Yield(Int(2))])],
        script: &[Next("a"), Next("a"), Throw("a", A, 1), Next("a")],
    },
    Program {
        name: "the exception that came out goes into another, unchanged",
        sent: Sent::Values,
        functions: &[
            ("a", &[Yield(Int(1)), Raise(A, 42)]),
            ("b", &[Try(&[Yield(Int(2))], &[(Only(A), &[Yield(Int(3)), Again])], &[Log("finally")])]),
            ("c", &[Try(&[Yield(Int(4))], &[(Only(A), &[Return(Int(5))])], &[])]),
        ],
        script: &[
            Next("a"),
            Next("b"),
            Next("c"),
            Next("a"),
            ThrowLast("b"),
            Next("b"),
            ThrowLast("a"),
            ThrowLast("a"),
            ThrowLast("c"),
        ],
    },
    Program {
        name: "the exception thrown in comes out and goes in again",
        sent: Sent::Values,
        functions: &[("a", &[Yield(Int(1))]), ("b", &[Try(&[Yield(Int(2))], &[(Only(B), &[Yield(Int(3))])], &[])])],
        script: &[Next("b"), Throw("a", B, 1), ThrowLast("b"), Next("b")],
    },
    Program {
        name: "an exception in a finally after a plain end",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1)), Log("end")], &[(Bare, &[Log("never")])], &[Raise(A, 3)])])],
        script: &[Next("a"), Next("a"), Next("a")],
    },
    Program {
        name: "a thrown exception meets a handler around a call of another generator",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[Do(Next("b")), Yield(Int(1)), Do(Next("b"))], &[(Only(A), &[Do(Throw("b", B, 2))])], &[])]),
            ("b", &[Try(&[Yield(Int(10))], &[(Only(B), &[Yield(Int(11))])], &[Log("finally")])]),
        ],
        script: &[Next("a"), Throw("a", A, 1), Next("b")],
    },
    Program {
        name: "throw before and between values sent",
        sent: Sent::Values,
        functions: &[(
            "a",
            &[Loop(3, &[Try(&[Yield(Int(1)), Yield(X)], &[(Exception, &[Yield(Int(90))])], &[])]), Return(Int(2))],
        )],
        script: &[
            Next("a"),
            Send("a", 4),
            Throw("a", A, 1),
            Send("a", 5),
            Throw("a", B, 2),
            Send("a", 6),
            Send("a", 7),
            Send("a", 8),
            Send("a", 9),
        ],
    },
    Program {
        name: "throw over plain iteration raises in the body",
        sent: Sent::Nothing,
        functions: &[("a", &[Try(&[YieldAll(&[1, 2, 3])], &[(Only(A), &[Yield(Int(4))])], &[Log("finally")])])],
        script: &[Next("a"), Next("a"), Throw("a", A, 1), Next("a")],
    },
];
