//! An init that waits for signals, as tini does.

use tracer_common::signals::SIGTERM;

use super::terms::*;
use crate::lab::scenario::{Scenario, Step};

pub const SCENARIO: Scenario = Scenario {
    name: "sigwait-init",
    title: "PID 1 waits for SIGTERM in sigwait, as tini does",
    summary: "sigwait in PID 1 takes SIGTERM without any handler",
    see: &[
        "No handler, and still the SIGTERM is queued.",
        "No HANDLED line follows: sigwait takes it, and nothing is delivered.",
    ],
    prediction: "app is PID 1 of a container; it has no SIGTERM handler, but waits for SIGTERM in \
                 sigwait, which is tini's way. A shell on the host sends it SIGTERM: it is queued, \
                 sigwait takes it from there, and so it is never delivered. app exits by itself \
                 with code 143.",
    setup: &[
        host("host-shell"),
        init("app", "host-shell"),
        Step::Sigwait {
            who: "app",
            signal: SIGTERM,
        },
    ],
    steps: &[
        kill("host-shell", "app", SIGTERM),
        awaken("app"),
        exit("app", BY_SIGTERM),
        die("app"),
    ],
    expected: &[
        from_outside("host-shell", "app", SIGTERM, AWAITED),
        took("app", SIGTERM),
        zap("app", 0, 0),
        exits("app", BY_SIGTERM),
    ],
    lesson: "Whoever waits for a signal in sigwait must have blocked it first, and a blocked one is \
             never dropped where it is sent: so PID 1 needs no handler. A signalfd works the same \
             way (systemd's). Neither leaves a signal_deliver event: a tracer that looks only for \
             that one would call this signal lost.",
    article: Some(
        "Often written: PID 1 gets a signal only if it has a handler for it. In truth: tini, \
         catatonit and systemd have none for SIGTERM, and get it: they block it and fetch it \
         from the queue.",
    ),
    exercises: &[
        "What /proc shows of such a process: `sudo sigwhy lab run masks`",
        "The whole of tini: `sudo sigwhy lab run tini`",
        "The tests with sigwait: `sigwhy explain --signal TERM --init --sigwait`",
    ],
    functions: &["sig_ignored", "do_sigtimedwait", "dequeue_signal"],
    also: 0,
};
