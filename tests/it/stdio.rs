//! The standard input and output. The tests run themselves once more as programs whose ends are pipes.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use corro::io::{stdin, stdout};
use corro::{spawn_local, time, timeout, yield_now};

use crate::generator::child::test_path;
use crate::generator::while_unwinding;
use crate::schedulers::everywhere;
use crate::support::{is_would_suspend, ms};

/// Runs the test that has the closure in another process, where it calls that and ends. `None`: this is that process.
fn program<F: FnOnce()>(program: F) -> Option<Child> {
    const PROGRAM: &str = "CORRO_TEST_PROGRAM";
    if std::env::var_os(PROGRAM).is_some() {
        program();
        return None;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &test_path::<F>(), "--nocapture"])
        .env(PROGRAM, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    Some(child.unwrap())
}

/// The ends of a program that has printed that it is ready.
fn ends(child: &mut Child) -> (ChildStdin, impl Iterator<Item = String> + use<>) {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.ends_with("READY")), "it has not begun");
    (child.stdin.take().unwrap(), lines)
}

/// All that a program prints.
fn output_of(mut child: Child) -> String {
    let mut text = String::new();
    let mut stdout: ChildStdout = child.stdout.take().unwrap();
    stdout.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success(), "{text}");
    text
}

#[test]
fn i4_stdin_and_stdout_do_not_block_the_worker() {
    let upper = || {
        corro::run(|| {
            let mut stdout = stdout();
            let ticker = spawn_local(|| {
                let mut interval = time::interval(ms(1));
                loop {
                    interval.tick();
                }
            });
            let cut_off = timeout(ms(5), || stdin().read_line(&mut String::new())).is_err();
            writeln!(stdout, "READY").unwrap();
            for line in stdin().lines() {
                writeln!(stdout, "{}", line.unwrap().to_uppercase()).unwrap();
            }
            assert!(cut_off && !ticker.is_finished());
            ticker.cancel();
            writeln!(stdout, "END: a read was cut off, others ran meanwhile").unwrap();
        });
    };
    let Some(mut child) = program(upper) else { return };
    let (mut stdin, mut lines) = ends(&mut child);
    for word in ["one", "two"] {
        writeln!(stdin, "{word}").unwrap();
        assert_eq!(lines.next().unwrap(), word.to_uppercase());
    }
    drop(stdin);
    assert_eq!(lines.next().unwrap(), "END: a read was cut off, others ran meanwhile");
    assert!(child.wait().unwrap().success());
}

#[test]
fn i1_what_is_left_of_the_output_is_written_at_the_end() {
    let write = || {
        everywhere(|| write!(stdout(), "LEFT").unwrap());
        write!(stdout(), "BY A THREAD").unwrap();
        std::process::exit(0);
    };
    let Some(child) = program(write) else { return };
    let text = output_of(child);
    assert!(text.ends_with("LEFTLEFTLEFTBY A THREAD"), "{text:?}");
}

#[test]
fn i1_what_std_prints_and_what_tasks_print_keeps_its_order() {
    let print = || {
        everywhere(|| {
            print!("\none ");
            write!(stdout(), "two ").unwrap();
            println!("three");
            stdout().write_all(b"four ").unwrap();
            println!("five");
        });
    };
    let Some(child) = program(print) else { return };
    let text = output_of(child);
    assert_eq!(text.matches("\none two three\nfour five\n").count(), 3, "{text:?}");
}

#[test]
fn i1_a_task_may_lock_the_output_again_and_keeps_others_out() {
    let print = || {
        everywhere(|| {
            let mut first = stdout().lock();
            let other = spawn_local(|| stdout().write_all(b"OTHER\n").unwrap());
            writeln!(first, "\none").unwrap();
            let mut second = stdout().lock();
            writeln!(stdout(), "two").unwrap();
            drop(first);
            (0..20).for_each(|_| yield_now());
            writeln!(second, "three").unwrap();
            assert!(!other.is_finished());
            drop(second);
            other.join().unwrap();
        });
        let (mut first, mut second) = (stdout().lock(), stdout().lock());
        writeln!(first, "\nby a").unwrap();
        writeln!(second, "thread").unwrap();
    };
    let Some(child) = program(print) else { return };
    let text = output_of(child);
    assert_eq!(text.matches("\none\ntwo\nthree\nOTHER\n").count(), 3, "{text:?}");
    assert!(text.contains("\nby a\nthread\n"), "{text:?}");
}

/// The pipe is full before anybody reads.
#[test]
fn i4_a_write_that_waits_lets_others_run_and_may_be_cut_off() {
    const BYTES: usize = 1_000_000;
    let print = || {
        everywhere(|| {
            // More than a pipe takes: the first write waits, the second for the first.
            let long = spawn_local(|| stdout().write_all(&[b'x'; BYTES]));
            yield_now();
            let cut_off = timeout(ms(5), || stdout().write_all(b"NEVER"));
            assert!(cut_off.is_err() && !long.is_finished());
            eprintln!("\nFULL");
            long.join().unwrap().unwrap();
            let long = spawn_local(|| stdout().write_all(&[b'y'; BYTES]));
            yield_now();
            long.cancel();
            assert!(long.join().unwrap_err().is_cancelled());
            writeln!(stdout(), "FREE").unwrap();
        });
    };
    let Some(mut child) = program(print) else { return };
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(errors.any(|line| line == "FULL"), "nothing waits");
    let others = std::thread::spawn(move || errors.filter(|line| line == "FULL").count());
    let text = output_of(child);
    assert_eq!(text.matches('x').count(), 3 * BYTES);
    assert_eq!((text.matches("NEVER").count(), text.matches("FREE\n").count()), (0, 3));
    assert_eq!(others.join().unwrap(), 2);
}

#[test]
fn i1_a_lock_of_the_output_may_go_to_another_task() {
    let print = || {
        everywhere(|| {
            let lock = stdout().lock();
            spawn_local(move || drop(lock)).join().unwrap();
            spawn_local(|| writeln!(stdout(), "FREE").unwrap()).join().unwrap();
        });
    };
    let Some(child) = program(print) else { return };
    assert_eq!(output_of(child).matches("FREE\n").count(), 3);
}

#[test]
fn i1_a_lock_taken_again_and_again_lets_others_run() {
    let print = || {
        everywhere(|| {
            let lock = stdout().lock();
            let (given_away, other) =
                (spawn_local(move || drop(lock)), spawn_local(|| stdout().write_all(b"OTHER\n").unwrap()));
            let last = (0..1_000).fold(None, |_before, _| Some(stdout().lock()));
            assert!(given_away.is_finished());
            drop(last);
            other.join().unwrap();
        });
    };
    let Some(child) = program(print) else { return };
    assert_eq!(output_of(child).matches("OTHER\n").count(), 3);
}

#[test]
fn i1_a_long_line_is_whole() {
    let line = format!("[{}]", "x".repeat(200_000));
    let print = || everywhere(|| writeln!(stdout(), "{line}").unwrap());
    let Some(child) = program(print) else { return };
    let text = output_of(child);
    assert_eq!(text.matches(&format!("{line}\n")).count(), 3, "of {} bytes", text.len());
}

#[test]
fn t2_a_line_that_was_cut_off_goes_on() {
    let read = || {
        everywhere(|| {
            println!("\nREADY");
            let mut line = String::new();
            while line != "hel" {
                let _elapsed = timeout(ms(1), || stdin().read_line(&mut line));
            }
            println!("CUT OFF");
            stdin().read_line(&mut line).unwrap();
            print!("{line}");
        });
    };
    let Some(mut child) = program(read) else { return };
    let (mut stdin, mut lines) = ends(&mut child);
    for schedulers_left in [2, 1, 0] {
        stdin.write_all(b"hel").unwrap();
        assert_eq!(lines.next().unwrap(), "CUT OFF");
        stdin.write_all(b"lo\n").unwrap();
        assert_eq!(lines.next().unwrap(), "hello");
        if schedulers_left > 0 {
            assert_eq!([lines.next().unwrap(), lines.next().unwrap()], ["", "READY"]);
        }
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn t7_the_output_is_refused_while_unwinding() {
    everywhere(|| {
        while_unwinding(|| {
            for refused in [stdout().write(b"x").unwrap_err(), stdout().flush().unwrap_err()] {
                assert!(is_would_suspend(&refused), "{refused}");
            }
        });
    });
}
