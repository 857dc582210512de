//! Judging what was found, without asking a kernel.

use super::types::{PROTOTYPES, Prototype};
use super::*;
use crate::kernel::{
    attach::Refusal,
    ladder::{Attach, HOOKS},
    probe::ProbedProgram,
};

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
                // All of it in one program: only the sum is shown.
                programs: vec![ProbedProgram {
                    name: rung.programs[0].name,
                    loaded: result.is_ok(),
                    verified_instructions: result.ok().flatten(),
                    xlated_bytes: None,
                    jited_bytes: None,
                }],
                result: result.map(|_| ()).map_err(|(why, verifier)| Refusal {
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
    let fits = |tracepoint, params: &[&str]| {
        let params: Vec<_> = params.iter().map(|param| (*param).to_owned()).collect();
        Prototype::of(tracepoint).expect("known").fits(&params)
    };
    let (info, task) = ("struct kernel_siginfo *", "struct task_struct *");
    let generate = "signal_generate";
    assert!(fits(generate, &["int", info, task, "int", "int"]));
    assert!(!fits(generate, &["int", task, info, "int", "int"]));
    assert!(!fits(generate, &["int", info, task, "int"]));
    assert!(!fits(generate, &["int", info, task, "int", "int", "int"]));
    assert!(fits("sched_process_exit", &[task]));
    assert!(fits("sched_process_exit", &[task, "bool"]));
    assert!(fits("sched_process_exit", &[task, "bool", "int"]));
    // The second argument is read as a bool.
    assert!(!fits("sched_process_exit", &[task, "int"]));
    assert!(!fits("sched_process_exit", &[]));
    assert!(fits("sched_process_wait", &["struct pid *"]));
    assert!(fits("mark_victim", &["int"]));
    assert!(fits("mark_victim", &[task, "uid_t"]));
    // A pointer to something else is no task.
    assert!(!fits("mark_victim", &["struct pid *"]));
}

#[test]
fn every_tracepoint_of_the_ladder_has_a_prototype() {
    let mut used: Vec<_> = HOOKS
        .iter()
        .flat_map(|hook| hook.rungs)
        .flat_map(|rung| rung.programs)
        .filter_map(|program| match program.attach {
            Attach::TpBtf(name) | Attach::RawTp(name) => Some(name),
            _ => None,
        })
        .collect();
    used.sort_unstable();
    used.dedup();
    let mut known: Vec<_> = PROTOTYPES.iter().map(|known| known.tracepoint).collect();
    known.sort_unstable();
    assert_eq!(known, used);
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
    let Found { checks, hooks } = tried(&[refused]);
    assert_eq!((checks.len(), hooks.len()), (1, 0));
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
    let Found { checks, hooks } = from_btf(Path::new("/dev/null"));
    assert_eq!((checks.len(), hooks.len()), (1, 0));
    assert_eq!(checks[0].status, Status::Fail);
}
