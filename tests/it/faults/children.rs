//! Rule I5: children that are killed while somebody deals with them.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::process::ExitStatusExt;

use corro::process::{Child, Command, Stdio};
use corro::spawn;
use rustix::process::{Pid, Signal, kill_process};

use super::cleanly;
use crate::support::{waiter, yields};

/// A child with pipes that says "begins" and then does what the script says.
fn child(script: &str) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("echo begins; {script}")]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
}

fn kill(id: u32) {
    kill_process(Pid::from_raw(id.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn i5_a_killed_child_is_the_end_of_its_output() {
    cleanly(|| {
        let mut child = child("exec sleep 1000");
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let reader = waiter(move || (output.read(&mut [0; 9]).unwrap(), output.read(&mut [0; 9]).unwrap()));
        let id = child.id();
        let waits = waiter(move || (child.wait().unwrap(), child));
        yields(5);
        assert!(!reader.is_finished() && !waits.is_finished());
        kill(id);
        assert_eq!((line.as_str(), reader.join().unwrap()), ("begins\n", (0, 0)));
        let (status, mut child) = waits.join().unwrap();
        assert_eq!((status.signal(), status.code()), (Some(9), None));
        assert_eq!(child.wait().unwrap(), status);
    });
}

#[test]
fn i5_what_a_killed_child_wrote_before_is_there() {
    cleanly(|| {
        // It writes more than the pipe takes, and is killed in the middle.
        let mut child = child("exec cat /dev/zero");
        let mut output = child.stdout.take().unwrap();
        let mut text = [0; 7];
        output.read_exact(&mut text).unwrap();
        child.kill().unwrap();
        let mut rest = Vec::new();
        output.read_to_end(&mut rest).unwrap();
        assert!(&text == b"begins\n" && rest.iter().all(|&byte| byte == 0));
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    });
}

#[test]
fn i5_communicate_with_a_child_that_is_killed() {
    cleanly(|| {
        let mut child = child("exec sleep 1000");
        let id = child.id();
        let input = vec![7; 1_000_000];
        let communicates = waiter(move || child.communicate(&input));
        yields(10);
        assert!(!communicates.is_finished(), "it reads nothing and goes on");
        kill(id);
        let output = communicates.join().unwrap().unwrap();
        assert_eq!(output.status.signal(), Some(9));
        assert!(output.stdout.is_empty() || output.stdout == b"begins\n");
    });
}

#[test]
fn i5_a_write_to_a_killed_child_is_a_broken_pipe() {
    cleanly(|| {
        let mut child = child("exec sleep 1000");
        let mut stdin = child.stdin.take().unwrap();
        let writer = spawn(move || stdin.write_all(&vec![7; 1_000_000]).unwrap_err().kind());
        yields(10);
        assert!(!writer.is_finished(), "the pipe takes less");
        child.kill().unwrap();
        assert_eq!(writer.join().unwrap(), ErrorKind::BrokenPipe);
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    });
}

#[test]
fn i5_killed_children_leave_no_zombies() {
    cleanly(|| {
        let ids: Vec<_> = (0..20).map(|_| child("exec sleep 1000").id()).collect();
        for id in ids {
            // Dropped means killed; somebody else waits for their end.
            super::until("a zombie is left", || !std::fs::exists(format!("/proc/{id}")).unwrap());
        }
    });
}
