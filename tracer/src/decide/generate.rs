//! `__send_signal_locked()`: queue a signal, or drop it.
//!
//! The order of the tests is the kernel's (`kernel/signal.c`): `prepare_signal`,
//! `sig_ignored`, `sig_task_ignored`, `sig_handler_ignored`, `legacy_queue`,
//! `complete_signal`. It differs little from 5.10 to 7.2; where it does, the
//! comment says how the difference shows, since version numbers do not tell.

use tracer_common::signals::{self, SIGCONT, SIGKILL, SIGRTMIN};

use super::{
    Decision, Outcome, Reason, Walk,
    force::force,
    situation::{
        Frozen, Handler, PF_EXITING, PF_KTHREAD, SIGNAL_GROUP_COREDUMP, SIGNAL_GROUP_EXIT,
        SIGNAL_STOP_STOPPED, SIGNAL_UNKILLABLE, Situation, TraceResult, si,
    },
};

/// What became of the signal. The walk gets every test on the way.
pub fn decide(s: &Situation, w: &mut Walk) -> Decision {
    let forced = force(s, w);
    let dropped = prepare_signal(s, forced, w);
    match (s.result, dropped) {
        (TraceResult::Ignored, Some(decision)) => decision,
        (TraceResult::Ignored, None) => exiting_thread(s, w),
        (TraceResult::Unknown(_), _) => DISAGREE,
        // To 6.0 the kernel queues what is sent to a dying group: no effect either.
        (_, Some(decision)) if decision.reason == Reason::TargetExiting => decision,
        (_, Some(_)) => DISAGREE,
        (TraceResult::AlreadyPending, None) => legacy_queue(s, w),
        (TraceResult::OverflowFail, None) => overflow(s, w),
        (TraceResult::Delivered | TraceResult::LoseInfo, None) => complete_signal(s, w),
    }
}

const DISAGREE: Decision =
    Decision::new(Outcome::Dropped, Reason::ModelDisagrees, "model/disagrees");

const fn dropped(reason: Reason, rule: &'static str) -> Decision {
    Decision::new(Outcome::Dropped, reason, rule)
}

/// Whether this very signal has just begun the death of the group:
/// `complete_signal()` has set the flags by the time the tracepoint fires, and
/// has overwritten SIGNAL_UNKILLABLE with them.
fn has_just_begun_group_exit(s: &Situation) -> bool {
    matches!(s.result, TraceResult::Delivered | TraceResult::LoseInfo)
        && s.target.signal_flags & SIGNAL_GROUP_EXIT != 0
        && s.target.group_exit_code == s.sig
        && !s.target.was_dying
}

/// `prepare_signal()`: `Some` if the signal is dropped.
fn prepare_signal(s: &Situation, forced: bool, w: &mut Walk) -> Option<Decision> {
    const F: &str = "prepare_signal";
    let t = &s.target;
    let flags = || format!("signal->flags = {:#x}", t.signal_flags);
    let dying = t.was_dying
        || t.live == 0
        || t.signal_flags & SIGNAL_GROUP_EXIT != 0 && !has_just_begun_group_exit(s);
    if w.test(
        F,
        "signal->flags & SIGNAL_GROUP_EXIT (before this signal)",
        dying,
        flags,
    ) {
        if w.test(F, "signal->core_state", t.core_dump, || {
            format!("core dump: {}", t.core_dump)
        }) {
            return (s.sig != SIGKILL)
                .then_some(dropped(Reason::CoreDumping, "prepare_signal/core_state"));
        }
        return Some(dropped(Reason::TargetExiting, "prepare_signal/group_exit"));
    }
    // To 5.16 the dump had a flag of its own, without SIGNAL_GROUP_EXIT.
    if s.sig != SIGKILL
        && t.signal_flags & (SIGNAL_GROUP_COREDUMP | SIGNAL_GROUP_EXIT) == SIGNAL_GROUP_COREDUMP
        && w.test(
            F,
            "signal->flags & SIGNAL_GROUP_COREDUMP && sig != SIGKILL",
            true,
            flags,
        )
    {
        return Some(dropped(
            Reason::CoreDumping,
            "prepare_signal/group_coredump",
        ));
    }
    if signals::contains(signals::STOP, s.sig) {
        w.test(
            F,
            "sig_kernel_stop(sig): flush a pending SIGCONT",
            true,
            || "happens even if the signal is then dropped".to_owned(),
        );
    } else if s.sig == SIGCONT {
        w.test(
            F,
            "sig == SIGCONT: flush pending stops and wake every stopped thread",
            true,
            || "happens even if the signal is then dropped".to_owned(),
        );
    }
    sig_ignored(s, forced, w)
}

/// `sig_ignored()`
fn sig_ignored(s: &Situation, forced: bool, w: &mut Walk) -> Option<Decision> {
    const F: &str = "sig_ignored";
    let t = &s.target;
    if w.test(
        F,
        "sigismember(&t->blocked, sig) || sigismember(&t->real_blocked, sig)",
        t.blocked || t.real_blocked,
        || format!("blocked: {}, real_blocked: {}", t.blocked, t.real_blocked),
    ) {
        // "Blocked signals are never ignored, since the signal handler may change
        // by the time it is unblocked."
        return None;
    }
    if w.test(
        F,
        "t->ptrace && sig != SIGKILL",
        t.ptraced && s.sig != SIGKILL,
        || format!("ptrace: {}", t.ptraced),
    ) {
        return None;
    }
    sig_task_ignored(s, forced, w)
}

/// `sig_task_ignored()`
fn sig_task_ignored(s: &Situation, forced: bool, w: &mut Walk) -> Option<Decision> {
    const F: &str = "sig_task_ignored";
    let t = &s.target;
    let kernel_only = signals::contains(signals::KERNEL_ONLY, s.sig);
    if w.test(
        F,
        "is_global_init(t) && sig_kernel_only(sig)",
        t.is_global_init() && kernel_only,
        || format!("PID {} at level {}", t.nr, t.level),
    ) {
        return Some(dropped(Reason::GlobalInit, "sig_task_ignored/global_init"));
    }
    if w.test(
        F,
        "signal->flags & SIGNAL_UNKILLABLE && handler == SIG_DFL && !(force && sig_kernel_only(sig))",
        t.signal_flags & SIGNAL_UNKILLABLE != 0
            && t.handler == Handler::Default
            && !(forced && kernel_only),
        || {
            format!(
                "signal->flags = {:#x}, handler: {}, force: {forced}",
                t.signal_flags,
                handler_word(t.handler)
            )
        },
    ) {
        // What any process would drop is no news about an init.
        return Some(if signals::contains(signals::DEFAULT_IGNORE, s.sig) {
            dropped(Reason::DefaultIgnore, "sig_task_ignored/unkillable")
        } else {
            dropped(Reason::UnkillableInit, "sig_task_ignored/unkillable")
        });
    }
    if w.test(
        F,
        "t->flags & PF_KTHREAD && handler == SIG_KTHREAD_KERNEL && !force",
        t.pf_flags & PF_KTHREAD != 0 && t.handler == Handler::KthreadKernel && !forced,
        || format!("flags = {:#x}", t.pf_flags),
    ) {
        return Some(dropped(Reason::KernelThread, "sig_task_ignored/kthread"));
    }
    sig_handler_ignored(s, w)
}

/// `sig_handler_ignored()`
fn sig_handler_ignored(s: &Situation, w: &mut Walk) -> Option<Decision> {
    const F: &str = "sig_handler_ignored";
    let handler = s.target.handler;
    let word = || format!("handler: {}", handler_word(handler));
    if w.test(F, "handler == SIG_IGN", handler == Handler::Ignore, word) {
        return Some(dropped(Reason::Ignored, "sig_handler_ignored/SIG_IGN"));
    }
    if w.test(
        F,
        "handler == SIG_DFL && sig_kernel_ignore(sig)",
        handler == Handler::Default && signals::contains(signals::DEFAULT_IGNORE, s.sig),
        word,
    ) {
        return Some(dropped(
            Reason::DefaultIgnore,
            "sig_handler_ignored/sig_kernel_ignore",
        ));
    }
    None
}

/// A signal to one exiting thread (7.2, and backported). The kernel asks this
/// first, but only what nothing else explains needs it as a reason.
fn exiting_thread(s: &Situation, w: &mut Walk) -> Decision {
    if w.test(
        "__send_signal_locked",
        "type == PIDTYPE_PID && t->flags & PF_EXITING",
        !s.group && s.target.pf_flags & PF_EXITING != 0,
        || {
            format!(
                "flags = {:#x}, to the process: {}",
                s.target.pf_flags, s.group
            )
        },
    ) {
        dropped(Reason::ExitingThread, "__send_signal_locked/exiting_thread")
    } else {
        DISAGREE
    }
}

/// `legacy_queue()`: a standard signal that is pending already.
fn legacy_queue(s: &Situation, w: &mut Walk) -> Decision {
    let timer = s.code == si::TIMER;
    if w.test(
        "legacy_queue",
        "sig < SIGRTMIN && sigismember(&pending->signal, sig)",
        s.sig < SIGRTMIN || timer,
        || format!("the kernel found signal {} pending", s.sig),
    ) {
        Decision::new(
            Outcome::Coalesced,
            Reason::AlreadyPending,
            if timer {
                "posixtimer_send_sigqueue/pending"
            } else {
                "legacy_queue"
            },
        )
    } else {
        DISAGREE
    }
}

/// No `sigqueue` could be had for a real-time signal.
fn overflow(s: &Situation, w: &mut Walk) -> Decision {
    if w.test(
        "__send_signal_locked",
        "!q && sig >= SIGRTMIN && info->si_code != SI_USER: -EAGAIN",
        s.sig >= SIGRTMIN && s.code != si::USER,
        || format!("signal {}, si_code = {}", s.sig, s.code),
    ) {
        Decision::new(
            Outcome::Failed,
            Reason::QueueFull,
            "__send_signal_locked/sigqueue_alloc",
        )
    } else {
        DISAGREE
    }
}

/// `complete_signal()`: who takes it, and whether it ends the group at once.
fn complete_signal(s: &Situation, w: &mut Walk) -> Decision {
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
        return fatal(s);
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
        // Only another thread's SIGKILL can be left unstarted, and none was seen.
        Handler::Default if s.sig == SIGKILL => DISAGREE,
        Handler::Default if !s.group && t.pf_flags & PF_EXITING != 0 => {
            dropped(Reason::ExitingThread, "complete_signal/wants_signal")
        }
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

/// The group's death has begun.
fn fatal(s: &Situation) -> Decision {
    const RULE: &str = "complete_signal/sig_fatal";
    let t = &s.target;
    if t.frozen == Frozen::V1 {
        return Decision::new(Outcome::Queued, Reason::Frozen, "try_to_freeze/v1");
    }
    let reason = match s.sig {
        SIGKILL if t.is_ns_init() => Reason::ForcedOnInit,
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

fn handler_word(handler: Handler) -> &'static str {
    match handler {
        Handler::Default => "SIG_DFL",
        Handler::Ignore => "SIG_IGN",
        Handler::Function => "a function",
        Handler::Kthread => "SIG_KTHREAD",
        Handler::KthreadKernel => "SIG_KTHREAD_KERNEL",
        Handler::Unknown => "unknown",
    }
}
