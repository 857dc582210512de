//! Ends that do not come, and containers without a namespace of their own.

use super::*;
use crate::record::{Container, ContainerRef};

const ZAPPED: (Outcome, Reason) = (Outcome::Fatal, Reason::Kill);

/// SIGKILL, and a zap that does not end. What it sends is for the caller.
fn stuck(change: impl FnOnce(Tape) -> Tape) -> Vec<String> {
    let tape = Tape::new("app").killed(From::Runtime).dies(1, 9);
    let episode = episodes(&change(tape)).pop().expect("one");
    assert_eq!(episode.state, crate::record::EpisodeState::Stuck);
    assert!(episode.ungraceful);
    let ids = episode.diagnoses.iter().map(|d| d.id.to_string());
    ids.filter(|id| id != "KILL_WITHOUT_STOP").collect()
}

#[test]
fn stuck_traced() {
    let ids = stuck(|tape| {
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
    let ids = stuck(|tape| {
        tape.signal_with(9, From::Of(Kind::Zap), 2, ZAPPED, |kill| {
            kill.target.frozen = Some(true);
        })
        .zaps(&[])
    });
    assert_eq!(ids, ["ZAP_WAIT_FROZEN"]);
}

#[test]
fn stuck_uninterruptible() {
    let ids = stuck(|tape| {
        tape.zaps(&[(2, false, false), (3, false, false)])
            .dies(3, 9)
    });
    assert_eq!(ids, ["ZAP_WAIT_DSTATE"]);
}

#[test]
fn stuck_injected() {
    let ids = stuck(|tape| tape.zaps(&[(2, false, false)]).dies(2, 9));
    assert_eq!(ids, ["ZAP_WAIT_INJECTED"]);
    let zombie = stuck(|tape| {
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
    assert_eq!(stuck(|tape| tape.zaps(&[])), ["ZAP_WAIT_PIDREF"]);
}

#[test]
fn stuck_before_zap() {
    assert_eq!(stuck(|tape| tape), ["EXIT_BEFORE_ZAP_HANG"]);
}

#[test]
fn frozen_v1() {
    let tape = Tape::new("app").signal(9, From::Runtime, 1, (Outcome::Queued, Reason::Frozen));
    assert_eq!(ids(tape), ["FROZEN_V1", "KILL_WITHOUT_STOP"]);
}

#[test]
fn frozen_v2() {
    let tape = Tape::new("app").signal(15, From::Runtime, 1, (Outcome::Queued, Reason::Frozen));
    assert_eq!(ids(killed(tape, &[])), ["FROZEN_V2", "GRACE_EXPIRED_KILL"]);
}

#[test]
fn stopped() {
    let tape = Tape::new("app").signal(15, From::Runtime, 1, (Outcome::Queued, Reason::Stopped));
    assert_eq!(ids(killed(tape, &[])), ["STOPPED", "GRACE_EXPIRED_KILL"]);
}

#[test]
fn traced() {
    let tape = Tape::new("app").signal(15, From::Runtime, 1, (Outcome::Queued, Reason::Ptrace));
    assert_eq!(
        ids(killed(tape, &[])),
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
    assert_eq!(ids(guest(1)), ["SHARED_PIDNS"]);
}

#[test]
fn host_namespace() {
    assert_eq!(ids(guest(0)), ["HOST_PIDNS"]);
}
