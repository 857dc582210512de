//! The hooks for programs that read the report: every rung, and what each of its
//! programs cost the verifier.

use serde::Serialize;

use crate::kernel::{
    ladder::{Hook, Rung},
    probe::{ProbedHook, ProbedProgram, ProbedRung},
};

use super::types::{Holds, Predicted};

/// A hook and its rungs, best first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HookReport {
    pub id: &'static str,
    /// Whether sigwhy cannot work without it.
    pub required: bool,
    pub rungs: Vec<RungReport>,
}

/// One way to attach a hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RungReport {
    /// What `--attach` calls it.
    pub id: &'static str,
    /// Whether it can be used; `null` where that cannot be told.
    pub holds: Option<bool>,
    /// Why it does not hold, or why that cannot be told.
    pub why: Option<String>,
    pub programs: Vec<ProgramReport>,
}

/// A program of a rung. The numbers are the most over the settings that make
/// programs larger or smaller, whatever settings a trace then has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProgramReport {
    pub name: &'static str,
    /// Whether the verifier took it; `null` where nothing was loaded.
    pub loaded: Option<bool>,
    /// Instructions that the verifier walked, of which it allows a million; `null`
    /// where the kernel does not tell (before 5.16).
    pub verified_instructions: Option<u32>,
    /// Bytes of the program as the verifier left it.
    pub xlated_bytes: Option<u32>,
    /// Bytes of machine code; `null` where there is no JIT.
    pub jited_bytes: Option<u32>,
}

impl HookReport {
    /// A hook that was tried.
    pub(super) fn tried(probed: &ProbedHook) -> Self {
        let rungs = probed.rungs.iter();
        Self::new(probed.hook, rungs.map(RungReport::tried))
    }

    /// A hook as far as types tell.
    pub(super) fn predicted(predicted: &Predicted) -> Self {
        let rungs = predicted.rungs.iter();
        Self::new(
            predicted.hook,
            rungs.map(|(rung, holds)| RungReport::predicted(rung, holds)),
        )
    }

    fn new(hook: &Hook, rungs: impl Iterator<Item = RungReport>) -> Self {
        Self {
            id: hook.id,
            required: hook.required,
            rungs: rungs.collect(),
        }
    }
}

impl RungReport {
    fn tried(probed: &ProbedRung) -> Self {
        Self {
            id: probed.rung.id,
            holds: Some(probed.result.is_ok()),
            why: probed.result.as_ref().err().map(|why| why.why.clone()),
            programs: probed.programs.iter().map(ProgramReport::tried).collect(),
        }
    }

    fn predicted(rung: &Rung, holds: &Holds) -> Self {
        let (holds, why) = match holds {
            Holds::Yes => (Some(true), None),
            Holds::No(why) => (Some(false), Some(why.clone())),
            Holds::Unknown(why) => (None, Some((*why).to_owned())),
        };
        let programs = rung.programs.iter().map(|program| ProgramReport {
            name: program.name,
            loaded: None,
            verified_instructions: None,
            xlated_bytes: None,
            jited_bytes: None,
        });
        Self {
            id: rung.id,
            holds,
            why,
            programs: programs.collect(),
        }
    }
}

impl ProgramReport {
    fn tried(probed: &ProbedProgram) -> Self {
        let ProbedProgram {
            name,
            loaded,
            verified_instructions,
            xlated_bytes,
            jited_bytes,
        } = *probed;
        Self {
            name,
            loaded: Some(loaded),
            verified_instructions,
            xlated_bytes,
            jited_bytes,
        }
    }
}
