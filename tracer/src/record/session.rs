//! Records about the tracing itself: its start, its losses, its end.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ContainerRef, When};

/// Cumulative counters. `kernel_seen == filtered + submitted + ring_full` always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Loss {
    #[serde(flatten)]
    pub when: When,
    /// Events that the hooks saw.
    pub kernel_seen: u64,
    /// Of these, what nobody had asked for.
    pub filtered: u64,
    /// Of these, what went into a ring.
    pub submitted: u64,
    /// Of these, what found its ring full: lost.
    pub ring_full: u64,
    /// What was read from the rings.
    pub received: u64,
}

/// Printed once every hook is live: whoever waits for it misses nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Start {
    #[serde(flatten)]
    pub when: When,
    /// Of sigwhy.
    pub version: String,
    pub kernel: String,
    /// Hook to how it is attached; null where it is not.
    pub hooks: BTreeMap<Cow<'static, str>, Option<Cow<'static, str>>>,
    /// Why better ways to attach a hook were refused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<Cow<'static, str>, Vec<String>>,
    /// Abilities that this kernel's BTF does not allow, with the missing fields.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lost_abilities: BTreeMap<Cow<'static, str>, Vec<String>>,
    /// The filters in force, as they were given.
    pub filters: Vec<String>,
    pub host: String,
    pub boot_id: Option<String>,
    /// `CLOCK_REALTIME - CLOCK_BOOTTIME` in nanoseconds, when tracing began.
    pub clock_offset_ns: i64,
    /// Only what was worth it is recorded, with what came before: see `preroll`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flight_recorder: Option<FlightRecorder>,
    /// Made of another tracer's text, which lacks most of the facts: of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Cow<'static, str>>,
}

/// What a flight recorder keeps in memory, and what it writes that out for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FlightRecorder {
    /// How long a record is kept, in nanoseconds.
    pub window_ns: u64,
    /// How much memory the records of all containers may take, in bytes.
    pub memory_bytes: u64,
    /// What records are written out for: `ungraceful`, `diagnosis`, `loss`, or the id
    /// of a diagnosis.
    pub occasions: Vec<String>,
}

/// What a flight recorder had kept of one container comes next in the file: its
/// records are older than this one, and in their order up to the next `preroll`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Preroll {
    /// When it was written out.
    #[serde(flatten)]
    pub when: When,
    /// `episode`, `loss`, or `request` (SIGUSR1).
    pub occasion: Cow<'static, str>,
    /// Id of the episode that was the occasion.
    pub episode: Option<String>,
    /// Null for what belongs to no container.
    pub container: Option<ContainerRef>,
    /// Everything of this container since then is in the file, from this record on and
    /// in those before it.
    pub since: When,
    /// Records that follow.
    pub records: u64,
    /// Records thrown away for want of memory, since this container's were written
    /// out last.
    pub forgotten: u64,
    /// False where the begin of the episode is older than `since`.
    pub whole: bool,
}

/// How often one outcome came in one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// Null for the host.
    pub container: Option<String>,
    /// Outcome to count.
    pub outcomes: BTreeMap<String, u64>,
}

/// Printed at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stop {
    #[serde(flatten)]
    pub when: When,
    /// Signals by container and outcome.
    pub signals: Vec<Tally>,
    /// Records that sigwhy's model could not explain: each is a bug.
    pub model_disagrees: u64,
    /// Events lost for want of room.
    pub lost: u64,
    /// Kernel records that could not be decoded: each is a bug.
    pub undecodable: u64,
}
