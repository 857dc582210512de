//! Tries every rung of every hook for real: what `sigwhy doctor` reports.
//!
//! Unlike [`super::load`], which stops at the first rung that holds, this loads
//! and attaches each and takes it down again. Nothing is recorded meanwhile.

use aya::Ebpf;
use tracer_common::globals::gate;

use super::{
    attach::{self, Refusal},
    ladder::{HOOKS, Hook, Rung},
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
    /// The instructions that the verifier walked for all programs of the rung,
    /// `None` where the kernel does not tell (before 5.16); or why it does not hold.
    pub result: Result<Option<u32>, Refusal>,
}

impl ProbedHook {
    /// The rung that [`load::load`] would choose.
    pub fn chosen(&self) -> Option<&ProbedRung> {
        self.rungs.iter().find(|rung| rung.result.is_ok())
    }
}

/// Every gate that adds code, so that the verifier walks all of it. The filter
/// maps are empty: no event passes them.
const ALL_GATES: u32 =
    gate::HOST | gate::NOISE | gate::INITS_ONLY | gate::PIDS | gate::PID_NS | gate::CGROUPS;

/// Loads and attaches every rung of every hook, one at a time, and takes each
/// down again. Takes some tens of milliseconds.
///
/// # Errors
/// As [`load::load`], except that a hook without a rung is no error here.
pub fn probe(options: &Options) -> anyhow::Result<Vec<ProbedHook>> {
    let options = Options {
        gates: ALL_GATES,
        ..options.clone()
    };
    let (mut ebpf, _) = load::open(&options)?;
    let ids = aya::Btf::from_sys_fs().map_err(|error| error.to_string());
    let probed = HOOKS.iter().map(|hook| ProbedHook {
        hook,
        rungs: hook
            .rungs
            .iter()
            .map(|rung| ProbedRung {
                rung,
                result: try_rung(&mut ebpf, rung, ids.as_ref()),
            })
            .collect(),
    });
    Ok(probed.collect())
}

fn try_rung(
    ebpf: &mut Ebpf,
    rung: &'static Rung,
    ids: Result<&aya::Btf, &String>,
) -> Result<Option<u32>, Refusal> {
    let attached = rung
        .programs
        .iter()
        .try_for_each(|program| attach::attach(ebpf, program, ids));
    let instructions = rung
        .programs
        .iter()
        .map(|spec| {
            let program = ebpf.program(spec.name)?;
            program.info().ok()?.verified_instruction_count()
        })
        .sum();
    for program in rung.programs {
        attach::unload(ebpf, program);
    }
    match attached {
        Ok(()) => Ok(instructions),
        Err(error) => Err(attach::refusal(rung.id, &error)),
    }
}
