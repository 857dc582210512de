//! An init that handles SIGTERM.

use tracer_common::signals::SIGTERM;

use crate::decide::{Outcome, Reason};
use crate::lab::scenario::{Expect, Fate, From, Scenario, Step};

pub const SCENARIO: Scenario = Scenario {
    name: "handler",
    title: "a container's PID 1 that handles SIGTERM",
    summary: "with a SIGTERM handler in PID 1, a stop takes milliseconds and is clean",
    see: &[],
    prediction: "server is PID 1 of a container and has a SIGTERM handler. A shell on the host \
                 sends it SIGTERM. The signal is queued, then delivered: the handler runs once, and \
                 server exits by itself with code 0.",
    setup: &[
        Step::Host { name: "host-shell" },
        Step::Init {
            name: "server",
            parent: "host-shell",
        },
        Step::Handle {
            who: "server",
            signal: SIGTERM,
        },
    ],
    steps: &[
        Step::Kill {
            from: "host-shell",
            to: "server",
            signal: SIGTERM,
        },
        Step::Settle { who: "server" },
        Step::Count {
            who: "server",
            signal: SIGTERM,
        },
        Step::Exit {
            who: "server",
            code: 0,
        },
        Step::Die { who: "server" },
    ],
    expected: &[
        Expect::Signal {
            from: From::Process("host-shell"),
            to: "server",
            signal: SIGTERM,
            outcome: Outcome::Queued,
            reason: Reason::Handler,
            forced: true,
        },
        Expect::Deliver {
            to: "server",
            signal: SIGTERM,
            outcome: Outcome::Handled,
            reason: Reason::Handler,
        },
        Expect::Handled {
            who: "server",
            signal: SIGTERM,
            times: 1,
        },
        Expect::Zap {
            init: "server",
            killed: 0,
            unheard: 0,
        },
        Expect::Fate {
            who: "server",
            fate: Fate::Exits(0),
        },
    ],
    lesson: "The kernel protects PID 1 only from signals whose action is the default. One handler \
             is all that a clean stop needs: signal.Notify in Go, process.on('SIGTERM') in Node.js, \
             trap in a shell. Mind that a shell runs its trap only when its foreground command has \
             ended: start that with & and wait for it, or replace the shell with exec.",
    article: None,
    exercises: &[],
    functions: &["sig_handler_ignored", "complete_signal", "get_signal"],
    also: 0,
};
