//! Ends that do not come, and containers without a namespace of their own.

use super::*;
use crate::record::{Container, ContainerRef};

const ZAPPED: (Outcome, Reason) = (Outcome::Fatal, Reason::Kill);

/// SIGKILL, and a zap that does not end. What it sends is for the caller.
fn stuck(name: &str, change: impl FnOnce(Tape) -> Tape) -> Vec<String> {
    let tape = change(Tape::new("app").killed(From::Runtime).dies(1, 9));
    golden(name, tape.clone());
    let episode = episodes(&tape).pop().expect("one");
    assert_eq!(episode.state, crate::record::EpisodeState::Stuck);
    assert!(episode.ungraceful);
    let ids = episode.diagnoses.iter().map(|d| d.id.to_string());
    ids.filter(|id| id != "KILL_WITHOUT_STOP").collect()
}

#[test]
fn stuck_traced() {
    let ids = stuck("ZAP_WAIT_TRACED", |tape| {
        tape.signal_with(9, From::Of(Kind::Zap), 2, ZAPPED, |kill| {
            kill.target.ptraced = true;
        })
        .dies(2, 9)
        .zaps(&[])
    });
    assert_eq!(ids, ["ZAP_WAIT_TRACED"]);
}

#[test]
fn stuck_frozen() {
    let ids = stuck("ZAP_WAIT_FROZEN", |tape| {
        tape.signal_with(9, From::Of(Kind::Zap), 2, ZAPPED, |kill| {
            kill.target.frozen = Some(true);
        })
        .zaps(&[])
    });
    assert_eq!(ids, ["ZAP_WAIT_FROZEN"]);
}

#[test]
fn stuck_uninterruptible() {
    let ids = stuck("ZAP_WAIT_DSTATE", |tape| {
        tape.zaps(&[(2, false, false), (3, false, false)])
            .dies(3, 9)
    });
    assert_eq!(ids, ["ZAP_WAIT_DSTATE"]);
}

#[test]
fn stuck_injected() {
    let ids = stuck("ZAP_WAIT_INJECTED", |tape| {
        tape.zaps(&[(2, false, false)]).dies(2, 9)
    });
    assert_eq!(ids, ["ZAP_WAIT_INJECTED"]);
    let zombie = stuck("ZAP_WAIT_INJECTED_zombie", |tape| {
        tape.signal(
            9,
            From::Of(Kind::Zap),
            2,
            (Outcome::Dropped, Reason::TargetExiting),
        )
        .zaps(&[])
    });
    assert_eq!(zombie, ["ZAP_WAIT_INJECTED"]);
}

#[test]
fn stuck_reference() {
    let ids = stuck("ZAP_WAIT_PIDREF", |tape| tape.zaps(&[]));
    assert_eq!(ids, ["ZAP_WAIT_PIDREF"]);
}

#[test]
fn stuck_before_zap() {
    let ids = stuck("EXIT_BEFORE_ZAP_HANG", |tape| tape);
    assert_eq!(ids, ["EXIT_BEFORE_ZAP_HANG"]);
}

#[test]
fn frozen_v1() {
    let tape = Tape::new("app").signal(9, From::Runtime, 1, (Outcome::Queued, Reason::Frozen));
    assert_eq!(
        golden("FROZEN_V1", tape),
        ["FROZEN_V1", "KILL_WITHOUT_STOP"]
    );
}

#[test]
fn frozen_v2() {
    let tape = Tape::new("app").signal(15, From::Runtime, 1, (Outcome::Queued, Reason::Frozen));
    assert_eq!(
        golden("FROZEN_V2", killed(tape, &[])),
        ["FROZEN_V2", "GRACE_EXPIRED_KILL"]
    );
}

#[test]
fn stopped() {
    let tape = Tape::new("app").signal(15, From::Runtime, 1, (Outcome::Queued, Reason::Stopped));
    assert_eq!(
        golden("STOPPED", killed(tape, &[])),
        ["STOPPED", "GRACE_EXPIRED_KILL"]
    );
}

#[test]
fn traced() {
    let tape = Tape::new("app").signal(15, From::Runtime, 1, (Outcome::Queued, Reason::Ptrace));
    assert_eq!(
        golden("TRACED_INIT", killed(tape, &[])),
        ["TRACED_INIT", "GRACE_EXPIRED_KILL"]
    );
}

/// The main process is member 5 of a namespace whose init is another's.
fn guest(level: u32) -> Tape {
    let mut tape = Tape::new("pause")
        .named(5, "app")
        .named(6, "worker")
        .signal(
            15,
            From::Runtime,
            5,
            (Outcome::Fatal, Reason::DefaultTerminate),
        )
        .dies(5, 15)
        .signal(9, From::Runtime, 6, (Outcome::Fatal, Reason::Kill))
        .dies(6, 9);
    for record in &mut tape.records {
        let process = match record {
            Record::Signal(r) => &mut r.target.process,
            Record::Exit(r) => &mut r.process,
            _ => continue,
        };
        process.ns_level = Some(level);
        let own: &Container = process.container.as_ref().expect("of a container");
        let mut own = own.clone();
        own.init_pid = Some(31_154);
        process.container = Some(ContainerRef(own.into()));
    }
    tape
}

#[test]
fn shared_namespace() {
    assert_eq!(golden("SHARED_PIDNS", guest(1)), ["SHARED_PIDNS"]);
}

#[test]
fn host_namespace() {
    assert_eq!(golden("HOST_PIDNS", guest(0)), ["HOST_PIDNS"]);
}
