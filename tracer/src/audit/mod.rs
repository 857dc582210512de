//! What a stop would do to each container, before anything happens: who hears the
//! stop signal, who passes it on, who would be cut off, and what is wrong already.
//!
//! [`look`] reads the facts, [`judge`], `forward` and `findings` say what they mean (pure), [`inits`] knows
//! what the usual PID 1s do with a signal, [`text`] prints. The fate of the signal
//! is the model's, as in `sigwhy ps` ([`crate::snapshot::stop`]); ids and advice
//! are those of the catalogue. What a program would do in its handler nobody can
//! see from outside: that is said to be unknown, and is no finding.

use schemars::JsonSchema;
use serde::Serialize;

use crate::diagnosis::Id;
use crate::record::Timestamp;
use crate::snapshot::Stop;
use crate::snapshot::takers::Taker;
use crate::waits::{Advice, Brief, Named};

mod findings;
mod forward;
pub mod inits;
pub mod judge;
pub mod look;
pub mod text;

#[cfg(test)]
pub(crate) mod tests;

pub use inits::Passes;

/// Diagnoses that a look can make.
pub const KNOWN: [Id; 18] = [
    Id::Pid1NoHandler,
    Id::Pid1ShellWrapper,
    Id::StartupRace,
    Id::WrongStopsignal,
    Id::SigIgnInherited,
    Id::SigBlocked,
    Id::FrozenV1,
    Id::FrozenV2,
    Id::Stopped,
    Id::TracedInit,
    Id::ShellTrapDeferred,
    Id::PmSwallows,
    Id::ForwardDirectChildOnly,
    Id::OrphanDaemons,
    Id::ZombieAccumulation,
    Id::RuntimeGone,
    Id::HostPidns,
    Id::SharedPidns,
];

/// One container. Unknown is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Audit {
    /// Always `audit`: tells this object from the records of a trace.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Version of sigwhy that looked.
    pub version: &'static str,
    pub ts: Timestamp,
    pub container: Named,
    /// The pause container of a pod.
    pub sandbox: bool,
    /// The process that its runtime stops: PID 1, unless the namespace is shared.
    pub main: Option<Brief>,
    /// Since its start, in ns.
    pub age_ns: Option<u64>,
    /// What becomes of the stop signal.
    pub stop: Option<Stop>,
    /// Who takes it, where the main thread blocks it.
    pub taken_by: Option<Taker>,
    /// Seconds from there to SIGKILL, where the runtime wrote them.
    pub stop_timeout: Option<u32>,
    /// How the main process would end.
    pub ends: Ends,
    /// To whom the main process passes the stop signal on.
    pub passes: Passes,
    /// Other processes in there that live, and those of them with a handler for
    /// SIGTERM.
    pub others: usize,
    pub others_with_handler: usize,
    /// Those of them that would be killed without having heard the stop signal;
    /// at most 16.
    pub cut_off: Vec<Brief>,
    pub cut_off_total: usize,
    /// Those of whom it is not known.
    pub perhaps_cut_off: usize,
    /// The dead that nobody has reaped; at most 16.
    pub zombies: Vec<Zombie>,
    pub zombies_total: usize,
    pub findings: Vec<Finding>,
}

/// How a main process would end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ends {
    /// By what it does with the signal.
    ByItself,
    /// By the signal: it is no PID 1, and has no handler.
    BySignal,
    /// By SIGKILL once the grace is over.
    BySigkill,
    /// Not by the stop signal before it is thawed, continued or let go; in the freezer
    /// of cgroup v1 not even by SIGKILL.
    AfterHold,
    Unknown,
}

/// A dead process that nobody has reaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Zombie {
    pub process: Brief,
    /// Who has to reap it.
    pub parent: Option<Brief>,
    /// For how long at least it has been dead, in ns.
    pub dead_ns: Option<u64>,
}

/// Something that is wrong, or worth knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    pub weight: Weight,
    #[serde(flatten)]
    pub advice: Advice,
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// A stop goes wrong, or something is wrong already.
    Problem,
    /// As somebody chose to have it, perhaps.
    Note,
}

impl Audit {
    pub fn has(&self, id: Id) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.advice.id == id.id())
    }

    pub fn has_problem(&self) -> bool {
        let is_problem = |finding: &Finding| finding.weight == Weight::Problem;
        self.findings.iter().any(is_problem)
    }
}
