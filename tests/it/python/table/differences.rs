//! Where the contract of this crate differs from Python on purpose.

use crate::python::program::Catch::*;
use crate::python::program::Class::*;
use crate::python::program::Expr::*;
use crate::python::program::Op::*;
use crate::python::program::Stmt::*;
use crate::python::program::{Program, Sent};

/// A program and the two traces.
#[derive(Clone, Copy)]
pub(crate) struct Declared {
    pub(crate) program: Program,
    pub(crate) python: &'static [&'static str],
    pub(crate) corro: &'static [&'static str],
}

pub(crate) fn all() -> Vec<Declared> {
    DECLARED.to_vec()
}

const DECLARED: &[Declared] = &[
    // Python raises a RuntimeError in the outer at its delegation and leaves the inner suspended. Here the
    // yield surfaces as `Ignored` on the outer, both stay alive and the delegation goes on.
    Declared {
        program: Program {
            name: "an inner ignores close",
            sent: Sent::Values,
            functions: &[
                ("a", &[Try(&[FromNew("b", Nothing)], &[(Only(A), &[])], &[Log("finally")])]),
                ("b", &[Try(&[Yield(Int(10))], &[(Exit, &[Yield(Int(11))])], &[]), Return(Int(12))]),
            ],
            script: &[Next("a"), Close("a"), Send("a", 5)],
        },
        python: &[
            "> next a",
            "yielded 10 [suspended]",
            "> close a",
            "b caught GeneratorExit",
            "a: finally",
            "ignored [closed]",
            "> send 5 a",
            "finished [closed]",
            "> drop a",
            "dropped",
            "> drop b",
            "dropped",
        ],
        corro: &[
            "> next a",
            "yielded 10 [suspended]",
            "> close a",
            "b caught GeneratorExit",
            "ignored [suspended]",
            "> send 5 a",
            "b got 5",
            "b returns 12",
            "a: b gave 12",
            "a: finally",
            "returned None [closed]",
            "> drop a",
            "dropped",
            "> drop b",
            "dropped",
        ],
    },
    // Python reports the ignored close and frees the frame; its outer `finally` never runs. Here the drop
    // closes again until the body has unwound, and there is nothing to report.
    Declared {
        program: Program {
            name: "a body ignores the close of its drop",
            sent: Sent::Values,
            functions: &[(
                "a",
                &[Try(&[Try(&[Yield(Int(1))], &[(Exit, &[Yield(Int(2))])], &[])], &[], &[Log("finally")])],
            )],
            script: &[Next("a"), Drop("a"), Say("after")],
        },
        python: &[
            "> next a",
            "yielded 1 [suspended]",
            "> drop a",
            "a caught GeneratorExit",
            "unraisable RuntimeError: generator ignored GeneratorExit",
            "dropped",
            "after",
        ],
        corro: &[
            "> next a",
            "yielded 1 [suspended]",
            "> drop a",
            "a caught GeneratorExit",
            "a: finally",
            "dropped",
            "after",
        ],
    },
    // Python looks for a `send` on the iterator. Here what is sent to `yield_all` is dropped.
    Declared {
        program: Program {
            name: "a value is sent over plain iteration",
            sent: Sent::Values,
            functions: &[("a", &[Try(&[YieldAll(&[1, 2])], &[], &[Log("finally")])])],
            script: &[Next("a"), Send("a", 5)],
        },
        python: &[
            "> next a",
            "yielded 1 [suspended]",
            "> send 5 a",
            "a: finally",
            "raised AttributeError: 'list_iterator' object has no attribute 'send' [closed]",
            "> drop a",
            "dropped",
        ],
        corro: &[
            "> next a",
            "yielded 1 [suspended]",
            "> send 5 a",
            "yielded 2 [suspended]",
            "> drop a",
            "a: finally",
            "dropped",
        ],
    },
];
