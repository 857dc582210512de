//! tini with one child and one grandchild.

use tracer_common::signals::{SIGTERM, SIGTTIN, SIGTTOU};

use super::programs::TINI;
use super::terms::*;
use crate::lab::scenario::Scenario;

pub const SCENARIO: Scenario = Scenario {
    name: "tini",
    title: "tini passes SIGTERM to its child, and to nobody else",
    summary: "the child hears of the stop, the grandchild does not",
    see: &[
        "tini takes SIGTERM in sigwait and sends one of its own to app.",
        "worker becomes tini's child, and dies with it, unheard.",
    ],
    prediction: "tini, played by an actor, is PID 1, app its child, and worker the child of app, \
                 with a SIGTERM handler. The host sends tini SIGTERM: sigwait takes it, and tini \
                 sends SIGTERM to app, which dies of it. tini reaps app and exits with 143, as app \
                 ended. worker has heard of nothing, and is killed by the end of the namespace.",
    setup: &[
        host("host-shell"),
        init("tini", "host-shell"),
        ignore("tini", SIGTTIN),
        ignore("tini", SIGTTOU),
        child("app", "tini"),
        member("worker", "app"),
        handle("worker", SIGTERM),
        sigwait("tini", TINI.awaited),
    ],
    steps: &[
        kill("host-shell", "tini", SIGTERM),
        awaken("tini"),
        kill("tini", "app", SIGTERM),
        die("app"),
        peek("worker"),
        reap("tini", "app"),
        count("worker", SIGTERM),
        exit("tini", BY_SIGTERM),
        die("tini"),
    ],
    expected: &[
        from_outside("host-shell", "tini", SIGTERM, AWAITED),
        took("tini", SIGTERM),
        from_inside("tini", "app", SIGTERM, TERMINATED),
        killed_by("app", SIGTERM),
        parent("worker", "tini"),
        handled("worker", SIGTERM, 0),
        zapped("tini", "worker"),
        zap("tini", 1, 1),
        exits("tini", BY_SIGTERM),
    ],
    lesson: "The stop is quick and looks clean: 143, no SIGKILL from docker. But tini calls \
             kill(child) and waits for that child only. If your app is a shell script that starts \
             the server, the script hears SIGTERM, and the server is the worker here. Use tini -g, \
             or let the script end with exec.",
    article: Some(
        "Often written: tini forwards signals to all processes in the container. In truth: to the \
         one child that it started. Adopted orphans are reaped, but hear of no signal; -g reaches \
         the process group of that child, and no further.",
    ),
    exercises: &[
        "The same with -g: `sudo sigwhy lab run tini-g`",
        "To the group, and once more in the end: `sudo sigwhy lab run dumb-init`",
        "Why app dies where tini would not: `sigwhy explain --signal TERM`",
    ],
    functions: &["do_sigtimedwait", "kill_pid_info", "zap_pid_ns_processes"],
    also: 0,
};
