//! Tries every rung of every hook for real: what `sigwhy doctor` reports.
//!
//! Unlike [`super::load`], which stops at the first rung that holds, this loads
//! and attaches each and takes it down again, and notes what each program cost
//! the verifier. Nothing is recorded meanwhile.

use aya::{Ebpf, programs::ProgramInfo};
use tracer_common::globals::gate;

use super::{
    attach::{self, Refusal},
    ladder::{HOOKS, Hook, Program, Rung},
    load::{self, Options},
};

/// A hook and what became of each of its rungs, best first.
#[derive(Debug, Clone)]
pub struct ProbedHook {
    pub hook: &'static Hook,
    pub rungs: Vec<ProbedRung>,
}

/// A rung and whether it holds.
#[derive(Debug, Clone)]
pub struct ProbedRung {
    pub rung: &'static Rung,
    /// Whether every program of it loads and attaches, or why not.
    pub result: Result<(), Refusal>,
    /// In the order of the rung.
    pub programs: Vec<ProbedProgram>,
}

/// A program, and what it cost: the most over all settings that were tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbedProgram {
    /// The name in the object.
    pub name: &'static str,
    /// Whether the verifier took it, under every setting. It may still not
    /// have attached.
    pub loaded: bool,
    /// The instructions that the verifier walked, `None` where the kernel does not
    /// tell (before 5.16).
    pub verified_instructions: Option<u32>,
    /// The bytes of the program after the verifier has rewritten it.
    pub xlated_bytes: Option<u32>,
    /// The bytes of machine code, `None` where there is no JIT.
    pub jited_bytes: Option<u32>,
}

impl ProbedProgram {
    fn unloaded(spec: &Program) -> Self {
        Self {
            name: spec.name,
            loaded: false,
            verified_instructions: None,
            xlated_bytes: None,
            jited_bytes: None,
        }
    }

    fn loaded(spec: &Program, info: Option<&ProgramInfo>) -> Self {
        Self {
            name: spec.name,
            loaded: true,
            verified_instructions: info.and_then(ProgramInfo::verified_instruction_count),
            xlated_bytes: info.and_then(ProgramInfo::size_translated),
            jited_bytes: info.map(ProgramInfo::size_jitted).filter(|size| *size > 0),
        }
    }

    /// The worse of two trials.
    fn max(self, other: Self) -> Self {
        Self {
            name: self.name,
            loaded: self.loaded && other.loaded,
            verified_instructions: self.verified_instructions.max(other.verified_instructions),
            xlated_bytes: self.xlated_bytes.max(other.xlated_bytes),
            jited_bytes: self.jited_bytes.max(other.jited_bytes),
        }
    }
}

impl ProbedRung {
    /// The instructions that the verifier walked for all programs of the rung,
    /// `None` where the kernel does not tell.
    pub fn verified_instructions(&self) -> Option<u32> {
        self.programs
            .iter()
            .map(|program| program.verified_instructions)
            .sum()
    }
}

impl ProbedHook {
    /// The rung that [`load::load`] would choose.
    pub fn chosen(&self) -> Option<&ProbedRung> {
        self.rungs.iter().find(|rung| rung.result.is_ok())
    }
}

/// Every gate that the caller may set; [`load::open`] adds the kernel's own. The
/// filter maps are empty: no event passes them.
const ALL_GATES: u32 = gate::HOST
    | gate::NOISE
    | gate::INITS_ONLY
    | gate::PIDS
    | gate::TARGET_PIDS
    | gate::PID_NS
    | gate::CGROUPS
    | gate::NAMED
    | gate::SENDERS_NAMED;

/// What is tried, and whether with the kernel side's warnings. No single setting
/// is the worst for all: a gate adds code, but one that refuses early spares the
/// verifier what comes after, and [`gate::CGROUPS`] takes the slim record away.
/// Of all 256 settings these are the largest for one program or another.
const SETTINGS: [(u32, bool); 3] = [
    (ALL_GATES, false),
    (ALL_GATES & !gate::CGROUPS & !gate::INITS_ONLY, true),
    (gate::HOST | gate::NOISE, false),
];

/// How thoroughly to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// With all filters on: whether each rung holds.
    Once,
    /// Under each of some settings, to learn the most that a program may cost.
    /// Takes three times as long.
    Worst,
}

/// Loads and attaches every rung of every hook, one at a time, and takes each
/// down again. Takes some hundred milliseconds.
///
/// # Errors
/// As [`load::load`], except that a hook without a rung is no error here.
pub fn probe(options: &Options, effort: Effort) -> anyhow::Result<Vec<ProbedHook>> {
    let ids = aya::Btf::from_sys_fs().map_err(|error| error.to_string());
    let mut all: Vec<ProbedHook> = Vec::new();
    let settings = match effort {
        Effort::Once => &SETTINGS[..1],
        Effort::Worst => &SETTINGS[..],
    };
    for &(gates, kernel_log) in settings {
        let (mut ebpf, _) = load::open(&Options {
            gates,
            kernel_log,
            ..options.clone()
        })?;
        let probed = HOOKS.iter().map(|hook| {
            let rungs = hook.rungs.iter();
            let rungs = rungs.map(|rung| try_rung(&mut ebpf, rung, ids.as_ref()));
            ProbedHook {
                hook,
                rungs: rungs.collect(),
            }
        });
        let probed: Vec<_> = probed.collect();
        if all.is_empty() {
            all = probed;
        } else {
            keep_worst(&mut all, probed);
        }
    }
    Ok(all)
}

fn keep_worst(all: &mut [ProbedHook], probed: Vec<ProbedHook>) {
    let before = all.iter_mut().flat_map(|hook| &mut hook.rungs);
    let now = probed.into_iter().flat_map(|hook| hook.rungs);
    for (before, now) in before.zip(now) {
        if before.result.is_ok() {
            before.result = now.result;
        }
        for (before, now) in before.programs.iter_mut().zip(now.programs) {
            *before = before.max(now);
        }
    }
}

/// Tries every program of the rung, even where one before it has failed: each has
/// a cost of its own.
fn try_rung(ebpf: &mut Ebpf, rung: &'static Rung, ids: Result<&aya::Btf, &String>) -> ProbedRung {
    let mut result = Ok(());
    let mut programs = Vec::with_capacity(rung.programs.len());
    for spec in rung.programs {
        if let Err(error) = attach::attach(ebpf, spec, ids) {
            result = result.and(Err(attach::refusal(rung.id, &error)));
        }
        let program = ebpf.program(spec.name);
        programs.push(match program.filter(|program| program.fd().is_ok()) {
            Some(program) => ProbedProgram::loaded(spec, program.info().ok().as_ref()),
            None => ProbedProgram::unloaded(spec),
        });
    }
    for program in rung.programs {
        attach::unload(ebpf, program);
    }
    ProbedRung {
        rung,
        result,
        programs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_have_every_gate_of_the_caller() {
        let kernels = gate::GROUP_DEAD_ARG | gate::OOM_TASK_ARG | gate::HOSTED;
        let all = SETTINGS.iter().fold(0, |all, (gates, _)| all | gates);
        assert_eq!(all & kernels, 0);
        // Every bit up to the highest is one or the other.
        assert_eq!(all | kernels, (1 << 12) - 1);
    }

    #[test]
    fn the_worst_of_two_trials_is_kept() {
        let program = |loaded, verified_instructions, xlated_bytes| ProbedProgram {
            name: "x",
            loaded,
            verified_instructions,
            xlated_bytes,
            jited_bytes: None,
        };
        let worst = program(true, Some(7), Some(80)).max(program(false, None, Some(90)));
        assert_eq!(worst, program(false, Some(7), Some(90)));
    }
}
