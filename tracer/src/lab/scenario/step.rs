//! What processes do in a scenario, and how it is told.

use std::time::Duration;

use nix::errno::Errno;

use super::Actor;
use crate::decide::names;
use crate::explain::Question;

/// Something a process does, or that the scenario waits for.
///
/// Masks have bit `signal - 1`. Where a step passes a pid, it is the number by
/// which the sender knows the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Starts a process on the host.
    Host { name: Actor },
    /// Starts PID 1 of a new PID namespace, a child of `parent`.
    Init { name: Actor, parent: Actor },
    /// The same in the parent's process group, which is then both inside and outside.
    InitMember { name: Actor, parent: Actor },
    /// Starts a child in the parent's PID namespace, in a process group of its own.
    Child { name: Actor, parent: Actor },
    /// The same in the parent's process group.
    Member { name: Actor, parent: Actor },
    /// Starts a child of `parent` in the PID namespace of `inside`, as docker
    /// exec and nsenter do.
    Inject {
        name: Actor,
        parent: Actor,
        inside: Actor,
    },
    /// Sets a handler that counts.
    Handle { who: Actor, signal: u32 },
    /// The same for every signal of a mask.
    HandleAll { who: Actor, mask: u64 },
    /// SIG_IGN.
    Ignore { who: Actor, signal: u32 },
    /// SIG_DFL.
    Default { who: Actor, signal: u32 },
    /// sigaction(2) for a handler, which must be refused with this errno.
    CannotHandle { who: Actor, signal: u32, errno: i32 },
    /// Blocks this signal and no other.
    Block { who: Actor, signal: u32 },
    /// Unblocks everything, and goes on once whatever was pending has been dealt
    /// with.
    Unblock { who: Actor, signal: u32 },
    /// Waits in sigtimedwait(2); goes on once it does.
    Sigwait { who: Actor, signal: u32 },
    /// The same for every signal of a mask, as tini does.
    SigwaitSet { who: Actor, mask: u64 },
    /// Waits on a signalfd(2) for the signals of a mask, which it blocks.
    Signalfd { who: Actor, signals: u64 },
    /// Goes on once a sigwait or signalfd has returned, and notes what it took.
    Awaken { who: Actor },
    /// kill(2), which must succeed.
    Kill { from: Actor, to: Actor, signal: u32 },
    /// sigqueue(3); with an errno it must fail like that, and is an event all the
    /// same (EAGAIN: the queue is full).
    Queue {
        from: Actor,
        to: Actor,
        signal: u32,
        fails: Option<i32>,
    },
    /// kill(2), which must fail with this errno and makes no event. Where `from`
    /// has no number for `to`, it passes the one that the host has.
    Refused {
        from: Actor,
        to: Actor,
        signal: u32,
        errno: i32,
    },
    /// kill(2) with signal 0, which only asks whether it would be allowed: 0, or
    /// this errno.
    Probe { from: Actor, to: Actor, errno: i32 },
    /// kill(-1), from within a PID namespace of the scenario's own.
    KillAll { from: Actor, signal: u32 },
    /// kill(-PGID) of the process group that `leader` leads.
    KillGroup {
        from: Actor,
        leader: Actor,
        signal: u32,
    },
    /// kill(0): its own process group, itself included.
    KillOwnGroup { from: Actor, signal: u32 },
    /// raise(3); goes on once it has had its effect.
    Raise { who: Actor, signal: u32 },
    /// abort(3); goes on once it has had its effect.
    Abort { who: Actor },
    /// Writes to an address that is not mapped: a real SIGSEGV.
    Fault { who: Actor },
    /// setuid(2) and setgid(2).
    SetUid { who: Actor, uid: u32 },
    /// setsid(2): a session and a process group of its own. The leader of a group
    /// must not.
    SetSid { who: Actor },
    /// PR_SET_CHILD_SUBREAPER.
    Subreaper { who: Actor },
    /// RLIMIT_SIGPENDING.
    LimitPending { who: Actor, count: u64 },
    /// Goes on once everything sent to it has had its effect.
    Settle { who: Actor },
    /// Notes how often the handler has run.
    Count { who: Actor, signal: u32 },
    /// Reads /proc/PID/status, and notes the masks.
    Look { who: Actor },
    /// Notes the state letter and the parent.
    Peek { who: Actor },
    /// Exits by itself.
    Exit { who: Actor, code: u8 },
    /// Goes on once it is dead.
    Die { who: Actor },
    /// waitpid(2) of a dead child.
    Reap { who: Actor, child: Actor },
    /// The same, which must fail with this errno.
    CannotReap {
        who: Actor,
        child: Actor,
        errno: i32,
    },
    /// Lets the grace period pass.
    Grace,
    /// Sends nothing: asks the model, as `sigwhy explain` does.
    Consult { question: Question },
}

impl Step {
    /// The process that it makes.
    pub fn makes(self) -> Option<Actor> {
        match self {
            Self::Host { name }
            | Self::Init { name, .. }
            | Self::InitMember { name, .. }
            | Self::Child { name, .. }
            | Self::Member { name, .. }
            | Self::Inject { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The processes that must be there before it.
    pub fn needs(self) -> Vec<Actor> {
        match self {
            Self::Host { .. } | Self::Grace | Self::Consult { .. } => vec![],
            Self::Init { parent, .. }
            | Self::InitMember { parent, .. }
            | Self::Child { parent, .. }
            | Self::Member { parent, .. } => {
                vec![parent]
            }
            Self::Inject { parent, inside, .. } => vec![parent, inside],
            Self::Kill { from, to, .. }
            | Self::Queue { from, to, .. }
            | Self::Refused { from, to, .. }
            | Self::Probe { from, to, .. } => vec![from, to],
            Self::KillAll { from, .. } | Self::KillOwnGroup { from, .. } => vec![from],
            Self::KillGroup { from, leader, .. } => vec![from, leader],
            Self::Reap { who, child } | Self::CannotReap { who, child, .. } => vec![who, child],
            Self::Handle { who, .. }
            | Self::HandleAll { who, .. }
            | Self::Ignore { who, .. }
            | Self::Default { who, .. }
            | Self::CannotHandle { who, .. }
            | Self::Block { who, .. }
            | Self::Unblock { who, .. }
            | Self::Sigwait { who, .. }
            | Self::SigwaitSet { who, .. }
            | Self::Signalfd { who, .. }
            | Self::Awaken { who }
            | Self::Raise { who, .. }
            | Self::Abort { who }
            | Self::Fault { who }
            | Self::SetUid { who, .. }
            | Self::SetSid { who }
            | Self::Subreaper { who }
            | Self::LimitPending { who, .. }
            | Self::Settle { who }
            | Self::Count { who, .. }
            | Self::Look { who }
            | Self::Peek { who }
            | Self::Exit { who, .. }
            | Self::Die { who } => vec![who],
        }
    }

    /// What is done, in words; `None` for what only waits or notes.
    pub fn words(self, grace: Duration) -> Option<String> {
        let name = names::signal;
        Some(match self {
            Self::Host { name } => format!("{name} starts on the host"),
            Self::Init { name, parent } => {
                format!("{parent} starts {name} as PID 1 of a container")
            }
            Self::InitMember { name, parent } => {
                format!("{parent} starts {name} as PID 1 of a container, in its own process group")
            }
            Self::Child { name, parent } => format!("{parent} starts {name}"),
            Self::Member { name, parent } => {
                format!("{parent} starts {name} in the same process group")
            }
            Self::Inject {
                name,
                parent,
                inside,
            } => format!("{parent} starts {name} inside of the container of {inside}"),
            Self::Handle { who, signal } => format!("{who} sets a handler for {}", name(signal)),
            Self::HandleAll { who, mask } => {
                format!("{who} sets a handler for {}", names::signals(mask))
            }
            Self::Ignore { who, signal } => format!("{who} ignores {}", name(signal)),
            Self::Default { who, signal } => {
                format!("{who} takes the default for {}", name(signal))
            }
            Self::CannotHandle { who, signal, errno } => {
                format!(
                    "{who} calls sigaction({}): {}",
                    name(signal),
                    errno_name(errno)
                )
            }
            Self::Block { who, signal } => format!("{who} blocks {}", name(signal)),
            Self::Unblock { who, signal } => format!("{who} unblocks {}", name(signal)),
            Self::Sigwait { who, signal } => {
                format!("{who} waits for {} in sigwait", name(signal))
            }
            Self::SigwaitSet { who, mask } => {
                format!("{who} waits for {} in sigwait", names::signals(mask))
            }
            Self::Signalfd { who, signals } => {
                format!("{who} waits for {} on a signalfd", names::signals(signals))
            }
            Self::Awaken { who } => format!("{who} comes back from its wait"),
            Self::Kill { from, to, signal } => format!("{from} sends {} to {to}", name(signal)),
            Self::Queue {
                from,
                to,
                signal,
                fails,
            } => {
                let result = result_words(fails.unwrap_or(0));
                format!("{from} queues {} for {to}{result}", name(signal))
            }
            Self::Refused {
                from,
                to,
                signal,
                errno,
            } => format!(
                "{from} tries to send {} to {to}: {}",
                name(signal),
                errno_name(errno)
            ),
            Self::Probe { from, to, errno } => {
                format!("{from} asks with signal 0 for {to}{}", result_words(errno))
            }
            Self::KillAll { from, signal } => {
                format!("{from} calls kill(-1, {}): all that it may", name(signal))
            }
            Self::KillGroup {
                from,
                leader,
                signal,
            } => format!(
                "{from} sends {} to the process group of {leader}",
                name(signal)
            ),
            Self::KillOwnGroup { from, signal } => {
                format!(
                    "{from} calls kill(0, {}): its own process group",
                    name(signal)
                )
            }
            Self::Raise { who, signal } => format!("{who} calls raise({})", name(signal)),
            Self::Abort { who } => format!("{who} calls abort()"),
            Self::Fault { who } => format!("{who} writes to an address that is not mapped"),
            Self::SetUid { who, uid } => format!("{who} calls setuid({uid})"),
            Self::SetSid { who } => format!("{who} calls setsid()"),
            Self::Subreaper { who } => {
                format!("{who} becomes a subreaper: prctl(PR_SET_CHILD_SUBREAPER)")
            }
            Self::LimitPending { who, count } => {
                format!("{who} sets RLIMIT_SIGPENDING to {count}")
            }
            Self::Look { who } => format!("/proc/PID/status of {who} is read"),
            Self::Peek { who } => format!("the state and the parent of {who} are read"),
            Self::Exit { who, code } => format!("{who} calls exit({code})"),
            Self::Reap { who, child } => format!("{who} calls waitpid() for {child}"),
            Self::CannotReap { who, child, errno } => {
                format!("{who} calls waitpid() for {child}: {}", errno_name(errno))
            }
            Self::Grace => format!(
                "{} s of grace pass (docker's default is 10 s)",
                grace.as_secs_f64()
            ),
            Self::Consult { question } => {
                format!("nothing is sent; the model is asked: {}", question.words())
            }
            Self::Settle { .. } | Self::Count { .. } | Self::Die { .. } => return None,
        })
    }

    /// Whether the stage tells it itself, with what it found or which number was
    /// passed.
    pub fn tells_itself(self) -> bool {
        matches!(
            self,
            Self::Kill { .. }
                | Self::Queue { .. }
                | Self::Refused { .. }
                | Self::Probe { .. }
                | Self::KillAll { .. }
                | Self::KillGroup { .. }
                | Self::Look { .. }
                | Self::Peek { .. }
                | Self::Consult { .. }
        )
    }
}

/// `: EPERM`, or nothing where it succeeds.
fn result_words(errno: i32) -> String {
    match errno {
        0 => String::new(),
        errno => format!(": {}", errno_name(errno)),
    }
}

/// `EPERM`
pub fn errno_name(errno: i32) -> String {
    format!("{:?}", Errno::from_raw(errno))
}
