//! The hooks as far as a kernel's types tell: which rungs will hold there.
//!
//! What types do not show is said to be unknown, never guessed: the verifier's
//! own tables, how the kernel's functions were built, what the machine forbids.

use crate::kernel::{
    btf::Btf,
    ladder::{Attach, HOOKS, Hook, Program, Rung},
};

use super::super::{Check, Status};
use super::GROUP;

/// What a tracepoint must have, as the programs read its arguments.
pub(super) struct Prototype {
    pub tracepoint: &'static str,
    /// The parameters of each known kernel, oldest first.
    forms: &'static [&'static [&'static str]],
    /// Whether the last form may be followed by further parameters.
    open: bool,
}

const SIGINFO: &str = "struct kernel_siginfo *";
const TASK: &str = "struct task_struct *";

/// The functions whose arguments the programs read, and how many they have, which is
/// the same from 5.10 to 7.2.
const FUNCTIONS: [(&str, usize); 1] = [("check_kill_permission", 3)];

/// Known from 5.10 to 7.2.
pub(super) const PROTOTYPES: [Prototype; 8] = [
    Prototype {
        tracepoint: "signal_generate",
        forms: &[&["int", SIGINFO, TASK, "int", "int"]],
        open: false,
    },
    Prototype {
        tracepoint: "signal_deliver",
        forms: &[&["int", SIGINFO, "struct k_sigaction *"]],
        open: false,
    },
    Prototype {
        tracepoint: "sched_process_exit",
        forms: &[&[TASK], &[TASK, "bool"]],
        open: true,
    },
    // Nothing of it is read.
    Prototype {
        tracepoint: "sched_process_wait",
        forms: &[&[]],
        open: true,
    },
    Prototype {
        tracepoint: "sched_process_free",
        forms: &[&[TASK]],
        open: true,
    },
    Prototype {
        tracepoint: "mark_victim",
        forms: &[&["int"], &[TASK], &[TASK, "uid_t"]],
        open: true,
    },
    Prototype {
        tracepoint: "cgroup_mkdir",
        forms: &[&["struct cgroup *", "const char *"]],
        open: true,
    },
    Prototype {
        tracepoint: "cgroup_rmdir",
        forms: &[&["struct cgroup *", "const char *"]],
        open: true,
    },
];

impl Prototype {
    pub(super) fn of(tracepoint: &str) -> Option<&'static Self> {
        PROTOTYPES
            .iter()
            .find(|known| known.tracepoint == tracepoint)
    }

    /// Whether the programs can read a tracepoint with these parameters.
    pub(super) fn fits(&self, params: &[String]) -> bool {
        let last = self.forms.len() - 1;
        self.forms.iter().enumerate().any(|(index, form)| {
            let enough = params.len() == form.len()
                || (self.open && index == last && params.len() > form.len());
            enough && form.iter().zip(params).all(|(known, found)| known == found)
        })
    }

    /// Holds, or in which way these types differ.
    fn judge(&self, params: Option<&[String]>) -> Holds {
        let name = self.tracepoint;
        match params {
            None => Holds::No(format!("no tracepoint {name} in these types")),
            Some(params) if self.fits(params) => Holds::Yes,
            Some(params) => {
                let forms = self.forms.iter();
                let known: Vec<_> = forms
                    .map(|form| format!("{name}({})", form.join(", ")))
                    .collect();
                Holds::No(format!(
                    "it is {name}({}), but sigwhy knows {}",
                    params.join(", "),
                    known.join(" and ")
                ))
            }
        }
    }
}

/// Whether a rung will hold on the kernel of these types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No(String),
    /// Types do not tell, and why.
    Unknown(&'static str),
}

impl Holds {
    /// Both must hold; what is certain outweighs what is not.
    fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Yes => other(),
            Self::No(_) => self,
            Self::Unknown(_) => match other() {
                no @ Self::No(_) => no,
                _ => self,
            },
        }
    }
}

/// A hook and what is to be expected of its rungs, best first.
pub(super) struct Predicted {
    pub hook: &'static Hook,
    pub rungs: Vec<(&'static Rung, Holds)>,
}

/// Helpers and maps that every program uses, by their enumerators.
const EVERYWHERE: [(&str, &str); 9] = [
    ("bpf_func_id", "BPF_FUNC_map_lookup_elem"),
    ("bpf_func_id", "BPF_FUNC_map_update_elem"),
    ("bpf_func_id", "BPF_FUNC_map_delete_elem"),
    ("bpf_func_id", "BPF_FUNC_get_current_task"),
    ("bpf_func_id", "BPF_FUNC_ktime_get_boot_ns"),
    ("bpf_func_id", "BPF_FUNC_probe_read_kernel"),
    ("bpf_func_id", "BPF_FUNC_ringbuf_reserve"),
    ("bpf_func_id", "BPF_FUNC_ringbuf_discard"),
    ("bpf_map_type", "BPF_MAP_TYPE_RINGBUF"),
];

/// The programs with plain loads from the running task, for which they ask a
/// helper that is younger (5.11) than typed programs.
const WITH_TYPED_CURRENT: [&str; 5] = [
    "generate_tp_btf",
    "generate_scalar_info",
    "deliver_tp_btf",
    "deliver_scalar_info",
    "wait_tp_btf",
];

/// The programs that load from a siginfo without asking the kernel to check.
const WITH_TYPED_INFO: [&str; 2] = ["generate_tp_btf", "deliver_tp_btf"];

/// What is to be expected of every hook.
pub(super) fn predict(btf: &Btf) -> Vec<Predicted> {
    let hooks = HOOKS.iter().map(|hook| Predicted {
        hook,
        rungs: hook
            .rungs
            .iter()
            .map(|rung| (rung, rung_holds(btf, rung)))
            .collect(),
    });
    hooks.collect()
}

fn rung_holds(btf: &Btf, rung: &Rung) -> Holds {
    let programs = rung.programs.iter();
    programs.fold(Holds::Yes, |so_far, program| {
        so_far.and(|| program_holds(btf, program))
    })
}

fn program_holds(btf: &Btf, program: &Program) -> Holds {
    match program.attach {
        Attach::RawTp(target) => tracepoint(btf, target),
        Attach::TpBtf(target) => tracepoint(btf, target)
            .and(|| typed(btf, "BPF_TRACE_RAW_TP"))
            .and(|| typed_current(btf, program))
            .and(|| typed_info(btf, program)),
        Attach::Fentry(name) => typed(btf, "BPF_TRACE_FENTRY").and(|| function(btf, name)),
        Attach::Fexit(name) => typed(btf, "BPF_TRACE_FEXIT").and(|| function(btf, name)),
        Attach::Kprobe(_) | Attach::Kretprobe(_) => kprobe(btf),
    }
}

fn tracepoint(btf: &Btf, name: &str) -> Holds {
    match Prototype::of(name) {
        Some(known) => known.judge(btf.tracepoint_params(name).as_deref()),
        None => Holds::Unknown("sigwhy has no prototype of this tracepoint to compare with"),
    }
}

fn typed(btf: &Btf, attach_type: &str) -> Holds {
    match btf.enum_value("bpf_attach_type", attach_type) {
        Some(_) => Holds::Yes,
        None => Holds::No(format!("this kernel has no {attach_type}")),
    }
}

fn typed_current(btf: &Btf, program: &Program) -> Holds {
    const HELPER: &str = "BPF_FUNC_get_current_task_btf";
    if WITH_TYPED_CURRENT.contains(&program.name) && btf.enum_value("bpf_func_id", HELPER).is_none()
    {
        return Holds::No("this kernel has no helper bpf_get_current_task_btf".to_owned());
    }
    Holds::Yes
}

/// Newer verifiers have a table of tracepoint arguments that may be 0 or a number,
/// and take what is in it for a number. Types show whether there is a table, not
/// what is in it.
fn typed_info(btf: &Btf, program: &Program) -> Holds {
    if WITH_TYPED_INFO.contains(&program.name) && btf.size_of("bpf_raw_tp_null_args").is_some() {
        return Holds::Unknown("the verifier's table of arguments that may be no pointers decides");
    }
    Holds::Yes
}

fn function(btf: &Btf, name: &str) -> Holds {
    let known = FUNCTIONS.iter().find(|(known, _)| *known == name);
    match (btf.function_params(name), known) {
        (None, _) => Holds::No(format!("no function {name} in these types")),
        (Some(found), Some((_, wanted))) if found != *wanted => Holds::No(format!(
            "{name} has {found} parameters, but sigwhy knows {wanted}"
        )),
        (Some(_), _) => Holds::Unknown(
            "whether functions can be traced (CONFIG_FUNCTION_TRACER) is not in the types",
        ),
    }
}

fn kprobe(btf: &Btf) -> Holds {
    if btf.function_params("register_kprobe").is_none() {
        return Holds::No("this kernel has no kprobes (CONFIG_KPROBES)".to_owned());
    }
    Holds::Unknown("whether this function can be probed is not in the types")
}

/// The hooks as checks, with what every program needs before them.
pub(super) fn checks(btf: &Btf, predicted: &[Predicted]) -> Vec<Check> {
    let mut checks = vec![helpers(btf), constants()];
    checks.extend(predicted.iter().map(|predicted| hook(btf, predicted)));
    checks
}

fn helpers(btf: &Btf) -> Check {
    let check = |status, detail| Check::new(GROUP, "helpers", "eBPF helpers", status, detail);
    let missing: Vec<_> = EVERYWHERE
        .iter()
        .filter(|(kind, name)| btf.enum_value(kind, name).is_none())
        .map(|(_, name)| *name)
        .collect();
    if missing.is_empty() {
        return check(Status::Ok, "all there".to_owned());
    }
    check(Status::Fail, format!("{} missing", missing.join(", ")))
        .remedy("none: sigwhy needs a kernel of 5.8 or later with CONFIG_BPF_SYSCALL=y")
}

fn constants() -> Check {
    Check::new(
        GROUP,
        "constants",
        "kernel constants",
        Status::Info,
        "not in the types: PF_*, SIGNAL_*, JOBCTL_* and TRACE_SIGNAL_* are taken as 5.10 to 7.2 have them",
    )
}

/// One line for a hook: how it will be attached, and its prototype.
pub(super) fn hook(btf: &Btf, predicted: &Predicted) -> Check {
    let hook = predicted.hook;
    let check = |status, detail: String| Check::new(GROUP, hook.id, hook.id, status, detail);
    let refused: Vec<_> = predicted
        .rungs
        .iter()
        .filter_map(|(rung, holds)| match holds {
            Holds::No(why) => Some(format!("{}: {why}", rung.id)),
            _ => None,
        })
        .collect();
    if refused.len() == predicted.rungs.len() {
        let detail = format!("no way to attach it: {}", refused.join("; "));
        return if hook.required {
            check(Status::Fail, detail).remedy(
                "none: report the kernel's version, its tracepoint is missing or has changed",
            )
        } else {
            check(Status::Warn, detail).remedy(format!("lost without it: {}", hook.purpose))
        };
    }
    // The first that is certain comes last: no worse one will be used.
    let certain = predicted
        .rungs
        .iter()
        .position(|(_, holds)| *holds == Holds::Yes);
    let rungs = &predicted.rungs[..certain.map_or(predicted.rungs.len(), |at| at + 1)];
    let possible: Vec<_> = rungs
        .iter()
        .filter(|(_, holds)| !matches!(holds, Holds::No(_)))
        .map(|(rung, _)| rung.id)
        .collect();
    let mut detail = possible.join(" or ");
    if let Some(shown) = prototype(btf, hook) {
        detail = format!("{detail}; {shown}");
    }
    let better: Vec<_> = rungs
        .iter()
        .filter_map(|(rung, holds)| match holds {
            Holds::No(why) => Some(format!("{}: {why}", rung.id)),
            _ => None,
        })
        .collect();
    if better.is_empty() {
        return check(Status::Ok, detail);
    }
    detail += &format!("; better but not there: {}", better.join("; "));
    check(Status::Info, detail)
}

/// The tracepoint of a hook's first rung, as these types have it.
fn prototype(btf: &Btf, hook: &Hook) -> Option<String> {
    let (Attach::TpBtf(name) | Attach::RawTp(name)) = hook.rungs[0].programs[0].attach else {
        return None;
    };
    let params = btf.tracepoint_params(name)?;
    Some(format!("{name}({})", params.join(", ")))
}
