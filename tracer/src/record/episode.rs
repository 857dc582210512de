//! One termination of one container, told whole, and what was wrong with it.
//!
//! Plain data: the state machine is [`crate::episode`], what recognises a cause
//! is [`crate::diagnosis`].

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ContainerRef, Process, Sender, SignalName, When, ZapVictim};

/// From the first sign of a container's end to the end of its PID namespace. A
/// later record with the same `id` tells more of the same termination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Episode {
    /// When it was told; what it tells of is earlier.
    #[serde(flatten)]
    pub when: When,
    /// Pid and start time of the container's main process, and when it began.
    pub id: String,
    pub container: Option<ContainerRef>,
    /// The container's main process: its PID 1, or, where it shares a PID
    /// namespace, the process that its runtime stops.
    pub init: Process,
    pub state: EpisodeState,
    pub ending: Ending,
    /// Somebody or something was cut off: the main process was killed or crashed,
    /// a SIGTERM handler never ran, a stop signal came to nothing.
    pub ungraceful: bool,
    pub began: When,
    /// Null while it is not over, and where the container lives on.
    pub ended: Option<When>,
    /// The first signal that asked it to end; null where none was seen.
    pub stop_signal: Option<SignalName>,
    pub stop_sender: Option<Sender>,
    /// From the stop signal to the SIGKILL, in nanoseconds.
    pub grace_ns: Option<u64>,
    /// Who sent the SIGKILL that ended it; null where none did.
    pub kill_sender: Option<Sender>,
    /// As a shell has it: 128 and the signal's number where one ended it.
    pub exit_code: Option<u32>,
    /// The processes that its end killed, at most 64; null where it was not seen.
    pub killed_by_zap: Option<Vec<ZapVictim>>,
    /// How many these were.
    pub killed_by_zap_total: Option<u64>,
    /// How long the end of the PID namespace took, in nanoseconds.
    pub zap_ns: Option<u64>,
    /// The story in one sentence.
    pub summary: String,
    /// Causes before consequences; empty where nothing was wrong.
    pub diagnoses: Vec<Diagnosis>,
    pub timeline: Vec<TimelineEntry>,
    /// Events that found no more room in the timeline.
    pub timeline_omitted: u64,
    /// False where events were lost meanwhile, or something that matters is not
    /// known: see `unknown`.
    pub complete: bool,
    /// What is not known, each a sentence for a person.
    pub unknown: Vec<String>,
}

/// How far a termination has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EpisodeState {
    /// The tracing ended before it did.
    Open,
    Closed,
    /// It should be over and is not.
    Stuck,
}

/// How the container's main process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It exited, or the default action of the stop signal ended it.
    Exited,
    /// A SIGKILL ended it.
    Killed,
    /// Another signal ended it.
    Crashed,
    /// It has not ended, and nothing more came.
    LivesOn,
    /// It has not ended yet.
    Unknown,
}

/// A cause that was recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnosis {
    /// A stable id, such as `PID1_NO_HANDLER`; docs/diagnoses.md has all.
    pub id: Cow<'static, str>,
    /// What happened, for a person.
    pub summary: String,
    /// The records that show it.
    pub evidence: Vec<Reference>,
    /// What to do about it.
    pub fix: String,
    /// False where events were lost, or where a fact that it rests on is not
    /// known: see `uncertain`.
    pub complete: bool,
    /// What is not known about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncertain: Option<String>,
}

/// The type of a record that is referred to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Referred {
    Signal,
    Deliver,
    Exit,
    Zap,
}

/// A record, by its type and time.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Reference {
    pub mono_ns: u64,
    pub record: Referred,
}

/// One event of a termination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineEntry {
    /// Of the record that tells it in full.
    #[serde(flatten)]
    pub reference: Reference,
    /// What happened, in a few words.
    pub text: String,
}
