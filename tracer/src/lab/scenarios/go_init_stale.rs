//! The init in Go again: two variables that are older than the signal.

use tracer_common::signals::{SIGHUP, SIGTTOU, mask};

use super::programs::GO_NOTIFIED;
use super::terms::*;
use crate::lab::scenario::{Actor, Scenario, Step};

const INIT: Actor = "init-proc";

/// SIGRTMIN+3, the stop signal of systemd's images.
const HALT: u32 = 37;

const _: () =
    assert!(GO_NOTIFIED.caught & mask(SIGTTOU) != 0 && GO_NOTIFIED.caught & mask(HALT) != 0);

pub const SCENARIO: Scenario = Scenario {
    name: "go-init-stale",
    title: "the same init in Go: kill(-1), and the signal before",
    summary: "an early SIGHUP for everybody, and the wrong signal",
    see: &[
        "One SIGHUP to init-proc, and health is dead: kill(-1).",
        "Then SIGTTOU and SIGRTMIN+3 to init-proc: both are SIGHUP to app.",
    ],
    prediction: "init-proc, played by an actor, is PID 1 and asked for every signal. A SIGHUP comes \
                 while it starts app, and its variable for app's number is still -1: kill(-1, \
                 SIGHUP) reaches app, and health, put in by docker exec, dies. Later SIGTTOU comes, \
                 and SIGRTMIN+3. Its switch knows neither, and so it sends what it sent last: \
                 SIGHUP, twice.",
    setup: &[
        host("host-shell"),
        init(INIT, "host-shell"),
        handle_all(INIT, GO_NOTIFIED.caught),
        Step::Inject {
            name: "health",
            parent: "host-shell",
            inside: INIT,
        },
        child("app", INIT),
        handle("app", SIGHUP),
    ],
    steps: &[
        look(INIT),
        kill("host-shell", INIT, SIGHUP),
        settle(INIT),
        kill_all(INIT, SIGHUP),
        die("health"),
        reap("host-shell", "health"),
        settle("app"),
        kill("host-shell", INIT, SIGTTOU),
        settle(INIT),
        kill(INIT, "app", SIGHUP),
        settle("app"),
        kill("host-shell", INIT, HALT),
        settle(INIT),
        kill(INIT, "app", SIGHUP),
        settle("app"),
        count("app", SIGHUP),
    ],
    expected: &[
        caught(INIT, GO_NOTIFIED.caught),
        from_outside("host-shell", INIT, SIGHUP, QUEUED),
        taken(INIT, SIGHUP, HANDLED),
        from_inside(INIT, "app", SIGHUP, QUEUED),
        from_inside(INIT, "health", SIGHUP, TERMINATED),
        taken("app", SIGHUP, HANDLED),
        killed_by("health", SIGHUP),
        from_outside("host-shell", INIT, SIGTTOU, QUEUED),
        taken(INIT, SIGTTOU, HANDLED),
        from_inside(INIT, "app", SIGHUP, QUEUED),
        taken("app", SIGHUP, HANDLED),
        from_outside("host-shell", INIT, HALT, QUEUED),
        taken(INIT, HALT, HANDLED),
        from_inside(INIT, "app", SIGHUP, QUEUED),
        taken("app", SIGHUP, HANDLED),
        handled("app", SIGHUP, 3),
        lives("app"),
        lives(INIT),
    ],
    lesson: "The published program has `pid := -1` until Start() returns, and `sigToSend` outside of \
             its loop, SIGHUP at first, with a switch that has no default. Start the child first, \
             then call Notify, and with the signals that you mean. Had the SIGRTMIN+3 been a stop \
             (STOPSIGNAL), app would have reloaded, and been killed ten seconds later.",
    article: Some(
        "Often written: it simply switches on all the signals Go supports. In truth: SIGTTOU is \
         commented out, real-time signals have no names there, and with Notify for all they come \
         nonetheless. kill(-1) of PID 1 is everybody in the container but itself.",
    ),
    exercises: &[
        "Its other mistakes: `sudo sigwhy lab run go-init-proc`",
        "Whom kill(-1) leaves out: `sudo sigwhy lab run never-generated`",
        "Without Notify SIGTTOU is dropped: `sigwhy explain --signal TTOU --init --from host`",
    ],
    functions: &["kill_something_info", "sig_handler_ignored", "get_signal"],
    also: 0,
};
