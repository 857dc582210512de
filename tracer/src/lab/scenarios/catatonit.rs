//! catatonit, which reads its signals from a signalfd.

use tracer_common::signals::SIGTERM;

use super::programs::CATATONIT;
use super::terms::*;
use crate::lab::scenario::{MaskSet, Scenario};

/// What app exits with.
const CODE: u8 = 3;

pub const SCENARIO: Scenario = Scenario {
    name: "catatonit",
    title: "catatonit reads SIGTERM from a signalfd and passes it on",
    summary: "a signalfd reads SIGTERM, and the exit code is passed on",
    see: &[
        "SigBlk is nearly full: what is read from a signalfd is blocked.",
        "The exit code of app is that of the container.",
    ],
    prediction: "catatonit, played by an actor, is PID 1; it blocks nearly everything and reads it \
                 from a signalfd. SIGTERM from the host is queued, since it is blocked, and read: \
                 nothing is delivered. catatonit sends SIGTERM to app, whose handler runs; app \
                 exits with 3, and so does catatonit. Nobody is killed.",
    setup: &[
        host("host-shell"),
        init("catatonit", "host-shell"),
        child("app", "catatonit"),
        handle("app", SIGTERM),
        signalfd("catatonit", CATATONIT.blocked),
    ],
    steps: &[
        look("catatonit"),
        kill("host-shell", "catatonit", SIGTERM),
        awaken("catatonit"),
        kill("catatonit", "app", SIGTERM),
        settle("app"),
        count("app", SIGTERM),
        exit("app", CODE),
        die("app"),
        reap("catatonit", "app"),
        exit("catatonit", CODE),
        die("catatonit"),
    ],
    expected: &[
        masks("catatonit", MaskSet::Blocked, CATATONIT.blocked),
        caught("catatonit", CATATONIT.caught),
        from_outside("host-shell", "catatonit", SIGTERM, BLOCKED),
        took("catatonit", SIGTERM),
        from_inside("catatonit", "app", SIGTERM, QUEUED),
        taken("app", SIGTERM, HANDLED),
        handled("app", SIGTERM, 1),
        exits("app", CODE),
        zap("catatonit", 0, 0),
        exits("catatonit", CODE),
    ],
    lesson: "This is a clean stop: the signal reached the one who can act on it, that one ended by \
             itself, and the init told its exit code. systemd and s6 read signals in the same way. \
             For the kernel such a signal is only blocked: when, or whether, it is read leaves no \
             event.",
    article: Some(
        "Often written: a process that blocks SIGTERM cannot be stopped by it. In truth: to block \
         is how an init keeps a signal to read it in its own time.",
    ),
    exercises: &[
        "The same in sigwait, and SigBlk is 0: `sudo sigwhy lab run sigwait-init`",
        "Blocked and never read: `sudo sigwhy lab run blocked-init`",
        "An init that passes on too much: `sudo sigwhy lab run go-init-proc`",
    ],
    functions: &["sig_ignored", "signalfd_dequeue", "dequeue_signal"],
    also: 0,
};
