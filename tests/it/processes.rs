//! Rule I5, and of I3, I4, T2, T7, T8 what concerns processes.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::process::ExitStatusExt;

use corro::fs::File;
use corro::process::{Child, Command, Stdio};
use corro::{spawn, spawn_local, timeout, yield_now};

use crate::generator::while_unwinding;
use crate::schedulers::{everywhere, virtually};
use crate::support::{HOUR, cancelled, is_a_cancellation_point, is_would_suspend, ms, waiter};

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn piped(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The state of this process by its number, as `/proc` has it; none if there is no such process.
fn state_of(id: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// Nothing is left of it, not even a zombie. Who reaps it may be a thread.
fn is_reaped(id: u32) {
    while state_of(id).is_some() {
        yield_now();
    }
}

#[test]
fn i5_the_exit_code_and_the_signal_are_seen() {
    everywhere(|| {
        assert!(Command::new("true").status().unwrap().success());
        assert_eq!(sh("exit 7").status().unwrap().code(), Some(7));
        let mut child = sh("kill -9 $$").spawn().unwrap();
        let status = child.wait().unwrap();
        assert_eq!((status.code(), status.signal()), (None, Some(9)));
        assert_eq!(child.wait().unwrap(), status, "it can be asked again");
        assert_eq!(child.try_wait().unwrap(), Some(status));
        child.kill().unwrap();
    });
}

#[test]
fn i5_a_missing_program_is_not_found() {
    everywhere(|| {
        let error = Command::new("there-is-no-such-program").spawn().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error = Command::new("true").current_dir("/no/such/folder").status().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn i5_what_it_is_started_with_arrives() {
    everywhere(|| {
        let output = sh("echo $A$B$HOME; pwd; echo error >&2; cat")
            .env_clear()
            .env("A", "1")
            .envs([("B", "2")])
            .env("HOME", "x")
            .env_remove("HOME")
            .current_dir("/")
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "12\n/\n");
        assert_eq!(output.stderr, b"error\n");
    });
}

#[test]
fn i5_output_takes_only_what_nothing_was_said_of() {
    everywhere(|| {
        let path = std::env::temp_dir().join(format!("corro-said-{}", std::process::id()));
        std::fs::write(&path, "input").unwrap();
        let mut command = sh("cat; echo error >&2; echo out");
        command.stdin(File::open(&path).unwrap()).stderr(Stdio::null());
        let output = command.output().unwrap();
        assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"inputout\n"[..], &b""[..]));
        let output = sh("echo out; echo error >&2").stdout(Stdio::null()).output().unwrap();
        assert_eq!((&output.stdout[..], &output.stderr[..]), (&b""[..], &b"error\n"[..]));
        std::fs::remove_file(&path).unwrap();
    });
}

#[test]
fn i5_output_leaves_the_command_as_it_was() {
    let ours = |fd| std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap();
    everywhere(|| {
        for fd in [1, 2] {
            let mut command = sh("readlink /proc/$$/fd/$1 | grep -qFx \"$2\"");
            command.args(["sh", &fd.to_string()]).arg(ours(fd));
            assert!(!command.output().unwrap().status.success(), "output: {fd} is another than ours");
            assert!(command.status().unwrap().success(), "{fd} is ours again");
        }
    });
}

#[test]
fn i5_an_output_that_is_cut_off_leaves_the_command_as_it_was() {
    let ours = std::fs::read_link("/proc/self/fd/1").unwrap();
    everywhere(|| {
        let mut command = sh("readlink /proc/$$/fd/1 | grep -qFx \"$1\" || exec sleep 1000");
        command.arg("sh").arg(&ours).kill_on_drop(true);
        assert!(timeout(ms(20), || command.output()).is_err(), "its output is another than ours");
        assert!(command.status().unwrap().success());
    });
}

#[test]
fn i1_a_command_tells_what_it_was_given() {
    let mut command = sh("true");
    command.env("A", "1").env_remove("B").current_dir("/");
    assert_eq!((command.get_program(), command.get_current_dir()), ("sh".as_ref(), Some("/".as_ref())));
    assert_eq!(command.get_args().collect::<Vec<_>>(), ["-c", "true"]);
    let variables: Vec<_> = command.get_envs().collect();
    assert_eq!(variables, [("A".as_ref(), Some("1".as_ref())), ("B".as_ref(), None)]);
}

#[test]
fn i5_communicate_moves_ten_megabytes_both_ways() {
    everywhere(|| {
        let input: Vec<u8> = (0..10_000_000_u32).map(|number| (number % 253) as u8).collect();
        let mut child =
            sh("tee /dev/stderr").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let output = child.as_mut().unwrap().communicate(&input).unwrap();
        assert!(output.status.success());
        assert!(output.stdout == input && output.stderr == input, "bytes were lost");
    });
}

#[test]
fn i5_a_child_that_ends_early_is_no_error_for_the_writer() {
    everywhere(|| {
        let input = vec![b'x'; 10_000_000];
        let output = piped("true").spawn().unwrap().communicate(&input).unwrap();
        assert!(output.status.success() && output.stdout.is_empty());
        let mut child = sh("head -c 3").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        assert_eq!(child.communicate(&input).unwrap().stdout, b"xxx");
    });
}

#[test]
fn i5_several_children_at_once() {
    everywhere(|| {
        let children: Vec<_> = (0..20)
            .map(|number| {
                spawn(move || {
                    let output = sh(&format!("read line; echo {number} $line"))
                        .stdin(Stdio::piped())
                        .stdout(Stdio::piped())
                        .spawn()?
                        .communicate(b"in\n")?;
                    Ok::<_, std::io::Error>(String::from_utf8(output.stdout).unwrap())
                })
            })
            .collect();
        for (number, child) in children.into_iter().enumerate() {
            assert_eq!(child.join().unwrap().unwrap(), format!("{number} in\n"));
        }
    });
}

#[test]
fn i5_the_pipes_are_streams() {
    everywhere(|| {
        let mut child = piped("cat").spawn().unwrap();
        let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let reader = spawn_local(move || BufReader::new(stdout).lines().collect::<Result<Vec<_>, _>>());
        for line in ["one", "two", "three"] {
            writeln!(stdin, "{line}").unwrap();
            yield_now();
        }
        drop(stdin);
        assert_eq!(reader.join().unwrap().unwrap(), ["one", "two", "three"]);
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn i5_the_output_of_one_is_the_input_of_another() {
    everywhere(|| {
        let mut first = sh("echo b; echo a").stdout(Stdio::piped()).spawn().unwrap();
        let between = first.stdout.take().unwrap();
        let sorted = Command::new("sort").stdin(between).stdout(Stdio::piped()).spawn().unwrap();
        assert_eq!(sorted.wait_with_output().unwrap().stdout, b"a\nb\n");
        first.wait().unwrap();
    });
}

#[test]
fn i5_a_cancelled_wait_leaves_the_child_alone() {
    everywhere(|| {
        let mut child = piped("cat").spawn().unwrap();
        let (id, stdin) = (child.id(), child.stdin.take());
        let waits = waiter(move || child.wait());
        waits.cancel();
        cancelled(waits);
        // Its `Child` went with the task.
        assert!(state_of(id).is_some_and(|state| state != 'Z'));
        drop(stdin);
        is_reaped(id);
    });
}

#[test]
fn t2_processes_are_cancellation_points() {
    everywhere(|| {
        is_a_cancellation_point("spawn", || Command::new("true").spawn());
        let mut child = Command::new("true").spawn().unwrap();
        is_a_cancellation_point("wait", || child.wait());
        assert!(child.wait().unwrap().success());
        is_a_cancellation_point("wait at its end", || child.wait());
    });
}

#[test]
fn i5_no_zombie_is_left() {
    everywhere(|| {
        // One that has ended before it is dropped, one that ends after that, and one that is killed.
        let mut ended = Command::new("true").spawn().unwrap();
        let (id, ended) = (ended.id(), ended.wait().map(|_| ended).unwrap());
        drop(ended);
        is_reaped(id);
        let mut child = piped("cat").spawn().unwrap();
        let (id, stdin) = (child.id(), child.stdin.take());
        drop(child);
        assert!(state_of(id).is_some());
        drop(stdin);
        is_reaped(id);
        let child = sh("exec sleep 1000").kill_on_drop(true).spawn().unwrap();
        let id = child.id();
        drop(child);
        is_reaped(id);
    });
}

#[test]
fn i5_a_group_is_killed_with_its_children() {
    everywhere(|| {
        let mut child = sh("sleep 1000 & echo $!; wait").process_group(0).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let grandchild: u32 = line.trim().parse().unwrap();
        assert!(state_of(grandchild).is_some());
        child.kill_group().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        // Its zombie is somebody else's; but it does not run.
        while state_of(grandchild).is_some_and(|state| state != 'Z') {
            yield_now();
        }
        child.kill_group().unwrap();
    });
}

#[test]
fn i5_a_group_is_killed_whose_first_process_has_ended() {
    everywhere(|| {
        let mut child = sh("sleep 1000 & echo $!").process_group(0).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let grandchild: u32 = line.trim().parse().unwrap();
        while state_of(child.id()) != Some('Z') {
            yield_now();
        }
        child.kill_group().unwrap();
        while state_of(grandchild).is_some_and(|state| state != 'Z') {
            yield_now();
        }
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn i5_a_child_that_never_reads_is_cut_off() {
    everywhere(|| {
        let mut child = sh("exec sleep 1000").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = vec![0; 1_000_000];
        assert!(timeout(ms(5), || child.communicate(&input)).is_err());
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    });
}

#[test]
fn s6_the_clock_stands_while_a_child_is_awaited() {
    virtually(|| {
        let start = corro::time::now();
        let sleeper = spawn_local(|| corro::sleep(HOUR));
        assert!(sh("sleep 0.01").status().unwrap().success());
        assert!(corro::time::now() - start < HOUR);
        sleeper.cancel();
    });
}

#[test]
fn t7_while_unwinding_waits_are_refused() {
    everywhere(|| {
        spawn(|| {
            // It never reads and never closes anything: a child that answers at once would leave nothing to wait for.
            let mut child = piped("sleep").arg("1000").spawn().unwrap();
            while_unwinding(|| {
                for error in [
                    Command::new("true").spawn().map(drop).unwrap_err(),
                    child.communicate(b"x").map(drop).unwrap_err(),
                ] {
                    assert!(is_would_suspend(&error), "{error}");
                }
            });
            child.kill().unwrap();
            assert_eq!(child.wait().unwrap().signal(), Some(9));
        })
        .join()
        .unwrap();
    });
}

#[test]
fn t8_on_a_plain_thread() {
    let mut child: Child = piped("cat").spawn().unwrap();
    assert_eq!(child.communicate(b"meow").unwrap().stdout, b"meow");
    let mut out = String::new();
    let mut child = sh("echo hello").stdout(Stdio::piped()).spawn().unwrap();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!((out.as_str(), child.wait().unwrap().code()), ("hello\n", Some(0)));
}

#[test]
fn i5_a_thousand_children_one_after_another() {
    let runtime = corro::Runtime::builder().workers(4).build().unwrap();
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    runtime.run(|| {
        assert!(Command::new("true").status().unwrap().success());
        let lanes: Vec<_> = (0..4)
            .map(|_| {
                spawn(|| {
                    (0..250).for_each(|_| assert!(Command::new("true").output().unwrap().status.success()));
                })
            })
            .collect();
        lanes.into_iter().for_each(|lane| lane.join().unwrap());
    });
    drop(runtime);
    // Other tests open and close some, too.
    assert!(descriptors() < 900, "descriptors are left");
}
