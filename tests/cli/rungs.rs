//! The lower rungs of the ladder tell the same story as the best.

use serde_json::Value;

use super::live::{Live, run, sigwhy};
use super::story::{Story, of_type};

/// What must not depend on how the hooks are attached. By target: of two events
/// on two processors at one time, each tracer may time another first.
fn essence(story: &Story, records: &[Value]) -> Vec<String> {
    let names = [
        (story.host.pid(), "host"),
        (story.neighbour.pid(), "near"),
        (story.init.pid(), "init"),
        (story.inside.pid(), "inside"),
    ];
    let who = |pid: &Value| {
        let known = names.iter().find(|(known, _)| *pid == *known);
        known.map_or("-", |(_, name)| name).to_owned()
    };
    let mut lines: Vec<(String, String)> = records
        .iter()
        .filter(|r| names.iter().any(|(pid, _)| r["target"]["pid"] == *pid))
        // Who is told of a child's end, and by whom, depends on which thread
        // reaps first.
        .filter(|r| r["signal"]["number"] != libc::SIGCHLD)
        .map(|r| {
            let word = |at: &str| r.pointer(at).map_or("-".to_owned(), Value::to_string);
            let line = [
                word("/type"),
                word("/signal/number"),
                word("/signal/code"),
                who(&r["sender"]["pid"]),
                word("/sender/kind"),
                word("/sender/ns_pid").replace(&story.host.pid().to_string(), "host"),
                who(&r["target"]["pid"]),
                word("/target/comm"),
                word("/target/is_init"),
                word("/target/disposition"),
                word("/target/unkillable"),
                word("/result"),
                word("/outcome"),
                word("/reason"),
                word("/rule"),
                word("/forced"),
                word("/relation"),
                word("/scope"),
            ]
            .join(" ");
            (who(&r["target"]["pid"]), line)
        })
        .collect();
    // Stable: the order at one target is the kernel's.
    lines.sort_by(|(a, _), (b, _)| a.cmp(b));
    lines.into_iter().map(|(_, line)| line).collect()
}

/// The best way to signal_generate that this kernel takes, by doctor's trial.
fn doctors_best() -> anyhow::Result<Option<String>> {
    let report = run(sigwhy().args(["doctor", "--format", "json"]))?.records()?;
    let checks = report[0]["checks"].as_array().into_iter().flatten();
    let detail = checks
        .filter(|check| check["id"] == "signal_generate")
        .find_map(|check| check["detail"].as_str());
    let way = detail.and_then(|detail| detail.split([' ', ';', ',']).next());
    // One way under two names: records do not tell how siginfo is read.
    let way = way.map(|way| way.strip_suffix("_scalar_info").unwrap_or(way));
    Ok(way.map(str::to_owned))
}

#[test]
fn raw_tracepoints_tell_the_same() -> anyhow::Result<()> {
    let story = Story::new("cli-rung")?;
    let inode = story.inode.to_string();
    let args = ["-c", &inode, "--all"];
    let best = Live::unforced(args)?;
    let raw = [
        "signal_generate=raw_tp",
        "signal_deliver=raw_tp",
        "sched_process_exit=raw_tp",
        "zap=inferred_raw",
        "oom=raw_tp",
    ];
    let lower = Live::json(
        args.into_iter()
            .chain(raw.iter().flat_map(|way| ["--attach", way])),
    )?;
    // The very same signals, seen by both.
    story.tell()?;
    story.finish()?;
    let (best, lower) = (best.records()?, lower.records()?);
    assert_eq!(lower[0]["hooks"]["signal_generate"], "raw_tp");
    assert_eq!(
        best[0]["hooks"]["signal_generate"].as_str(),
        doctors_best()?.as_deref()
    );
    let (expected, got) = (essence(&story, &best), essence(&story, &lower));
    assert!(expected.len() >= 6, "{expected:#?}");
    assert_eq!(got, expected);
    for kind in ["zap", "exit"] {
        let count = |records: &[Value]| of_type(records, kind).count();
        assert_eq!((count(&best), count(&lower)), (2, 2), "{kind}");
    }
    let killed = |records: &[Value]| {
        of_type(records, "zap").find_map(|zap| zap["killed"].as_array().map(Vec::len))
    };
    assert_eq!((killed(&best), killed(&lower)), (Some(1), Some(1)));
    Ok(())
}

#[test]
fn the_environment_chooses_for_every_command_that_traces() -> anyhow::Result<()> {
    let of = |args: &[&str]| {
        let mut command = sigwhy();
        run(command
            .env("SIGWHY_ATTACH", "zap=inferred_raw,signal_deliver=raw_tp")
            .args(args))
    };
    let live = ["live", "--format", "json", "--duration", "1ms"];
    let start = of(&live)?.records()?.remove(0);
    assert_eq!(start["hooks"]["signal_deliver"], "raw_tp");
    assert_eq!(start["hooks"]["zap"], "inferred");
    // What is typed wins.
    let start = of(&[&live[..], &["--attach", "oom=raw_tp"]].concat())?
        .records()?
        .remove(0);
    assert_eq!(start["hooks"]["oom"], "raw_tp");

    for args in [&live[..], &["lab", "run", "kill-init"]] {
        let mut command = sigwhy();
        let said = run(command.env("SIGWHY_ATTACH", "zap=magic").args(args))?;
        assert_eq!(said.status.code(), Some(2), "{args:?}");
        assert!(said.err[0].contains("magic"), "{:?}", said.err);
    }
    Ok(())
}
