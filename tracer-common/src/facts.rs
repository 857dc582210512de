//! The records that cross the ring buffers: facts, no verdicts.
//!
//! Every record begins with a [`Header`]. A signal has a slim record
//! ([`SignalCore`]) where both sides are ordinary processes of the host, and a
//! full one ([`SignalFull`], of which the slim one is the beginning) for
//! anything that touches a container or matters by itself.
//!
//! Units: times are nanoseconds of `CLOCK_BOOTTIME`; pids are in the initial
//! PID namespace unless said; 0 means unknown where a 0 cannot be real.

/// Bytes of a task's `comm`, the terminating NUL included (`TASK_COMM_LEN`).
pub const COMM_LEN: usize = 16;
/// PID-namespace levels recorded one by one, level 0 (the host) first.
pub const MAX_LEVELS: usize = 8;
/// Generations of the sender's ancestors recorded.
pub const ANCESTORS: usize = 4;

/// What a record is; the value of [`Header::kind`].
pub mod kind {
    /// [`super::SignalCore`]
    pub const SIGNAL: u16 = 1;
    /// [`super::SignalFull`]
    pub const SIGNAL_FULL: u16 = 2;
    /// [`super::DeliverCore`]
    pub const DELIVER: u16 = 3;
    /// [`super::DeliverFull`]
    pub const DELIVER_FULL: u16 = 4;
    /// [`super::Exit`]
    pub const EXIT: u16 = 5;
    /// [`super::Zap`]
    pub const ZAP: u16 = 6;
    /// [`super::Oom`]
    pub const OOM: u16 = 7;
    /// [`super::CgroupMkdir`]
    pub const CGROUP_MKDIR: u16 = 8;
    /// [`super::CgroupRmdir`]
    pub const CGROUP_RMDIR: u16 = 9;
}

/// What `info` was at `signal_generate`: the kernel passes two magic values
/// that are no pointers (`include/linux/sched/signal.h`).
pub mod info {
    /// `SEND_SIG_NOINFO`
    pub const NOINFO: u8 = 0;
    /// `SEND_SIG_PRIV`
    pub const PRIV: u8 = 1;
    /// A real `struct kernel_siginfo *`.
    pub const POINTER: u8 = 2;
}

/// What a signal's result is beside `TRACE_SIGNAL_*` (0 to 4).
pub mod result {
    /// Set where `check_kill_permission` said no, before there was a signal; the
    /// other bits are its errno.
    pub const REFUSED: u8 = 0x80;
    /// The bit of such results in the set of wanted ones.
    pub const REFUSED_BIT: u32 = 5;
}

/// The class of a signal's handler.
pub mod handler {
    /// `SIG_DFL`
    pub const DEFAULT: u8 = 0;
    /// `SIG_IGN`
    pub const IGNORE: u8 = 1;
    /// `SIG_KTHREAD`: a kernel thread that takes it from anyone.
    pub const KTHREAD: u8 = 2;
    /// `SIG_KTHREAD_KERNEL`: a kernel thread that takes it from the kernel only.
    pub const KTHREAD_KERNEL: u8 = 3;
    /// A function of the program.
    pub const FUNCTION: u8 = 4;
    /// Could not be read.
    pub const UNKNOWN: u8 = 255;
}

/// Bits of [`SignalCore::bits`] and [`DeliverCore::bits`].
pub mod bits {
    /// The signal is in `task->blocked`.
    pub const BLOCKED: u16 = 1 << 0;
    /// The signal is in `task->real_blocked` (the task waits in sigtimedwait).
    pub const REAL_BLOCKED: u16 = 1 << 1;
    /// `task->ptrace` is not 0.
    pub const PTRACED: u16 = 1 << 2;
    /// The group writes a core dump.
    pub const CORE_DUMP: u16 = 1 << 3;
    /// The event passed no filter and was kept for the state it carries.
    pub const BYPASS: u16 = 1 << 4;
}

/// Phases of a PID namespace's end, the value of [`Zap::phase`].
pub mod zap {
    /// `zap_pid_ns_processes` was entered (fentry or kprobe).
    pub const ENTER: u32 = 1;
    /// `zap_pid_ns_processes` returned (fexit or kretprobe).
    pub const LEAVE: u32 = 2;
    /// An exiting init waits for its children, which only the zap does.
    pub const WAIT: u32 = 3;
    /// The init's last thread was released; the zap is certainly over.
    pub const RELEASED: u32 = 4;
}

/// The head of every record.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Header {
    /// When the kernel came to the hook.
    pub ts: u64,
    /// One of [`kind`].
    pub kind: u16,
    /// Bytes of the whole record.
    pub len: u16,
    /// The processor.
    pub cpu: u32,
}

/// A task, as far as it can be named without its namespaces.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Task {
    /// `start_boottime` of the thread-group leader: with `tgid` an identity that is never reused.
    pub start: u64,
    pub tgid: u32,
    pub tid: u32,
    pub uid: u32,
    /// `PF_*` flags of the thread.
    pub flags: u32,
    /// Bytes after the first NUL are stale.
    pub comm: [u8; COMM_LEN],
}

/// The numbers that a thread-group leader has in its PID namespaces.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PidLevels {
    /// 0 is the host.
    pub level: u32,
    /// The number in the innermost namespace.
    pub nr: u32,
    /// The inode of the innermost namespace.
    pub inum: u32,
    pub _pad: u32,
    /// `ns_id` of the innermost namespace (6.18 and later), never reused; 0 where the kernel has none.
    pub ns_id: u64,
    /// The number at each level.
    pub nrs: [u32; MAX_LEVELS],
    /// The inode at each level.
    pub inums: [u32; MAX_LEVELS],
}

/// A process further up.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ancestor {
    pub tgid: u32,
    pub comm: [u8; COMM_LEN],
}

/// The init of a PID namespace (`pid_namespace.child_reaper`).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reaper {
    pub start: u64,
    pub tgid: u32,
    pub _pad: u32,
    pub comm: [u8; COMM_LEN],
}

/// Where a task stands in the cgroup hierarchies: kernfs ids, which are the
/// inodes of the directories. 0 is unknown.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cgroups {
    /// The default hierarchy (cgroup v2).
    pub v2: u64,
    /// The v1 hierarchy that names containers.
    pub v1: u64,
}

/// One firing of `signal_generate`, slim.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SignalCore {
    pub header: Header,
    /// `si_code`; 0 for NOINFO and `SI_KERNEL` for PRIV, as the kernel's own event prints it.
    pub code: i32,
    pub sig: u8,
    /// `TRACE_SIGNAL_*`, 0 to 4, or one of [`result`].
    pub result: u8,
    /// One of [`info`].
    pub info: u8,
    /// 1 for a signal to the process, 0 for one to a thread.
    pub group: u8,
    pub target: Task,
    /// `current`, which is not always who sent it.
    pub sender: Task,
    /// `signal_struct.flags` of the target.
    pub signal_flags: u32,
    pub group_exit_code: u32,
    pub exit_state: u16,
    /// See [`bits`].
    pub bits: u16,
    /// One of [`handler`], for this signal.
    pub handler: u8,
    /// One of [`handler`], for SIGTERM.
    pub sigterm_handler: u8,
    /// `signal_struct.live`, saturating at `u16::MAX`.
    pub live: u16,
    /// The low half of `task_struct.jobctl`.
    pub jobctl: u32,
    /// `task_struct.__state`.
    pub state: u32,
}

/// One firing of `signal_generate`, full.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SignalFull {
    pub core: SignalCore,
    pub target_pid: PidLevels,
    pub sender_pid: PidLevels,
    pub target_cgroups: Cgroups,
    pub sender_cgroups: Cgroups,
    /// The init of the target's innermost namespace.
    pub reaper: Reaper,
    /// `current`'s number in the target's innermost namespace, 0 if not visible there.
    pub sender_nr: u32,
    /// `task_struct.pdeath_signal` of the target.
    pub pdeath_signal: u32,
    /// The number of `current`'s parent in `current`'s innermost namespace, 0 if not
    /// visible there, `u32::MAX` if unknown.
    pub parent_nr: u32,
    pub _pad: u32,
    /// The sender's parent first.
    pub ancestors: [Ancestor; ANCESTORS],
}

/// One firing of `signal_deliver`, slim.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliverCore {
    pub header: Header,
    pub code: i32,
    pub sig: u8,
    /// One of [`info`].
    pub info: u8,
    /// One of [`handler`].
    pub handler: u8,
    pub _pad: u8,
    pub target: Task,
    pub signal_flags: u32,
    pub group_exit_code: u32,
    pub exit_state: u16,
    /// See [`bits`].
    pub bits: u16,
    pub live: u16,
    pub _pad2: u16,
}

/// One firing of `signal_deliver`, full.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliverFull {
    pub core: DeliverCore,
    pub target_pid: PidLevels,
    pub target_cgroups: Cgroups,
    pub reaper: Reaper,
}

/// The last thread of a process came to `sched_process_exit`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exit {
    pub header: Header,
    pub task: Task,
    /// `task_struct.exit_code`, as wait(2) would see it.
    pub exit_code: u32,
    pub group_exit_code: u32,
    pub signal_flags: u32,
    pub _pad: u32,
    pub pid: PidLevels,
    pub cgroups: Cgroups,
    pub reaper: Reaper,
}

/// A step in the end of a PID namespace.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Zap {
    pub header: Header,
    /// One of [`zap`].
    pub phase: u32,
    /// `pid_namespace.pid_allocated`: bit 31 set while pids can be made, below it their count.
    pub pid_allocated: u32,
    /// The init; in phase [`zap::RELEASED`] only its tgid and start are known.
    pub init: Task,
    pub pid: PidLevels,
    pub cgroups: Cgroups,
}

/// The OOM killer chose a victim (`oom:mark_victim`).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oom {
    pub header: Header,
    /// The victim's thread group where the kernel says it, else any of its threads.
    pub tgid: u32,
    pub _pad: u32,
}

/// Bytes of a cgroup's path that are recorded. A pod's container under systemd
/// takes about 250.
pub const CGROUP_PATH_LEN: usize = 512;

/// A cgroup was made (`cgroup:cgroup_mkdir`), in any hierarchy.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CgroupMkdir {
    pub header: Header,
    /// As in [`Cgroups`].
    pub id: u64,
    /// Id of the hierarchy, as in `/proc/cgroups`; 0 is cgroup v2.
    pub hierarchy: u32,
    /// Bytes of `path` up to its NUL; what follows is stale. 0: unreadable.
    pub len: u32,
    /// From the hierarchy's root.
    pub path: [u8; CGROUP_PATH_LEN],
}

/// A cgroup was removed (`cgroup:cgroup_rmdir`), in any hierarchy.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CgroupRmdir {
    pub header: Header,
    /// As in [`Cgroups`].
    pub id: u64,
    /// Id of the hierarchy, as in `/proc/cgroups`; 0 is cgroup v2.
    pub hierarchy: u32,
    pub _pad: u32,
}

/// Hooks that count, the index into the counters map.
pub mod hook {
    pub const SIGNAL_GENERATE: u32 = 0;
    pub const SIGNAL_DELIVER: u32 = 1;
    pub const SCHED_PROCESS_EXIT: u32 = 2;
    pub const SCHED_PROCESS_WAIT: u32 = 3;
    pub const SCHED_PROCESS_FREE: u32 = 4;
    pub const ZAP_ENTER: u32 = 5;
    pub const ZAP_LEAVE: u32 = 6;
    pub const MARK_VICTIM: u32 = 7;
    pub const CGROUP_MKDIR: u32 = 8;
    pub const CGROUP_RMDIR: u32 = 9;
    pub const CHECK_KILL_PERMISSION: u32 = 10;
    /// How many there are.
    pub const COUNT: u32 = 11;
}

/// Per-processor counters of one hook. `seen == filtered + submitted + ring_full`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub seen: u64,
    pub filtered: u64,
    pub submitted: u64,
    pub ring_full: u64,
}

macro_rules! record {
    ($($type:ident = $size:literal),+ $(,)?) => {
        // A record without padding is as large as its fields together; these
        // sizes were added up by hand, so a hole would not pass.
        $(const _: () = assert!(
            size_of::<$type>() == $size && size_of::<$type>() % 8 == 0 && align_of::<$type>() <= 8
        );)+
    };
}
record!(
    Header = 16,
    Task = 40,
    PidLevels = 88,
    Reaper = 32,
    Cgroups = 16,
    SignalCore = 128,
    SignalFull = 464,
    DeliverCore = 80,
    DeliverFull = 216,
    Exit = 208,
    Zap = 168,
    Oom = 24,
    CgroupMkdir = 544,
    CgroupRmdir = 32,
    Counters = 32,
);
