//! Why something does not end, right now: which process, file system or number
//! a PID namespace waits for, who has to let it go, and for how long it has
//! waited. `docs/kernel-zap.md` has the eight waits.
//!
//! [`scene`] reads the facts from `/proc` and the freezers, [`judge`] says what
//! they mean (pure, tested on recorded facts; `verdict` puts it together), [`watch`] follows until it is over,
//! [`text`] prints. No records and no BPF: what went before is not known here, so
//! this is not [`crate::diagnosis`], but the ids and the advice are the same
//! ([`catalogue`]).

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::diagnosis::{Id, catalogue};
use crate::record::{Runtime, Timestamp};
use crate::snapshot::{Freezer, Stop};

pub mod judge;
pub mod scene;
pub mod target;
pub mod text;
mod verdict;
pub mod watch;
mod words;

#[cfg(test)]
pub(crate) mod tests;

pub use scene::Scene;
pub use verdict::has_keeper;
pub use words::{brief, outsider, process as process_words};

/// What is said about one target. Unknown is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verdict {
    /// Always `why`: tells this object from the records of a trace.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Version of sigwhy that looked.
    pub version: &'static str,
    pub ts: Timestamp,
    /// Whose PID 1 it is about; null for a process of the host.
    pub container: Option<Named>,
    /// PID 1, or the process that was asked about.
    pub subject: Brief,
    pub status: Status,
    /// What it waits for: that of the first of `holders`.
    pub wait: Option<Wait>,
    /// The same as `docs/kernel-zap.md` numbers it, Z1 to Z8.
    pub wait_number: Option<&'static str>,
    pub summary: String,
    /// What its main thread does.
    pub doing: String,
    /// What holds it up, the first of them the most to the point; at most 16.
    pub holders: Vec<Holder>,
    /// How many there are.
    pub holders_total: usize,
    pub lasting: Lasting,
    pub diagnosis: Option<Advice>,
    /// What will free it.
    pub frees: Option<String>,
    /// Commands for that, or to learn more.
    pub commands: Vec<String>,
    /// What could not be found out.
    pub unknown: Vec<String>,
    /// What would become of a SIGTERM to it now; only of a PID 1 that is not stuck.
    pub sigterm: Option<Stop>,
    /// With --watch, once it is over: what ended it.
    pub freed_by: Option<String>,
}

/// A container by what it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Named {
    pub name: String,
    pub runtime: Runtime,
    pub id: Option<String>,
    pub image: Option<String>,
    pub pod: Option<String>,
    pub pod_namespace: Option<String>,
    /// Inode of its PID namespace.
    pub pid_ns: Option<u32>,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It runs, and nothing that should end it waits.
    NotStuck,
    /// It ends just now.
    Ending,
    /// It does not end, or does not hear what should end it.
    Stuck,
    /// It is over.
    Gone,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// A dead process that its tracer has not let go (Z3), or one that the tracer
    /// holds at its exit.
    Traced,
    /// A process that the freezer of cgroup v1 holds (Z2).
    FrozenV1,
    /// A process in uninterruptible sleep (Z1).
    Uninterruptible,
    /// A process that writes a core dump (Z1).
    CoreDump,
    /// A dead process that was put in from outside, whose parent there has not
    /// reaped it (Z4).
    Injected,
    /// The same, and that parent has died: the machine's PID 1 has it (Z5).
    Adopted,
    /// The number of a process that is gone, which another one outside has as its
    /// process group (Z6).
    Reference,
    /// PID 1 itself, which hangs on its way out before the others were told (Z8).
    ExitHang,
    /// The process is dead, and its parent has not reaped it.
    Unreaped,
    /// A stop signal, which the freezer of cgroup v2 keeps from its target.
    FrozenV2,
    /// A stop signal, which a stopped target does not take.
    Stopped,
    /// A stop signal, which its target blocks.
    Blocked,
}

impl Wait {
    /// As `docs/kernel-zap.md` numbers it.
    pub fn number(self) -> Option<&'static str> {
        match self {
            Self::Uninterruptible | Self::CoreDump => Some("Z1"),
            Self::FrozenV1 => Some("Z2"),
            Self::Traced => Some("Z3"),
            Self::Injected => Some("Z4"),
            Self::Adopted => Some("Z5"),
            Self::Reference => Some("Z6"),
            Self::ExitHang => Some("Z8"),
            Self::Unreaped | Self::FrozenV2 | Self::Stopped | Self::Blocked => None,
        }
    }
}

/// A process, in brief.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Brief {
    /// As this `/proc` numbers it.
    pub pid: u32,
    /// In its own PID namespace, where that is another one.
    pub ns_pid: Option<u32>,
    /// Inode of that namespace.
    pub pid_ns: Option<u32>,
    pub comm: String,
    /// As `/proc/PID/stat` has it: R, S, D, Z, T, t, I.
    #[serde(serialize_with = "letter")]
    #[schemars(with = "String")]
    pub state: char,
    /// The kernel function that it sleeps in.
    pub wchan: Option<String>,
    /// What it is to containers, by its name: for reading, not for deciding.
    pub who: Option<String>,
}

fn letter<S: Serializer>(letter: &char, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(letter.encode_utf8(&mut [0; 4]))
}

/// What holds something up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Holder {
    pub wait: Wait,
    /// Who does not go away; null where no process is left.
    pub process: Option<Brief>,
    /// Who has to reap it.
    pub parent: Option<Brief>,
    /// Who traces it.
    pub tracer: Option<Brief>,
    pub freezer: Option<Freezer>,
    /// Processes outside, one of which has the number.
    pub suspects: Vec<Brief>,
    /// The inits of nested PID namespaces that wait for it as well, outermost first
    /// (Z7).
    pub through: Vec<Brief>,
    /// The kernel functions that it sleeps in, innermost first.
    pub stack: Vec<String>,
    /// For how long it has been dead or asleep, at least: ns.
    pub idle_ns: Option<u64>,
    /// All that as a sentence.
    pub sentence: String,
}

impl Holder {
    /// What tells it from others.
    fn key(&self) -> (Wait, Option<u32>) {
        (self.wait, self.process.as_ref().map(|process| process.pid))
    }
}

/// For how long it has lasted, in ns: when it began is written nowhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Lasting {
    /// The one that waits has not run since.
    pub at_least_ns: Option<u64>,
    /// The youngest process in there is so old: none begins once the end has begun.
    pub at_most_ns: Option<u64>,
}

/// A diagnosis of the catalogue, as far as a look can tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Advice {
    pub id: &'static str,
    pub summary: String,
    pub fix: String,
    /// What the diagnosis rests on and is not known.
    pub uncertain: Option<String>,
}

impl Advice {
    /// With the fix of the catalogue.
    pub fn new(id: Id, summary: String) -> Self {
        Self {
            id: id.id(),
            summary,
            fix: catalogue::entry(id).fix.to_owned(),
            uncertain: None,
        }
    }

    /// More to the point than the reference's.
    pub fn fix(mut self, fix: String) -> Self {
        self.fix = fix;
        self
    }

    pub fn uncertain(mut self, why: impl Into<String>) -> Self {
        self.uncertain = Some(why.into());
        self
    }
}

impl Verdict {
    pub fn is_stuck(&self) -> bool {
        self.status == Status::Stuck
    }
}
