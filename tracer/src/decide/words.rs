//! One sentence for a person about each decision.
//!
//! A sentence names PID 1 where the target is an init, says what the kernel
//! looked at, and never claims more than the facts hold.

use std::borrow::Cow;

use tracer_common::signals::{self, SIGCONT, SIGKILL, SIGSTOP};

use super::{
    Decision, Frozen, Outcome, Reason, Situation, deliver, names,
    sender::Kind,
    situation::{Info, PF_KTHREAD, TraceResult, si},
};

/// The sentence for a signal that was generated.
pub fn generated(s: &Situation, d: &Decision, kind: Kind) -> Cow<'static, str> {
    let sig = names::signal(s.sig);
    let who = subject(s.target.is_ns_init() || s.target.is_global_init());
    let mut text: Cow<'static, str> = match d.reason {
        Reason::UnkillableInit => unkillable(s, sig),
        Reason::GlobalInit => {
            format!("{sig} never reaches the machine's own PID 1, whoever sends it").into()
        }
        Reason::Ignored => format!("{who} has set {sig} to be ignored (SIG_IGN)").into(),
        Reason::DefaultIgnore if s.sig == SIGCONT => {
            format!("{who} has no SIGCONT handler and needs none: the signal is dropped, yet it resumes a stopped process all the same")
                .into()
        }
        Reason::DefaultIgnore => {
            format!("the default action of {sig} is to do nothing, and {who} has no {sig} handler")
                .into()
        }
        Reason::KernelThread => {
            format!("the target is a kernel thread, which takes {sig} from the kernel only").into()
        }
        Reason::TargetExiting if s.target.exit_state != 0 && s.target.live == 0 => {
            format!("{who} is a zombie: it has ended and waits to be reaped, so no signal can do anything")
                .into()
        }
        Reason::TargetExiting if s.target.frozen == Frozen::V1 => format!(
            "{who} is already dying, but its cgroup is frozen: it can end only when that is thawed"
        )
        .into(),
        Reason::TargetExiting => {
            format!("{who} is already dying, and takes no more signals").into()
        }
        Reason::CoreDumping => {
            format!("{who} is writing a core dump, and only SIGKILL reaches it until that is done").into()
        }
        Reason::ExitingThread => {
            format!("this {sig} was for one thread of {who}, and that thread is exiting").into()
        },
        Reason::AlreadyPending if s.code == si::TIMER => format!(
            "the {sig} of this timer's last expiry is still pending: the kernel counts an overrun and queues no second one"
        )
        .into(),
        Reason::AlreadyPending => {
            format!("a {sig} is pending already, and a standard signal is kept only once").into()
        }
        Reason::QueueFull => {
            "too many signals are pending for the target's user (RLIMIT_SIGPENDING), or memory is short: the sender got EAGAIN"
                .into()
        }
        Reason::PermissionDenied => denied(s, who).into(),
        Reason::Handler if s.target.pf_flags & PF_KTHREAD != 0 => {
            format!("the target is a kernel thread that asked for {sig}").into()
        }
        Reason::Handler => format!("{who} has a handler for {sig}, which will run").into(),
        Reason::Blocked if s.target.live > 1 && s.group => format!(
            "{who} blocks {sig} in its main thread: it stays pending until another thread takes it, or it is unblocked or read"
        )
        .into(),
        Reason::Blocked => format!(
            "{who} blocks {sig}: it stays pending until it is unblocked or read, and its fate is decided then"
        )
        .into(),
        Reason::Sigwait => {
            format!("{who} is waiting for {sig} in sigwait, and takes it there without a handler")
                .into()
        }
        Reason::Ptrace => format!("{who} is traced: its tracer (a debugger or strace) decides whether it gets {sig}").into(),
        Reason::Stop if s.sig == SIGSTOP => format!("SIGSTOP stops {who} until a SIGCONT").into(),
        Reason::Stop => format!(
            "the default action of {sig} stops {who}, unless its process group is orphaned"
        )
        .into(),
        Reason::Stopped if signals::contains(signals::STOP, s.sig) => format!(
            "{who} is stopped already, and the SIGCONT that resumes it takes this {sig} away"
        )
        .into(),
        Reason::Stopped => {
            format!("{who} is stopped: {sig} waits until a SIGCONT resumes it").into()
        }
        Reason::Frozen if s.target.frozen == Frozen::V1 => {
            format!("the cgroup of {who} is frozen: not even SIGKILL acts before it is thawed")
                .into()
        }
        Reason::Frozen => {
            format!("the cgroup of {who} is frozen: {sig} waits until it is thawed").into()
        }
        Reason::DefaultTerminate if s.target.is_ns_init() => format!(
            "the main thread of PID 1 blocks {sig} and another thread does not: that gets past the kernel's protection of an init, and {sig} ends it"
        )
        .into(),
        Reason::DefaultTerminate => {
            format!("{who} has no {sig} handler, and the default action of {sig} ends it").into()
        }
        Reason::DefaultCore if kind == Kind::Fault && s.target.is_ns_init() => {
            format!("PID 1 itself faulted: the kernel takes away its protection and ends it with {sig}").into()
        }
        Reason::DefaultCore => format!(
            "{who} has no {sig} handler, and the default action of {sig} ends it with a core dump, where one is allowed"
        )
        .into(),
        Reason::Kill => kill(kind).into(),
        Reason::ForcedOnInit => forced_on_init(kind).into(),
        Reason::UnkillableInitAtDequeue
        | Reason::GroupExit
        | Reason::NotRecorded
        | Reason::ModelDisagrees => {
            "sigwhy cannot explain what the kernel did: please report this record".into()
        }
    };
    if s.result == TraceResult::LoseInfo {
        text = format!("{text} (queued without its siginfo, for lack of room)").into();
    }
    text
}

/// The sentence for a signal that left the queue.
pub fn delivered(sig: u32, is_init: bool, d: &Decision, real_signal: u32) -> Cow<'static, str> {
    let name = names::signal(sig);
    let who = subject(is_init);
    match (d.outcome, d.reason) {
        (_, Reason::UnkillableInitAtDequeue) => format!(
            "{name} was queued, but PID 1 had no handler for it when it took it from the queue: the kernel protects an init from signals it does not handle, and dropped it there"
        )
        .into(),
        (_, Reason::GroupExit) if d.rule == deliver::GROUP_EXEC => {
            "this thread ends because another thread of the process calls execve".into()
        }
        (_, Reason::GroupExit) if real_signal != 0 && real_signal <= 64 => format!(
            "the whole process ends because of {}",
            names::signal(real_signal)
        )
        .into(),
        (_, Reason::GroupExit) => "the whole process ends".into(),
        (Outcome::Handled, _) => format!("the handler of {who} for {name} runs").into(),
        (Outcome::Ignored, Reason::Ignored) => {
            format!("{who} has set {name} to be ignored by now (SIG_IGN)").into()
        }
        (Outcome::Ignored, _) => {
            format!("the default action of {name} is to do nothing").into()
        }
        (Outcome::Stopped, _) if sig == SIGSTOP => format!("{name} stops {who}").into(),
        (Outcome::Stopped, _) => {
            format!("{name} stops {who}, unless its process group is orphaned").into()
        }
        (Outcome::Fatal, _) => format!("{name} ends {who}").into(),
        _ => "sigwhy cannot explain what the kernel did: please report this record".into(),
    }
}

fn subject(is_init: bool) -> &'static str {
    if is_init { "PID 1" } else { "the target" }
}

/// A signal that never was, because the sender may not send it.
fn denied(s: &Situation, who: &str) -> String {
    let sig = names::signal(s.sig);
    match s.result {
        TraceResult::Refused(errno) if i32::from(errno) == libc::EPERM => format!(
            "the sender may not signal {who} (EPERM): it is another user's and the sender has no CAP_KILL over it, or a security module says no; {who} gets no {sig}"
        ),
        TraceResult::Refused(errno) if i32::from(errno) == libc::EACCES => format!(
            "a security module (AppArmor, SELinux) does not let the sender signal {who} (EACCES): {who} gets no {sig}"
        ),
        TraceResult::Refused(errno) => format!(
            "the kernel does not let the sender signal {who} (errno {errno}): {who} gets no {sig}"
        ),
        _ => format!("the sender may not signal {who}"),
    }
}

fn unkillable(s: &Situation, sig: &str) -> Cow<'static, str> {
    let kernel_only = s.sig == SIGKILL || s.sig == SIGSTOP;
    if !kernel_only && s.target.is_global_init() {
        return format!(
            "the machine's own PID 1 has no {sig} handler, and the kernel protects it from signals it does not handle"
        )
        .into();
    }
    if !kernel_only {
        return format!(
            "PID 1 has no {sig} handler, and the kernel protects a namespace's init from signals it does not handle"
        )
        .into();
    }
    match (s.info, s.code) {
        (Info::Pointer, si::TIMER) => format!(
            "a {sig} that carries the code of a POSIX timer (SI_TIMER) is never forced upon PID 1, wherever it comes from"
        )
        .into(),
        (Info::Pointer, si::SIGIO) => format!(
            "a {sig} that carries the code of file I/O (SI_SIGIO) is never forced upon PID 1, wherever it comes from"
        )
        .into(),
        _ if s.sender.nr_in_target != 0 || s.sender.is_target => format!(
            "a {sig} from inside its own PID namespace does not reach PID 1: only the kernel, or a sender that PID 1 cannot see, can force it"
        )
        .into(),
        _ => format!(
            "the siginfo of this {sig} names no sender, so the kernel does not force it upon PID 1"
        )
        .into(),
    }
}

fn kill(kind: Kind) -> &'static str {
    match kind {
        Kind::Zap => {
            "the init of its PID namespace died, and the kernel ends every process left in it, with no chance to clean up"
        }
        Kind::Oom => "memory ran out, and the OOM killer chose it",
        Kind::ParentDeath => {
            "its parent thread ended, and it had asked to get SIGKILL then (PR_SET_PDEATHSIG)"
        }
        _ => "SIGKILL ends it, with no chance to clean up",
    }
}

fn forced_on_init(kind: Kind) -> &'static str {
    match kind {
        Kind::Zap => {
            "the init of a PID namespace around it died, and the kernel ends this one with it"
        }
        Kind::Oom => "memory ran out, and the OOM killer chose PID 1: its whole PID namespace ends",
        Kind::Process => {
            "SIGKILL from a sender that PID 1 cannot see ends even PID 1, and with it its whole PID namespace"
        }
        Kind::ParentDeath => {
            "the parent thread of PID 1 ended, and PID 1 had asked to get SIGKILL then (PR_SET_PDEATHSIG): its whole PID namespace ends"
        }
        _ => "SIGKILL from the kernel ends even PID 1, and with it its whole PID namespace",
    }
}
