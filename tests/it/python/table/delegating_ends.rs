//! `yield from`: close and drop.

use crate::python::program::Catch::*;
use crate::python::program::Class::*;
use crate::python::program::Expr::*;
use crate::python::program::Op::*;
use crate::python::program::Stmt::*;
use crate::python::program::{Program, Sent};

pub(crate) const PROGRAMS: &[Program] = &[
    Program {
        name: "close: the inner first, then the outer",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[From("b")], &[], &[Log("finally")])]),
            ("b", &[Try(&[Yield(Int(10))], &[], &[Log("finally")])]),
        ],
        script: &[Next("a"), Close("a"), Next("b"), Next("a")],
    },
    Program {
        name: "close: both see GeneratorExit and raise it again",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Exit, &[Again])], &[])]),
            ("b", &[Try(&[Yield(Int(10))], &[(Exit, &[Again])], &[])]),
        ],
        script: &[Next("a"), Close("a"), Close("a")],
    },
    Program {
        name: "the inner swallows close by returning: GeneratorExit in the outer all the same",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing), Log("never")], &[(Exit, &[Log("closing"), Again])], &[])]),
            ("b", &[Try(&[Yield(Int(10))], &[(Exit, &[Return(Int(11))])], &[])]),
        ],
        script: &[Next("a"), Close("a")],
    },
    Program {
        name: "the inner swallows close, the outer has no handler",
        sent: Sent::Values,
        functions: &[
            ("a", &[FromNew("b", Nothing), Log("never")]),
            ("b", &[Try(&[Yield(Int(10))], &[(Exit, &[])], &[]), Log("end")]),
        ],
        script: &[Next("a"), Close("a"), Next("a")],
    },
    Program {
        name: "both swallow close, the outer returns a value",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Exit, &[Return(Int(1))])], &[Log("finally")])]),
            ("b", &[Try(&[Yield(Int(10))], &[(Exit, &[Return(Int(11))])], &[Log("finally")])]),
        ],
        script: &[Next("a"), Close("a"), Close("a")],
    },
    Program {
        name: "the inner lets close pass, the outer returns a value",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Exit, &[Return(Int(1))])], &[])]),
            ("b", &[Yield(Int(10))]),
        ],
        script: &[Next("a"), Close("a"), Next("a")],
    },
    Program {
        name: "the outer itself ignores the close after its inner obeyed",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[From("b")], &[(Exit, &[Yield(Int(1))])], &[Log("finally")]), Yield(Int(2))]),
            ("b", &[Try(&[Yield(Int(10))], &[], &[Log("finally")])]),
        ],
        script: &[Next("a"), Close("a"), Next("b"), Next("a"), Close("a")],
    },
    Program {
        name: "the outer ignores the close after its inner swallowed it",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Exit, &[FromNew("b", Nothing)])], &[]), Yield(Int(2))]),
            ("b", &[Try(&[Yield(Int(10))], &[(Exit, &[Return(Int(11))])], &[])]),
        ],
        script: &[Next("a"), Close("a"), Next("a"), Next("a")],
    },
    Program {
        name: "the inner raises on close, uncaught",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Exit, &[Log("never")])], &[Log("finally")])]),
            ("b", &[Try(&[Yield(Int(10))], &[(Exit, &[Raise(A, 5)])], &[])]),
        ],
        script: &[Next("a"), Close("a"), Next("a")],
    },
    Program {
        name: "the inner raises on close, the outer catches that and returns",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Only(A), &[Return(Int(1))])], &[])]),
            ("b", &[Try(&[Yield(Int(10))], &[], &[Raise(A, 5)])]),
        ],
        script: &[Next("a"), Close("a"), Next("a")],
    },
    Program {
        name: "the inner raises on close, the outer catches that and yields",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Only(A), &[Yield(Int(1))])], &[Log("finally")])]),
            ("b", &[Try(&[Yield(Int(10))], &[], &[Raise(A, 5)])]),
        ],
        script: &[Next("a"), Close("a"), Next("a")],
    },
    Program {
        name: "close after the delegation is over does not touch the inner",
        sent: Sent::Values,
        functions: &[
            ("a", &[FromNew("b", Nothing), Try(&[Yield(Int(1))], &[], &[Log("finally")])]),
            ("b", &[Try(&[Yield(Int(10))], &[], &[Log("finally")])]),
        ],
        script: &[Next("a"), Next("a"), Close("a")],
    },
    Program {
        name: "close before the delegation does not start the inner",
        sent: Sent::Values,
        functions: &[("a", &[Yield(Int(1)), From("b")]), ("b", &[Try(&[Yield(Int(10))], &[], &[Log("finally")])])],
        script: &[Next("a"), Close("a"), Next("b"), Next("b")],
    },
    Program {
        name: "four deep: close, innermost first",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[], &[Log("finally")])]),
            ("b", &[Try(&[FromNew("c", Nothing)], &[], &[Log("finally")])]),
            ("c", &[Try(&[FromNew("d", Nothing)], &[], &[Log("finally")])]),
            ("d", &[Try(&[Yield(Int(1))], &[], &[Log("finally")])]),
        ],
        script: &[Next("a"), Close("a")],
    },
    Program {
        name: "four deep: the innermost raises, the second catches, the outermost is closed no more",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Bare, &[Return(Int(4))])], &[Log("finally")])]),
            ("b", &[Try(&[FromNew("c", Nothing)], &[(Only(A), &[Return(Int(3))])], &[Log("finally")])]),
            ("c", &[Try(&[FromNew("d", Nothing)], &[], &[Log("finally")])]),
            ("d", &[Try(&[Yield(Int(1))], &[(Exit, &[Raise(A, 2)])], &[Log("finally")])]),
        ],
        script: &[Next("a"), Close("a"), Next("a")],
    },
    Program {
        name: "four deep: each swallows the close by returning",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Exit, &[Return(Int(4))])], &[])]),
            ("b", &[Try(&[FromNew("c", Nothing)], &[(Exit, &[Return(Int(3))])], &[])]),
            ("c", &[Try(&[FromNew("d", Nothing)], &[(Exit, &[Return(Int(2))])], &[])]),
            ("d", &[Try(&[Yield(Int(9))], &[(Exit, &[Return(Int(1))])], &[])]),
        ],
        script: &[Next("a"), Close("a")],
    },
    Program {
        name: "forty deep: close",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Int(-40))], &[], &[Log("last")])]),
            ("b", &[Try(&[If(Arg, &[FromNew("b", ArgPlus(1))], &[Yield(Int(7))])], &[(Exit, &[Again])], &[])]),
        ],
        script: &[Next("a"), Close("a")],
    },
    Program {
        name: "drop: the inner first, then the outer",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[], &[Log("finally")])]),
            ("b", &[Try(&[FromNew("c", Nothing)], &[], &[Log("finally")])]),
            ("c", &[Try(&[Yield(Int(1))], &[], &[Log("finally")])]),
        ],
        script: &[Next("a"), Drop("a"), Say("after")],
    },
    Program {
        name: "drop: the inner swallows by returning",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing), Log("never")], &[(Exit, &[Return(Int(1))])], &[Log("finally")])]),
            ("b", &[Try(&[Yield(Int(10))], &[(Exit, &[Return(Int(11))])], &[Log("finally")])]),
        ],
        script: &[Next("a"), Drop("a")],
    },
    Program {
        name: "drop: what the inner raises is caught at the delegation",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Only(A), &[Log("handler")])], &[Log("finally")])]),
            ("b", &[Try(&[Yield(Int(10))], &[], &[Raise(A, 5)])]),
        ],
        script: &[Next("a"), Drop("a"), Say("after")],
    },
    Program {
        name: "drop: what the inner raises and nobody catches goes to the hook, once",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[], &[Log("finally")])]),
            ("b", &[Try(&[FromNew("c", Nothing)], &[], &[Log("finally")])]),
            ("c", &[Try(&[Yield(Int(10))], &[], &[Raise(A, 5)])]),
        ],
        script: &[Next("a"), Drop("a"), Say("after")],
    },
    Program {
        name: "drop: the outer replaces what the inner raises",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[FromNew("b", Nothing)], &[(Only(A), &[Raise(B, 6)])], &[])]),
            ("b", &[Try(&[Yield(Int(10))], &[], &[Raise(A, 5)])]),
        ],
        script: &[Next("a"), Drop("a"), Say("after")],
    },
    Program {
        name: "drop: an inner by name is closed, and known to be",
        sent: Sent::Values,
        functions: &[
            ("a", &[Try(&[From("b")], &[], &[Log("finally")])]),
            ("b", &[Try(&[Yield(Int(10))], &[], &[Log("finally")])]),
        ],
        script: &[Next("a"), Drop("a"), Next("b"), Close("b")],
    },
    Program {
        name: "close over plain iteration",
        sent: Sent::Nothing,
        functions: &[("a", &[Try(&[YieldAll(&[1, 2, 3])], &[(Exit, &[Log("closing"), Again])], &[Log("finally")])])],
        script: &[Next("a"), Next("a"), Close("a"), Next("a")],
    },
    Program {
        name: "close of a started inner",
        sent: Sent::Nothing,
        functions: &[
            ("a", &[Try(&[From("b")], &[], &[Log("finally")])]),
            ("b", &[Try(&[Yield(Int(10)), Yield(Int(11))], &[], &[Log("finally")])]),
        ],
        script: &[Next("b"), Next("a"), Close("a"), Next("b")],
    },
    Program {
        name: "an exception out of a for leaves the inner finished; a close of the outer leaves it alone",
        sent: Sent::Nothing,
        functions: &[
            ("a", &[For("b", &[Try(&[Yield(X)], &[], &[Log("finally")])])]),
            ("b", &[Try(&[Yield(Int(10)), Yield(Int(11))], &[], &[Log("finally")])]),
        ],
        script: &[Next("a"), Close("a"), Next("b"), Next("b")],
    },
];
