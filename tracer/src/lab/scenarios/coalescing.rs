//! A standard signal that is pending already.

use tracer_common::signals::{SIGHUP, mask};

use super::terms::*;
use crate::lab::scenario::{MaskSet, Scenario};

pub const SCENARIO: Scenario = Scenario {
    name: "coalescing",
    title: "four SIGHUP, two runs of the handler",
    summary: "three SIGHUP while one is pending are one",
    see: &[
        "kill(2) returns 0 every time, and two signals are gone.",
        "In /proc there is one bit, and no count.",
    ],
    prediction: "server is an ordinary process with a handler for SIGHUP (read the configuration \
                 again), and blocks it while it is busy. A shell sends three: the first is queued, \
                 the others are merged with it. Unblocked, the handler runs once. A fourth, sent when \
                 nothing is pending, makes it run again.",
    setup: &[
        host("host-shell"),
        init("init", "host-shell"),
        child("shell", "init"),
        child("server", "init"),
        handle("server", SIGHUP),
        block("server", SIGHUP),
    ],
    steps: &[
        kill("shell", "server", SIGHUP),
        kill("shell", "server", SIGHUP),
        kill("shell", "server", SIGHUP),
        look("server"),
        unblock("server", SIGHUP),
        count("server", SIGHUP),
        kill("shell", "server", SIGHUP),
        settle("server"),
        count("server", SIGHUP),
    ],
    expected: &[
        from_inside("shell", "server", SIGHUP, BLOCKED),
        from_inside("shell", "server", SIGHUP, COALESCED),
        from_inside("shell", "server", SIGHUP, COALESCED),
        masks("server", MaskSet::Pending, mask(SIGHUP)),
        taken("server", SIGHUP, HANDLED),
        handled("server", SIGHUP, 1),
        from_inside("shell", "server", SIGHUP, QUEUED),
        taken("server", SIGHUP, HANDLED),
        handled("server", SIGHUP, 2),
        lives("server"),
    ],
    lesson: "Signals 1 to 31 are bits in a set, so the second of a kind finds its bit taken \
             (legacy_queue) and is gone, with its sender's pid. Nothing is lost if the signal means \
             look again: what counts is that one run of the handler begins after the last signal. \
             Never count with them.",
    article: Some(
        "Often written: signals are queued, as messages are. In truth: only those from SIGRTMIN \
         on. The others are flags that several senders raise, and that are lowered once.",
    ),
    exercises: &[
        "Those that are queued: `sudo sigwhy lab run realtime`",
        "Where it costs most, SIGCHLD: `sudo sigwhy lab run zombies`",
        "The test that merges: `sigwhy explain --signal HUP --blocked --pending`",
    ],
    functions: &["legacy_queue", "collect_signal", "get_signal"],
    also: 0,
};
