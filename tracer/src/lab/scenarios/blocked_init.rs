//! An init that blocks a signal it does not handle.

use tracer_common::signals::SIGTERM;

use crate::decide::{Outcome, Reason};
use crate::lab::scenario::{Expect, Fate, From, Scenario, Step};

pub const SCENARIO: Scenario = Scenario {
    name: "blocked-init",
    title: "a container's PID 1 that blocks SIGTERM and has no handler",
    summary: "a blocked SIGTERM is queued, and still vanishes when PID 1 unblocks it",
    see: &[],
    prediction: "app is PID 1 of a container; it blocks SIGTERM and has no handler for it. A shell \
                 beside it sends SIGTERM twice: the first is queued, since a blocked signal is never \
                 dropped, and the second is one with the first. Then app unblocks SIGTERM: it is \
                 taken from the queue, and dropped there after all. app lives.",
    setup: &[
        Step::Host { name: "host-shell" },
        Step::Init {
            name: "app",
            parent: "host-shell",
        },
        Step::Child {
            name: "shell",
            parent: "app",
        },
        Step::Block {
            who: "app",
            signal: SIGTERM,
        },
    ],
    steps: &[
        Step::Kill {
            from: "shell",
            to: "app",
            signal: SIGTERM,
        },
        Step::Kill {
            from: "shell",
            to: "app",
            signal: SIGTERM,
        },
        Step::Unblock {
            who: "app",
            signal: SIGTERM,
        },
    ],
    expected: &[
        Expect::Signal {
            from: From::Process("shell"),
            to: "app",
            signal: SIGTERM,
            outcome: Outcome::Queued,
            reason: Reason::Blocked,
            forced: false,
        },
        Expect::Signal {
            from: From::Process("shell"),
            to: "app",
            signal: SIGTERM,
            outcome: Outcome::Coalesced,
            reason: Reason::AlreadyPending,
            forced: false,
        },
        Expect::Deliver {
            to: "app",
            signal: SIGTERM,
            outcome: Outcome::Dropped,
            reason: Reason::UnkillableInitAtDequeue,
        },
        Expect::Fate {
            who: "app",
            fate: Fate::Lives,
        },
    ],
    lesson: "There are two places where a signal for PID 1 vanishes: where it is sent, and, if it \
             was blocked then, where it is taken from the queue. A SIGTERM that shows as pending \
             (SigPnd, ShdPnd in /proc/PID/status) has therefore not arrived yet. Set the handler \
             before unblocking the signal, not after.",
    article: None,
    exercises: &[],
    functions: &["sig_ignored", "legacy_queue", "get_signal"],
    also: 0,
};
