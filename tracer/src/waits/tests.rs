//! Each wait from facts as `/proc` had them (6.18, and what differs on others), and
//! the note about it.

use tracer_common::signals::{SIGKILL, SIGTERM, mask};

use super::target::now;
use super::*;
use crate::snapshot::status::Status as Sets;
use crate::snapshot::{Task, Thread};

const HOST: u32 = 4_026_531_836;
const NS: u32 = 4_026_532_181;
const INNER: u32 = 4_026_532_190;

/// PF_EXITING.
const EXITING: u64 = 4;

/// A process that sleeps. `numbers`: from the host's namespace to its own.
fn task(comm: &str, pid_ns: u32, numbers: &[u32], ppid: u32) -> Task {
    let pid = numbers[0];
    Task {
        pid,
        comm: comm.to_owned(),
        pid_ns: Some(pid_ns),
        pgrp: pid,
        session: pid,
        start_ticks: 1_000 + u64::from(pid),
        status: Sets {
            state: 'S',
            ppid,
            ns_pids: numbers.to_vec(),
            threads: 1,
            ..Sets::default()
        },
        alive: vec![Thread {
            tid: pid,
            state: 'S',
            wchan: Some("ep_poll".to_owned()),
            ..Thread::default()
        }],
        idle_ns: Some(1_500_000_000),
        ..Task::default()
    }
}

fn in_state(mut task: Task, state: char, wchan: &str) -> Task {
    task.status.state = state;
    for thread in &mut task.alive {
        thread.state = state;
        thread.wchan = Some(wchan.to_owned()).filter(|wchan| !wchan.is_empty());
    }
    task
}

fn dead(mut task: Task) -> Task {
    task.status.state = 'Z';
    task.alive.clear();
    task.idle_ns = Some(42_000_000_000);
    task
}

fn exiting(mut task: Task, wchan: &str) -> Task {
    task.flags |= EXITING;
    task = in_state(task, 'S', wchan);
    task.status.pending = mask(SIGKILL);
    for thread in &mut task.alive {
        thread.exiting = true;
        thread.killed = true;
    }
    task
}

fn killed(mut task: Task) -> Task {
    task.status.pending |= mask(SIGKILL);
    task
}

fn with_pending(mut task: Task, signal: u32) -> Task {
    task.status.pending |= mask(signal);
    task
}

fn frozen(mut task: Task, version: u8) -> Task {
    let file = match version {
        1 => "/sys/fs/cgroup/freezer/docker/x/freezer.state",
        _ => "/sys/fs/cgroup/docker/x/cgroup.freeze",
    };
    task.freezer = Some(Freezer {
        version,
        cgroup: "/docker/x".to_owned(),
        file: Some(file.to_owned()),
        thaw: if version == 1 { "THAWED" } else { "0" },
    });
    task
}

fn zapping() -> Task {
    exiting(init(), "zap_pid_ns_processes")
}

fn init() -> Task {
    task("app", NS, &[1544, 1], 1542)
}

fn server() -> Task {
    task("server", NS, &[1548, 2], 1546)
}

fn scene(tasks: Vec<Task>, others: Vec<Task>) -> Scene {
    Scene {
        ns: NS,
        tasks,
        others,
        // The youngest is the one of number 1548: 100 s.
        now_ticks: Some(1_000 + 1_548 + 10_000),
        ..Scene::default()
    }
}

fn nsenter() -> Task {
    in_state(task("nsenter", HOST, &[1546], 21917), 'T', "")
}

fn shim() -> Task {
    in_state(
        task("containerd-shim", HOST, &[1542], 1),
        'S',
        "futex_do_wait",
    )
}

fn named(runtime: Runtime) -> Named {
    Named {
        name: "web".to_owned(),
        runtime,
        id: Some("9db05c0cf888".to_owned()),
        image: Some("app:1".to_owned()),
        pod: None,
        pod_namespace: None,
        pid_ns: Some(NS),
    }
}

fn judged(scene: &Scene) -> Verdict {
    let named = named(Runtime::Docker);
    judge::namespace(scene, Some(&named), now()).expect("its PID 1 is there")
}

#[track_caller]
fn is(verdict: &Verdict, wait: Wait, number: Option<&str>, id: &str) {
    assert_eq!(verdict.status, Status::Stuck, "{verdict:#?}");
    assert_eq!(verdict.wait, Some(wait), "{verdict:#?}");
    assert_eq!(verdict.wait_number, number);
    let found = verdict.diagnosis.as_ref().map(|advice| advice.id);
    assert_eq!(found, Some(id));
    assert!(verdict.frees.is_some());
}

fn injected() -> Verdict {
    judged(&scene(
        vec![zapping(), dead(server())],
        vec![nsenter(), shim()],
    ))
}

fn adopted() -> Verdict {
    let mut orphan = dead(server());
    orphan.status.ppid = 1;
    let systemd = task("systemd", HOST, &[1], 0);
    judged(&scene(vec![zapping(), orphan], vec![systemd, shim()]))
}

fn traced() -> Verdict {
    let mut zombie = dead(task("server", NS, &[1548, 2], 1544));
    zombie.status.tracer = 99;
    let waits = exiting(init(), "do_wait");
    let strace = in_state(task("strace", HOST, &[99], 60), 'S', "do_wait");
    judged(&scene(vec![waits, zombie], vec![strace, shim()]))
}

fn frozen_member() -> Verdict {
    let member = frozen(killed(task("server", NS, &[1548, 2], 1544)), 1);
    let member = in_state(member, 'D', "__refrigerator");
    judged(&scene(
        vec![exiting(init(), "do_wait"), member],
        vec![shim()],
    ))
}

fn uninterruptible() -> Verdict {
    let mut member = in_state(
        killed(task("server", NS, &[1548, 2], 1544)),
        'D',
        "request_wait_answer",
    );
    member.alive[0].stack = ["request_wait_answer", "fuse_simple_request", "fuse_lookup"]
        .map(str::to_owned)
        .to_vec();
    judged(&scene(
        vec![exiting(init(), "do_wait"), member],
        vec![shim()],
    ))
}

fn reference(suspects: usize) -> Verdict {
    let mut others = vec![shim()];
    let mut scene = scene(vec![zapping()], Vec::new());
    for number in 0..suspects {
        let mut outsider = task("outsider", HOST, &[2000 + number as u32], 60);
        outsider.pgrp = 1548;
        outsider.session = 60;
        scene.suspects.push(outsider.pid);
        others.push(outsider);
    }
    scene.others = others;
    judged(&scene)
}

fn nested() -> Verdict {
    let inner = exiting(
        task("nested", INNER, &[1600, 5, 1], 1544),
        "zap_pid_ns_processes",
    );
    let leaf = dead(task("leaf", INNER, &[1601, 6, 2], 1546));
    let mut scene = scene(
        vec![exiting(init(), "do_wait"), inner, leaf],
        vec![nsenter()],
    );
    scene.outer.insert(INNER, NS);
    judged(&scene)
}

fn exit_hang() -> Verdict {
    let mut hangs = exiting(init(), "fuse_flush");
    hangs = in_state(hangs, 'D', "request_wait_answer");
    hangs.alive[0].stack = ["request_wait_answer", "fuse_flush", "filp_close", "do_exit"]
        .map(str::to_owned)
        .to_vec();
    judged(&scene(
        vec![hangs, task("server", NS, &[1548, 2], 1544)],
        vec![shim()],
    ))
}

#[test]
fn what_a_namespace_waits_for() {
    is(&injected(), Wait::Injected, Some("Z4"), "ZAP_WAIT_INJECTED");
    is(&adopted(), Wait::Adopted, Some("Z5"), "ZAP_WAIT_INJECTED");
    is(&traced(), Wait::Traced, Some("Z3"), "ZAP_WAIT_TRACED");
    is(
        &frozen_member(),
        Wait::FrozenV1,
        Some("Z2"),
        "ZAP_WAIT_FROZEN",
    );
    is(
        &uninterruptible(),
        Wait::Uninterruptible,
        Some("Z1"),
        "ZAP_WAIT_DSTATE",
    );
    is(
        &reference(1),
        Wait::Reference,
        Some("Z6"),
        "ZAP_WAIT_PIDREF",
    );
    is(&nested(), Wait::Injected, Some("Z7"), "ZAP_WAIT_INJECTED");
    is(
        &exit_hang(),
        Wait::ExitHang,
        Some("Z8"),
        "EXIT_BEFORE_ZAP_HANG",
    );
}

#[test]
fn a_dead_init_that_nobody_reaps() {
    let verdict = judged(&scene(vec![dead(init())], vec![shim()]));
    is(&verdict, Wait::Unreaped, None, "RUNTIME_GONE");
    let parent = verdict.holders[0].parent.as_ref();
    assert_eq!(parent.map(|p| p.pid), Some(1542));
    // Nobody can be gone where nobody was to reap.
    let scene = scene(vec![dead(init())], vec![shim()]);
    let (unknown, runc) = (named(Runtime::Unknown), named(Runtime::Runc));
    for named in [None, Some(&unknown), Some(&runc)] {
        let verdict = judge::namespace(&scene, named, now()).expect("its PID 1 is there");
        assert_eq!(verdict.wait, Some(Wait::Unreaped));
        assert_eq!(verdict.diagnosis, None);
    }
}

#[test]
fn a_stop_signal_that_waits() {
    let one = |init: Task| judged(&scene(vec![init], vec![shim()]));
    let verdict = one(frozen(killed(init()), 1));
    is(&verdict, Wait::FrozenV1, Some("Z2"), "FROZEN_V1");
    let verdict = one(frozen(with_pending(init(), SIGTERM), 2));
    is(&verdict, Wait::FrozenV2, None, "FROZEN_V2");
    let verdict = one(in_state(with_pending(init(), SIGTERM), 'T', ""));
    is(&verdict, Wait::Stopped, None, "STOPPED");
    let mut blocks = with_pending(init(), SIGTERM);
    blocks.status.blocked = mask(SIGTERM);
    let verdict = one(blocks);
    is(&verdict, Wait::Blocked, None, "SIG_BLOCKED");
    // It slept before the signal came.
    assert_eq!(verdict.lasting.at_least_ns, None);
    let mut traced = in_state(with_pending(init(), SIGTERM), 't', "");
    traced.status.tracer = 99;
    is(&one(traced), Wait::Traced, Some("Z3"), "TRACED_INIT");
    let mut dumps = in_state(killed(init()), 'S', "pipe_write");
    dumps.status.core_dumping = true;
    is(&one(dumps), Wait::CoreDump, Some("Z1"), "CORE_DUMP_SLOW");
}

#[test]
fn what_is_not_stuck() {
    let one = |init: Task| judged(&scene(vec![init, server()], vec![shim()]));
    for task in [
        init(),
        frozen(init(), 2),
        in_state(init(), 'D', "io_schedule"),
        in_state(init(), 'T', ""),
        with_pending(init(), SIGTERM),
        // It is about to die, and nothing keeps it.
        killed(init()),
    ] {
        let verdict = one(task);
        assert_eq!(verdict.status, Status::NotStuck, "{verdict:#?}");
        assert!(verdict.holders.is_empty() && verdict.diagnosis.is_none());
        assert_eq!(verdict.lasting, Lasting::default());
    }
}

#[test]
fn an_end_that_goes_on() {
    // It has its SIGKILL, and runs to take it.
    let runs = in_state(killed(task("server", NS, &[1548, 2], 1544)), 'R', "");
    let verdict = judged(&scene(vec![exiting(init(), "do_wait"), runs], vec![shim()]));
    assert_eq!(verdict.status, Status::Ending);
    // A child of the dying init reaps itself.
    let own = dead(task("server", NS, &[1548, 2], 1544));
    let verdict = judged(&scene(vec![zapping(), own], vec![shim()]));
    assert_eq!(verdict.status, Status::Ending);
}

#[test]
fn without_root_less_is_known_and_said() {
    let mut silent = exiting(init(), "");
    silent.idle_ns = None;
    let verdict = judged(&scene(vec![silent, dead(server())], vec![nsenter()]));
    is(&verdict, Wait::Injected, Some("Z4"), "ZAP_WAIT_INJECTED");
    assert_eq!(verdict.unknown.len(), 1, "{:?}", verdict.unknown);
    assert_eq!(verdict.lasting.at_least_ns, None);
    assert_eq!(verdict.lasting.at_most_ns, Some(100_000_000_000));
}

#[test]
fn of_many_suspects_none_is_accused() {
    let verdict = reference(3);
    is(&verdict, Wait::Reference, Some("Z6"), "ZAP_WAIT_PIDREF");
    assert_eq!(verdict.holders[0].suspects.len(), 3);
    let advice = verdict.diagnosis.expect("there is one");
    assert!(advice.uncertain.is_some() && !verdict.unknown.is_empty());
}

#[test]
fn a_process_of_the_host() {
    let mut scene = scene(
        vec![dead(task("job", HOST, &[700], 60))],
        vec![task("bash", HOST, &[60], 1)],
    );
    scene.ns = HOST;
    let verdict = judge::process(&scene, None, now()).expect("it is there");
    assert_eq!(
        (verdict.status, verdict.wait),
        (Status::Stuck, Some(Wait::Unreaped))
    );
    assert_eq!(verdict.diagnosis, None, "the catalogue is about containers");
    scene.tasks = vec![task("job", HOST, &[700], 60)];
    let verdict = judge::process(&scene, None, now()).expect("it is there");
    assert_eq!(verdict.status, Status::NotStuck);
}

#[test]
fn a_wait_is_the_same_at_a_second_look() {
    let first = injected();
    assert!(first.holds_as(&injected()) && !first.holds_as(&traced()));
    assert!(!first.holds_as(&frozen_member()));
}

/// One of each.
pub(crate) fn verdicts() -> Vec<Verdict> {
    vec![
        injected(),
        adopted(),
        traced(),
        frozen_member(),
        uninterruptible(),
        reference(1),
        reference(2),
        nested(),
        exit_hang(),
        judged(&scene(vec![dead(init())], vec![shim()])),
        judged(&scene(vec![init()], vec![shim()])),
    ]
}

fn notes(colour: bool) -> String {
    let mut out = Vec::new();
    for verdict in verdicts() {
        text::render(&verdict, &mut out, colour).expect("memory has room");
        out.push(b'\n');
    }
    String::from_utf8(out).expect("text")
}

#[test]
fn the_notes() {
    insta::assert_snapshot!("notes", notes(false));
    assert!(notes(true).contains("\u{1b}["));
}

#[test]
fn nobody_writes_to_the_terminal_through_it() {
    let evil = "\u{1b}[2J\n\u{202e}x";
    let mut zombie = dead(server());
    zombie.comm = evil.to_owned();
    let mut parent = nsenter();
    parent.comm = evil.to_owned();
    let mut verdict = judged(&scene(vec![zapping(), zombie], vec![parent]));
    if let Some(named) = &mut verdict.container {
        named.name = evil.to_owned();
    }
    verdict.freed_by = Some(evil.to_owned());
    let mut out = Vec::new();
    text::render(&verdict, &mut out, false).expect("memory has room");
    let out = String::from_utf8(out).expect("text");
    assert!(!out.contains(['\u{1b}', '\u{202e}']), "{out:?}");
    let clean = {
        let mut out = Vec::new();
        text::render(&injected(), &mut out, false).expect("memory has room");
        out.iter().filter(|byte| **byte == b'\n').count()
    };
    assert_eq!(out.lines().count(), clean + 1, "{out}");
    let json = serde_json::to_string(&verdict).expect("serializable");
    assert!(!json.contains('\n') && !json.contains('\u{1b}'));
}
