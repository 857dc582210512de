//! `__send_signal_locked()`: queue a signal, or drop it.
//!
//! The order of the tests is the kernel's (`kernel/signal.c`): `prepare_signal`,
//! `sig_ignored`, `sig_task_ignored`, `sig_handler_ignored`, `legacy_queue`, and
//! `complete_signal`. It differs little from 5.10 to 7.2; where it does, the
//! comment says how the difference shows, since version numbers do not tell.

use tracer_common::signals::{self, SIGCONT, SIGKILL, SIGRTMIN};

use super::{
    Decision, Outcome, Reason, Walk,
    complete::{complete_signal, has_just_begun_group_exit},
    force::force,
    situation::{
        Handler, Info, PF_EXITING, PF_KTHREAD, SIGNAL_GROUP_COREDUMP, SIGNAL_GROUP_EXIT,
        SIGNAL_UNKILLABLE, Situation, TraceResult, si,
    },
};

/// What became of the signal. The walk gets every test on the way.
pub fn decide(s: &Situation, w: &mut Walk) -> Decision {
    if let TraceResult::Refused(errno) = s.result {
        return check_kill_permission(errno, w);
    }
    let forced = force(s, w);
    let dropped = prepare_signal(s, forced, w);
    match (s.result, dropped) {
        (TraceResult::Ignored, Some(decision)) => decision,
        (TraceResult::Ignored, None) => exiting_thread(s, w),
        (TraceResult::Refused(_) | TraceResult::Unknown(_), _) => DISAGREE,
        // To 6.0 the kernel queues what is sent to a dying group, if the rest of its
        // tests let it: no effect either.
        (_, Some(decision)) if decision.reason == Reason::TargetExiting => {
            match sig_ignored(s, forced, w) {
                None => decision,
                Some(_) => DISAGREE,
            }
        }
        (_, Some(_)) => DISAGREE,
        (TraceResult::AlreadyPending, None) => legacy_queue(s, w),
        (TraceResult::OverflowFail, None) => overflow(s, w),
        (TraceResult::LoseInfo, None) => lose_info(s, forced, w),
        (TraceResult::Delivered, None) => complete_signal(s, forced, w),
    }
}

/// `check_kill_permission()`, before `__send_signal_locked()` is reached: the one
/// test here of which only the answer is known.
fn check_kill_permission(errno: u8, w: &mut Walk) -> Decision {
    w.test(
        "check_kill_permission",
        "!kill_ok_by_cred(t) || security_task_kill(): an error for the sender",
        true,
        || format!("error = -{errno}"),
    );
    let rule = match i32::from(errno) {
        libc::EPERM => "check_kill_permission/EPERM",
        libc::EACCES => "check_kill_permission/EACCES",
        _ => "check_kill_permission",
    };
    Decision::new(Outcome::Failed, Reason::PermissionDenied, rule)
}

pub(super) const DISAGREE: Decision =
    Decision::new(Outcome::Dropped, Reason::ModelDisagrees, "model/disagrees");

pub(super) const fn dropped(reason: Reason, rule: &'static str) -> Decision {
    Decision::new(Outcome::Dropped, reason, rule)
}

/// `prepare_signal()`: `Some` if the signal is dropped.
pub(super) fn prepare_signal(s: &Situation, forced: bool, w: &mut Walk) -> Option<Decision> {
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
            return match s.result {
                _ if s.sig == SIGKILL => None,
                TraceResult::Ignored => {
                    Some(dropped(Reason::CoreDumping, "prepare_signal/core_state"))
                }
                // To 5.16, once a SIGKILL has ended the dump: SIGNAL_GROUP_EXIT has
                // taken the place of SIGNAL_GROUP_COREDUMP, and all is queued.
                _ => Some(dropped(Reason::TargetExiting, "prepare_signal/group_exit")),
            };
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
    // The dump asks for nothing else, and this SIGKILL may have ended it by now.
    if s.sig == SIGKILL
        && t.core_dump
        && w.test(
            F,
            "a core dump is being written: sig == SIGKILL passes",
            t.signal_flags & SIGNAL_GROUP_COREDUMP != 0 || has_just_begun_group_exit(s),
            flags,
        )
    {
        return None;
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
        "!q && !is_si_special(info) && sig >= SIGRTMIN && info->si_code != SI_USER: -EAGAIN",
        fails_without_room(s),
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

/// What the sender is told of, where no `sigqueue` can be had.
fn fails_without_room(s: &Situation) -> bool {
    s.info == Info::Pointer && s.sig >= SIGRTMIN && s.code != si::USER
}

/// Queued without its siginfo, for lack of room: neither what fails instead, nor
/// what needs no room.
fn lose_info(s: &Situation, forced: bool, w: &mut Walk) -> Decision {
    let needs_none = s.sig == SIGKILL || s.target.pf_flags & PF_KTHREAD != 0;
    if w.test(
        "__send_signal_locked",
        "!q: the signal is queued, its siginfo is lost",
        !needs_none && !fails_without_room(s),
        || format!("signal {}, si_code = {}", s.sig, s.code),
    ) {
        complete_signal(s, forced, w)
    } else {
        DISAGREE
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
