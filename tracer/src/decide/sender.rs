//! Who really sent a signal.
//!
//! At `signal_generate`, `current` is the sender only in process context. A
//! timer fires on whatever task the interrupt hit, a `^C` comes from a kworker,
//! an OOM kill from whichever task asked for memory: none of them is to blame.
//! How each path calls the core sender tells them apart.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracer_common::signals::{
    self, SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGKILL, SIGPIPE, SIGPROF, SIGQUIT,
    SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGVTALRM, SIGWINCH, SIGXFSZ,
};

use super::situation::{Info, PF_EXITING, PF_KTHREAD, Relation, Situation, si};

/// What kind of sender it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A process, by a system call.
    Process,
    /// The kernel, for a reason not listed here (a resource limit, a tracer's
    /// end, reboot(2) in a PID namespace).
    Kernel,
    /// A timer of the target's or of another's.
    Timer,
    /// The terminal: a key, a hang-up, job control.
    Tty,
    /// The OOM killer.
    Oom,
    /// The end of a PID namespace: its init died.
    Zap,
    /// A child that ended, stopped or went on.
    ChildExit,
    /// The target's own doing: a fault, a refused system call.
    Fault,
    /// The parent's end (PR_SET_PDEATHSIG).
    ParentDeath,
    /// Input or output: a broken pipe, a readable descriptor.
    Io,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Process,
        Self::Kernel,
        Self::Timer,
        Self::Tty,
        Self::Oom,
        Self::Zap,
        Self::ChildExit,
        Self::Fault,
        Self::ParentDeath,
        Self::Io,
    ];

    /// The stable id.
    pub fn id(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Kernel => "kernel",
            Self::Timer => "timer",
            Self::Tty => "tty",
            Self::Oom => "oom",
            Self::Zap => "zap",
            Self::ChildExit => "child_exit",
            Self::Fault => "fault",
            Self::ParentDeath => "parent_death",
            Self::Io => "io",
        }
    }

    /// Whether `current` has a part in it, so that it is named.
    pub fn names_a_process(self) -> bool {
        matches!(
            self,
            Self::Process | Self::Zap | Self::ChildExit | Self::ParentDeath
        )
    }
}

/// Tells who sent it.
pub fn kind(s: &Situation) -> Kind {
    match s.info {
        Info::Pointer => from_siginfo(s),
        Info::Priv => match from_kernel(s) {
            // A victim stays one: where its init dies as well (memory.oom.group),
            // the zap comes by later. An exiting task starts no OOM kill.
            Kind::Zap => Kind::Zap,
            _ if s.oom_victim && s.sig == SIGKILL => Kind::Oom,
            other => other,
        },
        Info::NoInfo => without_info(s),
    }
}

/// The relation that output shows: no process, no namespace.
pub fn relation(s: &Situation, kind: Kind) -> Relation {
    if kind.names_a_process() {
        s.relation
    } else {
        Relation::Kernel
    }
}

fn from_kthread(s: &Situation) -> bool {
    s.sender.is_idle || s.sender.pf_flags & PF_KTHREAD != 0
}

/// A real siginfo says much by its code.
fn from_siginfo(s: &Situation) -> Kind {
    let s_self = s.sender.is_target;
    match s.code {
        si::TIMER => Kind::Timer,
        si::SIGIO => Kind::Io,
        // do_notify_parent() and do_notify_parent_cldstop()
        1..=6 if s.sig == SIGCHLD => Kind::ChildExit,
        1..=6 if s.sender.pf_flags & PF_EXITING != 0 && !s_self => Kind::ChildExit,
        // send_sigio_to_task() with F_SETSIG: POLL_IN .. POLL_HUP
        1..=6 if s.sig == SIGIO || !signals::contains(signals::SYNCHRONOUS, s.sig) => Kind::Io,
        // force_sig_fault(), force_sig(): the task itself, and its thread only
        code if code > 0 && s_self && !s.group => {
            if signals::contains(signals::SYNCHRONOUS, s.sig) {
                Kind::Fault
            } else {
                Kind::Kernel
            }
        }
        // Memory failure found by another task, for one thread.
        code if code > 0
            && code != si::KERNEL
            && !s.group
            && signals::contains(signals::SYNCHRONOUS, s.sig) =>
        {
            Kind::Fault
        }
        // A program may bring such a code for itself only.
        code if code > 0 && !s_self => Kind::Kernel,
        // kill_pid_usb_asyncio(), on whatever task the interrupt hit; libc's own
        // asynchronous I/O signals its own process.
        si::ASYNCIO if !s_self => Kind::Io,
        _ if from_kthread(s) => Kind::Kernel,
        _ => Kind::Process,
    }
}

/// `SEND_SIG_PRIV`: the kernel says that it is the sender.
fn from_kernel(s: &Situation) -> Kind {
    let exiting = s.sender.pf_flags & PF_EXITING != 0;
    match s.sig {
        // zap_pid_ns_processes(): the exiting init of the target's namespace, or
        // of one around it, or a thread of the init itself that is not yet gone.
        // What else an exiting init does (PTRACE_O_EXITKILL) is for one thread.
        SIGKILL
            if exiting
                && s.group
                && s.sender.nr == 1
                && s.sender.level >= 1
                && matches!(s.relation, Relation::Same | Relation::Ancestor) =>
        {
            Kind::Zap
        }
        SIGALRM | SIGVTALRM | SIGPROF => Kind::Timer,
        SIGIO | SIGURG => Kind::Io,
        // The terminal means processes; one thread is bpf_send_signal_thread().
        SIGINT | SIGQUIT | SIGTSTP | SIGTTIN | SIGTTOU | SIGWINCH if s.group => Kind::Tty,
        // A hang-up of the terminal; an exiting task sends the pair to a process
        // group that it orphans.
        SIGHUP | SIGCONT if !exiting && s.group => Kind::Tty,
        _ => Kind::Kernel,
    }
}

/// `SEND_SIG_NOINFO`: looks like kill(2) in the text tracepoint, and is not.
fn without_info(s: &Situation) -> Kind {
    match s.sig {
        SIGPIPE | SIGXFSZ if s.sender.is_target => Kind::Io,
        // forget_original_parent(): the parent thread is exiting.
        _ if s.group
            && s.sender.pf_flags & PF_EXITING != 0
            && (s.pdeath_signal == s.sig || s.pdeath_signal == 0) =>
        {
            Kind::ParentDeath
        }
        _ if from_kthread(s) => Kind::Kernel,
        // send_sig(sig, current, 0), as execve() under an old-style tracer does.
        _ if s.sender.is_target && !s.group && s.sig != SIGKILL => Kind::Kernel,
        // cgroup.kill, and PTRACE_KILL: somebody wrote it.
        _ => Kind::Process,
    }
}
