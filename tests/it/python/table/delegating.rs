//! `yield from`: values, sends, throws and results.

use crate::python::program::Catch::*;
use crate::python::program::Class::*;
use crate::python::program::Expr::*;
use crate::python::program::Op::*;
use crate::python::program::Stmt::*;
use crate::python::program::{Program, Sent};

pub(crate) const PROGRAMS: &[Program] = &[
    Program {
        name: "values pass through, the result is the inner return value",
        sent: Sent::Values,
        functions: &[
            ("a", &[Yield(Int(1)), FromNew("b", Nothing), Yield(XPlus(5)), Return(Int(9))]),
            ("b", &[Yield(Int(10)), Yield(Int(11)), Return(Int(12))]),
        ],
        script: &[Next("a"), Next("a"), Next("a"), Next("a"), Next("a"), Next("a")],
    },
    Program {
        name: "an inner without a return gives None",
        sent: Sent::Values,
        functions: &[("a", &[FromNew("b", Nothing), Return(X)]), ("b", &[Yield(Int(10))])],
        script: &[Next("a"), Next("a")],
    },
    Program {
        name: "sends pass through",
        sent: Sent::Values,
        functions: &[
            ("a", &[FromNew("b", Nothing), Yield(Int(1))]),
            ("b", &[Yield(Int(10)), Yield(XPlus(1)), Yield(XPlus(2)), Return(X)]),
        ],
        script: &[Next("a"), Send("a", 20), Send("a", 30), Send("a", 40), Send("a", 50)],
    },
    Program {
        name: "an inner that yields nothing lets the outer go on at once",
        sent: Sent::Values,
        functions: &[
            ("a", &[FromNew("b", Nothing), FromNew("b", Nothing), Yield(X)]),
            ("b", &[Log("runs"), Return(Int(3))]),
        ],
        script: &[Next("a"), Next("a")],
    },
    Program {
        name: "delegations in a loop",
        sent: Sent::Values,
        functions: &[("a", &[Loop(3, &[FromNew("b", Int(7))]), Return(X)]), ("b", &[Yield(ArgPlus(1)), Return(X)])],
        script: &[Next("a"), Send("a", 1), Send("a", 2), Send("a", 3)],
    },
    Program {
        name: "delegation to a generator by name, which is finished then",
        sent: Sent::Values,
        functions: &[("a", &[From("b"), Return(X)]), ("b", &[Yield(Int(10)), Return(Int(11))])],
        script: &[Next("a"), Next("a"), Next("b"), Next("a")],
    },
    Program {
        name: "throw passes through, the inner yields",
        sent: Sent::Values,
        functions: &[
            ("a", &[FromNew("b", Nothing), Yield(Int(1))]),
            ("b", &[Try(&[Yield(Int(10))], &[(Only(A), &[Yield(Int(11))])], &[]), Return(Int(12))]),
        ],
        script: &[Next("a"), Throw("a", A, 1), Send("a", 5), Next("a")],
    },
    Program {
        name: "the inner swallows a throw by returning, the outer goes on",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Bare, &[Log("never")])], &[Log("finally")]), Yield(XPlus(1))]),
            ("b", &[Try(&[Yield(Int(10))], &[(Only(A), &[Return(Int(12))])], &[])]),
        ],
        script: &[Next("a"), Throw("a", A, 1), Next("a")],
    },
    Program {
        name: "the inner lets a throw pass, it surfaces at the delegation and is caught there",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Only(A), &[Yield(Int(1))])], &[Log("finally")]), Yield(Int(2))]),
            ("b", &[Try(&[Yield(Int(10))], &[], &[Log("finally")])]),
        ],
        script: &[Next("a"), Throw("a", A, 1), Next("a"), Next("a")],
    },
    Program {
        name: "nobody catches a throw: finally blocks innermost first",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[From("b")], &[], &[Log("finally")])]),
            ("b", &[Try(&[Yield(Int(10))], &[], &[Log("finally")])]),
        ],
        script: &[Next("a"), Throw("a", A, 1), Next("a"), Next("b")],
    },
    Program {
        name: "the inner answers a throw with another exception",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Only(B), &[Return(Int(1))])], &[])]),
            ("b", &[Try(&[Yield(Int(10))], &[(Only(A), &[Raise(B, 2)])], &[Log("finally")])]),
        ],
        script: &[Next("a"), Throw("a", A, 1), Next("a")],
    },
    Program {
        name: "the inner raises by itself, caught at the delegation",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Only(A), &[Yield(Int(1))])], &[]), Return(Int(2))]),
            ("b", &[Yield(Int(10)), Raise(A, 3)]),
        ],
        script: &[Next("a"), Next("a"), Next("a")],
    },
    Program {
        name: "the inner raises before its first yield",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Only(B), &[Yield(Int(1))])], &[]), FromNew("b", Nothing)]),
            ("b", &[Raise(B, 3)]),
        ],
        script: &[Next("a"), Next("a"), Next("a")],
    },
    Program {
        name: "an inner yields in its finally while an exception is on its way",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Only(A), &[Yield(Int(1))])], &[])]),
            ("b", &[Try(&[Yield(Int(10))], &[], &[Yield(Int(11)), Log("finally")])]),
        ],
        script: &[Next("a"), Throw("a", A, 1), Send("a", 2), Next("a")],
    },
    Program {
        name: "delegation in a handler and in a finally",
        sent: Sent::Values,
        functions: &[
            (
                "a",
                &[Try(&[Yield(Int(1))], &[(Only(A), &[FromNew("b", Int(20))])], &[FromNew("b", Int(30))]), Return(X)],
            ),
            ("b", &[Yield(Arg), Return(ArgPlus(1))]),
        ],
        script: &[Next("a"), Throw("a", A, 1), Next("a"), Next("a")],
    },
    Program {
        name: "delegation in a finally under an exception",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[Yield(Int(1))], &[], &[FromNew("b", Nothing)])]),
            ("b", &[Yield(Int(10)), Yield(Int(11))]),
        ],
        script: &[Next("a"), Throw("a", A, 1), Next("a"), Next("a"), Next("a")],
    },
    Program {
        name: "three deep: values, sends and results",
        sent: Sent::Values,
        functions: &[
            ("a", &[FromNew("b", Nothing), Return(XPlus(1))]),
            ("b", &[Yield(Int(10)), FromNew("c", Nothing), Yield(Int(11)), Return(Int(12))]),
            ("c", &[Yield(Int(20)), Yield(X), Return(X)]),
        ],
        script: &[Next("a"), Send("a", 1), Send("a", 2), Send("a", 3), Send("a", 4), Next("a")],
    },
    Program {
        name: "three deep: each level answers one throw",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Exception, &[Yield(Int(1))])], &[Log("finally")])]),
            ("b", &[Try(&[FromNew("c", Nothing)], &[(Only(A), &[Yield(Int(2))])], &[Log("finally")])]),
            ("c", &[Try(&[Yield(Int(3))], &[(Only(B), &[Yield(Int(4))])], &[Log("finally")])]),
        ],
        script: &[Next("a"), Throw("a", B, 1), Throw("a", A, 2), Throw("a", B, 3), Next("a")],
    },
    Program {
        name: "three deep: an exception turns into another at each level",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Only(A), &[Raise(B, 30)])], &[Log("finally")])]),
            ("b", &[Try(&[FromNew("c", Nothing)], &[(Only(B), &[Raise(A, 20)])], &[Log("finally")])]),
            ("c", &[Try(&[Yield(Int(3))], &[(Only(A), &[Raise(B, 10)])], &[Log("finally")])]),
        ],
        script: &[Next("a"), Throw("a", A, 1), Next("a")],
    },
    Program {
        name: "a generator delegates to its own function",
        sent: Sent::Values,
        functions: &[
            ("a", &[FromNew("b", Int(-3)), Return(X)]),
            ("b", &[Yield(Arg), If(Arg, &[FromNew("b", ArgPlus(1))], &[Yield(Int(100))]), Return(XPlus(1))]),
        ],
        script: &[Next("a"), Next("a"), Next("a"), Next("a"), Next("a"), Send("a", 50)],
    },
    Program {
        name: "forty deep: a send reaches the innermost, results come back through all",
        sent: Sent::Values,
        functions: &[
            ("a", &[FromNew("b", Int(-40)), Return(X)]),
            ("b", &[If(Arg, &[FromNew("b", ArgPlus(1))], &[Yield(Int(7))]), Return(XPlus(1))]),
        ],
        script: &[Next("a"), Send("a", 1000), Next("a")],
    },
    Program {
        name: "forty deep: a throw unwinds all of them",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Int(-40))], &[(Only(A), &[Yield(Int(1))])], &[])]),
            ("b", &[Try(&[If(Arg, &[FromNew("b", ArgPlus(1))], &[Yield(Int(7))])], &[], &[Log("finally")])]),
        ],
        script: &[Next("a"), Throw("a", A, 5), Next("a")],
    },
    Program {
        name: "forty deep: each level catches and raises again",
        sent: Sent::Values,
        functions: &[
            ("a", &[FromNew("b", Int(-40))]),
            ("b", &[Try(&[If(Arg, &[FromNew("b", ArgPlus(1))], &[Yield(Int(7))])], &[(Only(B), &[Again])], &[])]),
        ],
        script: &[Next("a"), Throw("a", B, 5), Next("a")],
    },
    Program {
        name: "delegation to a started generator goes on where it stands",
        sent: Sent::Nothing,
        functions: &[("a", &[From("b"), Return(X)]), ("b", &[Yield(Int(10)), Yield(Int(11)), Return(Int(12))])],
        script: &[Next("b"), Next("a"), Next("a"), Next("a")],
    },
    Program {
        name: "a generator started by for, then delegated to",
        sent: Sent::Nothing,
        functions: &[
            ("a", &[For("b", &[Yield(XPlus(100)), Break]), From("b"), Return(X)]),
            ("b", &[Yield(Int(10)), Yield(Int(11)), Yield(Int(12)), Return(Int(13))]),
        ],
        script: &[List("a")],
    },
    Program {
        name: "two outers share an inner, one after the other",
        sent: Sent::Nothing,
        functions: &[
            ("a", &[For("c", &[Yield(X), Break]), Yield(Int(1))]),
            ("b", &[From("c"), Yield(Int(2))]),
            ("c", &[Yield(Int(10)), Yield(Int(11)), Yield(Int(12))]),
        ],
        script: &[Next("a"), Next("a"), Next("b"), Next("b"), Next("b"), Next("a"), Next("b")],
    },
    Program {
        name: "throw to a started inner",
        sent: Sent::Nothing,
        functions: &[
            ("a", &[Try(&[From("b")], &[(Only(A), &[Yield(Int(1))])], &[])]),
            ("b", &[Yield(Int(10)), Try(&[Yield(Int(11))], &[], &[Log("finally")])]),
        ],
        script: &[Next("b"), Next("a"), Throw("a", A, 1), Next("b"), Next("a")],
    },
    Program {
        name: "plain iteration between delegations",
        sent: Sent::Nothing,
        functions: &[
            ("a", &[YieldAll(&[1, 2]), FromNew("b", Nothing), YieldAll(&[]), YieldAll(&[3])]),
            ("b", &[Yield(Int(10))]),
        ],
        script: &[List("a"), Next("a")],
    },
    Program {
        name: "an inner drives a third generator",
        sent: Sent::Values,
        functions: &[
            ("a", &[FromNew("b", Nothing), Do(Next("c"))]),
            ("b", &[Do(Next("c")), Yield(Int(10)), Do(Throw("c", A, 1)), Yield(Int(11)), Return(Int(12))]),
            ("c", &[Try(&[Yield(Int(20))], &[(Only(A), &[Yield(Int(21))])], &[]), Return(Int(22))]),
        ],
        script: &[Next("a"), Next("a"), Next("a")],
    },
    Program {
        name: "a generator drives one that delegates",
        sent: Sent::Values,
        functions: &[
            (
                "a",
                &[Do(Next("b")), Yield(Int(1)), Do(Send("b", 5)), Do(Throw("b", A, 2)), Yield(Int(2)), Do(Next("b"))],
            ),
            ("b", &[FromNew("c", Nothing), Return(X)]),
            ("c", &[Yield(Int(20)), Try(&[Yield(X)], &[(Only(A), &[Yield(Int(21))])], &[]), Return(Int(22))]),
        ],
        script: &[Next("a"), Next("a"), Next("a")],
    },
    Program {
        name: "the exception that came out of one delegation goes into another",
        sent: Sent::Values,
        functions: &[
            ("a", &[FromNew("c", Nothing)]),
            ("b", &[FromNew("d", Nothing), Return(XPlus(1))]),
            ("c", &[Yield(Int(10)), Raise(A, 77)]),
            ("d", &[Try(&[Yield(Int(20))], &[(Only(A), &[Return(Int(21))])], &[])]),
        ],
        script: &[Next("a"), Next("b"), Next("a"), ThrowLast("b")],
    },
    Program {
        name: "an inner that catches everything and goes on",
        sent: Sent::Values,
        functions: &[
            ("a", &[FromNew("b", Nothing), Yield(Int(1))]),
            ("b", &[Loop(3, &[Try(&[Yield(Int(10))], &[(Exception, &[Yield(Int(11))])], &[])])]),
        ],
        script: &[Next("a"), Throw("a", A, 1), Next("a"), Throw("a", B, 2), Next("a"), Next("a"), Next("a")],
    },
];
