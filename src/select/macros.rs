//! The macro. It reads its arms one by one, each with names of its own for the arm and what it is made with; then it writes
//! all out at once.

/// Waits for the first of several operations, and does exactly that one.
///
/// ```text
/// select! {
///     recv(receiver) -> message => …,          // Result<T, RecvError>; also of a oneshot
///     send(sender, value) -> result => …,      // Result<(), SendError<T>>
///     join(&mut handle) -> result => …,        // Result<T, JoinError>
///     readable(&socket) -> result => …,        // io::Result<()>; the binding may be left out
///     writable(&socket) -> result => …,        // the same
///     after(duration) => …,
///     at(instant) => …,
///     default => …,                            // at once, if nothing else can be done at once
/// }
/// ```
///
/// It is an expression: the value of the arm that was done. What the arms are made with is evaluated once, before any wait,
/// in the order in which it is written; what an arm that loses was to send is dropped, and a handle that loses can be used
/// further. Of several arms that can be done one is taken at random.
///
/// A cancellation point, without `default`. A cancellation loses nothing: what an arm was given goes to the next who
/// waits for it, unless it is a message that was sent.
///
/// # Panics
/// Where it would have to wait and cannot: in a callback of the event loop, and while the task unwinds. When the result of
/// a handle was taken before.
///
/// # Examples
/// ```
/// use corro::{channel, select};
/// use std::time::Duration;
///
/// corro::run(|| {
///     let (answer, question) = channel::bounded(1);
///     let (_never, nothing) = channel::bounded::<()>(0);
///     let mut slow = corro::spawn(|| corro::sleep(Duration::from_secs(60)));
///     answer.send(42).unwrap();
///
///     let got = select! {
///         recv(question) -> number => number.unwrap(),
///         recv(nothing) -> _ => unreachable!(),
///         join(&mut slow) -> _ => unreachable!(),
///         after(Duration::from_secs(60)) => 0,
///     };
///     assert_eq!(got, 42);
///     slow.cancel();
/// });
/// ```
#[macro_export]
macro_rules! select {
    ($($arms:tt)+) => { $crate::__select!(@read () () $($arms)+) };
    () => { ::core::compile_error!("`select!` needs an arm: without one it would wait for ever") };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    // The arms that were read, the body of `default`, and what is left to read.
    (@read ($($arms:tt)*) ($($default:tt)*)) => {
        $crate::__select!(@write ($($default)*) $($arms)*)
    };
    (@read ($($arms:tt)*) () default => $($rest:tt)+) => {
        $crate::__select!(@body default ($($arms)*) () $($rest)+)
    };
    (@read ($($arms:tt)*) ($($default:tt)+) default => $($rest:tt)+) => {
        ::core::compile_error!("`select!` has two `default` arms")
    };
    (@read ($($arms:tt)*) ($($default:tt)*) $kind:ident ($($operands:tt)*) -> $pattern:pat => $($rest:tt)+) => {
        $crate::__select!(@body (arm operand $kind ($($operands)*) ($pattern)) ($($arms)*) ($($default)*) $($rest)+)
    };
    (@read ($($arms:tt)*) ($($default:tt)*) $kind:ident ($($operands:tt)*) => $($rest:tt)+) => {
        $crate::__select!(@body (arm operand $kind ($($operands)*) (_)) ($($arms)*) ($($default)*) $($rest)+)
    };
    (@read $arms:tt $default:tt $($rest:tt)+) => {
        ::core::compile_error!(::core::concat!(
            "an arm of `select!` is `recv(receiver) -> message => …`, or one of `send`, `join`, `readable`, `writable`, \
             `after`, `at`, or `default => …`; this is none: ",
            ::core::stringify!($($rest)+)
        ))
    };

    // The body of an arm: a block, or an expression and a comma, or the last expression.
    (@body $head:tt $arms:tt $default:tt $body:block, $($rest:tt)*) => {
        $crate::__select!(@push $head $arms $default ($body) $($rest)*)
    };
    (@body $head:tt $arms:tt $default:tt $body:block $($rest:tt)*) => {
        $crate::__select!(@push $head $arms $default ($body) $($rest)*)
    };
    (@body $head:tt $arms:tt $default:tt $body:expr, $($rest:tt)*) => {
        $crate::__select!(@push $head $arms $default ($body) $($rest)*)
    };
    (@body $head:tt $arms:tt $default:tt $body:expr) => {
        $crate::__select!(@push $head $arms $default ($body))
    };

    (@push default $arms:tt () $body:tt $($rest:tt)*) => {
        $crate::__select!(@read $arms $body $($rest)*)
    };
    (@push ($($head:tt)*) ($($arms:tt)*) $default:tt $body:tt $($rest:tt)*) => {
        $crate::__select!(@read ($($arms)* [$($head)* $body]) $default $($rest)*)
    };

    (@write () $([$arm:ident $operand:ident $kind:ident $operands:tt ($pattern:pat) ($body:expr)])+) => {{
        let ($($arm,)+) = {
            $($crate::__select!(@operand $operand $kind $operands);)+
            $($crate::__select!(@arm $arm $operand $kind $operands);)+
            $crate::select::__private::wait(&[$($arm.armed()),+]);
            ($($arm.finish(),)+)
        };
        $(if let ::core::option::Option::Some(output) = $arm { match output { $pattern => $body } } else)+ {
            ::core::unreachable!("an arm of a `select!` is done")
        }
    }};
    (@write ($default:expr)) => { $default };
    (@write ($default:expr) $([$arm:ident $operand:ident $kind:ident $operands:tt ($pattern:pat) ($body:expr)])+) => {{
        let ($($arm,)+) = {
            $($crate::__select!(@operand $operand $kind $operands);)+
            $($crate::__select!(@arm $arm $operand $kind $operands);)+
            $crate::select::__private::try_wait(&[$($arm.armed()),+]);
            ($($arm.finish(),)+)
        };
        $(if let ::core::option::Option::Some(output) = $arm { match output { $pattern => $body } } else)+ { $default }
    }};

    // What an arm is made with, kept for as long as the wait.
    (@operand $operand:ident recv ($receiver:expr $(,)?)) => { let $operand = &$receiver; };
    (@operand $operand:ident send ($sender:expr, $message:expr $(,)?)) => { let $operand = (&$sender, $message); };
    (@operand $operand:ident join ($handle:expr $(,)?)) => { let $operand = &mut *$handle; };
    (@operand $operand:ident readable ($fd:expr $(,)?)) => { let $operand = &$fd; };
    (@operand $operand:ident writable ($fd:expr $(,)?)) => { let $operand = &$fd; };
    (@operand $operand:ident after ($duration:expr $(,)?)) => { let $operand = $duration; };
    (@operand $operand:ident at ($instant:expr $(,)?)) => { let $operand = $instant; };
    (@operand $operand:ident $kind:ident ($($operands:tt)*)) => {
        ::core::compile_error!(::core::concat!(
            "`select!` has no arm `", ::core::stringify!($kind), "(", ::core::stringify!($($operands)*), ")`: it has \
             `recv(receiver)`, `send(sender, value)`, `join(&mut handle)`, `readable(&socket)`, `writable(&socket)`, \
             `after(duration)`, `at(instant)` and `default`"
        ));
    };
    (@arm $arm:ident $operand:ident send $operands:tt) => {
        let mut $arm = $crate::select::__private::send($operand.0, $operand.1);
    };
    (@arm $arm:ident $operand:ident $kind:ident $operands:tt) => {
        let mut $arm = $crate::select::__private::$kind($operand);
    };
}
