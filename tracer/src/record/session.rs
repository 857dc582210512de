//! Records about the tracing itself: its start, its losses, its end.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::When;

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
