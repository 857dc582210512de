//! Each wait from facts as `/proc` had them (6.18, and what differs on others), and
//! the note about it.

use tracer_common::signals::{SIGKILL, SIGTERM, mask};

use super::target::now;
use super::*;
use crate::snapshot::status::Status as Sets;
use crate::snapshot::{Task, Thread};

mod scenes;

use scenes::*;

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

#[test]
fn a_name_adds_no_line_to_a_command() {
    let evil = || Brief {
        pid: 77,
        ns_pid: None,
        pid_ns: None,
        comm: "conmon\nreboot #".to_owned(),
        state: 'S',
        wchan: None,
        who: Some("a monitor\nreboot #".to_owned()),
    };
    for wait in [
        Wait::Injected,
        Wait::Unreaped,
        Wait::Traced,
        Wait::Uninterruptible,
        Wait::Reference,
        Wait::Stopped,
        Wait::Blocked,
    ] {
        let (_, commands) = words::relief(&Holder {
            wait,
            process: Some(evil()),
            parent: Some(evil()),
            tracer: Some(evil()),
            freezer: None,
            suspects: vec![evil()],
            through: Vec::new(),
            stack: vec!["fuse_\nreboot".to_owned()],
            idle_ns: None,
            sentence: String::new(),
        });
        assert!(!commands.is_empty(), "{wait:?}");
        for command in commands {
            assert!(!command.contains(['\n', '\r']), "{command:?}");
        }
    }
}
