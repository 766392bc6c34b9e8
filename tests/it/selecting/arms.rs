//! What each kind of arm does, at once and after a wait, and what the macro allows.

use std::cell::Cell;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use corro::channel::{self, Receiver, RecvError, SendError, Sender};
use corro::{JoinHandle, scope, select, spawn, spawn_local, time, yield_now};

use crate::schedulers::{everywhere, virtually};
use crate::support::{Drops, HOUR, ms, waiter};

/// Channels that nothing ever comes from, and that nothing can be sent to.
pub(super) fn idle() -> (Sender<u32>, Receiver<u32>) {
    channel::bounded(0)
}

pub(super) fn sockets() -> (UnixStream, UnixStream) {
    UnixStream::pair().expect("a pair of sockets")
}

/// Fills the socket until it takes no more.
fn fill(socket: &mut UnixStream) {
    socket.set_nonblocking(true).unwrap();
    while socket.write(&[0; 4096]).is_ok() {}
}

/// Empties what [`fill`] has filled.
fn drain(socket: &mut UnixStream) {
    socket.set_nonblocking(true).unwrap();
    while socket.read(&mut [0; 65536]).is_ok() {}
}

#[test]
fn c3_recv_takes_a_message_at_once_and_after_a_wait() {
    everywhere(|| {
        let ((tx, rx), (_held, never)) = (channel::bounded(1), idle());
        tx.send(1).unwrap();
        let one = || {
            select! {
                recv(never) -> _ => panic!("nothing was sent"),
                recv(rx) -> message => message,
            }
        };
        assert_eq!(one(), Ok(1));
        let sender = spawn(move || tx.send(2).unwrap());
        assert_eq!(one(), Ok(2));
        sender.join().unwrap();
        assert_eq!(one(), Err(RecvError), "the end of the channel is an answer, too");
    });
}

#[test]
fn c3_recv_takes_a_oneshot() {
    everywhere(|| {
        let (tx, rx) = channel::oneshot();
        let sender = spawn(move || tx.send("x").unwrap());
        let got = select! {
            recv(rx) -> message => message,
            after(HOUR) => panic!("the message was not seen"),
        };
        assert_eq!(got, Ok("x"));
        sender.join().unwrap();
    });
}

#[test]
fn c3_send_gives_a_message_at_once_and_after_a_wait() {
    everywhere(|| {
        let ((tx, rx), (full, _held)) = (channel::bounded(1), idle());
        let one = |value: u32| {
            select! {
                send(full, 0) -> _ => panic!("nobody receives"),
                send(tx, value) -> result => result,
            }
        };
        assert_eq!(one(1), Ok(()));
        let receiver = spawn(move || (rx.recv(), rx.recv()));
        assert_eq!(one(2), Ok(()));
        assert_eq!(receiver.join().unwrap(), (Ok(1), Ok(2)));
        assert_eq!(one(3), Err(SendError(3)), "the value comes back");
    });
}

#[test]
fn c3_join_takes_a_result_at_once_and_after_a_wait() {
    everywhere(|| {
        let (_held, never) = idle();
        let (go, wait) = channel::bounded::<()>(0);
        let one = |handle: &mut JoinHandle<u32>| {
            select! {
                recv(never) -> _ => panic!("nothing was sent"),
                join(handle) -> result => result,
            }
        };
        let mut ended = spawn(|| 1);
        while !ended.is_finished() {
            yield_now();
        }
        assert_eq!(one(&mut ended).unwrap(), 1);
        let mut later = spawn(move || wait.recv().map_or(0, |()| 2));
        let opener = spawn(move || go.send(()).unwrap());
        assert_eq!(one(&mut later).unwrap(), 2);
        opener.join().unwrap();
        let mut panics = spawn(|| std::panic::resume_unwind(Box::new("no")));
        assert!(one(&mut panics).unwrap_err().is_panic());
    });
}

#[test]
fn c3_join_takes_the_handle_of_a_scope() {
    everywhere(|| {
        let text = String::from("borrowed");
        scope(|s| {
            let mut handle = s.spawn(|| text.len());
            let length = select! {
                join(&mut handle) -> length => length.unwrap(),
                after(HOUR) => 0,
            };
            assert_eq!(length, 8);
        });
    });
}

#[test]
fn c3_readable_and_writable_at_once_and_after_a_wait() {
    everywhere(|| {
        let (mut here, mut there) = sockets();
        let (_held, never) = idle();
        let writable = |socket: &UnixStream| {
            select! {
                recv(never) -> _ => panic!("nothing was sent"),
                writable(socket) -> result => result.unwrap(),
            }
        };
        let readable = |socket: &UnixStream| {
            select! {
                recv(never) -> _ => panic!("nothing was sent"),
                readable(socket) -> result => result.unwrap(),
            }
        };
        writable(&here);
        fill(&mut here);
        let drainer = waiter(move || {
            drain(&mut there);
            there
        });
        writable(&here);
        let mut there = drainer.join().unwrap();
        here.set_nonblocking(false).unwrap();
        here.write_all(b"x").unwrap();
        readable(&there);
        drain(&mut there);
        let writer = spawn(move || {
            here.write_all(b"y").unwrap();
            here
        });
        readable(&there);
        drop(writer.join().unwrap());
        // Its end is closed: a read would not wait.
        readable(&there);
    });
}

#[test]
fn c3_the_binding_of_a_descriptor_may_be_left_out() {
    everywhere(|| {
        let (here, _there) = sockets();
        let which = select! {
            readable(&here) => "readable",
            writable(&here) => "writable",
        };
        assert_eq!(which, "writable");
    });
}

/// epoll takes no regular files; they are always ready.
#[test]
fn c3_a_regular_file_is_ready_at_once() {
    everywhere(|| {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let (_held, never) = idle();
        select! {
            readable(&file) -> result => result.unwrap(),
            recv(never) -> _ => panic!("nothing was sent"),
        }
    });
}

#[test]
fn c3_times_come_in_order() {
    virtually(|| {
        let start = time::now();
        let (_held, never) = idle();
        let first = select! {
            after(ms(30)) => 30,
            at(start + ms(10)) => 10,
            after(ms(20)) => 20,
            recv(never) -> _ => 0,
        };
        assert_eq!((first, time::now() - start), (10, ms(10)));
        let past = select! {
            at(start) => "past",
            recv(never) -> _ => "never",
        };
        assert_eq!((past, time::now() - start), ("past", ms(10)));
        let zero = select! {
            after(Duration::ZERO) => "zero",
            recv(never) -> _ => "never",
        };
        assert_eq!(zero, "zero");
        let far = select! {
            after(Duration::MAX) => "far",
            after(ms(5)) => "near",
        };
        assert_eq!((far, time::now() - start), ("near", ms(15)), "a time beyond all clocks never comes");
    });
}

#[test]
fn c3_default_is_taken_if_nothing_else_can_be_done() {
    everywhere(|| {
        let (tx, rx) = channel::bounded(1);
        let mut handle = spawn(corro::checkpoint);
        let (socket, _peer) = sockets();
        let one = || {
            select! {
                recv(rx) -> message => message.unwrap(),
                readable(&socket) => unreachable!("nothing was written"),
                default => 0,
            }
        };
        assert_eq!(one(), 0);
        tx.send(1).unwrap();
        assert_eq!(one(), 1);
        let full = (tx.send(2), tx.try_send(3).is_err());
        let sent = select! {
            send(tx, 4) -> _ => true,
            default => false,
        };
        assert_eq!((full, sent), ((Ok(()), true), false));
        while !handle.is_finished() {
            yield_now();
        }
        let ended = select! {
            join(&mut handle) -> result => result.is_ok(),
            default => false,
        };
        assert!(ended);
        assert_eq!(select! { default => 7 }, 7, "alone it is allowed");
    });
}

#[test]
fn c3_the_losers_value_is_dropped_once() {
    everywhere(|| {
        let drops = Drops::default();
        let ((tx, rx), (other, _held)) = (channel::bounded(1), channel::bounded(0));
        select! {
            send(tx, drops.value()) -> result => result.unwrap(),
            send(other, drops.value()) -> _ => panic!("nobody receives"),
        }
        assert_eq!(drops.count(), 1, "the loser's");
        drop(rx.recv().unwrap());
        assert_eq!(drops.count(), 2, "the winner's");
        // The same after a wait.
        let receiver = spawn_local(move || rx.recv().unwrap());
        tx.send(drops.value()).unwrap();
        select! {
            send(tx, drops.value()) -> result => result.unwrap(),
            send(other, drops.value()) -> _ => panic!("nobody receives"),
        }
        drop(receiver.join().unwrap());
        drop((tx, other));
        assert_eq!(drops.count(), 5);
        let (tx, rx) = channel::bounded(0);
        drop(rx);
        select! { send(tx, drops.value()) -> result => assert!(result.is_err()) }
        assert_eq!(drops.count(), 6, "what came back");
    });
}

#[test]
fn c3_operands_are_evaluated_once_in_the_order_of_writing() {
    everywhere(|| {
        let (tx, rx) = channel::bounded(0);
        let order = Cell::new(Vec::new());
        let note = |what| {
            let mut notes = order.take();
            notes.push(what);
            order.set(notes);
        };
        let receiver = spawn(move || rx.recv());
        let (_held, never) = idle();
        select! {
            recv({ note("recv"); &never }) -> _ => panic!("nothing was sent"),
            send({ note("sender"); &tx }, { note("value"); 5 }) -> result => result.unwrap(),
            after({ note("after"); HOUR }) => panic!("an hour has passed"),
        }
        assert_eq!(receiver.join().unwrap(), Ok(5));
        assert_eq!(order.take(), ["recv", "sender", "value", "after"]);
    });
}

#[test]
fn c3_a_handle_that_loses_stays_usable() {
    everywhere(|| {
        let (go, wait) = channel::bounded(0);
        let mut handle = spawn(move || wait.recv().map(|()| 9));
        for _ in 0..3 {
            let (tx, rx) = channel::bounded(0);
            let sender = spawn(move || tx.send(1).unwrap());
            select! {
                join(&mut handle) -> _ => panic!("it waits"),
                recv(rx) -> message => assert_eq!(message, Ok(1)),
            }
            sender.join().unwrap();
        }
        go.send(()).unwrap();
        assert_eq!(handle.join().unwrap(), Ok(9));
    });
}

/// What a body does with the function around it.
#[test]
fn c3_bodies_break_continue_return_and_fail() {
    fn run(rx: &Receiver<Option<u32>>) -> Result<u32, RecvError> {
        let mut sum = 0;
        loop {
            select! {
                recv(rx) -> message => match message? {
                    Some(0) => continue,
                    Some(99) => return Ok(99),
                    Some(number) => sum += number,
                    None => break,
                },
            }
        }
        Ok(sum)
    }

    everywhere(|| {
        let (tx, rx) = channel::unbounded();
        let send = |messages: &[Option<u32>]| messages.iter().for_each(|&message| tx.send(message).unwrap());
        send(&[Some(1), Some(0), Some(2), None]);
        assert_eq!(run(&rx), Ok(3));
        send(&[Some(1), Some(99)]);
        assert_eq!(run(&rx), Ok(99));
        drop(tx);
        assert_eq!(run(&rx), Err(RecvError));
    });
}

#[test]
fn c3_the_macro_takes_what_a_match_takes() {
    everywhere(|| {
        let (tx, rx) = channel::bounded(4);
        // Blocks without commas, patterns, a last arm without a comma.
        tx.send((1, "a")).unwrap();
        let text = select! {
            recv(rx) -> message => {
                let (number, text) = message.unwrap();
                assert_eq!(number, 1);
                text
            }
            default => { "none" }
        };
        assert_eq!(text, "a");
        // Arms may use what is around, also mutably, each for itself; one may stand in another.
        let mut log = Vec::new();
        for _ in 0..2 {
            select! {
                recv(rx) -> message => {
                    log.push(message.unwrap().0);
                }
                default => {
                    log.push(0);
                    select! {
                        send(tx, (3, "c")) -> _result => log.push(1),
                        default => unreachable!(),
                    }
                }
            };
        }
        assert_eq!(log, [0, 1, 3]);
        // References, temporaries and owned ends.
        let ends = [(tx, rx)];
        ends[0].0.send((4, "d")).unwrap();
        let number = select! { recv(ends.first().unwrap().1) -> message => message.unwrap().0 };
        assert_eq!(number, 4);
    });
}

#[test]
fn t8_a_plain_thread_selects() {
    let ((tx, rx), (_held, never)) = (channel::bounded(0), idle());
    let (mut here, there) = sockets();
    std::thread::scope(|s| {
        let selector = s.spawn(|| {
            let mut order = Vec::new();
            for _ in 0..3 {
                order.push(select! {
                    recv(rx) -> message => message.unwrap(),
                    recv(never) -> _ => panic!("nothing was sent"),
                    readable(&there) => {
                        (&there).read_exact(&mut [0]).unwrap();
                        "readable"
                    },
                    after(HOUR) => panic!("an hour has passed"),
                });
            }
            order
        });
        tx.send("message").unwrap();
        here.write_all(b"x").unwrap();
        // Taken only after the byte was read or at the same time, in any order; both are taken.
        tx.send("message").unwrap();
        let mut order = selector.join().unwrap();
        order.sort_unstable();
        assert_eq!(order, ["message", "message", "readable"]);
    });
    let start = std::time::Instant::now();
    select! {
        recv(never) -> _ => panic!("nothing was sent"),
        after(ms(2)) => assert!(start.elapsed() >= ms(2)),
    }
}

#[test]
fn t8_tasks_and_threads_select_against_each_other() {
    everywhere(|| {
        const COUNT: u32 = 200;
        let ((tx, rx), (back, answers)) = (channel::bounded(0), channel::bounded(0));
        let thread = std::thread::spawn(move || {
            for _ in 0..COUNT {
                let number: u32 = select! { recv(rx) -> number => number.unwrap() };
                select! { send(back, number + 1) -> result => result.unwrap() }
            }
        });
        for number in 0..COUNT {
            select! { send(tx, number) -> result => result.unwrap() }
            select! { recv(answers) -> answer => assert_eq!(answer, Ok(number + 1)) }
        }
        thread.join().unwrap();
    });
}
