//! Checks of the hooks: which way to attach each is there, and which fields of
//! the kernel are missing.
//!
//! [`tried`] asks the kernel by loading and attaching; [`from_btf`] judges a
//! kernel by its types alone, which need not be the running one's.

use std::path::Path;

use crate::kernel::{
    btf::{Btf, BtfError},
    load::{self, Refusal},
    offsets,
    probe::{self, ProbedHook, ProbedRung},
};

use super::{Check, Status};

const GROUP: &str = "Hooks";

/// Tries the hooks on the running kernel, unless the checks before say that
/// there is no use: then one line says what is in the way.
pub fn tried(before: &[Check]) -> Vec<Check> {
    let obstacle = ["capabilities", "user_namespace", "btf", "lockdown"]
        .into_iter()
        .filter_map(|id| before.iter().find(|check| check.id == id))
        .find(|check| check.status == Status::Fail);
    if let Some(obstacle) = obstacle {
        let detail = format!("not tried: {}: {}", obstacle.title, obstacle.detail);
        return vec![Check::new(GROUP, "hooks", "hooks", Status::Info, detail)];
    }
    let mut checks = match Btf::from_file(Path::new(crate::kernel::btf::VMLINUX)) {
        Ok(btf) => vec![fields(&btf)],
        // The check of the BTF itself has told.
        Err(_) => Vec::new(),
    };
    match probe::probe(&load::Options::default()) {
        Ok(hooks) => checks.extend(hooks.iter().map(hook)),
        Err(error) => checks.push(
            Check::new(GROUP, "hooks", "hooks", Status::Fail, format!("{error}"))
                .remedy("see the checks above; if they are all well, please report this line"),
        ),
    }
    checks
}

/// Judges a kernel by its types: the file that `--btf` names.
pub fn from_btf(path: &Path) -> Vec<Check> {
    let btf = Btf::from_file(path);
    let mut checks = Vec::new();
    if let Ok(btf) = &btf {
        checks.push(fields(btf));
        checks.extend(prototypes(btf));
    }
    checks.insert(0, kernel_types(btf));
    checks
}

fn kernel_types(btf: Result<Btf, BtfError>) -> Check {
    super::kernel::btf(btf, true)
}

/// What an ability is worth, for a person.
fn cost_of(ability: &str) -> &'static str {
    match ability {
        "sender_ancestry" => "a sender's parents are not shown",
        "uid" => "users are not shown",
        "frozen_v1" => "a process frozen by cgroup v1 is not recognized",
        "frozen_v2" => "a process frozen by cgroup v2 is not recognized",
        "parent_death" => "a parent-death signal is told as the parent's own",
        "core_dump" | "core_dump_in_signal" | "core_dump_in_mm" => {
            "a signal dropped because the target writes its core dump is not explained"
        }
        "cgroup" => "containers have no cgroup, and so no names from their runtime",
        "cgroup_v1" => "containers have no cgroup v1",
        "pid_namespace_id" => {
            "a PID namespace has no number of its own, only an inode, which the kernel reuses"
        }
        "container_init" => "the init of a container is not named",
        "zap_progress" => "how many processes a dying PID namespace still has is not shown",
        _ => "something is shown as unknown",
    }
}

/// The abilities whose lack takes nothing from an explanation.
const COSMETIC: [&str; 1] = ["pid_namespace_id"];

/// Whether the fields that sigwhy reads are there.
fn fields(btf: &Btf) -> Check {
    let check =
        |status, detail: String| Check::new(GROUP, "fields", "kernel fields", status, detail);
    let offsets = match offsets::resolve(btf, None) {
        Err(missing) => {
            return check(Status::Fail, format!("{} missing", missing.0.join(", ")))
                .remedy("none: report the kernel's version, sigwhy needs these fields");
        }
        Ok(offsets) => offsets,
    };
    if offsets.lost.is_empty() {
        return check(Status::Ok, "all there".to_owned());
    }
    let lost: Vec<String> = offsets
        .lost
        .iter()
        .map(|(ability, missing)| {
            format!(
                "{ability}: {} ({} missing)",
                cost_of(ability),
                missing.join(", ")
            )
        })
        .collect();
    let is_cosmetic = offsets
        .lost
        .keys()
        .all(|ability| COSMETIC.contains(ability));
    let status = if is_cosmetic {
        Status::Info
    } else {
        Status::Warn
    };
    check(status, lost.join("; "))
}

/// A refusal in words: aya names the file that it looks for, not what its
/// absence means.
fn why_not(refusal: &Refusal) -> String {
    if refusal.why.contains("event_source/devices/kprobe") {
        return format!(
            "{}: this kernel has no kprobes (CONFIG_KPROBES)",
            refusal.rung
        );
    }
    refusal.to_string()
}

/// One line for a hook that was tried.
fn hook(probed: &ProbedHook) -> Check {
    let hook = probed.hook;
    let check = |status, detail: String| Check::new(GROUP, hook.id, hook.id, status, detail);
    let refused = |rungs: &[ProbedRung]| -> Vec<String> {
        rungs
            .iter()
            .filter_map(|rung| Some(why_not(rung.result.as_ref().err()?)))
            .collect()
    };
    let Some(position) = probed.rungs.iter().position(|rung| rung.result.is_ok()) else {
        let mut detail = format!("no way to attach it: {}", refused(&probed.rungs).join("; "));
        let said = probed
            .rungs
            .iter()
            .filter_map(|rung| rung.result.as_ref().err()?.verifier.as_deref())
            .next();
        if let Some(log) = said {
            let lines: Vec<_> = log.lines().map(str::trim).collect();
            detail += &format!("; the verifier's last words: {}", lines.join(" | "));
        }
        return if hook.required {
            check(Status::Fail, detail).remedy(
                "a kernel of 5.8 or later with CONFIG_BPF_EVENTS=y takes it; if this is one, please report this line",
            )
        } else {
            check(Status::Warn, detail).remedy(format!("lost without it: {}", hook.purpose))
        };
    };
    let chosen = &probed.rungs[position];
    let mut detail = chosen.rung.id.to_owned();
    if let Ok(Some(instructions)) = chosen.result {
        detail += &format!(" ({instructions} instructions verified)");
    }
    let also: Vec<_> = probed.rungs[position + 1..]
        .iter()
        .filter(|rung| rung.result.is_ok())
        .map(|rung| rung.rung.id)
        .collect();
    if !also.is_empty() {
        detail += &format!(", also {}", also.join(", "));
    }
    let better = refused(&probed.rungs[..position]);
    if !better.is_empty() {
        detail += &format!("; better but refused: {}", better.join("; "));
    }
    match (hook.id, chosen.rung.shown()) {
        ("zap", "inferred") => check(Status::Info, detail).remedy(
            "nothing needed: the end of a PID namespace is inferred from its init. Seen directly with CONFIG_FUNCTION_TRACER=y (fentry) or CONFIG_KPROBES=y (kprobe)",
        ),
        _ if better.is_empty() => check(Status::Ok, detail),
        _ => check(Status::Info, detail)
            .remedy("nothing needed: it works the same, only slower per event"),
    }
}

/// What a tracepoint must have: the types of its first parameters, `None` for any.
struct Prototype {
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
const PROTOTYPES: [Prototype; 4] = [
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
fn prototypes(btf: &Btf) -> Vec<Check> {
    let mut checks: Vec<Check> = PROTOTYPES
        .iter()
        .map(|wanted| prototype(wanted, btf.tracepoint_params(wanted.tracepoint)))
        .collect();
    checks.insert(3, zap(btf));
    checks
}

fn prototype(wanted: &Prototype, found: Option<Vec<String>>) -> Check {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::ladder::HOOKS;

    /// Why a rung does not hold, and the verifier's log.
    type Why<'a> = (&'a str, Option<&'a str>);

    fn probed(id: &str, results: &[Result<Option<u32>, Why<'_>>]) -> ProbedHook {
        let hook = HOOKS.iter().find(|hook| hook.id == id).expect("a hook");
        assert_eq!(hook.rungs.len(), results.len());
        ProbedHook {
            hook,
            rungs: hook
                .rungs
                .iter()
                .zip(results)
                .map(|(rung, result)| ProbedRung {
                    rung,
                    result: result.map_err(|(why, verifier)| Refusal {
                        rung: rung.id,
                        why: why.to_owned(),
                        verifier: verifier.map(str::to_owned),
                    }),
                })
                .collect(),
        }
    }

    #[test]
    fn the_best_rung_is_chosen_and_the_others_named() {
        let check = hook(&probed("signal_generate", &[Ok(Some(1234)), Ok(None)]));
        assert_eq!(check.status, Status::Ok);
        assert_eq!(
            check.detail,
            "tp_btf (1234 instructions verified), also raw_tp"
        );
        assert_eq!(check.remedy, None);
    }

    #[test]
    fn a_worse_rung_says_why_not_the_better() {
        let eperm = Err(("refused (EPERM)", None));
        let check = hook(&probed(
            "zap",
            &[eperm, Err(("no kprobes", None)), Ok(None), Ok(None)],
        ));
        assert_eq!(check.status, Status::Info);
        assert!(
            check
                .detail
                .starts_with("inferred, also inferred_raw; better but refused: ")
        );
        assert!(
            check
                .detail
                .contains("fentry: refused (EPERM); kprobe: no kprobes")
        );
        assert!(
            check
                .remedy
                .is_some_and(|remedy| remedy.contains("CONFIG_KPROBES"))
        );
        let check = hook(&probed("signal_deliver", &[eperm, Ok(Some(7))]));
        assert_eq!(check.status, Status::Info);
        assert!(check.detail.starts_with("raw_tp (7 "));
    }

    #[test]
    fn no_rung_fails_only_where_the_hook_is_required() {
        let log = Err((
            "not loaded",
            Some("R1 invalid mem access\n  processed 9 insns"),
        ));
        let required = hook(&probed("signal_generate", &[log, log]));
        assert_eq!(required.status, Status::Fail);
        assert!(
            required
                .detail
                .contains("R1 invalid mem access | processed 9 insns")
        );
        assert!(required.remedy.is_some());
        let optional = hook(&probed("oom", &[log, log]));
        assert_eq!(optional.status, Status::Warn);
        assert!(
            optional
                .remedy
                .is_some_and(|remedy| remedy.contains("OOM killer"))
        );
    }

    #[test]
    fn prototypes_are_compared_by_type() {
        let [generate, _, exit, oom] = &PROTOTYPES;
        let params = |types: &[&str]| Some(types.iter().map(|t| (*t).to_owned()).collect());
        let of = |wanted, types: &[&str]| prototype(wanted, params(types)).status;
        let (info, task) = ("struct kernel_siginfo *", "struct task_struct *");
        assert_eq!(of(generate, &["int", info, task, "int", "int"]), Status::Ok);
        assert_eq!(
            of(generate, &["int", task, info, "int", "int"]),
            Status::Fail
        );
        assert_eq!(of(generate, &["int", info, task, "int"]), Status::Fail);
        assert_eq!(
            of(generate, &["int", info, task, "int", "int", "int"]),
            Status::Fail
        );
        assert_eq!(prototype(generate, None).status, Status::Fail);
        assert_eq!(of(exit, &[task]), Status::Ok);
        assert_eq!(of(exit, &[task, "bool"]), Status::Ok);
        assert_eq!(of(exit, &[]), Status::Fail);
        assert_eq!(of(oom, &["int"]), Status::Ok);
        assert_eq!(of(oom, &[task, "uid_t"]), Status::Ok);
        assert_eq!(prototype(oom, None).status, Status::Warn);
    }

    #[test]
    fn an_obstacle_is_told_instead_of_tried() {
        let refused = Check::new(
            "Rights",
            "capabilities",
            "capabilities",
            Status::Fail,
            "CAP_BPF is missing",
        );
        let checks = tried(&[refused]);
        assert_eq!(checks.len(), 1);
        assert_eq!(checks[0].status, Status::Info);
        assert!(checks[0].detail.contains("CAP_BPF is missing"));
    }

    #[test]
    fn every_ability_of_the_table_has_a_cost() {
        for field in tracer_common::offsets::FIELDS {
            if field.ability != "required" {
                assert_ne!(cost_of(field.ability), cost_of(""), "{}", field.ability);
            }
        }
    }

    #[test]
    fn a_file_that_is_no_btf_fails_with_one_check() {
        let checks = from_btf(Path::new("/dev/null"));
        assert_eq!(checks.len(), 1);
        assert_eq!(checks[0].status, Status::Fail);
    }
}
