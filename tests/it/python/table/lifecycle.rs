//! Creation, values in and out, ends, one generator driven by another.

use crate::python::program::Catch::*;
use crate::python::program::Class::*;
use crate::python::program::Expr::*;
use crate::python::program::Op::*;
use crate::python::program::Stmt::*;
use crate::python::program::{Program, Sent};

pub(crate) const PROGRAMS: &[Program] = &[
    Program {
        name: "values out, a return value once, then finished for ever",
        sent: Sent::Values,
        functions: &[("a", &[Yield(Int(1)), Yield(Int(2)), Return(Int(3))])],
        script: &[Next("a"), Next("a"), Next("a"), Next("a"), Send("a", 9), Next("a")],
    },
    Program {
        name: "construction and the drop of a new generator run nothing",
        sent: Sent::Values,
        functions: &[("a", &[Log("runs"), Try(&[Yield(Int(1))], &[], &[Log("finally")])])],
        script: &[Say("nothing ran"), Drop("a"), Say("nothing ran")],
    },
    Program {
        name: "a value sent before the start is refused and the generator still starts",
        sent: Sent::Values,
        functions: &[("a", &[Log("runs"), Yield(Int(1)), Return(X)])],
        script: &[Send("a", 7), Send("a", 8), Next("a"), Send("a", 9), Send("a", 10)],
    },
    Program {
        name: "a yield is the value of the next send",
        sent: Sent::Values,
        functions: &[("a", &[Yield(Int(0)), Yield(X), Yield(XPlus(1)), Return(XPlus(100))])],
        script: &[Next("a"), Send("a", 5), Send("a", 6), Send("a", 7)],
    },
    Program {
        name: "next sends None",
        sent: Sent::Values,
        functions: &[("a", &[Yield(Int(1)), Yield(X), Return(X)])],
        script: &[Next("a"), Next("a"), Next("a")],
    },
    Program {
        name: "None can be yielded and returned",
        sent: Sent::Values,
        functions: &[("a", &[Yield(Nothing), Return(Nothing)])],
        script: &[Next("a"), Send("a", 1), Next("a")],
    },
    Program {
        name: "a body without a yield",
        sent: Sent::Values,
        functions: &[("a", &[Log("runs"), Return(Int(4))])],
        script: &[Next("a"), Next("a")],
    },
    Program {
        name: "a body without a return gives None",
        sent: Sent::Values,
        functions: &[("a", &[Yield(Int(1)), Log("last")])],
        script: &[Next("a"), Next("a"), Next("a")],
    },
    Program {
        name: "a return out of a loop",
        sent: Sent::Values,
        functions: &[("a", &[Loop(5, &[Yield(Int(1)), If(X, &[Return(X)], &[])]), Log("never")])],
        script: &[Next("a"), Next("a"), Send("a", 6), Next("a")],
    },
    Program {
        name: "a finally yields after the return, the value is kept",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1)), Return(Int(2))], &[], &[Yield(Int(3)), Log("finally")])])],
        script: &[Next("a"), Next("a"), Send("a", 9), Next("a")],
    },
    Program {
        name: "a return in a finally replaces the value",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1)), Return(Int(2))], &[], &[Return(Int(3))])])],
        script: &[Next("a"), Next("a")],
    },
    Program {
        name: "a return in a finally forgets the exception",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Yield(Int(1)), Raise(A, 1)], &[], &[Return(Int(3))])])],
        script: &[Next("a"), Next("a"), Next("a")],
    },
    Program {
        name: "a break out of a try runs its finally",
        sent: Sent::Values,
        functions: &[("a", &[Loop(3, &[Try(&[Yield(Int(1)), Break], &[], &[Log("finally")])]), Yield(Int(2))])],
        script: &[Next("a"), Next("a"), Next("a")],
    },
    Program {
        name: "two generators are independent",
        sent: Sent::Values,
        functions: &[("a", &[Yield(Int(1)), Yield(X)]), ("b", &[Yield(Int(10)), Yield(X)])],
        script: &[Next("a"), Next("b"), Send("a", 2), Send("b", 20), Next("b"), Next("a")],
    },
    Program {
        name: "a generator drives another",
        sent: Sent::Values,
        functions: &[
            ("a", &[Do(Next("b")), Yield(Int(1)), Do(Send("b", 5)), Yield(Int(2)), Do(Next("b")), Do(Next("b"))]),
            ("b", &[Yield(Int(10)), Yield(X), Return(Int(30))]),
        ],
        script: &[Next("a"), Next("a"), Next("a")],
    },
    Program {
        name: "yields go to whoever resumed last",
        sent: Sent::Values,
        functions: &[
            ("a", &[Do(Next("c")), Yield(Int(1)), Do(Send("c", 11))]),
            ("b", &[Do(Send("c", 22)), Yield(Int(2))]),
            ("c", &[Yield(Int(100)), Yield(X), Yield(X), Yield(X)]),
        ],
        script: &[Next("a"), Next("b"), Send("c", 33), Next("a"), Next("c")],
    },
    Program {
        name: "an exception reaches the resumer, the generator is finished",
        sent: Sent::Values,
        functions: &[("a", &[Yield(Int(1)), Raise(A, 5)])],
        script: &[Next("a"), Next("a"), Next("a"), Send("a", 1), Close("a")],
    },
    Program {
        name: "an exception before the first yield",
        sent: Sent::Values,
        functions: &[("a", &[Log("runs"), Raise(B, 1), Yield(Int(1))])],
        script: &[Next("a"), Next("a")],
    },
    Program {
        name: "an exception passes the finally blocks, innermost first",
        sent: Sent::Values,
        functions: &[(
            "a",
            &[Try(&[Try(&[Yield(Int(1)), Raise(A, 2)], &[], &[Log("inner")])], &[], &[Log("outer")]), Log("never")],
        )],
        script: &[Next("a"), Next("a"), Next("a")],
    },
    Program {
        name: "an exception raised and caught inside a body is its own affair",
        sent: Sent::Values,
        functions: &[("a", &[Try(&[Raise(A, 1)], &[(Only(A), &[Yield(Int(1))])], &[]), Return(X)])],
        script: &[Next("a"), Send("a", 8)],
    },
    Program {
        name: "what a driven generator raises can be thrown into another",
        sent: Sent::Values,
        functions: &[
            ("a", &[Do(Next("b")), Yield(Int(1)), Do(Next("b")), Do(ThrowLast("c")), Yield(Int(2))]),
            ("b", &[Yield(Int(10)), Raise(A, 7)]),
            ("c", &[Try(&[Yield(Int(20))], &[(Only(A), &[Yield(Int(21))])], &[])]),
        ],
        script: &[Next("c"), Next("a"), Next("a"), Next("c")],
    },
    Program {
        name: "a generator of the same function begins anew",
        sent: Sent::Values,
        functions: &[("a", &[Yield(Int(1)), Yield(Int(2))])],
        script: &[Next("a"), Next("a"), Next("a"), Renew("a"), Next("a"), Renew("a"), Next("a")],
    },
    Program {
        name: "list takes all values and leaves the return value",
        sent: Sent::Nothing,
        functions: &[("a", &[Yield(Int(1)), Yield(Int(2)), Return(Int(3))])],
        script: &[List("a"), List("a"), Next("a")],
    },
    Program {
        name: "list of a started generator takes the rest",
        sent: Sent::Nothing,
        functions: &[("a", &[Yield(Int(1)), Yield(Int(2)), Yield(Int(3))])],
        script: &[Next("a"), List("a"), List("a")],
    },
    Program {
        name: "for in a body, over another generator",
        sent: Sent::Nothing,
        functions: &[
            ("a", &[For("b", &[Yield(XPlus(100))]), Log("over"), For("b", &[Log("never")]), Return(Int(9))]),
            ("b", &[Yield(Int(1)), Yield(Int(2)), Return(Int(3))]),
        ],
        script: &[Next("a"), Next("a"), Next("a"), Next("a")],
    },
    Program {
        name: "a for that is left goes on later where it was",
        sent: Sent::Nothing,
        functions: &[
            ("a", &[For("b", &[Yield(X), Break]), For("b", &[Yield(X), Break]), For("b", &[Yield(X)])]),
            ("b", &[Yield(Int(1)), Yield(Int(2)), Yield(Int(3)), Yield(Int(4))]),
        ],
        script: &[List("a"), Next("b")],
    },
    Program {
        name: "an exception comes through a for and is caught in the body",
        sent: Sent::Nothing,
        functions: &[
            ("a", &[Try(&[For("b", &[Yield(X)])], &[(Only(A), &[Yield(Int(50))])], &[Log("finally")]), Return(Int(6))]),
            ("b", &[Yield(Int(1)), Raise(A, 3)]),
        ],
        script: &[Next("a"), Next("a"), Next("a"), Next("b")],
    },
    Program {
        name: "an exception comes through two fors, uncaught",
        sent: Sent::Nothing,
        functions: &[
            ("a", &[For("b", &[Yield(X)])]),
            ("b", &[Try(&[For("c", &[Yield(XPlus(1))])], &[], &[Log("finally")])]),
            ("c", &[Yield(Int(1)), Yield(Int(2)), Raise(B, 4)]),
        ],
        script: &[Next("a"), Next("a"), Next("a"), Next("a"), Next("b"), Next("c")],
    },
    Program {
        name: "an argument decides",
        sent: Sent::Values,
        functions: &[
            ("a", &[FromNew("b", Int(1)), FromNew("b", Int(0)), FromNew("b", Nothing)]),
            ("b", &[If(Arg, &[Yield(ArgPlus(10))], &[Log("nothing to yield")]), Return(Arg)]),
        ],
        script: &[Next("a"), Next("a"), Next("a")],
    },
];
