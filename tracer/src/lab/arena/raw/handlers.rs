//! Dispositions and masks, and the handlers that a specimen has.

use std::io;
use std::mem::zeroed;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};

use libc::{c_int, c_void};

use super::super::wire::{Caught, Disposition};
use super::{KERNEL_SET, check, raise};

static COUNTS: [AtomicU64; 65] = [const { AtomicU64::new(0) }; 65];
static CODES: [AtomicI32; 65] = [const { AtomicI32::new(0) }; 65];
static SENDERS: [AtomicI32; 65] = [const { AtomicI32::new(0) }; 65];

fn note(signal: c_int, info: *const libc::siginfo_t) {
    let Ok(slot) = usize::try_from(signal) else {
        return;
    };
    if slot >= COUNTS.len() || info.is_null() {
        return;
    }
    // SAFETY: the kernel passes a valid siginfo to an SA_SIGINFO handler, and
    // si_pid only reads bytes that are inside of it whatever the layout is.
    let (code, pid) = unsafe { ((*info).si_code, (*info).si_pid()) };
    CODES[slot].store(code, Relaxed);
    SENDERS[slot].store(pid, Relaxed);
    COUNTS[slot].fetch_add(1, Relaxed);
}

// Both handlers do async-signal-safe things only: atomics, sigaction, raise.
extern "C" fn count(signal: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    note(signal, info);
}

extern "C" fn reraise(signal: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    note(signal, info);
    let _ = dispose(signal, Disposition::Default);
    let _ = raise(signal);
}

/// The handler calls so far.
pub fn caught() -> Vec<Caught> {
    (1..=64)
        .zip(1..)
        .filter_map(|(slot, signal): (usize, i32)| {
            let count = COUNTS[slot].load(Relaxed);
            (count > 0).then(|| Caught {
                signal,
                count,
                si_code: CODES[slot].load(Relaxed),
                si_pid: SENDERS[slot].load(Relaxed),
            })
        })
        .collect()
}

/// Sets every signal that can be set to SIG_DFL, 32 and 33 included, which libc
/// keeps to itself but a parent may have left ignored.
pub fn default_all() -> io::Result<()> {
    // struct sigaction of the kernel; all zeroes is SIG_DFL, no flags, no mask.
    let default = [0_u64; 4];
    for signal in (1..=64).filter(|s| !matches!(*s, libc::SIGKILL | libc::SIGSTOP)) {
        // SAFETY: `default` is as long as the kernel's struct sigaction; no old
        // action is asked for.
        check(unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                ptr::null_mut::<c_void>(),
                KERNEL_SET,
            )
        })?;
    }
    Ok(())
}

/// sigaction(2). Handlers restart system calls.
pub fn dispose(signal: i32, to: Disposition) -> io::Result<()> {
    type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
    let handler = |f: Handler| f as *const () as usize;
    let caught = libc::SA_SIGINFO | libc::SA_RESTART;
    let (action, flags) = match to {
        Disposition::Default => (libc::SIG_DFL, 0),
        Disposition::Ignore => (libc::SIG_IGN, 0),
        Disposition::Handler => (handler(count), caught),
        Disposition::HandlerOnce => (handler(count), caught | libc::SA_RESETHAND),
        Disposition::Reraise => (handler(reraise), caught),
        Disposition::NoChildWait => (libc::SIG_DFL, libc::SA_NOCLDWAIT),
    };
    // SAFETY: sigaction is plain data, for which all zeroes is a valid value
    // (empty mask, no restorer).
    let mut new: libc::sigaction = unsafe { zeroed() };
    new.sa_sigaction = action;
    new.sa_flags = flags;
    // SAFETY: `new` is a complete sigaction; its handler has the type that
    // SA_SIGINFO asks for and is async-signal-safe.
    check(unsafe { libc::sigaction(signal, &new, ptr::null_mut()) }.into()).map(drop)
}

/// Sets the calling thread's mask.
pub fn set_mask(mask: u64) -> io::Result<()> {
    // The bare system call: libc's keeps 32 and 33 to itself.
    // SAFETY: `mask` is KERNEL_SET readable bytes; no old set is asked for.
    check(unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const mask,
            ptr::null_mut::<u64>(),
            KERNEL_SET,
        )
    })
    .map(drop)
}
