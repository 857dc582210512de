//! `get_signal()`: a signal has left the queue.
//!
//! This is the second place where an init's signal vanishes: what was queued,
//! because it was blocked or had a handler then, and has none now.

use tracer_common::signals::{self, SIGKILL, SIGSTOP};

use super::{
    Decision, Outcome, Reason, Walk,
    situation::{Handler, Info, SIGNAL_GROUP_COREDUMP, SIGNAL_GROUP_EXIT, SIGNAL_UNKILLABLE},
};

/// The rule of a thread that ends with its process.
pub const GROUP_EXIT: &str = "get_signal/group_exit";
/// The rule of a thread that ends since another one of its process calls execve().
pub const GROUP_EXEC: &str = "get_signal/group_exec_task";

/// A signal that leaves the queue, as `signal_deliver` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    pub sig: u32,
    pub info: Info,
    pub handler: Handler,
    /// `signal->flags`
    pub signal_flags: u32,
}

/// What the dequeued signal does.
pub fn decide(d: &Delivery, w: &mut Walk) -> Decision {
    const F: &str = "get_signal";
    let flags = || format!("signal->flags = {:#x}", d.signal_flags);
    // What is dequeued always has a siginfo, so this tells the short cut.
    if w.test(
        F,
        "signal->flags & SIGNAL_GROUP_EXIT || signal->group_exec_task: SIGKILL without siginfo",
        d.sig == SIGKILL && d.info == Info::NoInfo,
        flags,
    ) {
        let group = d.signal_flags & (SIGNAL_GROUP_EXIT | SIGNAL_GROUP_COREDUMP) != 0;
        let rule = if group { GROUP_EXIT } else { GROUP_EXEC };
        return Decision::new(Outcome::Fatal, Reason::GroupExit, rule);
    }
    match d.handler {
        Handler::Ignore => {
            w.test(F, "sa_handler == SIG_IGN", true, String::new);
            return Decision::new(Outcome::Ignored, Reason::Ignored, "get_signal/SIG_IGN");
        }
        Handler::Function | Handler::Kthread | Handler::KthreadKernel => {
            w.test(F, "sa_handler != SIG_DFL: run it", true, String::new);
            return Decision::new(Outcome::Handled, Reason::Handler, "get_signal/handler");
        }
        Handler::Unknown => {
            return Decision::new(Outcome::Dropped, Reason::ModelDisagrees, "model/disagrees");
        }
        Handler::Default => {}
    }
    if w.test(
        F,
        "sig_kernel_ignore(signr)",
        signals::contains(signals::DEFAULT_IGNORE, d.sig),
        || format!("signal {}", d.sig),
    ) {
        return Decision::new(
            Outcome::Ignored,
            Reason::DefaultIgnore,
            "get_signal/sig_kernel_ignore",
        );
    }
    if w.test(
        F,
        "signal->flags & SIGNAL_UNKILLABLE && !sig_kernel_only(signr)",
        d.signal_flags & SIGNAL_UNKILLABLE != 0 && !signals::contains(signals::KERNEL_ONLY, d.sig),
        flags,
    ) {
        return Decision::new(
            Outcome::Dropped,
            Reason::UnkillableInitAtDequeue,
            "get_signal/unkillable",
        );
    }
    if w.test(
        F,
        "sig_kernel_stop(signr)",
        signals::contains(signals::STOP, d.sig),
        || format!("signal {}", d.sig),
    ) {
        // TSTP, TTIN and TTOU do nothing in an orphaned process group, which
        // the tracepoint does not tell: "stopped" is what they mostly do.
        let rule = if d.sig == SIGSTOP {
            "get_signal/stop"
        } else {
            "get_signal/stop_unless_orphaned_pgrp"
        };
        return Decision::new(Outcome::Stopped, Reason::Stop, rule);
    }
    let core = w.test(
        F,
        "sig_kernel_coredump(signr)",
        signals::contains(signals::COREDUMP, d.sig),
        || format!("signal {}", d.sig),
    );
    match d.sig {
        SIGKILL => Decision::new(Outcome::Fatal, Reason::Kill, "get_signal/do_group_exit"),
        _ if core => Decision::new(Outcome::Fatal, Reason::DefaultCore, "get_signal/coredump"),
        _ => Decision::new(
            Outcome::Fatal,
            Reason::DefaultTerminate,
            "get_signal/do_group_exit",
        ),
    }
}
