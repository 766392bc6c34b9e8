//! The report of a stack overflow: who overflowed, how large the stack was, which setting to raise.
//!
//! A fault in the guard page of the current coroutine ends the process with that report. Every other fault goes
//! to the handler that was there before (the standard library's, which reports overflows of thread stacks).
//!
//! The handler runs on the thread's alternate signal stack, since the ordinary one is used up. It reads plain
//! memory of the thread that faulted, formats into a buffer and writes with `write(2)`: nothing that a signal
//! handler must not do.

use std::cell::Cell;
use std::ffi::c_int;
use std::fmt::{self, Write};
use std::sync::OnceLock;
use std::{mem, ptr};

use super::{Context, Kind, chain, slab};

/// Bytes of the alternate signal stack of a thread that has none.
const SIGNAL_STACK: usize = 64 * 1024;

/// Makes sure that this thread reports overflows: the handler is installed and has a stack to run on.
#[inline]
pub(crate) fn guard_thread() {
    thread_local! {
        static GUARDED: Cell<bool> = const { Cell::new(false) };
    }
    if !GUARDED.get() {
        GUARDED.set(true);
        install();
        give_signal_stack();
    }
}

/// What handled each signal before, to pass other faults on.
struct Previous {
    segv: libc::sigaction,
    bus: libc::sigaction,
}

static PREVIOUS: OnceLock<Previous> = OnceLock::new();

#[cold]
fn install() {
    PREVIOUS.get_or_init(|| Previous { segv: take_over(libc::SIGSEGV), bus: take_over(libc::SIGBUS) });
}

fn take_over(signal: c_int) -> libc::sigaction {
    // SAFETY: `sigaction` is plain data, for which zeroes are valid; both pointers are to locals; the handler is
    // safe to run in a signal (see the head of this file).
    unsafe {
        let mut new: libc::sigaction = mem::zeroed();
        new.sa_sigaction = on_fault as extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize;
        new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        let mut old: libc::sigaction = mem::zeroed();
        libc::sigaction(signal, &new, &mut old);
        old
    }
}

/// Gives the thread an alternate signal stack if it has none. The standard library gives one to the main thread
/// and to those that it makes; a thread made by C code has none.
#[cold]
fn give_signal_stack() {
    // SAFETY: `stack_t` is plain data; both calls get pointers to locals. The new stack is leaked, so it outlives
    // the thread: at most one per thread that C code made.
    unsafe {
        let mut now: libc::stack_t = mem::zeroed();
        if libc::sigaltstack(ptr::null(), &mut now) == 0 && now.ss_flags & libc::SS_DISABLE != 0 {
            let memory = Vec::leak(vec![0_u8; SIGNAL_STACK]);
            let new = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: SIGNAL_STACK };
            libc::sigaltstack(&new, ptr::null_mut());
        }
    }
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, ucontext: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo; for these signals it holds an address.
    let address = unsafe { (*info).si_addr() } as usize;
    let hit = chain().next().filter(|context| (0..slab::PAGE).contains(&address.wrapping_sub(context.guard.get())));
    match hit {
        Some(context) => report(context),
        None => pass_on(signal, info, ucontext),
    }
}

fn report(context: &Context) -> ! {
    let mut text = Buffer { bytes: [0; 512], len: 0 };
    let task = chain().find(|context| context.kind == Kind::Task);
    // The buffer takes what fits and never fails.
    let _ = describe(&mut text, context, task);
    // SAFETY: writes the filled part of a local buffer to stderr, then ends the process.
    unsafe {
        libc::write(libc::STDERR_FILENO, text.bytes.as_ptr().cast(), text.len);
        libc::abort()
    }
}

fn describe(out: &mut impl Write, context: &Context, task: Option<&Context>) -> fmt::Result {
    write!(out, "\ncorro: stack overflow in ")?;
    match (context.kind, task) {
        (Kind::Generator, None) => write!(out, "a generator")?,
        (Kind::Generator, Some(task)) => {
            write!(out, "a generator inside ")?;
            name(out, task)?;
        }
        (Kind::Task, _) => name(out, context)?,
    }
    let bytes = context.stack_size.get();
    let setting = match context.kind {
        Kind::Generator => "make it with `Generator::with_stack_size`",
        Kind::Task => "raise `stack_size` of `task::Builder`, `event_loop::Builder` or `runtime::Builder`",
    };
    writeln!(out, ": its stack of {bytes} bytes is used up; {setting}, or recurse less")
}

fn name(out: &mut impl Write, task: &Context) -> fmt::Result {
    write!(out, "task ")?;
    if let Some(name) = task.name {
        // SAFETY: the name lies in the task that owns the context, which runs now.
        write!(out, "'{:.64}' ", unsafe { name.as_ref() })?;
    }
    write!(out, "#{}", task.id)
}

/// Hands a fault that is none of ours to the handler that was there before.
fn pass_on(signal: c_int, info: *mut libc::siginfo_t, ucontext: *mut libc::c_void) {
    type Action = extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void);
    type Plain = extern "C" fn(c_int);
    let previous = PREVIOUS.get().map(|all| if signal == libc::SIGBUS { &all.bus } else { &all.segv });
    match previous {
        Some(old) if old.sa_sigaction != libc::SIG_DFL && old.sa_sigaction != libc::SIG_IGN => {
            // SAFETY: the kernel gave us this address as that of the former handler, of the kind its flags tell.
            unsafe {
                if old.sa_flags & libc::SA_SIGINFO != 0 {
                    mem::transmute::<usize, Action>(old.sa_sigaction)(signal, info, ucontext);
                } else {
                    mem::transmute::<usize, Plain>(old.sa_sigaction)(signal);
                }
            }
        }
        // SAFETY: with the default action restored the instruction faults again and ends the process as usual.
        _ => unsafe {
            libc::signal(signal, libc::SIG_DFL);
        },
    }
}

/// Text without allocation. What does not fit is cut.
struct Buffer {
    bytes: [u8; 512],
    len: usize,
}

impl Write for Buffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.bytes[self.len..];
        let taken = text.len().min(room.len());
        room[..taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken;
        Ok(())
    }
}
