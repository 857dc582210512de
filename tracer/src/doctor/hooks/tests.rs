//! Judging what was found, without asking a kernel.

use super::types::{Holds, PROTOTYPES, Prototype};
use super::*;
use crate::kernel::{
    attach::Refusal,
    btf::tests::blob::Blob,
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
    let Found { checks, hooks } = tried(&[refused], Effort::Once);
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

/// `BTF_KIND_*` of what a kernel's types are made of here.
mod kind {
    pub const PTR: u8 = 2;
    pub const STRUCT: u8 = 4;
    pub const ENUM: u8 = 6;
    pub const TYPEDEF: u8 = 8;
    pub const CONST: u8 = 10;
    pub const FUNC: u8 = 12;
}

/// A kernel with the hooks of 5.10, and whatever else it has.
fn kernel(helpers: &[&str], structs: &[&str], functions: &[&str]) -> Btf {
    let mut b = Blob::default();
    let int = b.int("int", 4);
    let data = b.add(kind::PTR, false, 0, "", 0, &[]);
    let pointer = |b: &mut Blob, name: &str| {
        let to = b.composite(kind::STRUCT, false, name, &[("x", int, 0)]);
        b.add(kind::PTR, false, 0, "", to, &[])
    };
    let info = pointer(&mut b, "kernel_siginfo");
    let task = pointer(&mut b, "task_struct");
    let action = pointer(&mut b, "k_sigaction");
    let pid = pointer(&mut b, "pid");
    let cgroup = pointer(&mut b, "cgroup");
    let letter = b.int("char", 1);
    let letter = b.add(kind::CONST, false, 0, "", letter, &[]);
    let text = b.add(kind::PTR, false, 0, "", letter, &[]);
    for (name, params) in [
        ("signal_generate", &[int, info, task, int, int][..]),
        ("signal_deliver", &[int, info, action]),
        ("sched_process_exit", &[task]),
        ("sched_process_wait", &[pid]),
        ("sched_process_free", &[task]),
        ("mark_victim", &[int]),
        ("cgroup_mkdir", &[cgroup, text]),
        ("cgroup_rmdir", &[cgroup, text]),
    ] {
        let params = std::iter::once(&data).chain(params);
        let params: Vec<_> = params.map(|param| ("x", *param)).collect();
        let proto = b.proto(0, &params);
        let proto = b.add(kind::PTR, false, 0, "", proto, &[]);
        let name = format!("btf_trace_{name}");
        b.add(kind::TYPEDEF, false, 0, &name, proto, &[]);
    }
    for (name, enumerators) in [
        ("bpf_func_id", helpers),
        (
            "bpf_attach_type",
            &["BPF_TRACE_RAW_TP", "BPF_TRACE_FENTRY", "BPF_TRACE_FEXIT"],
        ),
    ] {
        let words: Vec<_> = enumerators.iter().flat_map(|e| [b.text(e), 1]).collect();
        b.add(kind::ENUM, false, enumerators.len() as u32, name, 4, &words);
    }
    for name in structs {
        b.composite(kind::STRUCT, false, name, &[("func", data, 0)]);
    }
    for name in functions {
        let proto = b.proto(0, &[("x", data)]);
        b.add(kind::FUNC, false, 1, name, proto, &[]);
    }
    b.parse()
}

/// Hook and rung to `+` for holds, `-` for does not, `?` for cannot tell.
fn expected(btf: &Btf) -> String {
    let rungs = types::predict(btf).into_iter().flat_map(|predicted| {
        predicted.rungs.into_iter().map(move |(rung, holds)| {
            let sign = match holds {
                Holds::Yes => '+',
                Holds::No(_) => '-',
                Holds::Unknown(_) => '?',
            };
            format!("{}={}{sign}", predicted.hook.id, rung.id)
        })
    });
    rungs.collect::<Vec<_>>().join(" ")
}

const HELPER: &str = "BPF_FUNC_get_current_task_btf";

#[test]
fn types_tell_which_rungs_an_old_kernel_lacks() {
    let functions = ["zap_pid_ns_processes", "register_kprobe"];
    assert_eq!(
        expected(&kernel(&["BPF_FUNC_get_current_task"], &[], &functions)),
        "signal_generate=tp_btf- signal_generate=tp_btf_scalar_info- signal_generate=raw_tp+ \
         signal_deliver=tp_btf- signal_deliver=tp_btf_scalar_info- signal_deliver=raw_tp+ \
         sched_process_exit=tp_btf+ sched_process_exit=raw_tp+ \
         zap=fentry? zap=kprobe? zap=inferred- zap=inferred_raw+ oom=tp_btf+ oom=raw_tp+ cgroup=raw_tp+ \
         permission=fexit- permission=kprobe?"
    );
}

#[test]
fn a_function_with_other_arguments_is_not_read() {
    // Here every function has one.
    let btf = kernel(&[HELPER], &[], &["check_kill_permission"]);
    let rungs = expected(&btf);
    assert!(rungs.contains("permission=fexit-"), "{rungs}");
    let predicted = types::predict(&btf);
    let check = types::hook(&btf, predicted.last().expect("the hook"));
    assert!(
        check
            .detail
            .contains("has 1 parameters, but sigwhy knows 3"),
        "{}",
        check.detail
    );
    assert_eq!(check.status, Status::Warn);
}

#[test]
fn types_do_not_tell_what_a_new_verifier_takes_for_a_number() {
    let btf = kernel(&[HELPER], &["bpf_raw_tp_null_args"], &[]);
    let rungs = expected(&btf);
    assert!(
        rungs.starts_with("signal_generate=tp_btf? signal_generate=tp_btf_scalar_info+"),
        "{rungs}"
    );
    assert!(
        rungs.contains("zap=fentry- zap=kprobe- zap=inferred+"),
        "{rungs}"
    );
    let before = expected(&kernel(&[HELPER], &[], &[]));
    assert!(before.starts_with("signal_generate=tp_btf+ "), "{before}");
    let predicted = types::predict(&btf);
    let check = types::hook(&btf, &predicted[0]);
    assert_eq!(check.status, Status::Ok);
    assert!(
        check
            .detail
            .starts_with("tp_btf or tp_btf_scalar_info; signal_generate(int, "),
        "{}",
        check.detail
    );
}

#[test]
fn a_kernel_without_the_hooks_cannot_be_traced() {
    let mut b = Blob::default();
    b.int("int", 4);
    let btf = b.parse();
    let predicted = types::predict(&btf);
    let checks = types::checks(&btf, &predicted);
    let status = |id: &str| checks.iter().find(|check| check.id == id).map(|c| c.status);
    for id in [
        "helpers",
        "signal_generate",
        "signal_deliver",
        "sched_process_exit",
    ] {
        assert_eq!(status(id), Some(Status::Fail), "{id}");
    }
    for id in ["zap", "oom"] {
        assert_eq!(status(id), Some(Status::Warn), "{id}");
    }
}
