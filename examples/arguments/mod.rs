//! The only argument that the small examples take.

use std::process::exit;

/// Whether `--quick` was given. Ends the program for `--help`, and with an error for all else.
pub(crate) fn is_quick(about: &str) -> bool {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match arguments.iter().map(|argument| argument.to_str().unwrap_or_default()).collect::<Vec<_>>()[..] {
        [] => false,
        ["--quick"] => true,
        ["--help" | "-h"] => {
            println!("{about}\n  --quick  the same in less time, for tests\n  --help   this text");
            exit(0)
        }
        _ => {
            eprintln!("cannot understand the arguments {arguments:?}; --help tells which there are");
            exit(2)
        }
    }
}
