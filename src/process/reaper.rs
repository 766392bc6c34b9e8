//! Children that nobody waits for: a thread does, as long as there are any.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// How often it looks for the end of a child that has no `pidfd`.
const LOOK_EACH: Duration = Duration::from_millis(50);

struct Orphan {
    child: Child,
    /// Readable when the child has ended.
    end: Option<OwnedFd>,
}

#[derive(Default)]
struct Reaper {
    orphans: Vec<Orphan>,
    /// What the thread is woken by, while it runs.
    bell: Option<OwnedFd>,
}

static REAPER: Mutex<Reaper> = Mutex::new(Reaper { orphans: Vec::new(), bell: None });

fn lock() -> MutexGuard<'static, Reaper> {
    REAPER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sees to it that this child is waited for.
pub(super) fn reap(child: Child, end: Option<OwnedFd>) {
    let mut reaper = lock();
    reaper.orphans.push(Orphan { child, end });
    match &reaper.bell {
        Some(bell) => {
            let _ = rustix::io::write(bell, &1_u64.to_ne_bytes());
        }
        // Without a thread they are looked at when the next one comes.
        None => {
            if reaper.start().is_err() {
                reaper.look();
            }
        }
    }
}

impl Reaper {
    fn start(&mut self) -> io::Result<()> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let ear = bell.try_clone()?;
        thread::Builder::new().name("corro-reaper".to_owned()).spawn(move || serve(&ear))?;
        self.bell = Some(bell);
        Ok(())
    }

    /// Lets go of those that have ended.
    fn look(&mut self) {
        self.orphans.retain_mut(|orphan| matches!(orphan.child.try_wait(), Ok(None)));
    }
}

/// The thread, until there is no orphan left.
fn serve(bell: &OwnedFd) {
    loop {
        let mut reaper = lock();
        let _ = rustix::io::read(bell, &mut [0; 8]);
        reaper.look();
        if reaper.orphans.is_empty() {
            reaper.bell = None;
            return;
        }
        let ends: io::Result<Vec<_>> =
            reaper.orphans.iter().filter_map(|orphan| orphan.end.as_ref()).map(OwnedFd::try_clone).collect();
        // Without descriptors, or to clone them, it looks from time to time.
        let ends = ends.unwrap_or_default();
        let looks = ends.len() < reaper.orphans.len();
        drop(reaper);
        let mut fds: Vec<_> = ends.iter().chain([bell]).map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        let timeout = Timespec { tv_sec: 0, tv_nsec: LOOK_EACH.subsec_nanos().into() };
        let _ = poll(&mut fds, looks.then_some(&timeout));
    }
}
