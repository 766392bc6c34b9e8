//! Rule I6. Each test has a signal of its own, since signals are those of the whole process.

use corro::signal::{Signals, ctrl_c};
use corro::{sleep, spawn, spawn_local};
use signal_hook::consts::{SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::low_level::raise;

use crate::generator::child::isolated;
use crate::schedulers::everywhere;
use crate::support::{HOUR, cancelled, waiter};

#[test]
fn i6_a_signal_is_a_value() {
    everywhere(|| {
        let mut signals = Signals::new(&[SIGUSR1]).unwrap();
        assert_eq!(signals.try_wait(), None);
        let waits = spawn_local(move || (signals.wait(), signals.next()));
        corro::yield_now();
        raise(SIGUSR1).unwrap();
        while !waits.is_finished() {
            raise(SIGUSR1).unwrap();
            corro::yield_now();
        }
        assert_eq!(waits.join().unwrap(), (SIGUSR1, Some(SIGUSR1)));
    });
}

#[test]
fn i6_several_do_not_hide_one_another() {
    everywhere(|| {
        let mut signals = Signals::new(&[SIGUSR2, SIGHUP, SIGWINCH]).unwrap();
        let mut others = Signals::new(&[SIGHUP]).unwrap();
        for signal in [SIGHUP, SIGUSR2, SIGWINCH] {
            raise(signal).unwrap();
        }
        let mut came = [signals.wait(), signals.wait(), signals.wait()];
        came.sort_unstable();
        assert_eq!(came, [SIGHUP, SIGUSR2, SIGWINCH]);
        assert_eq!((signals.try_wait(), others.wait()), (None, SIGHUP), "each gets its own");
    });
}

#[test]
fn i6_a_signal_that_is_named_twice_comes_once() {
    isolated(|| {
        corro::run(|| {
            let mut signals = Signals::new(&[SIGUSR1, SIGUSR2, SIGUSR1]).unwrap();
            raise(SIGUSR1).unwrap();
            assert_eq!([signals.try_wait(), signals.try_wait()], [Some(SIGUSR1), None]);
            raise(SIGUSR2).unwrap();
            assert_eq!([signals.try_wait(), signals.try_wait()], [Some(SIGUSR2), None]);
        });
    });
}

#[test]
fn i6_a_cancelled_wait_loses_none() {
    isolated(|| {
        corro::run(|| {
            let mut signals = Signals::new(&[SIGTERM]).unwrap();
            let outcome = corro::timeout(crate::support::ms(1), || signals.wait());
            assert!(outcome.is_err());
            raise(SIGTERM).unwrap();
            assert_eq!(signals.wait(), SIGTERM);
        });
    });
}

#[test]
fn i6_ctrl_c_is_waited_for() {
    isolated(|| {
        corro::run(|| {
            let server = spawn(|| sleep(HOUR));
            let stops = waiter(ctrl_c);
            raise(SIGINT).unwrap();
            stops.join().unwrap().unwrap();
            server.cancel();
            cancelled(server);
        });
    });
}

#[test]
fn i6_what_cannot_be_caught_is_refused() {
    let error = Signals::new(&[SIGKILL]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn t8_signals_on_a_plain_thread() {
    isolated(|| {
        let mut signals = Signals::new(&[SIGTERM, SIGHUP]).unwrap();
        raise(SIGHUP).unwrap();
        assert_eq!(signals.wait(), SIGHUP);
        let waits = std::thread::spawn(move || signals.wait());
        raise(SIGTERM).unwrap();
        assert_eq!(waits.join().unwrap(), SIGTERM);
    });
}
