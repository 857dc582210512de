//! An init that blocks a signal it does not handle.

use tracer_common::signals::SIGTERM;

use super::terms::*;
use crate::lab::scenario::Scenario;

pub const SCENARIO: Scenario = Scenario {
    name: "blocked-init",
    title: "a container's PID 1 that blocks SIGTERM and has no handler",
    summary: "a blocked SIGTERM is kept, and vanishes when unblocked",
    see: &[
        "The first SIGTERM is queued, not dropped; the second merges with it.",
        "Unblocked, it leaves the queue and is dropped there.",
    ],
    prediction: "app is PID 1 of a container; it blocks SIGTERM and has no handler for it. A shell \
                 beside it sends SIGTERM twice: the first is queued, since a blocked signal is never \
                 dropped, and the second is one with the first. Then app unblocks SIGTERM: it is \
                 taken from the queue, and dropped there after all. app lives.",
    setup: &[
        host("host-shell"),
        init("app", "host-shell"),
        child("shell", "app"),
        block("app", SIGTERM),
    ],
    steps: &[
        kill("shell", "app", SIGTERM),
        kill("shell", "app", SIGTERM),
        unblock("app", SIGTERM),
    ],
    expected: &[
        from_inside("shell", "app", SIGTERM, BLOCKED),
        from_inside("shell", "app", SIGTERM, COALESCED),
        taken("app", SIGTERM, DROPPED_LATE),
        lives("app"),
    ],
    lesson: "There are two places where a signal for PID 1 vanishes: where it is sent, and, if it \
             was blocked then, where it is taken from the queue. A SIGTERM that shows as pending \
             (SigPnd, ShdPnd in /proc/PID/status) has therefore not arrived yet. Set the handler \
             before unblocking the signal, not after.",
    article: Some(
        "Often written: signals for which PID 1 has no handler are dropped. In truth: not while \
         they are blocked, waited for or traced. What is queued then is decided when it leaves \
         the queue, by what is set at that moment.",
    ),
    exercises: &[
        "The same for a process that is not PID 1: `sudo sigwhy lab run unblock`",
        "With a handler that is set in time: `sigwhy explain --signal TERM --init --blocked --handler handler`",
        "Blocked and then read, never delivered: `sudo sigwhy lab run sigwait-init`",
    ],
    functions: &["sig_ignored", "legacy_queue", "get_signal"],
    also: 0,
};
