//! Waiting, queueing, coming from outside, and asking the model.

use super::*;

#[test]
fn who_waits_takes_and_who_is_queued_counts() {
    const SCENARIO: Scenario = scenario(
        &[
            HOST,
            INIT,
            child("reader"),
            child("full"),
            Step::SigwaitSet {
                who: "init",
                mask: bit(INT) | bit(TERM),
            },
            Step::Signalfd {
                who: "reader",
                signals: bit(USR1),
            },
            Step::Block {
                who: "full",
                signal: RTMIN,
            },
            // Of its own user: nobody else's signals count.
            Step::SetUid {
                who: "full",
                uid: 64_999,
            },
            Step::LimitPending {
                who: "full",
                count: 1,
            },
        ],
        &[
            kill("host", "init", TERM),
            Step::Awaken { who: "init" },
            Step::SigwaitSet {
                who: "init",
                mask: bit(INT) | bit(TERM),
            },
            kill("host", "init", INT),
            Step::Awaken { who: "init" },
            kill("host", "reader", USR1),
            Step::Awaken { who: "reader" },
            Step::Queue {
                from: "host",
                to: "full",
                signal: RTMIN,
                fails: None,
            },
            Step::Queue {
                from: "host",
                to: "full",
                signal: RTMIN,
                fails: Some(libc::EAGAIN),
            },
        ],
        &[],
    );
    let (seen, told) = performed(&SCENARIO);
    let took: Vec<_> = seen
        .iter()
        .filter_map(|seen| match seen {
            Seen::Took { who, signal } => Some((*who, *signal)),
            _ => None,
        })
        .collect();
    let expected = [
        ("init", Some(TERM)),
        ("init", Some(INT)),
        ("reader", Some(USR1)),
    ];
    assert_eq!(took, expected);
    assert!(
        told.last().is_some_and(|t| t.ends_with(": EAGAIN")),
        "{told:?}"
    );
}

#[test]
fn who_comes_from_outside_stays_a_child_of_the_outside() {
    const SCENARIO: Scenario = scenario(
        &[HOST, INIT],
        &[
            Step::Inject {
                name: "exec",
                parent: "host",
                inside: "init",
            },
            Step::Peek { who: "exec" },
            kill("exec", "init", TERM),
            Step::Settle { who: "init" },
            kill("host", "init", KILL),
            // The init does not end before its namespace is empty.
            Step::Reap {
                who: "host",
                child: "exec",
            },
            Step::Die { who: "init" },
        ],
        &[fate("exec", Fate::KilledBy(KILL))],
    );
    let (seen, told) = performed(&SCENARIO);
    let peeked = Seen::Peeked {
        who: "exec",
        state: 'S',
        parent: Some("host"),
    };
    assert_eq!(seen[0], peeked);
    assert_eq!(told[0], "host starts exec inside of the container of init");
    assert!(told.contains(&"exec calls kill(1, SIGTERM)".to_owned()));
    // The end of a namespace kills it like everybody else in there.
    let killed = Status::Signaled {
        signal: 9,
        core: false,
    };
    assert_eq!(status(&seen, "exec"), Some(killed));
}

#[test]
fn the_model_is_asked_and_nothing_is_sent() {
    const QUESTION: Question = Question::new(
        KILL,
        explain::From::Inside,
        Target::GlobalInit,
        Set::Default,
    );
    const SCENARIO: Scenario = scenario(&[], &[Step::Consult { question: QUESTION }], &[]);
    let (seen, told) = performed(&SCENARIO);
    let foreseen = Seen::Foreseen {
        question: QUESTION,
        outcome: Outcome::Dropped,
        reason: Reason::GlobalInit,
        forced: false,
    };
    assert_eq!(seen, [foreseen]);
    assert!(told[0].contains("the machine's own PID 1"), "{told:?}");
}
