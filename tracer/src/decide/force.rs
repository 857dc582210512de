//! `send_signal_locked()`: whether the kernel forces a signal upon an init.
//!
//! Forcing depends on whether the sender is visible in the target's PID
//! namespace and on what siginfo it brought, not on being "inside" or
//! "outside": a sibling namespace is as invisible as the host. It matters only
//! for SIGKILL and SIGSTOP.

use tracer_common::signals::{self, SIGCHLD};

use super::situation::{Info, PF_KTHREAD, Situation, si};
use super::walk::Walk;

/// The `force` argument of `__send_signal_locked()`.
pub fn force(s: &Situation, w: &mut Walk) -> bool {
    const F: &str = "send_signal_locked";
    let invisible = s.sender.nr_in_target == 0;
    let nr = || {
        format!(
            "the sender's pid in the target's namespace is {}",
            match s.sender.nr_in_target {
                0 => "0 (not visible there)".to_owned(),
                nr => nr.to_string(),
            }
        )
    };
    match s.info {
        Info::NoInfo => w.test(
            F,
            "info == SEND_SIG_NOINFO: force = !task_pid_nr_ns(current, task_active_pid_ns(t))",
            invisible,
            nr,
        ),
        Info::Priv => w.test(F, "info == SEND_SIG_PRIV: force = true", true, || {
            "the kernel itself sends it".to_owned()
        }),
        Info::Pointer if is_unforced_caller(s) => w.test(
            F,
            "not called: child exits, POSIX timers and USB completions pass force = false",
            false,
            || format!("si_code = {}", s.code),
        ),
        Info::Pointer if has_si_pid_and_uid(s.sig, s.code) => w.test(
            F,
            "has_si_pid_and_uid(info): force = si_code == SI_KERNEL || the sender has no pid in the target's namespace",
            s.code == si::KERNEL || invisible,
            || format!("si_code = {}; {}", s.code, nr()),
        ),
        Info::Pointer => w.test(F, "!has_si_pid_and_uid(info): force = false", false, || {
            format!("si_code = {}", s.code)
        }),
    }
}

/// `do_notify_parent()`, `kill_pid_usb_asyncio()` and the POSIX timers call the
/// core sender themselves. `do_notify_parent_cldstop()` (codes 4 to 6) does not.
fn is_unforced_caller(s: &Situation) -> bool {
    match s.code {
        si::TIMER => true,
        // CLD_EXITED, CLD_KILLED, CLD_DUMPED
        1..=3 => s.sig == SIGCHLD,
        // A program may bring this code too, but no program is a kernel thread.
        si::ASYNCIO => s.sender.is_idle || s.sender.pf_flags & PF_KTHREAD != 0,
        _ => false,
    }
}

/// `has_si_pid_and_uid()`: by `siginfo_layout()`, whether the union holds a
/// sender's pid.
fn has_si_pid_and_uid(sig: u32, code: i32) -> bool {
    match code {
        si::TIMER | si::SIGIO => false,
        code if code <= 0 || code >= si::KERNEL => true,
        // 0 < code < SI_KERNEL: what the code means depends on the signal.
        code => {
            if signals::contains(signals::SYNCHRONOUS, sig) && code <= fault_codes(sig) {
                // SIL_FAULT*, SIL_SYS
                false
            } else if sig == SIGCHLD && code <= 6 {
                // SIL_CHLD
                true
            } else {
                // NSIGPOLL codes are SIL_POLL, above them SIL_KILL.
                code > 6
            }
        }
    }
}

/// How many codes `siginfo_layout()` knows for a fault (`sig_sicodes`).
fn fault_codes(sig: u32) -> i32 {
    match sig {
        signals::SIGILL => 11,
        signals::SIGFPE => 15,
        signals::SIGSEGV => 10,
        signals::SIGBUS => 5,
        signals::SIGTRAP => 6,
        signals::SIGSYS => 2,
        _ => 0,
    }
}
