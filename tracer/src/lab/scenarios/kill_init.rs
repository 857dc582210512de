//! `kill 1` and `kill -9 1` inside a container.

use tracer_common::signals::{SIGKILL, SIGTERM};

use crate::decide::{Outcome, Reason};
use crate::lab::scenario::{Expect, Fate, From, Scenario, Step};

pub const SCENARIO: Scenario = Scenario {
    name: "kill-init",
    title: "kill 1 and kill -9 1, inside a container",
    summary: "inside a container, neither kill 1 nor kill -9 1 ends PID 1",
    see: &[],
    prediction: "init.sh is PID 1 of a container and, like most shell scripts, has no SIGTERM \
                 handler. A shell beside it calls kill for it, with SIGTERM and then with SIGKILL. \
                 Both calls succeed; the kernel drops both signals, and init.sh lives.",
    setup: &[
        Step::Host { name: "host-shell" },
        Step::Init {
            name: "init.sh",
            parent: "host-shell",
        },
        Step::Child {
            name: "shell",
            parent: "init.sh",
        },
    ],
    steps: &[
        Step::Kill {
            from: "shell",
            to: "init.sh",
            signal: SIGTERM,
        },
        Step::Kill {
            from: "shell",
            to: "init.sh",
            signal: SIGKILL,
        },
        Step::Settle { who: "init.sh" },
    ],
    expected: &[
        Expect::Signal {
            from: From::Process("shell"),
            to: "init.sh",
            signal: SIGTERM,
            outcome: Outcome::Dropped,
            reason: Reason::UnkillableInit,
            forced: false,
        },
        Expect::Signal {
            from: From::Process("shell"),
            to: "init.sh",
            signal: SIGKILL,
            outcome: Outcome::Dropped,
            reason: Reason::UnkillableInit,
            forced: false,
        },
        Expect::Fate {
            who: "init.sh",
            fate: Fate::Lives,
        },
    ],
    lesson: "The kernel marks the init of a PID namespace SIGNAL_UNKILLABLE: what it does not \
             handle is dropped, and from inside even SIGKILL is. kill(2) returns 0 all the same. \
             To end a container from inside, give its PID 1 a SIGTERM handler (in a script: \
             trap 'exit 0' TERM), or a real init as PID 1 (docker run --init).",
    article: None,
    exercises: &[],
    functions: &["prepare_signal", "sig_ignored", "sig_task_ignored"],
    also: 0,
};
