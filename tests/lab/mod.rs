//! `sigwhy lab`, run as people run it: every lesson on this very kernel.

mod reader;
mod steps;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sigwhy::lab::{arena::procfs, scenarios};

/// What the whole course may take.
const ALL: Duration = Duration::from_secs(120);

fn lab(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigwhy"));
    command.arg("lab").args(words).stdin(Stdio::null());
    command
}

fn output(words: &[&str]) -> Output {
    lab(words).output().expect("starts")
}

/// Plays a scenario twice: for people, and for programs.
fn plays(name: &str, words: &[&str]) -> Value {
    let text = output(&["run", name, "--grace", "1"]);
    let stdout = String::from_utf8(text.stdout).expect("UTF-8");
    let stderr = String::from_utf8_lossy(&text.stderr);
    assert_eq!(text.status.code(), Some(0), "{stdout}{stderr}");
    assert_eq!(stderr, "");
    // Where a line breaks is no matter here.
    let told = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in ["PREDICTION", "VERDICT: the prediction held"]
        .iter()
        .chain(words)
    {
        assert!(told.contains(word), "{word:?} is not in\n{stdout}");
    }

    let json = output(&["run", name, "--format", "json", "--grace", "1"]);
    let stdout = String::from_utf8(json.stdout).expect("UTF-8");
    assert_eq!(json.status.code(), Some(0), "{stdout}");
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(report["scenario"], name);
    assert_eq!(report["verdict"], "held");
    let scenario = scenarios::find(name).expect("there");
    assert_eq!(report["see"], serde_json::json!(scenario.see));
    assert_eq!(report["article"], serde_json::json!(scenario.article));
    assert_eq!(report["exercises"], serde_json::json!(scenario.exercises));
    let checks = report["checks"].as_array().expect("a list");
    assert!(!checks.is_empty() && checks.iter().all(|check| check["held"] == true));
    let times: Vec<_> = report["records"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|record| record["mono_ns"].as_u64().expect("a time"))
        .collect();
    assert!(!times.is_empty() && times.is_sorted(), "{times:?}");
    report
}

/// Outcome and reason of every `signal` record, in order.
fn signals(report: &Value) -> Vec<(&str, &str)> {
    report["records"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|record| record["type"] == "signal")
        .filter_map(|record| Some((record["outcome"].as_str()?, record["reason"].as_str()?)))
        .collect()
}

#[test]
fn kill_init() {
    let report = plays(
        "kill-init",
        &[
            "# shell calls kill(1, SIGTERM)",
            "# shell calls kill(1, SIGKILL)",
            "DROPPED",
            "PID 1 has no SIGTERM handler",
            "init.sh lives",
        ],
    );
    assert_eq!(signals(&report), [("dropped", "unkillable_init"); 2]);
}

#[test]
fn kill_init_from_host() {
    let report = plays(
        "kill-init-from-host",
        &["DROPPED", "FATAL", "init.sh is ended by SIGKILL"],
    );
    assert_eq!(
        signals(&report),
        [("dropped", "unkillable_init"), ("fatal", "forced_on_init")]
    );
}

#[test]
fn handler() {
    let report = plays(
        "handler",
        &[
            "QUEUED",
            "HANDLED",
            "the SIGTERM handler of server has run once",
            "server exits by itself with code 0",
        ],
    );
    assert_eq!(signals(&report), [("queued", "handler")]);
}

#[test]
fn docker_stop() {
    let report = plays(
        "docker-stop",
        &[
            "# 1 s of grace pass",
            "forced_on_init",
            "3 of them with a SIGTERM handler that never ran",
        ],
    );
    let zap = report["records"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|record| record["type"] == "zap" && record["phase"] == "begin")
        .expect("a zap");
    let killed = zap["killed"].as_array().expect("a list");
    assert_eq!(killed.len(), 3);
    for victim in killed {
        assert_eq!(victim["had_sigterm_handler"], true);
        assert_eq!(victim["saw_sigterm"], false);
    }
}

#[test]
fn blocked_init() {
    let report = plays(
        "blocked-init",
        &["COALESCED", "app unblocks SIGTERM", "app lives"],
    );
    assert_eq!(
        signals(&report),
        [("queued", "blocked"), ("coalesced", "already_pending")]
    );
    assert!(
        report["records"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|r| r["type"] == "deliver" && r["reason"] == "unkillable_init_at_dequeue")
    );
}

#[test]
fn sigwait_init() {
    let report = plays(
        "sigwait-init",
        &[
            "app gets SIGTERM from its wait",
            "app exits by itself with code 143",
        ],
    );
    assert_eq!(signals(&report), [("queued", "sigwait")]);
    assert!(
        report["records"]
            .as_array()
            .into_iter()
            .flatten()
            .all(|record| record["type"] != "deliver")
    );
}

#[test]
fn all_of_them_one_after_the_other() {
    let begun = Instant::now();
    // With the grace period that people get: 2 s, where docker's is 10.
    let all = output(&["run", "all", "--format=json", "-v"]);
    let stdout = String::from_utf8(all.stdout).expect("UTF-8");
    let stderr = String::from_utf8_lossy(&all.stderr);
    let mut names = Vec::new();
    for line in stdout.lines() {
        let report: Value = serde_json::from_str(line).expect("JSON");
        let name = report["scenario"].as_str().expect("a name").to_owned();
        assert_eq!(report["verdict"], "held", "{name}: {:#}", report["checks"]);
        let has_path = |value: &Value| value["path"].as_array().is_some_and(|p| !p.is_empty());
        let records = report["records"].as_array().into_iter().flatten();
        let steps = report["steps"].as_array().into_iter().flatten();
        let paths = records.filter(|record| has_path(record)).count()
            + steps.filter(|step| has_path(&step["answer"])).count();
        assert!(paths > 0, "{name}: -v asks for the kernel's path");
        names.push(name);
    }
    assert_eq!(all.status.code(), Some(0), "{names:?} {stderr}");
    assert!(names.iter().eq(scenarios::ALL.iter().map(|s| s.name)));
    // A promise, on emulated machines too: nobody waits longer for the whole course.
    let took = begun.elapsed();
    assert!(took < ALL, "{took:?}");
}

#[test]
fn what_does_not_exist_is_bad_usage() {
    let unknown = output(&["run", "kill-everybody"]);
    assert_eq!(unknown.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&unknown.stderr);
    assert!(stderr.contains("kill-init"), "{stderr}");
}

#[test]
fn docker_that_is_not_there_is_said_to_be_missing() {
    let run = |words: &[&str]| {
        let run = lab(words)
            .env("PATH", "/nonexistent")
            .output()
            .expect("starts");
        assert_eq!(
            (run.status.code(), run.stdout),
            (Some(1), vec![]),
            "{words:?}"
        );
        let stderr = String::from_utf8(run.stderr).expect("UTF-8");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        stderr
    };
    let missing = run(&["run", "docker-stop", "--docker"]);
    assert!(
        missing.contains("there is no `docker` in PATH"),
        "{missing}"
    );
    let hasty = run(&["run", "docker-stop", "--docker", "--grace=0"]);
    assert!(hasty.contains("--grace is at least 1"), "{hasty}");
}

/// The processes below `pid`, itself included.
fn family(pid: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::from([pid]);
    let mut rest = vec![pid];
    while let Some(parent) = rest.pop() {
        let path = format!("/proc/{parent}/task");
        for task in std::fs::read_dir(path).into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(task.path().join("children"));
            for child in children.unwrap_or_default().split_whitespace() {
                let child = child.parse().expect("a pid");
                found.insert(child);
                rest.push(child);
            }
        }
    }
    found
}

#[test]
fn an_interruption_leaves_nobody_behind() {
    let mut run = lab(&["run", "docker-stop", "--grace", "60"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(run.stdout.take().expect("piped")).lines();
    let in_grace = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("of grace")));
    assert!(in_grace.is_some(), "it never came to the pause");
    let family = family(run.id());
    // Itself, the shell, the init, three workers.
    assert_eq!(family.len(), 6, "{family:?}");
    let interrupted = Instant::now();
    let pid = nix::unistd::Pid::from_raw(run.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it lives");
    let status = run.wait().expect("its status");
    assert_eq!(status.code(), Some(130));
    assert!(interrupted.elapsed() < Duration::from_secs(10));
    let mut stderr = String::new();
    run.stderr
        .take()
        .expect("piped")
        .read_to_string(&mut stderr)
        .expect("UTF-8");
    assert_eq!(stderr, "sigwhy: interrupted during docker-stop\n");
    // Dead; orphans are reaped by the machine's init when it comes to that.
    for pid in family {
        assert!(is_gone(pid), "{pid} is still there");
    }
}

/// Whether a process of the laboratory is dead, or dies within a moment.
fn is_gone(pid: u32) -> bool {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        let is_ours = |comm: &str| {
            let known = ["sigwhy", "host-shell", "entry.sh", "worker-"];
            known.iter().any(|known| comm.starts_with(known))
        };
        let stat = i32::try_from(pid).ok().and_then(procfs::stat);
        if stat.is_none_or(|stat| stat.is_dead() || !is_ours(&stat.comm)) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

#[test]
fn without_privileges_it_says_so_and_makes_no_process() {
    use std::os::unix::process::CommandExt as _;
    let run = lab(&["run", "kill-init"]).uid(65_534).output();
    // Its own file may be out of reach of nobody.
    let Ok(run) = run else { return };
    assert_eq!(run.status.code(), Some(1));
    assert_eq!(run.stdout, b"");
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert!(stderr.starts_with("sigwhy: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}
