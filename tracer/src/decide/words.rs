//! One sentence for a person about each decision.
//!
//! A sentence names PID 1 where the target is an init, says what the kernel
//! looked at, and never claims more than the facts hold.

use std::borrow::Cow;

use tracer_common::signals::{SIGCONT, SIGKILL, SIGSTOP};

use super::{
    Decision, Frozen, Outcome, Reason, Situation, names,
    sender::Kind,
    situation::{Info, TraceResult, si},
};

/// The sentence for a signal that was generated.
pub fn generated(s: &Situation, d: &Decision, kind: Kind) -> Cow<'static, str> {
    let sig = names::signal(s.sig);
    let who = subject(s.target.is_ns_init() || s.target.is_global_init());
    let mut text: Cow<'static, str> = match d.reason {
        Reason::UnkillableInit => unkillable(s, sig),
        Reason::GlobalInit => format!("the machine's own PID 1 never takes {sig}").into(),
        Reason::Ignored => format!("{who} has set {sig} to be ignored (SIG_IGN)").into(),
        Reason::DefaultIgnore if s.sig == SIGCONT => {
            "SIGCONT has no handler here and needs none: it resumes a stopped process all the same"
                .into()
        }
        Reason::DefaultIgnore => {
            format!("the default action of {sig} is to do nothing, and {who} has no handler for it")
                .into()
        }
        Reason::KernelThread => {
            "a kernel thread takes this signal from the kernel only".into()
        }
        Reason::TargetExiting if s.target.exit_state != 0 && s.target.live == 0 => {
            format!("{who} is a zombie: it has ended and waits for its parent to reap it").into()
        }
        Reason::TargetExiting => {
            format!("{who} is already dying, and nothing more can reach it").into()
        }
        Reason::CoreDumping => {
            format!("{who} writes a core dump, during which only SIGKILL reaches it").into()
        }
        Reason::ExitingThread => "it was for one thread, and that thread is exiting".into(),
        Reason::AlreadyPending => {
            format!("a {sig} is pending already, and standard signals do not queue").into()
        }
        Reason::QueueFull => {
            "too many signals are pending for its user (RLIMIT_SIGPENDING): the sender got EAGAIN"
                .into()
        }
        Reason::Handler => format!("{who} has a handler for {sig}, which will run").into(),
        Reason::Blocked if s.target.live > 1 => format!(
            "{who} blocks {sig} in its main thread: it stays pending until another thread takes it, or it is unblocked or read"
        )
        .into(),
        Reason::Blocked => format!(
            "{who} blocks {sig}: it stays pending until it is unblocked or read, and its fate is decided then"
        )
        .into(),
        Reason::Sigwait => {
            format!("{who} waits for {sig} in sigwait, and takes it there").into()
        }
        Reason::Ptrace => format!("{who} is traced: its tracer decides about {sig}").into(),
        Reason::Stop => format!("the default action of {sig} stops {who}").into(),
        Reason::Stopped => {
            format!("{who} is stopped, and will look at {sig} when it is continued").into()
        }
        Reason::Frozen if s.target.frozen == Frozen::V1 => {
            format!("the cgroup of {who} is frozen: not even SIGKILL acts before it is thawed")
                .into()
        }
        Reason::Frozen => {
            format!("the cgroup of {who} is frozen: {sig} waits until it is thawed").into()
        }
        Reason::DefaultTerminate if s.target.is_ns_init() => format!(
            "a thread of PID 1 that does not block {sig} lets it in: the kernel protects an init only where its main thread would take it"
        )
        .into(),
        Reason::DefaultTerminate => {
            format!("{who} has no handler for {sig}, whose default action ends it").into()
        }
        Reason::DefaultCore if kind == Kind::Fault && s.target.is_ns_init() => {
            format!("a real fault in PID 1: the kernel takes away its protection and ends it with {sig}").into()
        }
        Reason::DefaultCore => format!(
            "{who} has no handler for {sig}, whose default action ends it with a core dump"
        )
        .into(),
        Reason::Kill => kill(kind).into(),
        Reason::ForcedOnInit => forced_on_init(kind).into(),
        Reason::UnkillableInitAtDequeue | Reason::GroupExit | Reason::ModelDisagrees => {
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
            "{name} was queued, but when PID 1 took it there was no handler for it: the kernel protects a namespace's init and dropped it there"
        )
        .into(),
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
        (Outcome::Stopped, _) => format!("{name} stops {who}").into(),
        (Outcome::Fatal, _) => format!("{name} ends {who}").into(),
        _ => "sigwhy cannot explain what the kernel did: please report this record".into(),
    }
}

fn subject(is_init: bool) -> &'static str {
    if is_init { "PID 1" } else { "the target" }
}

fn unkillable(s: &Situation, sig: &str) -> Cow<'static, str> {
    let kernel_only = s.sig == SIGKILL || s.sig == SIGSTOP;
    if !kernel_only {
        return format!(
            "PID 1 has no {sig} handler, and the kernel protects a namespace's init from signals it does not handle"
        )
        .into();
    }
    if s.sender.nr_in_target != 0 || s.sender.is_target {
        return format!(
            "a {sig} from inside its own PID namespace never reaches PID 1: only a sender that PID 1 cannot see has that power"
        )
        .into();
    }
    match (s.info, s.code) {
        (Info::Pointer, si::TIMER) => format!(
            "a {sig} that looks like a timer's (SI_TIMER) is never forced upon PID 1, wherever it comes from"
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
            "its parent thread ended, and it had asked for SIGKILL then (PR_SET_PDEATHSIG)"
        }
        _ => "SIGKILL ends it at once, with no chance to clean up",
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
            "the parent thread of PID 1 ended, and PID 1 had asked for SIGKILL then (PR_SET_PDEATHSIG): its whole PID namespace ends"
        }
        _ => "SIGKILL from the kernel ends even PID 1, and with it its whole PID namespace",
    }
}
