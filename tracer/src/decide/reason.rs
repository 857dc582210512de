//! Outcomes and reasons: the stable ids, each with its reference text.
//!
//! Adding a reason is one variant and one row here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of a signal.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is gone, and the target never hears of it.
    Dropped,
    /// One of the kind was pending already.
    Coalesced,
    /// The sender was told that it could not be queued.
    Failed,
    /// It waits in the target's queue.
    Queued,
    /// It ends the target.
    Fatal,
    /// (deliver) A handler runs.
    Handled,
    /// (deliver) It stops the target.
    Stopped,
    /// (deliver) It does nothing, as for any process.
    Ignored,
}

impl Outcome {
    /// The stable id.
    pub fn id(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Coalesced => "coalesced",
            Self::Failed => "failed",
            Self::Queued => "queued",
            Self::Fatal => "fatal",
            Self::Handled => "handled",
            Self::Stopped => "stopped",
            Self::Ignored => "ignored",
        }
    }

    /// Every outcome.
    pub const ALL: [Self; 8] = [
        Self::Dropped,
        Self::Coalesced,
        Self::Failed,
        Self::Queued,
        Self::Fatal,
        Self::Handled,
        Self::Stopped,
        Self::Ignored,
    ];
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $id:literal $about:literal;)+) => {
        /// Why.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum Reason {
            $($(#[$doc])* #[doc = $about] $name),+
        }

        impl Reason {
            /// Every reason, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable id.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id),+ }
            }

            /// What it means, for the reference.
            pub fn about(self) -> &'static str {
                match self { $(Self::$name => $about),+ }
            }
        }
    };
}

reasons! {
    UnkillableInit "unkillable_init"
        "The target is the init of a PID namespace and has no handler for the signal, and it is not a SIGKILL or SIGSTOP from a sender that the init cannot see or from the kernel.";
    GlobalInit "global_init"
        "SIGKILL or SIGSTOP for the machine's own PID 1.";
    Ignored "ignored"
        "The target has set the signal to be ignored (SIG_IGN).";
    DefaultIgnore "default_ignore"
        "The default action of the signal is to do nothing, and no handler is set. A SIGCONT still resumes a stopped process.";
    KernelThread "kernel_thread"
        "The target is a kernel thread that takes the signal from the kernel only.";
    TargetExiting "target_exiting"
        "The target is dying or a zombie: nothing more can reach it.";
    CoreDumping "core_dumping"
        "The target writes a core dump, during which only SIGKILL reaches it.";
    ExitingThread "exiting_thread"
        "The signal was for one thread, and that thread is exiting.";
    AlreadyPending "already_pending"
        "A standard signal of the same number was pending already, and these do not queue.";
    QueueFull "queue_full"
        "The target's user has too many signals pending (RLIMIT_SIGPENDING), or memory is short: the sender got EAGAIN.";
    PermissionDenied "permission_denied"
        "The sender may not signal the target: another user's process without CAP_KILL over it, or a security module (AppArmor, SELinux) said no. The sender got EPERM or EACCES, and there was no signal.";
    Handler "handler"
        "The target has a handler, which will run (or runs, on delivery).";
    Blocked "blocked"
        "The target blocks the signal: it stays pending until it is unblocked, waited for, or read from a signalfd. What happens then is decided then.";
    Sigwait "sigwait"
        "The target waits for this signal in sigwait or sigtimedwait, and takes it there.";
    Ptrace "ptrace"
        "The target is traced: its tracer decides.";
    Stop "stop"
        "The default action stops the target.";
    Stopped "stopped"
        "The target is stopped: it will look at the signal when it is continued.";
    Frozen "frozen"
        "The target's cgroup is frozen: it will look at the signal when it is thawed.";
    DefaultTerminate "default_terminate"
        "The default action ends the target.";
    DefaultCore "default_core"
        "The default action ends the target, with a core dump where that is allowed.";
    Kill "kill"
        "SIGKILL to an ordinary process.";
    ForcedOnInit "forced_on_init"
        "SIGKILL to the init of a PID namespace, from a sender that the init cannot see or from the kernel.";
    UnkillableInitAtDequeue "unkillable_init_at_dequeue"
        "(deliver) The signal was queued, because it was blocked or a handler was set, and when the init of a PID namespace took it from the queue it had no handler: it vanished there.";
    GroupExit "group_exit"
        "(deliver) The thread takes the SIGKILL that every thread of a dying process takes, whatever ended the process; or that every other thread takes when one calls execve.";
    NotRecorded "not_recorded"
        "(imported) Whoever recorded it did not note what the kernel looked at, so that only the result is known.";
    ModelDisagrees "model_disagrees"
        "sigwhy's model of the kernel does not explain what the kernel did. This is a bug in sigwhy, or news about the kernel: please report it with the record.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_what_json_prints() {
        for reason in Reason::ALL {
            let json = serde_json::to_string(reason).expect("a unit variant");
            assert_eq!(json, format!("{:?}", reason.id()));
            assert!(reason.about().ends_with('.'));
        }
        for outcome in Outcome::ALL {
            let json = serde_json::to_string(&outcome).expect("a unit variant");
            assert_eq!(json, format!("{:?}", outcome.id()));
        }
    }
}
