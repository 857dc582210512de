//! Judging what was found, without asking a kernel.

use super::types::{PROTOTYPES, prototype};
use super::*;
use crate::kernel::{attach::Refusal, ladder::HOOKS};

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
    let check = hook(&probed("sched_process_exit", &[Ok(Some(1234)), Ok(None)]));
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
    let check = hook(&probed("signal_deliver", &[eperm, eperm, Ok(Some(7))]));
    assert_eq!(check.status, Status::Info);
    assert!(check.detail.starts_with("raw_tp (7 "));
}

#[test]
fn no_rung_fails_only_where_the_hook_is_required() {
    let log = Err((
        "not loaded",
        Some("R1 invalid mem access\n  processed 9 insns"),
    ));
    let required = hook(&probed("signal_generate", &[log, log, log]));
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
