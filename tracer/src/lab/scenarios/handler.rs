//! An init that handles SIGTERM.

use tracer_common::signals::{SIGTERM, mask};

use super::terms::*;
use crate::lab::scenario::Scenario;

pub const SCENARIO: Scenario = Scenario {
    name: "handler",
    title: "a container's PID 1 that handles SIGTERM",
    summary: "one SIGTERM handler in PID 1: a stop takes milliseconds",
    see: &[
        "SigCgt has bit 15: 4000 in hexadecimal.",
        "The same SIGTERM that was dropped before is queued, then handled.",
    ],
    prediction: "server is PID 1 of a container and has a SIGTERM handler, as its SigCgt shows. A \
                 shell on the host sends it SIGTERM. The signal is queued, then delivered: the \
                 handler runs once, and server exits by itself with code 0.",
    setup: &[
        host("host-shell"),
        init("server", "host-shell"),
        handle("server", SIGTERM),
    ],
    steps: &[
        look("server"),
        kill("host-shell", "server", SIGTERM),
        settle("server"),
        count("server", SIGTERM),
        exit("server", 0),
        die("server"),
    ],
    expected: &[
        caught("server", mask(SIGTERM)),
        from_outside("host-shell", "server", SIGTERM, QUEUED),
        taken("server", SIGTERM, HANDLED),
        handled("server", SIGTERM, 1),
        zap("server", 0, 0),
        exits("server", 0),
    ],
    lesson: "The kernel protects PID 1 only from signals whose action is the default. One handler \
             is all that a clean stop needs: signal.Notify in Go, process.on('SIGTERM') in Node.js, \
             trap in a shell. Mind that a shell runs its trap only when its foreground command has \
             ended: start that with & and wait for it, or replace the shell with exec.",
    article: Some(
        "Often written: once a handler is registered, SIGTERM kills the init. In truth: nothing \
         kills it. The handler runs, and the program ends itself: the exit code is the \
         program's own, here 0, and not 143.",
    ),
    exercises: &[
        "A handler that is set too late: `sudo sigwhy lab run blocked-init`",
        "A handler that must wait, in bash: `sudo sigwhy lab run trap-deferred`",
        "From inside it works as well: `sigwhy explain --signal TERM --init --handler handler`",
    ],
    functions: &["sig_handler_ignored", "complete_signal", "get_signal"],
    also: 0,
};
