//! `complete_signal()`: who takes a queued signal, and whether it ends the group.
//!
//! The tracepoint fires after it, so the target's state is what it has left
//! behind: where it has begun a group's death, the flags from before are gone.

use tracer_common::signals::{self, SIGCONT, SIGKILL};

use super::{
    Decision, Outcome, Reason, Walk,
    generate::{DISAGREE, dropped},
    situation::{
        Frozen, Handler, Info, PF_EXITING, SIGNAL_GROUP_EXIT, SIGNAL_STOP_STOPPED, Situation,
        TraceResult,
    },
};

/// Whether this very signal has just begun the death of the group:
/// `complete_signal()` has set the flags by the time the tracepoint fires, and
/// has overwritten SIGNAL_UNKILLABLE with them.
///
/// To 6.0 a signal to a group that dies of the same signal shows these flags
/// too, so what else `complete_signal()` asks for has to hold as well.
pub(super) fn has_just_begun_group_exit(s: &Situation) -> bool {
    let t = &s.target;
    matches!(s.result, TraceResult::Delivered | TraceResult::LoseInfo)
        && t.signal_flags & SIGNAL_GROUP_EXIT != 0
        && t.group_exit_code == s.sig
        && !t.was_dying
        && sig_fatal(s)
        && (s.sig == SIGKILL || !t.ptraced)
        && !signals::contains(signals::COREDUMP, s.sig)
}

/// `sig_fatal()`: the default action ends the process. A handler that could not
/// be read does not speak against it.
pub(super) fn sig_fatal(s: &Situation) -> bool {
    matches!(s.target.handler, Handler::Default | Handler::Unknown)
        && !signals::contains(signals::DEFAULT_IGNORE | signals::STOP, s.sig)
}

/// `complete_signal()`: who takes it, and whether it ends the group at once.
pub(super) fn complete_signal(s: &Situation, forced: bool, w: &mut Walk) -> Decision {
    const F: &str = "complete_signal";
    let t = &s.target;
    if w.test(
        F,
        "sig_fatal(p, sig) && !sigismember(&t->real_blocked, sig) && (sig == SIGKILL || !p->ptrace): signal->flags = SIGNAL_GROUP_EXIT",
        has_just_begun_group_exit(s),
        || {
            format!(
                "signal->flags = {:#x}, group_exit_code = {}",
                t.signal_flags, t.group_exit_code
            )
        },
    ) {
        return if init_was_open_to(s, forced) {
            fatal(s)
        } else {
            DISAGREE
        };
    }
    // wants_signal() refuses an exiting thread, and a signal to one thread goes to
    // no other: whatever handler or mask it has, it acts no more.
    if !s.group
        && w.test(
            F,
            "type == PIDTYPE_PID && p->flags & PF_EXITING: nobody is woken",
            t.pf_flags & PF_EXITING != 0,
            || format!("flags = {:#x}", t.pf_flags),
        )
    {
        return dropped(Reason::ExitingThread, "complete_signal/wants_signal");
    }
    if let Some(decision) = waits(s, w) {
        return decision;
    }
    match t.handler {
        Handler::Function | Handler::Kthread | Handler::KthreadKernel => {
            Decision::new(Outcome::Queued, Reason::Handler, "complete_signal/handler")
        }
        Handler::Default if signals::contains(signals::STOP, s.sig) => {
            Decision::new(Outcome::Queued, Reason::Stop, "get_signal/stop")
        }
        // These die in get_signal(), not here.
        Handler::Default if signals::contains(signals::COREDUMP, s.sig) => {
            Decision::new(Outcome::Fatal, Reason::DefaultCore, "get_signal/coredump")
        }
        Handler::Default if s.sig == SIGKILL && t.core_dump => {
            Decision::new(Outcome::Fatal, Reason::Kill, "prepare_signal/core_state")
        }
        // Only an exiting thread refuses a SIGKILL: all of them do. (From 5.17 the
        // last one has set SIGNAL_GROUP_EXIT by then.)
        Handler::Default if s.sig == SIGKILL && t.pf_flags & PF_EXITING != 0 => {
            dropped(Reason::TargetExiting, "complete_signal/wants_signal")
        }
        Handler::Default if s.sig == SIGKILL => DISAGREE,
        // wants_signal() said no to every thread (each has something pending
        // already): the group dies when one of them gets to it.
        Handler::Default => Decision::new(
            Outcome::Fatal,
            Reason::DefaultTerminate,
            "complete_signal/wants_signal",
        ),
        Handler::Ignore | Handler::Unknown => DISAGREE,
    }
}

/// Whether a signal could end this process at all, if it is an init. Its
/// SIGNAL_UNKILLABLE is overwritten by now, so what the kernel must have found is
/// derived: a forced SIGKILL; a signal that the thread at hand blocks while another
/// one does not; a signal forced upon the thread itself; or a core dump, which has
/// overwritten the flag before.
fn init_was_open_to(s: &Situation, forced: bool) -> bool {
    let t = &s.target;
    if !(t.is_ns_init() || t.is_global_init()) || t.core_dump {
        return true;
    }
    let force_sig = s.info == Info::Pointer && s.code > 0 && s.sender.is_target && !s.group;
    match s.sig {
        SIGKILL => forced || force_sig,
        _ => t.blocked || t.real_blocked || force_sig,
    }
}

/// The group's death has begun.
fn fatal(s: &Situation) -> Decision {
    const RULE: &str = "complete_signal/sig_fatal";
    let t = &s.target;
    if t.frozen == Frozen::V1 {
        return Decision::new(Outcome::Queued, Reason::Frozen, "try_to_freeze/v1");
    }
    let reason = match s.sig {
        // The dump has taken SIGNAL_UNKILLABLE from an init: nothing is forced.
        SIGKILL if t.is_ns_init() && !t.core_dump => Reason::ForcedOnInit,
        SIGKILL => Reason::Kill,
        _ => Reason::DefaultTerminate,
    };
    Decision::new(Outcome::Fatal, reason, RULE)
}

/// What keeps a queued signal from acting for now.
fn waits(s: &Situation, w: &mut Walk) -> Option<Decision> {
    const F: &str = "complete_signal";
    let t = &s.target;
    let queued = |reason, rule| Some(Decision::new(Outcome::Queued, reason, rule));
    if t.sigwait() {
        return queued(Reason::Sigwait, "sig_ignored/real_blocked");
    }
    if t.blocked {
        return queued(Reason::Blocked, "sig_ignored/blocked");
    }
    if t.ptraced && s.sig != SIGKILL {
        return queued(Reason::Ptrace, "sig_ignored/ptrace");
    }
    if w.test(
        F,
        "wants_signal(): task_is_stopped_or_traced(p)",
        t.signal_flags & SIGNAL_STOP_STOPPED != 0 && s.sig != SIGKILL && s.sig != SIGCONT,
        || format!("signal->flags = {:#x}", t.signal_flags),
    ) {
        return queued(Reason::Stopped, "complete_signal/wants_signal");
    }
    match t.frozen {
        Frozen::No => None,
        Frozen::V1 => queued(Reason::Frozen, "try_to_freeze/v1"),
        Frozen::V2 => queued(Reason::Frozen, "get_signal/jobctl_trap_freeze"),
    }
}
