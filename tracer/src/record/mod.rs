//! The public records: what JSON prints, what a recording holds, what every
//! renderer is fed from. Fields are added, never renamed or removed.
//!
//! Plain data with serde and schemars; nothing here decides or formats for
//! people. Unknown is `null`. The fields that sigwhy adds to the contract are
//! left out where they are unknown.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod episode;
mod process;
mod scalar;
mod session;

pub use episode::{Diagnosis, Ending, Episode, EpisodeState, Reference, Referred, TimelineEntry};
pub use process::{Ancestor, Container, ContainerRef, Process, Runtime, Sender, Target, ZapVictim};
pub use scalar::{Comm, Timestamp, duration, name};
pub use session::{FlightRecorder, Loss, Preroll, Start, Stop, Tally};

use crate::decide::{Outcome, Reason};

/// One line of output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Record {
    Signal(Box<Signal>),
    Deliver(Box<Deliver>),
    Zap(Box<Zap>),
    Exit(Box<Exit>),
    Episode(Box<Episode>),
    Loss(Loss),
    Start(Box<Start>),
    Stop(Box<Stop>),
    Preroll(Box<Preroll>),
}

/// When something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct When {
    /// Wall clock, RFC 3339 with nanoseconds, UTC.
    pub ts: Timestamp,
    /// CLOCK_BOOTTIME at the kernel event, in nanoseconds: the key for ordering.
    pub mono_ns: u64,
}

/// A signal and its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignalId {
    /// 1 to 64.
    pub number: u32,
    pub name: Cow<'static, str>,
    /// `si_code`; 0 where the kernel passed no siginfo, SI_KERNEL where it named itself.
    pub code: i32,
    pub code_name: Cow<'static, str>,
}

/// Where a signal goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Process,
    Thread,
}

/// Of the sender's PID namespace to the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    Same,
    Ancestor,
    Descendant,
    Unrelated,
    Kernel,
    /// Imported from a tracer that does not note it.
    Unknown,
}

/// The tracepoint's own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TraceResult {
    /// Queued, which is not yet delivered.
    Delivered,
    Ignored,
    AlreadyPending,
    OverflowFail,
    LoseInfo,
    /// There was no signal, and so no tracepoint: the sender may not signal the target.
    Refused,
    /// A value that this version does not know.
    Unknown,
}

/// What the target has set for the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    Default,
    Ignore,
    Handler,
}

/// One test on the kernel's way to its decision (`-v`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PathStep {
    /// The kernel function.
    pub function: Cow<'static, str>,
    /// The test, as the kernel's source has it.
    pub test: Cow<'static, str>,
    pub holds: bool,
    /// This event's values.
    pub values: String,
}

/// One firing of the kernel's `signal_generate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Signal {
    #[serde(flatten)]
    pub when: When,
    pub signal: SignalId,
    pub sender: Sender,
    pub target: Target,
    pub scope: Scope,
    pub relation: Relation,
    /// What the kernel's `force` was for this signal.
    pub forced: bool,
    pub result: TraceResult,
    pub outcome: Outcome,
    pub reason: Reason,
    /// The kernel function and test that decided.
    pub rule: Cow<'static, str>,
    /// One sentence for a person.
    pub explanation: Cow<'static, str>,
    /// The path walked, with `-v`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<PathStep>,
}

/// A signal left the queue of its target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Deliver {
    #[serde(flatten)]
    pub when: When,
    pub signal: SignalId,
    pub target: Target,
    pub outcome: Outcome,
    pub reason: Reason,
    pub rule: Cow<'static, str>,
    pub explanation: Cow<'static, str>,
    /// Since the matching `signal` record; null where none was seen.
    pub latency_ns: Option<u64>,
    pub generated_mono_ns: Option<u64>,
    /// The path walked, with `-v`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<PathStep>,
}

/// Of a PID namespace's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ZapPhase {
    Begin,
    End,
}

/// How the end of a PID namespace was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ZapSource {
    Fentry,
    Kprobe,
    Inferred,
}

/// A PID namespace is being torn down (`zap_pid_ns_processes`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Zap {
    #[serde(flatten)]
    pub when: When,
    pub phase: ZapPhase,
    pub container: Option<ContainerRef>,
    pub init: Process,
    pub source: ZapSource,
    /// At `begin`: the processes that got SIGKILL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub killed: Option<Vec<ZapVictim>>,
    /// At `end`: since the begin, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ns: Option<u64>,
}

/// A process ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exit {
    #[serde(flatten)]
    pub when: When,
    pub process: Process,
    /// What it passed to exit; null if a signal ended it.
    pub exit_code: Option<u32>,
    /// The signal that ended it; null if it exited by itself.
    pub signal: Option<SignalName>,
    pub core_dumped: bool,
    pub is_init: bool,
    pub container: Option<ContainerRef>,
}

/// A signal by number and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignalName {
    pub number: u32,
    pub name: Cow<'static, str>,
}

impl Record {
    /// When it happened.
    pub fn when(&self) -> When {
        match self {
            Self::Signal(r) => r.when,
            Self::Deliver(r) => r.when,
            Self::Zap(r) => r.when,
            Self::Exit(r) => r.when,
            Self::Episode(r) => r.when,
            Self::Loss(r) => r.when,
            Self::Start(r) => r.when,
            Self::Stop(r) => r.when,
            Self::Preroll(r) => r.when,
        }
    }

    /// The key for ordering: CLOCK_BOOTTIME in nanoseconds.
    pub fn mono_ns(&self) -> u64 {
        self.when().mono_ns
    }
}
