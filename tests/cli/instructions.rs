//! What each program costs the verifier, held to a limit.
//!
//! A verifier walks at most a million instructions, and how many it needs for the
//! same program differs between kernels by several times, with no word of
//! warning. The limits here are about one and a half times the most seen on 5.10,
//! 6.1, 6.12, 6.18 and 7.2: a change that crosses one is to be understood first,
//! and then the limit raised, or not.

use std::fs::OpenOptions;
use std::io::Write as _;

use serde_json::Value;

use super::live::{run, sigwhy};

/// What a program may cost.
struct Limit {
    program: &'static str,
    /// Instructions walked by the verifier.
    verified: u64,
    /// Bytes that the verifier left.
    xlated_bytes: u64,
}

const fn limit(program: &'static str, verified: u64, xlated_bytes: u64) -> Limit {
    Limit {
        program,
        verified,
        xlated_bytes,
    }
}

/// Every program of the object.
const LIMITS: &[Limit] = &[
    limit("deliver_raw_tp", 25_000, 20_500),
    limit("deliver_scalar_info", 31_000, 17_500),
    limit("deliver_tp_btf", 31_000, 17_500),
    limit("denied_fexit", 30_000, 38_000),
    limit("denied_kprobe", 200, 1_000),
    limit("denied_kretprobe", 31_000, 38_000),
    limit("exit_raw_tp", 15_000, 20_500),
    limit("exit_tp_btf", 7_500, 17_000),
    limit("free_raw_tp", 1_300, 2_000),
    limit("free_tp_btf", 1_200, 1_800),
    limit("generate_raw_tp", 77_000, 46_500),
    limit("generate_scalar_info", 60_000, 37_500),
    limit("generate_tp_btf", 85_000, 37_500),
    limit("mkdir_raw_tp", 300, 1_800),
    limit("oom_raw_tp", 200, 1_200),
    limit("oom_tp_btf", 200, 1_100),
    limit("rmdir_raw_tp", 200, 1_700),
    limit("wait_raw_tp", 13_000, 15_500),
    limit("wait_tp_btf", 12_500, 13_500),
    limit("zap_fentry", 2_200, 8_000),
    limit("zap_fexit", 2_200, 8_000),
    limit("zap_kprobe", 2_200, 8_500),
    limit("zap_kretprobe", 2_300, 9_000),
];

/// Programs are in several rungs at once, and cost the same in each.
fn programs(report: &Value) -> Vec<&Value> {
    let hooks = report["hooks"].as_array().into_iter().flatten();
    let rungs = hooks.flat_map(|hook| hook["rungs"].as_array().into_iter().flatten());
    let mut programs: Vec<_> = rungs
        .flat_map(|rung| rung["programs"].as_array().into_iter().flatten())
        .collect();
    programs.sort_by_key(|program| program["name"].as_str());
    programs.dedup_by_key(|program| program["name"].as_str());
    programs
}

/// Appends a line for a program to the file that the runner asked for.
fn tell(program: &Value) -> anyhow::Result<()> {
    let Some(path) = std::env::var_os("SIGWHY_TEST_FACTS") else {
        return Ok(());
    };
    let number = |key: &str| {
        program[key]
            .as_u64()
            .map_or("-".to_owned(), |n| n.to_string())
    };
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    // One write: other tests may append to the same file.
    let line = format!(
        "insns\t{}\t{}\t{}\n",
        program["name"].as_str().unwrap_or("-"),
        number("verified_instructions"),
        number("xlated_bytes")
    );
    file.write_all(line.as_bytes())?;
    Ok(())
}

#[test]
fn every_program_is_within_its_limits() -> anyhow::Result<()> {
    let report = run(sigwhy().args(["doctor", "--cost", "--format", "json"]))?
        .records()?
        .remove(0);
    let programs = programs(&report);
    let names: Vec<_> = programs
        .iter()
        .filter_map(|program| program["name"].as_str())
        .collect();
    let mut limited: Vec<_> = LIMITS.iter().map(|limit| limit.program).collect();
    limited.sort_unstable();
    assert_eq!(names, limited, "every program has a limit, and only these");
    let mut crossed = Vec::new();
    for program in programs.iter().filter(|program| program["loaded"] == true) {
        tell(program)?;
        let limit = LIMITS.iter().find(|limit| program["name"] == limit.program);
        let limit = limit.expect("they were just compared");
        // A kernel before 5.16 does not tell how many it has walked.
        for (key, limit) in [
            ("verified_instructions", limit.verified),
            ("xlated_bytes", limit.xlated_bytes),
        ] {
            if program[key].as_u64().is_some_and(|cost| cost > limit) {
                crossed.push(format!(
                    "{}: {key} above {limit}: {program}",
                    program["name"]
                ));
            }
        }
        assert!(
            program["xlated_bytes"].is_u64(),
            "every kernel tells this much: {program}"
        );
    }
    assert!(crossed.is_empty(), "{crossed:#?}");
    Ok(())
}
