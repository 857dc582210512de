//! Climbs the ladder: loads and attaches one program, one rung, one hook.

use anyhow::{anyhow, bail};
use aya::{
    Ebpf,
    programs::{Program as AyaProgram, ProgramError},
};

use super::ladder::{Attach, Hook, Program, Rung};

/// A rung that was tried and did not hold.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub rung: &'static str,
    /// One line.
    pub why: String,
    /// The verifier's last lines, where it has said anything.
    pub verifier: Option<String>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.rung, self.why)
    }
}

/// How a hook came to be attached, or not.
#[derive(Debug, Clone)]
pub struct Attachment {
    pub hook: &'static Hook,
    /// The rung that holds; `None` where none does.
    pub rung: Option<&'static Rung>,
    /// What was tried before it.
    pub refused: Vec<Refusal>,
}

/// Tries the rungs of a hook, best first.
pub(super) fn climb(
    ebpf: &mut Ebpf,
    hook: &'static Hook,
    forced: Option<&str>,
    ids: Result<&aya::Btf, &String>,
) -> Attachment {
    let mut refused = Vec::new();
    for rung in hook.rungs {
        if forced.is_some_and(|forced| !rung.answers_to(forced)) {
            continue;
        }
        match rung
            .programs
            .iter()
            .try_for_each(|program| attach(ebpf, program, ids))
        {
            Ok(()) => {
                return Attachment {
                    hook,
                    rung: Some(rung),
                    refused,
                };
            }
            Err(error) => {
                // Half a rung would tell half a story.
                for program in rung.programs {
                    unload(ebpf, program);
                }
                refused.push(refusal(rung.id, &error));
            }
        }
    }
    Attachment {
        hook,
        rung: None,
        refused,
    }
}

/// Loads a program and attaches it.
pub(super) fn attach(
    ebpf: &mut Ebpf,
    spec: &Program,
    ids: Result<&aya::Btf, &String>,
) -> anyhow::Result<()> {
    let program = ebpf
        .program_mut(spec.name)
        .ok_or_else(|| anyhow!("the eBPF object has no program {}", spec.name))?;
    let ids = || ids.map_err(|error| anyhow!("no kernel BTF: {error}"));
    match (spec.attach, program) {
        (Attach::TpBtf(target), AyaProgram::BtfTracePoint(program)) => {
            program.load(target, ids()?)?;
            program.attach()?;
        }
        (Attach::RawTp(target), AyaProgram::RawTracePoint(program)) => {
            program.load()?;
            program.attach(target)?;
        }
        (Attach::Fentry(target), AyaProgram::FEntry(program)) => {
            program.load(target, ids()?)?;
            program.attach()?;
        }
        (Attach::Fexit(target), AyaProgram::FExit(program)) => {
            program.load(target, ids()?)?;
            program.attach()?;
        }
        (Attach::Kprobe(target) | Attach::Kretprobe(target), AyaProgram::KProbe(program)) => {
            program.load()?;
            program.attach(target, 0)?;
        }
        (attach, _) => bail!("program {} is not of type {attach:?}", spec.name),
    }
    Ok(())
}

/// Detaches a program by its name, so that it can be loaded again.
pub(super) fn unload(ebpf: &mut Ebpf, spec: &Program) {
    if let Some(program) = ebpf.program_mut(spec.name) {
        detach(program);
    }
}

/// Detaches a program of any type that the ladder has.
pub(super) fn detach(program: &mut AyaProgram) {
    // A program that was never loaded answers with an error that says so.
    let _ = match program {
        AyaProgram::BtfTracePoint(program) => program.unload(),
        AyaProgram::RawTracePoint(program) => program.unload(),
        AyaProgram::FEntry(program) => program.unload(),
        AyaProgram::FExit(program) => program.unload(),
        AyaProgram::KProbe(program) => program.unload(),
        _ => Ok(()),
    };
}

/// Turns a failed rung into a line, and keeps the end of the verifier's log.
pub(super) fn refusal(rung: &'static str, error: &anyhow::Error) -> Refusal {
    let program_error = error.downcast_ref::<ProgramError>();
    let (why, verifier) = match program_error {
        Some(ProgramError::LoadError {
            io_error,
            verifier_log,
        }) => {
            let log = verifier_log.to_string();
            let tail: Vec<&str> = log.lines().rev().take(10).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            let why = match io_error.raw_os_error() {
                Some(libc::EPERM) if log.trim().is_empty() => {
                    "the kernel refuses programs of this type (EPERM)".to_owned()
                }
                _ => match last_word(&log) {
                    Some(word) => format!("the verifier says {word:?} ({io_error})"),
                    None => format!("the kernel did not load the program: {io_error}"),
                },
            };
            (why, (!log.trim().is_empty()).then(|| tail.join("\n")))
        }
        _ => {
            let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
            let why = chain.join(": ");
            // aya names the file that it looks for, not what its absence means.
            if why.contains("event_source/devices/kprobe") {
                (
                    "this kernel has no kprobes (CONFIG_KPROBES)".to_owned(),
                    None,
                )
            } else {
                (why, None)
            }
        }
    };
    Refusal {
        rung,
        why: why.replace('\n', " "),
        verifier,
    }
}

/// What the verifier said last, before its statistics.
fn last_word(log: &str) -> Option<&str> {
    const STATISTICS: [&str; 3] = ["processed ", "verification time ", "stack depth "];
    log.lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !STATISTICS.iter().any(|s| line.starts_with(s)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifiers_last_word_is_its_reason() {
        let log = "10: (db) lock *(u64 *)(r6 +0) += r7\n11: (85) call unknown#158\n\
                   invalid func unknown#158\nverification time 3521 usec\nstack depth 16\n\
                   processed 11 insns (limit 1000000)\n";
        assert_eq!(last_word(log), Some("invalid func unknown#158"));
        assert_eq!(last_word("processed 1 insns\n\n"), None);
    }
}
