//! dumb-init: a session of its own for the child, and a last SIGTERM.

use tracer_common::signals::SIGTERM;

use super::programs::DUMB_INIT;
use super::terms::*;
use crate::lab::scenario::{Actor, Scenario, Step};

const INIT: Actor = "dumb-init";

pub const SCENARIO: Scenario = Scenario {
    name: "dumb-init",
    title: "dumb-init signals the group of its child, twice",
    summary: "a session for the child, and a SIGTERM for who is left",
    see: &[
        "app leads a session and a group of its own; worker is in it.",
        "worker's handler runs twice.",
    ],
    prediction: "dumb-init, played by an actor, is PID 1. It gave app a session of its own; worker, \
                 whose SIGTERM handler is slow, is in the group of app. On SIGTERM from the host \
                 dumb-init sends SIGTERM to that group, and app dies of it. dumb-init reaps app, \
                 sends SIGTERM to who is left in the group, and exits: worker, at work still, is \
                 killed.",
    setup: &[
        host("host-shell"),
        init(INIT, "host-shell"),
        handle_all(INIT, DUMB_INIT.caught),
        member("app", INIT),
        Step::SetSid { who: "app" },
        member("worker", "app"),
        handle("worker", SIGTERM),
        sigwait(INIT, DUMB_INIT.awaited),
    ],
    steps: &[
        kill("host-shell", INIT, SIGTERM),
        awaken(INIT),
        kill_group(INIT, "app", SIGTERM),
        die("app"),
        settle("worker"),
        reap(INIT, "app"),
        kill_group(INIT, "app", SIGTERM),
        settle("worker"),
        count("worker", SIGTERM),
        exit(INIT, BY_SIGTERM),
        die(INIT),
    ],
    expected: &[
        from_outside("host-shell", INIT, SIGTERM, AWAITED),
        took(INIT, SIGTERM),
        from_inside(INIT, "app", SIGTERM, TERMINATED),
        from_inside(INIT, "worker", SIGTERM, QUEUED),
        taken("worker", SIGTERM, HANDLED),
        killed_by("app", SIGTERM),
        from_inside(INIT, "worker", SIGTERM, QUEUED),
        taken("worker", SIGTERM, HANDLED),
        handled("worker", SIGTERM, 2),
        zapped(INIT, "worker"),
        zap(INIT, 1, 0),
        exits(INIT, BY_SIGTERM),
    ],
    lesson: "The group has its number from app, and keeps it after app is gone. The second SIGTERM \
             is for those who came late; a handler should therefore bear to be called twice. But \
             dumb-init waits for its child alone, so whoever is slower than app is killed. With \
             --single-child it signals app and no group.",
    article: Some(
        "Often written: dumb-init stops the whole process tree cleanly. In truth: when its child \
         has ended it sends SIGTERM to the group once more and exits at once. The kernel's \
         SIGKILL follows within a millisecond.",
    ),
    exercises: &[
        "An init that asks for a group but makes no session: `sudo sigwhy lab run tini-g`",
        "Why its handlers in SigCgt never run: `sudo sigwhy lab run masks`",
        "What ends those who are left: `sudo sigwhy lab run init-exits`",
    ],
    functions: &[
        "do_sigtimedwait",
        "__kill_pgrp_info",
        "zap_pid_ns_processes",
    ],
    also: 0,
};
