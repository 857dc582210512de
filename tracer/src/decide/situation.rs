//! The input of the model: one signal, as the kernel saw it.

use tracer_common::facts::{self, handler, info, result};

/// `PF_EXITING`: the thread is exiting.
pub const PF_EXITING: u32 = 0x4;
/// `PF_KTHREAD`: a kernel thread.
pub const PF_KTHREAD: u32 = 0x0020_0000;
/// `SIGNAL_STOP_STOPPED`: the thread group is stopped.
pub const SIGNAL_STOP_STOPPED: u32 = 0x1;
/// `SIGNAL_GROUP_EXIT`: the thread group is dying.
pub const SIGNAL_GROUP_EXIT: u32 = 0x4;
/// `SIGNAL_GROUP_COREDUMP`, to 5.16: the group writes a core dump.
pub const SIGNAL_GROUP_COREDUMP: u32 = 0x8;
/// `SIGNAL_UNKILLABLE`: the init of a PID namespace, as long as it lives.
pub const SIGNAL_UNKILLABLE: u32 = 0x40;

/// `SI_*` codes that the decision depends on.
pub mod si {
    pub const USER: i32 = 0;
    pub const KERNEL: i32 = 0x80;
    pub const QUEUE: i32 = -1;
    pub const TIMER: i32 = -2;
    pub const ASYNCIO: i32 = -4;
    pub const SIGIO: i32 = -5;
    pub const TKILL: i32 = -6;
}

/// What the kernel passed as siginfo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Info {
    /// `SEND_SIG_NOINFO`
    NoInfo,
    /// `SEND_SIG_PRIV`
    Priv,
    /// A real siginfo.
    Pointer,
}

impl Info {
    pub(crate) fn from_fact(value: u8) -> Self {
        match value {
            info::NOINFO => Self::NoInfo,
            info::PRIV => Self::Priv,
            _ => Self::Pointer,
        }
    }
}

/// The tracepoint's result, `TRACE_SIGNAL_*`, or that it was never reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TraceResult {
    /// Queued, which is not yet delivered.
    Delivered,
    Ignored,
    AlreadyPending,
    OverflowFail,
    LoseInfo,
    /// Not the tracepoint's: `check_kill_permission()` returned this errno, and there
    /// was no signal.
    Refused(u8),
    /// A value that no kernel up to 7.2 has.
    Unknown(u8),
}

impl TraceResult {
    pub(crate) fn from_fact(value: u8) -> Self {
        match value {
            0 => Self::Delivered,
            1 => Self::Ignored,
            2 => Self::AlreadyPending,
            3 => Self::OverflowFail,
            4 => Self::LoseInfo,
            refused if refused & result::REFUSED != 0 => Self::Refused(refused & !result::REFUSED),
            other => Self::Unknown(other),
        }
    }
}

/// What the target has set for the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Handler {
    Default,
    Ignore,
    Function,
    /// `SIG_KTHREAD`: a kernel thread that takes it.
    Kthread,
    /// `SIG_KTHREAD_KERNEL`: a kernel thread that takes it from the kernel.
    KthreadKernel,
    /// Could not be read.
    Unknown,
}

impl Handler {
    pub(crate) fn from_fact(value: u8) -> Self {
        match value {
            handler::DEFAULT => Self::Default,
            handler::IGNORE => Self::Ignore,
            handler::FUNCTION => Self::Function,
            handler::KTHREAD => Self::Kthread,
            handler::KTHREAD_KERNEL => Self::KthreadKernel,
            _ => Self::Unknown,
        }
    }
}

/// Whether the target's cgroup is frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Frozen {
    No,
    /// By the v1 (or the system's) freezer: not even SIGKILL acts.
    V1,
    /// By the v2 freezer: SIGKILL acts.
    V2,
}

/// Where the sender's PID namespace is, seen from the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    Same,
    /// The sender's namespace contains the target's.
    Ancestor,
    /// The sender's namespace is inside the target's.
    Descendant,
    /// Siblings, or further apart.
    Unrelated,
    /// No process sent it.
    Kernel,
}

/// The target's state under siglock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// PID-namespace level, 0 is the host.
    pub level: u32,
    /// The process's number in its innermost namespace.
    pub nr: u32,
    /// `task->flags`
    pub pf_flags: u32,
    /// `signal->flags`
    pub signal_flags: u32,
    pub group_exit_code: u32,
    /// `task->exit_state`
    pub exit_state: u32,
    /// `signal->live`
    pub live: u32,
    pub handler: Handler,
    pub blocked: bool,
    pub real_blocked: bool,
    pub ptraced: bool,
    pub core_dump: bool,
    pub frozen: Frozen,
    /// The group was known to be dying before this signal.
    pub was_dying: bool,
}

impl Target {
    /// The init of a PID namespace other than the host's. By number: the flag
    /// SIGNAL_UNKILLABLE is overwritten by the very signal that ends an init.
    pub fn is_ns_init(&self) -> bool {
        self.level >= 1 && self.nr == 1
    }

    /// The machine's own init.
    pub fn is_global_init(&self) -> bool {
        self.level == 0 && self.nr == 1
    }

    /// `blocked` is about the task at hand; while it waits in sigtimedwait the
    /// kernel keeps the real mask aside, so this is a wait and not a block.
    pub fn sigwait(&self) -> bool {
        self.real_blocked && !self.blocked
    }
}

/// `current`, as far as the decision depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    /// Its number in the target's innermost namespace, 0 if not visible there.
    pub nr_in_target: u32,
    /// `task->flags`
    pub pf_flags: u32,
    /// The number in its own namespace.
    pub nr: u32,
    pub level: u32,
    /// The idle task of a processor.
    pub is_idle: bool,
    /// The same process as the target.
    pub is_target: bool,
}

/// One signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// 1..=64
    pub sig: u32,
    /// `si_code`, for [`Info::Pointer`].
    pub code: i32,
    pub info: Info,
    /// To the process, not to one thread.
    pub group: bool,
    pub result: TraceResult,
    pub relation: Relation,
    pub sender: Sender,
    pub target: Target,
    /// `task->pdeath_signal` of the target, 0 if none or unknown.
    pub pdeath_signal: u32,
    /// The OOM killer named the target as its victim.
    pub oom_victim: bool,
}

/// `task->__state`, `jobctl` and flags to "frozen".
pub fn frozen(core: &facts::SignalCore, frozen_in_state: bool) -> Frozen {
    /// `TASK_FROZEN`, from 6.1.
    const TASK_FROZEN: u32 = 0x8000;
    /// `PF_FROZEN`, to 6.0; a later kernel uses the bit otherwise.
    const PF_FROZEN: u32 = 0x0001_0000;
    /// `JOBCTL_TRAP_FREEZE`
    const JOBCTL_TRAP_FREEZE: u32 = 1 << 23;
    let v1 = if frozen_in_state {
        core.state & TASK_FROZEN != 0
    } else {
        core.target.flags & PF_FROZEN != 0
    };
    if v1 {
        Frozen::V1
    } else if core.jobctl & JOBCTL_TRAP_FREEZE != 0 {
        Frozen::V2
    } else {
        Frozen::No
    }
}
