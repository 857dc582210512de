//! A trap in bash, which waits for the command in the foreground.

use tracer_common::signals::{SIGCHLD, SIGINT, SIGKILL, SIGTERM};

use super::terms::*;
use crate::lab::scenario::{Scenario, Step};

pub const SCENARIO: Scenario = Scenario {
    name: "trap-deferred",
    title: "trap 'exit 0' TERM, with sleep in the foreground or with wait",
    summary: "the handler runs at once, the trap after the command",
    see: &[
        "Both get HANDLED: the kernel has done its part.",
        "One shell exits at once. The other goes on waiting for its sleep.",
    ],
    prediction: "Two scripts, played by actors, have trap 'exit 0' TERM and are PID 1. bash-wait \
                 runs its sleep with & and waits: on SIGTERM its handler runs, the trap with it, \
                 exit 0. bash runs sleep in the foreground: its handler runs just as soon, but only \
                 notes the signal. The grace period passes, and SIGKILL ends both bash and sleep.",
    setup: &[
        host("host-shell"),
        init("bash-wait", "host-shell"),
        handle("bash-wait", SIGINT),
        handle("bash-wait", SIGCHLD),
        handle("bash-wait", SIGTERM),
        child("sleep-bg", "bash-wait"),
        init("bash", "host-shell"),
        handle("bash", SIGINT),
        handle("bash", SIGCHLD),
        handle("bash", SIGTERM),
        child("sleep", "bash"),
    ],
    steps: &[
        kill("host-shell", "bash-wait", SIGTERM),
        settle("bash-wait"),
        count("bash-wait", SIGTERM),
        exit("bash-wait", 0),
        die("bash-wait"),
        kill("host-shell", "bash", SIGTERM),
        settle("bash"),
        count("bash", SIGTERM),
        Step::Grace,
        kill("host-shell", "bash", SIGKILL),
        die("bash"),
    ],
    expected: &[
        from_outside("host-shell", "bash-wait", SIGTERM, QUEUED),
        taken("bash-wait", SIGTERM, HANDLED),
        handled("bash-wait", SIGTERM, 1),
        zapped("bash-wait", "sleep-bg"),
        zap("bash-wait", 1, 0),
        exits("bash-wait", 0),
        from_outside("host-shell", "bash", SIGTERM, QUEUED),
        taken("bash", SIGTERM, HANDLED),
        handled("bash", SIGTERM, 1),
        from_outside("host-shell", "bash", SIGKILL, FORCED),
        zapped("bash", "sleep"),
        zap("bash", 1, 0),
        killed_by("bash", SIGKILL),
    ],
    lesson: "A trap is no signal handler. The handler is a C function in bash that sets a flag; \
             the trap runs when bash comes to look at it, after the command in the foreground. \
             wait is the builtin that a trapped signal interrupts: start the server with &, \
             pass the signal on in the trap, and wait for it.",
    article: Some(
        "Often written: add a trap for SIGTERM to the entrypoint, and docker stop works. In \
         truth: not while the script runs a command in the foreground. SigCgt has bit 15, the \
         signal is handled, and the ten seconds pass all the same.",
    ),
    exercises: &[
        "Less patience: `sudo sigwhy lab run trap-deferred --grace 0`",
        "A real bash that is late: `time bash -c 'trap exit TERM; (sleep 1; kill $$) & sleep 3; echo no'`",
        "And one in time: `time bash -c 'trap exit TERM; (sleep 1; kill $$) & sleep 3 & wait'`",
    ],
    functions: &["sig_handler_ignored", "get_signal", "zap_pid_ns_processes"],
    also: 0,
};
