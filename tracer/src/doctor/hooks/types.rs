//! The hooks as far as a kernel's types tell.

use crate::kernel::btf::Btf;

use super::super::{Check, Status};
use super::GROUP;

/// What a tracepoint must have: the types of its first parameters, `None` for any.
pub(super) struct Prototype {
    hook: &'static str,
    tracepoint: &'static str,
    required: bool,
    params: &'static [Option<&'static str>],
    /// Further parameters are known to exist on some kernels.
    open: bool,
}

const SIGINFO: Option<&str> = Some("struct kernel_siginfo *");
const TASK: Option<&str> = Some("struct task_struct *");
const INT: Option<&str> = Some("int");

/// As the programs read their arguments; the same from 5.10 to 7.2.
pub(super) const PROTOTYPES: [Prototype; 4] = [
    Prototype {
        hook: "signal_generate",
        tracepoint: "signal_generate",
        required: true,
        params: &[INT, SIGINFO, TASK, INT, INT],
        open: false,
    },
    Prototype {
        hook: "signal_deliver",
        tracepoint: "signal_deliver",
        required: true,
        params: &[INT, SIGINFO, Some("struct k_sigaction *")],
        open: false,
    },
    Prototype {
        hook: "sched_process_exit",
        tracepoint: "sched_process_exit",
        required: true,
        params: &[TASK],
        open: true,
    },
    Prototype {
        hook: "oom",
        tracepoint: "mark_victim",
        required: false,
        params: &[None],
        open: true,
    },
];

/// The hooks as far as types tell: what the kernel will really load is not known.
pub(super) fn prototypes(btf: &Btf) -> Vec<Check> {
    let mut checks: Vec<Check> = PROTOTYPES
        .iter()
        .map(|wanted| prototype(wanted, btf.tracepoint_params(wanted.tracepoint)))
        .collect();
    checks.insert(3, zap(btf));
    checks
}

pub(super) fn prototype(wanted: &Prototype, found: Option<Vec<String>>) -> Check {
    let check =
        |status, detail: String| Check::new(GROUP, wanted.hook, wanted.hook, status, detail);
    let worse = if wanted.required {
        Status::Fail
    } else {
        Status::Warn
    };
    let name = wanted.tracepoint;
    let Some(params) = found else {
        return check(worse, format!("no tracepoint {name} in these types"))
            .remedy("give the types of a kernel with CONFIG_TRACEPOINTS=y");
    };
    let shown = format!("{name}({})", params.join(", "));
    let enough =
        params.len() == wanted.params.len() || (wanted.open && params.len() > wanted.params.len());
    let fits = wanted
        .params
        .iter()
        .zip(&params)
        .all(|(wanted, found)| wanted.is_none_or(|wanted| wanted == found));
    if enough && fits {
        return check(Status::Ok, shown);
    }
    let known: Vec<_> = wanted.params.iter().map(|p| p.unwrap_or("any")).collect();
    check(
        worse,
        format!("{shown}, but sigwhy knows {name}({})", known.join(", ")),
    )
    .remedy("none: report the kernel's version, its tracepoint has changed")
}

fn zap(btf: &Btf) -> Check {
    let check = |status, detail: &str| Check::new(GROUP, "zap", "zap", status, detail);
    match btf.function_params("zap_pid_ns_processes") {
        Some(1) => check(
            Status::Ok,
            "zap_pid_ns_processes is a function of its own: fentry and kprobe may attach",
        ),
        Some(_) => check(
            Status::Info,
            "zap_pid_ns_processes has other parameters than known; its end is inferred if need be",
        ),
        None => check(
            Status::Info,
            "no function zap_pid_ns_processes: the end of a PID namespace is inferred from its init",
        ),
    }
}
