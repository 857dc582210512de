//! The values, beside the field offsets, that the loader sets in the object's
//! read-only data before the kernel verifies it. The verifier treats them as
//! constants, so a gate that is off costs nothing and its branch is never
//! verified.
//!
//! Also the marker of an absent field, and the sizes of the filter maps.

/// An offset that the running kernel's BTF does not have.
pub const ABSENT: u32 = u32::MAX;

/// Names of the overridable globals: the protocol between loader and object.
pub mod name {
    /// `u64`: bit `sig - 1` set where signal `sig` is to be recorded.
    pub const SIGNAL_SET: &str = "SIGNAL_SET";
    /// `u32`: bit `result` set where that tracepoint result is to be recorded, and
    /// [`crate::facts::result::REFUSED_BIT`] where refusals are.
    pub const RESULT_SET: &str = "RESULT_SET";
    /// `u32`: bits of [`super::gate`].
    pub const GATES: &str = "GATES";
}

/// Bits of the `GATES` global.
pub mod gate {
    /// Record processes outside containers too.
    pub const HOST: u32 = 1 << 0;
    /// Record what the default view hides: the SIGKILL that every thread of a
    /// dying group takes, exits of ordinary processes.
    pub const NOISE: u32 = 1 << 1;
    /// Only targets that are the init of a PID namespace.
    pub const INITS_ONLY: u32 = 1 << 2;
    /// Consult the `FILTER_PIDS` map.
    pub const PIDS: u32 = 1 << 3;
    /// Some of the wanted pids are wanted as targets; without it what has no
    /// sender (a delivery, an exit) is not filtered by pid.
    pub const TARGET_PIDS: u32 = 1 << 8;
    /// Consult the `FILTER_PID_NS` map.
    pub const PID_NS: u32 = 1 << 4;
    /// Consult the `FILTER_CGROUPS` map.
    pub const CGROUPS: u32 = 1 << 5;
    /// `sched_process_exit` has its `group_dead` argument (6.16 and later).
    pub const GROUP_DEAD_ARG: u32 = 1 << 6;
    /// `oom:mark_victim` passes a task, not a pid number.
    pub const OOM_TASK_ARG: u32 = 1 << 7;
    /// Targets were asked for by what their containers are called: nothing of the
    /// host, and nothing that is in the `UNWANTED` map.
    pub const NAMED: u32 = 1 << 9;
    /// Senders were asked for so: none of the host.
    pub const SENDERS_NAMED: u32 = 1 << 10;
    /// Consult the `HOSTED` map once it has entries.
    pub const HOSTED: u32 = 1 << 11;
}

/// `FILTER_PIDS` value bit: the pid is wanted as target.
pub const WANT_TARGET: u8 = 1;
/// `FILTER_PIDS` value bit: the pid is wanted as sender.
pub const WANT_SENDER: u8 = 2;

/// Entries of each filter map.
pub const FILTER_ENTRIES: u32 = 4096;

/// The longest time between an event and the wake-up of its reader, in ns. A
/// reader that has been woken looks again a little after this has passed, since
/// events within it wake nobody.
pub const WAKE_PERIOD_NS: u64 = 10_000_000;
/// Bytes put into a ring since the last wake-up that wake the reader at once.
pub const WAKE_BYTES: u64 = 256 << 10;

/// Bytes of the ring for what matters.
pub const RING_MATTERS_BYTES: u32 = 1 << 20;
/// Bytes of the ring for the rest.
pub const RING_REST_BYTES: u32 = 8 << 20;

/// The inode of the initial PID namespace, a constant of the kernel
/// (`PROC_PID_INIT_INO`, `include/linux/proc_ns.h`).
pub const INIT_PID_NS_INUM: u32 = 0xEFFF_FFFC;
