//! The kernel's signal sets, as 64-bit masks with bit `sig - 1`, the way
//! `sigset_t` has them (`include/linux/signal.h`; the same from 5.10 to 7.2).

/// The highest signal number (`_NSIG`).
pub const SIGNAL_MAX: u32 = 64;
/// The last standard signal.
pub const SIGMAX_STANDARD: u32 = 31;
/// The first real-time signal in the kernel's counting (`SIGRTMIN`).
pub const SIGRTMIN: u32 = 32;

pub const SIGHUP: u32 = 1;
pub const SIGINT: u32 = 2;
pub const SIGQUIT: u32 = 3;
pub const SIGILL: u32 = 4;
pub const SIGTRAP: u32 = 5;
pub const SIGABRT: u32 = 6;
pub const SIGBUS: u32 = 7;
pub const SIGFPE: u32 = 8;
pub const SIGKILL: u32 = 9;
pub const SIGSEGV: u32 = 11;
pub const SIGPIPE: u32 = 13;
pub const SIGALRM: u32 = 14;
pub const SIGTERM: u32 = 15;
pub const SIGCHLD: u32 = 17;
pub const SIGCONT: u32 = 18;
pub const SIGSTOP: u32 = 19;
pub const SIGTSTP: u32 = 20;
pub const SIGTTIN: u32 = 21;
pub const SIGTTOU: u32 = 22;
pub const SIGURG: u32 = 23;
pub const SIGXCPU: u32 = 24;
pub const SIGXFSZ: u32 = 25;
pub const SIGVTALRM: u32 = 26;
pub const SIGPROF: u32 = 27;
pub const SIGWINCH: u32 = 28;
pub const SIGIO: u32 = 29;
pub const SIGPWR: u32 = 30;
pub const SIGSYS: u32 = 31;

/// The mask of one signal; 0 for a number outside 1..=64.
#[inline(always)]
pub const fn mask(sig: u32) -> u64 {
    if sig == 0 || sig > SIGNAL_MAX {
        0
    } else {
        1 << (sig - 1)
    }
}

const fn set(signals: &[u32]) -> u64 {
    let mut bits = 0;
    let mut i = 0;
    while i < signals.len() {
        bits |= mask(signals[i]);
        i += 1;
    }
    bits
}

/// `SIG_KERNEL_ONLY_MASK`: no handler, no blocking.
pub const KERNEL_ONLY: u64 = set(&[SIGKILL, SIGSTOP]);
/// `SIG_KERNEL_STOP_MASK`: the default action stops the process.
pub const STOP: u64 = set(&[SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU]);
/// `SIG_KERNEL_IGNORE_MASK`: the default action is to do nothing.
pub const DEFAULT_IGNORE: u64 = set(&[SIGCONT, SIGCHLD, SIGWINCH, SIGURG]);
/// `SIG_KERNEL_COREDUMP_MASK`: the default action ends the process with a core dump.
pub const COREDUMP: u64 = set(&[
    SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGSEGV, SIGBUS, SIGSYS, SIGXCPU, SIGXFSZ,
]);
/// `SYNCHRONOUS_MASK`: what a processor fault or a seccomp filter raises.
pub const SYNCHRONOUS: u64 = set(&[SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS]);

/// Whether `sig` is in `set`.
#[inline(always)]
pub const fn contains(set: u64, sig: u32) -> bool {
    set & mask(sig) != 0
}

const _: () = {
    // The values that the kernel's own headers give for these sets.
    assert!(KERNEL_ONLY == 0x0004_0100);
    assert!(STOP == 0x003c_0000);
    assert!(DEFAULT_IGNORE == 0x0843_0000);
    assert!(mask(0) == 0 && mask(65) == 0 && mask(64) == 1 << 63);
};
