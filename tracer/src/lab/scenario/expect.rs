//! What must be so in the end, and what the processes had to say.

use std::fmt;

use super::Actor;
use crate::decide::{Outcome, Reason, names};
use crate::explain::Question;
use crate::lab::arena::Status;
use crate::lab::arena::procfs::SignalSets;

/// Who a signal must come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Process(Actor),
    /// The end of the PID namespace of this init.
    Zap(Actor),
    /// The kernel, for a child of the target that ended or stopped: SIGCHLD.
    Child(Actor),
    /// The kernel, for a dead child that the target has just adopted: SIGCHLD, while
    /// the parent before exits.
    Orphan {
        child: Actor,
        of: Actor,
    },
    /// The kernel, for no process: a fault, a limit.
    Kernel,
}

/// How a process must fare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Lives,
    /// Is stopped, not dead.
    Stops(u32),
    Exits(u8),
    KilledBy(u32),
}

/// A signal set of /proc/PID/status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskSet {
    /// SigBlk
    Blocked,
    /// SigIgn
    Ignored,
    /// SigCgt
    Caught,
    /// SigPnd and ShdPnd
    Pending,
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
    /// The SIGABRTs that abort(3) of an init sends itself, all of them dropped.
    /// How many there are, and whether one is dropped only when it is unblocked,
    /// is the C library's affair.
    AbortDropped { who: Actor },
    /// A `zap` record (begin), with that many killed, of which `unheard` had a
    /// SIGTERM handler that never ran.
    Zap {
        init: Actor,
        killed: usize,
        unheard: usize,
    },
    /// What became of a process in the end, as its parent saw it.
    Fate { who: Actor, fate: Fate },
    /// The handler had run this often at a `Count`, by its own count. Several of
    /// the same go with the counts in their order.
    Handled { who: Actor, signal: u32, times: u64 },
    /// The sigwait or signalfd returned this signal. Several go with the wakings
    /// in their order.
    Took { who: Actor, signal: u32 },
    /// A set was exactly this at the last `Look` (several: at the last ones).
    Masks { who: Actor, set: MaskSet, mask: u64 },
    /// The letter in /proc/PID/stat at the last `Peek` (several: at the last ones).
    State { who: Actor, state: char },
    /// The parent at the last `Peek` (several: at the last ones).
    Parent { who: Actor, parent: Actor },
    /// What the model said at the `Consult` of this question.
    Foreseen {
        question: Question,
        outcome: Outcome,
        reason: Reason,
        forced: bool,
    },
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
    Masks {
        who: Actor,
        sets: SignalSets,
    },
    Peeked {
        who: Actor,
        state: char,
        /// `None`: not a process of the scenario.
        parent: Option<Actor>,
    },
    Foreseen {
        question: Question,
        outcome: Outcome,
        reason: Reason,
        forced: bool,
    },
}

impl Fate {
    /// Whether that is how it fared.
    pub fn is(self, status: Status) -> bool {
        match (self, status) {
            (Self::Lives, Status::Alive) => true,
            (Self::Exits(code), Status::Exited(got)) => i32::from(code) == got,
            (Self::KilledBy(signal), Status::Signaled { signal: got, .. })
            | (Self::Stops(signal), Status::Stopped(got)) => u32::try_from(got) == Ok(signal),
            _ => false,
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lives => f.write_str("lives"),
            Self::Stops(signal) => write!(f, "is stopped by {}", names::signal(*signal)),
            Self::Exits(code) => write!(f, "exits by itself with code {code}"),
            Self::KilledBy(signal) => write!(f, "is ended by {}", names::signal(*signal)),
        }
    }
}

/// How a process fared, in words.
pub fn fared(status: Status) -> String {
    let name = |signal: i32| u32::try_from(signal).map_or("?", names::signal);
    match status {
        Status::Alive => "it lives".to_owned(),
        Status::Exited(code) => format!("it exits by itself with code {code}"),
        Status::Signaled { signal, .. } => format!("it is ended by {}", name(signal)),
        Status::Stopped(signal) => format!("it is stopped by {}", name(signal)),
        Status::Gone => "it is gone, and nobody saw how".to_owned(),
    }
}

impl MaskSet {
    /// As /proc/PID/status calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Blocked => "SigBlk",
            Self::Ignored => "SigIgn",
            Self::Caught => "SigCgt",
            Self::Pending => "SigPnd+ShdPnd",
        }
    }

    /// The set among those of a process.
    pub fn of(self, sets: &SignalSets) -> u64 {
        match self {
            Self::Blocked => sets.blocked,
            Self::Ignored => sets.ignored,
            Self::Caught => sets.caught,
            Self::Pending => sets.pending | sets.shared_pending,
        }
    }
}

impl Expect {
    /// The processes that it is about.
    pub fn about(self) -> Vec<Actor> {
        match self {
            Self::Signal { from, to, .. } => match from {
                From::Process(who) | From::Zap(who) | From::Child(who) => vec![who, to],
                From::Orphan { child, of } => vec![child, of, to],
                From::Kernel => vec![to],
            },
            Self::Deliver { to, .. } => vec![to],
            Self::Zap { init, .. } => vec![init],
            Self::Parent { who, parent } => vec![who, parent],
            Self::AbortDropped { who }
            | Self::Fate { who, .. }
            | Self::Handled { who, .. }
            | Self::Took { who, .. }
            | Self::Masks { who, .. }
            | Self::State { who, .. } => vec![who],
            Self::Foreseen { .. } => vec![],
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Signal {
                from,
                to,
                signal,
                outcome,
                reason,
                forced,
            } => {
                let name = names::signal(signal);
                match from {
                    From::Process(who) if who == to => write!(f, "{name} from {who} to itself")?,
                    From::Process(who) => write!(f, "{name} from {who} to {to}")?,
                    From::Zap(init) => write!(f, "{name} to {to} from the end of {init}")?,
                    From::Child(who) => write!(f, "{name} to {to} about its child {who}")?,
                    From::Orphan { child, of } => write!(
                        f,
                        "{name} to {to} about {child}, left to it by the end of {of}"
                    )?,
                    From::Kernel => write!(f, "{name} to {to} from the kernel")?,
                }
                let (outcome, reason) = (outcome.id(), reason.id());
                let force = if forced { "yes" } else { "no" };
                write!(f, ": {outcome} ({reason}, force {force})")
            }
            Self::Deliver {
                to,
                signal,
                outcome,
                reason,
            } => write!(
                f,
                "{} taken from the queue by {to}: {} ({})",
                names::signal(signal),
                outcome.id(),
                reason.id()
            ),
            Self::AbortDropped { who } => {
                write!(f, "every SIGABRT from {who} to itself: dropped")
            }
            Self::Zap {
                init,
                killed: 0,
                unheard: _,
            } => write!(f, "the namespace of {init} ends, nobody is left in it"),
            Self::Zap {
                init,
                killed,
                unheard: 0,
            } => write!(f, "the namespace of {init} ends: {killed} killed"),
            Self::Zap {
                init,
                killed,
                unheard,
            } => write!(
                f,
                "the namespace of {init} ends: {killed} killed, {unheard} with a SIGTERM handler \
                 that never ran"
            ),
            Self::Fate { who, fate } => write!(f, "{who} {fate}"),
            Self::Handled { who, signal, times } => {
                let name = names::signal(signal);
                match times {
                    0 => write!(f, "the {name} handler of {who} has not run"),
                    1 => write!(f, "the {name} handler of {who} has run once"),
                    n => write!(f, "the {name} handler of {who} has run {n} times"),
                }
            }
            Self::Took { who, signal } => {
                write!(f, "{who} gets {} from its wait", names::signal(signal))
            }
            Self::Masks { who, set, mask } => {
                let (label, names) = (set.label(), names::signals(mask));
                write!(f, "{label} of {who} is {mask:016x}: {names}")
            }
            Self::State { who, state } => write!(f, "{who} is in state {}", state_words(state)),
            Self::Parent { who, parent } => write!(f, "the parent of {who} is {parent}"),
            Self::Foreseen {
                question,
                outcome,
                reason,
                forced,
            } => write!(
                f,
                "the model about {}: {} ({}, force {})",
                question.words(),
                outcome.id(),
                reason.id(),
                if forced { "yes" } else { "no" }
            ),
        }
    }
}

/// A state letter of /proc/PID/stat and what it means.
pub fn state_words(state: char) -> String {
    let meaning = match state {
        'R' => "running",
        'S' => "sleeping",
        'I' => "sleeping, and no load",
        'D' => "sleeping, and not to be woken",
        'T' => "stopped",
        't' => "stopped by its tracer",
        'Z' => "dead, not reaped",
        'X' => "dead",
        _ => return state.to_string(),
    };
    format!("{state} ({meaning})")
}
