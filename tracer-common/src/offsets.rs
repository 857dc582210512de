//! The one table of kernel fields that sigwhy reads.
//!
//! Each row is the name of a global, the type, the member paths to try (a
//! renamed field has several), and who needs it. The kernel side expands the
//! table to one overridable global per field, the loader to the list that it
//! resolves against the running kernel's BTF. A new field is one row here.
//!
//! The last word of a row: `required` means that nothing works without it;
//! anything else names the ability that is lost, and the reader of a record
//! sees "unknown" there, never a wrong number.

/// Calls `$callback!` with the table's rows.
#[macro_export]
macro_rules! for_each_offset {
    ($callback:ident) => {
        $callback! {
            TASK_FLAGS: "task_struct" ["flags"] required;
            TASK_PTRACE: "task_struct" ["ptrace"] required;
            TASK_EXIT_STATE: "task_struct" ["exit_state"] required;
            TASK_EXIT_CODE: "task_struct" ["exit_code"] required;
            TASK_PID: "task_struct" ["pid"] required;
            TASK_TGID: "task_struct" ["tgid"] required;
            TASK_REAL_PARENT: "task_struct" ["real_parent"] sender_ancestry;
            TASK_GROUP_LEADER: "task_struct" ["group_leader"] required;
            TASK_START_BOOTTIME: "task_struct" ["start_boottime", "real_start_time"] required;
            TASK_COMM: "task_struct" ["comm"] required;
            TASK_CRED: "task_struct" ["cred"] uid;
            TASK_SIGNAL: "task_struct" ["signal"] required;
            TASK_SIGHAND: "task_struct" ["sighand"] required;
            TASK_BLOCKED: "task_struct" ["blocked"] required;
            TASK_REAL_BLOCKED: "task_struct" ["real_blocked"] required;
            TASK_JOBCTL: "task_struct" ["jobctl"] frozen_v2;
            TASK_STATE: "task_struct" ["__state", "state"] frozen_v1;
            TASK_PDEATH_SIGNAL: "task_struct" ["pdeath_signal"] parent_death;
            TASK_MM: "task_struct" ["mm"] core_dump;
            TASK_CGROUPS: "task_struct" ["cgroups"] cgroup;
            CRED_UID: "cred" ["uid"] uid;
            SIGNAL_CURR_TARGET: "signal_struct" ["curr_target"] required;
            SIGNAL_LIVE: "signal_struct" ["live"] required;
            SIGNAL_FLAGS: "signal_struct" ["flags"] required;
            SIGNAL_GROUP_EXIT_CODE: "signal_struct" ["group_exit_code"] required;
            SIGNAL_CORE_STATE: "signal_struct" ["core_state"] core_dump_in_signal;
            MM_CORE_STATE: "mm_struct" ["core_state"] core_dump_in_mm;
            SIGHAND_ACTION: "sighand_struct" ["action"] required;
            SIGACTION_HANDLER: "sigaction" ["sa_handler"] required;
            PID_LEVEL: "pid" ["level"] required;
            PID_NUMBERS: "pid" ["numbers"] required;
            UPID_NR: "upid" ["nr"] required;
            UPID_NS: "upid" ["ns"] required;
            PIDNS_INUM: "pid_namespace" ["ns.inum"] required;
            PIDNS_ID: "pid_namespace" ["ns.ns_id"] pid_namespace_id;
            PIDNS_CHILD_REAPER: "pid_namespace" ["child_reaper"] container_init;
            PIDNS_PID_ALLOCATED: "pid_namespace" ["pid_allocated"] zap_progress;
            SIGINFO_CODE: "kernel_siginfo" ["si_code"] required;
            CSS_SET_DFL_CGRP: "css_set" ["dfl_cgrp"] cgroup;
            CSS_CGROUP: "cgroup_subsys_state" ["cgroup"] cgroup_v1;
            CGROUP_KN: "cgroup" ["kn"] cgroup;
            KN_ID: "kernfs_node" ["id"] cgroup;
            CGROUP_ROOT: "cgroup" ["root"] cgroup_names;
            CGROUP_ROOT_HIERARCHY: "cgroup_root" ["hierarchy_id"] cgroup_names;
        }
    };
}

/// One field: where to find it, and what is lost without it.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The global in the object.
    pub global: &'static str,
    /// The kernel type.
    pub type_name: &'static str,
    /// Member paths to try, newest name first.
    pub paths: &'static [&'static str],
    /// `required`, or the ability that is lost.
    pub ability: &'static str,
}

macro_rules! as_list {
    ($($global:ident: $type_name:literal [$($path:literal),+] $ability:ident;)+) => {
        /// The table as a list, in its order.
        pub const FIELDS: &[Field] = &[$(Field {
            global: stringify!($global),
            type_name: $type_name,
            paths: &[$($path),+],
            ability: stringify!($ability),
        }),+];
    };
}
for_each_offset!(as_list);

/// Sizes and indices that are no field offsets, resolved from BTF as well.
pub mod extra {
    /// `sizeof(struct k_sigaction)`.
    pub const SIZEOF_K_SIGACTION: &str = "SIZEOF_K_SIGACTION";
    /// `sizeof(struct upid)`.
    pub const SIZEOF_UPID: &str = "SIZEOF_UPID";
    /// Byte offset of `signal_struct.pids[PIDTYPE_TGID]`.
    pub const SIGNAL_TGID_PID: &str = "SIGNAL_TGID_PID";
    /// Byte offset in `css_set` of the `subsys` slot of the v1 hierarchy that names
    /// containers (`css_set.subsys[..._cgrp_id]`).
    pub const CSS_SET_V1_SLOT: &str = "CSS_SET_V1_SLOT";
}
