//! The system calls that neither std nor nix offers in the form needed here,
//! mostly because both know signals 1..31 only; each behind a safe function.
//!
//! The only module of the arena with `unsafe` in it.

use std::ffi::CStr;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::ptr;

use libc::{c_int, c_long, c_void};

mod handlers;

pub use handlers::{caught, default_all, dispose, set_mask};

/// The kernel's sigset is 64 bits, whatever libc's is.
const KERNEL_SET: usize = size_of::<u64>();

/// What system calls return: -1 and errno, or a result.
fn check(result: c_long) -> io::Result<i64> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// rt_sigtimedwait(2); `Ok(0)` when the time is over.
pub fn sigtimedwait(mask: u64, millis: u64) -> io::Result<i32> {
    let time = timespec(millis);
    // SAFETY: `mask` is KERNEL_SET readable bytes, `time` a timespec, and no
    // siginfo is asked for.
    let result = check(unsafe {
        libc::syscall(
            libc::SYS_rt_sigtimedwait,
            &raw const mask,
            ptr::null_mut::<libc::siginfo_t>(),
            &raw const time,
            KERNEL_SET,
        )
    });
    match result {
        Ok(signal) => Ok(signal as i32),
        Err(e) if e.raw_os_error() == Some(libc::EAGAIN) => Ok(0),
        Err(e) => Err(e),
    }
}

fn timespec(millis: u64) -> libc::timespec {
    libc::timespec {
        tv_sec: (millis / 1000) as libc::time_t,
        tv_nsec: (millis % 1000 * 1_000_000) as c_long,
    }
}

/// signalfd4(2), close-on-exec.
pub fn signalfd(mask: u64) -> io::Result<OwnedFd> {
    // SAFETY: `mask` is KERNEL_SET readable bytes.
    let fd = check(unsafe {
        libc::syscall(
            libc::SYS_signalfd4,
            -1,
            &raw const mask,
            KERNEL_SET,
            libc::SFD_CLOEXEC,
        )
    })?;
    // SAFETY: the kernel just made this descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// kill(2), any signal number.
pub fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::kill(pid, signal) }.into()).map(drop)
}

/// tgkill(2).
pub fn tgkill(tgid: i32, tid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::syscall(libc::SYS_tgkill, tgid, tid, signal) }).map(drop)
}

/// raise(3), as a tgkill(2) to the calling thread.
pub fn raise(signal: i32) -> io::Result<()> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::raise(signal) }.into()).map(drop)
}

/// rt_sigqueueinfo(2), or rt_tgsigqueueinfo(2) with a `tid`.
pub fn queue(pid: i32, tid: Option<i32>, signal: i32, code: i32) -> io::Result<()> {
    // SAFETY: siginfo_t is plain data, for which all zeroes is a valid value.
    let mut info: libc::siginfo_t = unsafe { zeroed() };
    info.si_signo = signal;
    info.si_code = code;
    // si_pid and si_uid stay 0: the kernel takes them from the caller's buffer
    // as they are, and it is si_code that this is about.
    let info = &raw const info;
    // SAFETY: `info` points to a whole siginfo_t.
    check(unsafe {
        match tid {
            None => libc::syscall(libc::SYS_rt_sigqueueinfo, pid, signal, info),
            Some(tid) => libc::syscall(libc::SYS_rt_tgsigqueueinfo, pid, tid, signal, info),
        }
    })
    .map(drop)
}

/// pidfd_open(2).
pub fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers.
    let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: the kernel just made this descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// pidfd_send_signal(2) without a siginfo. Also takes a `/proc/PID` directory.
pub fn pidfd_send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    // SAFETY: no siginfo is passed.
    check(unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            ptr::null::<libc::siginfo_t>(),
            0,
        )
    })
    .map(drop)
}

/// Makes the reading end of a pipe send a signal to this process when there is
/// something to read (F_SETOWN, F_SETSIG, O_ASYNC). 0 is the plain SIGIO.
pub fn notify_readable(fd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    /// fcntl(2); libc has it for few targets.
    const F_SETSIG: c_int = 10;
    let set = |command, argument: c_int| {
        // SAFETY: these commands take a number.
        check(unsafe { libc::fcntl(fd.as_raw_fd(), command, argument) }.into()).map(drop)
    };
    set(libc::F_SETOWN, std::process::id() as c_int)?;
    set(F_SETSIG, signal)?;
    set(libc::F_SETFL, libc::O_ASYNC)
}

/// request_key(2) of type `user` into the process keyring, with a callout.
pub fn request_key(description: &CStr) -> io::Result<()> {
    // SAFETY: three strings that end in NUL, and a number.
    check(unsafe {
        libc::syscall(
            libc::SYS_request_key,
            c"user".as_ptr(),
            description.as_ptr(),
            c"sigwhy".as_ptr(),
            libc::KEY_SPEC_PROCESS_KEYRING,
        )
    })
    .map(drop)
}

/// One shot of ITIMER_REAL.
pub fn alarm(millis: u64) -> io::Result<()> {
    let new = libc::itimerval {
        it_interval: libc::timeval {
            tv_sec: 0,
            tv_usec: 0,
        },
        it_value: libc::timeval {
            tv_sec: (millis / 1000) as libc::time_t,
            tv_usec: (millis % 1000 * 1000) as libc::suseconds_t,
        },
    };
    // SAFETY: `new` is a whole itimerval; no old value is asked for.
    check(unsafe { libc::setitimer(libc::ITIMER_REAL, &new, ptr::null_mut()) }.into()).map(drop)
}

/// One shot of a POSIX timer that sends `signal` to the process.
pub fn timer(signal: i32, millis: u64) -> io::Result<()> {
    // SAFETY: sigevent is plain data, for which all zeroes is a valid value.
    let mut event: libc::sigevent = unsafe { zeroed() };
    event.sigev_notify = libc::SIGEV_SIGNAL;
    event.sigev_signo = signal;
    let mut id: libc::timer_t = ptr::null_mut();
    // SAFETY: `event` is a whole sigevent and `id` takes the result.
    check(unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut id) }.into())?;
    let new = libc::itimerspec {
        it_interval: timespec(0),
        it_value: timespec(millis),
    };
    // SAFETY: `id` is the timer just made, `new` a whole itimerspec. The timer
    // lives as long as the process does.
    check(unsafe { libc::timer_settime(id, 0, &new, ptr::null_mut()) }.into()).map(drop)
}

/// PR_SET_PDEATHSIG.
pub fn parent_death(signal: i32) -> io::Result<()> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal as libc::c_ulong, 0, 0, 0) }.into())
        .map(drop)
}

/// Lets seccomp kill the process at its next getppid(2), then calls it.
/// Returns only if that failed.
pub fn seccomp_kill() -> io::Result<()> {
    // The offset of `nr` in struct seccomp_data is 0.
    let step = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let mut filter = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            0,
            1,
            libc::SYS_getppid as u32,
        ),
        step(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_KILL_PROCESS,
        ),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: takes no pointers.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }.into())?;
    let mode = libc::SECCOMP_MODE_FILTER as libc::c_ulong;
    // SAFETY: `program` points to `filter`, which outlives the call.
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
    check(set.into())?;
    // SAFETY: takes no pointers.
    check(unsafe { libc::syscall(libc::SYS_getppid) }).map(drop)
}

/// Writes to the zero page. Does not return unless somebody mapped it.
pub fn fault() {
    // An address that the compiler cannot see is null: it would be free to
    // leave the write out.
    let address: usize = std::hint::black_box(8);
    // SAFETY: none, on purpose: this process exists to be killed by this write,
    // and `vm.mmap_min_addr` keeps anything from being mapped there.
    unsafe { ptr::write_volatile(address as *mut u8, 1) };
}

/// abort(3).
pub fn abort() -> ! {
    // SAFETY: ends the process; takes nothing.
    unsafe { libc::abort() }
}

/// Ends the calling thread only; nothing of it is dropped.
pub fn exit_thread() -> ! {
    // SAFETY: takes no pointers. The stack stays mapped for whoever borrows
    // from it, which nobody does: the caller gave everything away.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    unreachable!("exit(2) returned")
}

/// ptrace(2) with plain numbers.
pub fn ptrace(request: PtraceCall, pid: i32) -> io::Result<()> {
    let (request, data) = match request {
        PtraceCall::Seize { options } => (libc::PTRACE_SEIZE, options as usize),
        PtraceCall::Attach => (libc::PTRACE_ATTACH, 0),
        PtraceCall::SetOptions { options } => (libc::PTRACE_SETOPTIONS, options as usize),
        PtraceCall::Cont { signal } => (libc::PTRACE_CONT, signal as usize),
        PtraceCall::Listen => (libc::PTRACE_LISTEN, 0),
        PtraceCall::Interrupt => (libc::PTRACE_INTERRUPT, 0),
        PtraceCall::Detach { signal } => (libc::PTRACE_DETACH, signal as usize),
    };
    // SAFETY: none of these requests reads or writes memory through `addr` or
    // `data`; both are numbers to the kernel.
    check(unsafe { libc::ptrace(request, pid, ptr::null_mut::<c_void>(), data as *mut c_void) })
        .map(drop)
}

/// The requests of ptrace(2) that a specimen makes.
#[derive(Debug, Clone, Copy)]
pub enum PtraceCall {
    Seize { options: i32 },
    Attach,
    SetOptions { options: i32 },
    Cont { signal: i32 },
    Listen,
    Interrupt,
    Detach { signal: i32 },
}

/// waitpid(2) with `WNOHANG | __WALL`: the raw status, or `None`.
pub fn wait_any_status(pid: i32) -> io::Result<Option<i32>> {
    let mut status = 0;
    // SAFETY: `status` takes the result.
    let got =
        check(unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG | libc::__WALL) }.into())?;
    Ok((got != 0).then_some(status))
}

/// How a child is, without reaping it (waitid with WNOWAIT).
pub fn peek_child(pid: i32) -> io::Result<Option<(i32, i32)>> {
    // SAFETY: siginfo_t is plain data, for which all zeroes is a valid value.
    let mut info: libc::siginfo_t = unsafe { zeroed() };
    let options = libc::WEXITED | libc::WSTOPPED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: `info` takes the result.
    check(unsafe { libc::waitid(libc::P_PID, pid as libc::id_t, &mut info, options) }.into())?;
    // SAFETY: waitid filled in the SIGCHLD layout, or left the zeroes.
    let (child, status) = unsafe { (info.si_pid(), info.si_status()) };
    Ok((child != 0).then_some((info.si_code, status)))
}

/// Takes over a descriptor that this process got through execve(2).
///
/// # Errors
///
/// If there is no such descriptor.
pub fn inherited_fd(fd: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) }.into())?;
    // SAFETY: it is open (the call above), and the command line that named it
    // gives it to this process alone, which asks for it once, at its start.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Owns a descriptor fresh from accept4(2), which nix gives as a number.
pub fn owned(fd: i32) -> OwnedFd {
    // SAFETY: the one caller has it from accept4(2) in the line before and
    // keeps no copy.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
