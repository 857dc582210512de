//! What a scenario is: plain data, interpreted by [`super::stage`] and
//! [`super::check`].
//!
//! Processes go by the names that the scenario gives them, which are also their
//! `comm` and so must not be longer than 15 bytes.

use std::time::Duration;

use super::arena::Status;
use crate::decide::{Outcome, Reason, names};

/// A process of a scenario, by name.
pub type Actor = &'static str;

/// One demonstration. Adding one is a file in [`super::scenarios`] and a row there.
#[derive(Debug)]
pub struct Scenario {
    /// What people type.
    pub name: &'static str,
    pub title: &'static str,
    /// One line for the list.
    pub summary: &'static str,
    /// What will happen, told before it does.
    pub prediction: &'static str,
    /// Makes the processes; nothing of it is shown.
    pub setup: &'static [Step],
    /// What is shown.
    pub steps: &'static [Step],
    /// The prediction for the machine: every signal to a process of the scenario
    /// must be in it.
    pub expected: &'static [Expect],
    /// Why, and what to do about it.
    pub lesson: &'static str,
    /// Where in the kernel it is decided.
    pub functions: &'static [&'static str],
}

/// Something a process does, or that the scenario waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Starts a process on the host.
    Host { name: Actor },
    /// Starts PID 1 of a new PID namespace, a child of `parent`.
    Init { name: Actor, parent: Actor },
    /// Starts a child in the parent's PID namespace.
    Child { name: Actor, parent: Actor },
    /// Sets a handler that counts.
    Handle { who: Actor, signal: u32 },
    /// Blocks this signal and no other.
    Block { who: Actor, signal: u32 },
    /// Unblocks it, and goes on once whatever was pending has been dealt with.
    Unblock { who: Actor, signal: u32 },
    /// Waits in sigtimedwait(2); goes on once it does.
    Sigwait { who: Actor, signal: u32 },
    /// kill(2), which must succeed.
    Kill { from: Actor, to: Actor, signal: u32 },
    /// Goes on once everything sent to it has had its effect.
    Settle { who: Actor },
    /// Notes how often the handler has run.
    Count { who: Actor, signal: u32 },
    /// Goes on once the sigwait has returned, and notes what it took.
    Awaken { who: Actor },
    /// Exits by itself.
    Exit { who: Actor, code: u8 },
    /// Goes on once it is dead.
    Die { who: Actor },
    /// Lets the grace period pass.
    Grace,
}

/// Who a signal must come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Process(Actor),
    /// The end of the PID namespace of this init.
    Zap(Actor),
}

/// How a process must fare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Lives,
    Exits(u8),
    KilledBy(u32),
}

/// One thing that must be so in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// A `signal` record.
    Signal {
        from: From,
        to: Actor,
        signal: u32,
        outcome: Outcome,
        reason: Reason,
        forced: bool,
    },
    /// A `deliver` record.
    Deliver {
        to: Actor,
        signal: u32,
        outcome: Outcome,
        reason: Reason,
    },
    /// A `zap` record (begin), with that many killed, of which `unheard` had a
    /// SIGTERM handler that never ran.
    Zap {
        init: Actor,
        killed: usize,
        unheard: usize,
    },
    /// What became of a process in the end, as its parent saw it.
    Fate { who: Actor, fate: Fate },
    /// The handler ran this often, by its own count.
    Handled { who: Actor, signal: u32, times: u64 },
    /// The sigwait returned this signal.
    Took { who: Actor, signal: u32 },
}

/// What the processes themselves had to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Handled {
        who: Actor,
        signal: u32,
        times: u64,
    },
    /// `None`: the wait ended without a signal.
    Took {
        who: Actor,
        signal: Option<u32>,
    },
    Fate {
        who: Actor,
        status: Status,
    },
}

impl Fate {
    /// Whether that is how it ended.
    pub fn is(self, status: Status) -> bool {
        match (self, status) {
            (Self::Lives, Status::Alive) => true,
            (Self::Exits(code), Status::Exited(got)) => i32::from(code) == got,
            (Self::KilledBy(signal), Status::Signaled { signal: got, .. }) => {
                u32::try_from(got) == Ok(signal)
            }
            _ => false,
        }
    }
}

impl std::fmt::Display for Fate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lives => f.write_str("lives"),
            Self::Exits(code) => write!(f, "exits by itself with code {code}"),
            Self::KilledBy(signal) => write!(f, "is ended by {}", names::signal(*signal)),
        }
    }
}

impl Step {
    /// What is said of it when it is done; `None` for what only waits.
    pub fn told(self, grace: Duration) -> Option<String> {
        let name = names::signal;
        Some(match self {
            Self::Block { who, signal } => format!("{who} blocks {}", name(signal)),
            Self::Unblock { who, signal } => format!("{who} unblocks {}", name(signal)),
            Self::Exit { who, code } => format!("{who} calls exit({code})"),
            Self::Grace => format!(
                "{} s of grace pass (docker's default is 10 s)",
                grace.as_secs_f64()
            ),
            Self::Awaken { who } => format!("{who} comes back from sigwait"),
            // Told by the stage, which knows the number that is passed.
            Self::Kill { .. } => return None,
            Self::Host { .. }
            | Self::Init { .. }
            | Self::Child { .. }
            | Self::Handle { .. }
            | Self::Sigwait { .. }
            | Self::Settle { .. }
            | Self::Count { .. }
            | Self::Die { .. } => return None,
        })
    }
}
