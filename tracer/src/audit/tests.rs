//! Each finding from the facts that lead to it, and the report.

use std::collections::BTreeSet;

use tracer_common::signals::{SIGINT, SIGQUIT, SIGTERM, mask};

use super::inits::Settings;
use super::look::Facts;
use super::*;
use crate::decide::{Outcome, Reason};
use crate::record::Runtime;
use crate::snapshot::status::Status as Sets;
use crate::snapshot::{Main, Row, Task, Thread};
use crate::waits::target::now;

mod forwarders;

const HOST: u32 = 4_026_531_836;
const NS: u32 = 4_026_532_181;
const TERM: u64 = mask(SIGTERM);

fn task(comm: &str, pid: u32, nr: u32, ppid: u32) -> Task {
    Task {
        pid,
        comm: comm.to_owned(),
        pid_ns: Some(NS),
        pgrp: pid,
        session: 100,
        start_ticks: u64::from(pid),
        status: Sets {
            state: 'S',
            ppid,
            ns_pids: vec![pid, nr],
            threads: 1,
            ..Sets::default()
        },
        alive: vec![Thread {
            tid: pid,
            state: 'S',
            wchan: Some("do_wait".to_owned()),
            ..Thread::default()
        }],
        ..Task::default()
    }
}

fn catching(mut task: Task) -> Task {
    task.status.caught |= TERM;
    task
}

fn server(pid: u32, nr: u32, ppid: u32) -> Task {
    catching(task("server", pid, nr, ppid))
}

fn dead(mut task: Task) -> Task {
    task.status.state = 'Z';
    task.alive.clear();
    task.idle_ns = Some(7_000_000_000);
    task
}

/// A container whose PID 1 is 100 and began 100 s ago; `reason`: what becomes of
/// SIGTERM.
fn facts(comm: &str, reason: Reason, others: Vec<Task>) -> Facts {
    let main = match reason {
        Reason::Handler => catching(task(comm, 100, 1, 50)),
        _ => task(comm, 100, 1, 50),
    };
    let mut shim = task("containerd-shim", 50, 50, 1);
    shim.pid_ns = Some(HOST);
    shim.status.ns_pids = vec![50];
    let mut taken: BTreeSet<u32> = others.iter().map(|task| task.pid).collect();
    taken.extend([1, 50, 100]);
    Facts {
        row: Row {
            name: "web".to_owned(),
            runtime: Runtime::Docker,
            id: Some("9db05c0cf888".to_owned()),
            image: Some("app:1".to_owned()),
            pod: None,
            pod_namespace: None,
            pod_uid: None,
            sandbox: false,
            cgroup: None,
            pid_ns: Some(NS),
            shares_pid_ns: false,
            main: Some(Main {
                pid: 100,
                ns_pid: Some(1),
                comm: comm.to_owned(),
                args: vec![comm.to_owned()],
            }),
            processes: 1 + others.len(),
            stop: Some(Stop {
                signal: SIGTERM,
                configured: false,
                outcome: Outcome::Dropped,
                reason,
            }),
            stop_timeout: None,
            pids: Vec::new(),
            init: Some(100),
        },
        args: vec![comm.to_owned()],
        settings: Settings::default(),
        taker: None,
        parent: Some(shim),
        parents: vec![main.clone()],
        main: Some(main),
        others,
        taken: taken.into(),
        on_host: false,
        now_ticks: Some(10_100),
    }
}

fn judged(facts: &Facts) -> Audit {
    judge::judge(facts, now())
}

#[track_caller]
fn found(facts: &Facts, ids: &[&str]) -> Audit {
    let audit = judged(facts);
    let got: Vec<_> = audit.findings.iter().map(|f| f.advice.id).collect();
    assert_eq!(got, ids, "{audit:#?}");
    audit
}

const DROPPED: Reason = Reason::UnkillableInit;

#[test]
fn a_stop_signal_that_is_dropped() {
    let audit = found(
        &facts("app", DROPPED, vec![server(101, 2, 100)]),
        &["PID1_NO_HANDLER"],
    );
    assert_eq!(
        (audit.ends, audit.passes),
        (Ends::BySigkill, Passes::ToNobody)
    );
    assert_eq!((audit.cut_off_total, audit.perhaps_cut_off), (1, 0));
    assert!(audit.has_problem());
    found(
        &facts("sh", DROPPED, vec![server(101, 2, 100)]),
        &["PID1_SHELL_WRAPPER"],
    );
    // A shell that is alone has nobody to pass it on to.
    found(&facts("sh", DROPPED, vec![]), &["PID1_NO_HANDLER"]);
    let mut young = facts("app", DROPPED, vec![]);
    young.now_ticks = Some(100 + 100);
    let audit = found(&young, &["STARTUP_RACE"]);
    assert!(audit.findings[0].advice.uncertain.is_some());
    found(
        &facts("app", Reason::Ignored, vec![]),
        &["SIG_IGN_INHERITED"],
    );
}

#[test]
fn a_signal_that_is_not_the_right_one() {
    let mut wrong = facts("app", DROPPED, vec![]);
    let set = |facts: &mut Facts, signal| {
        let stop = facts.row.stop.as_mut().expect("there is one");
        stop.signal = signal;
    };
    set(&mut wrong, SIGQUIT);
    found(&wrong, &["PID1_NO_HANDLER"]);
    wrong.main = wrong.main.map(catching);
    found(&wrong, &["WRONG_STOPSIGNAL"]);
    let mut wrong = facts("app", DROPPED, vec![]);
    set(&mut wrong, 37);
    found(&wrong, &["WRONG_STOPSIGNAL"]);
    found(
        &facts("systemd", Reason::Handler, vec![]),
        &["WRONG_STOPSIGNAL"],
    );
    let audit = found(
        &facts("nginx", Reason::Handler, vec![]),
        &["WRONG_STOPSIGNAL"],
    );
    assert!(!audit.has_problem(), "it goes by a name: a note");
}

#[test]
fn a_blocked_signal_and_who_takes_it() {
    let mut blocked = facts("app", Reason::Blocked, vec![]);
    found(&blocked, &["SIG_BLOCKED"]);
    blocked.taker = Some(Taker::Signalfd);
    let audit = found(&blocked, &[]);
    assert_eq!(
        (audit.ends, audit.taken_by),
        (Ends::ByItself, Some(Taker::Signalfd))
    );
}

fn frozen(mut facts: Facts, version: u8) -> Facts {
    if let Some(main) = &mut facts.main {
        main.freezer = Some(crate::snapshot::Freezer {
            version,
            cgroup: "/docker/x".to_owned(),
            file: None,
            thaw: "0",
        });
    }
    facts
}

#[test]
fn a_main_process_that_is_held() {
    let behind = || vec![server(101, 2, 100)];
    let mut held = facts("app", Reason::Stopped, behind());
    if let Some(main) = &mut held.main {
        main.status.state = 'T';
    }
    let audit = found(&held, &["STOPPED"]);
    assert_eq!((audit.ends, audit.perhaps_cut_off), (Ends::AfterHold, 1));
    for (version, id) in [(1, "FROZEN_V1"), (2, "FROZEN_V2")] {
        let held = frozen(facts("tini", Reason::Frozen, behind()), version);
        let audit = found(&held, &[id]);
        assert_eq!(
            (audit.ends, audit.passes, audit.perhaps_cut_off),
            (Ends::AfterHold, Passes::ToChild, 1)
        );
    }
    let audit = found(&facts("app", Reason::Ptrace, vec![]), &["TRACED_INIT"]);
    assert_eq!(audit.ends, Ends::AfterHold);
}

#[test]
fn one_that_no_sigkill_reaches() {
    let behind = || vec![server(101, 2, 100)];
    let v1 = frozen(facts("app", DROPPED, behind()), 1);
    let audit = found(&v1, &["PID1_NO_HANDLER", "FROZEN_V1"]);
    assert_eq!(
        (audit.ends, audit.passes, audit.cut_off_total),
        (Ends::AfterHold, Passes::ToNobody, 1)
    );
    let text = &audit.findings[0].advice.summary;
    assert!(text.contains("before its cgroup is thawed"), "{text}");
    // By that of v2 it is ended as ever.
    let v2 = frozen(facts("app", DROPPED, behind()), 2);
    let audit = found(&v2, &["PID1_NO_HANDLER"]);
    assert_eq!(audit.ends, Ends::BySigkill);
}

#[test]
fn a_shell_with_a_trap() {
    let child = || task("sleep", 101, 2, 100);
    let audit = found(
        &facts("bash", Reason::Handler, vec![child()]),
        &["SHELL_TRAP_DEFERRED"],
    );
    assert!(audit.findings[0].advice.uncertain.is_some());
    let mut behind = child();
    behind.status.ignored = mask(SIGINT) | mask(SIGQUIT);
    found(&facts("bash", Reason::Handler, vec![behind]), &[]);
    let audit = found(
        &facts("npm start", Reason::Handler, vec![child()]),
        &["PM_SWALLOWS"],
    );
    assert!(!audit.has_problem());
}

#[test]
fn a_daemon_that_was_left_to_pid1() {
    let daemon = || {
        let mut daemon = server(102, 3, 100);
        // Its session's leader is gone.
        daemon.session = 101;
        daemon.pgrp = 101;
        daemon
    };
    let audit = found(
        &facts("app", Reason::Handler, vec![daemon()]),
        &["ORPHAN_DAEMONS"],
    );
    assert!(audit.findings[0].advice.uncertain.is_some());
    let child = server(99, 2, 100);
    let audit = found(
        &facts("tini", Reason::Sigwait, vec![child, daemon()]),
        &["ORPHAN_DAEMONS"],
    );
    assert!(audit.findings[0].advice.uncertain.is_none());
    // Its leader is there: a child of PID 1 in a session of its own.
    let mut own = daemon();
    own.session = 102;
    found(&facts("app", Reason::Handler, vec![own]), &[]);
    found(&facts("s6-svscan", Reason::Handler, vec![daemon()]), &[]);
}

#[test]
fn the_dead_that_pid1_does_not_reap() {
    let zombies = || {
        vec![
            dead(task("job", 101, 2, 100)),
            dead(task("job", 102, 3, 100)),
        ]
    };
    let audit = found(
        &facts("app", Reason::Handler, zombies()),
        &["ZOMBIE_ACCUMULATION"],
    );
    assert_eq!((audit.zombies_total, audit.others), (2, 0));
    assert_eq!(audit.findings[0].advice.uncertain, None);
    // Dead for a moment, or another's to reap.
    let mut fresh = zombies();
    fresh[0].idle_ns = Some(1_000_000);
    fresh[1].status.ppid = 50;
    let audit = found(&facts("app", Reason::Handler, fresh), &[]);
    assert_eq!(audit.zombies_total, 1);
}

#[test]
fn the_runtime_is_gone() {
    let mut left = facts("app", Reason::Handler, vec![]);
    let mut systemd = task("systemd", 1, 1, 0);
    systemd.status.ns_pids = vec![1];
    left.parent = Some(systemd.clone());
    found(&left, &["RUNTIME_GONE"]);
    // runc leaves a detached container to the machine's PID 1 by design.
    left.row.runtime = Runtime::Runc;
    found(&left, &[]);
    left.main = left.main.map(dead);
    found(&left, &[]);
    left.row.runtime = Runtime::Docker;
    found(&left, &["RUNTIME_GONE"]);
}

#[test]
fn who_is_no_init() {
    let mut hosted = facts("agent", Reason::DefaultTerminate, vec![server(101, 2, 100)]);
    if let Some(main) = &mut hosted.main {
        main.status.ns_pids = vec![100];
    }
    hosted.on_host = true;
    let audit = found(&hosted, &["HOST_PIDNS"]);
    assert_eq!((audit.ends, audit.cut_off_total), (Ends::BySignal, 0));
    assert!(!audit.has_problem() && audit.has(Id::HostPidns));
    hosted.on_host = false;
    found(&hosted, &["SHARED_PIDNS"]);
}

fn printed(audits: &[Audit], colour: bool) -> String {
    let mut out = Vec::new();
    text::render(audits, &mut out, colour).expect("memory has room");
    String::from_utf8(out).expect("text")
}

/// One of many kinds.
pub(crate) fn sample() -> Vec<Audit> {
    let named = |name: &str, mut facts: Facts| {
        facts.row.name = name.to_owned();
        judged(&facts)
    };
    let shell = task("sh", 101, 2, 100);
    let zombies = vec![
        dead(task("job", 101, 2, 100)),
        dead(task("job", 102, 3, 100)),
    ];
    let mut graced = facts("bash", DROPPED, vec![server(101, 2, 100)]);
    graced.row.stop_timeout = Some(30);
    vec![
        named("batch", facts("worker", Reason::Handler, zombies)),
        named(
            "db",
            facts("postgres", Reason::Handler, vec![server(101, 2, 100)]),
        ),
        named("proxy", facts("nginx", Reason::Handler, vec![])),
        named(
            "queue",
            facts("tini", Reason::Sigwait, vec![shell, server(102, 3, 101)]),
        ),
        named("web", graced),
    ]
}

#[test]
fn the_report() {
    insta::assert_snapshot!("report", printed(&sample(), false));
    assert!(printed(&sample(), true).contains("\u{1b}[31m"));
    assert_eq!(printed(&[], false).lines().count(), 1);
}

#[test]
fn nobody_writes_to_the_terminal_through_it() {
    let evil = "\u{1b}[2J\n\u{202e}";
    let mut hostile = facts("app", DROPPED, vec![server(101, 2, 100)]);
    hostile.row.name = evil.to_owned();
    hostile.row.image = Some(evil.to_owned());
    hostile.others[0].comm = evil.to_owned();
    let out = printed(&[judged(&hostile)], false);
    assert!(!out.contains(['\u{1b}', '\u{202e}']), "{out:?}");
}

#[test]
fn all_that_is_found_is_known() {
    for audit in sample() {
        for finding in &audit.findings {
            assert!(KNOWN.iter().any(|id| id.id() == finding.advice.id));
        }
    }
}
