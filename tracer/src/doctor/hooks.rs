//! Checks of the hooks: which way to attach each is there, and which fields of
//! the kernel are missing.
//!
//! [`tried`] asks the kernel by loading and attaching; [`from_btf`] judges a
//! kernel by its types alone, which need not be the running one's. Both also give
//! every rung by itself, for programs.

use std::path::Path;

use crate::kernel::{
    btf::{Btf, BtfError},
    load, offsets,
    probe::{self, ProbedHook, ProbedRung},
};

use super::{Check, Status};

mod programs;
mod types;

#[cfg(test)]
mod tests;

pub use crate::kernel::probe::Effort;
pub use programs::{HookReport, ProgramReport, RungReport};

const GROUP: &str = "Hooks";

/// What was found out about the hooks.
#[derive(Debug, Default)]
pub struct Found {
    pub checks: Vec<Check>,
    /// Empty where nothing could be tried.
    pub hooks: Vec<HookReport>,
}

/// Tries the hooks on the running kernel, unless the checks before say that
/// there is no use: then one line says what is in the way.
pub fn tried(before: &[Check], effort: Effort) -> Found {
    let obstacle = ["capabilities", "user_namespace", "btf", "lockdown"]
        .into_iter()
        .filter_map(|id| before.iter().find(|check| check.id == id))
        .find(|check| check.status == Status::Fail);
    if let Some(obstacle) = obstacle {
        let detail = format!("not tried: {}: {}", obstacle.title, obstacle.detail);
        return Found {
            checks: vec![Check::new(GROUP, "hooks", "hooks", Status::Info, detail)],
            hooks: Vec::new(),
        };
    }
    let mut checks = match Btf::from_file(Path::new(crate::kernel::btf::VMLINUX)) {
        Ok(btf) => vec![fields(&btf)],
        // The check of the BTF itself has told.
        Err(_) => Vec::new(),
    };
    let mut hooks = Vec::new();
    match probe::probe(&load::Options::default(), effort) {
        Ok(probed) => {
            checks.extend(probed.iter().map(hook));
            hooks.extend(probed.iter().map(HookReport::tried));
        }
        Err(error) => checks.push(
            Check::new(GROUP, "hooks", "hooks", Status::Fail, format!("{error}"))
                .remedy("see the checks above; if they are all well, please report this line"),
        ),
    }
    Found { checks, hooks }
}

/// Judges a kernel by its types: the file that `--btf` names.
pub fn from_btf(path: &Path) -> Found {
    let btf = Btf::from_file(path);
    let mut found = Found::default();
    if let Ok(btf) = &btf {
        let predicted = types::predict(btf);
        found.checks.push(fields(btf));
        found.checks.extend(types::checks(btf, &predicted));
        found
            .hooks
            .extend(predicted.iter().map(HookReport::predicted));
    }
    found.checks.insert(0, kernel_types(btf));
    found
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
        "cgroup_names" => "containers that end at once may stay without their names",
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

/// One line for a hook that was tried.
fn hook(probed: &ProbedHook) -> Check {
    let hook = probed.hook;
    let check = |status, detail: String| Check::new(GROUP, hook.id, hook.id, status, detail);
    let refused = |rungs: &[ProbedRung]| -> Vec<String> {
        rungs
            .iter()
            .filter_map(|rung| Some(rung.result.as_ref().err()?.to_string()))
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
    if let Some(instructions) = chosen.verified_instructions() {
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
