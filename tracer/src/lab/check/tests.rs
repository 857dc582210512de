use tracer_common::signals::{SIGKILL, SIGTERM};

use super::*;
use crate::lab::arena::Status;
use crate::lab::fixtures::{cast, deliver, process, signal, zap};
use crate::lab::scenario::Fate;

const DROPPED: (Outcome, Reason) = (Outcome::Dropped, Reason::UnkillableInit);

const SCENARIO: Scenario = Scenario {
    name: "test",
    title: "",
    summary: "",
    see: &[],
    prediction: "",
    setup: &[],
    steps: &[],
    expected: &[
        Expect::Signal {
            from: From::Process("shell"),
            to: "init.sh",
            signal: SIGTERM,
            outcome: Outcome::Dropped,
            reason: Reason::UnkillableInit,
            forced: false,
        },
        Expect::Fate {
            who: "init.sh",
            fate: Fate::Lives,
        },
    ],
    lesson: "",
    article: None,
    exercises: &[],
    functions: &[],
    also: 0,
};

fn judged(records: &[Record], seen: &[Seen]) -> Vec<Check> {
    check(
        &SCENARIO,
        &cast(&[("init.sh", 1), ("shell", 2)]),
        records,
        seen,
    )
}

fn sent(number: u32, decision: (Outcome, Reason)) -> Record {
    signal(
        0,
        number,
        process("shell", 2),
        process("init.sh", 1),
        decision,
        "",
    )
}

fn alive() -> Seen {
    Seen::Fate {
        who: "init.sh",
        status: Status::Alive,
    }
}

/// What was got, where it did not hold.
fn got(checks: &[Check]) -> Vec<&str> {
    checks.iter().filter_map(|c| c.got.as_deref()).collect()
}

#[test]
fn what_was_predicted_holds() {
    let checks = judged(&[sent(SIGTERM, DROPPED)], &[alive()]);
    assert_eq!(checks.len(), 3);
    assert!(checks.iter().all(|check| check.held), "{checks:?}");
}

#[test]
fn a_missing_record_or_witness_does_not() {
    assert_eq!(got(&judged(&[], &[])), [NOTHING, "nothing was heard of it"]);
}

#[test]
fn another_decision_is_named() {
    let other = sent(SIGTERM, (Outcome::Queued, Reason::Handler));
    assert_eq!(got(&judged(&[other], &[alive()])), ["queued (handler)"]);
}

#[test]
fn another_sender_and_another_force_are_named() {
    let mut record = signal(
        0,
        SIGTERM,
        process("host-shell", 0),
        process("init.sh", 1),
        DROPPED,
        "",
    );
    if let Record::Signal(r) = &mut record {
        r.forced = true;
    }
    let checks = judged(&[record], &[alive()]);
    assert_eq!(got(&checks), ["force yes, from somebody else"]);
}

#[test]
fn another_fate_is_named() {
    let dead = Seen::Fate {
        who: "init.sh",
        status: Status::Signaled {
            signal: 9,
            core: false,
        },
    };
    let checks = judged(&[sent(SIGTERM, DROPPED)], &[dead]);
    assert_eq!(got(&checks), ["it is ended by SIGKILL"]);
}

#[test]
fn what_nobody_predicted_counts_against_it() {
    let checks = judged(
        &[sent(SIGTERM, DROPPED), sent(SIGKILL, DROPPED)],
        &[alive()],
    );
    assert_eq!(
        got(&checks),
        ["also SIGKILL from shell to init.sh: dropped (unkillable_init)"]
    );
    let init = || process("init.sh", 1);
    let delivered = deliver(1, SIGTERM, init(), (Outcome::Handled, Reason::Handler));
    let checks = judged(&[sent(SIGTERM, DROPPED), delivered], &[alive()]);
    assert_eq!(got(&checks).len(), 1, "{checks:?}");
    let ended = zap(2, init(), &[process("shell", 2)]);
    let checks = judged(&[sent(SIGTERM, DROPPED), ended], &[alive()]);
    assert_eq!(
        got(&checks),
        [
            "also the end of init.sh's namespace: 1 killed, 1 of them with a SIGTERM handler that never ran"
        ]
    );
}

#[test]
fn the_sigkill_that_every_dying_thread_takes_is_no_news() {
    let group_exit = (Outcome::Fatal, Reason::GroupExit);
    let taken = deliver(1, SIGKILL, process("init.sh", 1), group_exit);
    assert!(got(&judged(&[sent(SIGTERM, DROPPED), taken], &[alive()])).is_empty());
}
