//! An init that waits for signals, as tini does.

use tracer_common::signals::SIGTERM;

use crate::decide::{Outcome, Reason};
use crate::lab::scenario::{Expect, Fate, From, Scenario, Step};

/// What a shell and tini make of an end by SIGTERM: 128 + 15.
const CODE: u8 = 128 + SIGTERM as u8;

pub const SCENARIO: Scenario = Scenario {
    name: "sigwait-init",
    title: "a container's PID 1 that waits for SIGTERM in sigwait, as tini does",
    summary: "sigwait in PID 1 takes SIGTERM without a handler, and nothing is delivered",
    see: &[],
    prediction: "app is PID 1 of a container; it has no SIGTERM handler, but waits for SIGTERM in \
                 sigwait, which is tini's way. A shell on the host sends it SIGTERM: it is queued, \
                 sigwait takes it from there, and so it is never delivered. app exits by itself \
                 with code 143.",
    setup: &[
        Step::Host { name: "host-shell" },
        Step::Init {
            name: "app",
            parent: "host-shell",
        },
        Step::Sigwait {
            who: "app",
            signal: SIGTERM,
        },
    ],
    steps: &[
        Step::Kill {
            from: "host-shell",
            to: "app",
            signal: SIGTERM,
        },
        Step::Awaken { who: "app" },
        Step::Exit {
            who: "app",
            code: CODE,
        },
        Step::Die { who: "app" },
    ],
    expected: &[
        Expect::Signal {
            from: From::Process("host-shell"),
            to: "app",
            signal: SIGTERM,
            outcome: Outcome::Queued,
            reason: Reason::Sigwait,
            forced: true,
        },
        Expect::Took {
            who: "app",
            signal: SIGTERM,
        },
        Expect::Zap {
            init: "app",
            killed: 0,
            unheard: 0,
        },
        Expect::Fate {
            who: "app",
            fate: Fate::Exits(CODE),
        },
    ],
    lesson: "Whoever waits for a signal in sigwait has blocked it first, and a blocked signal is \
             never dropped where it is sent: so PID 1 needs no handler. A signalfd works the same \
             way (systemd's). Neither leaves a signal_deliver event: a tracer that looks only for \
             that one would call this signal lost.",
    article: None,
    exercises: &[],
    functions: &["sig_ignored", "do_sigtimedwait", "dequeue_signal"],
    also: 0,
};
