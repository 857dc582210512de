//! An init in Go that forwards whatever it gets: SIGCHLD and SIGURG too.

use tracer_common::signals::{SIGCHLD, SIGTERM, SIGURG, mask};

use super::programs::GO_NOTIFIED;
use super::terms::*;
use crate::lab::scenario::{Actor, Scenario};

const INIT: Actor = "init-proc";

/// What a Go program exits with when it panics.
const PANIC: u8 = 2;

pub const SCENARIO: Scenario = Scenario {
    name: "go-init-proc",
    title: "an init of one's own in Go, which forwards every signal",
    summary: "forwarding SIGURG and SIGCHLD, and a lost exit code",
    see: &[
        "SIGURG, which Go's runtime sends to itself, is forwarded.",
        "So is SIGCHLD: app is told of a child that it never had.",
        "app died of SIGTERM, and the container's exit code is 2.",
    ],
    prediction: "init-proc, played by an actor, is PID 1 and forwards all it gets to app. A SIGURG \
                 of its own runtime: nothing to app. An orphan ends: init-proc reaps it and \
                 forwards SIGCHLD, and app's handler runs for nothing. SIGTERM: app dies, wait4(-1) \
                 reaps it, and then there is nobody to wait for (ECHILD): init-proc panics, exit \
                 code 2.",
    setup: &[
        host("host-shell"),
        init(INIT, "host-shell"),
        handle_all(INIT, GO_NOTIFIED.caught),
        child("app", INIT),
        handle("app", SIGCHLD),
        child("orphan", INIT),
    ],
    steps: &[
        raise(INIT, SIGURG),
        kill(INIT, "app", SIGURG),
        exit("orphan", 0),
        die("orphan"),
        settle(INIT),
        reap(INIT, "orphan"),
        kill(INIT, "app", SIGCHLD),
        count("app", SIGCHLD),
        kill("host-shell", INIT, SIGTERM),
        settle(INIT),
        kill(INIT, "app", SIGTERM),
        die("app"),
        settle(INIT),
        reap(INIT, "app"),
        exit(INIT, PANIC),
        die(INIT),
    ],
    expected: &[
        from_inside(INIT, INIT, SIGURG, QUEUED),
        taken(INIT, SIGURG, HANDLED),
        from_inside(INIT, "app", SIGURG, NO_ACTION),
        of_child("orphan", INIT, QUEUED),
        taken(INIT, SIGCHLD, HANDLED),
        exits("orphan", 0),
        from_inside(INIT, "app", SIGCHLD, QUEUED),
        taken("app", SIGCHLD, HANDLED),
        handled("app", SIGCHLD, 1),
        from_outside("host-shell", INIT, SIGTERM, QUEUED),
        taken(INIT, SIGTERM, HANDLED),
        from_inside(INIT, "app", SIGTERM, TERMINATED),
        of_child("app", INIT, QUEUED),
        taken(INIT, SIGCHLD, HANDLED),
        killed_by("app", SIGTERM),
        zap(INIT, 0, 0),
        of_child(INIT, "host-shell", NO_ACTION),
        exits(INIT, PANIC),
    ],
    lesson: "Forward what is meant for the app (TERM, INT, HUP, QUIT, USR1, USR2, WINCH), not what \
             tells the init about itself: SIGCHLD, SIGURG, SIGPIPE. And let one place only wait: if \
             wait4(-1) and cmd.Wait() race for the same child, one gets its exit status, the other \
             ECHILD.",
    article: Some(
        "Often written: register for all signals and kill() them through to the child. In truth: \
         Go has sent itself SIGURG since 1.14 to preempt goroutines, and SIGCHLD is about the \
         init's own children. One published init has both mistakes, and two more: go-init-stale.",
    ),
    exercises: &[
        "Why SIGURG does nothing to app: `sigwhy explain --signal URG`",
        "An init that chooses: `sudo sigwhy lab run catatonit`",
        "Its two variables that are out of date: `sudo sigwhy lab run go-init-stale`",
        "What Go does without Notify: `sudo sigwhy lab run go-init`",
    ],
    functions: &[
        "sig_handler_ignored",
        "do_notify_parent",
        "wait_consider_task",
    ],
    also: mask(SIGCHLD) | mask(SIGURG),
};
